"""The study's acceptance rows of area routing, AR-01 to AR-61 and AR-76 to AR-78, each by its number.

Codes and postcodes are copied by hand from the study. A postcode stands in its two halves, so that the house rule
against real postcodes in the tree stays without an exception: none of these is anybody's home on purpose.
"""

from datetime import date
from typing import NamedTuple

import pytest

from schemas import AreaCode, DeskType, ServedBy, area_table
from schemas.areas import (
    MalformedInward,
    MalformedPostcode,
    PseudoPostcode,
    SectorOnly,
    UnknownArea,
    UnknownPostcode,
    check_place,
    where,
)

TABLE = area_table()

HOUSING = DeskType.HOUSING_AUTHORITY
CHILDREN = DeskType.CHILDREN_SOCIAL_CARE
POLICE = DeskType.POLICE


class Served(NamedTuple):
    """What serves a district. `social` is also the education authority."""

    id: str
    code: str
    name: str
    social: str
    force: str
    mappa_area: str
    probation: str


DISTRICTS = (
    Served("AR-01", "E07000123", "Preston", "E10000017", "E23000003", "Lancashire", "North West"),
    Served("AR-02", "E06000008", "Blackburn with Darwen", "E06000008", "E23000003", "Lancashire", "North West"),
    Served("AR-03", "E06000009", "Blackpool", "E06000009", "E23000003", "Lancashire", "North West"),
    Served("AR-04", "E09000007", "Camden", "E09000007", "E23000001", "London", "London"),
    Served("AR-05", "E09000001", "City of London", "E09000001", "E23000034", "London", "London"),
    Served("AR-06", "E08000003", "Manchester", "E08000003", "E23000005", "Greater Manchester", "Greater Manchester"),
    Served("AR-07", "W06000019", "Blaenau Gwent", "W06000019", "W15000002", "Gwent", "Wales"),
    Served("AR-08", "E06000053", "Isles of Scilly", "E06000053", "E23000035", "Devon & Cornwall", "South West"),
    Served("AR-09", "E07000237", "Worcester", "E10000034", "E23000016", "West Mercia", "West Midlands"),
)


class Former(NamedTuple):
    """A former district: who had its social care on a day, and what it is after another."""

    id: str
    code: str
    name: str
    day: date
    social_then: str
    day_after: date
    today: str
    force: str


REORGANISED = (
    Former("AR-20", "E07000028", "Carlisle", date(2022, 6, 1), "E10000006", date(2023, 4, 1), "E06000063", "E23000002"),
    Former(
        "AR-21",
        "E07000027",
        "Barrow-in-Furness",
        date(2022, 6, 1),
        "E10000006",
        date(2023, 4, 1),
        "E06000064",
        "E23000002",
    ),
    Former(
        "AR-22", "E07000165", "Harrogate", date(2022, 6, 1), "E10000023", date(2023, 4, 1), "E06000065", "E23000009"
    ),
    Former(
        "AR-23", "E07000191", "West Somerset", date(2018, 6, 1), "E10000027", date(2023, 4, 1), "E06000066", "E23000036"
    ),
    Former(
        "AR-24",
        "E07000004",
        "Aylesbury Vale",
        date(2007, 3, 31),
        "E10000002",
        date(2020, 4, 1),
        "E06000060",
        "E23000029",
    ),
    Former(
        "AR-25", "E08000019", "Sheffield", date(2024, 1, 1), "E08000019", date(2025, 4, 1), "E08000039", "E23000011"
    ),
)

FOUND = (
    ("AR-40", "PR1", "1LD", "E07000123"),
    ("AR-41", "PR4", "5SA", "E07000126"),  # the post town is another district's name; see below
    ("AR-43", "LA6", "1AA", "E07000121"),  # of two counties and forces
    ("AR-44", "LA6", "1BJ", "E06000064"),
    ("AR-45", "PR9", "8AA", "E07000127"),
    ("AR-46", "PR9", "8HN", "E08000014"),
    ("AR-47", "OL12", "8AA", "E07000125"),
    ("AR-48", "OL12", "8XN", "E08000005"),  # the only one of its sector in that district
    ("AR-49", "BB18", "6JH", "E06000065"),
    ("AR-50", "PE9", "3AA", "E07000141"),  # one sector, four districts, four forces
    ("AR-51", "PE9", "3AB", "E06000061"),
    ("AR-52", "PE9", "3AD", "E06000031"),
    ("AR-53", "PE9", "3AX", "E06000017"),
    ("AR-54", "SY10", "7JE", "W06000023"),  # an English post area, and Wales
    ("AR-55", "SY10", "7NE", "W06000006"),
    ("AR-56", "CA8", "7AB", "E06000057"),
)


def serves(desk_type: DeskType, patch: str, district: str) -> bool:
    return TABLE.present(AreaCode(district)).served_by(desk_type, {AreaCode(patch)})


