"""Clients of a real Kafka as the tests of it use them: each is stopped within a bound, whatever became of it."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import ProducerFenced

from broker.dev import ADMIN, KafkaCluster

_T = TypeVar("_T")
LONGEST_S = 30
_STOP_S = 2


def of_its_own(name: str) -> str:
    """A name for a topic, group or transactional id that no other test has."""
    return f"{name}.{secrets.token_hex(6)}"


def run(story: Callable[[], Awaitable[_T]]) -> _T:
    """Run *story* to its end, within a bound."""

    async def bounded() -> _T:
        asyncio.get_running_loop().set_exception_handler(_unless_said_twice)
        async with asyncio.timeout(LONGEST_S):
            return await story()

    return asyncio.run(bounded())


def reached(cluster: KafkaCluster) -> dict[str, Any]:
    """How a client reaches it, as the one who may do everything."""
    if not cluster.tls:
        return {"bootstrap_servers": cluster.bootstrap}
    context = cluster.client(ADMIN).context()
    return {"bootstrap_servers": cluster.bootstrap, "security_protocol": "SSL", "ssl_context": context}


async def topic(cluster: KafkaCluster, name: str, **settings: str) -> TopicPartition:
    """Make a topic of one partition. *settings* are Kafka's own, with `_` for `.`."""
    made = of_its_own(name)
    admin = AIOKafkaAdminClient(**reached(cluster))
    await admin.start()
    try:
        named = {key.replace("_", "."): value for key, value in settings.items()}
        answer = await admin.create_topics([NewTopic(made, 1, 1, topic_configs=named)])
    finally:
        await admin.close()
    assert [error for _, error, _ in answer.topic_errors] == [0]
    return TopicPartition(made, 0)


async def made(cluster: KafkaCluster, name: str) -> TopicPartition:
    """The topic of just this name, made if it is not there."""
    admin = AIOKafkaAdminClient(**reached(cluster))
    await admin.start()
    try:
        if name not in await admin.list_topics():
            await admin.create_topics([NewTopic(name, 1, 1)])
    finally:
        await admin.close()
    return TopicPartition(name, 0)


@asynccontextmanager
async def owner(cluster: KafkaCluster, lane: str, *, timeout_ms: int = 60_000) -> AsyncIterator[AIOKafkaProducer]:
    """A producer that takes *lane*, its transactional id, from whoever has it."""
    producer = AIOKafkaProducer(
        **reached(cluster), transactional_id=lane, transaction_timeout_ms=timeout_ms, acks="all"
    )
    try:
        await producer.start()
        yield producer
    finally:
        with suppress(TimeoutError):
            async with asyncio.timeout(_STOP_S):
                await producer.stop()


@asynccontextmanager
async def reader(cluster: KafkaCluster, partition: TopicPartition, isolation: str) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer without a group, at the beginning of *partition*."""
    consumer = AIOKafkaConsumer(**reached(cluster), isolation_level=isolation, enable_auto_commit=False)
    await consumer.start()
    try:
        consumer.assign([partition])
        await consumer.seek_to_beginning(partition)
        yield consumer
    finally:
        await consumer.stop()


async def send(producer: AIOKafkaProducer, partition: TopicPartition, *values: bytes) -> None:
    """Send, and wait until the broker has all of it."""
    await asyncio.gather(*[await producer.send(partition.topic, value, partition=0) for value in values])


async def committed(cluster: KafkaCluster, partition: TopicPartition) -> list[bytes]:
    """All that a reader of committed records is given now, up to where it is let."""
    return await _read(cluster, partition, "read_committed")


async def written(cluster: KafkaCluster, partition: TopicPartition) -> list[bytes]:
    """All that stands in the partition, whatever becomes of it."""
    return await _read(cluster, partition, "read_uncommitted")


async def until(holds: Callable[[], Awaitable[object]]) -> None:
    """Wait until *holds*; the story has the bound."""
    while not await holds():  # noqa: ASYNC110 - what happens, happens in another process
        await asyncio.sleep(0.05)


def _unless_said_twice(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """aiokafka says each fence a second time, in a future that nobody can wait for."""
    if not isinstance(context.get("exception"), ProducerFenced):
        loop.default_exception_handler(context)


async def _read(cluster: KafkaCluster, partition: TopicPartition, isolation: str) -> list[bytes]:
    values: list[bytes] = []
    async with reader(cluster, partition, isolation) as consumer:
        end = (await consumer.end_offsets([partition]))[partition]
        while await consumer.position(partition) < end:
            batches = await consumer.getmany(partition, timeout_ms=100)
            values += [record.value for records in batches.values() for record in records]
    return values
