"""Which bodies serve a district: the right council for each function, the right force, and nobody for what is unknown.

The districts are those of the study's acceptance tests AR-01 to AR-09 and AR-78, copied by hand.
"""

import csv
import re
from hashlib import sha256
from importlib.resources import files
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import DESK_TYPES, AreaCode, DeskType, District, ServedBy, UnknownArea, area_table
from schemas.compartments import LocationHint
from tests.personas import BLACKBURN, CHORLEY, LANCASHIRE, LANCASHIRE_FORCE, PRESTON

TABLE = area_table()
DISTRICTS = sorted(TABLE.districts.values(), key=lambda district: district.code)


class Row(NamedTuple):
    """What serves a district. `social` is also the education authority."""

    id: str
    code: str
    name: str
    housing: str
    social: str
    force: str
    mappa_area: str


ROWS = (
    Row("AR-01", "E07000123", "Preston", "E07000123", "E10000017", "E23000003", "Lancashire"),
    Row("AR-02", "E06000008", "Blackburn with Darwen", "E06000008", "E06000008", "E23000003", "Lancashire"),
    Row("AR-03", "E06000009", "Blackpool", "E06000009", "E06000009", "E23000003", "Lancashire"),
    Row("AR-04", "E09000007", "Camden", "E09000007", "E09000007", "E23000001", "London"),
    Row("AR-05", "E09000001", "City of London", "E09000001", "E09000001", "E23000034", "London"),
    Row("AR-06", "E08000003", "Manchester", "E08000003", "E08000003", "E23000005", "Greater Manchester"),
    Row("AR-07", "W06000019", "Blaenau Gwent", "W06000019", "W06000019", "W15000002", "Gwent"),
    Row("AR-08", "E06000053", "Isles of Scilly", "E06000053", "E06000053", "E23000035", "Devon & Cornwall"),
    Row("AR-09", "E07000237", "Worcester", "E07000237", "E10000034", "E23000016", "West Mercia"),
)

UNKNOWN = [
    "",
    "E07000999",
    "E10000017",  # a county
    "E23000003",  # a police force area
    "E08000019",  # Sheffield until 2025
    "S12000036",  # Edinburgh
    "e07000123",
    "E07000123 ",
    "Preston",
    "*",
]

by_district = pytest.mark.parametrize("district", DISTRICTS, ids=lambda district: district.code)


def serves(desk_type: DeskType, patch: str, district: str) -> bool:
    return TABLE.district(AreaCode(district)).served_by(desk_type, {AreaCode(patch)})


# --- the study's rows -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_a_district_is_served_by_these_bodies(row: Row) -> None:
    district = TABLE.district(AreaCode(row.code))

    assert district.name == row.name
    assert district.mappa_area == row.mappa_area
    assert district.force == row.force
    assert district.bodies == {
        ServedBy.HOUSING: row.housing,
        ServedBy.SOCIAL_SERVICES: row.social,
        ServedBy.EDUCATION: row.social,
        ServedBy.FORCE: row.force,
    }
    assert district.closure == {row.code, row.housing, row.social, row.force}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_a_desk_serves_a_district_only_by_the_body_of_its_own_function(row: Row) -> None:
    by_body = {ServedBy.HOUSING: row.housing, ServedBy.FORCE: row.force}
    for desk_type, kind in DESK_TYPES.items():
        right = (
            {row.code, row.social, row.force}
            if kind.served_by is ServedBy.ANY
            else {by_body.get(kind.served_by, row.social)}
        )
        for patch in {row.code, row.housing, row.social, row.force, "E07000118", "E10000099"}:
            assert serves(desk_type, patch, row.code) == (patch in right)


def test_the_county_has_the_children_of_preston_and_the_district_has_its_housing() -> None:
    assert serves(DeskType.CHILDREN_SOCIAL_CARE, LANCASHIRE, PRESTON)
    assert serves(DeskType.HOUSING_AUTHORITY, PRESTON, PRESTON)
    assert not serves(DeskType.CHILDREN_SOCIAL_CARE, PRESTON, PRESTON)
    assert not serves(DeskType.HOUSING_AUTHORITY, LANCASHIRE, PRESTON)


def test_the_county_hears_nothing_of_the_unitary_authority_beside_it() -> None:
    assert serves(DeskType.CHILDREN_SOCIAL_CARE, BLACKBURN, BLACKBURN)
    assert serves(DeskType.HOUSING_AUTHORITY, BLACKBURN, BLACKBURN)
    assert serves(DeskType.POLICE, LANCASHIRE_FORCE, BLACKBURN)
    assert not any(serves(desk_type, LANCASHIRE, BLACKBURN) for desk_type in DeskType)


