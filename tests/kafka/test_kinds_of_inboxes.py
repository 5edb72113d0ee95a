"""Where a hub's inboxes lie is settled when it begins: topics and rights are made for it, and no other kind later."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from broker.app import running
from broker.cli.moving import import_
from broker.dev import KafkaCluster
from broker.errors import ClusterUnfit, SettingsRefused
from broker.kafka.administration import administered
from broker.kafka.connection import Connection
from broker.kafka.engine import as_set, transport_as_set
from broker.kafka.inboxes import SHARDS
from broker.kafka.layout import INBOXES_MAX, DeskOnKafka, Shape, topics
from broker.kafka.names import Names
from broker.kafka.needs import Needs, needs_of
from broker.kafka.provisioning import Plan, apply, ensure_desk, plan
from broker.kafka.rights import principal
from broker.kafka.safety import unsafe
from broker.settings import HubSettings, Inboxes, Retention, load_settings
from broker.topics import DIRECTORY, INBOXES, INPUT, LEDGER, QUARANTINE, changelog, inbox, outbox
from schemas import DeskId
from tests import personas
from tests.contracts.clock import MovedClock
from tests.contracts.kafka_clients import of_its_own, run, until
from tests.contracts.kafka_engine import make_topics
from tests.faults.county import HUB as HUB_NAME
from tests.faults.county import case_opened, county, moved
from tests.kafka.attempts import Answer, Attempts, trying
from tests.kafka.hubs import Place, place_on
from tests.kafka.stories import HOUSING, HUB, NEEDS, POLICE, a_mailbox, as_admin, as_somebody, laid_bare
from tests.kafka.test_provision_command import settled
from tests.kafka.test_what_who_may import allowed
from tests.personas import BLACKBURN, PRESTON

SHARED = Names(inboxes="shared")
NEEDED = replace(NEEDS, names=SHARED)
OURS = [topic.name for topic in topics(NEEDED.desks, Shape(NEEDED.retention, copies=1, names=SHARED))]
NAMED: dict[Inboxes, str] = {"topics": '`inboxes = "topics"`', "shared": '`inboxes = "shared"`'}
_HUB_S = 120


def test_shared_inboxes_are_one_topic_and_no_desk_has_a_right_to_it(kafka_with_rights: KafkaCluster) -> None:
    async def story() -> tuple[Plan, Plan, list[str], dict[str, str]]:
        admin = as_admin(kafka_with_rights)
        async with laid_bare(kafka_with_rights) as cluster:
            done, left = await apply(admin, NEEDED)
            problems = await unsafe(as_somebody(kafka_with_rights, HUB), [INBOXES], SHARED)
            settings = (await cluster.settings([INBOXES]))[INBOXES]
        return done, left, problems, {name: setting.value for name, setting in settings.items()}

    done, left, problems, settings = run(story)

    assert {topic.name: topic.partitions for topic in done.make} == dict.fromkeys(
        (
            INPUT,
            changelog(INPUT),
            LEDGER,
            DIRECTORY,
            QUARANTINE,
            outbox(POLICE.mailbox),
            changelog(outbox(POLICE.mailbox)),
        ),
        1,
    ) | {INBOXES: SHARDS}
    assert {right.name for right in done.give if right.principal != principal(HUB)} == {outbox(POLICE.mailbox)}
    assert left.changes == 0
    assert left.by_hand == ()
    assert len(problems) == 2  # one copy, and what one copy acknowledges; nothing else
    assert settings["retention.ms"] == str(90 * 86_400_000)


def test_any_number_of_desks_shares_a_topic() -> None:
    many = [DeskOnKafka(a_mailbox()) for _ in range(INBOXES_MAX + 1)]

    assert len(topics(many, Shape(Retention(), names=SHARED))) == 6


def test_a_desk_gets_at_nothing_of_shared_inboxes_and_writes_where_it_may(kafka_with_rights: KafkaCluster) -> None:
    async def attempts(somebody: Attempts) -> None:
        for attempt in (somebody.read, somebody.remove_records, somebody.settings, somebody.make):
            assert await allowed(attempt, [*OURS, inbox(POLICE.mailbox)], Answer.NOT_THIS_TOPIC) == set()
        for attempt in (somebody.write, somebody.end, somebody.named):
            assert await allowed(attempt, OURS, Answer.NOT_THIS_TOPIC) == {outbox(POLICE.mailbox)}
        assert await somebody.shown() == {outbox(POLICE.mailbox)}
        assert await allowed(somebody.join, [f"{POLICE.mailbox}.desk"], Answer.NOT_THIS_GROUP) == set()

    async def story() -> None:
        async with laid_bare(kafka_with_rights):
            await apply(as_admin(kafka_with_rights), NEEDED)
            async with trying(as_somebody(kafka_with_rights, POLICE.mailbox)) as somebody:
                await attempts(somebody)

    run(story)


def test_the_hub_has_what_shared_inboxes_need_and_makes_none(kafka_with_rights: KafkaCluster) -> None:
    async def story() -> None:
        async with laid_bare(kafka_with_rights):
            await apply(as_admin(kafka_with_rights), NEEDED)
            async with trying(as_somebody(kafka_with_rights, HUB)) as hub:
                for attempt in (hub.read, hub.write, hub.settings):
                    assert await allowed(attempt, OURS, Answer.NOT_THIS_TOPIC) == set(OURS)
                for attempt in (hub.remove, hub.widen, hub.remove_records):
                    assert await allowed(attempt, OURS, Answer.NOT_THIS_TOPIC) == set()
                assert await allowed(hub.make, [inbox(a_mailbox())], Answer.NOT_THIS_TOPIC) == set()

    run(story)


def test_a_whole_hub_with_shared_inboxes_lives_on_the_rights_of_the_hub(
    kafka_with_rights: KafkaCluster, tmp_path: Path
) -> None:
    path = settled(tmp_path, kafka_with_rights)
    path.write_text(f'{path.read_text()}inboxes = "shared"\n')
    settings = load_settings(path, HubSettings)

    async def story() -> tuple[set[DeskId], set[str]]:
        async with asyncio.timeout(_HUB_S), laid_bare(kafka_with_rights) as cluster:
            assert settings.kafka is not None
            admin = as_admin(kafka_with_rights)
            await apply(admin, await needs_of(settings, settings.kafka, path, admin, allow_unsafe=True))
            engine = as_set(settings, path, allow_unsafe_topics=True)
            async with county(tmp_path / "data", MovedClock(), engine=engine) as here:
                await here.say(personas.POLICE.name, case_opened(personas.PEOPLE[0]))
                await here.say(personas.POLICE.name, moved(personas.PEOPLE[0], to=BLACKBURN, old=PRESTON))
                heard = set(await here.hear())
            transport, make_room = transport_as_set(settings, path)
            await make_room(a_mailbox())
            await transport.close()
            return heard, {name for name in await cluster.topics() if not name.startswith("__")}

    heard, there = asyncio.run(story())

    assert heard > {personas.PROBATION.name}
    assert there == {INPUT, changelog(INPUT), LEDGER, DIRECTORY, QUARANTINE, INBOXES}


@pytest.mark.parametrize(("there", "asked"), [("topics", "shared"), ("shared", "topics")])
def test_neither_a_hub_nor_its_operator_goes_on_with_the_other_kind(
    there: Inboxes, asked: Inboxes, kafka_cluster: KafkaCluster, tmp_path: Path
) -> None:
    async def story() -> None:
        place = await place_on(kafka_cluster, inboxes=there)
        if there == "topics":
            await ensure_desk(place.connection, HOUSING.mailbox, Retention(), place.names)
        other = replace(place, names=replace(place.names, inboxes=asked))
        needs = Needs(desks=[], retention=Retention(), principal=HUB, allow_unsafe=True, names=other.names)
        for refused in (
            a_hub_runs(tmp_path, other),
            plan(place.connection, needs),
            apply(place.connection, needs),
        ):
            with pytest.raises(ClusterUnfit) as why:
                await refused
            assert NAMED[there] in why.value.next_step
        await a_hub_runs(tmp_path, place)  # and nothing is held by the one that was refused

    run(story)


def test_a_hub_that_moves_is_not_put_where_inboxes_are_shared(tmp_path: Path) -> None:
    config = tmp_path / "tellwise.toml"
    config.write_text('hub = "hub.example"\n[kafka]\nbootstrap = "127.0.0.1:9092"\ninboxes = "shared"\n')

    with pytest.raises(SettingsRefused, match=r"`kafka\.inboxes`: .* keeps its numbers"):
        import_(tmp_path / "taken", config, (None, None), allow_unsafe_topics=True)

    assert list(tmp_path.iterdir()) == [config]


def test_shared_inboxes_in_another_number_of_partitions_are_not_safe(kafka_cluster: KafkaCluster) -> None:
    names = Names(of_its_own("hub") + ".", "shared")

    async def story() -> list[str]:
        await make_topics(kafka_cluster.bootstrap, names.prefix, {INBOXES: SHARDS - 1})
        connection = Connection(kafka_cluster.bootstrap)
        await until(lambda: is_there(connection, names.topic(INBOXES)))
        return await unsafe(connection, [INBOXES], names)

    assert f"topic `{names.topic(INBOXES)}` has {SHARDS - 1} partitions, and must have {SHARDS}" in run(story)


async def a_hub_runs(folder: Path, place: Place) -> None:
    """One that has no desks yet."""
    async with running(folder, HUB_NAME, demo=True, clock=MovedClock(), engine=place.engine):
        pass


async def is_there(connection: Connection, topic: str) -> bool:
    """Whether a cluster knows a topic that was made a moment ago."""
    async with administered(connection) as cluster:
        return await cluster.has_leaders(topic)
