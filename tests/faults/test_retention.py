"""What need not be kept is removed, little by little, while the hub is at work: the file stops growing, nobody's place
moves, and what is still owed to somebody is never removed. Time is a clock that the test moves."""

import shutil
import subprocess
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import apsw
import pytest

from broker.app import hub_folder
from broker.care.retention import Keeper
from broker.care.soundness import inspect
from broker.care.standing import Hold
from broker.care.verification import verify_hub
from broker.errors import RecordsGone
from broker.health import Severity
from broker.sealing.entropy import system_entropy
from broker.sealing.rejection import Reason
from broker.settings import Retention
from broker.state.vault import Vault
from broker.telemetry import Event
from broker.topics import INPUT
from broker.transport.embedded import EmbeddedTransport
from broker.transport.pruning import BeginDay, RemoveRecords
from tests.contracts.clock import MovedClock
from tests.contracts.engine import story
from tests.faults.county import ONYX, County, case_opened, county, hub_db, moved, resides
from tests.faults.listening import listening
from tests.faults.stored import hub_keys
from tests.personas import BLACKBURN, BLACKBURN_CHILDREN, POLICE, PRESTON
from tests.served import served

US, THEM = BLACKBURN_CHILDREN.name, POLICE.name
HERE = (POLICE, BLACKBURN_CHILDREN)
DAY_S = 24 * 3_600
SHORT = Retention(inbox_days=15, input_days=1, quarantine_days=1, detail_days=90, checkpoint_days=1)


def keeper(here: County, folder: Path, clock: MovedClock, settings: Retention = SHORT) -> Keeper:
    """Who removes, by settings of the test's own."""
    vault = Vault(hub_keys(folder), system_entropy)
    return Keeper(hub_db(folder), file_of(here), vault, here.tellwise.standing, settings, clock)


def file_of(here: County) -> EmbeddedTransport:
    """The engine below the county's hub."""
    assert isinstance(here.tellwise.transport, EmbeddedTransport)
    return here.tellwise.transport


async def a_case(here: County) -> None:
    """Police have opened a case."""
    await here.say(THEM, case_opened(ONYX, team=()))


async def a_day(here: County, clock: MovedClock, keeps: Keeper, *, moves: int = 1, hears: bool = True) -> int:
    """A day on which so many moves are told, and one thing is refused; then a round. Returns what it removed."""
    for _ in range(moves):
        await here.say(THEM, moved(ONYX, to=BLACKBURN, old=PRESTON))
    await here.say(US, resides(ONYX, BLACKBURN))  # not theirs to say: refused
    if hears:
        await here.hear()
    clock.move(seconds=DAY_S)
    return await keeps.round()


def count(folder: Path, sql: str) -> int:
    """What the hub's file says."""
    with closing(apsw.Connection(str(hub_db(folder)), flags=apsw.SQLITE_OPEN_READONLY)) as database:
        found: int = database.execute(sql).get
        return found


def pages(folder: Path) -> int:
    """Bytes of the file."""
    return count(folder, "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")


LEDGER = (
    "SELECT (SELECT sum(length(entry) + 60) FROM ledger_entry) + (SELECT sum(length(sealed) + 60) FROM ledger_detail)"
)


@story
async def test_under_a_steady_load_the_file_grows_by_its_ledger_alone(tmp_path: Path) -> None:
    clock, sizes, ledgers = MovedClock(), {}, {}
    async with county(tmp_path, clock, HERE) as here:
        keeps = keeper(here, tmp_path, clock)
        await a_case(here)
        for day in range(1, 31):
            await a_day(here, clock, keeps, moves=6)
            sizes[day], ledgers[day] = pages(tmp_path), count(tmp_path, LEDGER)

        heard = [len(desk.store.letters()) for desk in here.desks.values()]
        incidents = [desk.store.incidents() for desk in here.desks.values()]
    grown = (sizes[30] - sizes[20]) - 1.15 * (ledgers[30] - ledgers[20])  # pages are not filled to the brim
    assert grown < 0.10 * sizes[20]
    assert grown < 0.25 * (sizes[16] - sizes[6] - 1.15 * (ledgers[16] - ledgers[6]))
    assert heard == [0, 180]
    assert incidents == [[], []]
    assert verify_hub(hub_folder(tmp_path)).findings == []
    found = inspect(hub_folder(tmp_path), hub_keys(tmp_path), ())
    assert [each.what for each in found if each.severity is not Severity.OK] == []


