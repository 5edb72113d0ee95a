"""A hub and its desks, killed at exact system calls: one life, one death and one life after it for each point.

`python -m tests.faults.kill_points FOLDER SEED POINTS [planted]`, with faulty_calls.c loaded. On standard output comes
a line of JSON for each point.

All that is slow is done once: Python and everything that it imports, the keys, the desks, their cases. Each life is a
child of this process on a copy of that folder, so it is killed as a process and leaves files as a process does.
"""

import asyncio
import json
import os
import random
import shutil
import sys
import traceback
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from signal import SIGKILL, alarm
from typing import Any
from urllib.parse import urlsplit

import broker.serving
from broker.client import Desk, Link, Sending
from broker.client.http_link import HttpLink
from broker.client.keys import load_desk_keys
from broker.clock import SystemClock
from broker.edge import LocalEdge
from broker.hub import Hub
from broker.sealing.entropy import system_entropy
from broker.sealing.letters import ItemKind
from broker.service import edge_open
from broker.settings import Http
from schemas import DeskId, NotificationId
from tests.faults.checker import Submitted, check
from tests.faults.county import BASALT, ONYX, QUARTZ, County, case_opened, county, moved, open_desk
from tests.faults.faulty_calls import Call, How, arm
from tests.faults.hub_under_load import ReplyLost, UnsureLink, until_all_is_said_and_heard
from tests.faults.stored import read_stored
from tests.personas import BLACKBURN, BLACKBURN_CHILDREN, CHORLEY, POLICE, PRESTON, PROBATION

HERE = (POLICE, PROBATION, BLACKBURN_CHILDREN)
HANGS_AFTER_S = 60
RECORDS_A_TURN = 3
"""Small turns: much is under way at every moment, and a life has many commits."""
BACKLOG = 24
"""Notifications that lie in the police's outbox when each life begins."""
HANDED_OVER_AT_ONCE = 6
WAITING_LEAST = 10
"""The police hand over more whenever fewer wait at the hub, so that it never runs out and every turn brings letters."""
REPLIES_LOST = 0.05
ACKNOWLEDGED_EACH = 4
"""Which of its letters a desk acknowledges while the load lasts: an acknowledgement brings nobody a letter."""
GENEROUS = Http(port=0, requests_per_s=10_000, requests_burst=10_000)


@dataclass(frozen=True, slots=True)
class Stage:
    """When in a life the process is killed, and how often each call is made there at the least."""

    name: str
    calls: dict[Call, int]
    share: int
    """Of a hundred points."""


FOUNDING = Stage("founding", {Call.WRITE: 8, Call.FSYNC: 12, Call.RENAME: 6, Call.PWRITE: 60, Call.FDATASYNC: 12}, 3)
"""The very first start: keys, trust, an empty file, the first desk."""
TAKING_OVER = Stage("taking over", {Call.PWRITE: 12, Call.FDATASYNC: 3}, 6)
"""The start after another life was killed under load."""
LOAD = Stage("load", {Call.PWRITE: 500, Call.FDATASYNC: 40}, 76)
"""Desks publish, hear and acknowledge on and on, and so does the hub decide and deliver."""
HTTP = Stage("load over HTTP", {Call.REPLY: 90, Call.FDATASYNC: 40}, 15)
"""The same, and the desks come over HTTP."""
STAGES = (FOUNDING, TAKING_OVER, LOAD, HTTP)


@dataclass(frozen=True, slots=True)
class Point:
    """Where a life ends."""

    stage: str
    call: Call
    number: int
    """Which of these calls, counted from 1."""
    how: How


@dataclass(frozen=True, slots=True)
class Told:
    """What came of one point."""

    point: str
    was_killed: bool
    """False: that life was over before it made the call."""
    pending: int
    """Letters of accepted notifications that had not left for their desks when the process died."""
    unread: int
    """Notifications that were durable then, and not decided."""
    faults: list[str]
    """What the checker finds after the next life; and if that life failed, how."""


def points(seed: int, count: int) -> list[Point]:
    """*count* different points, drawn from a seed."""
    chance, found = random.Random(seed), dict[Point, None]()
    while len(found) < count:
        (stage,) = chance.choices(STAGES, [stage.share for stage in STAGES])
        call = chance.choice(list(stage.calls))
        hows = [How.BEFORE, How.AFTER, *([How.HALF] if call in (Call.PWRITE, Call.WRITE, Call.REPLY) else [])]
        found[Point(stage.name, call, chance.randint(1, stage.calls[call]), chance.choice(hows))] = None
    return list(found)


