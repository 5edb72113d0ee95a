"""An engine without a file: what the pure core is driven over where a test wants thousands of histories in a minute.

It keeps every promise of the ports but one: nothing of it is left when the process ends. Two transports over one disk
are like two processes over one file. A turn is looked at as a whole before anything of it is done, and doing it cannot
fail, so there is no half of it. A disk can be told to fail at its next turn, before that took effect or after.
"""

import asyncio
from bisect import bisect_left
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum, auto

from broker.errors import Fenced, FolderUnusable, LaneTaken, OutcomeUnknown
from broker.ports import Assigned, Clock, LaneEvent, Leaf, Record, Revoked, RowKey, SealedRow, Table, Tx
from broker.transport.bell import Bell

LEASE = timedelta(seconds=10)
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)

Partition = tuple[str, int]


class Break(Enum):
    """How a turn fails."""

    BEFORE = auto()
    """Nothing of it happened, and the caller is told so."""
    AFTER = auto()
    """All of it happened, and the caller does not know."""


@dataclass(slots=True)
class _Lease:
    epoch: int = 0
    owner: object = None
    until: datetime = _LONG_AGO


@dataclass
class MemoryTx:
    """`Tx`: collects what one turn does."""

    sends: list[tuple[Partition, bytes]] = field(default_factory=list)
    puts: dict[tuple[Table, RowKey], SealedRow | None] = field(default_factory=dict)
    growths: list[tuple[str, int, tuple[Leaf, ...], bytes]] = field(default_factory=list)
    notes: list[tuple[str, int, bytes]] = field(default_factory=list)
    position: int | None = None

    def send(self, topic: str, value: bytes, *, partition: int = 0) -> None:
        """See `Tx.send`."""
        self.sends.append(((topic, partition), value))

    def put(self, table: Table, key: RowKey, value: SealedRow | None) -> None:
        """See `Tx.put`."""
        self.puts[table, key] = value

    def record(self, log: str, first_index: int, leaves: Sequence[Leaf], frontier: bytes) -> None:
        """See `Tx.record`."""
        if int.from_bytes(frontier[:8], "big") != first_index + len(leaves):
            raise ValueError(f"the frontier is not that of `{log}` after these entries")
        self.growths.append((log, first_index, tuple(leaves), frontier))

    def sign(self, log: str, size: int, note: bytes) -> None:
        """See `Tx.sign`."""
        self.notes.append((log, size, note))

    def done(self, position: int) -> None:
        """See `Tx.done`."""
        self.position = position


