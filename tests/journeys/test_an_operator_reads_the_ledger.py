"""Blackburn's children's services say that nobody told them. The hub's operator looks.

The operator sees when what was done, by whom and to whom, and nothing of anybody's case. A desk that asks sees the
lines of its own. How the operator proves what it found is in test_a_court_checks_a_proof.py.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from broker.app import hub_folder
from broker.cli.main import app
from broker.client import Trust
from broker.errors import NotThere
from broker.ledger.entries import Decision, Filler
from broker.ledger.exhibit import Exhibit
from broker.ledger.proofs import check_proof
from broker.ledger.window import LedgerWindow
from broker.sealing.letters import Item
from broker.transport.ledger_reader import LedgerReader
from tests.contracts.clock import MovedClock
from tests.contracts.engine import story
from tests.faults.canaries import canaries_in
from tests.faults.county import DIRECTORY_LOG, LANE, County, county, hub_db, ordinary_day
from tests.faults.stored import inbox_of, read_stored
from tests.faults.tampering import TamperedLedger
from tests.personas import BLACKBURN_CHILDREN, CANARIES, DESKS, POLICE

CHILDREN = BLACKBURN_CHILDREN.name


def ledger(*words: str, data: Path) -> Result:
    """What the command answers to the operator of a folder."""
    return CliRunner().invoke(app, ["ledger", *words, "--data", str(data)])


def listed(*words: str, data: Path) -> list[dict[str, Any]]:
    """What a program reads."""
    done = ledger("show", "--json", *words, data=data)
    assert done.exit_code == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def trust_of(folder: Path) -> Trust:
    """The trust file that the hub of a folder gives away."""
    return Trust.load(hub_folder(folder) / "trust.json")


def test_the_operator_sees_what_was_done_and_whom_it_was_told(day: Path, told_at: int) -> None:
    done = ledger("show", data=day)

    lines = done.stdout.splitlines()
    (told,) = [line for line in lines if "disclosure" in line]
    assert done.exit_code == 0
    assert lines[0] == f"{LANE}: 96 entries, 96 of them under the newest checkpoint"
    assert told.split()[:5] == [str(told_at), "2026-03-02", "09:30:00Z", "disclosure", "to"]
    assert f"to {CHILDREN}" in told
    assert "kind rso.address_changed" in told
    assert [int(line.split()[0]) for line in lines[1:-1]] == sorted(int(line.split()[0]) for line in lines[1:-1])
    assert "filler" not in "".join(lines[1:-1])
    assert lines[-1] == f"  and {96 - len(lines[1:-1])} fillers among them"
    assert "\x1b" not in done.stdout


def test_nothing_is_shown_but_names_that_the_entry_holds(day: Path) -> None:
    everything = listed("--filler", "--count", "96", data=day)

    taken = {"actor", "agency", "id", "kind"}
    assert {entry["what"]: set(entry) - {"index", "at", "what"} for entry in everything} == {
        "filler": set(),
        "collection": taken,
        "alteration": taken,
        "acknowledgement": taken,
        "refusal": {"actor", "id"},
        "decision": {"id", "kind"},
        "disclosure": {"to", "id", "kind"},
        "key.epoch_begun": {"to"},
    }
    assert canaries_in(ledger("show", "--filler", "--count", "96", data=day).stdout_bytes, CANARIES) == []


def test_a_part_of_the_ledger_is_shown_from_where_one_asks(day: Path) -> None:
    everything = listed("--filler", "--first", "0", "--count", "500", data=day)
    acts = [entry for entry in everything if entry["what"] != "filler"]

    assert [entry["index"] for entry in everything] == [*range(96)]
    assert listed("--first", "40", "--count", "3", "--filler", data=day) == everything[40:43]
    assert listed("--first", "40", "--count", "2", data=day) == [entry for entry in acts if entry["index"] >= 40][:2]
    assert listed("--count", "4", data=day) == acts[-4:]
    assert listed("--count", "4", "--filler", data=day) == everything[-4:]
    assert listed("--first", "96", data=day) == []


def test_the_directory_is_shown_too(day: Path) -> None:
    shown = listed("--log", DIRECTORY_LOG, data=day)

    assert [entry["what"] for entry in shown] == [
        "hub.founded",
        "policy.activated",
        "desk.registered",
        "desk.registered",
    ]
    assert {entry["desk"] for entry in shown[2:]} == {POLICE.name, CHILDREN}


@story
async def test_the_operator_looks_while_the_hub_runs(tmp_path: Path) -> None:
    async with county(tmp_path, MovedClock()) as here:
        before = listed("--count", "1000", data=tmp_path)
        await ordinary_day(here)
        after = listed("--count", "1000", data=tmp_path)
        proved = ledger("prove", str(after[-1]["index"]), data=tmp_path)

    assert after[: len(before)] == before
    assert len(after) > len(before) + 10
    assert Exhibit.read(proved.stdout_bytes).check(trust_of(tmp_path).hub, trust_of(tmp_path).key).checkpoint.size > 96


@story
async def test_each_desk_is_shown_the_lines_of_its_own_letters_and_no_others(tmp_path: Path) -> None:
    """What the hub's edge shows: asked while the hub runs, about everything that lies in the ledger."""
    async with county(tmp_path, MovedClock()) as here:
        await ordinary_day(here)
        window = window_on(here, tmp_path)
        stored = read_stored(tmp_path)
        shown = {desk.name: shown_to(window, desk.name, len(stored.entries)) for desk in DESKS}
        key = here.tellwise.hub.premises.keys.ledger
    came = {desk.name: {Item.from_bytes(item).entry for item in inbox_of(tmp_path, desk.name)} for desk in DESKS}

    assert {name: {entry for entry, _ in lines.values()} for name, lines in shown.items()} == came
    for lines in shown.values():
        for index, (entry, proof) in lines.items():
            assert stored.entries[index][0] == entry
            assert check_proof(proof, entry, key, LANE)[1] == index
    nobodys = set(stored.entries) - {index for lines in shown.values() for index in lines}
    assert {type(stored.entries[index][1]) for index in nobodys} == {Filler, Decision}
    assert sum(map(len, shown.values())) == len(stored.entries) - len(nobodys)


