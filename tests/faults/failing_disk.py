"""A disk that fails when a test says so: it is full, answers with an error, or may only be read. Then it is back."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path

import apsw

NAME = "failing"


class Failure(Enum):
    """How it fails."""

    FULL = "a full disk"
    """Nothing can be written; SQLITE_FULL."""
    WRITE = "an I/O error at a write"
    """Each write fails with EIO."""
    SYNC = "an I/O error at a sync"
    """Writes succeed, as far as anybody can tell, and syncs fail with EIO."""
    READ_ONLY = "a disk that may only be read"
    """As a file system that is mounted anew after an error."""


class FailingDisk(apsw.VFS):
    """The machine's disk, below SQLite. It fails for the files of one folder."""

    def __init__(self, folder: Path) -> None:
        """Register it as `failing`."""
        super().__init__(NAME, "unix")
        self._folder = str(folder)
        self._failure: Failure | None = None
        self._syncs_left = 0

    def fail(self, failure: Failure, *, after_syncs: int = 0) -> None:
        """Fail from now on, once so many syncs of the log have succeeded: a commit is one of them."""
        self._failure, self._syncs_left = failure, after_syncs

    def mend(self) -> None:
        """The disk is back."""
        self._failure = None

    def xOpen(self, name: apsw.URIFilename | str | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802 - SQLite's name
        """See SQLite."""
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        if path is None or not path.startswith(self._folder):
            return apsw.VFSFile("unix", name, flags)
        return _File(self, name, flags)

    def write(self) -> None:
        """Before each write."""
        if self._syncs_left:
            return
        match self._failure:
            case Failure.FULL:
                raise apsw.FullError("the disk is full")
            case Failure.WRITE:
                raise apsw.IOError("the disk does not answer")
            case Failure.READ_ONLY:
                raise apsw.ReadOnlyError("the disk may only be read")

    def sync(self) -> None:
        """Before each sync of the log."""
        if self._syncs_left:
            self._syncs_left -= 1
        elif self._failure is Failure.SYNC:
            raise apsw.IOError("the disk does not answer")


class _File(apsw.VFSFile):
    def __init__(self, disk: FailingDisk, name: apsw.URIFilename | str | None, flags: list[int]) -> None:
        self._disk, self._is_log = disk, bool(flags[0] & apsw.SQLITE_OPEN_WAL)
        super().__init__("unix", name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802 - SQLite's names
        self._disk.write()
        super().xWrite(data, offset)

    def xSync(self, flags: int) -> None:  # noqa: N802
        if self._is_log:
            self._disk.sync()
        super().xSync(flags)


@contextmanager
def failing_disk(folder: Path) -> Iterator[FailingDisk]:
    """Such a disk, until the block ends, for what lies in *folder*. Open files with `vfs=NAME`."""
    disk = FailingDisk(folder)
    try:
        yield disk
    finally:
        disk.unregister()