class MemoryDisk:
    """What is committed. Not a copy: whoever reads it sees the next turn too."""

    def __init__(self, *, leaves_gaps: bool = False) -> None:
        """Begin empty.

        Args:
            leaves_gaps: Whether what is appended together comes after a number that no record has, as where every
                commit and abort leaves a marker among the records.
        """
        self._leaves_gaps = leaves_gaps
        self.topics: defaultdict[Partition, list[bytes]] = defaultdict(list)
        self.numbers: defaultdict[Partition, list[int]] = defaultdict(list)
        """Of each record of `topics` its own."""
        self.rows: defaultdict[tuple[str, Table], dict[RowKey, SealedRow]] = defaultdict(dict)
        self.positions: dict[str, int] = {}
        self.ledgers: defaultdict[str, list[Leaf]] = defaultdict(list)
        self.frontiers: dict[str, bytes] = {}
        self.notes: defaultdict[str, dict[int, bytes]] = defaultdict(dict)
        self.leases: defaultdict[str, _Lease] = defaultdict(_Lease)
        self.bell = Bell()
        self.next_turn: Break | None = None
        """How the next turn is to fail; None: not at all."""

    def contents(self) -> object:
        """All that is committed, leases aside: a copy, to be compared with another."""
        kept = (self.topics, self.rows, self.positions, self.ledgers, self.frontiers, self.notes)
        return deepcopy([{place: value for place, value in table.items() if value} for table in kept])

    def copy(self) -> "MemoryDisk":
        """Another disk with the same on it, that nobody owns a lane of."""
        other = MemoryDisk(leaves_gaps=self._leaves_gaps)
        other.topics.update({place: list(values) for place, values in self.topics.items()})
        other.numbers.update({place: list(numbers) for place, numbers in self.numbers.items()})
        other.rows.update({place: dict(rows) for place, rows in self.rows.items()})
        other.ledgers.update({log: list(leaves) for log, leaves in self.ledgers.items()})
        other.notes.update({log: dict(notes) for log, notes in self.notes.items()})
        other.positions, other.frontiers = dict(self.positions), dict(self.frontiers)
        return other

    def append(self, sends: Iterable[tuple[Partition, bytes]]) -> list[int]:
        """Append records and wake who waits for them; returns their offsets."""
        offsets: list[int] = []
        rung: set[Partition] = set()
        for partition, value in sends:
            numbers = self.numbers[partition]
            number = numbers[-1] + 1 if numbers else 0
            offsets.append(number + 1 if self._leaves_gaps and partition not in rung else number)
            numbers.append(offsets[-1])
            self.topics[partition].append(value)
            rung.add(partition)
        self.bell.ring(rung)
        return offsets

    def read(self, partition: Partition, start: int, records_max: int) -> list[Record]:
        """Records from *start* on."""
        numbers, values = self.numbers.get(partition, []), self.topics.get(partition, [])
        first = bisect_left(numbers, start)
        wanted = slice(first, first + records_max)
        return [Record(*partition, *of) for of in zip(numbers[wanted], values[wanted], strict=True)]

    def commit(self, lane: str, epoch: int, tx: MemoryTx, now: datetime) -> None:
        """Do a whole turn, or raise and do nothing of it; only what breaks after it took effect does both."""
        breaks, self.next_turn = self.next_turn, None
        if breaks is Break.BEFORE:
            raise FolderUnusable("the disk is full")
        self._check(lane, epoch, tx)
        self.leases[lane].until = max(self.leases[lane].until, now + LEASE)
        for (table, key), value in tx.puts.items():
            if value is None:
                self.rows[lane, table].pop(key, None)
            else:
                self.rows[lane, table][key] = value
        for log, _, leaves, frontier in tx.growths:
            self.ledgers[log] += leaves
            self.frontiers[log] = frontier
        for log, size, note in tx.notes:
            self.notes[log].setdefault(size, note)
        if tx.position is not None:
            self.positions[lane] = tx.position
        self.append(tx.sends)
        if breaks is Break.AFTER:
            raise OutcomeUnknown("the reply was lost")

    def _check(self, lane: str, epoch: int, tx: MemoryTx) -> None:
        if self.leases[lane].epoch != epoch:
            raise Fenced(f"`{lane}` has another owner, or was given up")
        sizes: dict[str, int] = {}
        for log, first_index, leaves, _ in tx.growths:
            size = sizes.get(log, len(self.ledgers.get(log, ())))
            if size != first_index:
                raise Fenced(f"ledger `{log}` has {size} entries, and not {first_index}")
            sizes[log] = size + len(leaves)

    @contextmanager
    def owned(self, owner: object, lanes: Sequence[str], now: datetime) -> Iterator[list[int]]:
        """Take some lanes, all or none, and give up at the end what is still ours; gives the epochs."""
        leases = [self.leases[lane] for lane in lanes]
        if taken := [name for name, it in zip(lanes, leases, strict=True) if it.owner is not None and it.until > now]:
            raise LaneTaken(f"`{taken[0]}` has another owner, which may be alive")
        for lease in leases:
            lease.epoch, lease.owner, lease.until = lease.epoch + 1, owner, now + LEASE
        try:
            yield [lease.epoch for lease in leases]
        finally:
            for lease in leases:
                if lease.owner is owner:
                    lease.epoch, lease.owner = lease.epoch + 1, None