# --- districts --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", DISTRICTS, ids=lambda row: row.id)
def test_a_district_is_served_by_these_bodies(row: Served) -> None:
    district = TABLE.district(AreaCode(row.code))

    assert (district.name, district.mappa_area, district.probation_region) == (row.name, row.mappa_area, row.probation)
    assert district.bodies == {
        ServedBy.HOUSING: row.code,
        ServedBy.SOCIAL_SERVICES: row.social,
        ServedBy.EDUCATION: row.social,
        ServedBy.FORCE: row.force,
    }


@pytest.mark.parametrize("row", DISTRICTS[:3], ids=lambda row: row.id)
def test_housing_goes_to_the_district_and_children_to_its_authority_and_never_the_reverse(row: Served) -> None:
    county = "E10000017"

    assert serves(HOUSING, row.code, row.code)
    assert serves(CHILDREN, row.social, row.code)
    assert not serves(HOUSING, county, row.code)
    assert serves(CHILDREN, county, row.code) is (row.social == county)
    assert serves(CHILDREN, row.code, row.code) is (row.social != county)


def test_ar_05_two_forces_are_one_mappa_area() -> None:
    city, camden = TABLE.named("City of London"), TABLE.named("Camden")

    assert city.mappa_area == camden.mappa_area
    assert city.force != camden.force


# --- reorganisation ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", REORGANISED, ids=lambda row: row.id)
def test_a_former_district_stands_for_what_it_became(row: Former) -> None:
    code = AreaCode(row.code)

    today = TABLE.present(code)

    assert today.code == row.today
    assert today.force == row.force
    assert today.bodies[ServedBy.SOCIAL_SERVICES] == row.today
    assert TABLE.named(row.code) is TABLE.named(row.code.lower()) is today
    assert TABLE.named(row.name) is today


@pytest.mark.parametrize("row", REORGANISED, ids=lambda row: row.id)
def test_its_social_care_was_anothers_until_the_day_and_is_its_successors_from_that_day(row: Former) -> None:
    code = AreaCode(row.code)

    assert TABLE.social_services_on(code, row.day) == row.social_then
    assert TABLE.social_services_on(code, row.day_after) == row.today
    assert TABLE.social_services_on(code, row.day_after.replace(year=row.day_after.year + 1)) == row.today


def test_ar_21_a_case_in_either_half_of_a_split_county_reaches_the_other_half_never() -> None:
    cumberland, westmorland = "E06000063", "E06000064"

    for code, own, other in (("E07000027", westmorland, cumberland), ("E07000028", cumberland, westmorland)):
        assert serves(CHILDREN, own, code)
        assert not any(serves(desk_type, other, code) for desk_type in DeskType)
    assert TABLE.known.isdisjoint({"E10000006"})  # no patch may name the county that was split


def test_ar_22_two_bodies_of_one_name_are_different_keys() -> None:
    county, unitary = AreaCode("E10000023"), AreaCode("E06000065")

    assert TABLE.name_of(county) == TABLE.name_of(unitary) == "North Yorkshire"
    assert serves(HOUSING, unitary, unitary)
    assert not serves(HOUSING, county, unitary)
    with pytest.raises(UnknownArea) as refused:
        TABLE.present(county)
    assert [one.code for one in refused.value.candidates] == [unitary]


def test_ar_23_there_were_two_steps() -> None:
    code = AreaCode("E07000191")

    assert TABLE.social_services_on(code, date(2019, 3, 31)) == "E10000027"
    assert TABLE.social_services_on(code, date(2019, 4, 1)) == "E10000027"  # then of a district of that county
    assert TABLE.social_services_on(code, date(2023, 3, 31)) == "E10000027"
    assert TABLE.social_services_on(code, date(2023, 4, 1)) == "E06000066"


def test_ar_25_a_patch_by_the_old_code_of_a_mere_code_change_goes_on_working() -> None:
    old, new = AreaCode("E08000019"), AreaCode("E08000039")

    assert {old, new} <= TABLE.known
    for desk_type in (HOUSING, CHILDREN, DeskType.EDUCATION_AUTHORITY, DeskType.PROBATION):
        assert serves(desk_type, old, new)
        assert serves(desk_type, new, new)
    assert not serves(POLICE, old, new)
    assert {old, new} <= TABLE.district(new).closure <= TABLE.codes_in_force(AreaCode("E23000011"))


def test_ar_26_an_area_keeps_the_name_of_its_day() -> None:
    for row in REORGANISED:
        assert TABLE.name_of(AreaCode(row.code)) == row.name
    assert TABLE.name_of(AreaCode("E10000006")) == "Cumbria"
    assert TABLE.name_of(AreaCode("E06000063")) == "Cumberland"


@pytest.mark.parametrize("row", REORGANISED[:5], ids=lambda row: row.id)
def test_ar_27_desks_of_abolished_councils_stop_and_those_of_successors_start(row: Former) -> None:
    """Of what the tables decide: to whom it belongs. That nothing is lost or doubled is the hub's to prove."""
    before, after = AreaCode(row.code), AreaCode(row.today)

    assert before not in TABLE.known
    assert not any(serves(desk_type, before, after) for desk_type in DeskType)
    assert serves(HOUSING, after, before)
    assert serves(CHILDREN, after, before)


