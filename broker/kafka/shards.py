"""The partitions of the shared inboxes, followed as they grow: one client for all of them and for all who wait.

What comes is told to an index, kept for a while for those who are about to ask, and wakes them. How far it has come is
compared with Kafka before anybody is told that nothing is there.
"""

import asyncio
import logging
from collections import OrderedDict, defaultdict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from broker import telemetry
from broker.errors import EngineAway, TellwiseError
from broker.kafka.connection import ANSWERS_WITHIN_S, Connection, answers, begun, let_go
from broker.kafka.inbox_index import InboxIndex, digest_of
from broker.kafka.inboxes import addressee, shard_of
from schemas import Mailbox

RECENT_BYTES = 32 * 2**20
"""Of what came last. Who asks for older records is given them from Kafka."""

_FETCH_BYTES = 4 * 2**20
_HOLD_MS = 500
"""How long a broker holds a question for records open, and how long we wait for one to be answered."""
_STEP_S = 0.001
"""aiokafka does not say that it has read on past what is no record: so long we wait before we look."""
_KEPT_EVERY_S = 1.0
_REMOVED_EVERY = 600
"""Rounds of keeping, after which what Kafka has removed is removed here."""
_AGAIN_S = 0.5


class Shards:
    """Follows partitions of one topic into an index. For one event loop; `close` it, also when `start` failed."""

    def __init__(self, connection: Connection, places: Sequence[TopicPartition], index: InboxIndex) -> None:
        """Follow *places*, all partitions of the topic, in order."""
        self._places, self._index = places, index
        of_all: dict[str, Any] = {
            **connection.arguments(),
            "isolation_level": "read_committed",
            "enable_auto_commit": False,
            "auto_offset_reset": "none",
            "fetch_max_wait_ms": _HOLD_MS,
            "fetch_max_bytes": _FETCH_BYTES,
            "request_timeout_ms": int(ANSWERS_WITHIN_S * 1_000),
        }
        self._reader = AIOKafkaConsumer(**of_all)
        # A broker answers one client's questions one after the other, and holds that for records open.
        self._asker = AIOKafkaConsumer(**of_all)
        self._catching_up = [_Together(partial(self._catch_up, place)) for place in places]
        self._unchecked: dict[TopicPartition, tuple[int, bytes]] = {}
        """Number and digest of what must come first of a partition, or the index is another topic's."""
        self._distrusted: set[TopicPartition] = set()
        """Of which the index is wrong."""
        self._out_of_range: set[TopicPartition] = set()
        """Of which Kafka has nothing where the index ends."""
        self._recent: OrderedDict[tuple[int, int], tuple[Mailbox, bytes]] = OrderedDict()
        self._recent_bytes = 0
        self._waiting: defaultdict[Mailbox, set[asyncio.Future[None]]] = defaultdict(set)
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Reach the cluster, and begin to follow from where the index is.

        Raises:
            EngineAway: it does not answer.
            FolderUnusable, OutcomeUnknown: the index cannot be written.
        """
        async with answers():
            await asyncio.gather(begun(self._reader.start()), begun(self._asker.start()))
        self._asker.assign(self._places)
        self._asker.pause(*self._places)
        self._reader.assign(self._places)
        async with answers():
            firsts = await self._asker.beginning_offsets(self._places)
        for place in self._places:
            if place.partition not in self._index.shards:
                await self._index.begin_anew(place.partition, firsts[place], was_ours=False)
            known = self._index.shards[place.partition]
            if known.digest is not None:
                self._unchecked[place] = known.known_to - 1, known.digest
            self._seek(place)
        self._tasks = [asyncio.create_task(self._follow()), asyncio.create_task(self._keep())]

    @property
    def is_over(self) -> bool:
        """Whether it follows no longer, because something went wrong that nobody foresaw."""
        return any(task.done() for task in self._tasks)

    async def catch_up(self, shard: int) -> None:
        """Return when all is in the index that is committed now in a partition.

        Raises:
            EngineAway: the cluster does not answer, or we are too far behind to wait for it.
        """
        await self._catching_up[shard].done()

    async def _catch_up(self, place: TopicPartition) -> None:
        async with answers():
            end = (await self._asker.end_offsets([place]))[place]
            # What aiokafka has given us is in the index before anybody else is at work: see `_follow`.
            while not self._is_known(place) or await self._reader.position(place) < end:
                if self.is_over:
                    raise EngineAway("inboxes that share a topic are not followed any more")
                await asyncio.sleep(_STEP_S)  # no event tells it

    def _is_known(self, place: TopicPartition) -> bool:
        """Whether the index is that of a partition, as far as we see."""
        return not any(place in doubts for doubts in (self._unchecked, self._distrusted, self._out_of_range))

    def distrust(self, shard: int) -> None:
        """Read a partition from its beginning again: what the index says of it is not so."""
        self._distrusted.add(self._places[shard])

    @contextmanager
    def woken(self, mailbox: Mailbox) -> Iterator[asyncio.Future[None]]:
        """What is done as soon as something comes into an inbox."""
        waiting = asyncio.get_running_loop().create_future()
        self._waiting[mailbox].add(waiting)
        try:
            yield waiting
        finally:
            self._waiting[mailbox].discard(waiting)
            if not self._waiting[mailbox]:
                del self._waiting[mailbox]

    def recent(self, mailbox: Mailbox, number: int) -> bytes | None:
        """A record of an inbox, if it came a short time ago and is of that inbox, whatever the index says."""
        whose, value = self._recent.get((shard_of(mailbox), number), (None, b""))
        return value if whose == mailbox else None

    async def close(self) -> None:
        """Let go of the connections. The index stays open."""
        for catching_up in self._catching_up:
            catching_up.end()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(let_go(self._reader), let_go(self._asker))

    async def _follow(self) -> None:
        """Read on until cancelled. What fails is tried again."""
        while True:
            try:
                await self._begin_anew()
                while self._index.is_full:
                    await self._index.keep()
                # Nothing may be waited for from here on, or fail: our place is behind these records already.
                for place, records in (await self._reader.getmany(timeout_ms=_HOLD_MS)).items():
                    self._take(place, records)
            except OffsetOutOfRangeError as error:
                self._out_of_range.update(error.args[0])
            except (KafkaError, OSError, TellwiseError) as error:
                telemetry.emit(telemetry.Event.INBOXES_NOT_FOLLOWED, level=logging.ERROR, reason=type(error).__name__)
                await asyncio.sleep(_AGAIN_S)
                for place in self._places:  # what fails in one partition may have kept from us what came in another
                    self._seek(place)

    def _take(self, place: TopicPartition, records: Sequence["ConsumerRecord[Any, Any]"]) -> None:
        if place in self._distrusted:
            return
        expected = self._unchecked.get(place)
        if expected is not None:
            if (records[0].offset, digest_of(records[0].value or b"")) != expected:
                self._distrusted.add(place)
                return
            del self._unchecked[place]
            records = records[1:]
        for record in records:
            self._add(record)

    def _add(self, record: "ConsumerRecord[Any, Any]") -> None:
        value, mailbox = record.value or b"", addressee(record)
        self._index.add(mailbox, record.partition, record.offset, value)
        if mailbox is None:
            return
        place = record.partition, record.offset
        _, before = self._recent.pop(place, (None, b""))  # there is one if the partition is read again
        self._recent[place] = mailbox, value
        self._recent_bytes += len(value) - len(before)
        while self._recent_bytes > RECENT_BYTES:
            _, (_, oldest) = self._recent.popitem(last=False)
            self._recent_bytes -= len(oldest)
        for waiting in self._waiting.get(mailbox, ()):
            if not waiting.done():
                waiting.set_result(None)

    async def _begin_anew(self) -> None:
        """Find the place again in partitions of which the index does not fit, or is behind what Kafka has removed."""
        for place in sorted(self._distrusted | self._out_of_range):
            async with answers():
                first = (await self._asker.beginning_offsets([place]))[place]
            was_ours = place not in self._distrusted and self._index.shards[place.partition].known_to <= first
            await self._index.begin_anew(place.partition, first, was_ours=was_ours)
            self._unchecked.pop(place, None)
            self._distrusted.discard(place)
            self._out_of_range.discard(place)
            self._seek(place)

    def _seek(self, place: TopicPartition) -> None:
        """Read on where the index ends, or from the record by which we know whether it fits."""
        expected = self._unchecked.get(place)
        self._reader.seek(place, self._index.shards[place.partition].known_to if expected is None else expected[0])

    async def _keep(self) -> None:
        """Put what came into the index's file every now and then, and remove from it what Kafka has removed."""
        rounds = 0
        while True:
            await asyncio.sleep(_KEPT_EVERY_S)
            rounds += 1
            with suppress(TellwiseError):  # whoever adds is told when there is too much
                await self._index.keep()
                if rounds % _REMOVED_EVERY == 0:
                    async with answers():
                        firsts = await self._asker.beginning_offsets(self._places)
                    await self._index.remove_before({place.partition: first for place, first in firsts.items()})


