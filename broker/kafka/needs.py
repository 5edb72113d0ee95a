"""What a hub needs of its Kafka, as its settings and its directory say it.

The directory is a topic there. Before the hub has run for the first time it is not there, or empty: then there are no
desks yet.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from broker.app import hub_folder
from broker.client import Trust
from broker.directory import Directory
from broker.directory.topic import DirectoryTopic
from broker.kafka.administration import administered
from broker.kafka.connection import Connection
from broker.kafka.layout import DeskOnKafka, lanes_of
from broker.kafka.names import Names
from broker.kafka.transport import KafkaTransport
from broker.settings import HubSettings, Kafka, Retention, beside
from broker.topics import DIRECTORY
from schemas import DeskId, Mailbox


@dataclass(frozen=True, slots=True)
class Needs:
    """What a hub needs of a cluster."""

    desks: Sequence[DeskOnKafka]
    """Those that may publish and receive."""
    retention: Retention
    principal: str
    """The name in the hub's own certificate."""
    lanes: int = 1
    """How many the hub has."""
    revoked: Sequence[Mailbox] = ()
    """Mailboxes of desks that may publish and receive no longer: they keep no right."""
    unknown: Sequence[DeskId] = ()
    """Desks that should write to Kafka themselves, and are not in the directory."""
    allow_unsafe: bool = False
    """Whether one copy of everything will do, where there are no nodes for three."""
    names: Names = field(default_factory=Names)


async def needs_of(
    settings: HubSettings, kafka: Kafka, path: Path, connection: Connection, *, allow_unsafe: bool
) -> Needs:
    """What the hub of these settings needs.

    Args:
        settings: Of the hub.
        kafka: Of its Kafka.
        path: Where they stand.
        connection: As somebody who may read the directory's topic.
        allow_unsafe: As in `Needs`.

    Raises:
        EngineAway: the directory's topic cannot be read to its end.
        FolderUnusable: there is a directory, and no trust file to check it with.
        StateUnreadable: it is not what this hub's directory key signed.
        SettingsRefused: it was founded with other lanes than the settings say.
    """
    names = Names(inboxes=kafka.inboxes)
    directory = await _directory(settings, path, connection, names)
    writing = frozenset(kafka.writing_desks)
    return Needs(
        desks=[DeskOnKafka(desk.mailbox, writes=desk.id in writing) for desk in directory.desks.values()],
        retention=settings.retention,
        principal=kafka.principal,
        lanes=lanes_of(directory, kafka.lanes),
        revoked=[desk.mailbox for desk, _ in directory.revoked.values()],
        unknown=sorted(writing - directory.desks.keys()),
        allow_unsafe=allow_unsafe,
        names=names,
    )


async def _directory(settings: HubSettings, path: Path, connection: Connection, names: Names) -> Directory:
    async with administered(connection) as cluster:
        if names.topic(DIRECTORY) not in await cluster.topics():
            return Directory()
    transport = KafkaTransport(connection, names)
    try:
        if not await transport.read(DIRECTORY, 0, 1, 0):
            return Directory()
        trust = Trust.load(hub_folder(beside(path, settings.data)) / "trust.json")
        return await DirectoryTopic(transport, trust.key).standing()
    finally:
        await transport.close()
