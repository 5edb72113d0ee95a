"""The one producer of a lane, and what becomes of it: whatever fails, it is never used again.

docs/decisions/0020 says what was seen that led to each line here.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import IllegalOperation, KafkaError, ProducerFenced

from broker.errors import EngineAway, Fenced, OutcomeUnknown
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
from broker.kafka.showing import shown

TRANSACTION_S = 60
"""After which the cluster ends a transaction of an owner who is silent. Longer than a restart of the cluster takes:
not the time-out but whoever takes over frees those who wait to read."""

_BATCH_BYTES = 2**18
_LINGER_MS = 1
_SHOWN_WITHIN_S = 1.0
"""So long a commit waits for readers. It is committed all the same if they have to wait for longer."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A record to be written. Only a changelog's have a key."""

    place: TopicPartition
    value: bytes | None
    key: bytes | None = None
    headers: Headers = ()
    """Only of those that lie in a topic with others'."""


class LaneProducer:
    """Writes one lane's transactions, as its only owner. Not safe for concurrent callers."""

    def __init__(self, connection: Connection, transactional_id: str) -> None:
        """For the lane of this *transactional_id*; `take` begins."""
        self._producer = AIOKafkaProducer(
            **connection.arguments(),
            transactional_id=transactional_id,
            transaction_timeout_ms=TRANSACTION_S * 1_000,
            acks="all",
            linger_ms=_LINGER_MS,
            max_batch_size=_BATCH_BYTES,
            max_request_size=MESSAGE_BYTES_MAX,
            request_timeout_ms=int(ANSWERS_WITHIN_S * 1_000),
        )
        self._topics: set[str] = set()
        self._is_spent = False

    async def take(self, own: Sequence[TopicPartition]) -> None:
        """Become the owner: whoever was it before is fenced, and its transaction ended.

        Args:
            own: The partitions that only this lane writes to. One record is written to each and taken back, so that
                nothing of an earlier owner can hang there and come to light with our first turn (KAFKA-20734).

        Raises:
            Fenced: another took it at the same moment.
            EngineAway: the cluster does not answer, or refuses.
        """
        try:
            async with answers():
                await begun(self._producer.start())
                await self._producer.begin_transaction()
                await self._send([Outgoing(place, b"", b"taken") for place in own])
                await self._producer.abort_transaction()
        except BaseException as error:
            self._is_spent = True
            if _is_fence(error.__cause__ if isinstance(error, EngineAway) else error):
                raise Fenced("another owner took the lane at the same moment") from error
            raise

    async def commit(self, records: Sequence[Outgoing]) -> None:
        """Write all of it, or nothing, and return when readers are shown it, or shortly after it was committed. The
        caller must wait for the end: half-way there is no way back.

        Raises:
            Fenced: somebody else may own the lane, or the transaction took too long. Nothing happened.
            EngineAway: the cluster does not answer, or refuses. Nothing happened.
            OutcomeUnknown: it may have happened.
        """
        if self._is_spent:
            raise Fenced("this producer has failed before")
        self._is_spent = True  # until all has gone well
        try:
            async with answers():
                await self._producer.begin_transaction()
                written = await self._send(records)
        except (EngineAway, IllegalOperation, AssertionError) as error:
            if _is_fence(error.__cause__ if isinstance(error, EngineAway) else error):
                raise Fenced("another owner has taken the lane, or the transaction took too long") from error
            raise
        try:
            async with asyncio.timeout(ANSWERS_WITHIN_S):
                await self._producer.commit_transaction()
        except (KafkaError, OSError, AssertionError) as error:  # also a fence: the reply may be lost, and then taken
            raise OutcomeUnknown(f"Kafka: {type(error).__name__} at the end of a transaction") from error
        self._is_spent = False
        # The next transaction would have to wait for the same, and aiokafka's own waiting is in steps of 20 ms.
        await within(_SHOWN_WITHIN_S, shown(self._producer.client, written))

    async def close(self) -> None:
        """Let go of it, whatever state it is in. A transaction that is open stays so until somebody takes the lane."""
        if self._is_spent or not await within(STOPS_WITHIN_S, self._producer.stop()):
            await cut_off(self._producer)

    async def _send(self, records: Sequence[Outgoing]) -> Mapping[TopicPartition, int]:
        """Send, and wait until the cluster has all of it: a commit does not say that a record is missing.

        Returns:
            The offset of the last in each partition.
        """
        new = {record.place.topic for record in records} - self._topics
        if new:  # all at once: one at a time each would ask for all that were known before it, too
            self._topics |= new
            await self._producer.client.set_topics(self._topics)
        sending = []
        for record in records:
            place = record.place
            sent = await self._producer.send(
                place.topic, record.value, key=record.key, partition=place.partition, headers=[*record.headers]
            )
            sent.add_done_callback(_heard)
            sending.append(sent)
        written: dict[TopicPartition, int] = {}
        for record, outcome in zip(records, await asyncio.gather(*sending, return_exceptions=True), strict=True):
            if isinstance(outcome, BaseException):
                raise outcome
            written[record.place] = outcome.offset
        return written


def _heard(sent: asyncio.Future[object]) -> None:
    """One failure is said through each record's future; we raise one, and the others are not to be said aloud."""
    if not sent.cancelled():
        sent.exception()


def _is_fence(error: BaseException | None) -> bool:
    return isinstance(error, ProducerFenced | IllegalOperation | AssertionError)