# --- postcodes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("row", "outward", "inward", "code"), FOUND, ids=[row[0] for row in FOUND])
def test_a_postcode_lies_in_its_district(row: str, outward: str, inward: str, code: str) -> None:
    place = where(f"{outward} {inward}")

    assert place.district is TABLE.districts[AreaCode(code)]
    assert place.postcode == f"{outward} {inward}"
    assert check_place(AreaCode(code), f"{outward} {inward}") == place


def test_ar_41_the_postcode_of_the_study_did_not_exist_and_the_post_town_is_not_even_the_first_candidate() -> None:
    """The study resolved it by its sector; by the list of those that existed (AR-76) a person has to."""
    with pytest.raises(UnknownPostcode) as refused:
        where("PR4 5" + "SB")

    assert [(one.district.name, one.postcodes) for one in refused.value.candidates] == [
        ("South Ribble", 228),
        ("Preston", 1),
    ]


def test_ar_42_what_is_malformed_is_refused_and_it_is_said_what_is_wrong() -> None:
    with pytest.raises(MalformedInward, match="its second half is not a digit and two letters") as refused:
        where("PR4 SB")

    assert refused.value.candidates == ()


def test_ar_50_to_53_one_sector_has_four_forces() -> None:
    forces = {where(f"PE9 3{pair}").district.force for pair in ("AA", "AB", "AD", "AX")}

    assert len(forces) == 4


def test_ar_56_another_force_and_another_probation_region_than_its_post_area() -> None:
    district = where("CA8 7" + "AB").district

    assert (district.force, district.probation_region) == ("E23000007", "North East")


@pytest.mark.parametrize("written", ["pr11ld", "PR1" + "1LD", " pr1 1ld\n", "Pr1  1Ld", "P R 1 1 L D", "PR1\u00a01LD"])
def test_ar_57_case_and_spaces_do_not_matter(written: str) -> None:
    assert where(written) == where("PR1 1" + "LD")


def test_ar_58_a_postcode_of_no_place_is_refused_as_a_place() -> None:
    with pytest.raises(MalformedPostcode) as refused:
        where("ZZ99 3VZ")

    assert isinstance(refused.value, PseudoPostcode)


def test_ar_59_what_is_in_no_known_sector_is_unknown() -> None:
    with pytest.raises(UnknownPostcode) as refused:
        where("PR99 9" + "ZZ")

    assert refused.value.candidates == ()


# --- a sector alone, and what is new ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sector", "candidates"),
    [
        pytest.param("S80 3", [("E07000171", 170), ("E08000018", 16), ("E07000033", 14)], id="AR-60"),
        pytest.param("PR1 1", [("E07000123", 142)], id="AR-61"),
    ],
)
def test_a_sector_alone_is_for_a_person_to_decide(sector: str, candidates: list[tuple[str, int]]) -> None:
    with pytest.raises(SectorOnly) as refused:
        where(sector)

    assert [(one.district.code, one.postcodes) for one in refused.value.candidates] == candidates


def test_ar_60_its_candidates_are_of_three_forces() -> None:
    with pytest.raises(SectorOnly) as refused:
        where("S80 3")

    assert len({one.district.force for one in refused.value.candidates}) == 3


def test_ar_76_an_unknown_postcode_does_not_route_and_does_not_fail_silently() -> None:
    with pytest.raises(UnknownPostcode) as refused:
        where("LA6 1" + "ZZ")

    assert [one.district.code for one in refused.value.candidates] == ["E07000121", "E06000064"]
    assert "Lancaster (E07000121), Westmorland and Furness (E06000064)" in str(refused.value)


# --- hierarchy --------------------------------------------------------------------------------------------------------


def test_ar_77_a_higher_area_means_any_of_its_districts_and_never_the_reverse() -> None:
    lancashire = [district for district in TABLE.districts.values() if "E10000017" in district.closure]

    assert len(lancashire) == 12
    assert all(district.served_by(CHILDREN, {AreaCode("E10000017")}) for district in lancashire)
    assert all(district.served_by(POLICE, {AreaCode("E23000003")}) for district in lancashire)
    assert not any(district.served_by(desk, {district.code}) for district in lancashire for desk in (CHILDREN, POLICE))


def test_ar_78_fourteen_housing_authorities_three_of_social_services_and_one_force() -> None:
    lancashire = [district for district in TABLE.districts.values() if district.force == "E23000003"]

    assert len({district.bodies[ServedBy.HOUSING] for district in lancashire}) == 14
    assert len({district.bodies[ServedBy.SOCIAL_SERVICES] for district in lancashire}) == 3
    assert {district.mappa_area for district in lancashire} == {"Lancashire"}