def test_two_forces_share_the_area_of_london_and_neither_serves_the_others_districts() -> None:
    assert serves(DeskType.POLICE, "E23000034", "E09000001")
    assert not serves(DeskType.POLICE, "E23000001", "E09000001")
    assert not serves(DeskType.POLICE, "E23000034", "E09000007")


def test_lancashire_has_fourteen_housing_authorities_three_of_social_services_and_one_force() -> None:
    districts = [district for district in DISTRICTS if district.force == LANCASHIRE_FORCE]

    assert len(districts) == len({district.bodies[ServedBy.HOUSING] for district in districts}) == 14
    assert {district.bodies[ServedBy.SOCIAL_SERVICES] for district in districts} == {LANCASHIRE, BLACKBURN, "E06000009"}


def test_west_mercia_is_herefordshire_shropshire_telford_and_the_districts_of_worcestershire() -> None:
    districts = {district.name for district in DISTRICTS if district.force == "E23000016"}

    assert districts == {
        "Herefordshire, County of",
        "Shropshire",
        "Telford and Wrekin",
        "Bromsgrove",
        "Malvern Hills",
        "Redditch",
        "Worcester",
        "Wychavon",
        "Wyre Forest",
    }


# --- every district ---------------------------------------------------------------------------------------------------


def test_there_are_318_districts_in_43_forces() -> None:
    assert len(TABLE.districts) == 318
    assert sum(code.startswith("E") for code in TABLE.districts) == 296
    assert sum(code.startswith("W") for code in TABLE.districts) == 22
    assert len({district.force for district in DISTRICTS}) == len(TABLE.in_force) == 43
    assert len({district.mappa_area for district in DISTRICTS}) == 42
    assert len({district.bodies[ServedBy.SOCIAL_SERVICES] for district in DISTRICTS}) == 175


@by_district
def test_every_district_has_all_four_bodies_and_each_has_a_code(district: District) -> None:
    assert set(district.bodies) == set(ServedBy) - {ServedBy.ANY}
    for code in district.closure:
        assert re.fullmatch("[EW][0-9]{8}", code)
    assert re.match("E0[6-9]|W06", district.code)
    assert re.match("E23|W15", district.force)
    assert district.bodies[ServedBy.HOUSING] == district.code
    social = district.bodies[ServedBy.SOCIAL_SERVICES]
    assert social.startswith("E10") if district.code.startswith("E07") else social == district.code
    assert district.bodies[ServedBy.EDUCATION] == social
    assert district.name == district.name.strip()
    assert district.name.isprintable()
    assert district.mappa_area


def test_every_code_in_the_table_is_one_that_a_model_takes() -> None:
    assert TABLE.known == frozenset().union(*(district.closure for district in DISTRICTS))
    assert all(LocationHint.of(district=code).district == code for code in TABLE.known)


@by_district
def test_what_a_desk_needs_to_serve_a_district_is_among_what_is_looked_up(district: District) -> None:
    for desk_type in DeskType:
        needed = district.areas_for(desk_type)

        assert needed
        assert needed <= district.closure <= TABLE.known
        assert district.served_by(desk_type, needed)
        assert not district.served_by(desk_type, ())
        assert not district.served_by(desk_type, TABLE.known - needed)


@by_district
def test_a_social_care_desk_of_a_mere_district_of_a_county_serves_nothing(district: District) -> None:
    if district.code.startswith("E07"):
        for desk_type in (DeskType.CHILDREN_SOCIAL_CARE, DeskType.ADULT_SOCIAL_CARE, DeskType.EDUCATION_AUTHORITY):
            assert not any(other.served_by(desk_type, {district.code}) for other in DISTRICTS)


@by_district
def test_a_police_desk_serves_by_its_force_and_never_by_a_council(district: District) -> None:
    councils = district.closure - {district.force}

    assert district.served_by(DeskType.POLICE, {district.force})
    assert not any(other.served_by(DeskType.POLICE, councils) for other in DISTRICTS)


def test_nobody_but_the_police_of_one_force_serves_a_district() -> None:
    for district in DISTRICTS:
        assert [force for force in TABLE.in_force if district.served_by(DeskType.POLICE, {force})] == [district.force]


# --- names ------------------------------------------------------------------------------------------------------------


def rows() -> list[dict[str, str]]:
    text = files("schemas.areas").joinpath("data/lad_current.csv").read_text("utf-8")
    return list(csv.DictReader(text.splitlines()))


