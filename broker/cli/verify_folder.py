"""Verify a data folder: the hub's ledgers, against what every desk in the folder kept."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from broker.app import desk_folders, hub_folder
from broker.client import Trust
from broker.client.store import kept_checkpoints
from broker.errors import FolderUnusable
from broker.ledger.verify import KeptNote, Report, verify_ledgers
from broker.transport.database import faults_of_the_folder, open_database
from broker.transport.ledger_file import LedgerFile
from broker.transport.tables import TABLES

_LEDGER_TABLES = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name LIKE 'ledger!_%' ESCAPE '!'"


def verify_folder(folder: Path) -> Report:
    """Verify the ledgers of the hub in *folder*.

    Raises:
        FolderUnusable: something that must be read cannot be, or the desks were told of different hubs.
    """
    trust = Trust.load(hub_folder(folder) / "trust.json")
    for desk in desk_folders(folder):
        if (desk / "trust.json").exists() and Trust.load(desk / "trust.json") != trust:
            raise FolderUnusable(f"desk `{desk.name}` was told of another hub than `{trust.hub}`, or of another key")
    path = hub_folder(folder) / "hub.db"
    try:
        with LedgerFile(path) as stored:
            report = verify_ledgers(stored, trust.hub, trust.key, _kept(folder))
    except UnicodeDecodeError:  # a ledger's name, where a damaged or altered file holds bytes that are no text
        raise FolderUnusable(f"cannot use `{path}`: a name in it is not text") from None
    _check_indexes(path, report)
    return report


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


def _kept(folder: Path) -> Iterator[KeptNote]:
    for desk in desk_folders(folder):
        if (desk / "desk.db").exists():
            for note in kept_checkpoints(desk / "desk.db"):
                yield KeptNote(f"desk `{desk.name}`", note)
