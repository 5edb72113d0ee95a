"""An operator with the hub's files and keys cannot rewrite what was done: whoever kept a checkpoint finds it out.

Here every tree is consistent in itself, with its right edge, its checkpoints and, where it says so, real signatures of
the hub. What convicts it is the checkpoints that desks kept. And the whole of it once from the outside, as `tellwise
ledger verify` on the folder that `tellwise demo` leaves.
"""

import asyncio
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import apsw
import pytest

from broker.app import desk_folder, hub_folder, running
from broker.cli.verify_folder import verify_folder
from broker.client import Trust
from broker.client.keys import load_desk_keys
from broker.directory import DeskRegistered, sign_event
from broker.errors import FolderUnusable, StateUnreadable
from broker.ledger.checkpoint import Checkpoint, sign_note
from broker.ledger.entries import Filler, read_entry
from broker.ledger.merkle import Digest
from broker.sealing.entropy import system_entropy
from schemas import AgencyId, DeskId, DeskType, Mailbox
from schemas.strict import b64u_encode
from tests.contracts.clock import MovedClock
from tests.faults.county import DIRECTORY_LOG, HUB, LANE, desk_db, live_a_quiet_day
from tests.faults.stored import hub_keys
from tests.faults.tampering import TamperedLedger, with_byte
from tests.personas import BLACKBURN, BLACKBURN_CHILDREN, POLICE

CHILDREN = BLACKBURN_CHILDREN.name
TELLWISE = (sys.executable, "-m", "broker.cli.main")
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder after a quiet day."""
    return live_a_quiet_day(tmp_path_factory.mktemp("day") / "data")


@pytest.fixture
def folder(day: Path, tmp_path: Path) -> Path:
    """A copy of it, for changes that stay."""
    shutil.copytree(day, tmp_path / "data")
    return tmp_path / "data"


@pytest.fixture
def ledger(folder: Path) -> Iterator[TamperedLedger]:
    """The ledgers of the copy."""
    tampered = TamperedLedger(folder)
    yield tampered
    tampered.close()


def entries_of(ledger: TamperedLedger, log: str) -> list[bytes]:
    rows = sorted((row for row in ledger.rows("ledger_entry") if row.log == log), key=lambda row: row.number)
    return [bytes(entry) for row in rows if isinstance(entry := row.values["entry"], bytes)]


def real_signature(folder: Path, log: str) -> Callable[[int, bytes], bytes]:
    """The hub's own ledger key, in the hand of an operator who rewrites."""
    keys = hub_keys(folder)
    return lambda size, root: sign_note(Checkpoint(log, size, Digest(root)), keys.ledger, keys.sign_ledger)


def found(folder: Path) -> dict[str, str]:
    return {finding.where: finding.what for finding in verify_folder(folder).findings}


def forget_what_desks_kept(folder: Path) -> None:
    shutil.rmtree(folder / "desks")


def filler_like(entry: bytes) -> bytes:
    """Nothing happened, at the time of another entry."""
    line = read_entry(entry)
    return Filler.of(salt=b64u_encode(system_entropy(16)), ts=line.ts, dir=line.dir).to_bytes()


# --- an operator who rewrites -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("turns_forgotten", [1, 2, 4])
def test_a_ledger_that_was_rolled_back_behind_a_kept_checkpoint_is_found(
    folder: Path, ledger: TamperedLedger, turns_forgotten: int
) -> None:
    """As if yesterday's backup had been put back: entries, details, right edge and checkpoints agree."""
    entries = entries_of(ledger, LANE)
    ledger.rewrite(LANE, entries[: -16 * turns_forgotten])

    told = found(folder)
    size = len(entries) - 16 * turns_forgotten
    assert told[f"{LANE}, checkpoint 96 kept by desk `{CHILDREN}`"] == (
        f"the ledger was rolled back: it has {size} entries"
    )
    assert all("kept by desk" in where for where in told)

    forget_what_desks_kept(folder)
    assert found(folder) == {}  # so it was the kept checkpoints that convicted it, and nothing else could


