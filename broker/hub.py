"""The hub's loop: take the lane, and turn after turn read, sign, plan, commit.

The order inside a turn is the design: sign what the turn before committed, plan without I/O, write everything in one
transaction, and only then believe it. The committed position is the only truth about what happened.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from broker import telemetry
from broker.clock import WatchedClock
from broker.directory import Directory, read_event
from broker.errors import ClockJumped, EngineAway, Fenced, FolderUnusable, HubStopped, KeyUnavailable, OutcomeUnknown
from broker.ledger.checkpoint import Checkpoint, sign_note
from broker.ledger.entries import Entry, read_entry
from broker.lifecycle import Before, Plan, Premises, plan
from broker.ports import Assigned, Clock, Lane, LaneEvent, Record, Table, Transport
from broker.sealing.letters import ItemKind
from broker.sealing.signatures import VerifyKey
from broker.state.frontiers import own_frontier
from broker.state.pending import Pending, pending
from broker.state.rows import Remembered, Rows
from broker.state.vault import Vault
from broker.topics import INPUT

RECORDS_MAX = 500
"""Records a turn. More saves little per record and makes every letter wait longer."""

IDLE_MS = 100
"""How long an idle lane waits for a record before it looks whether it should stop."""

PAUSE_FIRST_S = 0.1
PAUSE_LONGEST_S = 60.0
"""Waits between two attempts while a fault passes: doubled each time, up to the longest."""

PAUSE_TAKING_S = 5.0
"""The longest wait before a lane that was lost is taken anew: others wait for it."""

PAUSE_STOPPING_S = 1.0
"""Who is told to stop tries no longer once the wait is longer: the next life goes on from what is committed."""

ALARM_EVERY_S = 60.0
"""How often a lane that is paused because of its clock says so."""


class Hub:
    """One process that owns the lane and turns it."""

    def __init__(
        self,
        transport: Transport,
        premises: Premises,
        vault: Vault,
        clock: Clock,
        may_go_on: Callable[[], bool] = lambda: True,
    ) -> None:
        """Join the parts; `run` starts it. *may_go_on* is asked before each turn: see broker/care/standing.py."""
        self.premises = premises
        self._may_go_on = may_go_on
        self._transport = transport
        self._vault = vault
        self._clock = WatchedClock(clock)
        self._stopping = asyncio.Event()
        self._changed = asyncio.Condition()
        self.directory = Directory()
        """As last committed."""
        self._ended = False
        self._turning: Turning | None = None
        self._settled_to = -1
        self._caught_up = False
        self._alarmed_s: float | None = None
        self.is_paused = False
        """Whether something has to pass before anything more is decided: a full disk, a clock that was set ahead."""
        self.is_held = False
        """Whether nothing is taken, decided or signed before it is known what the desks have seen."""

    async def run(self) -> None:
        """Own the lane until `stop`.

        Raises:
            LaneTaken: another process owns it.
            PolicyNotInForce, StateUnreadable: nothing may be decided here; somebody must look.
        """
        pause_s = PAUSE_FIRST_S
        try:
            while not self._stopping.is_set():
                began_s = self._clock.steady_s()
                await self._own()
                if self._clock.steady_s() - began_s > PAUSE_LONGEST_S:  # it went well for a while
                    pause_s = PAUSE_FIRST_S
                if not self._stopping.is_set():
                    await self._is_stopping_within(pause_s)
                    pause_s = min(pause_s * 2, PAUSE_TAKING_S)
        finally:
            self._turning = None
            async with self._changed:
                self._ended = True
                self._changed.notify_all()

    async def _own(self) -> None:
        """Take the lane and turn it until it is lost, or until `stop`. It may be another's for a long time."""
        try:
            async with self._transport.lanes([(INPUT, 0)]) as events:
                event = await self._unless_stopping(anext(events))
                if isinstance(event, Assigned):
                    telemetry.emit(telemetry.Event.LANE_TAKEN, lane=event.lane.name)
                    await self._serve(event.lane)
        except Fenced:
            telemetry.emit(telemetry.Event.LANE_FENCED, level=logging.WARNING)
        except EngineAway:
            self.is_paused = True
            telemetry.emit(telemetry.Event.LANE_PAUSED, level=logging.ERROR, lane=INPUT)
        finally:
            self._turning = None

    async def _unless_stopping(self, coming: Awaitable[LaneEvent]) -> LaneEvent | None:
        """What comes, or None if we are to stop before that."""
        waiting = [asyncio.ensure_future(coming), asyncio.ensure_future(self._stopping.wait())]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            return await waiting[0] if waiting[0].done() else None  # type: ignore[return-value]
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)

    def dry_run(self, record: bytes) -> list[Entry]:
        """The entries that a record would make if it came now. Nothing is kept, sent or signed.

        Raises:
            HubStopped: this hub does not own the lane.
            ClockJumped: nothing is decided now.
        """
        if self._turning is None:
            raise HubStopped("the hub does not own its lane")
        return self._turning.dry_run(record)

    @property
    def read_to(self) -> int | None:
        """Every record of the input before this position is dealt with; None if this hub does not own the lane."""
        return None if self._turning is None else self._turning.read_to

    async def until_ended(self) -> None:
        """Wait until `run` is over, for whatever reason."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._ended)

    def stop(self) -> None:
        """Finish the turn at hand, and deliver what it owes, then leave `run`."""
        self._stopping.set()

    async def until_settled(self, position: int) -> None:
        """Wait until every record of the input before *position* is dealt with, and all that it caused has left."""
        await self._until(lambda: self._settled_to >= position)

    async def until_caught_up(self) -> None:
        """Wait until everything that lay in the input when the hub started is dealt with."""
        await self._until(lambda: self._caught_up)

    async def until_caught_up_or_held(self) -> bool:
        """As `until_caught_up`, or until it is known that the hub does nothing for now. Returns whether it is so."""
        await self._until(lambda: self._caught_up or (self.is_held and self._turning is not None))
        return self.is_held

    async def _until(self, holds: Callable[[], bool]) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: holds() or self._ended)
            if not holds():
                raise HubStopped("the hub stopped before that came to be")

    async def _serve(self, lane: Lane) -> None:
        turning = Turning(lane, self.premises, self._vault, self._clock)
        is_in_doubt = False
        pause_s = PAUSE_FIRST_S
        while True:
            try:
                if is_in_doubt:
                    turning, is_in_doubt = Turning(lane, self.premises, self._vault, self._clock), False
                await self._note(turning)
                self.is_held = not self._may_go_on()
                if self.is_held:
                    if await self._is_stopping_within(IDLE_MS / 1_000):
                        return
                    continue
                self._clock.now()  # also while nothing comes: who watches over this hub learns of it at once
                busy = turning.owes or self._stopping.is_set() or not self._caught_up
                wait_ms = 0 if busy else IDLE_MS
                records = await lane.poll(RECORDS_MAX, wait_ms)
                telemetry.gauge(telemetry.Gauge.RECORDS_WAITING, len(records))
                if records or turning.owes:
                    await turning.turn(records)
                elif self._stopping.is_set():
                    return
                else:
                    self._caught_up = True
                self._resume(lane)
                pause_s = PAUSE_FIRST_S
            except ClockJumped:
                self._alarm(lane)
                if await self._is_stopping_within(IDLE_MS / 1_000):
                    return
            except (OutcomeUnknown, FolderUnusable, KeyUnavailable, EngineAway) as error:  # a full disk, a vault away
                is_in_doubt = is_in_doubt or isinstance(error, OutcomeUnknown)  # of all others nothing happened
                self.is_paused = True
                telemetry.emit(telemetry.Event.LANE_PAUSED, level=logging.ERROR, lane=lane.name)
                if self._stopping.is_set():
                    if pause_s > PAUSE_STOPPING_S:
                        return
                    await asyncio.sleep(pause_s)
                else:
                    await self._is_stopping_within(pause_s)
                pause_s = min(pause_s * 2, PAUSE_LONGEST_S)

    async def _is_stopping_within(self, seconds: float) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        return self._stopping.is_set()

    def _alarm(self, lane: Lane) -> None:
        """Nothing is decided by this clock; say so, and again each minute."""
        self.is_paused = True
        now_s = self._clock.steady_s()
        if self._alarmed_s is None or now_s - self._alarmed_s >= ALARM_EVERY_S:
            self._alarmed_s = now_s
            telemetry.emit(telemetry.Event.CLOCK_JUMPED, level=logging.CRITICAL, lane=lane.name)

    def _resume(self, lane: Lane) -> None:
        self._alarmed_s = None
        if self.is_paused:
            self.is_paused = False
            telemetry.emit(telemetry.Event.LANE_RESUMED, level=logging.WARNING, lane=lane.name)

    async def _note(self, turning: "Turning") -> None:
        self._turning = turning
        async with self._changed:
            self.directory = turning.directory
            if not turning.owes:
                self._settled_to = turning.read_to
            self._changed.notify_all()


class Turning:
    """What the owner of a lane holds in memory: the directory, the right edges of its ledgers, what it owes."""

    def __init__(self, lane: Lane, premises: Premises, vault: Vault, clock: Clock) -> None:
        """Read the lane's state as committed."""
        self._lane, self._premises, self._vault, self._clock = lane, premises, vault, clock
        self._remembered = Remembered()
        """Dropped with this object: whoever does not know what it committed makes a new one and remembers nothing."""
        rows = Rows(lane, vault, self._remembered)
        self.directory = _stored_directory(lane, vault, premises.keys.directory_key)
        self._pending: list[Pending] = pending(rows)
        self._frontiers = {
            log: frontier
            for log in (premises.lane, premises.directory_log)
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
        planned = plan(records, before, self._premises, self._clock.now())
        await self._commit(planned, notes, records)
        self._remembered.committed(rows.changes)
        self.directory = planned.directory
        self._pending = planned.pending
        self._unsigned = {batch.log for batch in planned.batches}
        self._frontiers |= {batch.log: batch.after for batch in planned.batches}
        return planned

    def dry_run(self, record: bytes) -> list[Entry]:
        """The entries that a record would make; nothing is committed."""
        before = Before(Rows(self._lane, self._vault, self._remembered), self.directory, self._frontiers, [], {})
        asked = Record("", 0, self.read_to, record)
        planned = plan([asked], before, self._premises, self._clock.now())
        lane = (batch for batch in planned.batches if batch.log == self._premises.lane)
        return [read_entry(leaf.entry) for batch in lane for leaf in batch.leaves]

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
