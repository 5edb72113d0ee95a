"""A disk that remembers in which order it was written and synced, so that the power can be cut later, at any call.

It stands below SQLite (a VFS) and passes everything on to the machine's own disk, by way of our checksums. What is not
synced when the power goes may have reached the disk or not, each write for itself, and the last one may be torn: so a
cut keeps, of each file, what its last sync held, and of the later writes whichever a seed chooses.
"""

import random
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import apsw

from broker.transport.database import checked_vfs
from tests.faults.page_checksums import PAGE, with_checksums

NAME = "power-cut"
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Written:
    """Bytes that SQLite wrote to a file."""

    file: str
    at: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Truncated:
    """A file that SQLite made shorter, or longer."""

    file: str
    size: int


@dataclass(frozen=True, slots=True)
class Synced:
    """From here on, all of the file before it is on the disk."""

    file: str


Change = Written | Truncated
Event = Change | Synced


class PowerCutDisk(apsw.VFS):
    """The machine's disk, with a memory. `events` holds what SQLite asked of it, and whatever else a test notes there,
    in the order in which it came to be."""

    def __init__(self, *, lies: bool = False) -> None:
        """Register it as `power-cut`. One that *lies* says that it synced, and did not."""
        super().__init__(NAME, checked_vfs())
        self.events: list[object] = []
        self.lies = lies

    def xOpen(self, name: apsw.URIFilename | str | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802 - SQLite's name
        """See SQLite. What has no name is for the moment, and gone with the power."""
        return apsw.VFSFile(checked_vfs(), name, flags) if name is None else _File(self, name, flags)

    def note(self, what: object) -> None:
        """Remember that this is so from now on: somebody was told that it survives."""
        self.events.append(what)

    def told(self, moment: int, kind: type[_T]) -> list[_T]:
        """What of this kind was noted before *moment*, a number of events."""
        return [event for event in self.events[:moment] if isinstance(event, kind)]

    def cut(self, moment: int, before: dict[str, bytes], chance: random.Random) -> dict[str, bytes]:
        """What every file holds after the power was cut.

        Args:
            moment: How many events had come to be.
            before: What each file held when the memory begins, by its path; one that is missing is made later.
            chance: Chooses what of the unsynced reached the disk.
        """
        synced = {file: bytearray(data) for file, data in before.items()}
        later: defaultdict[str, list[Change]] = defaultdict(list)
        for event in self.events[:moment]:
            match event:
                case Synced(file):
                    _apply(synced.setdefault(file, bytearray()), later.pop(file, ()))
                case Written(file) | Truncated(file):
                    later[file].append(event)
        for file, changes in later.items():
            kept = [change for change in changes if chance.random() < 0.5]
            if kept and isinstance(kept[-1], Written) and chance.random() < 0.5:
                torn = kept.pop()
                assert isinstance(torn, Written)
                kept.append(Written(file, torn.at, torn.data[: chance.randrange(len(torn.data) + 1)]))
            _apply(synced.setdefault(file, bytearray()), kept)
        return {file: bytes(data) for file, data in synced.items()}


class _File(apsw.VFSFile):
    """A file of it. Shared memory is not on the disk, and not remembered."""

    def __init__(self, disk: PowerCutDisk, name: apsw.URIFilename | str, flags: list[int]) -> None:
        self._disk = disk
        self._name = name.filename() if isinstance(name, apsw.URIFilename) else name
        super().__init__(checked_vfs(), name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802 - SQLite's names
        super().xWrite(data, offset)
        is_page = len(data) == PAGE and not self._name.endswith("-wal")  # below us each page of the file gets its sum
        self._disk.note(Written(self._name, offset, with_checksums(bytes(data)) if is_page else bytes(data)))

    def xTruncate(self, size: int) -> None:  # noqa: N802
        super().xTruncate(size)
        self._disk.note(Truncated(self._name, size))

    def xSync(self, flags: int) -> None:  # noqa: N802
        if not self._disk.lies:
            self._disk.note(Synced(self._name))
        super().xSync(flags)


@contextmanager
def power_cut_disk(*, lies: bool = False) -> Iterator[PowerCutDisk]:
    """Such a disk, until the block ends. Open files with `vfs=NAME`."""
    disk = PowerCutDisk(lies=lies)
    try:
        yield disk
    finally:
        disk.unregister()


def files_under(folder: Path) -> dict[str, bytes]:
    """What the databases below *folder* hold now, by their paths. Nobody may have them open."""
    return {str(path): path.read_bytes() for path in folder.rglob("*.db*") if path.suffix in (".db", ".db-wal")}


def restart(files: dict[str, bytes], was: Path, now: Path) -> None:
    """Write what is left of the databases of *was* into a copy of that folder at *now*, as a machine that starts again
    would find them."""
    for path, data in files.items():
        there = now / Path(path).relative_to(was)
        there.parent.mkdir(parents=True, exist_ok=True)
        there.write_bytes(data)


def _apply(content: bytearray, changes: Iterable[Change]) -> None:
    for change in changes:
        match change:
            case Written(_, at, data):
                content.extend(bytes(max(at - len(content), 0)))
                content[at : at + len(data)] = data
            case Truncated(_, size):
                del content[size:]
                content.extend(bytes(max(size - len(content), 0)))
