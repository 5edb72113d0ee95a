"""The Kafka engine as the contracts see it: each test has topics of its own on the one cluster."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from broker.dev import KafkaCluster
from broker.kafka.coding import from_ledger_record
from broker.kafka.connection import Connection
from broker.kafka.inboxes import SHARDS
from broker.kafka.names import Names
from broker.kafka.reading import PartitionReader
from broker.kafka.transport import KafkaTransport
from broker.ports import Clock, Leaf, Transport
from broker.settings import Inboxes
from broker.topics import INBOXES, LEDGER, changelog
from broker.transport.turn import Growth, Note
from tests.contracts.engine import INBOX, Engine

INPUTS = {f"lane.{n}": 2 for n in range(8)} | {"outbox.http": 4}
TOPICS = INPUTS | {changelog(topic): count for topic, count in INPUTS.items()} | {INBOX: 1, "quarantine": 4, LEDGER: 4}
SESSION_S = 2.0


SHARED = TOPICS | {INBOXES: SHARDS}


class RivalNames(Names):
    """Of a process that is in another group: it is given every lane, whoever else thinks to own it."""

    def group(self, _topic: str) -> str:
        return f"{self.prefix}rival"


class Kafka(Engine):
    """`kafka.json` in the folder says where the cluster is, and what our things are called there."""

    inboxes: Inboxes = "topics"

    @pytest.fixture(autouse=True)
    def _own_topics(self, kafka_cluster: KafkaCluster, _own_world: None) -> None:
        prefix = f"{secrets.token_hex(6)}."
        self.folder.mkdir()
        (self.folder / "kafka.json").write_text(json.dumps([kafka_cluster.bootstrap, prefix, self.inboxes]))
        asyncio.run(make_topics(kafka_cluster.bootstrap, prefix, TOPICS if self.inboxes == "topics" else SHARED))

    @property
    def names(self) -> Names:
        """What our topics are called."""
        return _found(self.folder)[1]

    @property
    def connection(self) -> Connection:
        """How the cluster is reached."""
        return Connection(_found(self.folder)[0])

    def make(self, folder: Path, clock: Clock) -> KafkaTransport:
        bootstrap, names = _found(folder)
        return KafkaTransport(Connection(bootstrap), names, session_s=SESSION_S)

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[KafkaTransport]:
        transport = self.make(self.folder, self.clock)
        try:
            yield transport
        finally:
            await transport.close()

    @asynccontextmanager
    async def rival(self) -> AsyncIterator[Transport]:
        bootstrap, names = _found(self.folder)
        rival = RivalNames(names.prefix, names.inboxes)
        transport = KafkaTransport(Connection(bootstrap), rival, session_s=SESSION_S)
        try:
            yield transport
        finally:
            await transport.close()

    def contents(self, folder: Path) -> object:
        found: dict[tuple[str, int], object] = {}
        for topic, count in TOPICS.items():
            for index in range(count):
                records = self._committed(folder, topic, index)
                if topic.startswith("changelog."):
                    found[topic, index] = {key: value for key, value in records if value is not None}
                else:
                    found[topic, index] = [value for _, value in records]
        return {place: value for place, value in found.items() if value}

    def ledger(self, folder: Path, log: str) -> Sequence[Leaf]:
        leaves: list[Leaf] = []
        for held in self._ledgers(folder):
            if isinstance(held, Growth) and held.log == log:
                assert held.first_index == len(leaves)
                leaves += held.leaves
        return leaves

    def checkpoints(self, folder: Path, log: str) -> Mapping[int, bytes]:
        notes: dict[int, bytes] = {}
        for held in self._ledgers(folder):
            if isinstance(held, Note) and held.log == log:
                notes.setdefault(held.size, held.note)
        return notes

    def _ledgers(self, folder: Path) -> list[Growth | Note]:
        return [
            from_ledger_record(value or b"")
            for index in range(TOPICS[LEDGER])
            for _, value in self._committed(folder, LEDGER, index)
        ]

    def _committed(self, folder: Path, topic: str, index: int) -> list[tuple[bytes | None, bytes | None]]:
        bootstrap, names = _found(folder)
        place = names.place((topic, index))
        with ThreadPoolExecutor(1) as beside:  # whoever asks may be in an event loop
            return beside.submit(asyncio.run, _read(Connection(bootstrap), place)).result()


async def make_topics(bootstrap: str, prefix: str, topics: Mapping[str, int]) -> None:
    """Make topics of so many partitions."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        new = [
            NewTopic(
                prefix + topic, count, 1, topic_configs={"cleanup.policy": "compact"} if "changelog" in topic else {}
            )
            for topic, count in topics.items()
        ]
        answer = await admin.create_topics(new)
    finally:
        await admin.close()
    assert {error for _, error, _ in answer.topic_errors} == {0}


def _found(folder: Path) -> tuple[str, Names]:
    bootstrap, prefix, inboxes = json.loads((folder / "kafka.json").read_text())
    return bootstrap, Names(prefix, inboxes)


async def _read(connection: Connection, place: TopicPartition) -> list[tuple[bytes | None, bytes | None]]:
    reader = PartitionReader(connection, place)
    await reader.start()
    try:
        start, found = 0, []
        while records := await reader.read(start, 1_000, 0):
            found += [(record.key, record.value) for record in records]
            start = records[-1].offset + 1
    finally:
        await reader.close()
    return found
