"""A folder that another system writes into: which files are whole, and a copy of one that nobody can change any more.

LIMIT: whether somebody still writes to a file can be asked only on Linux, of a local file that is ours. Elsewhere a
writer that pauses for longer than the time to settle has its file taken half; it then counts as another file when it is
whole, and its first rows are said twice.
"""

import errno
import fcntl
import os
import shutil
import signal
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from broker.errors import FolderUnusable
from broker.files import private_folder, sync_folder

_SUFFIX = ".csv"


@dataclass(frozen=True, slots=True)
class Version:
    """A file as it was at one moment."""

    device: int
    inode: int
    size: int
    changed_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> "Version":
        """From what the system says of it."""
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


@dataclass(frozen=True, slots=True)
class Taken:
    """A file that was whole, and what it held."""

    name: str
    version: Version
    content: BinaryIO
    """Ours alone, from its beginning; gone when it is closed."""
    digest: str
    """SHA-256, in hex, over its name and what it holds."""


class DropFolder:
    """The folder `in`."""

    def __init__(self, folder: Path, settle: timedelta, bytes_max: int) -> None:
        """Watch a folder; it is made if it is not there.

        Args:
            folder: Where others drop files.
            settle: How long a file must have stayed as it is.
            bytes_max: Larger files stay where they are.

        Raises:
            FolderUnusable: it cannot be made.
        """
        self._folder, self._settle, self._bytes_max = private_folder(folder), settle, bytes_max
        self._since: dict[str, tuple[Version, datetime]] = {}
        self.too_large = 0
        """How many files stay where they are for their size, as of the last look."""

    def whole(self, now: datetime) -> list[str]:
        """The files that stayed as they are since an earlier look, long enough; oldest name first.

        The time is counted from when they were first seen so: what a file says of its own time is its writer's.

        Raises:
            FolderUnusable: the folder cannot be read.
        """
        seen = {name: Version.of(status) for name, status in self._files()}
        self.too_large = sum(version.size > self._bytes_max for version in seen.values())
        before = self._since
        self._since = {
            name: before[name] if name in before and before[name][0] == version else (version, now)
            for name, version in seen.items()
        }
        return sorted(
            name
            for name, (version, since) in self._since.items()
            if name in before and before[name][0] == version
            if now - since >= self._settle and version.size <= self._bytes_max
        )

    @contextmanager
    def take(self, name: str, scratch: Path) -> Iterator[Taken | None]:
        """Copy a file away from those who can write to it; None if it is not whole after all.

        Args:
            name: One of `whole`.
            scratch: A folder of ours, for a copy that has no name.

        Raises:
            FolderUnusable: there is no room for the copy.
        """
        try:
            handle = os.open(self._folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            yield None  # gone, or not ours to read
            return
        with os.fdopen(handle, "rb") as file, _nameless(scratch) as copy:
            seen = self._since.get(name)
            status = os.fstat(handle)
            if not stat.S_ISREG(status.st_mode) or seen is None or Version.of(status) != seen[0]:
                yield None
                return
            if _is_being_written(handle):
                yield None
                return
            digest = _copy(file, copy, self._folder / name)
            yield Taken(name, seen[0], copy, digest) if Version.of(os.fstat(handle)) == seen[0] else None

    def move(self, taken: Taken, target: Path) -> None:
        """Put a file that was taken where it belongs, whatever was dropped under its name since.

        Args:
            taken: The file.
            target: Its new path, on the same file system; free.

        Raises:
            FolderUnusable: it cannot be moved.
        """
        source = self._folder / taken.name
        self._since.pop(taken.name, None)
        try:
            if not source.exists() or Version.of(source.lstat()) != taken.version:
                return  # another file by now: it is looked at anew
            source.rename(target)
            if Version.of(target.lstat()) != taken.version:  # it was replaced in this very moment
                target.rename(free_path(self._folder, taken.name))
            sync_folder(target.parent)
            sync_folder(self._folder)
        except OSError as error:
            raise FolderUnusable(f"cannot move a file to `{target.parent}`: {error.strerror}") from error

    def _files(self) -> Iterator[tuple[str, os.stat_result]]:
        try:
            with os.scandir(self._folder) as entries:
                for entry in entries:
                    if entry.name.startswith(".") or not entry.name.lower().endswith(_SUFFIX):
                        continue
                    try:
                        status = entry.stat(follow_symlinks=False)
                    except FileNotFoundError:
                        continue  # gone again
                    if stat.S_ISREG(status.st_mode):
                        yield entry.name, status
        except OSError as error:
            raise FolderUnusable(f"cannot read `{self._folder}`: {error.strerror}") from error


def free_path(folder: Path, name: str, *others: Path) -> Path:
    """A path for *name* that is free in *folder* and in *others*: `moves.csv`, else `moves.2.csv`, and so on."""
    stem, suffix = Path(name).stem, Path(name).suffix
    number, tried = 1, name
    while any(os.path.lexists(place / tried) for place in (folder, *others)):
        number += 1
        tried = f"{stem}.{number}{suffix}"
    return folder / tried


@contextmanager
def _nameless(folder: Path) -> Iterator[BinaryIO]:
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            yield file
    except OSError as error:
        raise FolderUnusable(f"cannot write in `{folder}`: {error.strerror}") from error


def _copy(file: BinaryIO, copy: BinaryIO, path: Path) -> str:
    digest = sha256(path.name.encode("utf-8", "surrogateescape") + b"\0")
    try:
        shutil.copyfileobj(file, copy, 1_048_576)
        copy.seek(0)
        while piece := copy.read(1_048_576):
            digest.update(piece)
        copy.seek(0)
    except OSError as error:
        raise FolderUnusable(f"cannot copy a file of `{path.parent}`: {error.strerror}") from error
    return digest.hexdigest()


def _is_being_written(handle: int) -> bool:
    """Whether some process has the file open for writing. False where that cannot be known.

    Source: fcntl(2), "Leases": a read lease is given only while nobody has the file open for writing.
    """
    if sys.platform != "linux":
        return False
    try:
        # Somebody who opens the file between the next two lines makes the kernel signal us. SIGIO would end the
        # process; this signal is one that nobody minds.
        fcntl.fcntl(handle, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError as error:
        return error.errno == errno.EAGAIN
    return False
