"""Former codes: a place that is called by one is found, a patch goes on only on the very same ground."""

import csv
from datetime import date, timedelta
from importlib.resources import files

import pytest

from schemas import AreaCode, DeskType, ServedBy, UnknownArea, area_table
from schemas.areas import AreaTable, districts
from schemas.areas.condense import same_ground
from schemas.areas.districts import former_column
from schemas.areas.history import FormerDistrict, former_counties, former_districts

TABLE = area_table()
FORMER = {row.code for row in former_districts()} | {row.code for row in former_counties()}
COLUMNS = tuple(column for column in ServedBy if column is not ServedBy.ANY)

SAME_COUNCIL = {
    "E06000048": "E06000057",
    "E07000097": "E07000242",
    "E07000100": "E07000240",
    "E07000101": "E07000243",
    "E07000104": "E07000241",
    "E08000016": "E08000038",
    "E08000019": "E08000039",
    "E08000020": "E08000037",
}
"""Mere changes of a code."""
WHOLE_COUNTIES = {"E10000002": "E06000060", "E10000023": "E06000065", "E10000027": "E06000066"}
"""Counties that became one authority, of the same ground."""
SPLIT_COUNTIES = {
    "E10000006": ["E06000063", "E06000064"],
    "E10000009": ["E06000058", "E06000059"],
    "E10000021": ["E06000061", "E06000062"],
}

by_former = pytest.mark.parametrize("row", former_districts(), ids=lambda row: row.code)


def rows(name: str) -> list[dict[str, str]]:
    text = files("schemas.areas").joinpath(f"data/{name}").read_text("utf-8")
    return list(csv.DictReader(text.splitlines()))


# --- places -----------------------------------------------------------------------------------------------------------


@by_former
def test_a_former_code_leads_to_a_present_district_by_every_way(row: FormerDistrict) -> None:
    today = TABLE.districts[row.today]

    assert row.code not in TABLE.districts
    assert TABLE.present(row.code) is TABLE.named(row.code) is TABLE.named(f" {row.code.lower()}\n") is today
    assert TABLE.present(row.successor) is today


@by_former
def test_where_only_present_codes_are_taken_a_former_one_is_refused_with_its_successor(row: FormerDistrict) -> None:
    with pytest.raises(UnknownArea) as refused:
        TABLE.district(row.code)

    assert [one.code for one in refused.value.candidates] == [row.today]
    assert str(refused.value) == f"unknown area `{row.code}`; candidates: {TABLE.districts[row.today]}"


@by_former
def test_its_authority_changes_on_one_day_and_never_before(row: FormerDistrict) -> None:
    if row.since is None:
        assert TABLE.social_services_on(row.code, date.min) == TABLE.social_services_on(row.successor, date.min)
    else:
        eve = row.since - timedelta(days=1)
        assert TABLE.social_services_on(row.code, date.min) == row.social_services
        assert TABLE.social_services_on(row.code, eve) == row.social_services
        assert TABLE.social_services_on(row.code, row.since) == TABLE.social_services_on(row.successor, row.since)
    assert TABLE.social_services_on(row.code, date.max) == TABLE.districts[row.today].bodies[ServedBy.SOCIAL_SERVICES]


@by_former
def test_a_former_name_is_found_unless_a_present_district_bears_it(row: FormerDistrict) -> None:
    assert TABLE.named(row.name).code == row.today
    assert TABLE.name_of(row.code) == row.name


@by_former
def test_a_former_code_names_the_authorities_and_the_force_that_its_row_says(row: FormerDistrict) -> None:
    (said,) = (one for one in rows("lad_history.csv") if one["old_lad_code"] == row.code)
    today = TABLE.present(row.code)

    assert today.name == said["current_lad_name"]
    assert today.force == said["police_force_code"]
    assert today.bodies[ServedBy.SOCIAL_SERVICES] == said["current_social_services_code"]


def test_there_are_fifty_former_codes_each_once() -> None:
    assert len(former_districts()) == len({row.code for row in former_districts()}) == 50


@pytest.mark.parametrize("code", [*WHOLE_COUNTIES, *SPLIT_COUNTIES])
def test_a_former_county_is_no_district_whatever_became_of_it(code: str) -> None:
    after = [WHOLE_COUNTIES[code]] if code in WHOLE_COUNTIES else SPLIT_COUNTIES[code]

    for find in (TABLE.district, TABLE.present, TABLE.named):
        with pytest.raises(UnknownArea) as refused:
            find(AreaCode(code))
        assert [one.code for one in refused.value.candidates] == after


@pytest.mark.parametrize("code", ["E07000999", "e07000028", "E07000028 ", "Carlisle", "", "S12000036", "*"])
def test_only_the_very_code_stands_for_a_district(code: str) -> None:
    with pytest.raises(UnknownArea):
        TABLE.present(AreaCode(code))


def test_a_code_that_was_split_is_refused_with_what_it_became(monkeypatch: pytest.MonkeyPatch) -> None:
    row = next(row for row in former_districts() if row.code == "E07000028")
    other = FormerDistrict(
        row.code, row.name, row.social_services, AreaCode("E06000064"), row.since, AreaCode("E06000064")
    )
    monkeypatch.setattr("schemas.areas.history.former_districts", lambda: (row, other))
    monkeypatch.setattr(districts, "former_districts", lambda: (row, other))

    for find in (TABLE.present, TABLE.named, lambda code: TABLE.social_services_on(code, date.max)):
        with pytest.raises(UnknownArea) as refused:
            find(row.code)
        assert [one.code for one in refused.value.candidates] == ["E06000063", "E06000064"]
    with pytest.raises(UnknownArea):
        TABLE.named("Carlisle")


