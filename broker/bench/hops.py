"""What records cost that are only passed on, without any security: the same bytes, on the same Kafka, in the same run.

Two loops that a team would write who need no more: aiokafka alone, with transactions; and FastStream's publisher.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from faststream import AckPolicy
from faststream.kafka import KafkaBroker, KafkaMessage

from broker.kafka.administration import administered
from broker.kafka.connection import MESSAGE_BYTES_MAX, Connection
from broker.kafka.layout import Topic
from broker.kafka.names import Names

_AT_ONCE = 500
_WAIT_MS = 1_000
_ENDS_WITHIN_S = 30.0


@dataclass(frozen=True, slots=True)
class Passed:
    """How many records were passed on, and in what time."""

    records: int
    seconds: float
    cpu_seconds: float
    """Of this process, all threads."""

    @property
    def per_second(self) -> float:
        """By the wall clock."""
        return self.records / self.seconds

    @property
    def per_cpu_second(self) -> float:
        """By what the process used of a core."""
        return self.records / self.cpu_seconds


class Hop:
    """A topic that is full of records, and one to pass them on to."""

    def __init__(self, connection: Connection, names: Names, count: int) -> None:
        """Use `hop`."""
        self._connection, self._count = connection, count
        self.source, self.sink, self.group = names.topic("bench-source"), names.topic("bench-sink"), names.prefix

    async def by_transactions(self, seconds: float) -> Passed:
        """aiokafka alone: up to 500 records are taken, sent on, and committed with their place, in one transaction."""
        consumer = AIOKafkaConsumer(
            self.source,
            **self._connection.arguments(),
            group_id=f"{self.group}transactions",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
        )
        producer = AIOKafkaProducer(
            **self._connection.arguments(),
            transactional_id=f"{self.group}transactions",
            acks="all",
            max_batch_size=2**18,
            max_request_size=MESSAGE_BYTES_MAX,
            linger_ms=1,
        )
        await consumer.start()
        try:
            await producer.start()
            meter = _Meter(seconds, self._count)
            while not meter.is_over:
                for place, records in (await consumer.getmany(timeout_ms=_WAIT_MS, max_records=_AT_ONCE)).items():
                    async with producer.transaction():
                        sent = [await producer.send(self.sink, record.value) for record in records]
                        await asyncio.gather(*sent)
                        await producer.send_offsets_to_transaction(
                            {place: records[-1].offset + 1}, f"{self.group}transactions"
                        )
                    meter.passed(len(records))
            return meter.read()
        finally:
            await producer.stop()
            await consumer.stop()

    async def by_faststream(self, seconds: float) -> Passed:
        """A subscriber with `ACK_FIRST`, and `@publisher`: each record is handed to a function, and what it returns is
        published. No transaction, no validation."""
        meter, over = _Meter(seconds, self._count), asyncio.Event()
        broker = KafkaBroker(self._connection.bootstrap, acks="all", max_request_size=MESSAGE_BYTES_MAX, logger=None)

        @broker.subscriber(
            self.source,
            group_id=f"{self.group}faststream",
            auto_offset_reset="earliest",
            ack_policy=AckPolicy.ACK_FIRST,
            decoder=_as_it_came,
        )
        @broker.publisher(self.sink)
        async def pass_on(body: bytes) -> bytes:
            meter.passed(1)
            if meter.is_over:
                over.set()
            return body

        await broker.start()
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds + _ENDS_WITHIN_S):
                    await over.wait()
            return meter.read()
        finally:
            await broker.stop()


async def _as_it_came(message: KafkaMessage) -> bytes:
    """Nothing is parsed: FastStream by itself would try to read JSON."""
    body: bytes = message.body
    return body


@asynccontextmanager
async def hop(connection: Connection, names: Names, values: Sequence[bytes], count: int) -> AsyncIterator[Hop]:
    """A hop of *count* records, whose values are *values* again and again. Its topics go with *names*.

    Raises:
        EngineAway, KafkaRefused: as `Administration`.
    """
    between = Hop(connection, names, count)
    settings = {"max.message.bytes": str(MESSAGE_BYTES_MAX)}
    async with administered(connection) as cluster:
        await cluster.make([Topic(name, 1, 1, settings) for name in (between.source, between.sink)])
    producer = AIOKafkaProducer(
        **connection.arguments(), linger_ms=5, max_batch_size=2**18, max_request_size=MESSAGE_BYTES_MAX
    )
    await producer.start()
    try:
        await asyncio.gather(
            *[await producer.send(between.source, values[number % len(values)]) for number in range(count)]
        )
    finally:
        await producer.stop()
    yield between


class _Meter:
    """Counts from the second time on that something was passed: what is warmed up before that is not counted."""

    def __init__(self, seconds: float, most: int) -> None:
        self._seconds, self._most = seconds, most
        self._all = self._records = 0
        self._began_s = self._began_cpu_s = self._last_s = self._last_cpu_s = 0.0

    def passed(self, records: int) -> None:
        self._all += records
        self._last_s, self._last_cpu_s = time.perf_counter(), time.process_time()
        if self._began_s:
            self._records += records
        else:
            self._began_s, self._began_cpu_s = self._last_s, self._last_cpu_s

    @property
    def is_over(self) -> bool:
        """Whether the time is over, or nothing is left to pass on."""
        return self._all >= self._most or (self._records > 0 and self._last_s - self._began_s >= self._seconds)

    def read(self) -> Passed:
        return Passed(
            self._records, max(1e-9, self._last_s - self._began_s), max(1e-9, self._last_cpu_s - self._began_cpu_s)
        )
