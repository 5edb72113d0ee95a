"""A backup of a hub, while it runs or not: one moment of its file, and its keys as they are sealed.

The file is copied through SQLite's own interface, within one read transaction: so the copy is one committed moment,
however long it takes, and the writer is never held up. What it costs the hub is that its write-ahead log is not folded
in until the copy is done.
Source: https://sqlite.org/backup.html, https://sqlite.org/c3ref/backup_finish.html
"""

import os
import time
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import apsw

from broker.care.manifest import (
    KEYRING,
    KEYS,
    MANIFEST,
    TRUST,
    CopiedLedger,
    Manifest,
    described,
    is_ours,
)
from broker.care.unfinished import made_whole
from broker.care.verification import is_whole, verify_hub
from broker.client import Trust
from broker.errors import BackupRefused, FolderUnusable
from broker.files import private_folder, read_whole, write_whole
from broker.ledger.verify import Report
from broker.transport.database import checked_vfs, faults_of_the_folder, keep_checksums, open_database
from broker.transport.ledger_file import LedgerFile
from broker.transport.tables import DATABASE, TABLES

_STEP_PAGES = 256
"""One mebibyte a step: what a disk writes in some milliseconds."""
_BETWEEN_STEPS_S = 0.002
"""For others who wait for the disk."""


def back_up(
    home: Path, to: Path, now: datetime, *, credential: Path | None, detail_days: int | None = None
) -> Manifest:
    """Copy a hub's folder, and verify the copy.

    Args:
        home: The hub's own folder.
        to: Where the backup will be; not there yet. It is there whole or not at all.
        now: The time.
        credential: The hub's, so that it is never copied, wherever it lies. None for a demonstration.
        detail_days: Details of entries that are older may be gone; None: none may.

    Raises:
        FolderUnusable: something cannot be read or written, or *to* is there.
        BackupRefused: the copy is not as it was signed, and so neither is the hub's folder.
    """
    trust = Trust.load(home / TRUST)
    keys = _key_files(home, credential)
    with made_whole(to) as filling:
        _copy_database(home / DATABASE, filling / DATABASE)
        # After the file: a key that was made meanwhile is one too many, and that does no harm.
        private_folder(filling / KEYS)
        for name in (TRUST, KEYRING, *keys):
            data = read_whole(home / name)
            if data is None:
                raise FolderUnusable(f"`{home / name}` is not there")
            write_whole(filling / name, data)
        verified(filling, now, detail_days)
        manifest = Manifest.of(
            hub=trust.hub,
            made_at=now,
            files=tuple(described(filling, name) for name in (DATABASE, TRUST, KEYRING, *keys)),
            ledgers=ledgers_of(filling),
        )
        write_whole(filling / MANIFEST, manifest.to_bytes())
    return manifest


def verified(folder: Path, now: datetime, detail_days: int | None = None) -> Report:
    """What verifying a copy says; nothing is wrong with it. The arguments are those of `back_up`.

    Raises:
        BackupRefused: something is.
        FolderUnusable: it cannot be read.
    """
    if not is_whole(folder / DATABASE):
        raise BackupRefused(f"`{folder / DATABASE}` is damaged")
    report = verify_hub(folder, (), None if detail_days is None else now - timedelta(days=detail_days))
    if report.findings:
        first = report.findings[0]
        raise BackupRefused(f"{len(report.findings)} findings, the first: {first.where}: {first.what}")
    return report


def ledgers_of(home: Path) -> tuple[CopiedLedger, ...]:
    """How far each ledger reaches in a hub's folder or a backup.

    Raises:
        FolderUnusable: the file cannot be read.
    """
    with LedgerFile(home / DATABASE) as stored:
        found = []
        for log in sorted(stored.logs()):
            newest = max(stored.checkpoints(log), default=None)
            size = int.from_bytes((stored.frontier(log) or b"")[:8], "big")
            found.append(CopiedLedger(log=log, size=size, note=None if newest is None else newest[1].decode("utf-8")))
        return tuple(found)


def _key_files(home: Path, credential: Path | None) -> list[str]:
    """The files of the key store. Only those that it makes itself, and never the credential."""
    try:
        names = sorted(f"{KEYS}/{file.name}" for file in (home / KEYS).iterdir() if is_ours(f"{KEYS}/{file.name}"))
    except OSError as error:
        raise FolderUnusable(f"cannot read `{home / KEYS}`: {error.strerror}") from error
    secret = None if credential is None else credential.resolve()
    if any((home / name).resolve() == secret for name in (TRUST, KEYRING, *names)):
        raise FolderUnusable(f"the credential `{credential}` lies among what is backed up: move it first")
    return names


def _copy_database(source: Path, copy: Path) -> None:
    with faults_of_the_folder(copy):
        os.close(os.open(copy, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        with (
            closing(open_database(source, TABLES, readonly=True)) as hub,
            closing(
                apsw.Connection(str(copy.absolute()), flags=apsw.SQLITE_OPEN_READWRITE, vfs=checked_vfs())
            ) as copied,
        ):
            copied.pragma("synchronous", 2)
            keep_checksums(copied)
            # Held open: without it each commit of the hub would have the copy begin again.
            hub.execute("BEGIN")
            hub.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchall()
            with copied.backup("main", hub, "main") as copying:
                while not copying.done:
                    copying.step(_STEP_PAGES)
                    time.sleep(_BETWEEN_STEPS_S)
            hub.execute("COMMIT")
            copied.pragma("journal_mode", "delete")  # one file, that nobody needs to write beside to read it
        descriptor = os.open(copy, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
