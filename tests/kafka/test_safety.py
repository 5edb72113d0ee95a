"""On three nodes nothing is unsafe that was provisioned, and whatever somebody changes afterwards is found."""

import asyncio
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from broker.app import hub_folder
from broker.care.manifest import TRUST
from broker.dev import KafkaCluster
from broker.errors import ClusterUnfit, UnsafeTopics
from broker.kafka.administration import Administration, administered
from broker.kafka.connection import Connection
from broker.kafka.engine import as_set
from broker.kafka.layout import DeskOnKafka, Shape, Topic, topics
from broker.kafka.needs import Needs
from broker.kafka.provisioning import Plan, apply, ensure_desk, plan
from broker.kafka.safety import unsafe
from broker.kafka.transport import KafkaTransport
from broker.settings import HubSettings, Kafka, Retention
from broker.topics import DIRECTORY, INPUT, LEDGER, QUARANTINE, changelog, inbox, outbox
from schemas import DeskId, Mailbox
from tests import personas
from tests.conftest import MISSED_SOON
from tests.contracts.clock import MovedClock
from tests.contracts.kafka_clients import LONGEST_S, run, until
from tests.faults.county import HUB, county
from tests.faults.stored import directory_topic
from tests.kafka.stories import HOUSING, POLICE, a_mailbox, as_admin

NEEDS = Needs(desks=[POLICE, HOUSING], retention=Retention(), principal="hub")
WANTED = topics(NEEDS.desks, Shape(NEEDS.retention))
NAMES = [topic.name for topic in WANTED]
ROWS = changelog(INPUT)
LETTERS = inbox(HOUSING.mailbox)
SAID = outbox(POLICE.mailbox)


class Change(NamedTuple):
    """What somebody set by hand, and what is said of it."""

    topic: str
    setting: str
    value: str
    says: str


CHANGES = [
    Change(INPUT, "min.insync.replicas", "1", "acknowledges what only 1 of its copies have"),
    Change(LETTERS, "unclean.leader.election.enable", "true", "may be led by a copy that has missed records"),
    Change(INPUT, "cleanup.policy", "compact", "it is compacted"),
    Change(LETTERS, "cleanup.policy", "compact,delete", "it is compacted"),
    Change(SAID, "cleanup.policy", "compact", "it is compacted"),
    Change(LEDGER, "cleanup.policy", "compact", "it is compacted"),
    Change(ROWS, "cleanup.policy", "delete", "it is not compacted alone"),
    Change(ROWS, "cleanup.policy", "compact,delete", "it is not compacted alone"),
    Change(LEDGER, "retention.ms", "31536000000", "removes records, and may remove none"),
    Change(DIRECTORY, "retention.ms", "31536000000", "removes records, and may remove none"),
    Change(LETTERS, "retention.bytes", "1000000", "if there are many"),
    Change(QUARANTINE, "message.timestamp.type", "CreateTime", "by their senders' clocks"),
]

SETTINGS = {
    "transaction.state.log.replication.factor": "1",  # with it, what is committed could be lost with one node
    **MISSED_SOON,
}


@pytest.fixture(scope="module")
def three_nodes(kafka_cluster: KafkaCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaCluster]:
    """Three nodes in plain text, provisioned. The shared one is only asked for so that this is skipped where it is."""
    cluster = KafkaCluster.up(tmp_path_factory.mktemp("three"), nodes=3, settings=SETTINGS)
    try:
        run(lambda: apply(Connection(cluster.bootstrap), NEEDS))
        yield cluster
    finally:
        cluster.down(remove=True)


def test_what_was_provisioned_on_three_nodes_is_safe(three_nodes: KafkaCluster) -> None:
    reached = Connection(three_nodes.bootstrap)

    async def story() -> tuple[list[str], dict[str, int]]:
        async with administered(reached) as cluster:
            found = await cluster.topics()
        return await unsafe(reached, NAMES), {name: found[name].copies for name in NAMES}

    problems, copies = run(story)

    assert problems == []
    assert set(copies.values()) == {3}


def test_whatever_somebody_made_unsafe_is_found_and_put_back(three_nodes: KafkaCluster) -> None:
    reached = Connection(three_nodes.bootstrap)

    async def found_with(change: Change) -> list[str]:
        async with administered(reached) as cluster:
            await cluster.configure({change.topic: {change.setting: change.value}})
        async with asyncio.timeout(LONGEST_S):
            while not (found := await unsafe(reached, NAMES)):  # noqa: ASYNC110 - a node hears of it a moment later
                await asyncio.sleep(0.05)
        await apply(reached, NEEDS)
        await until(lambda: is_safe(reached))
        return found

    for change in CHANGES:
        found = run(lambda change=change: found_with(change))  # type: ignore[misc]

        assert len(found) == 1, (change, found)
        assert found[0].startswith(f"topic `{change.topic}` "), change
        assert change.says in found[0], (change, found)
        assert f"(`{change.setting}`)" in found[0], (change, found)


