"""Letters out: one JSON file for each, with everything, and one CSV file for each day, with a row for each.

    out/letters/0000000042.json
    out/letters-2026-11-20.csv      by the day on which it is written, in UTC

A row of the CSV counts when it ends with a carriage return and a line feed; inside a cell a line ends with a line feed
alone. `number` rises from row to row and from file to file. A file whose day is over is not written to again, and may
be taken away; so may every JSON file.
"""

import csv
import io
import os
import re
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from agency_adapters.csv_drop.columns import NUMBER, LetterColumns
from agency_adapters.csv_drop.settings import Out
from broker.client import StoredLetter
from broker.client.adapter import Work
from broker.errors import FolderUnusable
from broker.files import private_folder, sync_folder, write_whole
from schemas.strict import json_encode

OUTLET = "csv_drop"

_PAGE = 100
_END = b"\r\n"
_NAME = re.compile(r"letters-([0-9]{4}-[0-9]{2}-[0-9]{2})(?:\.([0-9]{1,6}))?\.csv", re.ASCII)


class LettersOut:
    """The way of letters to the desk's own system."""

    def __init__(self, work: Work, folder: Path, out: Out) -> None:
        """Write to *folder*; it is made if it is not there.

        Raises:
            FolderUnusable: it cannot be made, or read.
            SettingsRefused: a column names no field.
        """
        self._work, self._columns = work, LetterColumns.of(out.columns)
        self._letters = private_folder(private_folder(folder) / "letters")
        self._sheet = _Sheet(folder, self._columns, out.delimiter)

    async def run(self, look_s: float) -> None:
        """Hand on what was heard until `work.stop`.

        Raises:
            FolderUnusable: a file cannot be written.
        """
        while True:
            self.hand_on_all()
            if not await self._work.pause(look_s):
                return

    def hand_on_all(self) -> None:
        """Hand on every letter that was not handed on yet, in order.

        A letter counts as handed on when both files have it. If we stop between, its JSON is written again, the same,
        and its row is found in the CSV.
        """
        store = self._work.desk.store
        while letters := store.unhanded(OUTLET, _PAGE):
            for letter in letters:
                write_whole(self._letters / f"{letter.row:010}.json", _whole(letter))
                self._sheet.append(letter, self._work.clock.now().date())
                with store.transaction():
                    store.hand_on(OUTLET, letter)


class _Sheet:
    """The CSV files of one folder: the newest is written to."""

    def __init__(self, folder: Path, columns: LetterColumns, delimiter: str) -> None:
        self._folder, self._columns, self._delimiter = folder, columns, delimiter
        self._day, self._part = max(map(_order, _sheets(folder)), default=("", 1))
        self._last = self._repaired() if self._day else 0
        self._is_ours = False
        """Whether the file at hand is known to have our columns."""

    def append(self, letter: StoredLetter, today: date) -> None:
        """Add a letter's row, unless it is there, and make it survive a power cut."""
        if letter.row <= self._last:
            return
        day = max(self._day, today.isoformat())  # a clock that went back must not put a row before older ones
        if day != self._day:
            self._day, self._part, self._is_ours = day, 1, False
        header = self._row(self._columns.header)
        try:
            while not self._is_ours and not self._begins_with(header):
                self._part += 1  # the columns were changed today
            self._is_ours = True
            handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
            with os.fdopen(handle, "ab") as file:
                file.write((b"" if file.tell() else header) + self._row(self._columns.cells(letter)))
                file.flush()
                os.fsync(handle)
            sync_folder(self._folder)
        except OSError as error:
            raise FolderUnusable(f"cannot write `{self._path}`: {error.strerror}") from error
        self._last = letter.row

    @property
    def _path(self) -> Path:
        return self._folder / f"letters-{self._day}{'' if self._part == 1 else f'.{self._part}'}.csv"

    def _begins_with(self, header: bytes) -> bool:
        """Whether the file at hand has our columns, or nothing yet."""
        try:
            with self._path.open("rb") as file:
                return file.read(len(header)) in (header, b"")
        except FileNotFoundError:
            return True

    def _row(self, cells: Sequence[str]) -> bytes:
        text = io.StringIO()
        # All cells are quoted: one that a program with another delimiter would cut apart could yield a formula.
        cleaned = [cell.replace("\r\n", "\n").replace("\r", "\n") for cell in cells]
        csv.writer(text, delimiter=self._delimiter, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerow(cleaned)
        return text.getvalue().encode("utf-8")

    def _repaired(self) -> int:
        """Cut off a row that was not finished; the number of the last one that was, or 0."""
        try:
            data = self._path.read_bytes()
            whole = data[: data.rfind(_END) + len(_END)] if _END in data else b""
            if whole != data:
                os.truncate(self._path, len(whole))
        except OSError as error:
            raise FolderUnusable(f"cannot read `{self._path}`: {error.strerror}") from error
        last = whole.removesuffix(_END).rpartition(_END)[2]
        number = last[:20].split(b'"')[1:2]
        return int(number[0]) if number and number[0].isdigit() else 0


def _whole(letter: StoredLetter) -> bytes:
    """The letter, the same bytes whenever it is written: whether a person has acknowledged it changes."""
    members = {name: value for name, value in letter.as_json().items() if name != "acknowledged"}
    return json_encode({NUMBER: letter.row, **members})


def _sheets(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if _NAME.fullmatch(path.name)]


def _order(name: str) -> tuple[str, int]:
    match = _NAME.fullmatch(name)
    return ("", 0) if match is None else (match[1], int(match[2] or 1))
