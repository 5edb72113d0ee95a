"""Whether a hub's or a desk's SQLite file is ours, whole and not too large, read without leaving anything beside it."""

import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

from broker.errors import FolderUnusable
from broker.health.findings import Finding, ok, problem, warning
from broker.transport.database import faults_of_the_folder, open_database

LOOK_S = 10.0
"""A doctor is asked by somebody who waits, and a reader that stays keeps the WAL from being folded in."""
WAL_BYTES_WARNING = 2**30
"""The hub folds its WAL in long before: a larger one means that some reader never lets go."""

_STEPS_BETWEEN_LOOKS_AT_THE_TIME = 1_000
_RESTORE = "Stop what uses it, keep a copy as it is, and restore the folder together with its keys."


def database(path: Path, ddl: str, monotonic_s: Callable[[], float] = time.monotonic) -> list[Finding]:
    """Whether the file is what its name says.

    Args:
        path: The file, which is there.
        ddl: The tables that it must have been made with.
        monotonic_s: Seconds that only grow.

    Raises:
        FolderUnusable: it cannot be read, or is not one of ours.
    """
    log = _beside(path, "-wal")
    was_still = not log.exists()
    found = _looked_through(path, ddl, monotonic_s)
    if was_still and log.exists():  # somebody opened it meanwhile, and changed what we took for unchanging
        found = _looked_through(path, ddl, monotonic_s)
    if (bits := stat.S_IMODE(path.stat().st_mode)) & 0o077:
        what = f"others than its owner may read or change `{path}` ({bits:04o})"
        found.append(problem(what, f"chmod 600 {path}, and find out who read it."))
    if log.exists():
        found += wal(path, log.stat().st_size)
    return found


@contextmanager
def opened(path: Path, ddl: str) -> Iterator[apsw.Connection]:
    """The file for reading, as it is, known to be ours.

    SQLite makes a `-wal` and a `-shm` even for a reader, and a reader cannot remove them. So a file without a WAL,
    which nobody has open, is read as one that does not change. Source: https://sqlite.org/uri.html#uriimmutable

    Raises:
        FolderUnusable: it is not one of ours, or of another version.
    """
    options = "mode=ro" if _beside(path, "-wal").exists() else "mode=ro&immutable=1"
    uri = f"{path.absolute().as_uri()}?{options}"
    connection = apsw.Connection(uri, flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)
    try:
        if _mark(connection) != _mark_of_a_new_file(ddl):
            raise FolderUnusable(f"cannot use `{path}`: it is not a database of this version of Tellwise")
        yield connection
    finally:
        connection.close()


def wal(path: Path, size: int) -> list[Finding]:
    """Whether the write-ahead log stays small.

    Args:
        path: The database.
        size: Bytes of its WAL.
    """
    if size <= WAL_BYTES_WARNING:
        return []
    what = f"the write-ahead log of `{path}` has {size // 2**20} MiB"
    return [warning(what, "Look for a program that keeps the file open for reading, such as a backup.")]


def _looked_through(path: Path, ddl: str, monotonic_s: Callable[[], float]) -> list[Finding]:
    with faults_of_the_folder(path), opened(path, ddl) as connection:
        return _whole(path, connection, monotonic_s)


def _whole(path: Path, connection: apsw.Connection, monotonic_s: Callable[[], float]) -> list[Finding]:
    until = monotonic_s() + LOOK_S
    connection.set_progress_handler(lambda: monotonic_s() > until, _STEPS_BETWEEN_LOOKS_AT_THE_TIME)
    try:
        answers = connection.execute("PRAGMA quick_check(1)").fetchall()
    except apsw.InterruptError:
        what = f"`{path}` was not looked through to its end within {LOOK_S:.0f} s"
        return [warning(what, "Run SQLite's own `PRAGMA quick_check` on a copy.")]
    except apsw.CorruptError:
        answers = []
    if answers != [("ok",)]:
        return [problem(f"`{path}` is damaged", _RESTORE)]
    return [ok(f"`{path}` is whole: {path.stat().st_size // 2**20} MiB")]


def _mark(connection: apsw.Connection) -> tuple[object, object]:
    return connection.pragma("application_id"), connection.pragma("user_version")


def _mark_of_a_new_file(ddl: str) -> tuple[object, object]:
    # Asked of the code that makes such files, so that there is no second opinion on what marks them.
    with tempfile.TemporaryDirectory() as folder:
        made = open_database(Path(folder) / "new.db", ddl)
        try:
            return _mark(made)
        finally:
            made.close()


def _beside(path: Path, end: str) -> Path:
    return path.with_name(path.name + end)
