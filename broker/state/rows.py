"""A lane's state as one turn sees it: the committed rows, under the changes that this turn has planned so far.

Nothing is written here. The changes are handed to the turn's transaction, or thrown away with the turn.
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from enum import Enum
from typing import Protocol

from broker.ports import RowKey, SealedRow, Table
from broker.state.vault import Vault

_Place = tuple[Table, RowKey]


class CommittedRows(Protocol):
    """What `Lane` offers of its state: rows as last committed."""

    def get(self, table: Table, key: RowKey) -> SealedRow | None:
        """A row, or None."""

    def rows(self, table: Table) -> Iterable[tuple[RowKey, SealedRow]]:
        """All rows of a table."""


class _Absent(Enum):
    ABSENT = "absent"


_ABSENT = _Absent.ABSENT


class Remembered:
    """Rows that the owner of a lane read or wrote lately, opened. Nobody else writes them, so they are what is
    committed for as long as it owns the lane and knows what it committed."""

    def __init__(self, most: int = 50_000) -> None:
        """Remember at most *most* rows; the one longest not asked for is forgotten first."""
        self._most = most
        self._rows: OrderedDict[_Place, bytes | None] = OrderedDict()

    def find(self, place: _Place) -> bytes | _Absent | None:
        """A row, None if there is known to be none, ABSENT if nothing is known."""
        row = self._rows.get(place, _ABSENT)
        if row is not _ABSENT:
            self._rows.move_to_end(place)
        return row

    def note(self, place: _Place, row: bytes | None) -> None:
        """Remember what is committed in this place."""
        # Items that leave are large, are written once and are read after a crash alone.
        if place[0] is Table.PENDING:
            return
        self._rows[place] = row
        self._rows.move_to_end(place)
        if len(self._rows) > self._most:
            self._rows.popitem(last=False)

    def committed(self, changes: Mapping[_Place, bytes | None]) -> None:
        """A turn with these changes is committed."""
        for place, row in changes.items():
            self.note(place, row)


class Rows:
    """Rows by table and key, opened; with the turn's own changes on top."""

    def __init__(self, committed: CommittedRows, vault: Vault, remembered: Remembered | None = None) -> None:
        """Begin a turn without changes.

        Args:
            committed: What is committed.
            vault: Opens it.
            remembered: What of it is remembered from turns before, by the lane's owner.
        """
        self.vault = vault
        self._committed = committed
        self._remembered = remembered or Remembered(0)
        self._changes: dict[_Place, bytes | None] = {}
        self._undo: list[tuple[_Place, bytes | _Absent | None]] = []

    def get(self, table: Table, key: RowKey) -> bytes | None:
        """A row as this turn has it; None if there is none."""
        place = (table, key)
        if place in self._changes:
            return self._changes[place]
        known = self._remembered.find(place)
        if not isinstance(known, _Absent):
            return known
        sealed = self._committed.get(table, key)
        row = None if sealed is None else self.vault.open(table, key, sealed)
        self._remembered.note(place, row)
        return row

    def put(self, table: Table, key: RowKey, value: bytes | None) -> None:
        """Plan a change; None deletes."""
        self._undo.append(((table, key), self._changes.get((table, key), _ABSENT)))
        self._changes[table, key] = value

    def all(self, table: Table) -> Iterator[bytes]:
        """All committed rows of a table, opened. The turn's own changes are not among them."""
        for key, row in self._committed.rows(table):
            yield self.vault.open(table, key, row)

    @property
    def changes(self) -> Mapping[_Place, bytes | None]:
        """The changes that this turn has planned so far, opened."""
        return self._changes

    def sealed_changes(self) -> Iterator[tuple[Table, RowKey, SealedRow | None]]:
        """What the turn's transaction must put."""
        for (table, key), value in self._changes.items():
            yield table, key, None if value is None else self.vault.seal(table, key, value)

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """Keep the changes made inside only if the block ends well. Attempts may stand inside one another."""
        mark = len(self._undo)
        try:
            yield
        except BaseException:
            for place, before in reversed(self._undo[mark:]):
                if before is _ABSENT:
                    del self._changes[place]
                else:
                    self._changes[place] = before
            del self._undo[mark:]
            raise
