"""Whether the topics of a cluster keep what a hub promises: it is asked at each start, and with each new desk.

Somebody may have changed a topic by hand since it was made. What is looked at is what could lose a letter, or remove
what must stay; how large or how many they may be is `provisioning`'s.
"""

from collections.abc import Iterator, Mapping, Sequence

from broker.errors import ClusterUnfit
from broker.kafka.administration import Found, Setting, administered
from broker.kafka.connection import Connection
from broker.kafka.inboxes import SHARDS, refuse_other_kind
from broker.kafka.layout import COPIES, IN_SYNC_MIN, is_changelog, is_for_ever
from broker.kafka.names import Names
from broker.topics import INBOXES, changelog


async def refuse_other_inboxes(connection: Connection, names: Names) -> None:
    """Refuse a cluster on which the hub's inboxes lie otherwise than its settings say, whatever else is allowed.

    Args:
        connection: As the hub, who is shown its own topics.
        names: What they are called.

    Raises:
        ClusterUnfit: so they do.
        EngineAway, KafkaRefused: it cannot be looked at.
    """
    async with administered(connection) as cluster:
        refuse_other_kind(names.inboxes, names.topics_of(await cluster.topics()))


async def unsafe(connection: Connection, topics: Sequence[str], names: Names | None = None) -> list[str]:
    """What is unsafe about topics, one line each; empty if nothing is.

    Args:
        connection: As whom we look: whoever may read them and their settings.
        topics: Ours, by the names of `broker/topics.py`.
        names: What they are called on the cluster.

    Raises:
        EngineAway, KafkaRefused: it cannot be looked at, so nothing is known to be safe.
    """
    names = names or Names()
    async with administered(connection) as cluster:
        there = await cluster.topics()
        found = {topic: there[name] for topic in topics if (name := names.topic(topic)) in there}
        settings = await cluster.settings([names.topic(topic) for topic in found])
    return [
        f"topic `{names.topic(topic)}` {what}"
        for topic in topics
        for what in _about(topic, found, settings.get(names.topic(topic), {}))
    ]


async def refuse_lacking(connection: Connection, names: Names, partitions: Mapping[str, int]) -> None:
    """Refuse a cluster on which a hub would wait for lanes that can never be its own.

    Args:
        connection: As whom we look.
        names: What topics are called.
        partitions: How many each must have at least.

    Raises:
        ClusterUnfit: a topic is not there, or has fewer.
        EngineAway, KafkaRefused: it cannot be looked at.
    """
    async with administered(connection) as cluster:
        there = await cluster.topics()
    for topic, least in partitions.items():
        found = there.get(names.topic(topic))
        if found is None or found.partitions < least:
            count = 0 if found is None else found.partitions
            raise ClusterUnfit(
                f"topic `{names.topic(topic)}` has {count} partitions, and the hub has {least} lanes",
                "Run `tellwise kafka provision --apply`.",
            )


def _about(topic: str, found: Mapping[str, Found], settings: Mapping[str, Setting]) -> Iterator[str]:
    if topic not in found:
        yield "is not there, or we are not shown it"
        return
    if topic == INBOXES and found[topic].partitions != SHARDS:
        yield f"has {found[topic].partitions} partitions, and must have {SHARDS}"
    values = {name: setting.value for name, setting in settings.items()}
    if found[topic].copies < COPIES:
        yield f"has {found[topic].copies} of {COPIES} copies"
    in_sync = values.get("min.insync.replicas", "0")
    if int(in_sync) < IN_SYNC_MIN:
        yield f"acknowledges what only {in_sync} of its copies have (`min.insync.replicas`)"
    if values.get("unclean.leader.election.enable") != "false":
        yield "may be led by a copy that has missed records (`unclean.leader.election.enable`)"
    if is_changelog(topic):
        if values.get("cleanup.policy") != "compact":
            yield "removes rows of state that are in force: it is not compacted alone (`cleanup.policy`)"
        yield from _about_partitions(topic, found)
    else:
        yield from _about_removal(topic, values)


def _about_removal(topic: str, values: Mapping[str, str]) -> Iterator[str]:
    if values.get("cleanup.policy") != "delete":
        yield "removes records before their time: it is compacted (`cleanup.policy`)"
    if values.get("retention.bytes") != "-1":
        yield "removes records before their time, if there are many (`retention.bytes`)"
    if values.get("message.timestamp.type") != "LogAppendTime":
        yield "removes records by their senders' clocks (`message.timestamp.type`)"
    if is_for_ever(topic) and values.get("retention.ms") != "-1":
        yield "removes records, and may remove none (`retention.ms`)"


def _about_partitions(topic: str, found: Mapping[str, Found]) -> Iterator[str]:
    over = found.get(topic.removeprefix(changelog("")))
    if over is not None and found[topic].partitions < over.partitions:
        yield f"has {found[topic].partitions} partitions, fewer than the topic that it belongs to"
