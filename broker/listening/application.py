"""The FastStream application of one desk: one subscriber on its inbox, the same on every engine.

What it is set to, and why it differs from what FastStream does by itself (docs/decisions/0023):

1. A whole batch is handed over at once, raw; nothing is parsed or checked before our own code has it. What a record
   says beside its value is not read: a header that is no text would keep the batch from us, and one called `reply_to`
   would have FastStream answer.
2. `MANUAL`: one acknowledgement, after the desk's own commit of the whole batch.
3. No exception reaches FastStream, which would drop the batch and go on. Whatever goes wrong ends the application, and
   nothing is taken after it; exchange.py waits, and makes another, which begins at the desk's own place.
4. The application cannot publish.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

from aiokafka import ConsumerRecord
from aiokafka.errors import KafkaError
from faststream import AckPolicy, FastStream
from faststream.kafka import KafkaBroker, KafkaMessage, TopicPartition
from faststream.specification import AsyncAPI

from broker import telemetry, topics
from broker.client.desk import Desk
from broker.client.inbox import ITEMS_MAX, Heard
from broker.client.patience import first
from broker.numbered import Numbered
from broker.telemetry import Event
from schemas import Mailbox

QUIET: dict[str, Any] = {
    "consumer_only": True,
    "allow_auto_create_topics": False,
    "apply_types": False,  # the handler is given what the decoder made, and no second reading of it
    "logger": None,  # it logs what it is given
    "graceful_timeout": 5.0,
}
"""What every broker of FastStream's is made with here."""

_ACKNOWLEDGED_WITHIN_S = 10.0


@dataclass(frozen=True, slots=True)
class Batch:
    """What came at once, with what acknowledges it."""

    items: tuple[Numbered, ...]
    acknowledge: Callable[[], Awaitable[None]]


Take = Callable[[Batch], Awaitable[None]]


def application(broker: KafkaBroker, mailbox: Mailbox, take: Take) -> FastStream:
    """The application on the inbox of *mailbox*.

    Args:
        broker: Carries it; made with `QUIET`.
        mailbox: The desk's, from the directory.
        take: Is handed each batch. It never raises.
    """
    broker.subscriber(
        partitions=[TopicPartition(topics.inbox(mailbox), 0)],  # given, not joined: one partition, and one who hears
        group_id=f"{mailbox}.desk",
        batch=True,
        max_records=ITEMS_MAX,
        ack_policy=AckPolicy.MANUAL,
        auto_offset_reset="none",  # the desk's own store knows its place; where that is gone, somebody must be told
        isolation_level="read_committed",
        parser=without_headers,
        decoder=as_they_came,
        no_reply=True,
        title="hear",
        description="What the hub tells this desk: letters, key packages and receipts, each with its proof.",
    )(take)
    return FastStream(broker, logger=None, specification=AsyncAPI(title="Tellwise", version="1"))


async def without_headers(
    records: tuple["ConsumerRecord[bytes, bytes]", ...],
    parse: Callable[[tuple["ConsumerRecord[bytes, bytes]", ...]], Awaitable[KafkaMessage]],
) -> KafkaMessage:
    """FastStream's message of these records, but for their headers."""
    return await parse(tuple(replace(record, headers=()) for record in records))


async def as_they_came(message: KafkaMessage) -> Batch:
    """The batch that a message is. An empty record is an item like any other: it is refused where items are."""
    records = message.raw_message if isinstance(message.raw_message, tuple) else (message.raw_message,)
    return Batch(tuple(Numbered(record.offset, record.value or b"") for record in records), message.ack)


class Hearing:
    """What the application of a desk does with what comes, until it is over. Whatever goes wrong ends it, with nothing
    taken after it; the next one begins at the place that the desk's own store has."""

    def __init__(self, desk: Desk, heard: Callable[[Heard], None]) -> None:
        """Hear for *desk*; *heard* is called after each batch that brought something."""
        self.desk, self._heard = desk, heard
        self.over = asyncio.Event()
        """Nothing is taken from now on."""
        self.failure: Exception | None = None
        """What went wrong, if it is over for that."""

    def fail(self, error: Exception) -> None:
        """End it, because something went wrong."""
        self.failure = self.failure or error
        self.over.set()

    async def take(self, batch: Batch) -> None:
        """Let the desk have a batch, and acknowledge it when all of it is stored. Never raises."""
        if self.over.is_set():
            return
        try:
            is_stored = await first(self._store(batch), self.over)
        except Exception as error:  # noqa: BLE001 - FastStream would drop the batch, and go on to the next
            self.fail(error)
        else:
            if is_stored:
                await self._acknowledge(batch)

    async def _store(self, batch: Batch) -> bool:
        heard = Heard()
        try:
            await self.desk.inbox.receive(batch.items, heard)
        finally:  # what was stored before something went wrong was heard
            if heard.letters or heard.receipts or heard.refused:
                self._heard(heard)
        return True

    async def _acknowledge(self, batch: Batch) -> None:
        """Say how far we are, to whoever watches. Our place is in our own store, so nothing is lost if this fails."""
        try:
            async with asyncio.timeout(_ACKNOWLEDGED_WITHIN_S):
                await batch.acknowledge()
        except (KafkaError, OSError) as error:  # a time-out is an OSError
            telemetry.emit(
                Event.HUB_UNREACHABLE, level=logging.WARNING, desk=self.desk.name, reason=type(error).__name__
            )
