"""Kafka as what a hub stands on: its transport, and the copy of the ledgers on this machine."""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from broker.care.leaving import refuse_if_moving
from broker.care.manifest import TRUST
from broker.care.retention import SpentIds, keep_on
from broker.care.standing import Standing
from broker.client import Trust
from broker.directory import Directory
from broker.directory.topic import DirectoryTopic
from broker.engines import ON_KAFKA, Engine, Keeping, MakeRoom, OpenEngine
from broker.errors import SettingsRefused, UnsafeTopics
from broker.files import write_whole
from broker.kafka.connection import Connection
from broker.kafka.layout import inputs, lanes_of
from broker.kafka.ledger_copy import LedgerCopy
from broker.kafka.names import Names
from broker.kafka.provisioning import ensure_desk
from broker.kafka.safety import refuse_lacking, refuse_other_inboxes, unsafe
from broker.kafka.transport import KafkaTransport
from broker.ports import Clock, Partition, RowKey, SealedRow, Table
from broker.settings import HubSettings, Retention
from broker.state.doors import Seen, Sent
from broker.state.vault import Vault
from broker.topics import DIRECTORY, DOORS, INBOXES, LEDGER, QUARANTINE, changelog, inbox, outbox
from broker.transport.ledger_reader import LedgerReader
from schemas import DeskId, Mailbox

_NAMED_MOST = 5


class KafkaEngine:
    """Any number of processes on one cluster. Made by `on_kafka`."""

    is_shared = True

    def __init__(self, transport: KafkaTransport, copy: LedgerCopy, make_room: MakeRoom, lanes: int) -> None:
        """Join the parts."""
        self.transport, self._copy, self._make_room, self.lanes = transport, copy, make_room, lanes
        self.ledgers = LedgerReader(copy.path)

    @property
    def file(self) -> Path:
        """See `Engine.file`."""
        return self._copy.path

    async def catch_up(self) -> None:
        """See `Engine.catch_up`."""
        await self._copy.catch_up()

    async def behind(self) -> int | None:
        """See `Engine.behind`."""
        return await self.transport.behind(self._places)

    @property
    def _places(self) -> list[Partition]:
        return [(topic, index) for topic in inputs(self.lanes) for index in range(self.lanes)]

    async def make_room(self, mailbox: Mailbox) -> None:
        """See `Engine.make_room`."""
        await self._make_room(mailbox)

    def keeping(self, vault: Vault, standing: Standing, retention: Retention) -> Keeping:
        """See `Engine.keeping`. Records are removed by Kafka itself: see layout.py.

        Raises:
            SettingsRefused: detail records cannot be removed from the ledger's topic.
        """
        if retention.detail_days is not None:
            raise SettingsRefused("`retention.detail_days`: on Kafka detail records are kept as long as the ledger")
        owned = [_OwnedRows(self.transport, *place) for place in self._places]
        used = [Sent if topic == DOORS else Seen for topic, _ in self._places]
        return _Keeping([SpentIds(*each, vault) for each in zip(owned, used, strict=True)], standing)

    async def close(self) -> None:
        """See `Engine.close`."""
        self.ledgers.close()
        await self._copy.close()
        await self.transport.close()


class _Keeping:
    """Removes the ids that are used up, each in whichever process owns the lane."""

    def __init__(self, spent: Sequence[SpentIds], standing: Standing) -> None:
        self._spent, self._standing = spent, standing

    async def keep(self) -> None:
        """See `Keeping.keep`."""
        await keep_on(self._round)

    async def _round(self) -> int:
        return sum([await each.round() for each in self._spent]) if self._standing.is_clear else 0


class _OwnedRows:
    """The rows of a lane or door, if it is ours; else there are none."""

    def __init__(self, transport: KafkaTransport, topic: str, index: int) -> None:
        self._transport, self._topic, self._index = transport, topic, index

    async def row(self, table: Table, key: RowKey) -> SealedRow | None:
        lane = self._transport.owned(self._topic, self._index)
        return None if lane is None else lane.get(table, key)

    async def rows_after(self, table: Table, key: RowKey, most: int) -> Sequence[tuple[RowKey, SealedRow]]:
        lane = self._transport.owned(self._topic, self._index)
        return () if lane is None else lane.rows_after(table, key, most)

    async def remove(self, table: Table, rows: Sequence[tuple[RowKey, SealedRow]]) -> int:
        lane = self._transport.owned(self._topic, self._index)
        return 0 if lane is None else await lane.remove(table, rows)


