"""A plan says what a cluster lacks, and applying it makes that so, once; what is dangerous is told and not touched."""

from collections.abc import Iterable
from dataclasses import replace

import pytest

from broker.dev import KafkaCluster
from broker.errors import ClusterUnfit, EngineAway, KafkaRefused
from broker.kafka.administration import administered
from broker.kafka.connection import MESSAGE_BYTES_MAX, Connection
from broker.kafka.layout import (
    INBOX_BYTES_MAX,
    INBOXES_MAX,
    OUTBOX_BYTES_MAX,
    DeskOnKafka,
    Shape,
    Topic,
    topics,
)
from broker.kafka.names import Names
from broker.kafka.provisioning import Plan, apply, ensure_desk, plan
from broker.kafka.rights import EVERYBODY, Operation, Pattern, Permission, Resource, Right, desk_rights, principal
from broker.kafka.safety import unsafe
from broker.settings import Retention
from broker.topics import DIRECTORY, DOORS, INPUT, LEDGER, QUARANTINE, changelog, inbox, outbox
from tests.contracts.kafka_clients import run
from tests.kafka.stories import HOUSING, HUB, NAMES, NEEDS, POLICE, a_mailbox, as_admin, as_somebody, laid_bare

DAY_MS = 86_400_000
WANTED = topics(NEEDS.desks, Shape(NEEDS.retention, copies=1))


def topic_names(made: Iterable[Topic]) -> set[str]:
    return {topic.name for topic in made}


def reads(principal_name: str, topic: str, **more: object) -> Right:
    right = Right(principal(principal_name), Resource.TOPIC, topic, Pattern.LITERAL, Operation.READ)
    return replace(right, **more)  # type: ignore[arg-type]


def test_a_plan_changes_nothing_and_applying_it_makes_what_it_says(kafka_with_rights: KafkaCluster) -> None:
    async def story() -> tuple[Plan, set[str], Plan, Plan, Plan]:
        admin = as_admin(kafka_with_rights)
        async with laid_bare(kafka_with_rights) as cluster:
            shown = await plan(admin, NEEDS)
            untouched = {*await cluster.topics()}
            done, left = await apply(admin, NEEDS)
            again, _ = await apply(admin, NEEDS)
        return shown, untouched, done, left, again

    shown, untouched, done, left, again = run(story)

    assert topic_names(shown.make) == {
        *(INPUT, changelog(INPUT), LEDGER, DIRECTORY, QUARANTINE),
        *(inbox(POLICE.mailbox), outbox(POLICE.mailbox), changelog(outbox(POLICE.mailbox))),
        inbox(HOUSING.mailbox),
    }
    assert {*desk_rights(POLICE, NAMES), *desk_rights(HOUSING, NAMES)} <= {*shown.give}
    assert [name for name in untouched if not name.startswith("__")] == []
    assert done == shown
    assert (left.changes, left.by_hand) == (0, ())
    assert (again.changes, again.by_hand) == (0, ())


def test_every_topic_stands_as_the_layout_says(kafka_with_rights: KafkaCluster) -> None:
    async def story() -> tuple[dict[str, tuple[int, int]], dict[str, dict[str, str]]]:
        async with laid_bare(kafka_with_rights) as cluster:
            await apply(as_admin(kafka_with_rights), replace(NEEDS, lanes=2))
            found = await cluster.topics()
            settings = await cluster.settings([topic.name for topic in WANTED])
        sizes = {topic.name: (found[topic.name].partitions, found[topic.name].copies) for topic in WANTED}
        own = {name: {key: each.value for key, each in some.items() if each.is_own} for name, some in settings.items()}
        return sizes, own

    sizes, own = run(story)

    assert {name for name, size in sizes.items() if size == (2, 1)} == {INPUT, changelog(INPUT), LEDGER}
    assert set(sizes.values()) == {(1, 1), (2, 1)}
    for settings in own.values():
        assert settings["unclean.leader.election.enable"] == "false"
        assert settings["message.timestamp.type"] == "LogAppendTime"
        assert settings["min.insync.replicas"] == "1"
    compacted = {name for name, settings in own.items() if settings["cleanup.policy"] != "delete"}
    assert compacted == {changelog(INPUT), changelog(outbox(POLICE.mailbox))}
    kept = {name: int(settings["retention.ms"]) for name, settings in own.items() if name not in compacted}
    assert {name for name, longest_ms in kept.items() if longest_ms == -1} == {LEDGER, DIRECTORY}
    assert {longest_ms for longest_ms in kept.values() if longest_ms != -1} == {90 * DAY_MS}
    longest = {name: int(settings["max.message.bytes"]) for name, settings in own.items()}
    assert longest[inbox(HOUSING.mailbox)] == longest[inbox(POLICE.mailbox)] == INBOX_BYTES_MAX
    assert longest[outbox(POLICE.mailbox)] == OUTBOX_BYTES_MAX
    assert longest[INPUT] == longest[LEDGER] == longest[changelog(INPUT)] == MESSAGE_BYTES_MAX


