"""Verify a data folder: the hub's ledgers, against what every desk in the folder kept."""

from collections.abc import Iterator
from pathlib import Path

from broker.app import desk_folders, hub_folder
from broker.client import Trust
from broker.client.store import kept_checkpoints
from broker.errors import FolderUnusable
from broker.ledger.verify import KeptNote, Report, verify_ledgers
from broker.transport.ledger_file import LedgerFile


def verify_folder(folder: Path) -> Report:
    """Verify the ledgers of the hub in *folder*.

    Raises:
        FolderUnusable: something that must be read cannot be, or the desks were told of different hubs.
    """
    trust = Trust.load(hub_folder(folder) / "trust.json")
    for desk in desk_folders(folder):
        if (desk / "trust.json").exists() and Trust.load(desk / "trust.json") != trust:
            raise FolderUnusable(f"desk `{desk.name}` was told of another hub than `{trust.hub}`, or of another key")
    with LedgerFile(hub_folder(folder) / "hub.db") as stored:
        return verify_ledgers(stored, trust.hub, trust.key, _kept(folder))


def _kept(folder: Path) -> Iterator[KeptNote]:
    for desk in desk_folders(folder):
        if (desk / "desk.db").exists():
            for note in kept_checkpoints(desk / "desk.db"):
                yield KeptNote(f"desk `{desk.name}`", note)
