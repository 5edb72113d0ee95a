"""A desk's own certificate opens its own mailbox and nothing else; the hub's opens what the engine needs, and no more.

Each attempt is made at the running broker, by its own request. A list of what may be done is whole: what is not in it
was tried as well, and refused.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from broker.dev import KafkaCluster
from broker.kafka.engine import on_kafka
from broker.kafka.layout import DeskOnKafka, Shape, topics
from broker.kafka.provisioning import apply
from broker.kafka.safety import unsafe
from broker.kafka.transport import KafkaTransport
from broker.ports import Assigned, Leaf, RowKey, SealedRow, Table
from broker.topics import DIRECTORY, INPUT, LEDGER, QUARANTINE, changelog, inbox, outbox
from schemas import DeskId, Mailbox
from tests import personas
from tests.contracts.clock import MovedClock
from tests.contracts.engine import frontier
from tests.contracts.kafka_clients import run
from tests.faults.county import case_opened, county, moved
from tests.kafka.attempts import Answer, Attempts, trying
from tests.kafka.stories import HOUSING, HUB, NAMES, NEEDS, POLICE, as_admin, as_somebody, laid_bare, producing
from tests.personas import BLACKBURN, PRESTON

LANE = f"{NAMES.lanes}{INPUT}.0"
OURS = [topic.name for topic in topics(NEEDS.desks, Shape(NEEDS.retention, copies=1))]
OTHERS = ["weather", "__consumer_offsets", "__transaction_state"]
GROUP = NAMES.group(INPUT)
EVERY = [*OURS, *OTHERS]
"""All topics there are: what one of these does not allow, no topic does."""
POLICE_GROUP, HOUSING_GROUP = f"{POLICE.mailbox}.adapter", f"{HOUSING.mailbox}.adapter"
GROUPS = [*NAMES.groups, POLICE_GROUP, HOUSING_GROUP, "somebody"]
ONYX = personas.PEOPLE[0]
_HUB_S = 120
STRANGER = "nobody_knows_this_one-"


async def at_work(cluster: KafkaCluster) -> None:
    """A hub and its two desks have said and heard something, each as itself: so there is something to get at."""
    hub = as_somebody(cluster, HUB)
    async with producing(hub, LANE) as lane, lane.transaction():
        for topic in (*OURS, inbox(HOUSING.mailbox)):
            await (await lane.send(topic, b"sealed", key=b"row", partition=0))
        await lane.send_offsets_to_transaction({TopicPartition(INPUT, 0): 1}, GROUP)
    async with producing(as_somebody(cluster, POLICE.mailbox)) as police:
        await police.send_and_wait(outbox(POLICE.mailbox), b"sealed", partition=0)
    for desk, group in ((POLICE, POLICE_GROUP), (HOUSING, HOUSING_GROUP)):
        assert b"sealed" in await heard(cluster, desk, group)


async def heard(cluster: KafkaCluster, desk: DeskOnKafka, group: str) -> list[bytes]:
    """What a desk reads of its inbox as a member of its group, and says that it has read."""
    consumer = AIOKafkaConsumer(
        inbox(desk.mailbox),
        **as_somebody(cluster, desk.mailbox).arguments(),
        group_id=group,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    try:
        await consumer.start()
        record = await consumer.getone()
        await consumer.commit()
    finally:
        await consumer.stop()
    return [record.value]


async def tried(cluster: KafkaCluster, name: str, attempts: Callable[[Attempts], Awaitable[None]]) -> None:
    """Lay everything out, let everybody work, and then let somebody try."""
    async with laid_bare(cluster) as bare:
        await apply(as_admin(cluster), NEEDS)
        async with trying(as_admin(cluster)) as admin:
            assert await admin.make("weather") == Answer.DONE
        await at_work(cluster)
        rights = await bare.rights()
        async with trying(as_somebody(cluster, name)) as somebody:
            await attempts(somebody)
        assert await bare.rights() == rights


async def allowed(attempt: Callable[[str], Awaitable[int]], things: list[str], refusal: Answer) -> set[str]:
    """With which of these an attempt succeeds. With all others it must be refused as *refusal* says."""
    answers = {thing: await attempt(thing) for thing in things}
    assert {answer for answer in answers.values() if answer != Answer.DONE} <= {refusal}, answers
    return {thing for thing, answer in answers.items() if answer == Answer.DONE}


@pytest.mark.parametrize(
    ("desk", "writes"),
    [(POLICE, {outbox(POLICE.mailbox)}), (HOUSING, set())],
    ids=["one that writes to Kafka", "one that comes through the edge"],
)
def test_a_desk_reads_its_inbox_and_writes_its_outbox_and_that_is_all(
    desk: DeskOnKafka, writes: set[str], kafka_with_rights: KafkaCluster
) -> None:
    its_own = {inbox(desk.mailbox)}

    async def attempts(somebody: Attempts) -> None:
        topic, cluster = Answer.NOT_THIS_TOPIC, Answer.NOT_THIS_CLUSTER
        assert await allowed(somebody.read, EVERY, topic) == its_own
        assert await allowed(somebody.write, EVERY, topic) == writes
        assert await allowed(somebody.end, EVERY, topic) == its_own | writes
        assert await allowed(somebody.named, EVERY, topic) == its_own | writes
        assert await somebody.shown() == its_own | writes
        for attempt in (somebody.remove_records, somebody.remove, somebody.widen, somebody.change, somebody.settings):
            assert await allowed(attempt, EVERY, topic) == set()
        assert await allowed(somebody.make, ["rain", inbox(Mailbox("x")), f"{inbox(desk.mailbox)}.x"], topic) == set()
        assert await somebody.node_settings() == cluster
        assert await somebody.rights() == cluster
        assert await somebody.give(desk.mailbox, LEDGER) == cluster
        assert await somebody.take(POLICE.mailbox, inbox(POLICE.mailbox)) == cluster

    run(lambda: tried(kafka_with_rights, desk.mailbox, attempts))


@pytest.mark.parametrize(("desk", "group"), [(POLICE, POLICE_GROUP), (HOUSING, HOUSING_GROUP)], ids=["one", "another"])
def test_a_desk_sees_where_it_has_read_to_itself_and_of_nobody_else(
    desk: DeskOnKafka, group: str, kafka_with_rights: KafkaCluster
) -> None:
    async def attempts(somebody: Attempts) -> None:
        refusal = Answer.NOT_THIS_GROUP
        for attempt in (somebody.committed, somebody.join, somebody.found, somebody.described):
            assert await allowed(attempt, GROUPS, refusal) == {group}
        assert await allowed(lambda each: somebody.commit(each, inbox(desk.mailbox)), GROUPS, refusal) == {group}
        assert await allowed(somebody.removed, GROUPS, refusal) == set()
        assert await somebody.groups() == {group}
        assert await allowed(lambda topic: somebody.commit(group, topic), EVERY, Answer.NOT_THIS_TOPIC) == {
            inbox(desk.mailbox)
        }

    run(lambda: tried(kafka_with_rights, desk.mailbox, attempts))


@pytest.mark.parametrize(
    "name", [POLICE.mailbox, HOUSING.mailbox, STRANGER], ids=["a writer", "a reader", "a stranger"]
)
def test_nobody_takes_a_lane_from_the_hub(name: str, kafka_with_rights: KafkaCluster) -> None:
    async def attempts(somebody: Attempts) -> None:
        refusal = Answer.NOT_THIS_TRANSACTIONAL_ID
        for transactional_id in (LANE, f"{NAMES.lanes}another", "hub", f"{name}.own"):
            assert await somebody.fence(transactional_id) == refusal
            assert await somebody.found_transaction(transactional_id) == refusal
            assert await somebody.add_to_transaction(transactional_id, outbox(POLICE.mailbox)) == refusal
            assert await somebody.add_group_to_transaction(transactional_id, GROUP) == refusal

    run(lambda: tried(kafka_with_rights, name, attempts))


def test_a_certificate_without_rights_opens_nothing(kafka_with_rights: KafkaCluster) -> None:
    async def attempts(somebody: Attempts) -> None:
        for attempt in (somebody.read, somebody.write, somebody.end, somebody.named, somebody.settings):
            assert await allowed(attempt, EVERY, Answer.NOT_THIS_TOPIC) == set()
        assert await somebody.shown() == set()
        assert await somebody.groups() == set()
        assert await allowed(somebody.committed, GROUPS, Answer.NOT_THIS_GROUP) == set()

    run(lambda: tried(kafka_with_rights, STRANGER, attempts))


def test_the_hub_does_what_the_engine_needs_and_no_more(kafka_with_rights: KafkaCluster) -> None:
    newcomer = inbox(Mailbox("n3wc0mer_of_the_town-3"))

    async def attempts(hub: Attempts) -> None:
        topic, cluster = Answer.NOT_THIS_TOPIC, Answer.NOT_THIS_CLUSTER
        for attempt in (hub.read, hub.write, hub.end, hub.named, hub.settings):
            assert await allowed(attempt, EVERY, topic) == set(OURS)
        assert await hub.shown() == set(OURS)
        for attempt in (hub.remove_records, hub.remove, hub.widen, hub.change):
            assert await allowed(attempt, EVERY, topic) == set()
        made = [newcomer, "rain", "ledger-2", outbox(Mailbox("x")), changelog("x")]
        assert await allowed(hub.make, made, topic) == {newcomer}
        for asked in (hub.committed, hub.join, hub.found, hub.described):
            assert await allowed(asked, GROUPS, Answer.NOT_THIS_GROUP) == set(NAMES.groups)
        assert await allowed(hub.removed, GROUPS, Answer.NOT_THIS_GROUP) == set()
        assert await hub.groups() == set(NAMES.groups)
        ids = [LANE, "hub", f"{POLICE.mailbox}.own"]
        assert await allowed(hub.fence, ids, Answer.NOT_THIS_TRANSACTIONAL_ID) == {LANE}
        assert await hub.node_settings() == cluster
        assert await hub.rights() == cluster
        assert await hub.give(HUB, "weather") == cluster
        assert await hub.take(POLICE.mailbox, inbox(POLICE.mailbox)) == cluster

    run(lambda: tried(kafka_with_rights, HUB, attempts))


def test_the_engine_does_a_turn_with_the_rights_of_the_hub_and_a_desk_hears_of_it(
    kafka_with_rights: KafkaCluster,
) -> None:
    async def story() -> list[bytes]:
        async with laid_bare(kafka_with_rights):
            await apply(as_admin(kafka_with_rights), NEEDS)
            engine = KafkaTransport(as_somebody(kafka_with_rights, HUB))
            try:
                await engine.publish(INPUT, [b"said"])
                async with engine.lanes([(INPUT, 0)]) as events:
                    assigned = await anext(events)
                    assert isinstance(assigned, Assigned)
                    [record] = await assigned.lane.poll(10, 5_000)
                    async with assigned.lane.transaction() as tx:
                        tx.send(inbox(HOUSING.mailbox), b"heard of " + record.value)
                        tx.send(DIRECTORY, b"event")
                        tx.send(QUARANTINE, b"refused")
                        tx.put(Table.SEEN, RowKey(b"row"), SealedRow(b"sealed"))
                        tx.record("hub.example/lane-0", 0, [Leaf(b"entry", None)], frontier(1))
                        tx.done(record.offset + 1)
                assert [item.value for item in await engine.read(DIRECTORY, 0, 10, 0)] == [b"event"]
            finally:
                await engine.close()
            return await heard(kafka_with_rights, HOUSING, HOUSING_GROUP)

    assert run(story) == [b"heard of said"]


def test_a_whole_hub_lives_on_the_rights_of_the_hub_and_desks_come_to_it(
    kafka_with_rights: KafkaCluster, tmp_path: Path
) -> None:
    hub = as_somebody(kafka_with_rights, HUB)
    engine = on_kafka(hub, NEEDS.retention, allow_unsafe_topics=True, lanes=1)

    async def story() -> set[DeskId]:
        async with asyncio.timeout(_HUB_S), laid_bare(kafka_with_rights):
            await apply(as_admin(kafka_with_rights), replace(NEEDS, desks=[]))
            async with county(tmp_path, MovedClock(), engine=engine) as here:
                await here.say(personas.POLICE.name, case_opened(ONYX))
                await here.say(personas.POLICE.name, moved(ONYX, to=BLACKBURN, old=PRESTON))
                await here.tellwise.engine.behind()
                return set(await here.hear())

    heard_of_it = asyncio.run(story())

    assert heard_of_it > {personas.PROBATION.name}


def test_the_hub_sees_whether_its_topics_are_safe_and_writes_outside_of_a_lane(kafka_with_rights: KafkaCluster) -> None:
    async def story() -> list[str]:
        hub = as_somebody(kafka_with_rights, HUB)
        async with laid_bare(kafka_with_rights):
            await apply(as_admin(kafka_with_rights), NEEDS)
            async with producing(hub) as edge:  # idempotent: Kafka asks for no right to that beside the topic's own
                await edge.send_and_wait(INPUT, b"sealed", partition=0)
            return await unsafe(hub, [DIRECTORY, QUARANTINE])

    problems = run(story)

    assert problems == [
        f"topic `{topic}` {what}"
        for topic in (DIRECTORY, QUARANTINE)
        for what in ("has 1 of 3 copies", "acknowledges what only 1 of its copies have (`min.insync.replicas`)")
    ]
