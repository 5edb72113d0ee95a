"""`tellwise data check` finds what no ledger shows: each thing that a hub goes on from is spoilt once, by somebody who
can write to its file."""

import json
import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from broker.app import hub_folder
from broker.care.soundness import inspect
from broker.health import Finding, Severity
from broker.ports import Table
from broker.sealing.entropy import system_entropy
from broker.sealing.letters import ItemKind
from broker.state.pending import Pending, pending_bytes
from broker.state.vault import Vault
from broker.topics import INPUT
from broker.transport.records import lane_name
from schemas import Mailbox
from tests.contracts.clock import MovedClock
from tests.contracts.engine import story
from tests.faults.county import HUB, LANE, county, hub_db, live_a_quiet_day
from tests.faults.stored import hub_keys
from tests.personas import BLACKBURN_CHILDREN, POLICE
from tests.processes import tellwise

THE_LANE = lane_name((INPUT, 0))


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder after a quiet day."""
    return live_a_quiet_day(tmp_path_factory.mktemp("day") / "data")


@pytest.fixture
def folder(day: Path, tmp_path: Path) -> Path:
    """The same, to be spoilt."""
    return shutil.copytree(day, tmp_path / "data")


def problems(folder: Path) -> str:
    """What is found that somebody must do something about, as one text."""
    return "\n".join(each.what for each in look(folder) if each.severity is not Severity.OK)


def look(folder: Path) -> list[Finding]:
    """All that is found."""
    return inspect(hub_folder(folder), hub_keys(folder), ())


def test_a_hub_after_a_day_is_sound(day: Path) -> None:
    found = look(day)

    assert problems(day) == ""
    assert len(found) == 8


@story
async def test_a_hub_at_work_is_sound(folder: Path) -> None:
    async with county(folder, MovedClock(), (POLICE, BLACKBURN_CHILDREN)):
        assert problems(folder) == ""


def a_pending_item(folder: Path, database: apsw.Connection) -> None:
    """An item that no entry covers, sealed with the hub's own keys."""
    vault = Vault(hub_keys(folder), system_entropy)
    key = vault.pending_row_key(3)
    item = Pending(0, Mailbox("A" * 22), ItemKind.LETTER, (b"{}",), b"{}", 3, (), row=3)
    row = vault.seal(Table.PENDING, key, pending_bytes([item]))
    database.execute("INSERT INTO state VALUES(?, 'pending', ?, ?)", (THE_LANE, key, row))


SPOILT: dict[str, tuple[Callable[[Path, apsw.Connection], object], str]] = {
    "a row with a bit changed": (
        lambda _, db: db.execute("UPDATE state SET value = zeroblob(60) WHERE tbl = 'persons'"),
        "rows of `persons` do not open",
    ),
    "two rows changed for one another": (
        lambda _, db: db.execute(
            "UPDATE state SET value = (SELECT value FROM state AS other WHERE other.tbl = 'seen' AND other.key <>"
            " state.key LIMIT 1) WHERE tbl = 'seen'"
        ),
        "rows of `seen` do not open",
    ),
    "a row of no table": (
        lambda _, db: db.execute("INSERT INTO state VALUES(?, 'planted', x'00', x'00')", (THE_LANE,)),
        "belong to no table or lane",
    ),
    "a right edge that is gone": (
        lambda _, db: db.execute("DELETE FROM state WHERE tbl = 'frontiers'"),
        "does not end where this hub left it",
    ),
    "an event less that the hub goes by": (
        lambda _, db: db.execute(
            "DELETE FROM state WHERE rowid = (SELECT rowid FROM state WHERE tbl = 'directory' LIMIT 1)"
        ),
        "the directory that the hub goes by",
    ),
    "a position beyond the end": (
        lambda _, db: db.execute("UPDATE position SET offset = 1000000"),
        "is done with 1000000 records",
    ),
    "a record that is gone": (
        lambda _, db: db.execute(
            "DELETE FROM record WHERE offset = 1 AND topic = (SELECT id FROM topic WHERE name LIKE 'inbox.%' LIMIT 1)"
        ),
        "has a gap",
    ),
    "a record of no topic": (
        lambda _, db: db.execute("INSERT INTO record(topic, offset, value) VALUES(999, 0, x'00')"),
        "belong to no topic",
    ),
    "an item that waits and is in no ledger": (a_pending_item, "1 of 1 items that wait to leave"),
    "an inbox of nobody": (
        lambda _, db: db.execute("INSERT INTO topic(name, partition, next) VALUES('inbox.nobody', 0, 0)"),
        "topics belong to no desk",
    ),
    "a lane of nobody": (lambda _, db: db.execute("INSERT INTO position VALUES('planted/0', 0)"), "a lane is named"),
    "an entry that was changed": (
        lambda _, db: db.execute("UPDATE ledger_entry SET entry = x'7b7d' WHERE log = ? AND i = 2", (LANE,)),
        "entry 2",
    ),
}


@pytest.mark.parametrize(("spoil", "named"), SPOILT.values(), ids=SPOILT.keys())
def test_what_was_spoilt_is_found_and_named(
    folder: Path, spoil: Callable[[Path, apsw.Connection], object], named: str
) -> None:
    with closing(apsw.Connection(str(hub_db(folder)))) as database:
        spoil(folder, database)

    assert named in problems(folder)


def test_a_damaged_file_is_found(folder: Path) -> None:
    data = bytearray(hub_db(folder).read_bytes())
    for page in range(8, len(data) // 4096, 5):
        data[page * 4096 : page * 4096 + 200] = bytes(200)
    hub_db(folder).write_bytes(data)

    assert "hub.db` is damaged" in problems(folder) or "cannot use" in problems(folder)


def test_the_command_says_so_to_a_program(folder: Path) -> None:
    (folder.parent / "tellwise.toml").write_text(f'hub = "{HUB}"\n')
    command = ("data", "check", "--config", folder.parent / "tellwise.toml", "--demo", "--json")
    sound = json.loads(tellwise(*command, cwd=folder.parent).stdout)
    with closing(apsw.Connection(str(hub_db(folder)))) as database:
        database.execute("UPDATE position SET offset = 1000000")

    spoilt = json.loads(tellwise(*command, cwd=folder.parent, expect=1).stdout)

    assert (sound["problems"], spoilt["problems"]) == (0, 1)
    assert spoilt["findings"][-3]["next_step"].startswith("Stop the hub")


def test_a_folder_without_a_hub_cannot_be_looked_through(tmp_path: Path) -> None:
    (tmp_path / "tellwise.toml").write_text(f'hub = "{HUB}"\n')

    done = tellwise("data", "check", "--config", tmp_path / "tellwise.toml", "--demo", cwd=tmp_path, expect=2)

    assert "no trust file" in done.stderr
    assert not (tmp_path / "data").exists()
