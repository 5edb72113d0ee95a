"""Single records of a partition, brought for all who want some in one sweep from the lowest number to the highest.

Records of one inbox lie far apart among those of others, and a broker gives whole batches. When many desks come back at
once, each batch is read once for all of them, and not once for each.
"""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from aiokafka import ConsumerRecord, TopicPartition

from broker.errors import EngineAway, RecordsGone
from broker.kafka.connection import answers
from broker.kafka.reading import PartitionReader, Readers

_AT_ONCE = 500
_NEAR = 200
"""So many numbers ahead it is quicker to read on than to ask anew."""
_PATIENCE_S = 3.0
"""How long whoever wants many waits for the last of them, if the first have come."""

_Brought = dict[int, "ConsumerRecord[Any, Any]"]


class Sweep:
    """Of one partition. For one event loop."""

    def __init__(self, readers: Readers, place: TopicPartition) -> None:
        """Read *place* with one of *readers* at a time."""
        self._readers, self._place = readers, place
        self._wanted: defaultdict[int, set[asyncio.Future[ConsumerRecord[Any, Any]]]] = defaultdict(set)
        self._at_work: asyncio.Task[None] | None = None

    async def records(self, numbers: Sequence[int]) -> Mapping[int, "ConsumerRecord[Any, Any] | None"]:
        """The records with these numbers, in their order; if that takes long, the first of them. None: there is none.

        Raises:
            RecordsGone: one of them was removed.
            EngineAway: the cluster does not answer.
        """
        asked = {number: asyncio.get_running_loop().create_future() for number in numbers}
        for number, waiting in asked.items():
            self._wanted[number].add(waiting)
        if self._at_work is None:
            self._at_work = asyncio.create_task(self._work())
        try:
            async with answers():
                await asyncio.shield(asked[numbers[0]])
            await asyncio.wait(asked.values(), timeout=_PATIENCE_S)
            found: dict[int, ConsumerRecord[Any, Any] | None] = {}
            for number, waiting in asked.items():
                if not waiting.done():
                    break
                found[number] = waiting.result()
            return found
        finally:
            for number, waiting in asked.items():
                self._forget(number, waiting)

    def end(self) -> None:
        """Bring no more."""
        if self._at_work is not None:
            self._at_work.cancel()

    def _forget(self, number: int, waiting: "asyncio.Future[Any]") -> None:
        if waiting.done() and not waiting.cancelled():
            waiting.exception()
        waiting.cancel()
        self._wanted[number].discard(waiting)
        if not self._wanted[number]:
            del self._wanted[number]

    async def _work(self) -> None:
        try:
            while self._wanted:  # somebody may come while the reader is given back
                async with self._readers.one(self._place) as reader:
                    while self._wanted:
                        await self._swept(reader)
        except Exception as error:  # noqa: BLE001 - whoever waits is told, whatever it is
            self._fail(error)
        except BaseException:
            self._fail(EngineAway("Kafka: closed"))
            raise
        finally:
            self._at_work = None

    async def _swept(self, reader: PartitionReader) -> None:
        """Bring all that is wanted now. Whoever comes meanwhile is served on the way, or by the next sweep."""
        reached = -_NEAR
        for number in sorted(self._wanted):
            while self._wanted.get(number):
                try:
                    records = await reader.read(reached if reached <= number < reached + _NEAR else number, _AT_ONCE, 0)
                except RecordsGone as gone:
                    self._fail(gone, before=gone.first)
                    reached = gone.first
                    continue
                if not records:
                    raise EngineAway("Kafka does not show what it showed before")
                for record in records:
                    self._bring(record.offset, record)
                reached = records[-1].offset + 1
                if reached > number:
                    self._bring(number, None)  # unless it just came

    def _bring(self, number: int, record: "ConsumerRecord[Any, Any] | None") -> None:
        for waiting in self._wanted.pop(number, ()):
            if not waiting.done():
                waiting.set_result(record)

    def _fail(self, error: Exception, before: int | None = None) -> None:
        for number in [number for number in self._wanted if before is None or number < before]:
            for waiting in self._wanted.pop(number):
                if not waiting.done():
                    waiting.set_exception(error)
                    waiting.exception()  # nobody may be there any more who is told
