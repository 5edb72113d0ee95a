"""A desk's folder: keys, trust file, store, and what waits in it."""

import os
from pathlib import Path

import pytest

from broker.client import DeskStore, Sending, Trust
from broker.client.keys import load_desk_keys
from broker.clock import SystemClock
from broker.errors import FolderUnusable, KeyUnavailable
from broker.health import Finding, Severity, examine
from broker.health.desk import keys, store, trust
from broker.sealing.entropy import system_entropy
from broker.sealing.rejection import Reason
from schemas import NotificationId
from schemas.strict import b64u_encode


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A desk's folder as its operator has made it, whose hub is nowhere."""
    folder = tmp_path / "desk"
    folder.mkdir(mode=0o700)
    made = load_desk_keys(folder / "keys.json", os.urandom)
    key = made.public_signing
    Trust.of(hub="hub.northbury.example", kid=key.kid, pub=b64u_encode(bytes(31) + b"\x09")).save(folder / "trust.json")
    (folder / "desk.toml").write_text(
        'desk = "northbury-housing"\nhub_url = "http://127.0.0.1:9"\n'
        '[contact]\nrole = "duty officer"\ntelephone = "01632 960001"\n'
    )
    return folder


def look(home: Path) -> list[Finding]:
    """What the doctor finds."""
    return examine(home / "desk.toml", SystemClock(), system_entropy)


def said(home: Path, *states: Sending) -> None:
    """Let the desk have said something for each of these states."""
    desk = DeskStore(home / "desk.db")
    for seq, state in enumerate(states, start=1):
        desk.put_out(NotificationId(f"{seq:032x}"), seq, b"sealed", 2_000_000_000)
        desk.set_state(NotificationId(f"{seq:032x}"), state)
    desk.close()


def test_a_new_desk_has_one_problem_its_hub_and_looking_makes_nothing(home: Path) -> None:
    before = sorted(home.iterdir())

    found = look(home)

    assert [each.what for each in found if each.severity is Severity.PROBLEM] == [
        "the hub at http://127.0.0.1:9 cannot be reached: no connection"
    ]
    assert "this desk was never at work" in "\n".join(each.what for each in found)
    assert sorted(home.iterdir()) == before


def test_neither_number_nor_key_of_the_desk_is_told(home: Path) -> None:
    text = "\n".join(f"{each.what} {each.next_step}" for each in look(home))

    assert "01632" not in text
    assert "duty officer" not in text


def test_what_waits_and_what_was_lost_is_counted(home: Path) -> None:
    said(home, Sending.WAITING, Sending.WAITING, Sending.SENT, Sending.EXPIRED, Sending.REFUSED, Sending.ACCEPTED)
    desk = DeskStore(home / "desk.db")
    desk.put_incident(7, Reason.KEY, b"what came")
    desk.close()

    whole, waiting, expired, refused, incidents = store(home / "desk.db", SystemClock())

    assert (whole.severity, waiting.severity) == (Severity.OK, Severity.OK)
    assert waiting.what == "outbox: 2 notifications wait, and 1 wait for an answer"
    assert [each.severity for each in (expired, refused, incidents)] == [Severity.WARNING] * 3
    assert (expired.what[:2], refused.what) == ("1 ", "the hub refused 1 notifications: nobody was told")
    assert incidents.what == "1 items were refused as not genuine"


def test_a_desk_to_which_nothing_happened_has_no_warning(home: Path) -> None:
    said(home, Sending.ACCEPTED)

    found = store(home / "desk.db", SystemClock())

    assert {each.severity for each in found} == {Severity.OK}


def test_a_store_of_something_else_is_refused(home: Path) -> None:
    (home / "desk.db").write_text("Dear sir or madam, " * 300)

    with pytest.raises(FolderUnusable):
        store(home / "desk.db", SystemClock())


@pytest.mark.parametrize("bits", [0o640, 0o604, 0o620])
def test_keys_that_others_may_read_are_a_problem(home: Path, bits: int) -> None:
    (home / "keys.json").chmod(bits)

    (found,) = keys(home / "keys.json")

    assert found.severity is Severity.PROBLEM


def test_keys_that_are_not_there_are_a_problem_and_none_are_made(home: Path) -> None:
    (home / "keys.json").unlink()

    with pytest.raises(KeyUnavailable, match="no desk's keys"):
        keys(home / "keys.json")

    assert not (home / "keys.json").exists()


def test_damaged_keys_are_a_problem(home: Path) -> None:
    (home / "keys.json").write_text("{}")

    found = look(home)

    assert "`keys.json` does not hold a desk's keys" in {
        each.what for each in found if each.severity is Severity.PROBLEM
    }


def test_a_desk_without_a_trust_file_is_told_whom_to_ask(home: Path) -> None:
    (home / "trust.json").unlink()

    (found,) = trust(home / "trust.json")

    assert (found.severity, "Ask the hub's operator" in found.next_step) == (Severity.PROBLEM, True)


def test_a_damaged_trust_file_is_refused(home: Path) -> None:
    (home / "trust.json").write_text("{}")

    with pytest.raises(FolderUnusable, match="is not a trust file"):
        trust(home / "trust.json")
