"""Verify a data folder: the hub's ledgers, against what every desk in the folder kept."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from broker.app import desk_folders, hub_folder
from broker.care.verification import verify_hub
from broker.client import Trust
from broker.client.store import kept_checkpoints
from broker.errors import FolderUnusable
from broker.ledger.verify import KeptNote, Report


def verify_folder(folder: Path, details_before: datetime | None = None) -> Report:
    """Verify the ledgers of the hub in *folder*.

    Args:
        folder: The data folder.
        details_before: Details of entries before this may have been removed; None: none may.

    Raises:
        FolderUnusable: something that must be read cannot be, or the desks were told of different hubs.
    """
    trust = Trust.load(hub_folder(folder) / "trust.json")
    for desk in desk_folders(folder):
        if (desk / "trust.json").exists() and Trust.load(desk / "trust.json") != trust:
            raise FolderUnusable(f"desk `{desk.name}` was told of another hub than `{trust.hub}`, or of another key")
    return verify_hub(hub_folder(folder), kept_in(folder), details_before)


def kept_in(folder: Path) -> Iterator[KeptNote]:
    """The checkpoints that the desks in *folder* kept.

    Raises:
        FolderUnusable: a desk's file cannot be read.
    """
    for desk in desk_folders(folder):
        if (desk / "desk.db").exists():
            for note in kept_checkpoints(desk / "desk.db"):
                yield KeptNote(f"desk `{desk.name}`", note)