def test_what_was_changed_by_hand_is_put_back_and_nothing_else_is(kafka_with_rights: KafkaCluster) -> None:
    async def story() -> tuple[Plan, Plan, dict[str, str]]:
        admin = as_admin(kafka_with_rights)
        async with laid_bare(kafka_with_rights) as cluster:
            await apply(admin, NEEDS)
            await cluster.configure({LEDGER: {"retention.ms": "1000", "file.delete.delay.ms": "61000"}})
            await cluster.take([reads(HOUSING.mailbox, inbox(HOUSING.mailbox))])
            drifted, left = await apply(admin, replace(NEEDS, lanes=2))
            settings = (await cluster.settings([LEDGER]))[LEDGER]
        return drifted, left, {name: setting.value for name, setting in settings.items()}

    drifted, left, settings = run(story)

    assert drifted.configure == {LEDGER: {"retention.ms": ("1000", "-1")}}
    assert drifted.widen == {INPUT: (1, 2), changelog(INPUT): (1, 2), LEDGER: (1, 2)}
    assert drifted.give == (reads(HOUSING.mailbox, inbox(HOUSING.mailbox)),)
    assert [topic.name for topic in drifted.make] == [DOORS, changelog(DOORS)]
    assert not drifted.take
    assert (left.changes, left.by_hand) == (0, ())
    assert settings["retention.ms"] == "-1"
    assert settings["file.delete.delay.ms"] == "61000"


def test_a_setting_that_is_right_by_default_alone_is_made_the_topics_own(kafka_with_rights: KafkaCluster) -> None:
    async def story() -> Plan:
        async with laid_bare(kafka_with_rights) as cluster:
            await cluster.make([Topic(LEDGER, 1, 1, {})])
            return (await apply(as_admin(kafka_with_rights), NEEDS))[0]

    done = run(story)

    assert done.configure[LEDGER]["retention.bytes"] == ("-1", "-1")
    assert done.configure[LEDGER]["unclean.leader.election.enable"] == ("false", "false")
    assert done.configure.keys() == {LEDGER}


def test_a_hub_with_a_prefix_stands_beside_another_and_neither_sees_the_other(kafka_with_rights: KafkaCluster) -> None:
    beside = replace(
        NEEDS, names=Names("rehearsal."), desks=[DeskOnKafka(a_mailbox(), writes=True)], principal="player"
    )

    async def story() -> tuple[Plan, Plan, list[str]]:
        admin = as_admin(kafka_with_rights)
        async with laid_bare(kafka_with_rights):
            await apply(admin, NEEDS)
            done, _ = await apply(admin, beside)
            player = as_somebody(kafka_with_rights, "player")
            await ensure_desk(player, a_mailbox(), NEEDS.retention, beside.names)
            problems = await unsafe(player, [INPUT, changelog(INPUT), LEDGER], beside.names)
            return done, await plan(admin, NEEDS), problems

    done, other, problems = run(story)

    assert {name for name in topic_names(done.make) if not name.startswith("rehearsal.")} == set()
    assert other.changes == 0
    assert other.by_hand == ()
    assert {problem.partition("` ")[0] for problem in problems} == {
        f"topic `rehearsal.{topic}" for topic in (INPUT, changelog(INPUT), LEDGER)
    }
    assert {problem.partition("` ")[2][:4] for problem in problems} == {"has ", "ackn"}


