"""Kafka as what a hub stands on: its transport, and the copy of the ledgers on this machine."""

from collections.abc import Sequence
from pathlib import Path

from broker.care.leaving import refuse_if_moving
from broker.care.manifest import TRUST
from broker.care.retention import SpentIds, keep_on
from broker.care.standing import Standing
from broker.client import Trust
from broker.directory.topic import DirectoryTopic
from broker.engines import ON_KAFKA, Engine, Keeping, MakeRoom, OpenEngine
from broker.errors import SettingsRefused, UnsafeTopics
from broker.files import write_whole
from broker.kafka.connection import Connection
from broker.kafka.ledger_copy import LedgerCopy
from broker.kafka.names import Names
from broker.kafka.provisioning import ensure_desk
from broker.kafka.safety import unsafe
from broker.kafka.transport import KafkaTransport
from broker.ports import Clock, RowKey, SealedRow, Table
from broker.settings import HubSettings, Retention
from broker.state.vault import Vault
from broker.topics import DIRECTORY, INPUT, LEDGER, QUARANTINE, changelog, inbox
from broker.transport.ledger_reader import LedgerReader
from schemas import Mailbox

_NAMED_MOST = 5
PARTITIONS = 1
"""Of the hub's input, and so of its changelog and of the ledger's topic: there is one lane."""


class KafkaEngine:
    """Any number of processes on one cluster. Made by `on_kafka`."""

    is_shared = True

    def __init__(self, transport: KafkaTransport, copy: LedgerCopy, make_room: MakeRoom) -> None:
        """Join the parts."""
        self.transport, self._copy, self._make_room = transport, copy, make_room
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
        return await self.transport.behind(INPUT)

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
        return _Keeping(SpentIds(_OwnedRows(self.transport), vault), standing)

    async def close(self) -> None:
        """See `Engine.close`."""
        self.ledgers.close()
        await self._copy.close()
        await self.transport.close()


class _Keeping:
    """Removes the ids that are used up, in whichever process owns the lane."""

    def __init__(self, spent: SpentIds, standing: Standing) -> None:
        self._spent, self._standing = spent, standing

    async def keep(self) -> None:
        """See `Keeping.keep`."""
        await keep_on(self._round)

    async def _round(self) -> int:
        return await self._spent.round() if self._standing.is_clear else 0


class _OwnedRows:
    """The rows of the lane, if it is ours; else there are none."""

    def __init__(self, transport: KafkaTransport) -> None:
        self._transport = transport

    async def row(self, table: Table, key: RowKey) -> SealedRow | None:
        lane = self._transport.owned(INPUT)
        return None if lane is None else lane.get(table, key)

    async def rows_after(self, table: Table, key: RowKey, most: int) -> Sequence[tuple[RowKey, SealedRow]]:
        lane = self._transport.owned(INPUT)
        return () if lane is None else lane.rows_after(table, key, most)

    async def remove(self, table: Table, rows: Sequence[tuple[RowKey, SealedRow]]) -> int:
        lane = self._transport.owned(INPUT)
        return 0 if lane is None else await lane.remove(table, rows)


def on_kafka(
    connection: Connection, retention: Retention, *, allow_unsafe_topics: bool, names: Names | None = None
) -> OpenEngine:
    """What opens the engine of a hub on a Kafka.

    Args:
        connection: How it is reached.
        retention: How long letters are kept, for the inboxes of desks that come.
        allow_unsafe_topics: Whether the hub starts on topics that would not keep what they are given.
        names: What the hub's things are called there.
    """
    called = names or Names()
    make_room = _maker(connection, retention, called)

    async def opened(home: Path, _clock: Clock) -> Engine:
        refuse_if_moving(home)
        transport = KafkaTransport(connection, called)
        copy = LedgerCopy(home, connection, called, PARTITIONS)
        try:
            if not (home / ON_KAFKA).exists():
                write_whole(home / ON_KAFKA, b"")
            if not allow_unsafe_topics:
                await _refuse_unsafe(connection, called, await _inboxes(home, transport))
            await copy.start()
        except BaseException:
            await copy.close()
            await transport.close()
            raise
        return KafkaEngine(transport, copy, make_room)

    return opened


def as_set(settings: HubSettings, path: Path, *, allow_unsafe_topics: bool) -> OpenEngine:
    """What opens the engine of a hub as its settings, which stand in the file *path*, say.

    Raises:
        SettingsRefused: they do not say where its Kafka is.
    """
    return on_kafka(_connection(settings, path), settings.retention, allow_unsafe_topics=allow_unsafe_topics)


def transport_as_set(settings: HubSettings, path: Path) -> tuple[KafkaTransport, MakeRoom]:
    """The records of a hub that runs in another process, as its settings say, and what makes place for a new desk.

    Raises:
        SettingsRefused: they do not say where its Kafka is.
    """
    connection = _connection(settings, path)
    return KafkaTransport(connection), _maker(connection, settings.retention, Names())


def _connection(settings: HubSettings, path: Path) -> Connection:
    if settings.kafka is None:
        raise SettingsRefused(f"`{path}` has no table `kafka`: it does not say where Kafka is")
    return Connection.of(settings.kafka, path)


def _maker(connection: Connection, retention: Retention, names: Names) -> MakeRoom:
    async def make_room(mailbox: Mailbox) -> None:
        await ensure_desk(connection, mailbox, retention, names)

    return make_room


async def _inboxes(home: Path, transport: KafkaTransport) -> list[str]:
    """The topics of the desks in the directory, with which nothing may be wrong either."""
    directory = await DirectoryTopic(transport, Trust.load(home / TRUST).key).standing()
    return [inbox(desk.mailbox) for desk in directory.desks.values()]


async def _refuse_unsafe(connection: Connection, names: Names, inboxes: Sequence[str]) -> None:
    own = [INPUT, changelog(INPUT), LEDGER, DIRECTORY, QUARANTINE]
    found = await unsafe(connection, [*own, *inboxes], names)
    if found:
        more = f"; and {len(found) - _NAMED_MOST} more" if len(found) > _NAMED_MOST else ""
        raise UnsafeTopics("; ".join(found[:_NAMED_MOST]) + more)
