"""A lane, turned for as long as it is ours: it waits while a fault passes, and goes on from what is committed."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from broker import telemetry
from broker.clock import WatchedClock
from broker.errors import ClockJumped, EngineAway, FolderUnusable, KeyUnavailable, OutcomeUnknown
from broker.lifecycle import Premises
from broker.ports import Lane
from broker.state.vault import Vault
from broker.turning import Role, Turning

RECORDS_MAX = 500
"""Records a turn. More saves little per record and makes every letter wait longer."""

IDLE_MS = 100
"""How long an idle lane waits for a record before it looks whether it should stop."""

PAUSE_FIRST_S = 0.1
PAUSE_LONGEST_S = 60.0
"""Waits between two attempts while a fault passes: doubled each time, up to the longest."""

PAUSE_STOPPING_S = 1.0
"""Who is told to stop tries no longer once the wait is longer: the next life goes on from what is committed."""

ALARM_EVERY_S = 60.0
"""How often a lane that is paused because of its clock says so."""


@dataclass(frozen=True, slots=True)
class Common:
    """What all lanes of one process share."""

    vault: Vault
    clock: WatchedClock
    may_go_on: Callable[[], bool]
    """Asked before each turn: see broker/care/standing.py."""
    stopping: asyncio.Event
    changed: asyncio.Condition
    """Told whenever a lane has gone on."""
    noted: "Callable[[Serving], None]"
    """Called then."""

    async def is_stopping_within(self, seconds: float) -> bool:
        """Wait so long, or until we are to stop. Returns whether we are."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.stopping.wait()
        return self.stopping.is_set()


class Serving:
    """One lane of this process, and how it is with it."""

    def __init__(self, lane: Lane, role: Role, premises: Premises, common: Common) -> None:
        """Read the lane's state as committed; `run` begins.

        Raises:
            Fenced, StateUnreadable: as the lane says.
        """
        self.lane, self._role, self._premises, self._common = lane, role, premises, common
        self.turning = self._anew()
        self.settled_to = -1
        """Every record before this position is dealt with, and all that it caused has left."""
        self.is_caught_up = False
        """Whether everything that lay there when it was taken is dealt with."""
        self.is_paused = False
        """Whether something has to pass before anything more is decided: a full disk, a clock that was set ahead."""
        self.is_held = False
        """Whether nothing is taken, decided or signed before it is known what the desks have seen."""
        self.turns = 0
        """How many it has made."""
        self._alarmed_s: float | None = None

    @property
    def is_deciding(self) -> bool:
        """Whether it is a lane, and no door."""
        return self._role.keeps_ledgers

    async def run(self) -> None:
        """Turn it until we are to stop, and it owes nothing.

        Raises:
            Fenced: it is not ours any more.
            PolicyNotInForce, StateUnreadable: nothing may be decided here; somebody must look.
        """
        common, lane = self._common, self.lane
        is_in_doubt = False
        pause_s = PAUSE_FIRST_S
        while True:
            try:
                if is_in_doubt:
                    self.turning, is_in_doubt = self._anew(), False
                await self._note()
                self.is_held = not common.may_go_on()
                if self.is_held:
                    if await common.is_stopping_within(IDLE_MS / 1_000):
                        return
                    continue
                common.clock.now()  # also while nothing comes: who watches over this hub learns of it at once
                busy = self.turning.owes or common.stopping.is_set() or not self.is_caught_up
                wait_ms = 0 if busy else IDLE_MS
                records = await lane.poll(RECORDS_MAX, wait_ms)
                telemetry.gauge(telemetry.Gauge.RECORDS_WAITING, len(records))
                if records or self.turning.owes:
                    await self.turning.turn(records)
                    self.turns += 1
                elif common.stopping.is_set():
                    return
                else:
                    self.is_caught_up = True
                self._resume()
                pause_s = PAUSE_FIRST_S
            except ClockJumped:
                self._alarm()
                if await common.is_stopping_within(IDLE_MS / 1_000):
                    return
            except (OutcomeUnknown, FolderUnusable, KeyUnavailable, EngineAway) as error:  # a full disk, a vault away
                is_in_doubt = is_in_doubt or isinstance(error, OutcomeUnknown)  # of all others nothing happened
                self.is_paused = True
                telemetry.emit(telemetry.Event.LANE_PAUSED, level=logging.ERROR, lane=lane.name)
                if common.stopping.is_set():
                    if pause_s > PAUSE_STOPPING_S:
                        return
                    await asyncio.sleep(pause_s)
                else:
                    await common.is_stopping_within(pause_s)
                pause_s = min(pause_s * 2, PAUSE_LONGEST_S)

    def _anew(self) -> Turning:
        return Turning(self.lane, self._premises, self._common.vault, self._common.clock, self._role)

    def _alarm(self) -> None:
        """Nothing is decided by this clock; say so, and again each minute."""
        self.is_paused = True
        now_s = self._common.clock.steady_s()
        if self._alarmed_s is None or now_s - self._alarmed_s >= ALARM_EVERY_S:
            self._alarmed_s = now_s
            telemetry.emit(telemetry.Event.CLOCK_JUMPED, level=logging.CRITICAL, lane=self.lane.name)

    def _resume(self) -> None:
        self._alarmed_s = None
        if self.is_paused:
            self.is_paused = False
            telemetry.emit(telemetry.Event.LANE_RESUMED, level=logging.WARNING, lane=self.lane.name)

    async def _note(self) -> None:
        async with self._common.changed:
            if not self.turning.owes:
                self.settled_to = self.turning.read_to
            self._common.noted(self)
            self._common.changed.notify_all()