def test_a_right_that_a_desk_or_the_hub_should_not_have_is_shown_and_taken(kafka_with_rights: KafkaCluster) -> None:
    too_many = {
        reads(HOUSING.mailbox, inbox(POLICE.mailbox)),
        reads(HOUSING.mailbox, "", name="inbox.", pattern=Pattern.PREFIXED),
        reads(HOUSING.mailbox, inbox(HOUSING.mailbox), host="127.0.0.1"),
        reads(HUB, "kafka-cluster", resource=Resource.CLUSTER, operation=Operation.ALTER),
    }

    async def story() -> tuple[Plan, Plan]:
        admin = as_admin(kafka_with_rights)
        async with laid_bare(kafka_with_rights) as cluster:
            await apply(admin, NEEDS)
            await cluster.give(sorted(too_many))
            return await apply(admin, NEEDS)

    done, left = run(story)

    assert set(done.take) == too_many
    assert done.changes == len(too_many)
    assert (left.changes, left.by_hand) == (0, ())


def test_a_desk_that_is_revoked_keeps_no_right_and_its_topics_stay(kafka_with_rights: KafkaCluster) -> None:
    async def story() -> tuple[Plan, set[str]]:
        admin = as_admin(kafka_with_rights)
        async with laid_bare(kafka_with_rights) as cluster:
            await apply(admin, NEEDS)
            done, _ = await apply(admin, replace(NEEDS, desks=[HOUSING], revoked=[POLICE.mailbox]))
            return done, {*await cluster.topics()}

    done, there = run(story)

    assert set(done.take) == desk_rights(POLICE, NAMES)
    assert done.changes == len(done.take)
    assert {inbox(POLICE.mailbox), outbox(POLICE.mailbox)} <= there


def test_a_desk_that_writes_no_longer_keeps_its_inbox_alone(kafka_with_rights: KafkaCluster) -> None:
    quiet = replace(POLICE, writes=False)

    async def story() -> Plan:
        admin = as_admin(kafka_with_rights)
        async with laid_bare(kafka_with_rights):
            await apply(admin, NEEDS)
            return (await apply(admin, replace(NEEDS, desks=[quiet, HOUSING])))[0]

    done = run(story)

    assert set(done.take) == desk_rights(POLICE, NAMES) - desk_rights(quiet, NAMES)
    assert done.changes == 1


def test_what_others_may_and_what_ours_may_not_is_told_and_left_to_a_person(kafka_with_rights: KafkaCluster) -> None:
    denied = reads(HOUSING.mailbox, inbox(HOUSING.mailbox), permission=Permission.DENY)
    leaks = [
        reads("", inbox(HOUSING.mailbox), principal=EVERYBODY),
        reads("stranger", "*"),
        reads("stranger", "ledg", pattern=Pattern.PREFIXED),
        reads("stranger", f"{HOUSING.mailbox[:5]}", resource=Resource.GROUP, pattern=Pattern.PREFIXED),
        reads("stranger", "hub.l", resource=Resource.TRANSACTIONAL_ID, operation=Operation.WRITE),
    ]
    harmless = [
        reads("metrics", "*", operation=Operation.DESCRIBE),
        reads("stranger", "ledgers"),
        reads("stranger", "weather", pattern=Pattern.PREFIXED),
        reads("stranger", "hub-of-others", resource=Resource.GROUP),
    ]

    async def story() -> tuple[Plan, frozenset[Right] | None]:
        admin = as_admin(kafka_with_rights)
        async with laid_bare(kafka_with_rights) as cluster:
            await apply(admin, NEEDS)
            await cluster.give([denied, *leaks, *harmless])
            _, left = await apply(admin, NEEDS)
            return left, await cluster.rights()

    left, rights = run(story)

    assert left.changes == 0
    assert {sentence.partition(": ")[0] for sentence in left.by_hand} == {str(right) for right in (denied, *leaks)}
    assert {denied, *leaks, *harmless} <= (rights or frozenset())


def test_a_topic_that_has_too_much_is_told_and_left_to_a_person(kafka_with_rights: KafkaCluster) -> None:
    async def story() -> Plan:
        admin = as_admin(kafka_with_rights)
        async with laid_bare(kafka_with_rights):
            await apply(admin, replace(NEEDS, lanes=2))
            return (await apply(admin, NEEDS))[1]

    left = run(story)

    assert left.changes == 0
    assert set(left.by_hand) == {
        f"topic `{name}` has 2 partitions, and 1 are used" for name in (INPUT, changelog(INPUT), LEDGER)
    }