class _Together:
    """Does something as often as anybody wants it, and once for all who come while it is being done."""

    def __init__(self, work: Callable[[], Awaitable[None]]) -> None:
        self._work = work
        self._next: asyncio.Future[None] | None = None
        self._at_work: asyncio.Task[None] | None = None

    async def done(self) -> None:
        """Return when it was done, from its beginning, after this was called. Raises what it raised."""
        if self._next is None:
            self._next = asyncio.get_running_loop().create_future()
            if self._at_work is None:
                self._at_work = asyncio.create_task(self._rounds())
        await asyncio.shield(self._next)

    def end(self) -> None:
        """Do it no more."""
        if self._at_work is not None:
            self._at_work.cancel()

    async def _rounds(self) -> None:
        wanted: asyncio.Future[None] | None = None
        try:
            while (wanted := self._next) is not None:
                self._next = None
                try:
                    await self._work()
                    wanted.set_result(None)
                except Exception as error:  # noqa: BLE001 - whoever waits is told, whatever it is
                    _fail(wanted, error)
            self._at_work = None
        finally:
            for waiting in (wanted, self._next):
                if waiting is not None and not waiting.done():
                    _fail(waiting, EngineAway("Kafka: closed"))


def _fail(waiting: asyncio.Future[None], error: Exception) -> None:
    waiting.set_exception(error)
    waiting.exception()  # nobody may be there any more who is told
