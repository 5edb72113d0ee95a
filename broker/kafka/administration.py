"""What a cluster has, and how it is changed: topics, their settings, rights. Each answer is looked at whole.

Kafka answers a request for many things with an error code for each, and aiokafka raises none of them.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError
from aiokafka.protocol.admin import (
    CreatePartitionsRequest,
    CreateTopicsRequest,
    DeleteTopicsRequest,
    DescribeAclsRequest,
    DescribeConfigsRequest,
)
from aiokafka.protocol.metadata import MetadataRequest

from broker.errors import EngineAway, KafkaRefused
from broker.kafka.connection import STOPS_WITHIN_S, Connection, within
from broker.kafka.layout import Topic
from broker.kafka.requests import GiveRights, SetTopics, TakeRights
from broker.kafka.rights import Operation, Pattern, Permission, Resource, Right

_T = TypeVar("_T")

_ANSWER_S = 30
"""Seconds that an answer may take. Making a hundred topics on three nodes takes one or two."""
_WAIT_S = 0.5
_AT_ONCE = 100
"""Things that are asked for in one request."""

# Kafka's protocol guide, "Error Codes", "Resource Types" and "Config Sources".
_NONE, _NOT_THERE, _THERE_ALREADY, _NO_RIGHTS_HERE = 0, 3, 36, 54
_ANY, _BROKER, _TOPIC = 1, 4, 2
_OF_THE_TOPIC = 1


@dataclass(frozen=True, slots=True)
class Found:
    """A topic as it is."""

    partitions: int
    copies: int
    """Of the partition that has the fewest."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting as it is in force."""

    value: str
    is_own: bool
    """Whether the topic itself says so, and not a default that may change one day."""


