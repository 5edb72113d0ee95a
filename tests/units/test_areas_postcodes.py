"""Postcodes: exact for those that exist, a refusal for what could lie in two districts, and silent about the home.

A real postcode stands in two parts, as the house asks.
"""

import csv
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable
from importlib.resources import files
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import AreaCode, UnknownArea, area_table
from schemas.areas import (
    MalformedInward,
    MalformedPostcode,
    NoDistrict,
    PlaceConflict,
    PostcodeRefused,
    PseudoPostcode,
    SectorOnly,
    UnknownPostcode,
    check_place,
    where,
)
from schemas.areas.postcodes import LETTERS, postcode_table

TABLE = area_table()
POSTCODES = postcode_table()
PAIRS = [first + second for first, second in product(LETTERS, repeat=2)]

PRESTON, SOUTH_RIBBLE = AreaCode("E07000123"), AreaCode("E07000126")
IN_PRESTON = "PR1 1" + "LD"
IN_SOUTH_RIBBLE = "PR4 5" + "SA"
UNKNOWN = "LA6 1" + "ZZ"
WITHOUT = "B29 6" + "XE"


def rows() -> list[dict[str, str]]:
    text = files("schemas.areas").joinpath("data/postcode_sectors.csv").read_text("utf-8")
    return list(csv.DictReader(text.splitlines()))


def districts_of(sector: str) -> Counter[str]:
    """How many postcodes of the sector the resolver finds in each district."""
    found: Counter[str] = Counter()
    for pair in PAIRS:
        try:
            found[where(sector + pair).district.code] += 1
        except (UnknownPostcode, NoDistrict):
            continue
    return found


# --- the data ---------------------------------------------------------------------------------------------------------


def test_it_has_every_postcode_of_october_2025() -> None:
    assert sum(int(row["postcodes"]) for row in rows()) == 1_584_373 - 1_022
    assert sum(len(row["inward"].split()) for row in rows()) == 55_680
    assert len(POSTCODES.sectors) == 9_712
    assert len(POSTCODES.known) == 2_336
    assert len(POSTCODES.without) == 1_022


def test_every_row_is_of_a_present_district_and_says_which_postcodes_are_its_own() -> None:
    before = {"sector": "", "postcodes": "0"}
    for row in rows():
        assert AreaCode(row["lad_code"]) in TABLE.districts
        inward = row["inward"].split()
        if row["sector"] != before["sector"]:
            assert not inward  # the most frequent, which has all others
        else:
            assert len(inward) == len(set(inward)) == int(row["postcodes"]) <= int(before["postcodes"])
            assert all(POSTCODES.exists(row["sector"], pair) for pair in inward)
        before = row


def test_no_postcode_has_two_districts() -> None:
    every = Counter((row["sector"], pair) for row in rows() for pair in row["inward"].split())

    assert set(every.values()) == {1}


def test_which_postcodes_exist_is_known_for_just_the_sectors_that_span_districts() -> None:
    counts: dict[str, list[int]] = {}
    for row in rows():
        counts.setdefault(row["sector"], []).append(int(row["postcodes"]))
    without = Counter(postcode[:-2] for postcode in POSTCODES.without)

    assert set(POSTCODES.known) == {sector for sector, each in counts.items() if len(each) > 1}
    for sector, bits in POSTCODES.known.items():
        assert len(bits) == 100
        assert int(bits, 16).bit_count() == sum(counts[sector]) + without[sector]


@pytest.mark.parametrize("sector", sorted(POSTCODES.known)[::11])
def test_every_postcode_of_a_sector_that_spans_districts_is_found_where_it_lies_and_no_other_is(sector: str) -> None:
    said = {row["lad_code"]: int(row["postcodes"]) for row in rows_of(sector)}

    assert districts_of(sector) == said


def rows_of(sector: str) -> Iterable[dict[str, str]]:
    return ({"lad_code": row.split(",")[0], "postcodes": row.split(",")[1]} for row in POSTCODES.sectors[sector])


@pytest.mark.parametrize("sector", sorted(POSTCODES.sectors.keys() - POSTCODES.known.keys())[::97])
def test_all_of_a_sector_in_one_district_lies_there_and_it_is_said_that_no_more_is_known(sector: str) -> None:
    (row,) = rows_of(sector)

    assert set(districts_of(sector)) == {row["lad_code"]}
    assert not any(where(sector + pair).listed for pair in PAIRS if sector + pair not in POSTCODES.without)