def window_on(here: County, folder: Path) -> LedgerWindow:
    """A window beside the running hub."""
    premises = here.tellwise.hub.premises
    return LedgerWindow(
        LedgerReader(hub_db(folder)), premises.keys.ledger, lanes=(premises.lane,), directory=premises.directory_log
    )


def shown_to(window: LedgerWindow, desk: Any, size: int) -> dict[int, tuple[bytes, str]]:
    """All lines of the lane that a desk is given if it asks for each."""
    shown = {}
    for index in range(size + 1):
        try:
            shown[index] = window.own_entry(LANE, index, desk)
        except NotThere:
            continue
    return shown


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("prove", "96"), "tellwise: not there"),
        (("prove", "0", "--log", "nobody.example/lane-0"), f"tellwise: name a ledger of this hub: `{LANE}`, "),
        (("show", "--log", ""), f"tellwise: name a ledger of this hub: `{LANE}`, `{DIRECTORY_LOG}`"),
    ],
)
def test_what_is_not_there_ends_with_two(day: Path, words: tuple[str, ...], line: str) -> None:
    done = ledger(*words, data=day)

    assert done.exit_code == 2
    assert done.stdout == ""
    assert done.stderr.startswith(line)


def test_where_there_is_no_hub_nothing_is_shown_or_made(tmp_path: Path) -> None:
    for words in (("show",), ("prove", "0"), ("verify",)):
        done = ledger(*words, data=tmp_path)
        assert (done.exit_code, done.stdout) == (2, "")

    assert list(tmp_path.iterdir()) == []


def test_what_is_no_entry_is_not_shown(day: Path, told_at: int, tmp_path: Path) -> None:
    shutil.copytree(day, tmp_path / "data")
    tampered = TamperedLedger(tmp_path / "data")
    row = next(row for row in tampered.rows("ledger_entry") if (row.log, row.number) == (LANE, told_at))
    entry = row.values["entry"]
    assert isinstance(entry, bytes)

    for other in (b"", b"\x1b[2J", entry[:-1], entry.replace(b"{", b'{"more":1,', 1)):
        with tampered.changed(row, "entry", other):
            done = ledger("show", "--count", "96", data=tmp_path / "data")
            assert (done.exit_code, done.stdout) == (2, "")
    with tampered.removed(row):
        assert ledger("show", "--count", "96", data=tmp_path / "data").exit_code == 2
    tampered.close()


def test_what_a_terminal_would_obey_is_not_printed(day: Path, told_at: int, tmp_path: Path) -> None:
    shutil.copytree(day, tmp_path / "data")
    tampered = TamperedLedger(tmp_path / "data")
    row = next(row for row in tampered.rows("ledger_entry") if (row.log, row.number) == (LANE, told_at))
    entry = row.values["entry"]
    assert isinstance(entry, bytes)

    with tampered.changed(row, "entry", entry.replace(b"rso.address_changed", b"\\u001b[2J\\u202e")):
        done = ledger("show", "--count", "96", data=tmp_path / "data")
    tampered.close()

    assert done.exit_code == 0
    assert "kind ?[2J?" in done.stdout
    assert "\x1b" not in done.stdout
