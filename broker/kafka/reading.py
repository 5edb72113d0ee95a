"""Committed records of one partition, from any place and as often as wanted: so are lanes, inboxes and copies read.

A consumer knows one partition, and belongs to no group. Those of inboxes are kept for a while after they were used,
since a desk comes again and asks for what follows.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from math import ceil
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import OffsetOutOfRangeError

from broker.errors import RecordsGone
from broker.kafka.connection import ANSWERS_WITHIN_S, Connection, answers, begun, let_go

IDLE_MAX = 256
"""Readers that are kept for whoever asks next. One more closes the one that was longest not asked."""

_STEP_S = 0.001
"""aiokafka does not say that it has read on past what is no record: so long we wait before we look."""
_FETCH_BYTES = 4 * 2**20
_FETCH_WAIT_MS = 100
"""How long a broker holds a question open: who is sent elsewhere waits that long at most."""


class PartitionReader:
    """Reads one partition. Not safe for concurrent callers.

    A broker answers one client's questions one after the other, and holds one for records open until there are some. So
    it is asked for records only where they are known to be, or where somebody waits for them: else each question about
    the end would wait behind one that nobody wants an answer to.
    """

    def __init__(
        self,
        connection: Connection,
        partition: TopicPartition,
        *,
        undecided: bool = False,
        fetch_bytes: int = _FETCH_BYTES,
    ) -> None:
        """`start` begins.

        Args:
            connection: How the cluster is reached.
            partition: What is read.
            undecided: Also what nobody knows yet whether it is committed.
            fetch_bytes: About how much a broker gives at once.
        """
        self.partition = partition
        self._consumer = AIOKafkaConsumer(
            **connection.arguments(),
            isolation_level="read_uncommitted" if undecided else "read_committed",
            enable_auto_commit=False,
            auto_offset_reset="none",
            fetch_max_wait_ms=_FETCH_WAIT_MS,
            max_partition_fetch_bytes=fetch_bytes,
            request_timeout_ms=int(ANSWERS_WITHIN_S * 1_000),
        )
        self._next = -1
        """Where the next record is expected that we give."""
        self._reached = -1
        """Behind what the broker gave: also behind what is no record."""
        self._end = 0
        """As it was when it was last asked."""

    async def start(self) -> None:
        """Reach the cluster.

        Raises:
            EngineAway: it does not answer.
        """
        async with answers():
            await begun(self._consumer.start())
        self._consumer.assign([self.partition])
        self._consumer.pause(self.partition)

    async def read(self, start: int, most: int, wait_ms: float) -> list[ConsumerRecord[Any, Any]]:
        """At most *most* committed records from *start* on, in order; none if none came within *wait_ms*.

        Raises:
            RecordsGone: some of them were removed.
            EngineAway: the cluster does not answer.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + wait_ms / 1_000
        if start != self._next:
            self._consumer.seek(self.partition, start)
            self._next = self._reached = start
        found: list[ConsumerRecord[Any, Any]] = []
        try:
            if not self._consumer.paused():
                found = await self._take(most, 0)
            found = found or await self._up_to(await self.end(), most)
            if not found and (left := until - loop.time()) > 0:
                self._consumer.resume(self.partition)
                async with answers(left):
                    found = await self._take(most, left)
        except OffsetOutOfRangeError:
            first = await self.first()
            if start < first:
                raise RecordsGone(first) from None
            await asyncio.sleep(max(0, until - loop.time()))  # nobody has written so far yet
            return []
        finally:
            if not found or self._reached >= self._end:
                self._consumer.pause(self.partition)
        return found

    async def _up_to(self, end: int, most: int) -> list[ConsumerRecord[Any, Any]]:
        """The next records before *end*, if there are any."""
        async with answers():
            while self._reached < end:
                self._consumer.resume(self.partition)
                if found := await self._take(most, 0):
                    return found
                if self._reached < end:
                    await asyncio.sleep(_STEP_S)
        return []

    async def end(self) -> int:
        """The offset before which everything is decided: committed or taken back. Or written, if that is enough."""
        async with answers():
            offsets: dict[TopicPartition, int] = await self._consumer.end_offsets([self.partition])
        self._end = offsets[self.partition]
        return self._end

    async def close(self) -> None:
        """Let go of the connections."""
        await let_go(self._consumer)

    async def first(self) -> int:
        """The offset of the first that is still there."""
        async with answers():
            offsets: dict[TopicPartition, int] = await self._consumer.beginning_offsets([self.partition])
        return offsets[self.partition]

    async def _take(self, most: int, wait_s: float) -> list[ConsumerRecord[Any, Any]]:
        answer = await self._consumer.getmany(self.partition, timeout_ms=ceil(wait_s * 1_000), max_records=most)
        self._reached = await self._consumer.position(self.partition)
        found: list[ConsumerRecord[Any, Any]] = answer.get(self.partition, [])
        if found:
            self._next = found[-1].offset + 1
        return found


class Readers:
    """Readers for whoever asks, of any partition."""

    def __init__(self, connection: Connection, *, fetch_bytes: int = _FETCH_BYTES) -> None:
        """None is open yet. *fetch_bytes*: as `PartitionReader`."""
        self._connection, self._fetch_bytes = connection, fetch_bytes
        self._idle: OrderedDict[PartitionReader, None] = OrderedDict()
        self._is_closed = False

    @asynccontextmanager
    async def one(self, partition: TopicPartition) -> AsyncIterator[PartitionReader]:
        """A reader of *partition* that nobody else uses until the block ends.

        Raises:
            EngineAway: the cluster does not answer.
        """
        reader = next((idle for idle in self._idle if idle.partition == partition), None)
        if reader is not None:
            del self._idle[reader]
        else:
            reader = PartitionReader(self._connection, partition, fetch_bytes=self._fetch_bytes)
            try:
                await reader.start()
            except BaseException:
                await reader.close()
                raise
        try:
            yield reader
        except RecordsGone:
            self._idle[reader] = None
            raise
        except BaseException:  # also when whoever asked has gone: it may be in the middle of something
            await reader.close()
            raise
        self._idle[reader] = None
        while len(self._idle) > (0 if self._is_closed else IDLE_MAX):
            oldest, _ = self._idle.popitem(last=False)
            await oldest.close()

    async def close(self) -> None:
        """Close those that are idle; those in use are closed when they are given back."""
        self._is_closed = True
        idle, self._idle = list(self._idle), OrderedDict()
        await asyncio.gather(*(reader.close() for reader in idle))
