"""Inboxes that share a topic, as one desk's question sees them: its own records, and nobody else's.

The index says which records are whose, the partition's follower whether there is more, Kafka what they hold. Each
record is asked whose it is before it is given to anybody.
"""

import asyncio
import tempfile
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path

from aiokafka import TopicPartition

from broker.errors import EngineAway, RecordsGone
from broker.kafka.connection import Connection
from broker.kafka.inbox_index import InboxIndex
from broker.kafka.inboxes import SHARDS, addressee, shard_of
from broker.kafka.names import Names
from broker.kafka.reading import Readers
from broker.kafka.shards import Shards
from broker.kafka.sweeping import Sweep
from broker.topics import INBOXES
from schemas import Mailbox

_FETCH_BYTES = 2**18
"""What a broker gives at least, since it gives whole batches: an inbox's records lie far apart."""


class _NotThere(Exception):
    """A record is not that inbox's, of which the index says that it is."""


class SharedInboxes:
    """Reads them. For one event loop."""

    path: Path | None = None
    """The file of the index, which no other process uses; None for one that goes with us."""

    def __init__(self, connection: Connection, names: Names) -> None:
        """Nothing is reached and no file is opened before the first question.

        Args:
            connection: How the cluster is reached.
            names: What things are called there.
        """
        self._connection = connection
        self._places = [TopicPartition(names.topic(INBOXES), shard) for shard in range(SHARDS)]
        self._readers = Readers(connection, fetch_bytes=_FETCH_BYTES)
        self._sweeps = [Sweep(self._readers, place) for place in self._places]
        self._passing: tempfile.TemporaryDirectory[str] | None = None
        self._index: InboxIndex | None = None
        self._shards: Shards | None = None
        self._beginning: asyncio.Task[None] | None = None

    async def read(self, mailbox: Mailbox, start: int, most: int, wait_ms: float) -> Sequence[tuple[int, bytes]]:
        """Number and value of at most *most* committed records of an inbox from *start* on; none if none came in time.

        Fewer than there are, if they are old and many desks ask for such at once.

        Raises:
            RecordsGone: some of them were removed.
            EngineAway: the cluster does not answer, or the index has not come so far yet.
            FolderUnusable, EngineUnsafe, OutcomeUnknown: the index cannot be used.
        """
        until = asyncio.get_running_loop().time() + wait_ms / 1_000
        index, shards = await self._begun()
        await shards.catch_up(shard_of(mailbox))
        gone_to = index.lost_before(mailbox, start)
        if gone_to is not None:
            raise RecordsGone(gone_to)
        with shards.woken(mailbox) as woken:
            numbers = index.numbers(mailbox, start, most)
            if not numbers and (left := until - asyncio.get_running_loop().time()) > 0:
                await asyncio.wait([woken], timeout=left)
                numbers = index.numbers(mailbox, start, most)
        try:
            return await self._values(shards, mailbox, numbers)
        except _NotThere:
            shards.distrust(shard_of(mailbox))
            raise EngineAway(f"the index `{index.path}` is not that of the inboxes, and is made anew") from None

    async def close(self) -> None:
        """Let go of all of it."""
        beginning = self._beginning
        if beginning is not None:
            beginning.cancel()
            await asyncio.gather(beginning, return_exceptions=True)
        for sweep in self._sweeps:
            sweep.end()
        await self._end()
        await self._readers.close()

    async def _begun(self) -> tuple[InboxIndex, Shards]:
        """The index, and what follows into it; begun once for all who ask."""
        if self._beginning is None or (self._beginning.done() and (self._shards is None or self._shards.is_over)):
            self._beginning = asyncio.create_task(self._begin())
            self._beginning.add_done_callback(_heard)
        await asyncio.shield(self._beginning)
        if self._index is None or self._shards is None:
            raise EngineAway("Kafka: closed")
        return self._index, self._shards

    async def _begin(self) -> None:
        await self._end()
        try:
            self._index = InboxIndex(self.path or self._in_passing())
            self._shards = Shards(self._connection, self._places, self._index)
            await self._shards.start()
        except BaseException:
            await self._end()
            raise

    async def _end(self) -> None:
        shards, self._shards = self._shards, None
        if shards is not None:
            await shards.close()
        index, self._index = self._index, None
        if index is not None:
            await index.close()
        passing, self._passing = self._passing, None
        if passing is not None:
            passing.cleanup()

    def _in_passing(self) -> Path:
        self._passing = tempfile.TemporaryDirectory(prefix="tellwise-inboxes-")
        return Path(self._passing.name) / "inboxes.db"

    async def _values(self, shards: Shards, mailbox: Mailbox, numbers: Sequence[int]) -> list[tuple[int, bytes]]:
        """What these records of an inbox hold; the first of them, if that takes long."""
        found = {number: value for number in numbers if (value := shards.recent(mailbox, number)) is not None}
        if older := [number for number in numbers if number not in found]:
            for number, record in (await self._sweeps[shard_of(mailbox)].records(older)).items():
                if record is None or addressee(record) != mailbox:
                    raise _NotThere
                found[number] = record.value or b""
        return [(number, found[number]) for number in takewhile(found.__contains__, numbers)]


def _heard(beginning: asyncio.Task[None]) -> None:
    """Whoever asked was told, or is not there any more."""
    if not beginning.cancelled():
        beginning.exception()