# --- patches ----------------------------------------------------------------------------------------------------------


def test_a_patch_may_name_a_former_code_only_of_the_very_same_ground() -> None:
    assert FORMER & TABLE.known == {*SAME_COUNCIL, *WHOLE_COUNTIES}


@pytest.mark.parametrize(("old", "new"), SAME_COUNCIL.items())
def test_a_patch_by_an_old_code_of_the_same_council_serves_what_the_new_one_serves(old: str, new: str) -> None:
    for desk_type in DeskType:
        by_old, by_new = (_served(TABLE, desk_type, code) for code in (old, new))
        assert by_old == by_new
    assert _served(TABLE, DeskType.HOUSING_AUTHORITY, old) == {new}


@pytest.mark.parametrize(("old", "new"), WHOLE_COUNTIES.items())
def test_a_patch_by_a_former_county_serves_what_a_county_serves_and_no_more(old: str, new: str) -> None:
    for desk_type in (DeskType.CHILDREN_SOCIAL_CARE, DeskType.ADULT_SOCIAL_CARE, DeskType.EDUCATION_AUTHORITY):
        assert _served(TABLE, desk_type, old) == {new}
    for desk_type in (DeskType.HOUSING_AUTHORITY, DeskType.POLICE):
        assert _served(TABLE, desk_type, old) == set()


def test_no_former_code_widens_any_patch() -> None:
    """Who had one of several districts that are one today is not told of the others."""
    for code in FORMER - {*SAME_COUNCIL, *WHOLE_COUNTIES}:
        assert not any(_served(TABLE, desk_type, code) for desk_type in DeskType)
        assert not any(code in TABLE.codes_in_force(force) for force in TABLE.in_force)


def test_the_columns_of_former_codes_are_what_the_history_says() -> None:
    former = same_ground(rows("lad_history.csv"), rows("upper_tier_history.csv"))

    for row in rows("lad_current.csv"):
        for column in COLUMNS:
            assert set(row[former_column(column)].split()) == former[column, row[column.value]]
    assert all(not row[former_column(ServedBy.FORCE)] for row in rows("lad_current.csv"))


def test_no_former_code_stands_for_two_bodies_of_one_function() -> None:
    for column in COLUMNS:
        bodies: dict[AreaCode, set[AreaCode]] = {}
        for district in TABLE.districts.values():
            for code in district.codes[column]:
                bodies.setdefault(code, set()).add(district.bodies[column])
        assert all(len(same) == 1 for same in bodies.values())


def test_every_district_may_be_served_under_every_code_that_is_looked_up() -> None:
    for district in TABLE.districts.values():
        for column in COLUMNS:
            assert district.bodies[column] in district.codes[column]
        assert district.codes[ServedBy.ANY] >= {
            district.code,
            district.force,
            district.bodies[ServedBy.SOCIAL_SERVICES],
        }
        assert district.closure == frozenset().union(*district.codes.values())


# --- what is unknown --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "candidates"),
    [
        ("Prest", ["Preston"]),
        ("Preston City Council", ["Preston"]),
        ("Cumbria", ["Cumberland", "Westmorland and Furness"]),
        ("westmorland", ["Westmorland and Furness"]),
        ("E10000034", ["Bromsgrove", "Malvern Hills", "Redditch", "Worcester", "Wychavon", "Wyre Forest"]),
        ("Atlantis", []),
        ("of", []),
        ("", []),
    ],
)
def test_what_may_have_been_meant_is_said_and_never_chosen(name: str, candidates: list[str]) -> None:
    with pytest.raises(UnknownArea) as refused:
        TABLE.named(name)

    assert [one.name for one in refused.value.candidates] == candidates
    assert all(str(one) in str(refused.value) for one in refused.value.candidates)


def test_of_many_candidates_the_text_names_some_and_counts_the_rest() -> None:
    with pytest.raises(UnknownArea) as refused:
        TABLE.named("E23000003")

    assert len(refused.value.candidates) == 14
    assert str(refused.value).endswith(", 6 more")
    assert str(refused.value).count("(E0") == 8


@pytest.mark.parametrize("given", ["PR1 1" + "LD", "pr11ld", "7 Nonesuch Row, LA6 1" + "AA", "ZZ99 3VZ"])
def test_a_postcode_where_a_district_is_asked_for_is_not_repeated(given: str) -> None:
    for find in (TABLE.named, TABLE.district):
        with pytest.raises(UnknownArea) as refused:
            find(AreaCode(given))

        assert str(refused.value) == "unknown area: a postcode is no district"


def test_a_name_is_that_of_a_district_a_county_or_a_force() -> None:
    assert TABLE.name_of(AreaCode("E10000017")) == TABLE.name_of(AreaCode("E23000003")) == "Lancashire"
    for code in TABLE.known | FORMER:
        assert TABLE.name_of(code)
    with pytest.raises(UnknownArea):
        TABLE.name_of(AreaCode("E07000999"))


def _served(table: AreaTable, desk_type: DeskType, code: str) -> set[str]:
    return {one.code for one in table.districts.values() if one.served_by(desk_type, {AreaCode(code)})}
