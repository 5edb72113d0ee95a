"""Looks for texts that must not be there, in every spelling that a file could hold them in.

A canary is searched for raw, as JSON would escape it, in both alphabets of base64 wherever it begins in it, in base64
of base64, in hexadecimal and in UTF-16. A file is read as bytes, as it lies on the disk; a database is also read value
by value, because SQLite cuts a long value into pages and a canary could lie on the cut.
"""

import json
from base64 import b64encode
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import apsw

_TO_URL = bytes.maketrans(b"+/", b"-_")


@cache
def spellings(canary: str) -> frozenset[bytes]:
    """Every spelling of *canary* that is searched for."""
    plain = canary.encode("utf-8")
    by_json = {json.dumps(canary)[1:-1].encode("ascii"), json.dumps(canary, ensure_ascii=False)[1:-1].encode("utf-8")}
    points = [f"{ord(character):04x}" for character in canary]
    escaped = {"".join(f"\\u{spelt}" for spelt in case) for case in (points, [point.upper() for point in points])}
    once = {spelt for text in {plain, *by_json} for spelt in _in_base64(text)}
    twice = {spelt for text in _in_base64(plain) for spelt in _in_base64(text)}
    wide = {canary.encode("utf-16-le"), canary.encode("utf-16-be")}
    hexadecimal = {plain.hex().encode("ascii"), plain.hex().upper().encode("ascii")}
    return frozenset({plain, *by_json, *(text.encode("ascii") for text in escaped), *wide, *hexadecimal, *once, *twice})


def canaries_in(data: bytes, canaries: Iterable[str]) -> list[str]:
    """Which of them stand in *data*, in any spelling."""
    return [canary for canary in canaries if any(spelling in data for spelling in spellings(canary))]


def canaries_under(folder: Path, canaries: Iterable[str]) -> list[str]:
    """Which of them stand in a file below *folder*, or in its name; each with the place, as `canary in place`."""
    wanted = tuple(canaries)
    return [
        f"{canary} in {place}"
        for path in sorted(folder.rglob("*"))
        for place, data in _contents(path, folder)
        for canary in canaries_in(data, wanted)
    ]


def _contents(path: Path, folder: Path) -> Iterator[tuple[str, bytes]]:
    name = str(path.relative_to(folder))
    yield f"the name {name}", name.encode("utf-8")
    if path.is_file():
        data = path.read_bytes()
        yield name, data
        if data.startswith(b"SQLite format 3\0"):
            yield from _values(path, name)


def _values(path: Path, name: str) -> Iterator[tuple[str, bytes]]:
    """All values of each table of a database, as one text a table."""
    database = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        tables = [str(table) for (table,) in database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        for table in tables:
            rows = database.execute(f'SELECT * FROM "{table}"').fetchall()  # noqa: S608 - a name out of the schema
            yield f"{name}, table {table}", b"\n".join(_bytes(value) for row in rows for value in row)
    finally:
        database.close()


def _bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode("utf-8")


def _in_base64(data: bytes) -> Iterator[bytes]:
    for before in range(3):  # base64 spells three bytes at a time, so a text has three spellings, by where it begins
        spelt = b64encode(bytes(before) + data)
        whole = spelt[-(-before * 8 // 6) : (before + len(data)) * 8 // 6]  # without what its neighbours have a say in
        yield whole
        yield whole.translate(_TO_URL)
