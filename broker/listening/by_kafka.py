"""The inbox as FastStream reads it from Kafka itself: read by what is committed, from the desk's own place on."""

import asyncio
from functools import partial
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import ConsumerStoppedError, KafkaError, OffsetOutOfRangeError
from faststream.kafka import KafkaBroker
from faststream.security import BaseSecurity

from broker.errors import HubUnreachable, RecordsGone, SettingsRefused
from broker.kafka.connection import Connection
from broker.listening.application import QUIET, Hearing
from broker.topics import INBOXES

_LOOK_MS = 1_000
_STARTS_WITHIN_S = 30.0


class InboxBroker(KafkaBroker):
    """FastStream's broker, whose consumer begins at the desk's own place."""

    def __init__(self, connection: Connection, hearing: Hearing) -> None:
        """Read the inbox of the desk that hears at the cluster of *connection*."""
        context = connection.context
        super().__init__(
            connection.bootstrap.split(","),
            security=None if context is None else BaseSecurity(ssl_context=context, use_ssl=True),
            **QUIET,
        )
        self._consumer = partial(PlacedConsumer, hearing)

    async def _connect(self) -> Any:
        await super()._connect()
        of_kafka: Any = self.config.broker_config.builder
        self.config.broker_config.builder = partial(self._consumer, **of_kafka.keywords)
        return self.config.broker_config.builder


class PlacedConsumer(AIOKafkaConsumer):  # type: ignore[misc]
    """aiokafka's consumer of one partition. It begins where the desk's store says, not where a group was: a desk that
    was put back to an older copy hears again what that copy lacks."""

    def __init__(self, hearing: Hearing, **of_kafka: Any) -> None:
        """Read for the desk that hears, by aiokafka's own settings."""
        super().__init__(**of_kafka)
        self._hearing = hearing
        self._partition: TopicPartition  # from `assign` on

    def assign(self, partitions: list[TopicPartition]) -> None:
        """Remember what is to be read; before `start` nothing could say from where."""
        (self._partition,) = partitions

    async def start(self) -> None:
        """Begin to read at the desk's place.

        Raises:
            HubUnreachable: no node answers, or none has the topic, or we may not read it.
            SettingsRefused: no desk reads its inbox on this Kafka.
        """
        try:
            async with asyncio.timeout(_STARTS_WITHIN_S):
                await super().start()
                # What is not there, or not ours to read, aiokafka would ask for again and again, without a pause.
                there = await self.topics()
        except (KafkaError, OSError) as error:  # a time-out is an OSError
            raise HubUnreachable("its Kafka does not answer") from error
        if self._partition.topic not in there:
            if INBOXES in there:  # LIMIT: where there are rights, nobody is shown this topic, and we wait
                raise SettingsRefused(
                    "`kafka.hears`: the inboxes of this hub share a topic, and are heard at `hub_url`"
                )
            raise HubUnreachable("its Kafka has no inbox that we may read")
        super().assign([self._partition])
        self.seek(self._partition, self._hearing.desk.inbox.place)  # at once: nothing is read from anywhere else

    async def getmany(self, *, max_records: int, **_as_asked: Any) -> Any:
        """The next records, as soon as there are any.

        Raises:
            ConsumerStoppedError: there will be none.
        """
        try:
            while not self._hearing.over.is_set():
                found = await super().getmany(timeout_ms=_LOOK_MS, max_records=max_records)
                if found:
                    return found
        except OffsetOutOfRangeError:
            self._hearing.fail(await self._gone())
        except KafkaError as error:
            self._hearing.fail(HubUnreachable(f"its Kafka does not let us read: {type(error).__name__}"))
        raise ConsumerStoppedError

    async def _gone(self) -> RecordsGone | HubUnreachable:
        """Our place is not there. Go on from the first record that is, and say so; or wait, if it is yet to come."""
        try:
            first = (await self.beginning_offsets([self._partition]))[self._partition]
        except KafkaError as error:
            return HubUnreachable(f"its Kafka does not let us read: {type(error).__name__}")
        if first <= self._hearing.desk.inbox.place:  # a hub that lost something, which `Inbox.check` is to find out
            return HubUnreachable("its inbox ends before our place")
        self._hearing.desk.inbox.pass_over(first)
        return RecordsGone(first)
