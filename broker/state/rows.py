"""A lane's state as one turn sees it: the committed rows, under the changes that this turn has planned so far.

Nothing is written here. The changes are handed to the turn's transaction, or thrown away with the turn.
"""

from collections.abc import Iterable, Iterator
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


class Rows:
    """Rows by table and key, opened; with the turn's own changes on top."""

    def __init__(self, committed: CommittedRows, vault: Vault) -> None:
        """Begin a turn without changes."""
        self.vault = vault
        self._committed = committed
        self._changes: dict[_Place, bytes | None] = {}
        self._undo: list[tuple[_Place, bytes | _Absent | None]] = []

    def get(self, table: Table, key: RowKey) -> bytes | None:
        """A row as this turn has it; None if there is none."""
        if (table, key) in self._changes:
            return self._changes[table, key]
        row = self._committed.get(table, key)
        return None if row is None else self.vault.open(table, key, row)

    def put(self, table: Table, key: RowKey, value: bytes | None) -> None:
        """Plan a change; None deletes."""
        self._undo.append(((table, key), self._changes.get((table, key), _ABSENT)))
        self._changes[table, key] = value

    def all(self, table: Table) -> Iterator[bytes]:
        """All committed rows of a table, opened. The turn's own changes are not among them."""
        for key, row in self._committed.rows(table):
            yield self.vault.open(table, key, row)

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


class _Absent(Enum):
    ABSENT = "absent"


_ABSENT = _Absent.ABSENT
