"""Kafka as what a hub stands on: its transport, and the copy of the ledgers on this machine."""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from broker.care.retention import SpentIds, keep_on
from broker.care.standing import Standing
from broker.engines import ON_KAFKA, Engine, Keeping, OpenEngine
from broker.errors import SettingsRefused
from broker.files import write_whole
from broker.kafka.connection import Connection
from broker.kafka.ledger_copy import LedgerCopy
from broker.kafka.names import Names
from broker.kafka.transport import KafkaTransport
from broker.ports import Clock, RowKey, SealedRow, Table
from broker.settings import Retention
from broker.state.vault import Vault
from broker.topics import INPUT
from broker.transport.ledger_reader import LedgerReader
from schemas import Mailbox

PARTITIONS = 1
"""Of the hub's input, and so of its changelog and of the ledger's topic: there is one lane."""


MakeRoom = Callable[[Mailbox], Awaitable[None]]


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


def on_kafka(connection: Connection, names: Names, make_room: MakeRoom) -> OpenEngine:
    """What opens the engine of a hub on the Kafka of *connection*."""

    async def opened(home: Path, _clock: Clock) -> Engine:
        copy = LedgerCopy(home, connection, names, PARTITIONS)
        try:
            if not (home / ON_KAFKA).exists():
                write_whole(home / ON_KAFKA, b"")
            await copy.start()
        except BaseException:
            await copy.close()
            raise
        return KafkaEngine(KafkaTransport(connection, names), copy, make_room)

    return opened
