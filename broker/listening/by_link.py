"""The inbox as FastStream reads it where there is no Kafka: in the hub's own process, or over HTTP.

FastStream's `KafkaBroker` is given a consumer that has the few members of aiokafka's that the application uses, and
that reads by the desk's `Link`. So one application serves all engines. FastStream does not promise those members: its
minor version is pinned, and tests/contracts hold it to them.
"""

import asyncio
from functools import partial
from typing import Any

from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.errors import ConsumerStoppedError
from faststream.kafka import KafkaBroker

from broker.client.patience import first
from broker.listening.application import QUIET, Hearing
from broker.numbered import Numbered

LISTEN_MS = 20_000
"""How long one question to the hub waits for something to come."""


class LinkBroker(KafkaBroker):
    """FastStream's broker, over the link of a desk."""

    def __init__(self, hearing: Hearing) -> None:
        """Read the inbox of the desk that hears."""
        super().__init__(**QUIET)
        self._consumer = partial(LinkConsumer, hearing)

    async def _connect(self) -> Any:
        self.config.broker_config.builder = self._consumer
        return self._consumer


class LinkConsumer:
    """A desk's inbox by its link. Its position is the desk's own place: there is no other."""

    def __init__(self, hearing: Hearing, **_of_kafka: Any) -> None:
        """Read for the desk that hears. What Kafka's own is set to means nothing here: all is committed, one reads."""
        self._hearing = hearing
        self._partition: TopicPartition  # from `assign` on
        self._asking = asyncio.Lock()

    def assign(self, partitions: list[TopicPartition]) -> None:
        """See `AIOKafkaConsumer.assign`."""
        (self._partition,) = partitions

    async def start(self) -> None:
        """See `AIOKafkaConsumer.start`."""

    async def stop(self) -> None:
        """Return when nobody asks any more."""
        async with self._asking:
            pass

    async def getmany(self, **_as_asked: Any) -> dict[TopicPartition, list[Any]]:
        """The next records, as soon as there are any.

        Raises:
            ConsumerStoppedError: there will be none.
        """
        async with self._asking:
            try:
                while not self._hearing.over.is_set():
                    items = await first(self._hearing.desk.inbox.fetch(LISTEN_MS), self._hearing.over)
                    if items:
                        return {self._partition: [_record(self._partition, item) for item in items]}
            except Exception as error:  # noqa: BLE001 - FastStream would ask again at once, for ever
                self._hearing.fail(error)
        raise ConsumerStoppedError

    async def commit(self) -> None:
        """The desk's store has the place already."""


def _record(partition: TopicPartition, item: Numbered) -> "ConsumerRecord[bytes, bytes]":
    return ConsumerRecord(
        topic=partition.topic,
        partition=partition.partition,
        offset=item.number,
        timestamp=0,
        timestamp_type=0,
        key=None,
        value=item.data,
        checksum=None,
        serialized_key_size=-1,
        serialized_value_size=len(item.data),
        headers=(),
    )
