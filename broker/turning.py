"""What the owner of a lane holds in memory, and one turn after another of it: sign, plan, commit, believe.

The order inside a turn is the design: sign what the turn before committed, plan without I/O, write everything in one
transaction, and only then believe it. The committed position is the only truth about what happened.
"""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from broker import telemetry
from broker.directory import Directory, read_event
from broker.ledger.checkpoint import Checkpoint, sign_note
from broker.ledger.entries import Entry, read_entry
from broker.lifecycle import Before, Plan, Premises, plan, route
from broker.ports import Clock, Lane, Record, Table
from broker.sealing.letters import ItemKind
from broker.sealing.signatures import VerifyKey
from broker.state.frontiers import own_frontier
from broker.state.pending import Pending, pending
from broker.state.rows import Remembered, Rows
from broker.state.vault import Vault
from broker.topics import DOORS, INPUT


@dataclass(frozen=True, slots=True)
class Role:
    """What the lanes over a topic do with what comes there."""

    topic: str
    keeps_ledgers: bool

    def plan(self, records: Sequence[Record], before: Before, premises: Premises, reading: datetime) -> Plan:
        """Plan a turn."""
        return (plan if self.keeps_ledgers else route)(records, before, premises, reading)

    def logs(self, premises: Premises) -> tuple[str, ...]:
        """The ledgers that such a lane writes."""
        if not self.keeps_ledgers:
            return ()
        return (premises.lane, premises.directory_log) if premises.index == 0 else (premises.lane,)


LANES = Role(INPUT, keeps_ledgers=True)
"""They decide, each about the persons that are at home there."""

THE_DOORS = Role(DOORS, keeps_ledgers=False)
"""They find the lane, in a hub that has several."""


class Turning:
    """What the owner of a lane holds in memory: the directory, the right edges of its ledgers, what it owes."""

    def __init__(self, lane: Lane, premises: Premises, vault: Vault, clock: Clock, role: Role = LANES) -> None:
        """Read the lane's state as committed."""
        self._lane, self._premises, self._vault, self._clock, self._role = lane, premises, vault, clock, role
        self._remembered = Remembered()
        """Dropped with this object: whoever does not know what it committed makes a new one and remembers nothing."""
        rows = Rows(lane, vault, self._remembered)
        self.directory = _stored_directory(lane, vault, premises.keys.directory_key)
        self._pending: list[Pending] = pending(rows)
        self._frontiers = {
            log: frontier
            for log in role.logs(premises)
            if (frontier := own_frontier(rows, log, lane.frontier(log))) is not None
        }
        # A new owner signs both trees again: what it signs is what is committed, so it is the same tree as before.
        self._unsigned = set(self._frontiers)
        self.read_to = lane.position

    @property
    def owes(self) -> bool:
        """Whether a ledger has grown since its last checkpoint, so that a turn without records is due."""
        return bool(self._unsigned)

    async def turn(self, records: Sequence[Record]) -> None:
        """One turn: sign, plan, commit, believe.

        Raises:
            Fenced, OutcomeUnknown: as `Lane.transaction`; nothing here has changed then.
            ClockJumped: nothing is decided now.
        """
        letters, busy = _letters(self._pending), bool(records or self._pending)
        with (
            telemetry.timed(telemetry.Duration.TURN_LASTED),
            telemetry.span(telemetry.Span.LANE_TURN, when=busy, records=len(records), letters=letters) as working,
        ):
            planned = await self._turn(records)
            working.link(counted.traceparent for counted in planned.counted)
        # LIMIT: what a turn with an unknown outcome committed after all is counted by nobody. The ledger is the truth.
        for which, amount in Counter(counted.count for counted in planned.counted).items():
            telemetry.count(which, amount)
        telemetry.count(telemetry.Count.LETTER_DELIVERED, letters)
        telemetry.count(telemetry.Count.ENTRY_RECORDED, sum(len(batch.leaves) for batch in planned.batches))
        telemetry.gauge(telemetry.Gauge.LETTERS_PENDING, _letters(planned.pending))
        for alarm in planned.alarms:
            telemetry.emit(alarm.event, level=logging.WARNING, **alarm.ids)

    async def _turn(self, records: Sequence[Record]) -> Plan:
        notes = {log: self._sign(log) for log in self._unsigned}
        rows = Rows(self._lane, self._vault, self._remembered)
        before = Before(rows, self.directory, self._frontiers, self._pending, notes)
        planned = self._role.plan(records, before, self._premises, self._clock.now())
        await self._commit(planned, notes, records)
        self._remembered.committed(rows.changes)
        self.directory = planned.directory
        self._pending = planned.pending
        self._unsigned = {batch.log for batch in planned.batches}
        self._frontiers |= {batch.log: batch.after for batch in planned.batches}
        return planned

    def dry_run(self, record: bytes) -> tuple[list[Entry], tuple[int, bytes] | None]:
        """The entries that a record would make, and to which lane what would be passed on; nothing is committed."""
        planned = self._as_if(LANES, record)
        lane = (batch for batch in planned.batches if batch.log == self._premises.lane)
        return [read_entry(leaf.entry) for batch in lane for leaf in batch.leaves], _onward(planned)

    def routed(self, record: bytes) -> tuple[int, bytes] | None:
        """To which lane a door would pass a record on, and as what; nothing is committed."""
        return _onward(self._as_if(THE_DOORS, record))

    def _as_if(self, role: Role, record: bytes) -> Plan:
        before = Before(Rows(self._lane, self._vault, self._remembered), self.directory, self._frontiers, [], {})
        return role.plan([Record("", 0, self.read_to, record)], before, self._premises, self._clock.now())

    async def _commit(self, planned: Plan, notes: dict[str, bytes], records: Sequence[Record]) -> None:
        with telemetry.timed(telemetry.Duration.COMMIT_LASTED):
            await self._write(planned, notes, records)
        if records:
            self.read_to = records[-1].offset + 1

    async def _write(self, planned: Plan, notes: dict[str, bytes], records: Sequence[Record]) -> None:
        async with self._lane.transaction() as tx:
            for log, note in notes.items():
                tx.sign(log, self._frontiers[log].size, note)
            for topic, value in planned.sends:
                tx.send(topic, value)
            for (topic, partition), value in planned.passed:
                tx.send(topic, value, partition=partition)
            for table, key, row in planned.rows:
                tx.put(table, key, row)
            for batch in planned.batches:
                tx.record(batch.log, batch.before.size, batch.leaves, batch.after.to_bytes())
            if records:
                tx.done(records[-1].offset + 1)

    def _sign(self, log: str) -> bytes:
        frontier = self._frontiers[log]
        checkpoint = Checkpoint(log, frontier.size, frontier.root())
        return sign_note(checkpoint, self._premises.keys.ledger, self._premises.keys.sign_ledger)


def _onward(planned: Plan) -> tuple[int, bytes] | None:
    return next(((index, value) for (topic, index), value in planned.passed if topic == INPUT), None)


def _letters(items: Sequence[Pending]) -> int:
    return sum(item.kind is ItemKind.LETTER for item in items)


def _stored_directory(lane: Lane, vault: Vault, key: VerifyKey) -> Directory:
    directory = Directory()
    while True:
        row_key = vault.row_key(Table.DIRECTORY, str(directory.size))
        row = lane.get(Table.DIRECTORY, row_key)
        if row is None:
            return directory
        directory = directory.after(read_event(vault.open(Table.DIRECTORY, row_key, row), key))
