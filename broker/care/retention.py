"""What is kept how long: a round now and then removes what is older than the settings say, a little at a time.

Never removed: the ledgers' entries, the directory, letters that have not left, and what the lane is not done with.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from broker import telemetry
from broker.care.standing import Standing
from broker.errors import TellwiseError
from broker.ports import Clock, RowKey, SealedRow, Table
from broker.sealing.head import LIFE
from broker.settings import Retention
from broker.state.doors import Seen, Sent
from broker.state.vault import Vault
from broker.telemetry import Event
from broker.topics import INPUT, QUARANTINE, inbox
from broker.transport.embedded import EmbeddedTransport
from broker.transport.pruning import BeginDay, RemoveDetails, RemoveRecords, RemoveRows, ThinCheckpoints, fold
from broker.transport.records import lane_name
from broker.transport.writer import Write
from schemas import Mailbox

LOOK_S = 60.0
"""How often a round is made."""
ROWS_MAX = 200
"""Rows of one transaction: some milliseconds of the writer's time."""
SEEN_A_ROUND = 5_000
"""Rows of used-up ids that one round looks at; all of them in their turn."""
_LANE = lane_name((INPUT, 0))
_INBOXES = inbox(Mailbox("*"))


class Keeper:
    """Removes what need not be kept, beside a hub at work."""

    def __init__(
        self,
        path: Path,
        transport: EmbeddedTransport,
        vault: Vault,
        standing: Standing,
        settings: Retention,
        clock: Clock,
    ) -> None:
        """Join the parts.

        Args:
            path: The hub's file.
            transport: Its writer removes, between turns.
            vault: Opens rows, to see when they were used up.
            standing: While the hub is held nothing is removed: it may be evidence.
            settings: How long.
            clock: Says when another day begins.
        """
        self._path, self._transport, self._vault, self._standing = path, transport, vault, standing
        self._settings, self._clock = settings, clock
        self._spent = SpentIds(_EmbeddedRows(transport), Seen, vault)

    async def keep(self) -> None:
        """Make rounds until cancelled. What fails is tried again at the next."""
        await keep_on(self.round)

    async def round(self) -> int:
        """Remove all that is due. Returns how many rows were removed.

        Raises:
            FolderUnusable, OutcomeUnknown: the disk does not let us. What was removed before stays removed.
        """
        if not self._standing.is_clear:
            return 0
        kept = self._settings
        await self._transport.prune(BeginDay(self._clock.now().date(), kept.days_longest + 2))
        removed = await self._all(RemoveRecords(_INBOXES, kept.inbox_days, ROWS_MAX))
        removed += await self._all(RemoveRecords(INPUT, kept.input_days, ROWS_MAX, done_by=_LANE))
        removed += await self._all(RemoveRecords(QUARANTINE, kept.quarantine_days, ROWS_MAX))
        removed += await self._all(ThinCheckpoints(kept.checkpoint_days, ROWS_MAX))
        if kept.detail_days is not None:
            removed += await self._all(RemoveDetails(kept.detail_days, ROWS_MAX))
        removed += await self._spent.round()
        if removed:
            await asyncio.to_thread(fold, self._path)
            telemetry.emit(Event.ROWS_REMOVED, level=logging.INFO, found=removed)
        return removed

    async def _all(self, removal: Write[int]) -> int:
        """Again and again, each a transaction of its own, until there is less than it could have removed."""
        removed = 0
        while found := await self._transport.prune(removal):
            removed += found
            if found < ROWS_MAX:
                break
        return removed


class StoredRows(Protocol):
    """The state of one lane, for whoever removes what is used up."""

    async def row(self, table: Table, key: RowKey) -> SealedRow | None:
        """A row."""

    async def rows_after(self, table: Table, key: RowKey, most: int) -> Sequence[tuple[RowKey, SealedRow]]:
        """At most *most* rows behind *key*, in the order of their keys."""

    async def remove(self, table: Table, rows: Sequence[tuple[RowKey, SealedRow]]) -> int:
        """Remove those of *rows* that are still as they are here. Returns how many."""


class SpentIds:
    """Ids of notifications that are long expired: those are refused by their time from then on."""

    def __init__(self, rows: StoredRows, of: type[Seen | Sent], vault: Vault) -> None:
        """Look into *rows* for those *of* a lane or a door, which *vault* opens."""
        self._rows, self._of, self._vault = rows, of, vault
        self._table = Table.SENT if of is Sent else Table.SEEN
        self._looked_to = RowKey(b"")

    async def round(self) -> int:
        """Remove some, and go on there the next time. Returns how many."""
        recorded = await self._lane_time()
        if recorded is None:
            return 0
        removed = looked = 0
        while looked < SEEN_A_ROUND:
            rows = await self._rows.rows_after(self._table, self._looked_to, ROWS_MAX)
            looked += len(rows)
            due = [(key, row) for key, row in rows if self._is_used_up(key, row, recorded)]
            if due:
                removed += await self._rows.remove(self._table, due)
            self._looked_to = rows[-1][0] if len(rows) == ROWS_MAX else RowKey(b"")
            if len(rows) < ROWS_MAX:
                break
        return removed

    def _is_used_up(self, key: RowKey, row: SealedRow, recorded: datetime) -> bool:
        used = self._of.from_bytes(self._vault.open(self._table, key, row))
        return datetime.fromtimestamp(used.exp, UTC) + LIFE < recorded

    async def _lane_time(self) -> datetime | None:
        """What the lane last recorded. It never goes back, so what is expired by it is refused for ever; by the clock
        that could be taken back, and a notification be told a second time."""
        key = self._vault.row_key(Table.CLOCK)
        row = await self._rows.row(Table.CLOCK, key)
        return None if row is None else datetime.fromisoformat(self._vault.open(Table.CLOCK, key, row).decode("ascii"))


async def keep_on(round_: Callable[[], Awaitable[int]]) -> None:
    """Make rounds until cancelled. What fails is tried again at the next."""
    while True:
        try:
            await round_()
        except TellwiseError as error:
            telemetry.emit(Event.REMOVAL_FAILED, level=logging.ERROR, reason=type(error).__name__)
        await asyncio.sleep(LOOK_S)


class _EmbeddedRows:
    """The rows of the lane in the hub's file. Read in other threads, so that a turn is not held up."""

    def __init__(self, transport: EmbeddedTransport) -> None:
        self._transport = transport

    async def row(self, table: Table, key: RowKey) -> SealedRow | None:
        return await asyncio.to_thread(self._transport.row, _LANE, table, key)

    async def rows_after(self, table: Table, key: RowKey, most: int) -> Sequence[tuple[RowKey, SealedRow]]:
        return await asyncio.to_thread(self._transport.rows_after, _LANE, table, key, most)

    async def remove(self, table: Table, rows: Sequence[tuple[RowKey, SealedRow]]) -> int:
        return await self._transport.prune(RemoveRows(_LANE, table, rows))