@pytest.mark.parametrize(
    "postcode", sorted(POSTCODES.without)[::37], ids=lambda postcode: f"{postcode[:-2]} {postcode[-2:]}"
)
def test_a_postcode_that_has_no_district_is_not_given_that_of_its_neighbours(postcode: str) -> None:
    with pytest.raises(NoDistrict) as refused:
        where(postcode)

    assert refused.value.candidates == POSTCODES.candidates(postcode[:-2])


# --- how it is written ------------------------------------------------------------------------------------------------


@given(st.sampled_from(sorted(POSTCODES.known)), st.data())
def test_case_and_spacing_change_nothing(sector: str, data: st.DataObject) -> None:
    pair = data.draw(st.sampled_from([pair for pair in PAIRS if POSTCODES.exists(sector, pair)]))
    postcode = sector + pair
    spaces = data.draw(st.lists(st.sampled_from(["", " ", "\t", "\u00a0"]), min_size=8, max_size=8))
    cases = data.draw(st.lists(st.booleans(), min_size=8, max_size=8))
    written = "".join(
        space + (letter.lower() if lower else letter)
        for letter, space, lower in zip(postcode.replace(" ", ""), spaces, cases, strict=False)
    )
    if postcode not in POSTCODES.without:
        assert where(written) == where(postcode)
        assert where(written).postcode == postcode


@pytest.mark.parametrize(
    ("given", "refusal"),
    [
        ("", MalformedPostcode),
        (" ", MalformedPostcode),
        ("PR1", MalformedPostcode),  # half of one
        ("PR", MalformedPostcode),
        ("Preston", MalformedPostcode),
        ("E07000123", MalformedPostcode),
        ("PR4 SB", MalformedInward),
        ("PR4SB", MalformedPostcode),
        ("PR1 1L", MalformedInward),
        ("PR1 LD1", MalformedInward),
        *((f"PR1 1{letter}D", MalformedInward) for letter in "CIKMOV"),
        ("PR1 1" + "LDD", MalformedInward),
        ("PRX1 1" + "LD", MalformedPostcode),
        ("1PR 1" + "LD", MalformedPostcode),
        ("PR1-1" + "LD", MalformedPostcode),
        ("PR1 1" + "LD'--", MalformedPostcode),
        ("\u0420R1 1" + "LD", MalformedPostcode),  # a Cyrillic P
        ("PR1 1" + "\u0196D", MalformedInward),
        ("\u017f80 3" + "AA", MalformedPostcode),  # a long s, whose capital is an S
        ("PR\u00b9 1" + "LD", MalformedPostcode),  # a raised one
        ("PR1 \u0661" + "LD", MalformedPostcode),  # an Arabic one
        ("PR1 1" + "LD \u00e9", MalformedPostcode),
        ("PR1\u200b1" + "LD", MalformedPostcode),
        ("x" * 100_000, MalformedPostcode),
        ("ZZ99 3VZ", PseudoPostcode),
        ("zz993wz", PseudoPostcode),
        ("S80 3", SectorOnly),
        ("s80  3", SectorOnly),
        ("ZZ98 3" + "AA", UnknownPostcode),
        ("EH1 1" + "AA", UnknownPostcode),  # Scotland
        ("BT1 1" + "AA", UnknownPostcode),  # Northern Ireland
        ("GIR 0" + "AA", MalformedPostcode),
    ],
)
def test_what_is_no_postcode_of_ours_is_refused_as_what_it_is(given: str, refusal: type[PostcodeRefused]) -> None:
    with pytest.raises(refusal):
        where(given)


@given(st.one_of(st.text(max_size=12), st.text("PRLAESZ019 ", max_size=9)))
def test_anything_is_either_found_or_refused(given: str) -> None:
    try:
        place = where(given)
    except PostcodeRefused:
        return
    assert place.postcode == f"{place.postcode[:-4]} {place.postcode[-3:]}"
    assert where(place.postcode) == place


# --- a district and a postcode ----------------------------------------------------------------------------------------


def test_a_district_and_a_postcode_that_agree_are_a_place() -> None:
    assert check_place(PRESTON, IN_PRESTON.lower()) == where(IN_PRESTON)


def test_a_conflict_names_both_districts_and_chooses_neither() -> None:
    with pytest.raises(PlaceConflict) as refused:
        check_place(PRESTON, IN_SOUTH_RIBBLE)

    conflict = refused.value
    assert (conflict.asserted.code, conflict.found.code) == (PRESTON, SOUTH_RIBBLE)
    assert [(one.district.code, one.postcodes) for one in conflict.candidates] == [(SOUTH_RIBBLE, 228), (PRESTON, 1)]
    assert str(conflict) == (
        "the district given is Preston (E07000123), and the postcode lies in another; "
        "candidates: South Ribble (E07000126), Preston (E07000123)"
    )