class MemoryTransport:
    """`Transport` over a disk in memory."""

    def __init__(self, disk: MemoryDisk, clock: Clock) -> None:
        self.disk = disk
        self._clock = clock

    async def publish(self, topic: str, values: Sequence[bytes], *, partition: int = 0) -> Sequence[int]:
        """See `Transport.publish`."""
        offsets = self.disk.append([((topic, partition), value) for value in values])
        await asyncio.sleep(0)  # the answer comes a moment after the deed, and the caller may be gone by then
        return offsets

    async def read(
        self, topic: str, start: int, records_max: int, wait_ms: int, *, partition: int = 0
    ) -> Sequence[Record]:
        """See `Transport.read`. Nothing is ever removed."""
        place = (topic, partition)
        return await _first_found(self.disk.bell, place, wait_ms, lambda: self.disk.read(place, start, records_max))

    @asynccontextmanager
    async def lanes(self, topics: Sequence[tuple[str, int]]) -> AsyncIterator[AsyncIterator[LaneEvent]]:
        """See `Transport.lanes`."""
        events: asyncio.Queue[LaneEvent | None] = asyncio.Queue()
        names = [f"{topic}/{partition}" for topic, partition in topics]
        with self.disk.owned(object(), names, self._clock.now()) as epochs:
            lanes = [
                MemoryLane(self.disk, partition, epoch, self._clock, events)
                for partition, epoch in zip(topics, epochs, strict=True)
            ]
            for lane in lanes:
                events.put_nowait(Assigned(lane))
            try:
                yield _Events(events)
            finally:
                events.put_nowait(None)
                for lane in lanes:
                    lane.lose()

    async def close(self) -> None:
        """See `Transport.close`. What was published is written."""


class MemoryLane:
    """`Lane` over a disk in memory, under one epoch of its lease."""

    def __init__(
        self, disk: MemoryDisk, partition: Partition, epoch: int, clock: Clock, events: asyncio.Queue[LaneEvent | None]
    ) -> None:
        self._disk, self._partition, self._epoch = disk, partition, epoch
        self._clock, self._events = clock, events
        self._is_lost = False

    @property
    def name(self) -> str:
        """See `Lane.name`."""
        return f"{self._partition[0]}/{self._partition[1]}"

    @property
    def position(self) -> int:
        """See `Lane.position`."""
        return self._disk.positions.get(self.name, 0)

    async def poll(self, records_max: int, wait_ms: int) -> Sequence[Record]:
        """See `Lane.poll`."""
        return await _first_found(self._disk.bell, self._partition, wait_ms, lambda: self._owned_records(records_max))

    def get(self, table: Table, key: RowKey) -> SealedRow | None:
        """See `Lane.get`."""
        return self._disk.rows[self.name, table].get(key)

    def rows(self, table: Table) -> Iterable[tuple[RowKey, SealedRow]]:
        """See `Lane.rows`."""
        return sorted(self._disk.rows[self.name, table].items())

    def frontier(self, log: str) -> bytes | None:
        """See `Lane.frontier`."""
        return self._disk.frontiers.get(log)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Tx]:
        """See `Lane.transaction`."""
        self._refuse_if_lost()
        tx = MemoryTx()
        yield tx
        try:
            self._disk.commit(self.name, self._epoch, tx, self._clock.now())
        except Fenced:
            self.lose()
            raise

    def lose(self) -> None:
        """Stop for good, say so once, and wake who waits for records."""
        if not self._is_lost:
            self._is_lost = True
            self._events.put_nowait(Revoked(self))
            self._disk.bell.ring([self._partition])

    def _owned_records(self, records_max: int) -> Sequence[Record]:
        if self._disk.leases[self.name].epoch != self._epoch:
            self.lose()
        self._refuse_if_lost()
        return self._disk.read(self._partition, self.position, records_max)

    def _refuse_if_lost(self) -> None:
        if self._is_lost:
            raise Fenced(f"`{self.name}` has another owner, or was given up")


async def _first_found(
    bell: Bell, partition: Partition, wait_ms: int, look: Callable[[], Sequence[Record]]
) -> Sequence[Record]:
    with bell.listen(partition) as rung:
        found = look()
        if wait_ms > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_ms / 1000):
                    while not found:
                        await rung.wait()
                        rung.clear()
                        found = look()
    return found


class _Events(AsyncIterator[LaneEvent]):
    """What became of the lanes of one block, until a None."""

    def __init__(self, events: asyncio.Queue[LaneEvent | None]) -> None:
        self._events = events

    async def __anext__(self) -> LaneEvent:
        event = await self._events.get()
        if event is None:
            self._events.put_nowait(None)  # for whoever asks again
            raise StopAsyncIteration
        return event