@story
async def test_of_older_checkpoints_one_a_day_is_kept_and_proofs_need_no_more(tmp_path: Path) -> None:
    clock = MovedClock()
    async with county(tmp_path, clock, HERE) as here:
        keeps = keeper(here, tmp_path, clock)
        await a_case(here)
        for _ in range(6):
            await a_day(here, clock, keeps, moves=4, hears=False)
        checkpoints = count(tmp_path, "SELECT count(*) FROM ledger_checkpoint WHERE log LIKE '%/lane-0'")
        heard = (await here.hear())[US]  # 24 letters, each under a checkpoint of its own

        assert len(heard) == 24
    assert 5 <= checkpoints <= 5 + 3 * 8
    assert verify_hub(hub_folder(tmp_path)).findings == []


@story
async def test_a_desk_that_was_away_for_too_long_is_told_so_and_goes_on_from_what_is_left(tmp_path: Path) -> None:
    clock = MovedClock()
    with listening() as told:
        async with served(tmp_path, clock, HERE) as here:
            lived = County(here.tellwise, list(here.desks.values()))
            keeps = keeper(lived, tmp_path, clock)
            await a_case(lived)
            await lived.say(THEM, moved(ONYX, to=BLACKBURN, old=PRESTON))
            await here.desks[US].hear()
            for _ in range(20):
                await lived.say(THEM, moved(ONYX, to=BLACKBURN, old=PRESTON))
                clock.move(seconds=DAY_S)
                await keeps.round()

            with pytest.raises(RecordsGone) as gone:
                await here.desks[US].hear()
            heard = await here.desks[US].hear()

            store = here.desks[US].store
            assert [why for _, why in store.incidents()] == [Reason.GONE]
            assert store.incidents()[0][0] < gone.value.first
            assert 15 <= len(heard.letters) < 20
            assert heard.refused == 0
    assert told.events()[Event.ITEMS_MISSED] == 1
    assert told.events()[Event.LETTER_MISSING] == 1


@story
async def test_a_desk_that_comes_within_the_days_has_lost_nothing_and_its_place_did_not_move(tmp_path: Path) -> None:
    clock = MovedClock()
    async with county(tmp_path, clock, HERE) as here:
        keeps = keeper(here, tmp_path, clock)
        await a_case(here)
        for _ in range(15):
            await a_day(here, clock, keeps, hears=False)
        mailbox = here.tellwise.directory.desk(US).mailbox
        before = await here.tellwise.edge.inbox(mailbox, 5, 100, 0)
        heard = (await here.hear())[US]
        for _ in range(3):
            await a_day(here, clock, keeps)
        after = await here.tellwise.edge.inbox(mailbox, 8, 100, 0)

        assert len(heard) == 15
        assert list(after)[: len(before) - 3] == list(before)[3:]


@story
async def test_a_clock_that_is_years_ahead_when_a_hub_starts_removes_one_day_at_most(tmp_path: Path) -> None:
    clock = MovedClock()
    async with county(tmp_path, clock, HERE) as here:
        await a_case(here)
        for _ in range(5):
            await a_day(here, clock, keeper(here, tmp_path, clock), hears=False)
    records = count(tmp_path, "SELECT count(*) FROM record JOIN topic ON topic.id = topic WHERE name GLOB 'inbox.*'")

    clock.move(seconds=3_650 * DAY_S)
    async with county(tmp_path, clock, HERE) as here:
        for _ in range(3):
            await keeper(here, tmp_path, clock).round()
        heard = (await here.hear())[US]

        assert len(heard) == 5
    left = count(tmp_path, "SELECT count(*) FROM record JOIN topic ON topic.id = topic WHERE name GLOB 'inbox.*'")
    assert left == records


@story
async def test_what_is_removed_is_in_neither_file_nor_log_any_more(tmp_path: Path) -> None:
    clock = MovedClock()
    async with county(tmp_path, clock, HERE) as here:
        keeps = keeper(here, tmp_path, clock)
        await a_case(here)
        await here.say(THEM, moved(ONYX, to=BLACKBURN, old=PRESTON))
        mailbox = here.tellwise.directory.desk(US).mailbox
        canary = (await here.tellwise.edge.inbox(mailbox, 0, 100, 0))[-1].data[200:260]
        before = traces(tmp_path, canary)
        for _ in range(18):
            await a_day(here, clock, keeps)

        assert before > 0
        assert traces(tmp_path, canary) == 0


