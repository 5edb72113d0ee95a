"""How the data is made from the study's: nothing is lost, and only a code of the very same ground becomes a column."""

import csv
from pathlib import Path

from schemas import ServedBy
from schemas.areas.condense import condense, same_ground

SAME, MERGED = "code change (boundary), same council", "abolished, merged into successor"

LAD = """\
lad_code,lad_name,housing_authority_code,social_services_authority_code,education_authority_code,police_force_code
E06000901,Upper,E06000901,E06000901,E06000901,E23000901
E07000902,Lower,E07000902,E10000901,E10000901,E23000901
"""
HISTORY = f"""\
old_lad_code,old_social_services_code,kind,current_lad_code,current_social_services_code
E07000990,E10000990,"{MERGED}",E06000901,E06000901
E07000991,E10000990,"{MERGED}",E06000901,E06000901
E07000992,E10000901,"{SAME}",E07000902,E10000901
"""
COUNTIES = "old_county_code,successor_social_services_code\nE10000990,E06000901\n"
SECTORS = """\
sector,lad_code,lad_name,n_postcodes,share,n_lads
ZX1 1,E06000901,Upper,3,0.6,2
ZX1 1,E07000902,Lower,2,0.4,2
ZX1 2,E07000902,Lower,9,1.0,1
"""
EXCEPTIONS = "postcode,lad_code\nZX1 1AB,E07000902\nZX1 1ZZ,E07000902\n"


def study(folder: Path, **changed: str) -> Path:
    """A study of two districts, in *folder*."""
    folder.mkdir()
    texts = {
        "lad_current": LAD,
        "lad_history": HISTORY,
        "upper_tier_history": COUNTIES,
        "postcode_sector_lad": SECTORS,
        "postcode_exceptions": EXCEPTIONS,
        "postcode_known": "sector,inward_map\nZX1 1,00\n",
        "postcode_no_district": "postcode\nZX9 9AA\n",
    } | changed
    for name, text in texts.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    return folder


def condensed(tmp_path: Path, **changed: str) -> Path:
    (tmp_path / "data").mkdir()
    condense(study(tmp_path / "study", **changed), tmp_path / "data")
    return tmp_path / "data"


def rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


def test_the_exceptions_become_a_column_of_their_sector(tmp_path: Path) -> None:
    data = condensed(tmp_path)

    assert (data / "postcode_sectors.csv").read_bytes() == (
        b"sector,lad_code,postcodes,inward\nZX1 1,E06000901,3,\nZX1 1,E07000902,2,AB ZZ\nZX1 2,E07000902,9,\n"
    )


def test_what_is_carried_as_it_is_keeps_its_bytes(tmp_path: Path) -> None:
    data = condensed(tmp_path)

    for name in ("lad_history", "upper_tier_history", "postcode_known", "postcode_no_district"):
        assert (data / f"{name}.csv").read_bytes() == (tmp_path / "study" / f"{name}.csv").read_bytes()
    assert len(list(data.iterdir())) == 6


def test_a_district_keeps_its_columns_and_gains_those_of_former_codes(tmp_path: Path) -> None:
    upper, lower = rows(condensed(tmp_path) / "lad_current.csv")

    assert (upper["lad_name"], upper["police_force_code"]) == ("Upper", "E23000901")
    assert upper["housing_authority_former_codes"] == ""  # two districts became it
    assert upper["social_services_authority_former_codes"] == "E10000990"
    assert upper["education_authority_former_codes"] == "E10000990"
    assert lower["housing_authority_former_codes"] == "E07000992"
    assert lower["social_services_authority_former_codes"] == ""
    assert lower["police_force_former_codes"] == ""


def test_a_county_that_was_split_goes_on_nowhere(tmp_path: Path) -> None:
    data = condensed(tmp_path, upper_tier_history=COUNTIES + "E10000990,E06000902\n")

    assert all(row["social_services_authority_former_codes"] == "" for row in rows(data / "lad_current.csv"))


def test_a_county_whose_successor_has_other_ground_too_goes_on_nowhere(tmp_path: Path) -> None:
    data = condensed(tmp_path, lad_history=HISTORY + f'E06000993,E06000993,"{MERGED}",E06000901,E06000901\n')

    assert all(row["social_services_authority_former_codes"] == "" for row in rows(data / "lad_current.csv"))


def test_made_again_from_itself_the_data_stays_as_it_is(tmp_path: Path) -> None:
    first = condensed(tmp_path)
    again = study(tmp_path / "again", lad_current=(first / "lad_current.csv").read_text(encoding="utf-8"))
    (tmp_path / "second").mkdir()

    condense(again, tmp_path / "second")

    assert (tmp_path / "second" / "lad_current.csv").read_bytes() == (first / "lad_current.csv").read_bytes()


def test_where_nothing_is_former_nothing_goes_on() -> None:
    assert same_ground([], []) == {}
    assert same_ground([], [])[ServedBy.HOUSING, "E06000901"] == set()
