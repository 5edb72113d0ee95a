"""Backing up and putting back are killed at exact system calls: what is there afterwards is whole, or is not there.

And a backup is made while the hub is at work: it is one moment of it, and the hub loses nothing.
"""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from broker.app import hub_folder
from broker.care.backup import back_up, verified
from broker.care.manifest import Manifest, described
from broker.care.restore import put_back
from broker.care.standing import RESTORED
from broker.transport.ledger_file import LedgerFile
from tests.contracts.clock import MovedClock
from tests.contracts.engine import story
from tests.faults.checker import check
from tests.faults.county import BASALT, HUB, LANE, ONYX, case_opened, county, hub_db, live_a_quiet_day, moved
from tests.faults.faulty_calls import Call, How, built, preloaded
from tests.personas import BLACKBURN, BLACKBURN_CHILDREN, POLICE, PRESTON
from tests.processes import tellwise

ROOT = Path(__file__).parents[2]
CALLS = (Call.PWRITE, Call.WRITE, Call.FSYNC, Call.RENAME)
WORK = """
import sys
from pathlib import Path
from broker.app import hub_folder
from broker.care.backup import back_up
from broker.care.restore import put_back
from tests.contracts.clock import MovedClock
from tests.faults.county import HUB
from tests.faults.faulty_calls import Call, How, arm, seen
what, source, to, call, number, how = sys.argv[1:]
arm(Call(int(call)), int(number), How(int(how)))
if what == "back up":
    back_up(hub_folder(Path(source)), Path(to), MovedClock().now(), credential=None)
else:
    put_back(Path(source), Path(to), HUB, MovedClock().now())
print(seen(Call(int(call))))
"""
NEVER = 2**31 - 1


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder after a quiet day."""
    return live_a_quiet_day(tmp_path_factory.mktemp("day") / "data")


@pytest.fixture(scope="module")
def backup(day: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup of it."""
    to = tmp_path_factory.mktemp("backup") / "made"
    back_up(hub_folder(day), to, MovedClock().now(), credential=None)
    return to


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What lets a process be killed at a system call."""
    return built(tmp_path_factory.mktemp("library"))


def at_work(library: Path, what: str, source: Path, to: Path, call: Call, number: int, how: How) -> int | None:
    """Do it in a process that is killed at a call. Returns how many of them there were, or None: it was killed."""
    done = subprocess.run(
        [sys.executable, "-c", WORK, what, str(source), str(to), str(call.value), str(number), str(how.value)],
        cwd=ROOT,
        env=preloaded(library),
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    if done.returncode == 0:
        return int(done.stdout)
    assert done.returncode == -9, done.stderr
    return None


def points(library: Path, what: str, source: Path, folder: Path) -> Iterator[tuple[Call, int, How]]:
    """Some of the calls at which it can be killed: of each kind the first, one midway and the last."""
    for call in CALLS:
        count = at_work(library, what, source, folder / f"counted {call.name}", call, NEVER, How.BEFORE) or 0
        for number in sorted({1, count // 2, count} & set(range(1, count + 1))):
            yield call, number, How.AFTER if number == 1 else How.BEFORE


def is_whole(folder: Path) -> bool:
    """Whether a backup is all that it says."""
    manifest = Manifest.load(folder)
    return (
        all(described(folder, file.name) == file for file in manifest.files)
        and not verified(folder, MovedClock().now()).findings
    )


def test_a_backup_that_is_killed_is_whole_or_not_there_and_is_made_at_the_next_try(
    day: Path, library: Path, tmp_path: Path
) -> None:
    left: list[bool] = []
    for at, point in enumerate(points(library, "back up", day, tmp_path)):
        to = tmp_path / f"backup {at}"

        was_killed = at_work(library, "back up", day, to, *point) is None

        assert was_killed, point
        left.append(to.exists())
        if not to.exists():
            back_up(hub_folder(day), to, MovedClock().now(), credential=None)
        assert is_whole(to), point
    assert len(left) >= 8
    assert not all(left)


def test_a_restore_that_is_killed_leaves_no_half_a_hub_and_is_done_at_the_next_try(
    backup: Path, library: Path, tmp_path: Path
) -> None:
    left: list[bool] = []
    for at, point in enumerate(points(library, "put back", backup, tmp_path)):
        home = tmp_path / f"hub {at}"

        was_killed = at_work(library, "put back", backup, home, *point) is None

        assert was_killed, point
        left.append(home.exists())
        if not home.exists():
            put_back(backup, home, HUB, MovedClock().now())
        assert not verified(home, MovedClock().now()).findings, point
        assert (home / RESTORED).exists(), point
    assert len(left) >= 6
    assert not all(left)


@story
async def test_a_backup_of_a_hub_at_work_is_one_moment_of_it_and_nothing_is_lost(tmp_path: Path) -> None:
    (tmp_path / "tellwise.toml").write_text(f'hub = "{HUB}"\n')
    async with county(tmp_path / "data", MovedClock(), (POLICE, BLACKBURN_CHILDREN)) as here:
        for persona in (ONYX, BASALT):
            await here.say(POLICE.name, case_opened(persona, team=()))
        command = ("data", "backup", tmp_path / "backup", "--config", tmp_path / "tellwise.toml", "--demo")
        backing_up = asyncio.create_task(asyncio.to_thread(tellwise, *command, cwd=tmp_path))
        said = []
        while not backing_up.done():
            said.append(await here.desks[POLICE.name].publish(moved(ONYX, to=BLACKBURN, old=PRESTON)))
            await asyncio.sleep(0.005)  # 200 a second, if the machine is as quick as that
        await backing_up
        await here.tellwise.settled()
        heard = (await here.hear())[BLACKBURN_CHILDREN.name]

    manifest = json.loads((tmp_path / "backup" / "manifest.json").read_bytes())
    with LedgerFile(tmp_path / "backup" / "hub.db") as copied, LedgerFile(hub_db(tmp_path / "data")) as lived:
        then, now = list(copied.entries(LANE)), list(lived.entries(LANE))
    assert [letter.head.id for letter in heard] == said
    assert then == now[: len(then)]
    assert 0 < len(then) < len(now)
    assert {ledger["log"]: ledger["size"] for ledger in manifest["ledgers"]}[LANE] == len(then)
    assert is_whole(tmp_path / "backup")
    assert check(tmp_path / "data", settled=False) == []
