"""A hub's ledgers, read beside the hub while it writes: the newest signed checkpoint, and a few entries at a time.

Every look is a moment of its own and is read to its end at once, so that it holds up neither the writer nor the
file's own tidying. Ledgers only grow, so what one look saw is still so at the next.
"""

from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple, TypeVar

import apsw

from broker.transport.database import faults_of_the_folder, open_database
from broker.transport.tables import TABLES

T = TypeVar("T")


class SignedSize(NamedTuple):
    """A checkpoint as it is stored. Nothing of it is verified."""

    size: int
    """How many entries it stands under. Nothing beyond is signed, so nothing beyond is proved."""
    note: bytes


class LedgerReader:
    """Looks into the ledgers. Safe from any thread; each method raises FolderUnusable if the file cannot be read.

    A driver of `StoredLedger`.
    """

    def __init__(self, path: Path) -> None:
        """Look into the hub's file at *path*, which a hub may be writing to.

        Raises:
            FolderUnusable: there is no such file, or it is not a hub's.
            EngineUnsafe: as `open_database`.
        """
        self._path = path
        self._lock = Lock()
        self._is_closed = False
        # One connection for each look at the same time, not for each thread: a server's threads come and go.
        self._idle: list[apsw.Connection] = []
        self._give_back(self._take())

    def newest(self, log: str) -> SignedSize | None:
        """The newest checkpoint of a ledger; None if nothing of it is signed, or there is no such ledger."""
        rows = self._rows("SELECT size, note FROM ledger_checkpoint WHERE log = ? ORDER BY size DESC LIMIT 1", log)
        return SignedSize(*rows[0]) if rows else None

    def entries(self, log: str, first: int, count: int) -> list[bytes]:
        """At most *count* entries from number *first* on, signed or not; fewer where the ledger ends, or an entry is
        missing."""
        rows = self._rows(
            "SELECT i, entry FROM ledger_entry WHERE log = ? AND i >= ? ORDER BY i LIMIT ?", log, first, max(count, 0)
        )
        return [entry for number, (index, entry) in enumerate(rows, first) if index == number]

    def size(self, log: str) -> int:
        """How many entries a ledger has, signed or not, if none is missing."""
        last: int | None = self._rows("SELECT MAX(i) FROM ledger_entry WHERE log = ?", log)[0][0]
        return 0 if last is None else last + 1

    def close(self) -> None:
        """Let go of the file. Who is looking now is given the answer; who looks later gets a RuntimeError."""
        with self._lock:
            idle, self._idle, self._is_closed = self._idle, [], True
        for connection in idle:
            connection.close()

    def _rows(self, sql: str, *values: str | int) -> list[Any]:
        return self._look(lambda connection: connection.execute(sql, values).fetchall())

    def _look(self, look: Callable[[apsw.Connection], T]) -> T:
        with faults_of_the_folder(self._path):
            connection = self._take()
            try:
                found = look(connection)
            except BaseException:
                connection.close()  # whatever state it is in, nobody else meets it
                raise
            self._give_back(connection)
        return found

    def _take(self) -> apsw.Connection:
        with self._lock:
            if self._is_closed:
                raise RuntimeError(f"`{self._path}` is closed")
            if self._idle:
                return self._idle.pop()
        return open_database(self._path, TABLES, readonly=True)

    def _give_back(self, connection: apsw.Connection) -> None:
        with self._lock:
            if not self._is_closed:
                self._idle.append(connection)
                return
        connection.close()
