"""Whatever stops the adapter `csv_drop`, and wherever: each row of a file is said once, or listed once."""

import asyncio
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from agency_adapters.csv_drop import CsvDrop
from broker.client import Sending
from schemas import Label
from schemas.compartments import Identity
from tests.contracts.clock import MovedClock
from tests.contracts.engine import story
from tests.faults.county import ONYX, case_opened, county, open_desk
from tests.house.tree import ROOT
from tests.personas import BLACKBURN_CHILDREN, POLICE
from tests.units.desk_at_work import Unreachable, at_work, police_folder, stays, until
from tests.units.dropping import drop, dropping, example, names, person, rejected, said, settings, taken, written

CANARY = "Synthetic-Onyx"


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """The folder of a hub, with the police desk's own beside it."""
    return dropping(tmp_path / "world")


@story
async def test_the_same_file_dropped_again_is_not_said_again_and_its_list_says_so(world: Path) -> None:
    data = written(person(1), person(2))
    drop(world, data)
    await taken(world)
    drop(world, data)

    assert await taken(world) == 2
    assert names(world, "done") == ["moves.2.csv", "moves.csv"]
    assert rejected(world, "moves.2.csv")[0][0] == 0
    assert "taken before" in rejected(world, "moves.2.csv")[0][1]


@story
async def test_a_file_that_was_changed_is_another_file(world: Path) -> None:
    drop(world, written(person(1)))
    await taken(world)
    drop(world, written(person(2)))

    assert await taken(world) == 2
    assert names(world, "done") == ["moves.2.csv", "moves.csv"]
    assert rejected(world, "moves.2.csv") == []


@story
async def test_a_stop_in_the_middle_loses_and_repeats_no_row_and_no_reject(world: Path) -> None:
    rows = [person(number, **({"DOB": "soon"} if number % 10 == 3 else {})) for number in range(60)]
    path = drop(world, written(*rows))
    stops = 0
    while path.exists():
        async with at_work(world, CsvDrop(), settings()) as work:
            before = said(work.desk)
            await until(lambda: said(work.desk) >= before + 9 or not path.exists())  # noqa: B023 - awaited at once
        stops += 1

    assert stops > 3
    desk = open_desk(world, POLICE.name, Unreachable(), MovedClock())
    assert said(desk) == 54
    desk.close()
    assert len(rejected(world)) == 6


@story
async def test_a_mapping_that_was_changed_in_the_middle_of_a_file_loses_no_row_silently(world: Path) -> None:
    stricter, milder = example(), example()
    milder["columns"]["status.state"] = {"column": "STATE", "words": {"L": "licence", "?": "custody"}}
    rows = [person(number, **({"STATE": "?"} if number == 2 else {})) for number in range(60)]
    path = drop(world, written(*rows))
    async with at_work(world, CsvDrop(), settings(mapping=stricter)) as work:
        await until(lambda: said(work.desk) >= 10)
    assert path.exists()

    count = await taken(world, settings(mapping=milder))

    assert 10 <= count < 60
    assert "under other rules" in rejected(world)[-1][1]
    assert names(world, "rejects") == ["moves.csv", "moves.csv.rejects.csv"]


@story
async def test_a_long_file_waits_while_the_outbox_is_full(world: Path) -> None:
    path = drop(world, written(*map(person, range(20))))

    async with at_work(world, CsvDrop(), settings(waiting_max=8)) as work:
        await until(lambda: said(work.desk) == 8)
        await stays(lambda: said(work.desk) == 8)
        with work.desk.store.transaction():
            for sent in work.desk.store.outgoing(Sending.WAITING)[:5]:
                work.desk.store.set_state(sent.id, Sending.SENT)
        await until(lambda: said(work.desk) == 13)  # eight wait again

        await stays(lambda: said(work.desk) == 13)
        assert path.exists()


