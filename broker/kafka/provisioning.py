"""What a cluster lacks of what a hub needs: found, told as a plan, and done. Doing it twice changes nothing.

Nothing is ever removed but rights: no topic, no partition, no record. What only a person can put right is named and
left to them.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from broker.errors import ClusterUnfit, EngineAway
from broker.kafka.administration import Administration, Found, Setting, administered
from broker.kafka.connection import Connection
from broker.kafka.inboxes import refuse_other_kind
from broker.kafka.layout import COPIES, IN_SYNC_MIN, Shape, Topic, inbox_topic, topics
from broker.kafka.names import Names
from broker.kafka.needs import Needs
from broker.kafka.rights import Permission, Right, desk_rights, hub_rights, principal, reaches
from broker.settings import Retention
from broker.topics import INPUT, inbox
from schemas import Mailbox

_SETTLED_S = 30
"""Seconds until a node knows what was done; it takes a fraction of one."""
_LOOK_S = 0.1
# Where transactions stand: what is committed is lost with it. Kafka's broker settings; it makes the topic at first use.
_TRANSACTIONS = "__transaction_state"
_COPIES_OF_TRANSACTIONS = "transaction.state.log.replication.factor"
_IN_SYNC_OF_TRANSACTIONS = "transaction.state.log.min.isr"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done, in the order in which it is done; or nothing."""

    take: tuple[Right, ...] = ()
    """Rights that somebody of ours has and should not."""
    make: tuple[Topic, ...] = ()
    widen: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """Partitions by topic: how many there are, and how many there must be."""
    configure: Mapping[str, Mapping[str, tuple[str, str]]] = field(default_factory=dict)
    """By topic and setting: the value in force, and the one that must stand in the topic itself."""
    give: tuple[Right, ...] = ()
    by_hand: tuple[str, ...] = ()
    """What only a person can put right, one sentence each."""
    knows_rights: bool = True
    """Whether the cluster asks anybody for rights."""

    @property
    def changes(self) -> int:
        """How many changes there are to make."""
        settings = sum(len(settings) for settings in self.configure.values())
        return len(self.take) + len(self.make) + len(self.widen) + settings + len(self.give)


async def plan(connection: Connection, needs: Needs) -> Plan:
    """Look at a cluster, and say what is to be done. Nothing is changed.

    Raises:
        ClusterUnfit: there are too few nodes for so many copies, too many desks, inboxes of the other kind, or no
            rights though it is no Kafka of this machine's alone.
        EngineAway, KafkaRefused: it cannot be looked at.
    """
    async with administered(connection) as cluster:
        return await _planned(cluster, connection, needs)


async def apply(connection: Connection, needs: Needs) -> tuple[Plan, Plan]:
    """Do what is to be done. Returns what was planned, and what is left: nothing but what only a person can do.

    Rights that are too many go first, and those that are wanted come last, so that nobody gets at what is half made.

    Raises:
        ClusterUnfit: as `plan`; nothing was changed.
        EngineAway, KafkaRefused: some of it may be done. Doing it again goes on from there.
    """
    async with administered(connection) as cluster:
        planned = await _planned(cluster, connection, needs)
        await cluster.take(planned.take)
        await cluster.make(planned.make)
        for topic, (_, partitions) in planned.widen.items():
            await cluster.widen(topic, partitions)
        await cluster.configure(
            {
                topic: {name: wanted for name, (_, wanted) in settings.items()}
                for topic, settings in planned.configure.items()
            }
        )
        await cluster.give(planned.give)
        left = planned
        for node in await cluster.nodes():
            try:
                async with asyncio.timeout(_SETTLED_S):
                    while (left := await _planned(cluster.at(node), connection, needs)).changes:  # noqa: ASYNC110
                        await asyncio.sleep(_LOOK_S)  # no event tells it
            except TimeoutError:
                raise EngineAway(f"node {node} does not know of the changes, or somebody undoes them") from None
        return planned, left


async def ensure_desk(
    connection: Connection, mailbox: Mailbox, retention: Retention, names: Names | None = None
) -> None:
    """Make the inbox of a desk that came to the hub, if it is not there, and wait until every node knows it.

    For the hub itself, with its own rights. What a desk may do on Kafka itself is for the operator to give: `apply`.
    The inbox has as many copies as the hub's input, and so as many as the operator wanted, whoever is down just now.

    Args:
        connection: The hub's.
        mailbox: The desk's.
        retention: How long letters are kept.
        names: What the hub's things are called.

    Raises:
        ClusterUnfit: nothing was made for this hub yet.
        EngineAway: nobody answers, or the inbox has no leader in time.
        KafkaRefused: we may not make it.
    """
    names = names or Names()
    name = names.topic(inbox(mailbox))
    async with administered(connection) as cluster:
        there = await cluster.topics()
        if name not in there:
            if names.topic(INPUT) not in there:
                raise ClusterUnfit("this hub has no topics on the Kafka", "Run `tellwise kafka provision --apply`.")
            copies = min(COPIES, there[names.topic(INPUT)].copies)
            await cluster.make([inbox_topic(mailbox, Shape(retention, copies=copies, names=names))])
        try:
            async with asyncio.timeout(_SETTLED_S):
                for node in await cluster.nodes():
                    while not await cluster.at(node).has_leaders(name):  # noqa: ASYNC110
                        await asyncio.sleep(_LOOK_S)  # no event tells it
        except TimeoutError:
            raise EngineAway(f"topic `{name}` has no leader") from None


