"""The lanes of one process: taken, served as long as they are ours, and given up.

A hub has one lane, or several among which its persons are shared; then there are doors before them. Any number of
processes share the lanes of a hub, where the engine below allows it, and each lane has one owner among them.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from dataclasses import replace
from typing import Any, Self

from broker import telemetry
from broker.clock import WatchedClock
from broker.directory import Directory
from broker.errors import EngineAway, Fenced, HubStopped
from broker.ledger.entries import Entry
from broker.lifecycle import Premises
from broker.ports import Assigned, Clock, Lane, LaneEvent, Partition, Revoked, Transport
from broker.serving import PAUSE_FIRST_S, PAUSE_LONGEST_S, Common, Serving
from broker.state.vault import Vault
from broker.topics import INPUT
from broker.turning import LANES, THE_DOORS, Role

PAUSE_TAKING_S = 5.0
"""The longest wait before a lane that was lost is taken anew: others wait for it."""

FENCED_MOST = 3
FENCED_WITHIN_S = 60.0
"""So often within so long, and it is an alarm."""

_LOOK_S = 0.02


class Hub:
    """One process that owns lanes and turns them."""

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
        """Of the first lane."""
        self._transport = transport
        watched = WatchedClock(clock)
        self._common = Common(vault, watched, may_go_on, asyncio.Event(), asyncio.Condition(), self._note)
        self._of_doors = replace(self._common, stopping=asyncio.Event())
        """Doors stop first: what they took is with the lanes then, which deal with it before they stop."""
        self._serving: dict[Partition, Serving] = {}
        """By topic and index, those that are ours."""
        self.directory = Directory()
        """As last committed, as far as our lanes know."""
        self._settled_to = -1
        self._is_caught_up = False
        self._ended = False
        self._is_away = False
        self._fenced_s: list[float] = []

    async def run(self) -> None:
        """Own lanes until `stop`.

        Raises:
            LaneTaken: another process owns one, on an engine whose lanes one process owns together.
            PolicyNotInForce, StateUnreadable: nothing may be decided here; somebody must look.
        """
        owning = [asyncio.create_task(self._own_on(LANES, self._common))]
        if not self.premises.is_alone:
            owning.append(asyncio.create_task(self._doors_first()))
        try:
            done, _ = await asyncio.wait(owning, return_when=asyncio.FIRST_EXCEPTION)
            for task in done:
                task.result()
        finally:
            await _ended(owning)
            async with self._common.changed:
                self._ended = True
                self._common.changed.notify_all()

    async def _doors_first(self) -> None:
        await self._own_on(THE_DOORS, self._of_doors)
        self._common.stopping.set()

    async def _own_on(self, role: Role, common: Common) -> None:
        """Take what is given to us of these lanes, again and again."""
        pause_s = PAUSE_FIRST_S
        while not common.stopping.is_set():
            began_s = common.clock.steady_s()
            await self._own(role, common)
            if common.clock.steady_s() - began_s > PAUSE_LONGEST_S:  # it went well for a while
                pause_s = PAUSE_FIRST_S
            if not common.stopping.is_set():
                await common.is_stopping_within(pause_s)
                pause_s = min(pause_s * 2, PAUSE_TAKING_S)

    async def _own(self, role: Role, common: Common) -> None:
        """Take lanes and turn them until one is lost, or until `stop`. They may be others' for a long time."""
        places = [(role.topic, index) for index in range(len(self.premises.lanes))]
        try:
            async with self._transport.lanes(places) as events, _Served(common.stopping) as served:
                await served.all_of(events, lambda lane: self._serve(lane, role, common))
        except Fenced:
            self._say_fenced()
        except EngineAway:
            self._is_away = True
            telemetry.emit(telemetry.Event.LANE_PAUSED, level=logging.ERROR, lane=role.topic)

    def _say_fenced(self) -> None:
        """Once may be a process that slept. Again and again, somebody who should not be there writes for our lanes."""
        now_s = self._common.clock.steady_s()
        self._fenced_s = [at_s for at_s in self._fenced_s if now_s - at_s < FENCED_WITHIN_S] + [now_s]
        level = logging.CRITICAL if len(self._fenced_s) >= FENCED_MOST else logging.WARNING
        telemetry.emit(telemetry.Event.LANE_FENCED, level=level)

    async def _serve(self, lane: Lane, role: Role, common: Common) -> None:
        telemetry.emit(telemetry.Event.LANE_TAKEN, lane=lane.name)
        index = int(lane.name.rpartition("/")[2])
        premises = replace(self.premises, index=index, is_door=not role.keeps_ledgers)
        serving = Serving(lane, role, premises, common)
        serving.is_paused, self._is_away = self._is_away, False
        self._serving[role.topic, index] = serving
        try:
            await serving.run()
        finally:
            if self._serving.get((role.topic, index)) is serving:
                del self._serving[role.topic, index]

    def _note(self, serving: Serving) -> None:
        """A lane has gone on."""
        if serving.is_deciding:
            self.directory = max(self.directory, serving.turning.directory, key=lambda each: each.size)
        if serving is self._first:
            self._settled_to = max(self._settled_to, serving.settled_to)
            self._is_caught_up = self._is_caught_up or serving.is_caught_up

    @property
    def owned(self) -> frozenset[Partition]:
        """The lanes and doors that are ours now, by the partitions over which they are."""
        return frozenset(self._serving)

    @property
    def _first(self) -> Serving | None:
        """The first lane, if it is ours: the directory's events come to it."""
        return self._serving.get((INPUT, 0))

    @property
    def is_paused(self) -> bool:
        """Whether something has to pass before anything more is decided: a full disk, a clock that was set ahead."""
        return self._is_away or any(serving.is_paused for serving in list(self._serving.values()))

    @property
    def is_held(self) -> bool:
        """Whether nothing is taken, decided or signed before it is known what the desks have seen."""
        return any(serving.is_held for serving in list(self._serving.values()))

    def dry_run(self, record: bytes) -> list[Entry]:
        """The entries that a record would make if it came now. Nothing is kept, sent or signed.

        Raises:
            HubStopped: this hub does not own the lane that it is for.
            ClockJumped: nothing is decided now.
        """
        some = next((serving for (topic, _), serving in self._serving.items() if topic == INPUT), None)
        to: tuple[int, bytes] | None = (0, record)
        if some is not None and not self.premises.is_alone:
            to = some.turning.routed(record)
        entries: list[Entry] = []
        while to is not None:
            lane = self._serving.get((INPUT, to[0]))
            if lane is None:
                raise HubStopped("the hub does not own its lane")
            entries, to = lane.turning.dry_run(to[1])
        return entries

    @property
    def read_to(self) -> int | None:
        """Every record of the first lane's input before this position is dealt with; None if this hub does not own
        it."""
        return None if self._first is None else self._first.turning.read_to

    async def until_ended(self) -> None:
        """Wait until `run` is over, for whatever reason."""
        async with self._common.changed:
            await self._common.changed.wait_for(lambda: self._ended)

    def stop(self) -> None:
        """Finish the turn at hand, and deliver what it owes, then leave `run`."""
        (self._common if self.premises.is_alone else self._of_doors).stopping.set()

    async def until_settled(self, position: int) -> None:
        """Wait until every record of the only lane's input before *position* is dealt with, and all that it caused has
        left."""
        await self._until(lambda: self._settled_to >= position)

    async def until_quiet(self) -> None:
        """Wait until nothing lies in the input of any lane or door, and all that it caused has left. All of them must
        be ours."""
        while True:
            await self._until(lambda: len(self._serving) == 2 * len(self.premises.lanes))
            turns = self._turns()
            if await self.is_quiet() and self._turns() == turns:
                return
            await asyncio.sleep(_LOOK_S)

    async def is_quiet(self) -> bool:
        """Whether nothing lies now in the input of any lane or door that is ours, and nothing is owed."""
        for (topic, index), serving in list(self._serving.items()):
            if serving.turning.owes:
                return False
            if await self._transport.read(topic, serving.turning.read_to, 1, 0, partition=index):
                return False
        return True

    def _turns(self) -> list[int]:
        return [serving.turns for serving in self._serving.values()]

    async def until_caught_up(self) -> None:
        """Wait until everything that lay in the first lane's input when the hub took it is dealt with."""
        await self._until(lambda: self._is_caught_up)

    async def until_caught_up_or_held(self) -> bool:
        """As `until_caught_up`, or until it is known that the hub does nothing for now. Returns whether it is so."""
        await self._until(lambda: self._is_caught_up or (self._first is not None and self._first.is_held))
        return self.is_held

    async def _until(self, holds: Callable[[], bool]) -> None:
        async with self._common.changed:
            await self._common.changed.wait_for(lambda: holds() or self._ended)
            if not holds():
                raise HubStopped("the hub stopped before that came to be")


