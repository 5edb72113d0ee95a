"""What stories about a Kafka with rights share: who is there, what a hub needs, and a cluster without anything."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient

from broker.dev import ADMIN, KafkaCluster
from broker.kafka.administration import Administration, administered
from broker.kafka.connection import Connection
from broker.kafka.layout import DeskOnKafka
from broker.kafka.names import Names
from broker.kafka.needs import Needs
from broker.settings import Retention
from schemas import Mailbox
from tests.contracts.kafka_clients import reached, until

HUB = "hub"
NAMES = Names()
POLICE = DeskOnKafka(Mailbox("pOl1ce_in_the_north-01"), writes=True)
HOUSING = DeskOnKafka(Mailbox("h0using_of_the_town-02"))
NEEDS = Needs(desks=[POLICE, HOUSING], retention=Retention(), principal=HUB, allow_unsafe=True)


def as_somebody(cluster: KafkaCluster, name: str) -> Connection:
    """How a client of this name reaches a cluster with rights."""
    return Connection(cluster.bootstrap, cluster.client(name).context())


def as_admin(cluster: KafkaCluster) -> Connection:
    """How the one does who may do everything."""
    return as_somebody(cluster, ADMIN)


def a_mailbox() -> Mailbox:
    """One that no other story has."""
    return Mailbox(secrets.token_urlsafe(16))


@asynccontextmanager
async def laid_bare(cluster: KafkaCluster) -> AsyncIterator[Administration]:
    """A cluster in which there are no topics of ours and no rights, through its administrator."""
    admin = AIOKafkaAdminClient(**reached(cluster))
    async with administered(as_admin(cluster)) as bare:
        try:
            await admin.start()
            ours = [name for name in await bare.topics() if not name.startswith("__")]
            await admin.delete_topics(ours)
            await bare.take(sorted(await bare.rights() or ()))
            await until(lambda: _is_bare(bare))
        finally:
            await admin.close()
        yield bare


@asynccontextmanager
async def producing(connection: Connection, lane: str | None = None) -> AsyncIterator[AIOKafkaProducer]:
    """A producer as somebody; of a lane's transactions, if one is named."""
    named = {} if lane is None else {"transactional_id": lane}
    producer = AIOKafkaProducer(**connection.arguments(), **named, acks="all", enable_idempotence=True)
    try:
        await producer.start()
        yield producer
    finally:
        with suppress(TimeoutError):
            await producer.stop()


async def _is_bare(cluster: Administration) -> bool:
    return not await cluster.rights() and all(name.startswith("__") for name in await cluster.topics())
