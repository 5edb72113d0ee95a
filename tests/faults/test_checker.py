"""The checker sees what is wrong: for each invariant a fault is planted in an honest folder, and found.

Who only checks that honest runs pass knows nothing of a checker that is asleep.
"""

import json
import shutil
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from broker.app import hub_folder
from broker.ledger.entries import Disclosure
from broker.sealing.letters import Item, ItemKind
from broker.topics import INPUT, QUARANTINE
from schemas import DeskId, NotificationId
from tests.faults.canaries import canaries_in
from tests.faults.checker import Fault, check
from tests.faults.county import ONYX, desk_db, hub_db, live_an_ordinary_day
from tests.faults.stored import directory_of, read_stored
from tests.personas import BLACKBURN_CHILDREN, CANARIES, POLICE

CHILDREN = BLACKBURN_CHILDREN.name
EVERY_LETTER_TWICE = """
CREATE TABLE kept AS SELECT * FROM letter;
DROP TABLE letter;
ALTER TABLE kept RENAME TO letter;
INSERT INTO letter SELECT * FROM letter
"""


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder after an ordinary day."""
    return live_an_ordinary_day(tmp_path_factory.mktemp("day") / "data")


@pytest.fixture
def folder(day: Path, tmp_path: Path) -> Path:
    """A copy of it to plant a fault in."""
    shutil.copytree(day, tmp_path / "data")
    return tmp_path / "data"


def change(path: Path, sql: str, *values: object) -> None:
    """Change a database behind everybody's back."""
    database = apsw.Connection(str(path))
    database.execute(sql, values)
    assert database.changes(), "the fault was not planted"
    database.close()


def add_record(folder: Path, topic: str, value: bytes) -> None:
    """Append to a topic what the hub did not append."""
    change(
        hub_db(folder),
        "INSERT INTO record(topic, offset, value) SELECT id, next, ? FROM topic WHERE name = ?",
        value,
        topic,
    )


def drop_record(folder: Path, topic: str, offset: int) -> None:
    """Take a record out of a topic."""
    of_topic = "DELETE FROM record WHERE topic = (SELECT id FROM topic WHERE name = ?) AND offset = ?"
    change(hub_db(folder), of_topic, topic, offset)


def inbox_topic(folder: Path, desk: DeskId) -> str:
    """The topic of a desk's inbox."""
    return f"inbox.{directory_of(folder).desk(desk).mailbox}"


def item_number(folder: Path, desk: DeskId, kind: ItemKind) -> int:
    """Where the last item of a kind lies in an inbox."""
    items = read_stored(folder).inboxes[desk]
    return max(number for number, item in enumerate(items) if item.kind is kind)


def found(faults: list[Fault], invariant: str, words: str) -> bool:
    return any(fault.invariant == invariant and words in fault.what for fault in faults)


def test_an_ordinary_day_breaks_no_invariant(day: Path) -> None:
    stored = read_stored(day)
    submitted = [(name, NotificationId(said)) for name, desk in stored.desks.items() for said, _ in desk.outbox]

    assert check(day, canaries=CANARIES, submitted=submitted) == []
    assert len(submitted) == 9
    assert len(stored.of(Disclosure)) == 8


# --- I1 --------------------------------------------------------------------------------------------------------------


def test_a_notification_without_an_outcome_is_found(folder: Path) -> None:
    add_record(folder, INPUT, b"{}")
    change(hub_db(folder), "UPDATE position SET offset = offset + 1")

    assert found(check(folder), "I1", "records of nobody")


def test_a_notification_that_vanished_from_the_input_is_found(folder: Path) -> None:
    drop_record(folder, INPUT, len(read_stored(folder).done) - 1)

    assert found(check(folder), "I1", "accepted, and never submitted")


def test_a_submitted_notification_of_which_there_is_no_trace_is_found(folder: Path) -> None:
    lost = NotificationId("AAAAAAAAAAAAAAAAAAAAAA")

    assert found(check(folder, submitted=[(POLICE.name, lost)]), "I1", "is lost")


def test_a_publisher_that_was_not_told_is_found(folder: Path) -> None:
    number = item_number(folder, POLICE.name, ItemKind.RECEIPT)
    drop_record(folder, inbox_topic(folder, POLICE.name), number)

    assert found(check(folder), "I1", "was not told once")


def test_a_publisher_that_believes_otherwise_is_found(folder: Path) -> None:
    change(desk_db(folder, POLICE.name), "UPDATE outbox SET state = 'refused' WHERE seq = 2")

    assert found(check(folder), "I1", "believes that")


def test_a_record_that_nobody_read_is_found(folder: Path) -> None:
    change(hub_db(folder), "UPDATE position SET offset = offset - 1")

    assert found(check(folder), "I1", "nobody has read")
    assert not found(check(folder, settled=False), "I1", "nobody has read")


def test_refused_bytes_that_were_thrown_away_are_found(folder: Path) -> None:
    drop_record(folder, QUARANTINE, 0)

    assert found(check(folder), "I1", "in quarantine")


# --- I2 --------------------------------------------------------------------------------------------------------------


def test_a_letter_that_lies_twice_in_an_inbox_is_found(folder: Path) -> None:
    number = item_number(folder, CHILDREN, ItemKind.LETTER)
    value = read_stored(folder).inboxes[CHILDREN][number].to_bytes()
    add_record(folder, inbox_topic(folder, CHILDREN), value)

    assert found(check(folder), "I2", "2 times in the inbox")


def test_a_letter_that_is_twice_in_effect_is_found(folder: Path) -> None:
    change(desk_db(folder, CHILDREN), EVERY_LETTER_TWICE)

    assert found(check(folder), "I2", "2 times in effect")


