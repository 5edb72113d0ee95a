"""Records that are appended outside of a lane's turn: what desks hand over, and nobody has decided on yet.

Whatever waits for one partition is written as one batch, which a broker takes whole or not at all. So the records of
one call stand together, and a lone caller is never made to wait for company.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from broker.errors import EngineAway, OutcomeUnknown
from broker.kafka.connection import (
    ANSWERS_WITHIN_S,
    MESSAGE_BYTES_MAX,
    STOPS_WITHIN_S,
    Connection,
    answers,
    begun,
    cut_off,
    within,
)
from broker.kafka.inboxes import Headers

_RECORD_BYTES = 128
"""More than what a record has beside its value: what is its batch's own, and whose it is."""
_BATCH_BYTES = MESSAGE_BYTES_MAX - 1_024


@dataclass(eq=False, slots=True)
class _Waiting:
    values: Sequence[bytes]
    headers: Headers
    offsets: asyncio.Future[Sequence[int]]

    @property
    def size_bytes(self) -> int:
        return sum(len(value) + _RECORD_BYTES for value in self.values)


class Publisher:
    """Appends to any partition, in the order of the calls."""

    def __init__(self, connection: Connection) -> None:
        """Nothing is reached before the first call."""
        self._connection = connection
        self._producer: AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()
        self._queues: defaultdict[TopicPartition, deque[_Waiting]] = defaultdict(deque)
        self._workers: dict[TopicPartition, asyncio.Task[None]] = {}

    async def publish(self, place: TopicPartition, values: Sequence[bytes], headers: Headers = ()) -> Sequence[int]:
        """See `Transport.publish`. It goes on when the caller is cancelled, and all of it or nothing happens.

        Args:
            place: Where to.
            values: Of the records.
            headers: Of each of them.

        Raises:
            ValueError: more than can be written as one.
            EngineAway: the cluster does not answer, or refuses. Nothing happened.
            OutcomeUnknown: it may have happened.
        """
        waiting = _Waiting(values, headers, asyncio.get_running_loop().create_future())
        if waiting.size_bytes > _BATCH_BYTES:
            raise ValueError(f"{waiting.size_bytes} bytes cannot be written as one")
        self._queues[place].append(waiting)
        if place not in self._workers:
            self._workers[place] = asyncio.create_task(self._work(place))
        return await waiting.offsets

    async def close(self) -> None:
        """Finish what was asked for, and let go."""
        while self._workers:
            await asyncio.gather(*self._workers.values(), return_exceptions=True)
        await self._let_go()

    async def _work(self, place: TopicPartition) -> None:
        queue = self._queues[place]
        while queue:
            group = [queue.popleft()]
            size = group[0].size_bytes
            while queue and (size := size + queue[0].size_bytes) <= _BATCH_BYTES:
                group.append(queue.popleft())
            try:
                offset = await self._append(place, group)
            except Exception as error:  # noqa: BLE001 - whoever waits is told, whatever it is
                for waiting in group:
                    if not waiting.offsets.done():
                        waiting.offsets.set_exception(error)
                continue
            for waiting in group:
                if not waiting.offsets.done():  # the caller was cancelled
                    waiting.offsets.set_result(list(range(offset, offset + len(waiting.values))))
                offset += len(waiting.values)
        del self._workers[place], self._queues[place]

    async def _append(self, place: TopicPartition, group: Sequence[_Waiting]) -> int:
        """Append one batch, and return the offset of its first record."""
        producer = await self._reached()
        batch = producer.create_batch()
        for waiting in group:
            for value in waiting.values:
                if batch.append(key=None, value=value, timestamp=None, headers=[*waiting.headers]) is None:
                    raise ValueError("larger than was reckoned")
        batch.close()
        async with answers():
            await producer.client.add_topic(place.topic)
        try:
            async with asyncio.timeout(ANSWERS_WITHIN_S):
                sending = await producer.send_batch(batch, place.topic, partition=place.partition)
                written = await sending
        except (KafkaError, OSError) as error:
            await self._let_go()  # its numbers are out of step from now on
            raise OutcomeUnknown(f"Kafka: {type(error).__name__}") from error
        offset: int = written.offset
        return offset

    async def _reached(self) -> AIOKafkaProducer:
        async with self._starting:
            if self._producer is None:
                producer = AIOKafkaProducer(
                    **self._connection.arguments(),
                    enable_idempotence=True,
                    acks="all",
                    max_batch_size=_BATCH_BYTES,
                    max_request_size=MESSAGE_BYTES_MAX,
                    request_timeout_ms=int(ANSWERS_WITHIN_S * 1_000),
                )
                try:
                    async with answers():
                        await begun(producer.start())
                except EngineAway:
                    await cut_off(producer)
                    raise
                self._producer = producer
            return self._producer

    async def _let_go(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None and not await within(STOPS_WITHIN_S, producer.stop()):
            await cut_off(producer)