def test_less_than_three_nodes_are_refused_unless_somebody_says_so(kafka_with_rights: KafkaCluster) -> None:
    careful = replace(NEEDS, allow_unsafe=False)

    async def story() -> set[str]:
        admin = as_admin(kafka_with_rights)
        async with laid_bare(kafka_with_rights) as cluster:
            for refused in (plan(admin, careful), apply(admin, careful)):
                with pytest.raises(ClusterUnfit, match="1 node is at work, and there must be 3"):
                    await refused
            return {*await cluster.topics()}

    assert [name for name in run(story) if not name.startswith("__")] == []


def test_more_desks_than_can_have_a_topic_each_are_refused() -> None:
    many = [DeskOnKafka(a_mailbox()) for _ in range(INBOXES_MAX + 1)]

    with pytest.raises(ClusterUnfit, match="1001 desks, and at most 1000"):
        topics(many, Shape(Retention()))

    assert len(topics(many[:-1], Shape(Retention()))) == 5 + INBOXES_MAX


def test_a_kafka_that_knows_no_rights_is_told_as_that(kafka_cluster: KafkaCluster) -> None:
    plain = Connection(kafka_cluster.bootstrap)

    shown = run(lambda: plan(plain, NEEDS))

    assert not shown.knows_rights
    assert (shown.take, shown.give) == ((), ())
    assert shown.make


def test_who_may_not_change_a_cluster_is_told_so(kafka_with_rights: KafkaCluster) -> None:
    async def story() -> None:
        async with laid_bare(kafka_with_rights):
            await apply(as_admin(kafka_with_rights), NEEDS)
            with pytest.raises(KafkaRefused, match="the rights: "):
                await plan(as_somebody(kafka_with_rights, HUB), NEEDS)

    run(story)


def test_no_inbox_is_made_where_nothing_was_provisioned(kafka_with_rights: KafkaCluster) -> None:
    async def story() -> None:
        async with laid_bare(kafka_with_rights):
            with pytest.raises(ClusterUnfit, match="has no topics on the Kafka"):
                await ensure_desk(as_admin(kafka_with_rights), a_mailbox(), NEEDS.retention)

    run(story)


def test_whatever_a_cluster_refuses_is_raised(kafka_with_rights: KafkaCluster) -> None:
    right = reads(HOUSING.mailbox, LEDGER)

    async def story() -> None:
        async with laid_bare(kafka_with_rights):
            await apply(as_admin(kafka_with_rights), NEEDS)
            async with administered(as_somebody(kafka_with_rights, HOUSING.mailbox)) as cluster:
                for refused in (
                    cluster.make([Topic("weather", 1, 1, {})]),
                    cluster.widen(inbox(HOUSING.mailbox), 2),
                    cluster.configure({inbox(HOUSING.mailbox): {"retention.ms": "1"}}),
                    cluster.settings([inbox(HOUSING.mailbox)]),
                    cluster.node_settings(1, ["log.dirs"]),
                    cluster.give([right]),
                    cluster.take([right]),
                    cluster.rights(),
                ):
                    with pytest.raises(KafkaRefused, match=r"Kafka's error (29|31)"):
                        await refused

    run(story)


def test_a_kafka_that_is_not_there_is_told_as_that() -> None:
    with pytest.raises(EngineAway, match="no node of the Kafka answers"):
        run(lambda: plan(Connection("127.0.0.1:1"), NEEDS))


def test_the_hub_itself_makes_the_inbox_of_a_new_desk_once(kafka_with_rights: KafkaCluster) -> None:
    newcomer = a_mailbox()

    async def story() -> tuple[Plan, list[str]]:
        hub = as_somebody(kafka_with_rights, HUB)
        async with laid_bare(kafka_with_rights):
            await apply(as_admin(kafka_with_rights), NEEDS)
            for _ in range(2):
                await ensure_desk(hub, newcomer, NEEDS.retention)
            entered = replace(NEEDS, desks=[*NEEDS.desks, DeskOnKafka(newcomer)])
            return await plan(as_admin(kafka_with_rights), entered), await unsafe(hub, [inbox(newcomer)])

    needed, problems = run(story)

    assert set(needed.give) == desk_rights(DeskOnKafka(newcomer), NAMES)
    assert needed.changes == len(needed.give)
    assert len(problems) == 2  # one copy, and what one copy acknowledges; nothing else