def test_a_directory_that_was_rolled_back_is_found(folder: Path, ledger: TamperedLedger) -> None:
    ledger.rewrite(DIRECTORY_LOG, entries_of(ledger, DIRECTORY_LOG)[:-1])

    assert found(folder)[f"{DIRECTORY_LOG}, checkpoint 4 kept by desk `{POLICE.name}`"] == (
        "the ledger was rolled back: it has 3 entries"
    )


@pytest.mark.parametrize("operation", ["filler", "collection", "disclosure", "acknowledgement"])
def test_a_tree_that_was_rebuilt_and_signed_anew_with_the_hubs_own_key_is_found(
    folder: Path, ledger: TamperedLedger, operation: str
) -> None:
    """What was done is made not to have been done, and every checkpoint over it is signed again."""
    entries = entries_of(ledger, LANE)
    index = next(i for i, entry in enumerate(entries) if read_entry(entry).op == operation)
    entries[index] = filler_like(entries[index])
    ledger.rewrite(LANE, entries, real_signature(folder, LANE))

    told = found(folder)
    assert told[f"{LANE}, checkpoint 96 kept by desk `{CHILDREN}`"].startswith("another tree than this one")
    assert all("kept by desk" in where for where in told)

    forget_what_desks_kept(folder)
    assert found(folder) == {}


def test_a_disclosure_that_was_made_not_to_have_been_is_found_even_where_nobody_kept_anything(
    folder: Path, ledger: TamperedLedger
) -> None:
    """A letter that was sent cannot be taken out of the books: its count, and its decision, miss it."""
    entries = entries_of(ledger, LANE)
    index = next(i for i, entry in enumerate(entries) if read_entry(entry).op == "decision")
    entries[index] = filler_like(entries[index])
    ledger.rewrite(LANE, entries, real_signature(folder, LANE))
    forget_what_desks_kept(folder)

    told = found(folder)
    assert told[f"{LANE}, detail {index}"] == "not the one that entry commits to"
    assert "discloses what no decision here allowed" in told.values()


def test_a_key_that_was_added_to_the_directory_behind_everybodys_back_is_found(
    folder: Path, ledger: TamperedLedger
) -> None:
    """The operator has the directory key too: the event is signed, and fits. It stands where desks saw another."""
    keys = hub_keys(folder)
    strangers = load_desk_keys(folder / "strangers.json", system_entropy)
    registered = DeskRegistered.of(
        n=2,
        at=read_entry(entries_of(ledger, LANE)[0]).ts,
        desk=DeskId("invented-stranger"),
        agency=AgencyId("invented-nobody"),
        desk_type=DeskType.CHILDREN_SOCIAL_CARE,
        patch=(BLACKBURN,),
        signed=True,
        mailbox=Mailbox(b64u_encode(system_entropy(16))),
        signing=strangers.public_signing,
        sealing=strangers.public_sealing,
    )
    events = entries_of(ledger, DIRECTORY_LOG)
    events.insert(2, sign_event(registered, keys.directory))
    ledger.rewrite(DIRECTORY_LOG, events, real_signature(folder, DIRECTORY_LOG))

    told = found(folder)
    for desk in (POLICE.name, CHILDREN):
        assert told[f"{DIRECTORY_LOG}, checkpoint 3 kept by desk `{desk}`"].startswith("another tree than this one")


def test_entries_that_were_added_with_their_right_edge_are_told_to_be_unsigned_and_no_hub_ever_signs_them(
    folder: Path, ledger: TamperedLedger
) -> None:
    """A hub that dies between two turns leaves such a folder behind, so to an auditor it is no finding; it is said all
    the same. The hub knows where it left its ledger, and does not start on any other."""
    entries = entries_of(ledger, LANE)
    ledger.rewrite(LANE, [*entries, filler_like(entries[-1])])

    report = verify_folder(folder)
    assert report.findings == []
    assert report.unsigned == {LANE: 1}
    with pytest.raises(StateUnreadable, match=LANE):
        start(folder)
    assert verify_folder(folder).unsigned == {LANE: 1}