class _Served:
    """The lanes of one block, each served by a task. Leaving the block ends those that are left."""

    def __init__(self, stopping: asyncio.Event) -> None:
        self._stopping = stopping
        self._lanes: dict[asyncio.Task[None], Lane] = {}
        self._given_away: dict[Lane, bool] = {}
        """Of those that are ours no longer: whether the engine gave them to another process."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        await _ended(self._lanes)

    async def all_of(
        self, events: AsyncIterator[LaneEvent], serve: Callable[[Lane], Coroutine[None, None, None]]
    ) -> None:
        """Serve what comes, until we are to stop and all of it is done.

        Raises:
            Fenced: one was lost, and it may still be ours: who takes them all anew will know.
        """
        enough = asyncio.create_task(self._stopping.wait())
        coming = asyncio.ensure_future(anext(events))
        try:
            while not enough.done() or self._lanes:
                waiting = {coming, *self._lanes} | (set() if enough.done() else {enough})
                await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                if coming.done():
                    match coming.result():
                        case Assigned(lane) if not enough.done():
                            self._lanes[asyncio.create_task(serve(lane))] = lane
                        case Revoked(lane, is_given_away):
                            self._given_away[lane] = is_given_away
                    coming = asyncio.ensure_future(anext(events))
                self._look()
        finally:
            await _ended([enough, coming])

    def _look(self) -> None:
        for task in [task for task in self._lanes if task.done()]:
            lane, error = self._lanes[task], task.exception()
            if isinstance(error, Fenced):
                if lane not in self._given_away:
                    continue  # it will be said why
                if not self._given_away.pop(lane):
                    raise error
            elif error is not None:
                raise error
            del self._lanes[task]


async def _ended(tasks: Iterable[asyncio.Future[Any]]) -> None:
    """End what still runs, and ask no more of it."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
