"""The hub's clock is set wrong: ahead, back, by a leap second, by an hour of summer.

What must hold: lane time never goes back, is never more than five minutes ahead of the time that can have passed, and
what is handed over meanwhile is kept and decided once the clock is right. See docs/decisions/0015.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.app import Tellwise, running
from broker.client import Desk
from broker.clock import AHEAD_MAX, DRIFT, SystemClock, WatchedClock
from broker.errors import ClockJumped
from broker.ledger.entries import Disclosure
from broker.settings import Http
from tests.contracts.clock import MovedClock
from tests.contracts.engine import story
from tests.faults.checker import check
from tests.faults.county import HUB, ONYX, case_opened, moved, open_desk
from tests.faults.edge_at_work import at_work, until
from tests.faults.stored import read_stored
from tests.personas import BLACKBURN, BLACKBURN_CHILDREN, POLICE, PRESTON

DAY_S = 86_400
LONGEST_S = 20

TWO = (POLICE, BLACKBURN_CHILDREN)


@asynccontextmanager
async def at_work_by(folder: Path, clock: MovedClock, watch: MovedClock) -> AsyncIterator[tuple[Tellwise, list[Desk]]]:
    """A hub that goes by *clock*, and police and social care that go by *watch*, which is right."""
    async with running(folder, HUB, demo=True, clock=clock) as tellwise:
        for desk in TWO if not tellwise.directory.desks else ():
            await tellwise.register(
                desk.name, agency=desk.agency, desk_type=desk.desk_type, patch=desk.patch, signed=desk.signed
            )
        opened = [open_desk(folder, desk.name, tellwise.edge, watch) for desk in TWO]
        try:
            yield tellwise, opened
        finally:
            for each in opened:
                each.close()


async def becomes(holds: Callable[[], object]) -> None:
    """Wait until something that the hub does has happened; fail if it does not."""
    async with asyncio.timeout(LONGEST_S):
        while not holds():  # noqa: ASYNC110 - what is waited for tells nobody
            await asyncio.sleep(0.01)


def alarms(caplog: pytest.LogCaptureFixture) -> int:
    """How often the hub said that its clock was set ahead."""
    said = [json.loads(record.message)["event"] for record in caplog.records if record.name == "tellwise"]
    return said.count("clock.jumped")


def times(folder: Path) -> list[datetime]:
    """The lane times of all lines of the ledger, in order."""
    return [entry.ts for _, (_, entry) in sorted(read_stored(folder).entries.items())]


def settled_fault_free(folder: Path) -> bool:
    return check(folder, settled=False) == []


@story
async def test_a_clock_set_ahead_pauses_the_lane_until_it_is_set_right(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "tellwise")
    clock, watch = MovedClock(), MovedClock()
    async with at_work_by(tmp_path, clock, watch) as (tellwise, (police, children)):
        await police.publish(case_opened(ONYX, team=()))
        await tellwise.settled()
        read_to, before = tellwise.hub.read_to, watch.now()

        clock.jump(seconds=3 * DAY_S)
        await becomes(lambda: tellwise.hub.is_paused)
        said = await police.publish(moved(ONYX, to=BLACKBURN, old=PRESTON))
        with pytest.raises(ClockJumped):
            tellwise.preview(b"anything")
        clock.move(seconds=61)
        await becomes(lambda: alarms(caplog) == 2)
        undecided = tellwise.hub.read_to, tellwise.waiting(), len((await children.hear()).letters)
        clock.jump(seconds=-3 * DAY_S)
        await tellwise.settled()
        heard = (await children.hear()).letters

        assert undecided == (read_to, 1, 0)
        assert [letter.head.id for letter in heard] == [said]
        assert not tellwise.hub.is_paused
        assert alarms(caplog) == 2
    assert max(times(tmp_path)) == before + timedelta(seconds=61)
    assert settled_fault_free(tmp_path)


@story
async def test_whoever_restarts_the_hub_says_that_the_new_time_is_right(tmp_path: Path) -> None:
    clock, watch = MovedClock(), MovedClock()
    async with at_work_by(tmp_path, clock, watch) as (tellwise, (police, _)):
        await police.publish(case_opened(ONYX, team=()))
        await tellwise.settled()
        clock.jump(seconds=3 * DAY_S)
        await becomes(lambda: tellwise.hub.is_paused)
        await police.publish(moved(ONYX, to=BLACKBURN, old=PRESTON))  # and it stops, paused as it is

    async with at_work_by(tmp_path, clock, watch) as (tellwise, (_, children)):
        await tellwise.settled()
        heard = (await children.hear()).letters

        assert len(heard) == 1
        assert not tellwise.hub.is_paused
    assert max(times(tmp_path)) == clock.now()
    assert settled_fault_free(tmp_path)


@story
@pytest.mark.parametrize(
    ("seconds", "what"),
    [
        (-3 * DAY_S, "set back by days"),
        (-3_600, "an hour back, where somebody sets it by hand in autumn"),
        (-1, "a leap second, stepped"),
        (1, "a leap second taken out"),
        (299, "a little ahead, as a clock is that nobody leads"),
    ],
)
async def test_what_a_clock_does_that_is_not_far_ahead_stops_nobody(seconds: float, what: str, tmp_path: Path) -> None:
    clock, watch = MovedClock(), MovedClock()
    async with at_work_by(tmp_path, clock, watch) as (tellwise, (police, children)):
        await police.publish(case_opened(ONYX, team=()))
        await tellwise.settled()
        first = clock.now()

        clock.jump(seconds=seconds)
        for _ in range(2):
            await police.publish(moved(ONYX, to=BLACKBURN, old=PRESTON))
            clock.move(seconds=5)
            watch.move(seconds=5)
            await tellwise.settled()
        clock.jump(seconds=-seconds)
        await police.publish(moved(ONYX, to=BLACKBURN, old=PRESTON))
        await tellwise.settled()
        heard = (await children.hear()).letters

        assert len(heard) == 3, what
        assert not tellwise.hub.is_paused
    found = times(tmp_path)
    assert found == sorted(found)
    assert max(found) <= first + timedelta(seconds=10 + max(seconds, 0))
    assert settled_fault_free(tmp_path)


@story
async def test_lane_time_stands_still_while_the_clock_is_behind_it(tmp_path: Path) -> None:
    clock, watch = MovedClock(), MovedClock()
    async with at_work_by(tmp_path, clock, watch) as (tellwise, (police, _)):
        await police.publish(case_opened(ONYX, team=()))
        await tellwise.settled()
        recorded = clock.now()

        clock.jump(seconds=-3 * DAY_S)
        watch.jump(seconds=-3 * DAY_S)
        await police.publish(moved(ONYX, to=BLACKBURN, old=PRESTON))
        await tellwise.settled()
    stored = read_stored(tmp_path)

    assert {entry.ts for entry in stored.of(Disclosure)} == {recorded}
    assert settled_fault_free(tmp_path)


def test_a_hub_whose_clock_jumped_takes_notifications_and_says_that_it_is_not_ready(tmp_path: Path) -> None:
    generous = Http(port=0, token_s=3_600, requests_per_s=10_000, requests_burst=10_000)
    with at_work(tmp_path, http=generous) as here:
        token, event = here.log_in(POLICE.name), here.event(POLICE.name, case_opened(ONYX, team=()))

        here.clock.jump(seconds=360)
        until(lambda: here.here.tellwise.hub.is_paused)
        ready, taken = here.ask("GET", "/ready"), here.publish(token, event)
        waiting = here.here.tellwise.waiting()
        here.clock.jump(seconds=-360)
        until(lambda: here.ask("GET", "/ready").status == 200)
        here.settle()

        assert (ready.status, ready.problem, taken.status, waiting) == (503, "busy", 202, 1)
        assert here.here.tellwise.waiting() == 0
    assert len(read_stored(tmp_path).taken()) == 1


# --- the rule ---------------------------------------------------------------------------------------------------------


def test_five_minutes_are_believed_and_a_second_more_is_not() -> None:
    clock = MovedClock()
    watched = WatchedClock(clock)
    clock.jump(seconds=300)
    believed = watched.now()
    clock.jump(seconds=1)

    assert believed == clock.now() - timedelta(seconds=1)
    with pytest.raises(ClockJumped):
        watched.now()


def test_a_clock_that_moves_a_little_each_day_is_believed_for_a_year() -> None:
    clock = MovedClock()
    watched = WatchedClock(clock)
    for _ in range(52):
        clock.move(seconds=7 * DAY_S)
        clock.jump(seconds=60)  # set once a week, a minute behind by then: a poor one

        assert watched.now() == clock.now()


@given(st.lists(st.tuples(st.floats(0, 1e6), st.floats(-1e7, 1e7)), max_size=30))
def test_no_history_of_jumps_brings_a_reading_further_ahead_than_one_may(history: list[tuple[float, float]]) -> None:
    clock = MovedClock()
    watched, first, passed_s = WatchedClock(clock), clock.now(), 0.0
    for passes_s, jumps_s in history:
        clock.move(seconds=passes_s)
        clock.jump(seconds=jumps_s)
        passed_s += passes_s
        latest = first + timedelta(seconds=passed_s * (1 + DRIFT) + 1e-3) + AHEAD_MAX
        try:
            reading = watched.now()
        except ClockJumped:
            assert clock.now() > latest - timedelta(seconds=2e-3)
        else:
            assert reading == clock.now() <= latest


def test_summer_time_is_nothing_to_the_machines_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, readings = SystemClock(), []
    for zone in ("UTC0", "BST-1", "XXX+12"):
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        readings.append(clock.now())
    monkeypatch.undo()
    time.tzset()

    assert {reading.tzinfo for reading in readings} == {UTC}
    assert max(readings) - min(readings) < timedelta(seconds=5)
    assert clock.steady_s() <= clock.steady_s()
