"""A desk that speaks to Kafka itself: what it says lies in its own topic, once, or it still has it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from broker.client import Sending
from broker.client.kafka_link import KafkaLink
from broker.dev import KafkaCluster
from broker.errors import HubUnreachable
from broker.kafka.connection import Connection
from broker.sealing.rejection import Rejected
from broker.topics import outbox
from schemas import Mailbox
from tests.contracts.clock import MovedClock
from tests.contracts.engine import story
from tests.contracts.kafka_clients import committed, made, of_its_own
from tests.faults.county import ONYX, County, case_opened, county, moved, open_desk
from tests.personas import BLACKBURN, POLICE, PRESTON


@asynccontextmanager
async def speaking(folder: Path, bootstrap: str, mailbox: Mailbox | None) -> AsyncIterator[tuple[County, KafkaLink]]:
    """A police desk that speaks to a cluster, under that name, and hears at its hub's edge."""
    async with county(folder, MovedClock(), (POLICE,)) as here:
        link = KafkaLink(here.tellwise.edge, Connection(bootstrap), lambda: mailbox)
        here.desks[POLICE.name].close()
        here.desks[POLICE.name] = open_desk(folder, POLICE.name, link, MovedClock())
        try:
            yield here, link
        finally:
            await link.close()


@story
async def test_what_is_said_lies_in_the_desks_own_topic_in_order_and_once(
    kafka_cluster: KafkaCluster, tmp_path: Path
) -> None:
    mailbox = Mailbox(of_its_own("police"))
    topic = await made(kafka_cluster, outbox(mailbox))
    async with speaking(tmp_path, kafka_cluster.bootstrap, mailbox) as (here, _):
        police = here.desks[POLICE.name]
        await police.publish(case_opened(ONYX, team=()))
        await police.publish(moved(ONYX, to=BLACKBURN, old=PRESTON))
        kept = [one.sealed for one in police.store.outgoing(*Sending)]

        assert await committed(kafka_cluster, topic) == kept
        assert len(kept) == 2
        assert [one.state for one in police.store.outgoing(*Sending)] == [Sending.SENT] * 2


@story
async def test_what_no_cluster_takes_stays_with_the_desk(kafka_cluster: KafkaCluster, tmp_path: Path) -> None:
    async with speaking(tmp_path, "127.0.0.1:9", Mailbox(of_its_own("police"))) as (here, _):
        police = here.desks[POLICE.name]
        with pytest.raises(HubUnreachable, match="its Kafka does not take"):
            await police.publish(case_opened(ONYX, team=()))

        assert [one.state for one in police.store.outgoing(*Sending)] == [Sending.WAITING]


@story
async def test_a_desk_that_is_not_registered_says_nothing_to_the_cluster(
    kafka_cluster: KafkaCluster, tmp_path: Path
) -> None:
    async with speaking(tmp_path, kafka_cluster.bootstrap, None) as (here, _):
        with pytest.raises(HubUnreachable, match="does not know this desk"):
            await here.desks[POLICE.name].publish(case_opened(ONYX, team=()))


@story
async def test_what_is_not_of_our_form_is_not_sent(kafka_cluster: KafkaCluster, tmp_path: Path) -> None:
    mailbox = Mailbox(of_its_own("police"))
    topic = await made(kafka_cluster, outbox(mailbox))
    async with speaking(tmp_path, kafka_cluster.bootstrap, mailbox) as (_, link):
        with pytest.raises(Rejected):
            await link.submit(b'{"person":"in clear"}')

        assert await committed(kafka_cluster, topic) == []
