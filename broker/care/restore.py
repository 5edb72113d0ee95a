"""A backup put back, into a folder where no hub is. It is marked as restored: see standing.py for what that means."""

import os
from datetime import datetime
from pathlib import Path

from broker.care.backup import ledgers_of, verified
from broker.care.manifest import KEYS, Manifest, described
from broker.care.standing import RESTORED, Restored
from broker.care.unfinished import made_whole
from broker.errors import BackupRefused, FolderUnusable
from broker.files import private_folder, write_whole

_READ_BYTES = 2**20


def put_back(backup: Path, home: Path, hub: str, now: datetime, *, detail_days: int | None = None) -> Manifest:
    """Make a hub's folder from a backup. It is there whole or not at all.

    Args:
        backup: What `back_up` made.
        home: The hub's own folder; not there yet, or empty.
        hub: The name of the hub that will run there.
        now: The time.
        detail_days: Details of entries that are older may be gone; None: none may.

    Raises:
        BackupRefused: a file is missing or not the one that was copied, the ledgers are not as they were signed, or it
            is another hub's.
        FolderUnusable: a hub is there already, or the disk does not let us.
    """
    manifest = Manifest.load(backup)
    if manifest.hub != hub:
        raise BackupRefused(f"it is a backup of `{manifest.hub}`, and the settings are those of `{hub}`")
    with made_whole(home) as filling:
        private_folder(filling / KEYS)
        for file in manifest.files:
            _copy(backup / file.name, filling / file.name)
            if described(filling, file.name) != file:
                raise BackupRefused(f"`{backup / file.name}` is not the file that was backed up")
        verified(filling, now, detail_days)
        if ledgers_of(filling) != manifest.ledgers:
            raise BackupRefused("the ledgers do not reach as far as the manifest says")
        mark = Restored.of(made_at=manifest.made_at, restored_at=now)
        write_whole(filling / RESTORED, mark.to_bytes())
    return manifest


def _copy(source: Path, copy: Path) -> None:
    """Copy a file that nobody has open, and bring it to the disk."""
    try:
        with source.open("rb") as old:
            descriptor = os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as new:
                while chunk := old.read(_READ_BYTES):
                    new.write(chunk)
                new.flush()
                os.fsync(new.fileno())
    except FileNotFoundError:
        raise BackupRefused(f"`{source}` is missing") from None
    except OSError as error:
        raise FolderUnusable(f"cannot copy `{source}`: {error.strerror}") from error