def _spelt(point: Point) -> str:
    return f"{point.stage}: {point.how.name.lower()} {point.call.name.lower()} {point.number}"


class Stand:
    """The folder from which every life begins, and what was handed over in it."""

    def __init__(self, folder: Path, planted: bool) -> None:
        self.folder, self.planted = folder, planted
        self.submitted: list[Submitted] = []
        self.submitted_before_falling: list[Submitted] = []

    def make(self) -> None:
        """Found the county and open cases; and once more, killed under load."""
        said, _ = _in_a_child(lambda: self._found(self.folder / "stand"))
        self.submitted = _submitted(said)
        shutil.copytree(self.folder / "stand", self.folder / "fallen")
        said, _ = _in_a_child(
            lambda: self._live(self.folder / "fallen", Point(LOAD.name, Call.FDATASYNC, 20, How.AFTER))
        )
        self.submitted_before_falling = [*self.submitted, *_submitted(said)]

    def try_out(self, point: Point, home: Path) -> Told:
        """One life that ends at *point*, one after it, and what the checker finds."""
        is_first, is_fallen = point.stage == FOUNDING.name, point.stage == TAKING_OVER.name
        if not is_first:
            shutil.copytree(self.folder / ("fallen" if is_fallen else "stand"), home)
        said, signal = _in_a_child(lambda: self._live(home, point))
        before = [] if is_first else self.submitted_before_falling if is_fallen else self.submitted
        submitted = [*before, *_submitted(said)]
        faults = [f"before it: {failure}" for failure in _failures(said)]
        pending, unread = (0, 0) if is_first else _under_way(home)
        said, hung = _in_a_child(lambda: self._live_on(home, submitted))
        faults += [*_failures(said), *([f"the next life ended by signal {hung}"] if hung else [])]
        shutil.rmtree(home)
        return Told(_spelt(point), signal == SIGKILL, pending, unread, faults)

    async def _live(self, home: Path, point: Point) -> None:
        broker.serving.RECORDS_MAX = RECORDS_A_TURN
        is_starting = point.stage in (FOUNDING.name, TAKING_OVER.name)
        if is_starting:
            arm(point.call, point.number, point.how)
        chance = random.Random(str(point))
        async with _here(home, chance, over_http=point.stage == HTTP.name) as (here, way, port):
            if point.stage == FOUNDING.name:
                return
            if self.planted:
                _answer_too_early(here.tellwise.edge)
            await _on_and_on(
                here, way, lambda: None if is_starting else arm(point.call, point.number, point.how, port=port)
            )

    async def _found(self, home: Path) -> None:
        async with _here(home, random.Random(0), over_http=False) as (here, _, _):
            await _begin(here)

    async def _live_on(self, home: Path, submitted: list[Submitted]) -> None:
        async with county(home, SystemClock(), HERE) as here:
            await until_all_is_said_and_heard(here)
        for fault in check(home, submitted=submitted):
            _say(f"failed {fault.invariant}: {fault.what}")


@asynccontextmanager
async def _here(home: Path, chance: random.Random, *, over_http: bool) -> AsyncIterator[tuple[County, Link, int]]:
    """The county of *home* with ways on which some replies are lost; that of the police; and the port of the edge,
    0 if it has none."""
    async with AsyncExitStack() as stack:
        ways: list[Link] = []

        def unsure(link: Link) -> Link:
            ways.append(UnsureLink(link, chance, lost=REPLIES_LOST))
            return ways[-1]

        here = await stack.enter_async_context(county(home, SystemClock(), HERE, way=unsure))
        if not over_http:
            yield here, ways[0], 0
            return
        url = await stack.enter_async_context(edge_open(here.tellwise, GENEROUS, home, SystemClock()))
        ways.clear()
        for name, desk in here.desks.items():
            desk.close()
            keys = load_desk_keys(home / "desks" / name / "keys.json", system_entropy)
            link = HttpLink(url, name, keys.signer, SystemClock(), system_entropy)
            stack.push_async_callback(link.close)
            here.desks[name] = open_desk(home, name, unsure(link), SystemClock())
            stack.callback(here.desks[name].close)
        yield here, ways[0], urlsplit(url).port or 0


async def _begin(here: County) -> None:
    """Cases are open, everybody has their keys, and the police have much to say."""
    police = here.desks[POLICE.name]
    for persona in (ONYX, BASALT, QUARTZ):
        with suppress(Exception):  # a reply that is lost: it is there all the same, or goes with the next one
            await police.publish(case_opened(persona))
    await until_all_is_said_and_heard(here)
    for number in range(BACKLOG):
        to, old = ((BLACKBURN, PRESTON), (CHORLEY, BLACKBURN))[number % 2]
        police.keep(moved((ONYX, QUARTZ)[number % 2], to=to, old=old))