def _copies(nodes: Sequence[int], *, allow_unsafe: bool) -> int:
    """How many nodes are to hold each record."""
    if len(nodes) >= COPIES:
        return COPIES
    if not allow_unsafe:
        count = f"{len(nodes)} node{' is' if len(nodes) == 1 else 's are'}"
        raise ClusterUnfit(
            f"of the Kafka {count} at work, and there must be {COPIES}",
            "Start the others. To try it out where what was acknowledged can be lost: --allow-unsafe-topics.",
        )
    return 1


async def _planned(cluster: Administration, connection: Connection, needs: Needs) -> Plan:
    nodes = await cluster.nodes()
    copies = _copies(nodes, allow_unsafe=needs.allow_unsafe)
    wanted = topics(needs.desks, Shape(needs.retention, needs.lanes, copies, needs.names))
    given = await cluster.rights()
    if given is None and connection.context is not None:
        raise ClusterUnfit(
            "this Kafka asks nobody for rights, so everybody may read everything",
            "Give its nodes an `authorizer.class.name`, as deploy/README.md says.",
        )
    found = await cluster.topics()
    refuse_other_kind(needs.names.inboxes, needs.names.topics_of(found))
    settings = await cluster.settings([topic.name for topic in wanted if topic.name in found])
    by_hand = [f"desk `{desk}` should write to Kafka itself, and is not in the directory" for desk in needs.unknown]
    by_hand += _topics_by_hand(wanted, found)
    if copies == COPIES:
        by_hand += await _transactions_by_hand(cluster, nodes, found)
    take: set[Right] = set()
    give: set[Right] = set()
    if given is not None:
        take, give = _rights(needs, given)
        by_hand += _rights_by_hand(needs, given - take)
    return Plan(
        take=tuple(sorted(take)),
        make=tuple(topic for topic in wanted if topic.name not in found),
        widen={
            topic.name: (found[topic.name].partitions, topic.partitions)
            for topic in wanted
            if topic.name in found and found[topic.name].partitions < topic.partitions
        },
        configure={
            topic.name: changed
            for topic in wanted
            if topic.name in settings and (changed := _changed(topic.settings, settings[topic.name]))
        },
        give=tuple(sorted(give)),
        by_hand=tuple(by_hand),
        knows_rights=given is not None,
    )


def _changed(wanted: Mapping[str, str], found: Mapping[str, Setting]) -> dict[str, tuple[str, str]]:
    unset = Setting("", is_own=False)
    return {
        name: (found.get(name, unset).value, value)
        for name, value in wanted.items()
        if found.get(name) != Setting(value, is_own=True)
    }


def _rights(needs: Needs, given: frozenset[Right]) -> tuple[set[Right], set[Right]]:
    """What to take and what to give. A denial is never taken: somebody may have shut a desk out by it."""
    wanted = set(hub_rights(needs.principal, needs.names)).union(
        *(desk_rights(desk, needs.names) for desk in needs.desks)
    )
    ours = {right.principal for right in wanted} | {principal(mailbox) for mailbox in needs.revoked}
    allowed = {right for right in given if right.principal in ours and right.permission is Permission.ALLOW}
    return allowed - wanted, wanted - allowed


def _topics_by_hand(wanted: Iterable[Topic], found: Mapping[str, Found]) -> Iterable[str]:
    for topic in wanted:
        there = found.get(topic.name, Found(topic.partitions, topic.copies))
        if there.copies < topic.copies:
            yield f"topic `{topic.name}` has {there.copies} of {topic.copies} copies: reassign its partitions"
        if there.partitions > topic.partitions:
            yield f"topic `{topic.name}` has {there.partitions} partitions, and {topic.partitions} are used"


def _rights_by_hand(needs: Needs, kept: Iterable[Right]) -> Iterable[str]:
    ours = {principal(name) for name in (needs.principal, *(desk.mailbox for desk in needs.desks))}
    for right in sorted(kept):
        if right.principal in ours and right.permission is Permission.DENY:
            yield f"{right}: left as it is, since it may shut somebody out with intent"
        elif right.principal not in ours and reaches(right, needs.desks, needs.names):
            yield f"{right}: neither the hub nor a desk of its directory"


async def _transactions_by_hand(
    cluster: Administration, nodes: Iterable[int], found: Mapping[str, Found]
) -> Sequence[str]:
    if _TRANSACTIONS in found:
        there = found[_TRANSACTIONS].copies
        return [f"topic `{_TRANSACTIONS}` has {there} of {COPIES} copies"] if there < COPIES else []
    least = {_COPIES_OF_TRANSACTIONS: COPIES, _IN_SYNC_OF_TRANSACTIONS: IN_SYNC_MIN}
    return [
        f"node {node} has `{name}` {value}, and {least[name]} is the least"
        for node in nodes
        for name, value in (await cluster.node_settings(node, list(least))).items()
        if int(value) < least[name]
    ]
