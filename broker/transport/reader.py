"""What is committed, read without disturbing the writer: a connection of its own for each thread.

Every look is a moment of its own and is read to its end at once: a statement that is left open would keep its
connection, and all later looks through it, at that moment for ever.
"""

from collections.abc import Callable
from pathlib import Path
from threading import Lock, local
from typing import Any, TypeVar

import apsw

from broker.ports import Partition, Record, RowKey, SealedRow, Table
from broker.transport import lease, records, turn
from broker.transport.database import FAULTS_OF_THE_FOLDER, folder_unusable, open_database
from broker.transport.tables import TABLES

T = TypeVar("T")

_ROW = "SELECT value FROM state WHERE lane = ? AND tbl = ? AND key = ?"


class Reader:
    """Looks into the file. Safe from any thread; each method raises FolderUnusable if the file cannot be read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._here = local()
        self._lock = Lock()
        self._connections: list[apsw.Connection] | None = []

    def records(self, partition: Partition, start: int, records_max: int) -> list[Record]:
        """See `Transport.read`, without its waiting."""
        return self._look(lambda connection: records.read(connection, partition, start, records_max))

    def epoch(self, lane: str) -> int:
        """The epoch of a lane's lease; 0 if it never had an owner."""
        return self._look(lambda connection: lease.epoch_of(connection, lane))

    def position(self, lane: str) -> int:
        """See `Lane.position`."""
        found: int | None = self._look(
            lambda connection: connection.execute("SELECT offset FROM position WHERE lane = ?", (lane,)).get
        )
        return found or 0

    def row(self, lane: str, table: Table, key: RowKey) -> SealedRow | None:
        """See `Lane.get`."""
        try:
            found: SealedRow | None = self._connection().execute(_ROW, (lane, table, key)).get
        except FAULTS_OF_THE_FOLDER as error:
            raise folder_unusable(self._path, error) from error
        return found

    def rows(self, lane: str, table: Table) -> list[tuple[RowKey, SealedRow]]:
        """See `Lane.rows`."""
        found: list[Any] = self._look(
            lambda connection: connection.execute(
                "SELECT key, value FROM state WHERE lane = ? AND tbl = ? ORDER BY key", (lane, table)
            ).fetchall()
        )
        return found

    def rows_after(self, lane: str, table: Table, key: RowKey, most: int) -> list[tuple[RowKey, SealedRow]]:
        """At most *most* rows behind *key*, in the order of their keys."""
        found: list[Any] = self._look(
            lambda connection: connection.execute(
                "SELECT key, value FROM state WHERE lane = ? AND tbl = ? AND key > ? ORDER BY key LIMIT ?",
                (lane, table, key, most),
            ).fetchall()
        )
        return found

    def frontier(self, log: str) -> bytes | None:
        """See `Lane.frontier`."""
        return self._look(lambda connection: turn.frontier_of(connection, log))

    def close(self) -> None:
        """Let go of the file. Nobody may be looking, in any thread."""
        with self._lock:
            connections, self._connections = self._connections or [], None
        for connection in connections:
            connection.close()

    def _look(self, look: Callable[[apsw.Connection], T]) -> T:
        try:
            return look(self._connection())
        except FAULTS_OF_THE_FOLDER as error:
            raise folder_unusable(self._path, error) from error

    def _connection(self) -> apsw.Connection:
        connection: apsw.Connection | None = getattr(self._here, "connection", None)
        if connection is not None and self._connections is not None:
            return connection
        with self._lock:
            if self._connections is None:
                raise RuntimeError(f"`{self._path}` is closed")
            connection = open_database(self._path, TABLES, readonly=True)
            self._here.connection = connection
            self._connections.append(connection)
        return connection
