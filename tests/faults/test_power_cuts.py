"""The power is cut at any call of a loaded hub and its desks to the disk: what was acknowledged is there (I8).

One day is lived on a disk that remembers (power_cut.py), and then the power is cut at as many of its moments as wanted,
each with another choice of what had reached the disk. After each cut the folder is what a machine that starts again
would find: every database is whole, the checker finds nothing, and nothing is missing of which somebody had been told
that it is kept. After some of them the hub and the desks go on, and finish the day.
"""

import asyncio
import random
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw
import pytest

import broker.client.store
import broker.serving
import broker.transport.embedded
from broker.client import Desk, Draft
from broker.clock import SystemClock
from broker.sealing.notification import SealedNotification
from broker.transport.database import open_database
from schemas import DeskId, NotificationId
from tests.faults.checker import check
from tests.faults.county import ONYX, QUARTZ, case_opened, control, county, hub_db, moved
from tests.faults.hub_under_load import until_all_is_said_and_heard
from tests.faults.power_cut import NAME, PowerCutDisk, Synced, files_under, power_cut_disk, restart
from tests.faults.stored import read_stored
from tests.faults.summary import Summary
from tests.links import Passing
from tests.personas import BLACKBURN, BLACKBURN_CHILDREN, CHORLEY, POLICE, PRESTON, PROBATION

HERE = (POLICE, PROBATION, BLACKBURN_CHILDREN)
CUTS, SEED = 50, 20261125
CUTS_A_DAY = 50
GOES_ON_EACH = 10
"""After how many cuts hub and desks go on, and finish the day; all others are only looked at."""
SAID_A_DAY = 12
PAGES_BETWEEN_CHECKPOINTS = 40
"""Few, so that the main file is written and the WAL begun anew many times a day."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A desk was told that this is in its outbox."""

    desk: DeskId
    notification: NotificationId


@dataclass(frozen=True, slots=True)
class Submitted:
    """A desk was told that this is durable at the hub."""

    desk: DeskId
    notification: NotificationId


@dataclass(frozen=True, slots=True)
class Heard:
    """A desk has told this letter to its people."""

    desk: DeskId
    notification: NotificationId
    part: int


@dataclass(frozen=True, slots=True)
class Day:
    """A day that was lived on a disk that remembers."""

    morning: Path
    """The folder before it; nobody writes to it."""
    folder: Path
    before: dict[str, bytes]
    disk: PowerCutDisk


def open_as(weaken: Callable[[apsw.Connection], object]) -> Callable[..., apsw.Connection]:
    """How the hub's file and a desk's are opened on that disk."""

    def opened(path: Path, ddl: str, **how: Any) -> apsw.Connection:
        connection = open_database(path, ddl, vfs=NAME, **how)
        connection.wal_autocheckpoint(PAGES_BETWEEN_CHECKPOINTS)
        weaken(connection)
        return connection

    return opened


@contextmanager
def on_that_disk(
    monkeypatch: pytest.MonkeyPatch, *, lies: bool, weaken: Callable[[apsw.Connection], object]
) -> Iterator[PowerCutDisk]:
    with power_cut_disk(lies=lies) as disk, monkeypatch.context() as patch:
        patch.setattr(broker.transport.embedded, "open_database", open_as(weaken))
        patch.setattr(broker.client.store, "open_database", open_as(weaken))
        patch.setattr(broker.serving, "RECORDS_MAX", 3)
        yield disk


async def a_morning(folder: Path) -> None:
    """The desks are registered and have their keys, and cases are open."""
    async with county(folder, SystemClock(), HERE) as here:
        await here.say(POLICE.name, case_opened(ONYX), case_opened(QUARTZ))
        await here.hear()


async def a_day(folder: Path, disk: PowerCutDisk) -> None:
    """Police and probation speak, everybody hears, one desk acknowledges, and whoever is told that something is kept
    notes it. Then the power is cut, so nothing is ended in order: `Day` is over before the files are closed."""

    class Noting(Passing):
        async def submit(self, notification: bytes) -> None:
            await super().submit(notification)
            fields = SealedNotification.from_bytes(notification).head.fields
            disk.note(Submitted(DeskId(fields.iss), NotificationId(fields.id)))

    async with county(folder, SystemClock(), HERE, way=Noting) as here:
        desks = [here.desks[desk.name] for desk in HERE]

        async def speak(desk: Desk, drafts: Sequence[Draft]) -> None:
            for draft in drafts:
                disk.note(Kept(desk.name, desk.keep(draft)))
                await desk.flush()

        async def listen(desk: Desk) -> None:
            for letter in (await desk.hear(20)).letters:
                disk.note(Heard(desk.name, letter.head.id, letter.cover.part))
                if desk.name == BLACKBURN_CHILDREN.name:
                    disk.note(Kept(desk.name, await desk.acknowledge(letter.head.id, "duty social worker")))

        async def listen_on(desk: Desk, spoken: asyncio.Task[None]) -> None:
            while not spoken.done():
                await listen(desk)

        moves = [moved((ONYX, QUARTZ)[n % 2], to=(BLACKBURN, CHORLEY)[n % 2], old=PRESTON) for n in range(SAID_A_DAY)]
        spoken = asyncio.create_task(speak(desks[0], moves))
        await asyncio.gather(
            speak(desks[1], [control(QUARTZ, "case.assessed")] * 2), *(listen_on(desk, spoken) for desk in desks)
        )
        await spoken
        disk.note("the end")