def on_kafka(
    connection: Connection,
    retention: Retention,
    *,
    allow_unsafe_topics: bool,
    names: Names | None = None,
    lanes: int | None = None,
    writing: Sequence[DeskId] = (),
) -> OpenEngine:
    """What opens the engine of a hub on a Kafka.

    Args:
        connection: How it is reached.
        retention: How long letters are kept, for the inboxes of desks that come.
        allow_unsafe_topics: Whether the hub starts on topics that would not keep what they are given.
        names: What the hub's things are called there.
        lanes: How many lanes a hub gets that never ran, and one that did must have; None: it need not be said.
        writing: Desks that write to topics of their own.
    """
    called = names or Names()
    make_room = _maker(connection, retention, called)

    async def opened(home: Path, _clock: Clock) -> Engine:
        refuse_if_moving(home)
        transport = KafkaTransport(connection, called)
        async with AsyncExitStack() as opening:
            opening.push_async_callback(transport.close)
            directory = await DirectoryTopic(transport, Trust.load(home / TRUST).key).standing()
            count = lanes_of(directory, lanes)
            copy = LedgerCopy(home, connection, called, count)
            opening.push_async_callback(copy.close)
            transport.keep_index(copy.path.with_suffix(".inboxes"))  # whoever has the one file has the other, too
            if not (home / ON_KAFKA).exists():
                write_whole(home / ON_KAFKA, b"")
            own = [DIRECTORY, LEDGER, QUARANTINE, *inputs(count), *map(changelog, inputs(count))]
            own += _inboxes(directory, called)
            await refuse_other_inboxes(connection, called)
            said = [outbox(directory.desks[desk].mailbox) for desk in writing if desk in directory.desks]
            own += [*said, *map(changelog, said)]
            await refuse_lacking(connection, called, dict.fromkeys((LEDGER, *inputs(count)), count))
            if not allow_unsafe_topics:
                await _refuse_unsafe(connection, called, own)
            await copy.start()
            opening.pop_all()
        return KafkaEngine(transport, copy, make_room, count)

    return opened


def as_set(settings: HubSettings, path: Path, *, allow_unsafe_topics: bool) -> OpenEngine:
    """What opens the engine of a hub as its settings, which stand in the file *path*, say.

    Raises:
        SettingsRefused: they do not say where its Kafka is.
    """
    connection, names = _as_set(settings, path)
    lanes = None if settings.kafka is None else settings.kafka.lanes
    writing = () if settings.kafka is None else settings.kafka.writing_desks
    return on_kafka(
        connection,
        settings.retention,
        allow_unsafe_topics=allow_unsafe_topics,
        names=names,
        lanes=lanes,
        writing=writing,
    )


def transport_as_set(settings: HubSettings, path: Path) -> tuple[KafkaTransport, MakeRoom]:
    """The records of a hub that runs in another process, as its settings say, and what makes place for a new desk.

    Raises:
        SettingsRefused: they do not say where its Kafka is.
    """
    connection, names = _as_set(settings, path)
    return KafkaTransport(connection, names), _maker(connection, settings.retention, names)


def _as_set(settings: HubSettings, path: Path) -> tuple[Connection, Names]:
    if settings.kafka is None:
        raise SettingsRefused(f"`{path}` has no table `kafka`: it does not say where Kafka is")
    return Connection.of(settings.kafka, path), Names(inboxes=settings.kafka.inboxes)


def _maker(connection: Connection, retention: Retention, names: Names) -> MakeRoom:
    async def make_room(mailbox: Mailbox) -> None:
        if names.inboxes == "topics":  # else the place is there
            await ensure_desk(connection, mailbox, retention, names)

    return make_room


def _inboxes(directory: Directory, names: Names) -> list[str]:
    """The topics in which the desks of a directory have their inboxes."""
    return [INBOXES] if names.inboxes == "shared" else [inbox(desk.mailbox) for desk in directory.desks.values()]


async def _refuse_unsafe(connection: Connection, names: Names, topics: Sequence[str]) -> None:
    found = await unsafe(connection, topics, names)
    if found:
        more = f"; and {len(found) - _NAMED_MOST} more" if len(found) > _NAMED_MOST else ""
        raise UnsafeTopics("; ".join(found[:_NAMED_MOST]) + more)
