"""Verify a hub's own folder, or a copy of it: its ledgers, and that what is read through an index is what is there."""

from collections.abc import Iterable
from contextlib import closing
from datetime import datetime
from pathlib import Path

from broker.client import Trust
from broker.errors import FolderUnusable
from broker.ledger.verify import KeptNote, Report, verify_ledgers
from broker.transport.database import faults_of_the_folder, open_database
from broker.transport.ledger_file import LedgerFile
from broker.transport.tables import DATABASE, TABLES

_LEDGER_TABLES = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name LIKE 'ledger!_%' ESCAPE '!'"


def verify_hub(home: Path, kept: Iterable[KeptNote] = (), details_before: datetime | None = None) -> Report:
    """Verify the ledgers of a hub.

    Args:
        home: The hub's own folder: `hub.db` and `trust.json`.
        kept: Checkpoints that desks kept.
        details_before: Details of entries before this may have been removed; None: none may.

    Raises:
        FolderUnusable: something that must be read cannot be.
    """
    trust = Trust.load(home / "trust.json")
    path = home / DATABASE
    try:
        with LedgerFile(path) as stored:
            report = verify_ledgers(stored, trust.hub, trust.key, kept, details_before)
    except UnicodeDecodeError:  # a ledger's name, where a damaged or altered file holds bytes that are no text
        raise FolderUnusable(f"cannot use `{path}`: a name in it is not text") from None
    _check_indexes(path, report)
    return report


def is_whole(path: Path) -> bool:
    """Whether SQLite finds nothing wrong with the file: pages, tables, indexes.

    Raises:
        FolderUnusable: it cannot be read, or is not one of ours.
    """
    with faults_of_the_folder(path), closing(open_database(path, TABLES, readonly=True)) as database:
        return [str(found) for (found,) in database.execute("PRAGMA integrity_check(1)").fetchall()] == ["ok"]


def _check_indexes(path: Path, report: Report) -> None:
    """What was verified was found by SQLite's indexes. Where one differs from its table, whoever reads the table sees
    another ledger."""
    database = open_database(path, TABLES, readonly=True)
    with faults_of_the_folder(path), closing(database):
        for (table,) in database.execute(_LEDGER_TABLES).fetchall():
            quoted = str(table).replace('"', '""')
            for (found,) in database.execute(f'PRAGMA integrity_check("{quoted}")').fetchall():
                if found != "ok":
                    report.find(f"table `{table}`", str(found))
