"""One SQLite file as we trust it: how it is opened, and when it is refused.

The hub's file and each desk's own store are opened here. What comes back has committed a change only when the disk has
it, and whatever would weaken that is refused before anything is written. Source: https://sqlite.org/pragma.html
"""

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from hashlib import sha256
from pathlib import Path

import apsw
import apsw.sqlite_extra

from broker.errors import EngineUnsafe, FolderUnusable

APPLICATION_ID = 0x54656C6C  # "Tell"

# README.md says why each. All of them are read back: `execute` with several statements stops at the first row until
# somebody reads it, and a PRAGMA that SQLite does not like is passed over in silence.
_BUSY_LONGEST_MS = 5_000
_PRAGMAS: tuple[tuple[str, str | int], ...] = (
    ("page_size", 4_096),
    ("journal_mode", "wal"),
    ("synchronous", 2),  # FULL
    ("fullfsync", 1),
    ("secure_delete", 1),
    ("cache_size", -16_384),  # KiB
    ("foreign_keys", 0),
)

# A disk that gives back other bytes than it was given says nothing of it. SQLite's own extension keeps a checksum at
# the end of each page and reads none that does not fit. Source: https://sqlite.org/cksumvfs.html
_CHECKED = "cksmvfs"
_CHECKSUM_BYTES = 8

FAULTS_OF_THE_FOLDER = (
    OSError,
    apsw.BusyError,
    apsw.CantOpenError,
    apsw.CorruptError,
    apsw.FullError,
    apsw.IOError,
    apsw.LockedError,
    apsw.NotADBError,
    apsw.PermissionsError,
    apsw.ReadOnlyError,
)


def has_wal_reset_bug(version: tuple[int, ...]) -> bool:
    """Whether this SQLite loses committed data when two connections write or checkpoint at once.

    Source: https://sqlite.org/wal.html#the_wal_reset_bug
    """
    return (3, 7, 0) <= version <= (3, 51, 2) and version not in {(3, 44, 6), (3, 50, 7)}


def open_database(path: Path, ddl: str, *, readonly: bool = False, vfs: str | None = None) -> apsw.Connection:
    """Open the file, and make it first if it is not there.

    Args:
        path: On a local disk. The file is made for its owner alone, and so is each folder above it that is missing.
        ddl: The tables of a new file. A file that was made with others is refused, so that a changed table is never
            met by chance: whoever changes one also says how old files are brought along.
        readonly: Open what is there for reading, and make nothing.
        vfs: The name of a registered VFS by which SQLite reaches the disk; None for the machine's own, with a checksum
            in each page. A file that is made by a VFS that is named here has none.

    Raises:
        EngineUnsafe: this SQLite loses committed data, cannot keep checksums, or does not do what it is told.
        FolderUnusable: the file cannot be read or written, is damaged, or is not one of ours.
    """
    version = tuple(int(number) for number in apsw.sqlite_lib_version().split("."))
    if has_wal_reset_bug(version):
        raise EngineUnsafe(f"sqlite {apsw.sqlite_lib_version()} has the WAL-reset bug and can lose what was committed")
    vfs = vfs or checked_vfs()
    with faults_of_the_folder(path):
        if readonly:
            return _connect(path, ddl, apsw.SQLITE_OPEN_READONLY, vfs)
        _make_folder(path.parent)
        with _alone_in(path.parent) as descriptor:
            # O_EXCL also because closing a file that is open elsewhere in this process drops SQLite's locks on it.
            with suppress(FileExistsError):
                os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
            # Each time, because we may have died after making the file. SQLite syncs the folder for its WAL itself.
            os.fsync(descriptor)
            return _connect(path, ddl, apsw.SQLITE_OPEN_READWRITE, vfs)


@contextmanager
def faults_of_the_folder(path: Path) -> Iterator[None]:
    """Say in one line what is wrong with the disk or the file, if that is what the block fails on.

    Raises:
        FolderUnusable: from what was raised.
    """
    try:
        yield
    except FAULTS_OF_THE_FOLDER as error:
        raise folder_unusable(path, error) from error


