"""What the disk is asked to do, and what happens when it does not."""

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from broker.errors import FolderUnusable, OutcomeUnknown
from broker.transport.database import open_database
from broker.transport.records import Publication
from broker.transport.tables import TABLES
from broker.transport.writer import Writer


class WatchedFile(apsw.VFSFile):
    """A file whose syncs are counted, and fail when told to."""

    def __init__(self, disk: "WatchedDisk", name: apsw.URIFilename | str | None, flags: list[int]) -> None:
        self._disk = disk
        self._is_wal = bool(flags[0] & apsw.SQLITE_OPEN_WAL)
        super().__init__("unix", name, flags)

    def xSync(self, flags: int) -> None:  # noqa: N802 - SQLite's name
        if self._is_wal:
            self._disk.syncs += 1
            if self._disk.is_failing:
                raise apsw.IOError("the disk does not answer")
        super().xSync(flags)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        if self._is_wal and self._disk.is_full:
            raise apsw.FullError("the disk is full")
        super().xWrite(data, offset)


class WatchedDisk(apsw.VFS):
    """The machine's disk, watched."""

    def __init__(self) -> None:
        super().__init__("watched", "unix")
        self.syncs = 0
        self.is_failing = False
        self.is_full = False

    def xOpen(self, name: apsw.URIFilename | str | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        return WatchedFile(self, name, flags)


@pytest.fixture
def disk() -> Iterator[WatchedDisk]:
    watched = WatchedDisk()
    yield watched
    watched.unregister()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "hub.db"


@pytest.fixture
def writer(disk: WatchedDisk, path: Path) -> Iterator[Writer]:
    made = Writer(open_database(path, TABLES, vfs="watched"), path, lambda _: None)
    yield made
    disk.is_failing = disk.is_full = False
    made.close()


def say(writer: Writer, *values: bytes) -> None:
    async def at_once() -> None:
        outcomes = await asyncio.gather(
            *(writer.commit(Publication(("lane.0", 0), [value])) for value in values), return_exceptions=True
        )
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome

    asyncio.run(at_once())


def values(path: Path) -> list[bytes]:
    reader = open_database(path, TABLES)
    found = reader.execute("SELECT value FROM record ORDER BY offset").fetchall()
    reader.close()
    return [bytes(value) for (value,) in found]  # type: ignore[arg-type]


def after_a_power_cut(disk: WatchedDisk, path: Path, folder: Path) -> list[bytes]:
    """What a restart finds on the disk as it is now. Only at the end: copying the file costs SQLite its locks."""
    disk.is_failing = disk.is_full = False
    folder.mkdir()
    for name in ("hub.db", "hub.db-wal"):
        shutil.copy(path.with_name(name), folder / name)
    return values(folder / "hub.db")


def test_nothing_is_acknowledged_before_the_disk_has_it(disk: WatchedDisk, writer: Writer) -> None:
    say(writer, b"Dana moves")  # the first commit also syncs the head of the WAL
    for n in range(10):
        before = disk.syncs
        say(writer, b"Dana moves for the %d. time" % n)

        assert disk.syncs == before + 1


def test_many_at_once_share_a_sync(disk: WatchedDisk, writer: Writer) -> None:
    say(writer, b"Dana moves")
    before = disk.syncs
    say(writer, *(b"Dana moves for the %d. time" % n for n in range(100)))

    assert disk.syncs - before < 20


def test_when_the_sync_fails_nobody_says_that_it_did_not_happen(
    disk: WatchedDisk, writer: Writer, path: Path, tmp_path: Path
) -> None:
    say(writer, b"Dana moves")
    disk.is_failing = True
    with pytest.raises(OutcomeUnknown) as caught:
        say(writer, b"Dana moves again")

    assert isinstance(caught.value.__cause__, apsw.IOError)
    assert values(path) == [b"Dana moves"]
    assert after_a_power_cut(disk, path, tmp_path / "restarted") == [b"Dana moves", b"Dana moves again"]


def test_what_is_committed_next_settles_what_was_unknown(
    disk: WatchedDisk, writer: Writer, path: Path, tmp_path: Path
) -> None:
    say(writer, b"Dana moves")
    disk.is_failing = True
    with pytest.raises(OutcomeUnknown):
        say(writer, b"Dana moves again", b"and again")
    disk.is_failing = False
    say(writer, b"Reed is on leave")

    assert after_a_power_cut(disk, path, tmp_path / "restarted") == [b"Dana moves", b"Reed is on leave"]


def test_when_the_disk_is_full_it_did_not_happen(disk: WatchedDisk, writer: Writer, path: Path, tmp_path: Path) -> None:
    say(writer, b"Dana moves")
    disk.is_full = True
    with pytest.raises(FolderUnusable, match="full"):
        say(writer, b"Dana moves again")

    assert after_a_power_cut(disk, path, tmp_path / "restarted") == [b"Dana moves"]


def test_when_there_is_room_again_the_writer_goes_on(disk: WatchedDisk, writer: Writer, path: Path) -> None:
    disk.is_full = True
    with pytest.raises(FolderUnusable, match="full"):
        say(writer, b"Dana moves", b"Dana moves again")
    disk.is_full = False
    say(writer, b"Reed is on leave")

    assert values(path) == [b"Reed is on leave"]
