"""Changes a hub's ledger behind its back, takes the change back again, and reads which place a verification names.

Tables and columns are found in the file itself, so a new one is tampered with from the day that it is there.
"""

import random
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw

from broker.app import hub_folder
from broker.cli.verify_folder import verify_folder
from broker.errors import FolderUnusable
from broker.ledger.merkle import EMPTY, extend, leaf_hash
from broker.ledger.verify import Report

Value = str | int | bytes

_PLACES = {
    "ledger_entry": ("i", "entry"),
    "ledger_detail": ("i", "detail"),
    "ledger_checkpoint": ("size", "checkpoint"),
    "ledger_frontier": (None, "right edge"),
}
"""For each table: the column that numbers its rows, and what a finding calls one."""

_WHERE = re.compile(r"(?P<log>\S+), (?P<what>entry|entries|detail|checkpoint) (?P<first>-?\d+)(?: to (?P<last>\d+))?")


@dataclass(frozen=True, slots=True)
class Row:
    """One row of one table of the ledger."""

    table: str
    rowid: int
    values: dict[str, Value]

    @property
    def log(self) -> str:
        """The ledger that it belongs to."""
        return str(self.values["log"])

    @property
    def number(self) -> int:
        """Which entry, detail record or checkpoint it is; 0 for a right edge."""
        column = _PLACES[self.table][0]
        return 0 if column is None else int(self.values[column])

    def is_named_by(self, report: Report) -> bool:
        """Whether a finding says that something is wrong here."""
        return any(self._is_at(finding.where) for finding in report.findings)

    def _is_at(self, where: str) -> bool:
        what = _PLACES[self.table][1]
        if what == "right edge":
            return where == f"{self.log}, right edge"
        place = _WHERE.match(where)
        if place is None or place["log"] != self.log:
            return False
        first, last = int(place["first"]), int(place["last"] or place["first"])
        if place["what"] in (what, "entries") and what != "detail" and first <= self.number <= last:
            return True
        if place["what"] == what and first == self.number:
            return True
        # A ledger that ends too early is found by the first checkpoint that was signed over more.
        return (what, place["what"]) == ("entry", "checkpoint") and first > self.number