def traces(folder: Path, canary: bytes) -> int:
    """In how many of the hub's files it stands. Through another process: see broker/transport/README.md."""
    copy = folder.parent / "traces"
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir()
    files = sorted(hub_db(folder).parent.glob("hub.db*"))
    subprocess.run(["cp", *map(str, files), str(copy)], check=True)
    return sum(canary in file.read_bytes() for file in copy.iterdir())


@story
async def test_what_the_lane_is_not_done_with_is_never_removed(tmp_path: Path) -> None:
    clock = MovedClock()
    async with county(tmp_path, clock, HERE) as here:
        await a_case(here)
        transport, edge = file_of(here), here.tellwise.edge
        position = edge.taken_to
        for day in range(10):
            await transport.prune(BeginDay((clock.now() + timedelta(days=day)).date(), 30))
        with closing(apsw.Connection(str(hub_db(tmp_path)))) as database:
            database.execute("UPDATE position SET offset = offset - 2")  # as if two were not dealt with yet

        await transport.prune(RemoveRecords(INPUT, 1, 200, done_by=f"{INPUT}/0"))

        with pytest.raises(RecordsGone):
            await transport.read(INPUT, 0, 10, 0)
        assert len(await transport.read(INPUT, position - 2, 10, 0)) == 2


@story
async def test_a_hub_that_is_held_removes_nothing(tmp_path: Path) -> None:
    clock = MovedClock()
    async with county(tmp_path, clock, HERE) as here:
        keeps = keeper(here, tmp_path, clock)
        await a_case(here)
        for _ in range(3):
            await a_day(here, clock, keeps)
        clock.move(seconds=DAY_S)
        here.tellwise.standing.hold = Hold.BEHIND

        removed = await keeps.round()

        assert removed == 0
        here.tellwise.standing.hold = Hold.NONE


@story
async def test_a_used_up_id_is_forgotten_only_when_its_time_refuses_it_anyway(tmp_path: Path) -> None:
    clock, ids = MovedClock(), "SELECT count(*) FROM state WHERE tbl = 'seen'"
    async with county(tmp_path, clock, HERE) as here:
        keeps = keeper(here, tmp_path, clock)
        await a_case(here)
        first = (await here.tellwise.transport.read(INPUT, here.tellwise.edge.taken_to - 1, 1, 0))[0].value
        counts = []
        for _ in range(30):
            await a_day(here, clock, keeps, moves=0, hears=False)
            counts.append(count(tmp_path, ids))
        with listening() as told:
            await here.put(first)

        assert counts[:26] == list(range(2, 28))
        assert counts[-1] < 30
        assert told.events()[Event.NOTIFICATION_QUARANTINED] == 1


# --- details: what verification says of those that are gone -----------------------------------------------------------


@pytest.fixture(scope="module")
def aged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hub after 100 days, with details of the last 90 of them: one was recorded each day."""
    folder, clock = tmp_path_factory.mktemp("aged") / "data", MovedClock()

    @story
    async def live() -> None:
        async with county(folder, clock, HERE) as here:
            keeps = keeper(here, folder, clock)
            await a_case(here)
            for _ in range(100):
                await a_day(here, clock, keeps, moves=0, hears=False)

    live()
    return folder


NOW = MovedClock().now() + timedelta(days=100)
BEFORE = NOW - timedelta(days=90)


def test_details_that_retention_removed_are_counted_and_are_no_finding(aged: Path) -> None:
    report = verify_hub(hub_folder(aged), (), BEFORE)

    assert report.findings == []
    assert 5 <= report.details_removed <= 10


def test_who_verifies_without_saying_how_long_details_are_kept_finds_them_missing(aged: Path) -> None:
    report = verify_hub(hub_folder(aged))

    assert {finding.what for finding in report.findings} == {"missing"}
    assert report.details_removed == 0


@pytest.mark.parametrize(("which", "named"), [("max(i)", "missing"), ("min(i) + 16", "")])
def test_a_detail_that_somebody_else_removed_is_found(aged: Path, tmp_path: Path, which: str, named: str) -> None:
    """A young one by its age; an old one because an older one is still there."""
    folder = shutil.copytree(aged, tmp_path / "data")
    with closing(apsw.Connection(str(hub_db(folder)))) as database:
        rows = database.execute(
            f"SELECT i FROM ledger_detail WHERE i >= (SELECT {which} FROM ledger_detail) ORDER BY i LIMIT 1"  # noqa: S608
        ).get
        database.execute("DELETE FROM ledger_detail WHERE i = ?", (rows,))

    report = verify_hub(hub_folder(folder), (), BEFORE if named else NOW)

    assert [finding.what for finding in report.findings] == [named or "missing, and an older one is there"]
