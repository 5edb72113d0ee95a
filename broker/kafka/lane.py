"""A lane on Kafka: one input partition, its changelog, its part of the ledger's topic, and the one producer of all."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import chain
from typing import Any, TypeVar

from aiokafka import TopicPartition

from broker.errors import Fenced, OutcomeUnknown
from broker.kafka.coding import (
    Change,
    Edge,
    Reached,
    Row,
    change_from_record,
    change_to_record,
    growth_to_records,
    note_to_record,
)
from broker.kafka.connection import Connection, answers
from broker.kafka.names import Names
from broker.kafka.producing import LaneProducer, Outgoing
from broker.kafka.reading import PartitionReader
from broker.kafka.rows import LaneRows
from broker.ports import Partition, Record, Revoked, RowKey, SealedRow, Table, Tx
from broker.transport.events import Events
from broker.transport.records import lane_name
from broker.transport.turn import CollectedTx, ledger_size

_T = TypeVar("_T")
_RESTORED_AT_ONCE = 5_000


class KafkaLane:
    """`Lane` on Kafka. Made by `taken`; whoever made it calls `close`."""

    def __init__(
        self,
        partition: Partition,
        names: Names,
        producer: LaneProducer,
        rows: LaneRows,
        reader: PartitionReader,
        events: Events,
    ) -> None:
        """Join what `taken` has made."""
        self._partition, self._names = partition, names
        self._producer, self._rows, self._reader, self._events = producer, rows, reader, events
        self._lost, self._at_work = asyncio.Event(), asyncio.Event()
        self._at_work.set()
        self._in_flight: set[asyncio.Future[Any]] = set()
        self._committing = asyncio.Lock()

    @classmethod
    async def taken(cls, partition: Partition, names: Names, connection: Connection, events: Events) -> "KafkaLane":
        """Take the lane from whoever has it, and read again what it knows.

        Raises:
            Fenced: another took it at the same moment.
            EngineAway: the cluster does not answer, or refuses.
            StateUnreadable: the changelog is not one of ours.
        """
        changelog = names.changelog(partition)
        producer, rows = LaneProducer(connection, names.transactional_id(partition)), LaneRows()
        reader = PartitionReader(connection, names.place(partition))
        try:
            own = [changelog, names.ledger(partition)]
            await producer.take([place for place in own if place is not None])
            await _restore(rows, changelog, connection)
            await reader.start()
        except BaseException:
            await asyncio.gather(producer.close(), reader.close())
            rows.close()
            raise
        return cls(partition, names, producer, rows, reader, events)

    @property
    def name(self) -> str:
        """See `Lane.name`."""
        return lane_name(self._partition)

    @property
    def position(self) -> int:
        """See `Lane.position`. A lane that was lost does not know it, and says so by `Fenced`, as do all its rows."""
        self._refuse_if_lost()
        return self._rows.position

    async def poll(self, records_max: int, wait_ms: int) -> Sequence[Record]:
        """See `Lane.poll`. Nothing comes while the group is being rearranged."""
        with suppress(TimeoutError):
            async with asyncio.timeout(wait_ms / 1_000):
                await self._at_work.wait()
        self._refuse_if_lost()
        if not self._at_work.is_set():
            return ()
        reading = asyncio.ensure_future(self._reader.read(self._rows.position, records_max, wait_ms))
        losing = asyncio.ensure_future(self._lost.wait())
        try:
            await asyncio.wait([reading, losing], return_when=asyncio.FIRST_COMPLETED)
            self._refuse_if_lost()
            found = await reading
        finally:
            for task in (reading, losing):
                task.cancel()
            await asyncio.gather(reading, losing, return_exceptions=True)
        topic, index = self._partition
        return [Record(topic, index, record.offset, record.value) for record in found]

    def get(self, table: Table, key: RowKey) -> SealedRow | None:
        """See `Lane.get`."""
        self._refuse_if_lost()
        return self._rows.get(table, key)

    def rows(self, table: Table) -> Iterable[tuple[RowKey, SealedRow]]:
        """See `Lane.rows`."""
        self._refuse_if_lost()
        return self._rows.all(table)

    def rows_after(self, table: Table, key: RowKey, most: int) -> Sequence[tuple[RowKey, SealedRow]]:
        """At most *most* rows behind *key*, in the order of their keys."""
        self._refuse_if_lost()
        return self._rows.after(table, key, most)

    def frontier(self, log: str) -> bytes | None:
        """See `Lane.frontier`."""
        self._refuse_if_lost()
        return self._rows.frontier(log)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Tx]:
        """See `Lane.transaction`. Whatever fails of the cluster, the lane is over, and is taken anew."""
        self._refuse_if_lost()
        tx = CollectedTx()
        yield tx
        async with answers():
            await self._at_work.wait()
        self._refuse_if_lost()
        await self._finished(self._commit(tx))

    async def remove(self, table: Table, rows: Sequence[tuple[RowKey, SealedRow]]) -> int:
        """Remove rows between two turns, if they are still as they are here. Returns how many.

        Raises:
            Fenced, EngineAway, OutcomeUnknown: as `transaction`.
        """
        return await self._finished(self._remove(table, rows))

    async def _finished(self, work: Coroutine[None, None, _T]) -> _T:
        """Do it, and return or raise when it is known what became of it, also for a caller who was cancelled."""
        task = asyncio.ensure_future(work)
        self._in_flight.add(task)
        cancelled: asyncio.CancelledError | None = None
        while not task.done():
            try:
                await asyncio.wait([task])
            except asyncio.CancelledError as error:  # half-way there is no way back: it has its own bounds
                cancelled = error
        self._in_flight.discard(task)
        if cancelled is not None:
            task.exception()
            raise cancelled
        return task.result()

    async def _remove(self, table: Table, rows: Sequence[tuple[RowKey, SealedRow]]) -> int:
        async with self._committing:
            tx = CollectedTx()
            for key, value in rows:
                if self._rows.get(table, key) == value:
                    tx.put(table, key, None)
            await self._committed(tx)
            return len(tx.puts)

    async def pause(self) -> None:
        """Begin nothing more before `resume`, and return when nothing is in flight: another may be given the lane."""
        self._at_work.clear()
        if self._in_flight:
            await asyncio.wait(self._in_flight)

    def resume(self) -> None:
        """Go on: the lane is still ours. If it was another's meanwhile, the next transaction is fenced."""
        self._at_work.set()

    @property
    def is_lost(self) -> bool:
        """Whether it has to be taken anew."""
        return self._lost.is_set()

    def lose(self, *, is_given_away: bool = False) -> None:
        """Stop for good, say so once, and wake who waits."""
        if not self._lost.is_set():
            self._lost.set()
            self._at_work.set()
            self._events.tell(Revoked(self, is_given_away))

    async def close(self) -> None:
        """Give the lane up: what is in flight is finished first, within its bounds."""
        self.lose(is_given_away=True)
        if self._in_flight:
            await asyncio.wait(self._in_flight)
        await asyncio.gather(self._producer.close(), self._reader.close())
        self._rows.close()

    async def _commit(self, tx: CollectedTx) -> None:
        async with self._committing:  # a turn, and who removes what is used up
            await self._committed(tx)

    async def _committed(self, tx: CollectedTx) -> None:
        self._refuse_if_lost()
        try:
            self._check_growths(tx)
            changes = list(_changes(tx))
            records = [*self._records(tx), *self._changelog(changes)]
            if not records:
                return
            await self._producer.commit(records)
            try:
                self._rows.apply(changes)
            except Exception as error:
                raise OutcomeUnknown("it happened, and our copy of it failed") from error
        except BaseException:
            self.lose()
            raise

    def _check_growths(self, tx: CollectedTx) -> None:
        sizes: dict[str, int] = {}
        for growth in tx.growths:
            size = sizes.get(growth.log, ledger_size(self._rows.frontier(growth.log)))
            if size != growth.first_index:
                raise Fenced(f"ledger `{growth.log}` has {size} entries, and not {growth.first_index}")
            sizes[growth.log] = ledger_size(growth.frontier)

    def _records(self, tx: CollectedTx) -> Iterator[Outgoing]:
        for partition, value in tx.sends:
            yield Outgoing(self._names.place(partition), value, headers=self._names.headers(partition[0]))
        ledger = self._names.ledger(self._partition)
        if ledger is None:
            if tx.growths or tx.notes:
                raise ValueError(f"`{self.name}` has no ledger")
            return
        for growth in tx.growths:
            for value in growth_to_records(growth):
                yield Outgoing(ledger, value)
        for note in tx.notes:
            yield Outgoing(ledger, note_to_record(note))

    def _changelog(self, changes: Iterable[Change]) -> Iterator[Outgoing]:
        changelog = self._names.changelog(self._partition)
        for change in changes:
            key, value = change_to_record(change)
            yield Outgoing(changelog, value, key)

    def _refuse_if_lost(self) -> None:
        if self._lost.is_set():
            raise Fenced(f"`{self.name}` has another owner, or was given up")


def _changes(tx: CollectedTx) -> Iterator[Change]:
    rows = (Row(table, key, value) for (table, key), value in tx.puts.items())
    edges = (Edge(growth.log, growth.frontier) for growth in tx.growths)
    reached = () if tx.position is None else (Reached(tx.position),)
    return chain(rows, edges, reached)


async def _restore(rows: LaneRows, changelog: TopicPartition, connection: Connection) -> None:
    """Read what was committed, up to where everything is decided: nobody else can write there any more."""
    reader = PartitionReader(connection, changelog)
    try:
        await reader.start()
        start, end = await reader.first(), await reader.end()
        while start < end and (found := await reader.read(start, _RESTORED_AT_ONCE, 0)):
            rows.apply([change_from_record(record.key, record.value) for record in found])
            start = found[-1].offset + 1
    finally:
        await reader.close()
