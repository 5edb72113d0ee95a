"""The engine for one machine: topics, lanes and sealed state in one SQLite file.

A turn's letters, entries, rows and position are one commit of one file, so there is nothing that could be half done.
See README.md for what is promised, and by what.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import TypeVar

from broker.errors import Fenced, TellwiseError
from broker.ports import Assigned, Clock, LaneEvent, Partition, Record, Revoked, RowKey, SealedRow, Table, Tx
from broker.transport.bell import Bell
from broker.transport.database import open_database
from broker.transport.events import Events
from broker.transport.lease import RENEWED_AFTER_MS, Fence, GiveUp, Owner, OwnerLock, Renew, Take
from broker.transport.reader import Reader
from broker.transport.records import Publication, lane_name
from broker.transport.tables import TABLES
from broker.transport.turn import CollectedTx, Turn
from broker.transport.writer import Write, Writer

T = TypeVar("T")


class EmbeddedTransport:
    """`Transport` on one file. Several processes may open it; each lane has one owner among them."""

    def __init__(self, path: Path, clock: Clock) -> None:
        """Open the file, and make it if it is not there.

        Args:
            path: On a local disk, in a folder of its own. Beside it will stand `-wal`, `-shm` and `.owner`.
            clock: Says when a lease has run out. Read in the event loop only.

        Raises:
            EngineUnsafe: the storage would not keep our promises.
            FolderUnusable: the file cannot be used, or is not one of ours.
        """
        connection = open_database(path, TABLES)
        self._clock = clock
        self._lock = OwnerLock(path)
        self._process = token_hex(8)
        self._blocks_opened = self._blocks_open = 0
        self._bell = Bell()
        self._reader = Reader(path)
        self._writer = Writer(connection, path, self._bell.ring)

    async def publish(self, topic: str, values: Sequence[bytes], *, partition: int = 0) -> Sequence[int]:
        """See `Transport.publish`."""
        if not values:
            return ()
        return await self._writer.commit(Publication((topic, partition), tuple(values)))

    async def read(
        self, topic: str, start: int, records_max: int, wait_ms: int, *, partition: int = 0
    ) -> Sequence[Record]:
        """See `Transport.read`."""
        place = (topic, partition)
        return await _first_found(self._bell, place, wait_ms, lambda: self._reader.records(place, start, records_max))

    @asynccontextmanager
    async def lanes(self, topics: Sequence[tuple[str, int]]) -> AsyncIterator[AsyncIterator[LaneEvent]]:
        """See `Transport.lanes`."""
        self._blocks_opened += 1
        self._blocks_open += 1
        owner = Owner(self._process, self._blocks_opened, has_lock=self._lock.take())
        events = Events()
        lanes: list[EmbeddedLane] = []
        try:
            names = [lane_name(partition) for partition in topics]
            epochs = await self._writer.commit(Take(owner, names, self._clock.now()))
            for partition, epoch in zip(topics, epochs, strict=True):
                lane = EmbeddedLane(partition, epoch, self._writer, self._reader, self._bell, self._clock, events)
                lanes.append(lane)
                events.tell(Assigned(lane))
            keeper = asyncio.create_task(self._keep(owner, lanes))
            try:
                yield events
            finally:
                keeper.cancel()
        finally:
            events.end()
            for lane in lanes:
                lane.lose()
            try:
                # Also when we were cancelled while taking: the writer takes all the same, and then gives up.
                with suppress(TellwiseError, RuntimeError):  # the disk fails, or closed: then the lock says the rest
                    await self._writer.commit(GiveUp(owner))
            finally:
                self._blocks_open -= 1
                if not self._blocks_open:
                    self._lock.release()

    async def prune(self, removal: Write[T]) -> T:
        """Remove something, as a transaction of its own between turns; see pruning.py.

        Raises:
            FolderUnusable, OutcomeUnknown: as `publish`.
        """
        return await self._writer.commit(removal)

    def row(self, lane: str, table: Table, key: RowKey) -> SealedRow | None:
        """A row of a lane's state, for whoever removes what is used up."""
        return self._reader.row(lane, table, key)

    def rows_after(self, lane: str, table: Table, key: RowKey, most: int) -> list[tuple[RowKey, SealedRow]]:
        """At most *most* rows of a lane's state behind *key*, in the order of their keys."""
        return self._reader.rows_after(lane, table, key, most)

    async def close(self) -> None:
        """See `Transport.close`."""
        await asyncio.to_thread(self._writer.finish)
        self._reader.close()
        await asyncio.to_thread(self._writer.close)  # last, so that it can leave one file without a WAL
        self._lock.close()

    async def _keep(self, owner: Owner, lanes: "Sequence[EmbeddedLane]") -> None:
        """Renew the leases for as long as the block is open, and say which of them are lost."""
        while True:
            await asyncio.sleep(RENEWED_AFTER_MS / 1000)
            with suppress(TellwiseError, RuntimeError):  # tried again, or closed; the fence holds in any case
                kept = await self._writer.commit(Renew(owner, self._clock.now()))
                for lane in lanes:
                    if lane.name not in kept:
                        lane.lose()


