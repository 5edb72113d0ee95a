"""Hubs on the shared cluster: each has topics of its own, by what stands before their names."""

import secrets
from dataclasses import dataclass

from broker.dev import KafkaCluster
from broker.engines import OpenEngine
from broker.kafka.connection import Connection
from broker.kafka.engine import on_kafka
from broker.kafka.names import Names
from broker.kafka.needs import Needs
from broker.kafka.provisioning import apply, ensure_desk
from broker.settings import Inboxes, Retention
from schemas import Mailbox


@dataclass(frozen=True, slots=True)
class Place:
    """Where one hub is on a cluster."""

    connection: Connection
    names: Names
    lanes: int | None = 1

    @property
    def engine(self) -> OpenEngine:
        """What opens a hub there."""
        return on_kafka(self.connection, Retention(), allow_unsafe_topics=True, names=self.names, lanes=self.lanes)

    async def make_inbox(self, mailbox: Mailbox) -> None:
        """Make the inbox of a desk."""
        await ensure_desk(self.connection, mailbox, Retention(), self.names)


async def place_on(cluster: KafkaCluster, lanes: int = 1, inboxes: Inboxes = "topics") -> Place:
    """A place with the topics that a hub needs before it has desks."""
    place = Place(Connection(cluster.bootstrap), Names(f"{secrets.token_hex(6)}.", inboxes), lanes)
    needs = Needs((), Retention(), principal="hub", lanes=lanes, allow_unsafe=True, names=place.names)
    await apply(place.connection, needs)
    return place