def test_every_other_district_is_in_conflict_with_a_postcode() -> None:
    for code in TABLE.districts.keys() - {PRESTON}:
        with pytest.raises(PlaceConflict):
            check_place(code, IN_PRESTON)


def test_a_former_district_agrees_with_a_postcode_of_what_it_became() -> None:
    place = where("LA6 1" + "BJ")

    assert check_place(AreaCode("E07000031"), place.postcode) == place  # South Lakeland
    with pytest.raises(PlaceConflict):
        check_place(AreaCode("E07000028"), place.postcode)  # Carlisle


@pytest.mark.parametrize("code", ["E07000999", "E10000017", "E10000006", "Preston", ""])
@pytest.mark.parametrize("postcode", [IN_PRESTON, "ZZ99 3VZ"])
def test_an_unknown_district_is_refused_whatever_the_postcode(code: str, postcode: str) -> None:
    with pytest.raises(UnknownArea):
        check_place(AreaCode(code), postcode)


@pytest.mark.parametrize("code", TABLE.districts)
def test_a_postcode_of_no_place_agrees_with_every_district(code: AreaCode) -> None:
    assert check_place(code, "ZZ99 3VZ") is None


@pytest.mark.parametrize("postcode", [UNKNOWN, WITHOUT, "PR4 SB", "LA6 1", "Z99 3" + "AA", "ZZ99 3V", "ZZ99 3VZ 1"])
def test_a_postcode_that_cannot_be_compared_is_refused_even_beside_a_district(postcode: str) -> None:
    for code in ("E07000121", "E06000064", "E08000025"):
        with pytest.raises(PostcodeRefused):
            check_place(AreaCode(code), postcode)


# --- what an error says -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "postcode", [UNKNOWN, WITHOUT, IN_SOUTH_RIBBLE, "PR4 SB", "LA6 1", "ZZ99 3VZZ", "PR99 9" + "ZZ"]
)
def test_an_error_names_districts_and_never_the_postcode(postcode: str) -> None:
    for written in (postcode, postcode.lower(), postcode.replace(" ", "")):
        with pytest.raises(PostcodeRefused) as refused:
            check_place(PRESTON, written)

        error = refused.value
        for text in (str(error), repr(error), error.reason, *map(str, error.args)):
            flat = text.replace(" ", "").upper()
            assert postcode.replace(" ", "") not in flat
            assert postcode.split(maxsplit=1)[0] not in flat
        assert error.postcode == written  # for the desk's own screen
        assert error.__context__ is None
        assert "\n" not in str(error)
        assert all(str(one.district) in str(error) for one in error.candidates)


def test_a_place_does_not_show_its_postcode() -> None:
    assert IN_PRESTON not in repr(where(IN_PRESTON))


# --- what is read, and when -------------------------------------------------------------------------------------------


READ = """
import sys
opened = []
sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == "open" else None)
def data():
    print(*sorted({path.rpartition("/")[2] for path in opened if path.endswith(".csv")}))
import schemas, schemas.areas
data()
schemas.area_table().named("Preston"), schemas.area_table().district("E07000123")
data()
schemas.areas.check_place("E07000123", "ZZ99 3VZ")
data()
schemas.area_table().named("Carlisle")
data()
schemas.areas.where("PE9" + "3AX")
data()
"""


def test_nobody_pays_for_a_table_that_is_not_asked_for() -> None:
    done = subprocess.run([sys.executable, "-c", READ], capture_output=True, text=True, check=True)

    imported, by_district, of_no_place, by_former, by_postcode = (
        set(line.split()) for line in done.stdout.split("\n")[:-1]
    )
    history = {"lad_history.csv", "upper_tier_history.csv"}
    assert imported == set()
    assert by_district == of_no_place == {"lad_current.csv"}
    assert by_former == by_district | {"lad_history.csv"}
    assert by_postcode - history == by_district | {
        "postcode_known.csv",
        "postcode_no_district.csv",
        "postcode_sectors.csv",
    }


def test_all_of_it_is_read_before_anybody_notices() -> None:
    took = []
    for _ in range(3):
        started = time.process_time()
        postcode_table.__wrapped__()
        took.append(time.process_time() - started)

    assert min(took) < 0.150
