"""Codes that were: which district or county a former code named, what it became, and when.

Nothing here is read before a code turns up that no present area has.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files

from schemas.identifiers import AreaCode


@dataclass(frozen=True, slots=True)
class FormerDistrict:
    """A district under a code that is no longer in force."""

    code: AreaCode
    name: str
    """As it was called in its day."""
    social_services: AreaCode
    """Its social services authority in its day."""
    successor: AreaCode
    """What it became at once. May be a former code itself."""
    since: date | None
    """The first day of the successor; None where no source gives it, which is so only for mere changes of a code."""
    today: AreaCode
    """The present district that its ground lies in."""


@dataclass(frozen=True, slots=True)
class FormerCounty:
    """A county that is no longer a social services authority, and one body that has some of its ground."""

    code: AreaCode
    name: str
    successor: AreaCode
    since: date


@cache
def former_districts() -> tuple[FormerDistrict, ...]:
    """Every former code of a district. A code stands in as many rows as it has present districts."""
    return tuple(
        FormerDistrict(
            code=AreaCode(row["old_lad_code"]),
            name=row["old_lad_name"],
            social_services=AreaCode(row["old_social_services_code"]),
            successor=AreaCode(row["direct_successor_code"]),
            since=date.fromisoformat(row["effective_date"]) if row["effective_date"] else None,
            today=AreaCode(row["current_lad_code"]),
        )
        for row in _rows("lad_history.csv")
    )


@cache
def former_counties() -> tuple[FormerCounty, ...]:
    """Every former county. A code stands in as many rows as bodies have its ground."""
    return tuple(
        FormerCounty(
            code=AreaCode(row["old_county_code"]),
            name=row["old_county_name"],
            successor=AreaCode(row["successor_social_services_code"]),
            since=date.fromisoformat(row["effective_date"]),
        )
        for row in _rows("upper_tier_history.csv")
    )


def districts_after(former: str) -> frozenset[AreaCode]:
    """The present districts that have the ground of the former district of this code or name, whatever its case."""
    return frozenset(row.today for row in former_districts() if _is(former, row.code, row.name))


def counties_after(former: str) -> frozenset[AreaCode]:
    """The bodies that have the ground of the former county of this code or name, whatever its case."""
    return frozenset(row.successor for row in former_counties() if _is(former, row.code, row.name))


def former_name(code: AreaCode) -> str | None:
    """What the former district or county of this code was called; None if no former one had it."""
    names = {row.code: row.name for row in former_counties()} | {row.code: row.name for row in former_districts()}
    return names.get(code)


def _is(wanted: str, code: AreaCode, name: str) -> bool:
    return wanted.strip().casefold() in {code.casefold(), name.casefold()}


def _rows(name: str) -> Iterator[dict[str, str]]:
    text = files("schemas.areas").joinpath(f"data/{name}").read_text("utf-8")
    return csv.DictReader(text.splitlines())