class Administration:
    """One cluster, through one connection. Each method says what may be raised beside these:

    Raises:
        EngineAway: nobody answers.
        KafkaRefused: an answer holds an error.
    """

    def __init__(self, client: AIOKafkaClient, node: int | None = None) -> None:
        """Use `administered`."""
        self._client, self._node = client, node

    def at(self, node: int) -> "Administration":
        """The same, as one node sees it. Each hears of a change a moment later than the one before."""
        return Administration(self._client, node)

    async def nodes(self) -> list[int]:
        """The ids of the nodes that take part now."""
        return sorted(node for node, *_ in (await self._metadata([])).brokers)

    async def topics(self) -> dict[str, Found]:
        """All topics that we are shown, by name."""
        found: dict[str, Found] = {}
        for _, name, _, partitions in (await self._metadata(None)).topics:
            # A partition without a leader has an error of its own, and its copies are told all the same.
            fewest = min((len(replicas) for _, _, _, replicas, *_ in partitions), default=0)
            found[name] = Found(len(partitions), fewest)
        return found

    async def has_leaders(self, topic: str) -> bool:
        """Whether a topic is there, and each of its partitions can be written to now."""
        for code, _, _, partitions in (await self._metadata([topic])).topics:
            if code == _NONE and partitions and all(error == _NONE for error, *_ in partitions):
                return True
        return False

    async def settings(self, topics: Sequence[str]) -> dict[str, dict[str, Setting]]:
        """The settings of topics, by topic and name. A topic that is not there is left out."""
        found: dict[str, dict[str, Setting]] = {}
        for some in _in_parts(topics):
            for name, settings in (await self._described(_TOPIC, some, None)).items():
                found[name] = {key: Setting(value or "", own == _OF_THE_TOPIC) for key, value, own in settings}
        return found

    async def node_settings(self, node: int, names: Sequence[str]) -> dict[str, str]:
        """Some settings of one node, by name."""
        described = await self._described(_BROKER, [str(node)], names, node=node)
        return {key: value or "" for settings in described.values() for key, value, _ in settings}

    async def rights(self) -> frozenset[Right] | None:
        """All that anybody may do; None if this cluster asks nobody for rights."""
        answer = await self._asked(DescribeAclsRequest(_ANY, None, _ANY, None, None, _ANY, _ANY))
        if answer.error_code == _NO_RIGHTS_HERE:
            return None
        _check("the rights", answer.error_code, answer.error_message)
        try:
            return frozenset(
                Right(who, Resource(resource), name, Pattern(pattern), Operation(does), Permission(permission), host)
                for resource, name, pattern, entries in answer.resources
                for who, host, does, permission in entries
            )
        except ValueError as error:
            raise KafkaRefused("this Kafka holds a right of a kind that is not known here") from error

    async def make(self, topics: Sequence[Topic]) -> None:
        """Make topics. One that is there already stays as it is."""
        for some in _in_parts(topics):
            asked: list[Any] = [
                (topic.name, topic.partitions, topic.copies, [], sorted(topic.settings.items())) for topic in some
            ]
            answer = await self._asked(CreateTopicsRequest(asked, _ANSWER_S * 1_000, False))
            for name, code, why in answer.topic_errors:
                if code != _THERE_ALREADY:
                    _check(f"topic `{name}`", code, why)

    async def remove(self, topics: Sequence[str]) -> None:
        """Remove topics, with all that lies in them: a throwaway hub's, and nobody else's. One that is not there is
        none to remove."""
        for some in _in_parts(topics):
            answer = await self._asked(DeleteTopicsRequest([*some], _ANSWER_S * 1_000))
            for name, code, *_ in answer.topic_error_codes:
                if code != _NOT_THERE:
                    _check(f"topic `{name}`", code, None)

    async def widen(self, topic: str, partitions: int) -> None:
        """Give a topic more partitions: *partitions* in all."""
        answer = await self._asked(CreatePartitionsRequest([(topic, (partitions, None))], _ANSWER_S * 1_000, False))
        for name, code, why in answer.topic_errors:
            _check(f"topic `{name}`", code, why)

    async def configure(self, settings: Mapping[str, Mapping[str, str]]) -> None:
        """Set what is named of each topic, and leave the rest as it is."""
        for some in _in_parts(list(settings)):
            answer = await self._asked(SetTopics({topic: settings[topic] for topic in some}))
            for code, why, _, name in answer.resources:
                _check(f"topic `{name}`", code, why)

    async def give(self, rights: Sequence[Right]) -> None:
        """Give rights. One that is there already stays."""
        for some in _in_parts(rights):
            answer = await self._asked(GiveRights(some))
            for right, (code, why) in zip(some, answer.creation_responses, strict=True):
                _check(str(right), code, why)

    async def take(self, rights: Sequence[Right]) -> None:
        """Take rights away. One that is gone already is none to take."""
        for some in _in_parts(rights):
            answer = await self._asked(TakeRights(some))
            for right, (code, why, matching) in zip(some, answer.filter_responses, strict=True):
                _check(str(right), code, why)
                for inner, reason, *_ in matching:
                    _check(str(right), inner, reason)

    async def _metadata(self, topics: list[str] | None) -> Any:
        # Else a topic that is asked for could be made by asking.
        return await self._asked(MetadataRequest(topics, allow_auto_topic_creation=False))

    async def _described(
        self, kind: int, named: Sequence[str], settings: Sequence[str] | None, *, node: int | None = None
    ) -> dict[str, list[tuple[str, str | None, int]]]:
        asked = DescribeConfigsRequest([(kind, name, None if settings is None else [*settings]) for name in named])
        found: dict[str, list[tuple[str, str | None, int]]] = {}
        for code, why, _, name, entries in (await self._asked(asked, node)).resources:
            if code != _NOT_THERE:
                _check(f"the settings of `{name}`", code, why)
                found[name] = [(key, value, source) for key, value, _, source, *_ in entries]
        return found

    async def _asked(self, request: Any, node: int | None = None) -> Any:
        """An answer, from whichever node gives one if none is meant. Whatever is asked here may be asked twice."""
        node = self._node if node is None else node
        with suppress(TimeoutError):
            async with asyncio.timeout(_ANSWER_S):
                while True:
                    with suppress(KafkaError):
                        chosen = self._client.get_random_node() if node is None else node
                        return await self._client.send(chosen, request)
                    await asyncio.sleep(_WAIT_S)  # a node that just ended is still named for a while
        raise EngineAway("the Kafka does not answer any more")


@asynccontextmanager
async def administered(connection: Connection) -> AsyncIterator[Administration]:
    """Look at a cluster and change it until the block ends.

    Raises:
        EngineAway: nobody answers.
    """
    client = AIOKafkaClient(**connection.arguments(), request_timeout_ms=_ANSWER_S * 1_000)
    try:
        try:
            async with asyncio.timeout(_ANSWER_S):
                await client.bootstrap()
        except (KafkaError, OSError) as error:
            raise EngineAway("no node of the Kafka answers") from error
        yield Administration(client)
    finally:
        await within(STOPS_WITHIN_S, client.close())


def _check(what: str, code: int, why: str | None) -> None:
    """Raise what an error code says. Kafka's own words name topics, settings and nodes, and nothing that was said."""
    if code != _NONE:
        raise KafkaRefused(f"{what}: {' '.join((why or '').split()).rstrip('.') or 'refused'} (Kafka's error {code})")


def _in_parts(things: Sequence[_T]) -> Iterator[Sequence[_T]]:
    for start in range(0, len(things), _AT_ONCE):
        yield things[start : start + _AT_ONCE]
