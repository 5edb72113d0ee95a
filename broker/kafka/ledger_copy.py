"""A copy of the ledgers in a file of this machine: what proofs, tiles and auditors are given is read there.

It is written behind the lanes, from the ledger's topic, and can be thrown away at any time: the next start reads all of
it again. Several hubs on one data folder each keep one of their own.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import apsw

from broker import telemetry
from broker.errors import Fenced, FolderUnusable, StateUnreadable, TellwiseError
from broker.kafka.coding import from_ledger_record, is_part, joined
from broker.kafka.connection import Connection, answers
from broker.kafka.home import Home
from broker.kafka.names import Names
from broker.kafka.reading import PartitionReader
from broker.ports import Partition
from broker.topics import LEDGER
from broker.transport.database import open_database
from broker.transport.lease import OwnerLock
from broker.transport.records import lane_name
from broker.transport.tables import DATABASE, TABLES
from broker.transport.turn import Growth, Note, grow, keep_notes
from broker.transport.writer import Writer

COPIES_MAX = 64
"""Hubs on one data folder."""
_RECORDS_MAX = 200
_DECIDED_S = 0.02
_LOOK_S = 1.0
"""How far behind the copy is at most while nobody asks; who asks has it catch up first."""


class LedgerCopy:
    """Follows the ledger's topic into a file with a hub's tables, of which it fills `ledger_*` and `position`."""

    def __init__(self, folder: Path, connection: Connection, names: Names, partitions: int) -> None:
        """Take the first file of *folder* that no other process writes: `hub.db`, `hub.2.db` and so on.

        Raises:
            FolderUnusable: none can be used, or it is the file of a hub that runs without Kafka.
            EngineUnsafe: as `open_database`.
        """
        self.path, self._lock = _taken(folder)
        try:
            database = open_database(self.path, TABLES)
            if database.execute("SELECT EXISTS(SELECT 1 FROM topic)").get:
                raise FolderUnusable(f"`{self.path}` is the file of a hub that runs without Kafka")
        except BaseException:
            self._lock.close()
            raise
        self._writer = Writer(database, self.path, lambda _partitions: None)
        self._parts = [_Part(names, connection, index, self._writer) for index in range(partitions)]
        self._following: list[asyncio.Task[None]] = []
        self._home = Home()

    async def start(self) -> None:
        """Read all that is there, and go on to follow.

        Raises:
            EngineAway: the cluster does not answer.
            StateUnreadable: what is there does not continue the copy: remove its file, and see who else removed what.
        """
        self._home.begin()
        await asyncio.gather(*(part.copy() for part in self._parts))
        self._following = [asyncio.create_task(part.follow()) for part in self._parts]

    async def catch_up(self) -> None:
        """Return when the copy holds all that was committed when this was called. Raises as `start`.

        A turn becomes visible in one partition after the other: a desk may have its letter before our reader is shown
        the entry. So all that is written is waited for until it is known what becomes of it.
        """
        await self._home.of(self._catch_up())

    async def _catch_up(self) -> None:
        await asyncio.gather(*(part.catch_up() for part in self._parts))

    async def close(self) -> None:
        """Let go of the file."""
        for task in self._following:
            task.cancel()
        await asyncio.gather(*self._following, return_exceptions=True)
        await asyncio.gather(*(part.close() for part in self._parts))
        await asyncio.to_thread(self._writer.finish)
        await asyncio.to_thread(self._writer.close)
        self._lock.close()


class _Part:
    """One partition of the topic."""

    def __init__(self, names: Names, connection: Connection, index: int, writer: Writer) -> None:
        self._place, self._writer = (LEDGER, index), writer
        self._reader, self._is_started = PartitionReader(connection, names.place(self._place)), False
        self._written = PartitionReader(connection, names.place(self._place), undecided=True)
        self._next = 0
        self._reading = asyncio.Lock()

    async def follow(self) -> None:
        """Read on until cancelled. What fails is tried again."""
        while True:
            await asyncio.sleep(_LOOK_S)
            try:
                await self.copy()
            except TellwiseError as error:
                telemetry.emit(telemetry.Event.LEDGER_NOT_COPIED, level=logging.ERROR, reason=type(error).__name__)

    async def catch_up(self) -> None:
        """Copy all that is committed now, also where no reader is shown it yet."""
        await self.copy()
        written = await self._written.end()
        async with answers():
            while await self._reader.end() < written:  # noqa: ASYNC110
                await asyncio.sleep(_DECIDED_S)  # no event tells it
        await self.copy()

    async def copy(self) -> None:
        """Copy all that a reader is shown to be committed now."""
        async with self._reading:
            if not self._is_started:
                await asyncio.gather(self._reader.start(), self._written.start())
                self._next = await self._writer.commit(_Copied(self._place, (), None))
                self._is_started = True
            held: list[Growth | Note] = []
            start = self._next
            while records := await self._reader.read(start, _RECORDS_MAX, 0):
                held += [from_ledger_record(record.value or b"") for record in records]
                start = records[-1].offset + 1
                if not is_part(held[-1]):  # what was written at once is copied at once
                    self._next = await self._writer.commit(_Copied(self._place, joined(held), start))
                    held = []

    async def close(self) -> None:
        """Let go of the connections."""
        await asyncio.gather(self._reader.close(), self._written.close())


@dataclass(frozen=True, slots=True)
class _Copied:
    """What some records of the topic hold, and the place behind them. Returns that place, as the file has it then."""

    place: Partition
    held: Sequence[Growth | Note]
    after: int | None

    @property
    def size_bytes(self) -> int:
        return sum(len(leaf.entry) + len(leaf.detail or b"") for held in self._growths for leaf in held.leaves)

    @property
    def partitions(self) -> Sequence[Partition]:
        return ()

    @property
    def _growths(self) -> list[Growth]:
        return [held for held in self.held if isinstance(held, Growth)]

    def apply(self, connection: apsw.Connection) -> int:
        lane = lane_name(self.place)
        for growth in self._growths:
            try:
                grow(connection, growth)
            except Fenced as error:
                raise StateUnreadable(f"the ledger on Kafka does not continue its copy: {error}") from None
        keep_notes(connection, [held for held in self.held if isinstance(held, Note)])
        if self.after is not None:
            connection.execute(
                "INSERT INTO position(lane, offset) VALUES(?, ?) ON CONFLICT DO UPDATE SET offset = excluded.offset",
                (lane, self.after),
            )
        after: int | None = connection.execute("SELECT offset FROM position WHERE lane = ?", (lane,)).get
        return after or 0


def _taken(folder: Path) -> tuple[Path, OwnerLock]:
    for number in range(1, COPIES_MAX + 1):
        path = folder / (DATABASE if number == 1 else f"hub.{number}.db")
        lock = OwnerLock(path)
        if lock.take():
            return path, lock
        lock.close()
    raise FolderUnusable(f"{COPIES_MAX} hubs are at work on `{folder}`")