def folder_unusable(path: Path, error: Exception) -> FolderUnusable:
    """The one line for a fault of the disk or the file."""
    text = (error.strerror if isinstance(error, OSError) else None) or str(error)
    if getattr(error, "extendedresult", 0) == apsw.SQLITE_IOERR_DATA:
        text = "a page of it is damaged"
    return FolderUnusable(f"cannot use `{path}`: {text[:1].lower()}{text[1:]}")


def is_fault_of_the_folder(error: Exception) -> bool:
    """Whether it is the disk or the file that failed, and not the one who asked."""
    return isinstance(error, FAULTS_OF_THE_FOLDER)


@cache
def checked_vfs() -> str:
    """The name of the VFS that keeps checksums. From the first call on it is also the process's own.

    Raises:
        EngineUnsafe: this SQLite has none.
    """
    passing = apsw.Connection(":memory:")
    try:
        apsw.sqlite_extra.load(passing, "cksumvfs")
    except apsw.sqlite_extra.NotAvailable as error:
        raise EngineUnsafe("this build of sqlite cannot keep checksums of its pages") from error
    finally:
        passing.close()
    return _CHECKED


def keep_checksums(connection: apsw.Connection) -> None:
    """Let an empty database keep a checksum in each page.

    Its head, which says so, is on the disk when this returns: a page that is written before its head gets none.

    Args:
        connection: Opened with `vfs=checked_vfs()`, not in a transaction.
    """
    connection.reserve_bytes(reserve=_CHECKSUM_BYTES)
    connection.pragma("user_version", 0)


def _connect(path: Path, ddl: str, flags: int, vfs: str | None) -> apsw.Connection:
    connection = apsw.Connection(str(path.absolute()), flags=flags, vfs=vfs)
    try:
        connection.set_busy_timeout(_BUSY_LONGEST_MS)
        # Whose file it is comes first: nothing is written into a stranger's, not even a journal mode.
        is_new = _is_new(connection, path, ddl)
        if flags == apsw.SQLITE_OPEN_READONLY:
            if is_new:
                raise FolderUnusable(f"cannot use `{path}`: it is empty")
            return connection
        if is_new and vfs == _CHECKED:
            keep_checksums(connection)
        for name, value in _PRAGMAS:
            connection.pragma(name, value)
            found = connection.pragma(name)
            if found != value:
                raise EngineUnsafe(f"sqlite keeps {name} at `{found}` for `{path}`, not at `{value}`")
        # A file that may only be read would otherwise be found out by the first commit: SQLite opens it all the same.
        connection.execute("BEGIN IMMEDIATE")
        if is_new:
            connection.execute(ddl).fetchall()
            connection.pragma("application_id", APPLICATION_ID)
            connection.pragma("user_version", _version(ddl))
        connection.execute("COMMIT")
    except BaseException:
        connection.close()
        raise
    return connection


def _is_new(connection: apsw.Connection, path: Path, ddl: str) -> bool:
    connection.execute("BEGIN")  # three looks at one moment
    application, version = connection.pragma("application_id"), connection.pragma("user_version")
    is_empty = not connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchall()
    connection.execute("COMMIT")
    if application == APPLICATION_ID and version == _version(ddl):
        return False
    if application == APPLICATION_ID:
        raise FolderUnusable(f"cannot use `{path}`: its tables are those of another part or version of Tellwise")
    if application or version or not is_empty:
        raise FolderUnusable(f"cannot use `{path}`: it is a database, but not one of Tellwise")
    return True


def _version(ddl: str) -> int:
    """A number from 1 that changes with the tables, so that nobody can forget to raise it. Comments do not count."""
    told = " ".join(re.sub("--.*", "", ddl).split())
    return int.from_bytes(sha256(told.encode()).digest()[:4], "big") >> 1 or 1


def _make_folder(folder: Path) -> None:
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    with _open_folder(folder.parent) as descriptor:
        os.fsync(descriptor)


@contextmanager
def _alone_in(folder: Path) -> Iterator[int]:
    """Let one process at a time make a file; the lock goes with the descriptor."""
    with _open_folder(folder) as descriptor:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor


@contextmanager
def _open_folder(folder: Path) -> Iterator[int]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
