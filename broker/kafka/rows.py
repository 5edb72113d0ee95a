"""What the owner of a lane holds of its state: a copy of its changelog, in a file that only it can see.

The changelog is the truth. The file is SQLite's own temporary one: it has no name, is not kept, and takes from memory
no more than the cache of its pages, however many rows there are.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import apsw

from broker.kafka.coding import Change, Edge, Reached, Row
from broker.ports import RowKey, SealedRow, Table

_CACHE_KIB = 64 * 1024

_TABLES = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA cache_size = -{cache};
CREATE TABLE state(tbl TEXT NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL, PRIMARY KEY(tbl, key)) STRICT;
CREATE TABLE edge(log TEXT NOT NULL PRIMARY KEY, frontier BLOB NOT NULL) STRICT;
"""


class LaneRows:
    """The rows of one lane as they were last committed. Not safe for several threads."""

    def __init__(self) -> None:
        """Without any row."""
        self._connection = apsw.Connection("")
        for _ in self._connection.execute(_TABLES.format(cache=_CACHE_KIB)):
            pass
        self.position = 0
        """See `Lane.position`."""

    def get(self, table: Table, key: RowKey) -> SealedRow | None:
        """See `Lane.get`."""
        found: SealedRow | None = self._connection.execute(
            "SELECT value FROM state WHERE tbl = ? AND key = ?", (table, key)
        ).get
        return found

    def all(self, table: Table) -> Iterable[tuple[RowKey, SealedRow]]:
        """See `Lane.rows`."""
        rows: list[Any] = self._connection.execute(
            "SELECT key, value FROM state WHERE tbl = ? ORDER BY key", (table,)
        ).fetchall()
        return rows

    def after(self, table: Table, key: RowKey, most: int) -> list[tuple[RowKey, SealedRow]]:
        """At most *most* rows behind *key*, in the order of their keys."""
        rows: list[Any] = self._connection.execute(
            "SELECT key, value FROM state WHERE tbl = ? AND key > ? ORDER BY key LIMIT ?", (table, key, most)
        ).fetchall()
        return rows

    def frontier(self, log: str) -> bytes | None:
        """See `Lane.frontier`."""
        found: bytes | None = self._connection.execute("SELECT frontier FROM edge WHERE log = ?", (log,)).get
        return found

    def apply(self, changes: Sequence[Change]) -> None:
        """Take over what was committed, in order."""
        last = {(row.table, row.key): row.value for row in changes if isinstance(row, Row)}
        edges = {edge.log: edge.frontier for edge in changes if isinstance(edge, Edge)}
        with self._connection:
            self._connection.executemany(
                "DELETE FROM state WHERE tbl = ? AND key = ?",
                [place for place, value in last.items() if value is None],
            )
            self._connection.executemany(
                "INSERT INTO state(tbl, key, value) VALUES(?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
                [(*place, value) for place, value in last.items() if value is not None],
            )
            self._connection.executemany(
                "INSERT INTO edge(log, frontier) VALUES(?, ?) ON CONFLICT DO UPDATE SET frontier = excluded.frontier",
                list(edges.items()),
            )
        for change in changes:
            if isinstance(change, Reached):
                self.position = change.position

    def close(self) -> None:
        """Let go of the file, which is gone then."""
        self._connection.close()