class TamperedLedger:
    """The ledgers of a data folder, open for whatever one should not do to them."""

    def __init__(self, folder: Path) -> None:
        """Open the hub's file; nobody else may be writing to it."""
        self._folder = folder
        self._database = apsw.Connection(str(hub_folder(folder) / "hub.db"))
        self._database.pragma("synchronous", "OFF")  # nobody pulls the plug here, and there are thousands of changes

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    def verify(self) -> Report | None:
        """What a verification finds now; None if it says that the folder cannot be read."""
        try:
            return verify_folder(self._folder)
        except FolderUnusable:
            return None

    def tables(self) -> list[str]:
        """Every table of the ledger that the file has."""
        names = self._database.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name LIKE 'ledger!_%' ESCAPE '!' ORDER BY name"
        )
        return [str(name) for (name,) in names]

    def rows(self, *tables: str) -> list[Row]:
        """Every row of these tables, or of all."""
        return [row for table in tables or self.tables() for row in self._rows(table)]

    @contextmanager
    def changed(self, row: Row, column: str, value: Value) -> Iterator[bool]:
        """One value is another while the block runs. Gives whether it could be: two rows cannot have one place."""
        as_text = isinstance(row.values[column], str)  # also where the bytes are no text
        update = f'UPDATE "{row.table}" SET "{column}" = {"CAST(? AS TEXT)" if as_text else "?"} WHERE rowid = ?'  # noqa: S608
        try:
            self._database.execute(update, (value, row.rowid))
        except apsw.ConstraintError:
            yield False
            return
        try:
            yield True
        finally:
            self._database.execute(update, (row.values[column], row.rowid))

    @contextmanager
    def removed(self, row: Row) -> Iterator[None]:
        """A row is not there while the block runs."""
        self._database.execute(f'DELETE FROM "{row.table}" WHERE rowid = ?', (row.rowid,))  # noqa: S608
        try:
            yield
        finally:
            self._insert(row.table, {"rowid": row.rowid, **row.values})

    @contextmanager
    def swapped(self, one: Row, other: Row) -> Iterator[None]:
        """Two rows of a table hold each other's bytes while the block runs."""
        column = next(name for name, value in one.values.items() if isinstance(value, bytes))
        with self.changed(one, column, other.values[column]), self.changed(other, column, one.values[column]):
            yield

    @contextmanager
    def added(self, row: Row) -> Iterator[None]:
        """A row is there that was not, while the block runs."""
        self._insert(row.table, {"rowid": row.rowid, **row.values})
        try:
            yield
        finally:
            self._database.execute(f'DELETE FROM "{row.table}" WHERE rowid = ?', (row.rowid,))  # noqa: S608

    def rewrite(self, log: str, entries: Sequence[bytes], sign: Callable[[int, bytes], bytes] | None = None) -> None:
        """Put these entries in place of a ledger's own, for good, with the right edge and the checkpoints that belong.

        Args:
            log: The ledger.
            entries: All of them.
            sign: Makes the note for a size and a root; None keeps the notes that there are. Checkpoints over more
                entries than there are now are dropped.
        """
        sizes = [row.number for row in self.rows("ledger_checkpoint") if row.log == log and row.number <= len(entries)]
        dropped = (
            ("ledger_entry", "i >= 0"),
            ("ledger_detail", f"i >= {len(entries)}"),
            ("ledger_frontier", "1"),
            ("ledger_checkpoint", f"size > {len(entries)}"),
        )
        with self._database:
            for table, which in dropped:
                self._database.execute(f"DELETE FROM {table} WHERE log = ? AND {which}", (log,))  # noqa: S608
            frontier = EMPTY
            for index, entry in enumerate(entries):
                self._insert("ledger_entry", {"log": log, "i": index, "entry": entry})
                frontier = extend(frontier, [leaf_hash(entry)])
                if sign is not None and frontier.size in sizes:
                    self._database.execute(
                        "UPDATE ledger_checkpoint SET note = ? WHERE log = ? AND size = ?",
                        (sign(frontier.size, frontier.root()), log, frontier.size),
                    )
            self._insert("ledger_frontier", {"log": log, "frontier": frontier.to_bytes()})

    def _rows(self, table: str) -> Iterator[Row]:
        columns = [
            str(column) for (column,) in self._database.execute("SELECT name FROM pragma_table_info(?)", (table,))
        ]
        rowid: object
        values: list[Any]
        for rowid, *values in self._database.execute(f'SELECT rowid, * FROM "{table}"').fetchall():  # noqa: S608
            yield Row(table, int(str(rowid)), dict(zip(columns, values, strict=True)))

    def _insert(self, table: str, values: dict[str, Value]) -> None:
        marks = ", ".join("?" * len(values))
        self._database.execute(f'INSERT INTO "{table}"({", ".join(values)}) VALUES({marks})', tuple(values.values()))


def other_values(value: Value, chance: random.Random) -> Iterator[Value]:
    """Values that are almost this one: a number beside it or far away, or one byte changed at either end, in the
    middle, and anywhere."""
    match value:
        case int():
            yield from (value + 1, value - 1, -1 - value, 2**40, 2**63 - 1)
        case str():
            for place in _some_places(len(value), chance):
                yield value[:place] + chance.choice("_x9") + value[place + 1 :]
            yield b"\xff" + value.encode()[1:]
        case bytes():
            for place in _some_places(len(value), chance):
                yield with_byte(value, place, value[place] ^ chance.randrange(1, 256))


def every_other_byte(value: bytes, chance: random.Random) -> Iterator[bytes]:
    """The value with each of its bytes changed, one at a time; without its last byte; and with one more."""
    for place, byte in enumerate(value):
        yield with_byte(value, place, byte ^ chance.randrange(1, 256))
    yield value[:-1]
    yield value + value[-1:]


def with_byte(value: bytes, place: int, byte: int) -> bytes:
    """The value with one byte changed."""
    return value[:place] + bytes([byte]) + value[place + 1 :]


def _some_places(length: int, chance: random.Random) -> list[int]:
    return sorted({0, length // 2, length - 1, *(chance.randrange(length) for _ in range(3))})
