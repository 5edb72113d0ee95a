"""The way to a hub on Kafka, for a desk that speaks to the cluster itself: a driver of `Link`.

What it says goes into a topic of its own, which nobody else may write to. All else is asked of the hub's edge: the
directory, proofs, and what lies in the inbox for one look; on Kafka a desk may read nothing but its inbox.
"""

import asyncio
from collections.abc import Callable, Sequence

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from broker.client.link import Link
from broker.errors import HubUnreachable
from broker.kafka.connection import MESSAGE_BYTES_MAX, Connection, cut_off
from broker.ledger.merkle import Proof
from broker.numbered import Numbered
from broker.sealing.notification import SealedNotification
from broker.topics import outbox
from schemas import Mailbox

_SENT_WITHIN_S = 30.0


class KafkaLink:
    """One desk's way to one hub. Not for two event loops."""

    def __init__(self, edge: Link, connection: Connection, mailbox: Callable[[], Mailbox | None]) -> None:
        """Connect when first asked.

        Args:
            edge: Is asked for all but the saying.
            connection: The cluster at which things are said.
            mailbox: The name of our outbox, as the directory has it; None while it does not know us.
        """
        self._edge, self._connection, self._mailbox = edge, connection, mailbox
        self._producer: AIOKafkaProducer | None = None

    @property
    def session(self) -> int:
        """See `Link.session`."""
        return self._edge.session

    async def close(self) -> None:
        """Let go of the cluster, not of the edge."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await cut_off(producer)

    async def submit(self, notification: bytes) -> None:
        """See `Link.submit`. It is durable when every node that must have it has it."""
        SealedNotification.from_bytes(notification)  # as the edge does: what is not of our form is not sent
        mailbox = self._mailbox()
        if mailbox is None:
            raise HubUnreachable("it does not know this desk yet")
        try:
            async with asyncio.timeout(_SENT_WITHIN_S):
                producer = await self._started()
                await producer.send_and_wait(outbox(mailbox), notification, partition=0)
        except BaseException as error:
            # After one that failed, a producer refuses what comes next, or puts it before what it tries again.
            await self.close()
            if isinstance(error, (KafkaError, OSError)):
                raise HubUnreachable("its Kafka does not take what is said") from error
            raise

    async def inbox(self, mailbox: Mailbox, start: int, items_max: int, wait_ms: int) -> Sequence[Numbered]:
        """See `Link.inbox`."""
        return await self._edge.inbox(mailbox, start, items_max, wait_ms)

    async def directory(self, start: int, items_max: int) -> Sequence[Numbered]:
        """See `Link.directory`."""
        return await self._edge.directory(start, items_max)

    async def consistency(self, log: str, sizes: Sequence[int]) -> Sequence[Proof]:
        """See `Link.consistency`."""
        return await self._edge.consistency(log, sizes)

    async def seen(self, log: str, note: bytes) -> None:
        """See `Link.seen`."""
        await self._edge.seen(log, note)

    async def _started(self) -> AIOKafkaProducer:
        if self._producer is None:
            self._producer = AIOKafkaProducer(
                **self._connection.arguments(),
                acks="all",
                enable_idempotence=True,
                max_request_size=MESSAGE_BYTES_MAX,
            )
            await self._producer.start()
        return self._producer