@pytest.fixture(scope="module")
def morning(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("morning") / "data"
    asyncio.run(a_morning(folder))
    return folder


def lived(
    morning: Path,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    lies: bool = False,
    weaken: Callable[[apsw.Connection], object] = lambda _: None,
) -> Day:
    """A day on that disk, begun as on that morning."""
    shutil.copytree(morning, folder)
    before = files_under(folder)
    with on_that_disk(monkeypatch, lies=lies, weaken=weaken) as disk:
        asyncio.run(a_day(folder, disk))
    return Day(morning, folder, before, disk)


def after_a_cut(day: Day, now: Path, chance: random.Random, *, goes_on: bool) -> list[str]:
    """Cut the power at some moment of the day. What does not hold afterwards."""
    last = day.disk.events.index("the end")
    moment = chance.randrange(1, last)
    shutil.copytree(day.morning, now, ignore=shutil.ignore_patterns("*.db*"))
    restart(day.disk.cut(moment, day.before, chance), day.folder, now)
    submitted = [(one.desk, one.notification) for one in day.disk.told(moment, Submitted)]
    faults = [f"{path.name}: {what}" for path in sorted(now.rglob("*.db")) for what in not_whole(path)]
    faults += [] if faults else missing(day, moment, now)
    faults += [] if faults else [str(fault) for fault in check(now, submitted=submitted, settled=False)]
    if goes_on and not faults:
        asyncio.run(the_rest(now))
        faults += [str(fault) for fault in check(now, submitted=submitted)]
    shutil.rmtree(now)
    return [f"cut before event {moment}: {fault}" for fault in faults]


def not_whole(path: Path) -> list[str]:
    try:
        with closing(apsw.Connection(str(path))) as database:
            found = [str(line) for (line,) in database.execute("PRAGMA integrity_check")]
    except apsw.Error as error:
        return [str(error)]
    return [] if found == ["ok"] else found


def missing(day: Day, moment: int, now: Path) -> list[str]:
    """What somebody had been told is kept, and is not."""
    stored = read_stored(now)
    outbox = {(desk, notification) for desk, kept in stored.desks.items() for notification, _ in kept.outbox}
    letters = {(desk, *letter[:2]) for desk, kept in stored.desks.items() for letter in kept.letters}
    lost = [f"{one} is lost" for one in day.disk.told(moment, Kept) if (one.desk, one.notification) not in outbox]
    heard = day.disk.told(moment, Heard)
    return lost + [f"{one} is lost" for one in heard if (one.desk, one.notification, one.part) not in letters]


async def the_rest(folder: Path) -> None:
    """The machine starts again: whoever has something to say or to hear does so."""
    async with county(folder, SystemClock(), HERE) as here:
        await until_all_is_said_and_heard(here)


def cuts(count: int, seed: int, morning: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, **disk: Any) -> list[str]:
    """Cut the power *count* times, and say what does not hold afterwards."""
    chance, faults, day = random.Random(seed), list[str](), None
    for number in range(count):
        if day is None or number % CUTS_A_DAY == 0:
            day = lived(morning, folder / f"day {number}", monkeypatch, **disk)
        faults += after_a_cut(day, folder / "now", chance, goes_on=number % GOES_ON_EACH == 0)
    return faults


def soak(points: int, seed: int, folder: Path) -> Summary:
    """Cut the power so many times, drawn from *seed*, in an empty *folder*."""
    asyncio.run(a_morning(folder / "morning"))
    with pytest.MonkeyPatch.context() as patch:
        failures = cuts(points, seed, folder / "morning", folder, patch)
    return Summary("power cuts", points, tuple(f"{failure} (seed {seed})" for failure in failures))


def test_what_was_acknowledged_survives_a_power_cut_at_any_call(
    morning: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults = cuts(CUTS, SEED, morning, tmp_path, monkeypatch)

    assert faults == []


def test_a_day_has_checkpoints_and_new_begun_logs_to_be_cut_in(
    morning: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = lived(morning, tmp_path / "day", monkeypatch)

    synced = [event.file for event in day.disk.events if isinstance(event, Synced)]
    assert synced.count(str(hub_db(day.folder))) > 3
    assert synced.count(f"{hub_db(day.folder)}-wal") > 20
    assert sum("desk.db" in file for file in synced) > 20
    assert len(day.disk.told(len(day.disk.events), Heard)) > SAID_A_DAY // 2


def test_a_store_that_does_not_sync_each_commit_is_found_out(
    morning: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def weaken(connection: apsw.Connection) -> None:
        connection.pragma("synchronous", 1)  # NORMAL

    faults = cuts(10, SEED, morning, tmp_path, monkeypatch, weaken=weaken)

    assert any("is lost" in fault for fault in faults)


def test_a_disk_that_lies_about_its_syncs_is_found_out(
    morning: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults = cuts(5, SEED, morning, tmp_path, monkeypatch, lies=True)

    assert faults != []