def test_a_hub_does_not_start_on_a_ledger_that_ends_elsewhere(folder: Path, ledger: TamperedLedger) -> None:
    for row in ledger.rows("ledger_frontier"):
        with ledger.removed(row), pytest.raises(StateUnreadable):
            start(folder)
        with ledger.changed(row, "frontier", bytes(8)), pytest.raises(StateUnreadable):
            start(folder)

    start(folder)  # and as it was, it does
    assert verify_folder(folder).findings == []


def start(folder: Path) -> None:
    """Start the hub of a folder, and stop it again."""

    async def run() -> None:
        async with running(folder, HUB, demo=True, clock=MovedClock()):
            pass

    asyncio.run(run())


# --- what desks keep --------------------------------------------------------------------------------------------------


def test_every_byte_of_a_checkpoint_that_a_desk_kept_counts(folder: Path) -> None:
    database = apsw.Connection(str(desk_db(folder, CHILDREN)))
    database.pragma("synchronous", "OFF")
    note = database.execute("SELECT note FROM checkpoint WHERE size = 96").get
    where = []

    for place in range(len(note)):
        database.execute("UPDATE checkpoint SET note = ? WHERE size = 96", (with_byte(note, place, note[place] ^ 1),))
        where.append(list(found(folder)))
    database.close()

    assert where == [[f"checkpoint kept by desk `{CHILDREN}`"]] * len(note)


def test_trust_in_another_hub_verifies_nothing(folder: Path, tmp_path: Path) -> None:
    others = live_a_quiet_day(tmp_path / "another hub")
    other = Trust.load(hub_folder(others) / "trust.json")
    other.save(hub_folder(folder) / "trust.json")

    with pytest.raises(FolderUnusable, match=f"desk `{CHILDREN}` was told of another hub"):
        verify_folder(folder)
    for desk in (POLICE.name, CHILDREN):
        other.save(desk_folder(folder, desk) / "trust.json")
    told = found(folder)
    assert told[f"{DIRECTORY_LOG}, entry 0"] == "not an event that the directory key signed, or out of place"
    assert told[DIRECTORY_LOG].endswith("nothing else can be checked")


def test_another_hubs_ledger_under_our_trust_verifies_nothing(folder: Path, tmp_path: Path) -> None:
    others = live_a_quiet_day(tmp_path / "another hub")
    shutil.copy(hub_folder(others) / "hub.db", hub_folder(folder) / "hub.db")

    assert f"{DIRECTORY_LOG}, entry 0" in found(folder)


# --- from the outside -------------------------------------------------------------------------------------------------


def tellwise(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [*TELLWISE, *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_verify_passes_on_the_demos_folder(demo_folder: Path) -> None:
    done = tellwise("ledger", "verify", "--data", demo_folder)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("all is as it was signed\n")


def test_verify_fails_on_the_demos_folder_after_one_byte_and_says_where(demo_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(demo_folder, tmp_path / "kept")
    tampered = TamperedLedger(tmp_path / "kept")
    row = next(row for row in tampered.rows("ledger_entry") if row.number == 100)
    entry = row.values["entry"]
    assert isinstance(entry, bytes)
    with tampered.changed(row, "entry", entry.replace(b"2", b"3", 1)):
        done = tellwise("ledger", "verify", "--data", tmp_path / "kept")
    tampered.close()

    assert (done.returncode, done.stderr) == (1, "")
    assert f"FOUND {row.log}, entries 96 to 111: not those that checkpoint 112 was signed over" in done.stdout
    assert done.stdout.endswith("not as it was signed\n")


def test_verify_says_what_it_cannot_read(tmp_path: Path) -> None:
    done = tellwise("ledger", "verify", "--data", tmp_path / "nothing")

    assert done.returncode == 2
    assert done.stderr.startswith("tellwise: no trust file")
    assert "Traceback" not in done.stderr
