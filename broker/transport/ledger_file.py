"""A hub's ledgers as they lie in its file, for whoever verifies them. Reads only, and believes nothing."""

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from broker.transport.database import faults_of_the_folder, open_database
from broker.transport.tables import TABLES

_TABLES = ("ledger_entry", "ledger_detail", "ledger_checkpoint", "ledger_frontier")


class LedgerFile:
    """One moment of the file, however long it is looked at. A driver of `StoredLedgers`."""

    def __init__(self, path: Path) -> None:
        """Open the hub's file for reading.

        Raises:
            FolderUnusable: there is no such file, or it is not a hub's, or it is damaged.
        """
        self._path = path
        self._db = open_database(path, TABLES, readonly=True)

    def __enter__(self) -> "LedgerFile":
        self._db.execute("BEGIN")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._db.close()

    def logs(self) -> set[str]:
        """See `StoredLedgers.logs`."""
        return {str(log) for table in _TABLES for log, *_ in self._rows(f"SELECT DISTINCT log FROM {table}", ())}  # noqa: S608

    def entries(self, log: str) -> Iterator[tuple[int, bytes]]:
        """See `StoredLedgers.entries`."""
        return self._numbered("SELECT i, entry FROM ledger_entry WHERE log = ? ORDER BY i", log)

    def details(self, log: str) -> Iterator[tuple[int, bytes]]:
        """See `StoredLedgers.details`."""
        return self._numbered("SELECT i, sealed FROM ledger_detail WHERE log = ? ORDER BY i", log)

    def checkpoints(self, log: str) -> Iterator[tuple[int, bytes]]:
        """See `StoredLedgers.checkpoints`."""
        return self._numbered("SELECT size, note FROM ledger_checkpoint WHERE log = ? ORDER BY size", log)

    def frontier(self, log: str) -> bytes | None:
        """See `StoredLedgers.frontier`."""
        rows = list(self._rows("SELECT frontier FROM ledger_frontier WHERE log = ?", (log,)))
        return bytes(rows[0][0]) if rows else None

    def _numbered(self, sql: str, log: str) -> Iterator[tuple[int, bytes]]:
        for number, data in self._rows(sql, (log,)):
            yield int(number), bytes(data)

    def _rows(self, sql: str, values: tuple[str, ...]) -> Iterator[tuple[int, bytes]]:
        with faults_of_the_folder(self._path):
            yield from self._db.execute(sql, values)
