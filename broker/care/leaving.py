"""A hub's data on its way to another engine: taken out of a folder, for good, and verified.

Two hubs with the same keys would sign two histories. So the folder that the data was taken from is marked, and no hub
starts there any more; and what was taken out can be put in one place only, which is for the operator to see to.

    HUB/moved        its data was taken out
    HUB/arriving     data is being put in; no hub starts before all of it is there
"""

from datetime import datetime
from pathlib import Path

from broker.care.backup import back_up, verified
from broker.care.manifest import KEYRING, KEYS, TRUST, Manifest, described
from broker.care.standing import AHEAD, RESTORED
from broker.care.unfinished import made_whole
from broker.errors import BackupRefused, FolderUnusable, LaneTaken
from broker.files import private_folder, read_whole, remove, write_whole
from broker.transport.lease import OwnerLock
from broker.transport.tables import DATABASE

MOVED = "moved"
ARRIVING = "arriving"


def take_out(
    home: Path, to: Path, now: datetime, *, credential: Path | None, detail_days: int | None = None
) -> Manifest:
    """Take a hub's data out of its folder. No hub starts there afterwards.

    Args:
        home: The hub's own folder.
        to: Where the data will be; not there yet. It is there whole or not at all.
        now: The time.
        credential: The hub's, which is never copied. None for a demonstration.
        detail_days: Details of entries that are older may be gone; None: none may.

    Raises:
        LaneTaken: a hub is at work there.
        FolderUnusable: it waits for its desks after a restore, or something cannot be read or written.
        BackupRefused: the data is not as it was signed.
    """
    for mark in (RESTORED, AHEAD, ARRIVING):
        if (home / mark).exists():
            raise FolderUnusable(f"`{home / mark}` is there: see to that first")
    lock = OwnerLock(home / DATABASE)
    try:
        if not lock.take():
            raise LaneTaken(f"a hub is at work on `{home}`")
        was_moved = (home / MOVED).exists()
        write_whole(home / MOVED, b"")  # first: there is no moment at which both could run
        try:
            return back_up(home, to, now, credential=credential, detail_days=detail_days)
        except BaseException:
            if not was_moved:
                remove(home / MOVED)
            raise
    finally:
        lock.close()


def begin_to_put_in(source: Path, home: Path, hub: str, now: datetime, *, detail_days: int | None = None) -> Manifest:
    """Make the folder of a hub whose records will be elsewhere: its keys, and what desks are given.

    It is marked: whoever puts the records where they will be takes the mark away afterwards. Called again before that,
    it goes on with the same data, and with no other.

    Raises:
        BackupRefused: a file is missing or not the one that was taken out, the ledgers are not as they were signed, or
            it is another hub's.
        FolderUnusable: a hub is there already, or other data is being put in.
    """
    manifest = Manifest.load(source)
    if manifest.hub != hub:
        raise BackupRefused(f"it is the data of `{manifest.hub}`, and the settings are those of `{hub}`")
    for file in manifest.files:
        if described(source, file.name) != file:
            raise BackupRefused(f"`{source / file.name}` is not the file that was taken out")
    verified(source, now, detail_days)
    if (home / ARRIVING).exists():
        if read_whole(home / ARRIVING) != manifest.to_bytes():
            raise FolderUnusable(f"other data is being put into `{home}`")
        return manifest
    with made_whole(home) as filling:
        private_folder(filling / KEYS)
        for file in manifest.files:
            if file.name in (TRUST, KEYRING) or file.name.startswith(f"{KEYS}/"):
                write_whole(filling / file.name, read_whole(source / file.name) or b"")
        write_whole(filling / ARRIVING, manifest.to_bytes())
    return manifest


def refuse_if_moving(home: Path) -> None:
    """Check that a hub may start on this folder.

    Raises:
        FolderUnusable: its data was taken out, or is still being put in.
    """
    if (home / MOVED).exists():
        raise FolderUnusable(f"the data of the hub in `{home}` was taken out, to run elsewhere")
    if (home / ARRIVING).exists():
        raise FolderUnusable(f"not all of the data is in `{home}` yet: run `tellwise import` again")
