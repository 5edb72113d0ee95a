"""A visitor with a minute runs `tellwise demo`; one with an hour plays on, keeps the folder and verifies it."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from broker.app import hub_folder
from broker.cli.demo_people import DESKS, PEOPLE
from tests.faults.canaries import canaries_under
from tests.faults.checker import check

ROOT = Path(__file__).parents[2]
TELLWISE = (sys.executable, "-m", "broker.cli.main")
LONGEST_S = 60

NAMES = [name for person in PEOPLE for name in (person.name.family, person.key.identifier)]
THEIRS = [*NAMES, "7 Nonesuch Row", "Lumen Synthetic", "green hair", "An invented offence"]
"""What is told of the demo's people, and must stand in no file of the hub."""


def tellwise(*arguments: object, keyboard: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*TELLWISE, *map(str, arguments)],
        cwd=ROOT,
        input=keyboard,
        capture_output=True,
        text=True,
        timeout=LONGEST_S,
        check=False,
    )


def paragraphs(text: str) -> str:
    """What was printed, with the line breaks taken out that the width of the screen put in."""
    return " ".join(text.split())


def test_a_visitor_sees_who_was_told_what_and_nothing_is_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))

    done = tellwise("demo", keyboard="")  # it is taken away: the story is told, and that is the end

    assert (done.returncode, done.stderr) == (0, "")
    told = paragraphs(done.stdout)
    assert "Zed Synthetic-Onyx has moved from Preston to Blackburn with Darwen." in told
    assert "Lancashire Probation: told address, household, identity" in told
    assert "Blackburn with Darwen, children's social care: told" in told
    assert "Lancashire County Council, children's social care: told identity, status" in told
    assert "Blackburn with Darwen, housing needs: nothing, not even that there was something" in told
    assert "Preston City Council, housing needs: nothing, not even that there was something" in told
    assert "because: no policy gives this desk a need to know" in told
    assert "all is as it was signed" in told
    assert list(tmp_path.glob("tellwise-demo-*")) == []


def test_a_folder_that_was_kept_is_verified_and_holds_nobodys_name_on_the_hubs_side(
    demo_folder: Path, tmp_path: Path
) -> None:
    shutil.copytree(demo_folder, folder := tmp_path / "kept")
    said, said_aside = (demo_folder.with_suffix(f".{name}").read_text("utf-8") for name in ("stdout", "stderr"))

    verified = tellwise("ledger", "verify", "--data", folder)

    # A long path is broken too, and at any of its hyphens.
    assert f"Verify it with: tellwise ledger verify --data {demo_folder}".replace(" ", "") in "".join(said.split())
    assert verified.returncode == 0
    assert verified.stdout.endswith("all is as it was signed\n")
    assert check(folder, settled=False) == []
    assert canaries_under(hub_folder(folder), THEIRS) == []
    assert said_aside == ""


def test_a_visitor_plays_on_from_the_keyboard(tmp_path: Path) -> None:
    said = tmp_path / "said.jsonl"
    said.write_text(
        json.dumps({"desk": "blackburn-housing", "kind": "rso.address_changed"})
        + "\nnot a line of JSON\n"
        + json.dumps({"desk": "nobody", "kind": "rso.address_changed"})
    )
    commands = (
        "people",
        "desks",
        "move 3 Chorley",
        "resides 2 Burnley",
        "move 1 Atlantis",
        "move 9 Chorley",
        f"file {said}",
        "file nowhere.jsonl",
        "verify",
        "what is this",
        "",
        "quit",
        "move 1 Chorley",
    )
    done = tellwise("demo", keyboard="\n".join(commands) + "\n")

    assert (done.returncode, done.stderr) == (0, "")
    told = paragraphs(done.stdout)
    assert "Vex Synthetic-Teal, lives in Blackpool" in told
    assert all(desk.title in told for desk in DESKS)
    assert "Vex Synthetic-Teal has moved from Blackpool to Chorley." in told
    assert "Lancashire Probation say: Quill Synthetic-Umber lives in Burnley." in told
    assert "Not sent: unknown area `Atlantis`" in told
    assert "Not sent: no such person; try `people`" in told
    assert "Line 1 not sent:" in told
    assert "Line 2 not sent: not a JSON object" in told
    assert "Line 3 not sent: no desk `nobody` here" in told
    assert "Not sent: cannot read `nowhere.jsonl`" in told
    assert told.count("all is as it was signed") == 2
    assert "has moved from Blackburn" not in told  # what came after `quit`


def test_a_kept_folder_is_played_on_another_day(demo_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(demo_folder, tmp_path / "kept")

    second = tellwise("demo", "--once", "--data", tmp_path / "kept")

    assert second.returncode == 0
    assert "all is as it was signed" in second.stdout
    assert check(tmp_path / "kept", settled=False) == []


def test_a_second_hub_on_one_folder_is_refused_and_the_first_plays_on(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    command = [*TELLWISE, "demo", "--data", str(folder)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdin is not None
        assert first.stdout is not None
        while "What next?" not in first.stdout.readline():
            assert first.poll() is None
        second = tellwise("demo", "--once", "--data", folder)
        rest, _ = first.communicate("move 2 Preston\nquit\n", timeout=LONGEST_S)

    assert second.returncode == 2
    assert second.stderr.startswith("tellwise: ")
    assert "Stop the other hub, or give this one a folder of its own." in second.stderr
    assert "Traceback" not in second.stderr
    assert first.returncode == 0
    assert "has moved from Burnley to Preston" in paragraphs(rest)
    assert tellwise("ledger", "verify", "--data", folder).returncode == 0


def test_a_folder_that_is_no_folder_is_refused_with_the_next_step(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")

    done = tellwise("demo", "--once", "--data", tmp_path / "file")

    assert done.returncode == 2
    assert "Check the path, its owner and its permissions." in done.stderr
    assert "Traceback" not in done.stderr
