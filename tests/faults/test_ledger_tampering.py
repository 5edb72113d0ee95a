"""Whoever can write to the hub's file cannot change what was done: `tellwise ledger verify` says so, and says where.

Most cases play on a quiet day's small folder, because each of them verifies everything; what `tellwise demo` leaves is
looked at in test_ledger_rewriting.py, with all that an operator could do who has the hub's keys.
"""

import random
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations, pairwise
from pathlib import Path

import apsw
import pytest

from broker.cli.verify_folder import verify_folder
from broker.errors import FolderUnusable
from broker.ledger.entries import Filler, read_entry
from broker.ledger.verify import Report
from tests.faults.county import DIRECTORY_LOG, LANE, hub_db, live_a_quiet_day
from tests.faults.page_checksums import with_checksums
from tests.faults.tampering import Row, TamperedLedger, Value, every_other_byte, other_values, with_byte
from tests.personas import BLACKBURN_CHILDREN

SEED = 20260302
LEDGER_TABLES = (
    "SELECT log, i, entry FROM ledger_entry ORDER BY rowid",
    "SELECT log, i, sealed FROM ledger_detail ORDER BY rowid",
    "SELECT log, size, note FROM ledger_checkpoint ORDER BY rowid",
    "SELECT log, frontier FROM ledger_frontier ORDER BY rowid",
)


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder after a quiet day. Each test takes back what it changes."""
    return live_a_quiet_day(tmp_path_factory.mktemp("day") / "data")


@pytest.fixture
def ledger(day: Path) -> Iterator[TamperedLedger]:
    """Its ledgers."""
    tampered = TamperedLedger(day)
    yield tampered
    tampered.close()


def whole(report: Report | None) -> bool:
    return report is not None and not report.findings


def test_what_nobody_touched_is_as_it_was_signed(day: Path, ledger: TamperedLedger) -> None:
    report = verify_folder(day)

    assert report.findings == []
    assert report.sizes == {DIRECTORY_LOG: 4, LANE: 96}
    assert report.unsigned == {}
    assert report.disclosures == 1
    assert report.kept > 10


def test_every_table_of_the_ledger_has_rows_to_tamper_with(ledger: TamperedLedger) -> None:
    tables = ledger.tables()

    assert tables == ["ledger_checkpoint", "ledger_detail", "ledger_entry", "ledger_frontier"]
    assert [table for table in tables if len(ledger.rows(table)) < 2] == []


# --- one value changed ------------------------------------------------------------------------------------------------


def test_a_change_in_any_column_of_any_row_is_found_where_it_is(ledger: TamperedLedger) -> None:
    chance = random.Random(SEED)
    passed_over, tried = [], 0
    for row in ledger.rows():
        for column, value in row.values.items():
            for other in other_values(value, chance):
                with ledger.changed(row, column, other) as is_changed:
                    if is_changed and other != value:
                        tried += 1
                        report = ledger.verify()
                        if not is_told(report, row, column, other):
                            passed_over.append((row.table, row.log, row.number, column, other, report))

    assert passed_over == []
    assert tried > 1_000
    assert whole(ledger.verify())


def is_told(report: Report | None, row: Row, column: str, value: Value) -> bool:
    """Whether a report names the place that was changed: where it was, or where it seems to be now."""
    if report is None:
        return column == "log" and isinstance(value, bytes)  # a name that is no text: the file cannot be read
    now = replace(row, values={**row.values, column: value})
    return row.is_named_by(report) or now.is_named_by(report) or any(value == found.where for found in report.findings)


@pytest.mark.parametrize("kind", ["disclosure", "filler"])
def test_every_byte_of_an_entry_counts(ledger: TamperedLedger, kind: str) -> None:
    row = next(row for row in ledger.rows("ledger_entry") if row.log == LANE and operation(row) == kind)

    assert not_told(ledger, row, "entry") == []


def test_every_byte_of_a_directory_event_counts(ledger: TamperedLedger) -> None:
    row = min(
        (row for row in ledger.rows("ledger_entry") if row.log == DIRECTORY_LOG),
        key=lambda row: len(str(row.values["entry"])),
    )

    assert not_told(ledger, row, "entry") == []


@pytest.mark.parametrize(
    ("table", "column"), [("ledger_detail", "sealed"), ("ledger_checkpoint", "note"), ("ledger_frontier", "frontier")]
)
def test_every_byte_beside_the_entries_counts(ledger: TamperedLedger, table: str, column: str) -> None:
    row = min(ledger.rows(table), key=lambda row: len(str(row.values[column])))

    assert not_told(ledger, row, column) == []


def not_told(ledger: TamperedLedger, row: Row, column: str) -> list[bytes]:
    """The changes of one byte that a verification does not find, or not in their place."""
    value = row.values[column]
    assert isinstance(value, bytes)
    missed = []
    for other in every_other_byte(value, random.Random(SEED)):
        with ledger.changed(row, column, other):
            if not is_told(ledger.verify(), row, column, other):
                missed.append(other)
    assert whole(ledger.verify())
    return missed


# --- rows removed, swapped, added -------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", ["ledger_entry", "ledger_detail", "ledger_frontier"])
def test_a_row_that_was_removed_is_missed(ledger: TamperedLedger, table: str) -> None:
    not_missed = []
    for row in ledger.rows(table):
        with ledger.removed(row):
            report = ledger.verify()
            if report is None or not row.is_named_by(report):
                not_missed.append((row.log, row.number, report))

    assert not_missed == []
    assert whole(ledger.verify())


def test_a_checkpoint_that_the_hub_lost_is_not_missed_because_it_follows_from_the_entries(
    ledger: TamperedLedger,
) -> None:
    """What is told of one at the end is that the last entries are not signed. Desks keep their own, so nothing that the
    lost one covered can be changed all the same."""
    rows = [row for row in ledger.rows("ledger_checkpoint") if row.log == LANE]
    last = max(rows, key=lambda row: row.number)
    last_entry = max((row for row in ledger.rows("ledger_entry") if row.log == LANE), key=lambda row: row.number)

    for row in rows:
        with ledger.removed(row):
            report = ledger.verify()
            assert whole(report)
            assert report is not None
            assert report.unsigned == ({LANE: 16} if row == last else {})
    with ledger.removed(last), ledger.changed(last_entry, "entry", entry_like(last_entry)):
        report = ledger.verify()

    assert report is not None
    assert f"{LANE}, checkpoint {last.number} kept by desk `{BLACKBURN_CHILDREN.name}`" in places(report)


def test_two_entries_that_changed_places_are_found(ledger: TamperedLedger) -> None:
    entries = [row for row in ledger.rows("ledger_entry") if row.log == LANE]
    fillers = [row for row in entries if operation(row) == "filler"]
    others = [row for row in entries if operation(row) != "filler"]
    chance = random.Random(SEED)
    pairs = [*((fillers[0], other) for other in others), *pairwise(fillers)]
    pairs += [chance.choices(others, k=2) for _ in range(20)]  # type: ignore[misc]

    for one, other in pairs:
        if one != other:
            with ledger.swapped(one, other):
                report = ledger.verify()
            assert report is not None
            assert one.is_named_by(report) or other.is_named_by(report), (one, other, report)
    assert whole(ledger.verify())


def test_an_entry_that_moved_into_the_other_ledger_is_found(ledger: TamperedLedger) -> None:
    lane, directory = (
        next(row for row in ledger.rows("ledger_entry") if row.log == log and row.number == 3)
        for log in (LANE, DIRECTORY_LOG)
    )

    with ledger.swapped(lane, directory):
        report = ledger.verify()

    assert report is not None
    assert lane.is_named_by(report)
    assert directory.is_named_by(report)


@pytest.mark.parametrize("table", ["ledger_detail", "ledger_checkpoint", "ledger_frontier"])
def test_two_of_what_stands_beside_the_entries_that_changed_places_are_found(
    ledger: TamperedLedger, table: str
) -> None:
    rows = ledger.rows(table)

    for one, other in combinations(rows, 2):
        with ledger.swapped(one, other):
            report = ledger.verify()
        assert report is not None
        assert one.is_named_by(report)
        assert other.is_named_by(report)
    assert whole(ledger.verify())


def test_an_entry_that_was_added_is_found(ledger: TamperedLedger) -> None:
    entries = [row for row in ledger.rows("ledger_entry") if row.log == LANE]
    added = replace(entries[-1], rowid=10**6, values={"log": LANE, "i": len(entries), "entry": entry_like(entries[-1])})

    with ledger.added(added):
        report = ledger.verify()

    assert report is not None
    assert places(report) == [f"{LANE}, right edge"]
    assert whole(ledger.verify())


def test_a_detail_record_or_a_checkpoint_that_was_added_is_found(ledger: TamperedLedger) -> None:
    for table, column in (("ledger_detail", "i"), ("ledger_checkpoint", "size")):
        row = ledger.rows(table)[0]
        for number in (-1, 5, 96, 1_000):
            added = replace(row, rowid=10**6, values={**row.values, column: number})
            if any(other.log == row.log and other.number == number for other in ledger.rows(table)):
                continue
            with ledger.added(added):
                report = ledger.verify()
            assert report is not None
            assert added.is_named_by(report)


def places(report: Report) -> list[str]:
    return [finding.where for finding in report.findings]


def operation(row: Row) -> str:
    entry = row.values["entry"]
    assert isinstance(entry, bytes)
    return read_entry(entry).op


def entry_like(row: Row) -> bytes:
    """An entry that is in order in itself: nothing happened, with another salt."""
    entry = row.values["entry"]
    assert isinstance(entry, bytes)
    line = read_entry(entry)
    return Filler.of(salt="AAAAAAAAAAAAAAAAAAAAAA", ts=line.ts, dir=line.dir).to_bytes()


# --- what is outside the tables ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "what"),
    [("hub/hub.db", LEDGER_TABLES), (f"desks/{BLACKBURN_CHILDREN.name}/desk.db", ("SELECT note FROM checkpoint",))],
)
def test_a_flipped_bit_anywhere_in_a_file_is_found_or_harms_no_ledger(
    day: Path, tmp_path: Path, file: str, what: tuple[str, ...]
) -> None:
    shutil.copytree(day, tmp_path / "data")
    path, chance = tmp_path / "data" / file, random.Random(SEED)
    data, before = path.read_bytes(), read(path, what)
    outcomes = Counter[str]()

    for _ in range(400):
        place = chance.randrange(len(data))
        path.write_bytes(with_byte(data, place, data[place] ^ 1 << chance.randrange(8)))
        try:
            report = verify_folder(tmp_path / "data")
        except FolderUnusable:
            outcomes["cannot be read"] += 1
            continue
        outcomes["found" if report.findings else "elsewhere"] += 1
        if not report.findings:
            assert read(path, what) == before, f"a changed bit at byte {place} was passed over"

    assert outcomes["found"] + outcomes["cannot be read"] > 0
    assert outcomes["elsewhere"] > 0


def read(path: Path, queries: tuple[str, ...]) -> list[list[tuple[object, ...]]]:
    database = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return [list(database.execute(query)) for query in queries]
    finally:
        database.close()


@pytest.mark.parametrize(("table", "begins"), [("ledger_entry", b'{"'), ("ledger_checkpoint", LANE.encode())])
def test_a_byte_that_was_changed_in_a_table_past_its_index_is_found(
    day: Path, tmp_path: Path, table: str, begins: bytes
) -> None:
    """SQLite finds rows by an index that has the ledger's name too: the file read by its tables says another thing."""
    shutil.copytree(day, tmp_path / "data")
    path, name = hub_db(tmp_path / "data"), LANE.encode()
    data, before = path.read_bytes(), read(path, LEDGER_TABLES)
    told = []

    for place in range(len(data)):  # of a row: the name, a number of one byte, and what is kept under both
        if data.startswith(name, place) and data.startswith(begins, place + len(name) + 1):
            path.write_bytes(with_checksums(with_byte(data, place, data[place] ^ 1)))
            if read(path, LEDGER_TABLES) != before:  # and no copy that SQLite left behind when it moved the row
                report = verify_folder(tmp_path / "data")
                told.append(f"table `{table}`" in places(report))

    assert len(told) > 3
    assert all(told)


@pytest.mark.parametrize("left", [0, 100, 4_096, 40_000])
def test_a_file_that_ends_too_early_cannot_be_read(day: Path, tmp_path: Path, left: int) -> None:
    shutil.copytree(day, tmp_path / "data")
    path = hub_db(tmp_path / "data")
    path.write_bytes(path.read_bytes()[:left])

    with pytest.raises(FolderUnusable):
        verify_folder(tmp_path / "data")


def test_without_the_hubs_file_nothing_is_verified(day: Path, tmp_path: Path) -> None:
    shutil.copytree(day, tmp_path / "data")
    hub_db(tmp_path / "data").unlink()

    with pytest.raises(FolderUnusable):
        verify_folder(tmp_path / "data")
