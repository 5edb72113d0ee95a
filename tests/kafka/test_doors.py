"""A desk that writes to a topic of its own is heard as if it had come by the hub's edge: each thing once, in order."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from aiokafka import TopicPartition

from broker.client import Link, OpenedLetter
from broker.dev import KafkaCluster
from broker.doors import Doors
from broker.kafka.layout import DeskOnKafka
from broker.kafka.needs import Needs
from broker.kafka.provisioning import apply
from broker.kafka.publishing import Publisher
from broker.settings import Retention
from broker.topics import INPUT, QUARANTINE, outbox
from tests.contracts.clock import MovedClock
from tests.faults.county import ONYX, County, case_opened, county, moved
from tests.kafka.hubs import Place, place_on
from tests.links import Passing
from tests.personas import BLACKBURN, BLACKBURN_CHILDREN, POLICE, PRESTON

HERE = (POLICE, BLACKBURN_CHILDREN)
_T = TypeVar("_T")
STRANGE = [b"", b"\xff\xfe", b'{"directory":"AAAA","sig":"AAAA"}', b"{}"]


class ByTopic(Passing):
    """What a desk says is written to a topic, once it has one; all else goes by the hub's edge."""

    def __init__(self, link: Link, topic: list[tuple[Publisher, TopicPartition]]) -> None:
        super().__init__(link)
        self._topic = topic

    async def submit(self, notification: bytes) -> None:
        for publisher, place in self._topic:
            await publisher.publish(place, [notification])
            return
        await self.link.submit(notification)


def test_what_a_desk_writes_to_its_topic_is_told_once_and_in_order(kafka_cluster: KafkaCluster, tmp_path: Path) -> None:
    async def story() -> tuple[Sequence[str], Sequence[OpenedLetter], int]:
        async with police_by_topic(kafka_cluster, tmp_path) as (here, publisher, own):
            said = [await here.desks[POLICE.name].publish(case_opened(ONYX, team=()))]
            await publisher.publish(own, STRANGE)
            said += [await here.desks[POLICE.name].publish(moved(ONYX, to=BLACKBURN, old=PRESTON)) for _ in range(3)]
            for _ in range(3):  # closed in the middle, and opened again
                async with carrying(here, seconds=0.5):
                    pass
            async with carrying(here, seconds=None):
                await all_dealt_with(here, 4 + len(STRANGE))
            heard = (await here.hear())[BLACKBURN_CHILDREN.name]
            kept = await here.tellwise.transport.read(QUARANTINE, 0, 100, 0)
        return said[1:], heard, len(kept)

    said, heard, refused = asyncio.run(bounded(story()))

    assert [letter.head.id for letter in heard] == said
    assert refused == len(STRANGE)


def test_a_desk_that_is_revoked_has_no_door(kafka_cluster: KafkaCluster, tmp_path: Path) -> None:
    async def story() -> tuple[int, int]:
        async with police_by_topic(kafka_cluster, tmp_path) as (here, _, _):
            await here.tellwise.registrar.revoke(POLICE.name)
            after = await end_of_input(here)
            await here.desks[POLICE.name].publish(case_opened(ONYX, team=()))
            async with carrying(here, seconds=1):
                pass
            return after, await end_of_input(here)

    before, after = asyncio.run(bounded(story()))

    assert before == after


@asynccontextmanager
async def police_by_topic(
    cluster: KafkaCluster, folder: Path
) -> AsyncIterator[tuple[County, Publisher, TopicPartition]]:
    """A hub on Kafka with two desks, of which police write to a topic of their own."""
    place = await place_on(cluster)
    publisher, topic = Publisher(place.connection), list[tuple[Publisher, TopicPartition]]()
    try:
        async with county(
            folder, MovedClock(), HERE, engine=place.engine, way=lambda edge: ByTopic(edge, topic)
        ) as here:
            mailbox = here.tellwise.directory.desk(POLICE.name).mailbox
            desks = [DeskOnKafka(mailbox, writes=True)]
            await apply(place.connection, needs(place, desks))
            topic.append((publisher, place.names.place((outbox(mailbox), 0))))
            yield here, publisher, topic[0][1]
    finally:
        await publisher.close()


def needs(place: Place, desks: Sequence[DeskOnKafka]) -> Needs:
    """What the hub needs of the cluster."""
    return Needs(desks=desks, retention=Retention(), principal="hub", allow_unsafe=True, names=place.names)


@asynccontextmanager
async def carrying(here: County, *, seconds: float | None) -> AsyncIterator[None]:
    """The doors are open until the block ends; for so long at most if it has nothing to do."""
    tellwise = here.tellwise
    doors = asyncio.create_task(
        Doors(tellwise.transport, lambda: tellwise.directory, [POLICE.name], lambda: True).keep()
    )
    try:
        yield
        if seconds is not None:
            await asyncio.wait([doors], timeout=seconds)
    finally:
        doors.cancel()
        await asyncio.gather(doors, return_exceptions=True)


async def end_of_input(here: County) -> int:
    """How many records the hub's input holds."""
    found = 0
    while records := await here.tellwise.transport.read(INPUT, found, 1_000, 0):
        found = records[-1].offset + 1
    return found


async def all_dealt_with(here: County, count: int) -> None:
    """Wait until so many records were carried, and all that they cause lies in the inboxes."""
    carried: list[int] = []
    start = here.tellwise.edge.taken_to
    while len(carried) < count:
        records = await here.tellwise.transport.read(INPUT, start, 1_000, 500)
        carried += [record.offset for record in records]
        start = records[-1].offset + 1 if records else start
    await here.tellwise.hub.until_settled(start)


async def bounded(story: Awaitable[_T]) -> _T:
    """The story, within a bound."""
    async with asyncio.timeout(120):
        return await story