class EmbeddedLane:
    """`Lane` on one file, under one epoch of its lease."""

    def __init__(
        self,
        partition: Partition,
        epoch: int,
        writer: Writer,
        reader: Reader,
        bell: Bell,
        clock: Clock,
        events: Events,
    ) -> None:
        """For `EmbeddedTransport.lanes`: a lane whose lease was just taken under *epoch*."""
        self._partition = partition
        self._epoch = epoch
        self._writer = writer
        self._reader = reader
        self._bell = bell
        self._clock = clock
        self._events = events
        self._is_lost = False

    @property
    def name(self) -> str:
        """See `Lane.name`."""
        return lane_name(self._partition)

    @property
    def position(self) -> int:
        """See `Lane.position`. Read from the file each time, so it is also the truth after an unknown outcome."""
        return self._reader.position(self.name)

    async def poll(self, records_max: int, wait_ms: int) -> Sequence[Record]:
        """See `Lane.poll`."""
        return await _first_found(self._bell, self._partition, wait_ms, lambda: self._owned_records(records_max))

    def get(self, table: Table, key: RowKey) -> SealedRow | None:
        """See `Lane.get`."""
        return self._reader.row(self.name, table, key)

    def rows(self, table: Table) -> Iterable[tuple[RowKey, SealedRow]]:
        """See `Lane.rows`. All of them are read at once."""
        return self._reader.rows(self.name, table)

    def frontier(self, log: str) -> bytes | None:
        """See `Lane.frontier`."""
        return self._reader.frontier(log)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Tx]:
        """See `Lane.transaction`."""
        self._refuse_if_lost()
        tx = CollectedTx()
        yield tx
        try:
            await self._writer.commit(Turn.of(tx, Fence(self.name, self._epoch, self._clock.now())))
        except Fenced:
            self.lose()
            raise

    def lose(self) -> None:
        """Stop for good, say so once, and wake who waits for records."""
        if not self._is_lost:
            self._is_lost = True
            self._events.tell(Revoked(self))
            self._bell.ring([self._partition])

    def _owned_records(self, records_max: int) -> Sequence[Record]:
        if self._reader.epoch(self.name) != self._epoch:
            self.lose()
        self._refuse_if_lost()
        return self._reader.records(self._partition, self.position, records_max)

    def _refuse_if_lost(self) -> None:
        if self._is_lost:
            raise Fenced(f"`{self.name}` has another owner, or was given up")


async def _first_found(
    bell: Bell, partition: Partition, wait_ms: int, look: Callable[[], Sequence[Record]]
) -> Sequence[Record]:
    """What *look* finds, as soon as it finds any; else nothing.

    Records of this process wake us. Those of another are seen at the last look, after *wait_ms*.
    """
    await asyncio.sleep(0)  # who reads on and on lets others have their turn
    found = look()
    if found or wait_ms <= 0:
        return found
    loop = asyncio.get_running_loop()
    until = loop.time() + wait_ms / 1000
    with bell.listen(partition) as rung:
        while not (found := look()) and (left := until - loop.time()) > 0:
            rung.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await rung.wait()
    return found