def test_a_topic_that_is_missing_or_has_too_few_copies_or_partitions_is_found(three_nodes: KafkaCluster) -> None:
    reached = Connection(three_nodes.bootstrap)
    said = outbox(HOUSING.mailbox)
    rows = changelog(said)

    async def story() -> tuple[list[str], Plan]:
        made = {topic.name: topic for topic in WANTED}
        admin = AIOKafkaAdminClient(bootstrap_servers=three_nodes.bootstrap)
        await admin.start()
        try:
            async with administered(reached) as cluster:
                await cluster.make([Topic(said, 2, 3, made[SAID].settings), Topic(rows, 1, 1, made[ROWS].settings)])
            writing = [POLICE, replace(HOUSING, writes=True)]
            planned = await plan(reached, replace(NEEDS, desks=writing))
            return await unsafe(reached, [said, rows, "inbox.nobody"]), planned
        finally:
            await admin.delete_topics([said, rows])
            await admin.close()

    found, planned = run(story)

    assert found == [
        f"topic `{rows}` has 1 of 3 copies",
        f"topic `{rows}` has 1 partitions, fewer than the topic that it belongs to",
        "topic `inbox.nobody` is not there, or we are not shown it",
    ]
    assert f"topic `{rows}` has 1 of 3 copies: reassign its partitions" in planned.by_hand
    assert f"topic `{said}` has 2 partitions, and 1 are used" in planned.by_hand


def test_no_hub_begins_while_the_topics_of_a_desk_that_writes_itself_are_missing_or_unsafe(
    three_nodes: KafkaCluster, tmp_path: Path
) -> None:
    reached = Connection(three_nodes.bootstrap)
    mailbox = asyncio.run(registered(tmp_path))
    desk, rows = DeskOnKafka(mailbox), changelog(outbox(mailbox))
    needs = replace(NEEDS, desks=[desk])
    home = tmp_path / "elsewhere"
    home.mkdir()
    shutil.copyfile(hub_folder(tmp_path) / TRUST, home / TRUST)
    kafka = Kafka(bootstrap=three_nodes.bootstrap, writing_desks=(personas.POLICE.name, DeskId("not-here-yet")))
    opens = as_set(HubSettings(hub=HUB, kafka=kafka), tmp_path / "tellwise.toml", allow_unsafe_topics=False)

    async def why_not() -> str:
        with pytest.raises(UnsafeTopics) as refused:
            await opens(home, MovedClock())
        return str(refused.value)

    async def story() -> list[str]:
        await apply(reached, needs)
        transport = KafkaTransport(reached)
        await transport.publish(DIRECTORY, directory_topic(tmp_path))
        await transport.close()
        refused = [await why_not()]
        await apply(reached, replace(needs, desks=[replace(desk, writes=True)]))
        await (await opens(home, MovedClock())).close()
        async with administered(reached) as cluster:
            await cluster.configure({rows: {"cleanup.policy": "delete"}})
        await until(lambda: unsafe(reached, [rows]))
        return [*refused, await why_not()]

    refused = run(story)

    said = outbox(mailbox)
    assert refused == [
        f"topic `{said}` is not there, or we are not shown it; topic `{rows}` is not there, or we are not shown it",
        f"topic `{rows}` removes rows of state that are in force: it is not compacted alone (`cleanup.policy`)",
    ]


def test_a_cluster_whose_transactions_stand_on_one_node_is_told_so(three_nodes: KafkaCluster) -> None:
    shown = run(lambda: plan(Connection(three_nodes.bootstrap), NEEDS))

    assert shown.changes == 0
    assert shown.by_hand == tuple(
        f"node {node} has `transaction.state.log.replication.factor` 1, and 3 is the least" for node in (1, 2, 3)
    )


def test_a_desk_that_comes_while_a_node_is_down_has_three_copies_of_its_inbox(three_nodes: KafkaCluster) -> None:
    reached = Connection(three_nodes.bootstrap)
    newcomer = a_mailbox()

    async def story() -> list[str]:
        async with administered(reached) as cluster:
            await until(lambda: misses(cluster, 3))
            with pytest.raises(ClusterUnfit, match="2 nodes are at work, and there must be 3"):
                await plan(reached, NEEDS)
            await ensure_desk(reached, newcomer, NEEDS.retention)
        return await unsafe(reached, [inbox(newcomer)])

    three_nodes.kill(3)
    try:
        problems = run(story)
    finally:
        KafkaCluster.up(three_nodes.folder)

    assert problems == []


def test_a_kafka_that_asks_for_certificates_and_for_no_rights_is_refused(
    kafka_cluster: KafkaCluster, tmp_path: Path
) -> None:
    cluster = KafkaCluster.up(tmp_path / "open", tls=True, settings={"authorizer.class.name": ""})
    try:
        with pytest.raises(ClusterUnfit, match="asks nobody for rights"):
            run(lambda: apply(as_admin(cluster), replace(NEEDS, allow_unsafe=True)))
        made = run(lambda: topics_of(as_admin(cluster)))
    finally:
        cluster.down(remove=True)

    assert made == []


async def registered(folder: Path) -> Mailbox:
    """A hub that has run, here in a file, and the mailbox of its one desk."""
    async with county(folder, MovedClock(), [personas.POLICE]) as here:
        return here.tellwise.directory.desk(personas.POLICE.name).mailbox


async def is_safe(reached: Connection) -> bool:
    return await unsafe(reached, NAMES) == []


async def topics_of(reached: Connection) -> list[str]:
    async with administered(reached) as cluster:
        return sorted(await cluster.topics())


async def misses(cluster: Administration, node: int) -> bool:
    return node not in await cluster.nodes()