def test_a_letter_in_effect_that_nobody_sent_is_found(folder: Path) -> None:
    change(desk_db(folder, CHILDREN), "UPDATE letter SET part = 2")

    assert found(check(folder), "I2", "never was in the inbox")


def test_a_letter_whose_entry_stands_elsewhere_is_found(folder: Path) -> None:
    number = item_number(folder, CHILDREN, ItemKind.LETTER)
    item = read_stored(folder).inboxes[CHILDREN][number]
    moved = Item(item.kind, item.content, item.entry, item.proof.replace("\nindex ", "\nindex 1", 1))
    change(hub_db(folder), "UPDATE record SET value = ? WHERE value = ?", moved.to_bytes(), item.to_bytes())

    assert found(check(folder), "I2", "proves an entry that does not stand at")


# --- I3 --------------------------------------------------------------------------------------------------------------


def test_a_compartment_in_clear_that_no_policy_opens_is_found(folder: Path) -> None:
    change(
        desk_db(folder, CHILDREN),
        "UPDATE letter SET opened = CAST(json_set(CAST(opened AS TEXT), '$.compartments.health', json('{}')) AS BLOB)",
    )

    assert found(check(folder), "I3", "more of")


# --- I4 --------------------------------------------------------------------------------------------------------------


def test_a_line_of_disclosure_without_its_letter_is_found(folder: Path) -> None:
    number = item_number(folder, CHILDREN, ItemKind.LETTER)
    drop_record(folder, inbox_topic(folder, CHILDREN), number)

    assert found(check(folder), "I4", "in the ledger, and in no inbox")


def test_a_letter_without_its_line_of_disclosure_is_found(folder: Path) -> None:
    stored = read_stored(folder)
    index = next(i for i, (_, entry) in stored.entries.items() if isinstance(entry, Disclosure))
    change(hub_db(folder), "DELETE FROM ledger_entry WHERE log LIKE '%lane-0' AND i = ?", index)

    faults = check(folder)
    assert found(faults, "I4", "in its inbox, and not in the ledger")
    assert found(faults, "I4", "counted from 1 without a gap")
    assert found(faults, "I4", f"entry {index}: missing")


def test_a_letter_in_somebody_elses_inbox_is_found(folder: Path) -> None:
    number = item_number(folder, CHILDREN, ItemKind.LETTER)
    value = read_stored(folder).inboxes[CHILDREN][number].to_bytes()
    add_record(folder, inbox_topic(folder, POLICE.name), value)

    assert found(check(folder), "I4", "in its inbox, and not in the ledger")


def test_a_decision_of_which_nobody_can_say_what_it_was_is_found(folder: Path) -> None:
    stored = read_stored(folder)
    index = max(i for i, (_, entry) in stored.entries.items() if entry.op == "decision")
    change(hub_db(folder), "DELETE FROM ledger_detail WHERE i = ?", index)

    assert found(check(folder), "I4", "told otherwise than was decided")


# --- I7 --------------------------------------------------------------------------------------------------------------

SPELLINGS: dict[str, Callable[[str], bytes]] = {
    "as it is": lambda text: text.encode(),
    "escaped by JSON": lambda text: json.dumps(text).encode(),
    "escaped character by character": lambda text: "".join(f"\\u{ord(character):04X}" for character in text).encode(),
    "base64": lambda text: b64encode(text.encode()),
    "base64, begun one byte before": lambda text: b64encode(b"<" + text.encode() + b">"),
    "base64, begun two bytes before": lambda text: b64encode(b"<<" + text.encode() + b">>>"),
    "base64url": lambda text: urlsafe_b64encode(b'{"given":"' + text.encode() + b'"}').rstrip(b"="),
    "base64 of what JSON escaped": lambda text: b64encode(json.dumps({"family": text}).encode()),
    "base64 of base64url": lambda text: b64encode(b'{"head":"' + urlsafe_b64encode(b"(" + text.encode()) + b'"}'),
    "UTF-16, little end first": lambda text: text.encode("utf-16-le"),
    "UTF-16, big end first": lambda text: text.encode("utf-16-be"),
    "hexadecimal": lambda text: text.encode().hex().encode(),
    "capital hexadecimal": lambda text: text.encode().hex().upper().encode(),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("canary", [ONYX.family, "Zoë Erfunden-Ö"])
def test_a_name_in_a_file_of_the_hub_is_found_however_it_is_spelt(canary: str, spelling: str, tmp_path: Path) -> None:
    (tmp_path / "hub").mkdir()
    (tmp_path / "hub" / "core.1234").write_bytes(b"\x00\x7f" + SPELLINGS[spelling](canary) + b"\xff")

    assert canaries_in((tmp_path / "hub" / "core.1234").read_bytes(), [canary]) == [canary]


def test_a_name_in_a_log_beside_the_hubs_file_is_found(folder: Path) -> None:
    (hub_folder(folder) / "hub.log").write_text(f"cannot parse {ONYX.street}\n")

    assert found(check(folder, canaries=CANARIES), "I7", f"{ONYX.street} in hub.log")


def test_a_name_in_a_value_that_the_database_cuts_in_two_is_found(folder: Path) -> None:
    value = (ONYX.family + "." * (16 - len(ONYX.family) % 16)).encode() * 4_000  # many pages: one of the cuts hits it
    change(hub_db(folder), "INSERT INTO position VALUES (?, 1)", value.decode())

    assert found(check(folder, canaries=CANARIES), "I7", "table position")


def test_a_name_as_the_name_of_a_file_is_found(folder: Path) -> None:
    (hub_folder(folder) / "spool" / ONYX.family).mkdir(parents=True)

    assert found(check(folder, canaries=CANARIES), "I7", ONYX.family)