@story
async def test_a_file_that_grows_while_it_is_taken_is_taken_again_as_another(world: Path) -> None:
    path = drop(world, written(*map(person, range(3))))
    async with at_work(world, CsvDrop(), settings(waiting_max=2)) as work:
        await until(lambda: said(work.desk) == 2)
        path.write_bytes(written(person(7)))
        with work.desk.store.transaction():
            for sent in work.desk.store.outgoing(Sending.WAITING):
                work.desk.store.set_state(sent.id, Sending.SENT)
        await until(lambda: names(world, "done"))

        assert said(work.desk) == 4
    assert names(world, "done") == ["moves.csv"]
    assert (police_folder(world) / "done" / "moves.csv").read_bytes() == written(person(7))


@story
async def test_nothing_of_a_cell_stands_in_a_list_of_rejects_or_in_the_log(
    world: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bad = [{"DOB": CANARY}, {"NEW_DISTRICT": CANARY}, {"STATE": CANARY}, {"PNC_ID": CANARY}, {"POSTCODE": CANARY}]
    drop(world, written(*(person(number, SURNAME=CANARY, **cells) for number, cells in enumerate(bad))))

    with caplog.at_level(1):
        assert await taken(world) == 0

    text = (police_folder(world) / "rejects" / "moves.csv.rejects.csv").read_text(encoding="utf-8")
    assert len(rejected(world)) == len(bad)
    assert CANARY not in text + caplog.text
    assert '"rejected": 5' in caplog.text


ROWS_A_LIFE = 15
CHILD = """
import asyncio, sys
from pathlib import Path
from agency_adapters.csv_drop import CsvDrop
from tests.units.desk_at_work import at_work
from tests.units.dropping import settings

async def work():
    async with at_work(Path(sys.argv[1]), CsvDrop(), settings(waiting_max=int(sys.argv[2]))) as work:
        await work.stop.wait()

asyncio.run(work())
"""


def test_kill_9_at_any_moment_loses_and_repeats_no_row(world: Path) -> None:
    rows = [person(number, **({"CHILD": "?"} if number % 20 == 5 else {})) for number in range(60)]
    path = drop(world, written(*rows))
    chance, kills = random.Random(11), 0
    while path.exists():
        asyncio.run(killed_or_done(world, path, chance))
        kills += 1

    heard = asyncio.run(all_that_is_heard(world))

    assert kills > 3
    assert sorted(heard) == [f"Synthetic-{number:05}" for number in range(60) if number % 20 != 5]
    assert [line for line, _ in rejected(world)] == [number + 2 for number in range(60) if number % 20 == 5]
    assert names(world, "done") == ["moves.csv"]


async def killed_or_done(world: Path, path: Path, chance: random.Random) -> None:
    """Let a child say some rows, and kill it wherever it is. However quick it is, there are some left for another."""
    desk = open_desk(world, POLICE.name, Unreachable(), MovedClock())
    before = said(desk)
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(world), str(before + ROWS_A_LIFE)], cwd=ROOT)  # noqa: ASYNC220 - nothing else is in this loop
    try:
        await until(lambda: said(desk) > before or not path.exists())
        await asyncio.sleep(chance.uniform(0, 0.06))  # wherever that is
    finally:
        desk.close()
        child.send_signal(signal.SIGKILL)
        child.wait()


async def all_that_is_heard(world: Path) -> list[str]:
    """Hand everything over to the hub, and tell whom social care hears of."""
    async with county(world, MovedClock(), (POLICE, BLACKBURN_CHILDREN)) as here:
        await here.say(POLICE.name, case_opened(ONYX, team=()))
        await here.desks[POLICE.name].flush()
        await here.tellwise.settled()
        letters = (await here.desks[BLACKBURN_CHILDREN.name].hear()).letters
    identities = [letter.compartments[Label.IDENTITY] for letter in letters]
    return [identity.names[0].family for identity in identities if isinstance(identity, Identity)]
