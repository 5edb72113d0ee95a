"""A CSV file, row by row. What is malformed costs its own row and no other, and no row is held but the one at hand.

Source: RFC 4180, read strictly. Beyond it: any one-character delimiter, line feeds alone, and empty lines, which are
passed over.

A row ends at the first line feed before which the quotes are even. That is where the care is, because what stands
inside a quoted cell may have been written by anybody and must never be read as a row of its own:

- A row that is well formed but too long is refused as a whole, up to the line on which it ends.
- A quote that nobody closes is a mistake in its own line; the lines after it are read afresh. What a correct writer
  wrote never looks like this.
"""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

ROW_BYTES_MAX = 1_048_576
"""A row of more is refused. No field that can be said is longer than 4,000 characters."""

_QUOTE = b'"'
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Row:
    """One row."""

    line: int
    """The line on which it begins, counted from 1 as an editor counts them."""
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Malformed:
    """Something that is no row."""

    line: int
    reason: str
    """Holds nothing of what stands there."""


def read_rows(file: BinaryIO, encoding: str, delimiter: str) -> Iterator[Row | Malformed]:
    """The rows of a file, from its beginning; the header is the first.

    Args:
        file: Seekable.
        encoding: One in which ASCII is ASCII; see `is_readable`.
        delimiter: One character.
    """
    line, begin = 1, len(_BYTE_ORDER_MARK) if file.read(len(_BYTE_ORDER_MARK)) == _BYTE_ORDER_MARK else 0
    while True:
        file.seek(begin)
        record = _next_record(file)
        if record is None:
            return
        row = None if record.text is None else _parse(line, record.text, encoding, delimiter)
        if record.is_open or (isinstance(row, Malformed) and record.lines > 1 and row.reason == _NOT_CSV):
            row, begin, line_after = Malformed(line, _OPEN_QUOTE), record.after_first_line, line + 1
        else:
            begin, line_after = record.after, line + record.lines
        if record.text is None and not record.is_open:
            row = Malformed(line, f"too long: it ends on line {line_after - 1}")
        if row is not None:
            yield row
        line = line_after


def is_readable(encoding: str) -> bool:
    """Whether a file in this encoding can be cut at line feeds and quotes before it is decoded."""
    ascii_only = bytes(range(128))
    try:
        return ascii_only.decode(encoding) == ascii_only.decode("ascii")
    except (LookupError, UnicodeError):
        return False


_NOT_CSV = "not CSV"
_OPEN_QUOTE = "a quote that is not closed"


@dataclass(frozen=True, slots=True)
class _Record:
    text: bytes | None
    """None if it is too long."""
    lines: int
    after: int
    after_first_line: int
    is_open: bool
    """Whether the file ends inside a quoted cell."""


def _next_record(file: BinaryIO) -> _Record | None:
    kept: list[bytes] = []
    lines = quotes = size = 0
    after_first_line = None
    while piece := file.readline(ROW_BYTES_MAX):
        quotes += piece.count(_QUOTE)
        size += len(piece)
        if size <= ROW_BYTES_MAX:
            kept.append(piece)
        if not piece.endswith(b"\n"):
            continue  # a line of several pieces, or the last one
        lines += 1
        after_first_line = after_first_line or file.tell()
        if quotes % 2 == 0:
            break
    if size == 0:
        return None
    text = b"".join(kept) if size <= ROW_BYTES_MAX else None
    after = file.tell()
    return _Record(text, max(lines, 1), after, after_first_line or after, quotes % 2 == 1)


def _parse(line: int, record: bytes, encoding: str, delimiter: str) -> Row | Malformed | None:
    # What cannot be decoded becomes lone surrogates, so that it costs a row and not the place where the row ends.
    text = record.decode(encoding, "surrogateescape")
    if text in ("\n", "\r\n"):
        return None
    if "\0" in text:
        return Malformed(line, "a NUL byte")
    usual = csv.field_size_limit(ROW_BYTES_MAX)  # else a long cell would look like a mistake in the quotes
    try:
        found = list(csv.reader(io.StringIO(text, newline="\n"), delimiter=delimiter, strict=True))
    except csv.Error:
        return Malformed(line, _NOT_CSV)
    finally:
        csv.field_size_limit(usual)
    if any("\ud800" <= character <= "\udfff" for character in text):
        return Malformed(line, "not in the encoding of this file")
    return Row(line, tuple(found[0])) if len(found) == 1 else Malformed(line, _NOT_CSV)