async def _on_and_on(here: County, way: Link, begun: Callable[[], None]) -> None:
    """Load without an end: police say what lies in their outbox and then more, the others hear, and one answers.

    Args:
        here: The county.
        way: That of the police.
        begun: Called when the first letters are on their way.
    """

    async def speak(police: Desk) -> None:
        while True:
            while (here.tellwise.waiting() or 0) >= WAITING_LEAST:  # noqa: ASYNC110 - the hub tells nobody
                await asyncio.sleep(0.001)
            waiting = police.store.outgoing(Sending.WAITING, most=HANDED_OVER_AT_ONCE)
            for _ in range(HANDED_OVER_AT_ONCE - len(waiting)):
                police.keep(moved(ONYX, to=BLACKBURN, old=PRESTON))
            taken = [_is_taken(way, one.sealed) for one in waiting]
            states = zip(waiting, await asyncio.gather(*taken), strict=True)
            with police.store.transaction():
                for one, is_sent in states:
                    if is_sent:
                        police.store.set_state(one.id, Sending.SENT)

    async def listen(desk: Desk) -> None:
        while True:
            await desk.hear(20)

    async def answer(desk: Desk) -> None:
        while True:
            with suppress(ReplyLost):
                await desk.hear(20)
                await _acknowledge_some(desk)

    async def watch(hub: Hub) -> None:
        first = hub.read_to
        while hub.read_to == first:  # noqa: ASYNC110 - each of its steps is one of ours
            await asyncio.sleep(0)
        begun()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(watch(here.tellwise.hub))
        tasks.create_task(speak(here.desks[POLICE.name]))
        tasks.create_task(listen(here.desks[PROBATION.name]))
        tasks.create_task(answer(here.desks[BLACKBURN_CHILDREN.name]))


async def _acknowledge_some(desk: Desk) -> None:
    for letter in desk.store.letters():
        if letter.row % ACKNOWLEDGED_EACH == 0 and letter.acknowledged is None:
            await desk.acknowledge(letter.id, "duty officer")


async def _is_taken(way: Link, notification: bytes) -> bool:
    with suppress(ReplyLost):
        await way.submit(notification)
        return True
    return False


def _answer_too_early(edge: LocalEdge) -> None:
    """The planted fault: what is handed over is said to be durable, and lies in memory until as much comes again."""
    put, held = edge.put, list[Sequence[bytes]]()

    async def answer(records: Sequence[bytes]) -> None:
        held.append(records)
        if len(held) > HANDED_OVER_AT_ONCE:
            await put(held.pop(0))

    edge.put = answer  # type: ignore[method-assign]


def _under_way(home: Path) -> tuple[int, int]:
    stored = read_stored(home)
    return sum(item.kind is ItemKind.LETTER for item in stored.pending), len(stored.unread)


# --- children ---------------------------------------------------------------------------------------------------------


def _in_a_child(live: Callable[[], Coroutine[Any, Any, None]]) -> tuple[list[str], int]:
    """Run it in a process of its own. What it said, line by line, and the signal that killed it; 0 if none did."""
    ours, theirs = os.pipe()
    child = os.fork()
    if not child:
        os.dup2(theirs, 1)
        os.close(ours)
        alarm(HANGS_AFTER_S)
        try:
            asyncio.run(live())
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is told, and the child ends here
            told = traceback.format_exception_only(error)
            _say("failed " + " ".join(told).replace("\n", " "))
        os._exit(0)
    os.close(theirs)
    with os.fdopen(ours) as said:
        lines = said.read().splitlines()
    _, status = os.waitpid(child, 0)
    return lines, os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0


def _submitted(said: list[str]) -> list[Submitted]:
    words = [line.split() for line in said if line.startswith("said ")]
    return [(DeskId(desk), NotificationId(notification)) for _, desk, notification in words]


def _failures(said: list[str]) -> list[str]:
    return [line.removeprefix("failed ") for line in said if line.startswith("failed ")]


def _say(line: str) -> None:
    os.write(1, f"{line}\n".encode())


def main(folder: str, seed: str, count: str, *planted: str) -> None:
    """See above."""
    stand = Stand(Path(folder), planted=bool(planted))
    stand.make()
    for number, point in enumerate(points(int(seed), int(count))):
        _say(json.dumps(asdict(stand.try_out(point, Path(folder) / str(number)))))


if __name__ == "__main__":
    main(*sys.argv[1:])
