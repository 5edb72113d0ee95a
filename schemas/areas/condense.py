"""Makes the files in data/ from those of the domain study, which says how it made them from the published ones.

    python -m schemas.areas.condense FOLDER

Nothing is added or judged here: columns that nobody reads are left out of the postcode files, the exceptions become a
column of their sector, and the former codes that a patch may go on naming become columns of the present district.
"""

import csv
import shutil
import sys
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from schemas.areas.districts import former_column
from schemas.vocabulary import ServedBy

_AS_THEY_ARE = ("lad_history.csv", "upper_tier_history.csv", "postcode_known.csv", "postcode_no_district.csv")
_COLUMNS = tuple(column for column in ServedBy if column is not ServedBy.ANY)

Row = dict[str, str]


def condense(study: Path, data: Path) -> None:
    """Read the study's area files from one folder, and write ours into another."""
    for name in _AS_THEY_ARE:
        shutil.copyfile(study / name, data / name)
    districts = _read(study / "lad_current.csv")
    former = same_ground(_read(study / "lad_history.csv"), _read(study / "upper_tier_history.csv"))
    for row in districts:
        for column in _COLUMNS:
            row[former_column(column)] = " ".join(sorted(former[column, row[column.value]]))
    _write(data / "lad_current.csv", districts)
    sectors = _sectors(_read(study / "postcode_sector_lad.csv"), _read(study / "postcode_exceptions.csv"))
    _write(data / "postcode_sectors.csv", sectors)


def same_ground(districts: list[Row], counties: list[Row]) -> defaultdict[tuple[ServedBy, str], set[str]]:
    """The former codes that name the very ground of a present body, by its column and code.

    A district whose code alone changed; and, for what a county does, a county with one successor that has no other
    ground.
    """
    former: defaultdict[tuple[ServedBy, str], set[str]] = defaultdict(set)
    for row in districts:
        if row["kind"] == "code change (boundary), same council":
            for column in (ServedBy.HOUSING, ServedBy.SOCIAL_SERVICES, ServedBy.EDUCATION):
                former[column, row["current_lad_code"]].add(row["old_lad_code"])
    for row in counties:
        county, successor = row["old_county_code"], row["successor_social_services_code"]
        successors = {
            other["successor_social_services_code"] for other in counties if other["old_county_code"] == county
        }
        came_from = {
            other["old_social_services_code"]
            for other in districts
            if other["current_social_services_code"] == successor
        }
        if successors == {successor} and came_from == {county}:
            former[ServedBy.SOCIAL_SERVICES, successor].add(county)
            former[ServedBy.EDUCATION, successor].add(county)
    return former


def _sectors(counted: Iterable[Row], exceptions: Iterable[Row]) -> list[Row]:
    inward: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for row in exceptions:
        inward[row["postcode"][:-2], row["lad_code"]].append(row["postcode"][-2:])
    return [
        {
            "sector": row["sector"],
            "lad_code": row["lad_code"],
            "postcodes": row["n_postcodes"],
            "inward": " ".join(inward[row["sector"], row["lad_code"]]),
        }
        for row in counted
    ]


def _read(path: Path) -> list[Row]:
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def _write(path: Path, rows: list[Row]) -> None:
    with path.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.DictWriter(lines, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    condense(Path(sys.argv[1]), Path(__file__).parent / "data")