def test_no_two_districts_share_a_code_or_a_name_in_any_case() -> None:
    assert len({row["lad_code"] for row in rows()}) == len(rows()) == len(TABLE.districts)
    assert len({row["lad_name"].casefold() for row in rows()}) == len(rows()) == len(TABLE.by_name)


def test_no_two_names_differ_only_in_what_a_person_would_overlook() -> None:
    seen = {re.sub(r"[^a-z]", "", row["lad_name"].casefold()) for row in rows()}

    assert len(seen) == len(rows())


@by_district
def test_a_district_is_found_by_its_name_and_its_code_whatever_their_case(district: District) -> None:
    name, code = district.name, district.code

    for given_as in (
        name,
        name.upper(),
        name.lower(),
        name.swapcase(),
        f"  {name}\t",
        code,
        code.lower(),
        f" {code}\n",
    ):
        assert TABLE.named(given_as) is district
    assert TABLE.district(code) is district


@pytest.mark.parametrize("code", UNKNOWN)
def test_an_unknown_code_is_refused(code: str) -> None:
    with pytest.raises(UnknownArea):
        TABLE.district(AreaCode(code))


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "Lancashire",  # a county and a police force, and no district
        "London",
        "Prest",
        "Preston City Council",
        "Pre ston",
        "Prest\u043en",  # a Cyrillic o
        "Westmorland",
        "Northamptonshire",
        "E07000999",
        "E10000017",
        "E23000003",
        "*",
    ],
)
def test_an_unknown_name_is_refused_and_nothing_like_it_is_guessed(name: str) -> None:
    with pytest.raises(UnknownArea):
        TABLE.named(name)


def test_of_what_is_unknown_no_more_is_repeated_than_a_name_is_long() -> None:
    with pytest.raises(UnknownArea) as refused:
        TABLE.named("x" * 10_000)

    assert str(refused.value) == f"unknown area `{'x' * 60}`"


# --- two districts, one force -----------------------------------------------------------------------------------------


def test_another_authority_is_that_of_another_county() -> None:
    assert TABLE.other_authority(BLACKBURN, PRESTON)
    assert TABLE.other_authority(PRESTON, BLACKBURN)
    assert not TABLE.other_authority(CHORLEY, PRESTON)
    assert not TABLE.other_authority(PRESTON, PRESTON)


def test_there_is_no_other_authority_where_a_district_is_not_given() -> None:
    assert not TABLE.other_authority(PRESTON, None)
    assert not TABLE.other_authority(None, PRESTON)
    assert not TABLE.other_authority(None, None)


@pytest.mark.parametrize("code", UNKNOWN)
def test_another_authority_of_an_unknown_district_is_refused(code: str) -> None:
    for given_as in (
        (AreaCode(code), PRESTON),
        (PRESTON, AreaCode(code)),
        (AreaCode(code), None),
        (None, AreaCode(code)),
    ):
        with pytest.raises(UnknownArea):
            TABLE.other_authority(*given_as)


@given(st.sampled_from(DISTRICTS), st.sampled_from(DISTRICTS))
def test_another_authority_is_another_either_way(one: District, other: District) -> None:
    differs = one.bodies[ServedBy.SOCIAL_SERVICES] != other.bodies[ServedBy.SOCIAL_SERVICES]

    assert TABLE.other_authority(one.code, other.code) is TABLE.other_authority(other.code, one.code) is differs


def test_the_codes_in_a_force_are_those_of_every_body_of_its_districts() -> None:
    codes = TABLE.codes_in_force(LANCASHIRE_FORCE)

    assert len(codes) == 14 + 1 + 1  # districts, the county, the force
    assert {PRESTON, BLACKBURN, CHORLEY, LANCASHIRE, LANCASHIRE_FORCE} <= codes
    for force in TABLE.in_force:
        within = [district.closure for district in DISTRICTS if district.force == force]
        assert TABLE.codes_in_force(force) == frozenset().union(*within)


def test_no_body_lies_in_two_forces() -> None:
    every = [code for force in TABLE.in_force for code in TABLE.codes_in_force(force)]

    assert len(every) == len(set(every)) == len(TABLE.known)


@pytest.mark.parametrize("force", ["", "E23000099", PRESTON, LANCASHIRE, "Lancashire", "e23000003"])
def test_the_codes_in_an_unknown_force_are_refused(force: str) -> None:
    with pytest.raises(UnknownArea):
        TABLE.codes_in_force(AreaCode(force))


def test_the_table_is_read_once_and_names_the_data_that_it_was_read_from() -> None:
    data = files("schemas.areas").joinpath("data/lad_current.csv").read_bytes()

    assert area_table() is TABLE
    assert TABLE.digest == sha256(data).hexdigest()
