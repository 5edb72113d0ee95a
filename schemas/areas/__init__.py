"""Which bodies serve a district: district to authorities and police force. The data and its sources stand beside this
file.

Areas are no tree: a district of a county lies in the county for social care and in a force for police, and no county
lies in a force by anything but its districts. So nothing here asks "is it below", only "does it serve".
"""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files

from schemas.identifiers import AreaCode
from schemas.vocabulary import DESK_TYPES, DeskType, ServedBy


class UnknownArea(ValueError):
    """No district of this code or name is in the table; what is unknown routes nowhere."""

    def __init__(self, area: str) -> None:
        shown = area[:60] if area.isprintable() else "?"
        super().__init__(f"unknown area `{shown}`")


@dataclass(frozen=True, slots=True)
class District:
    """A local authority district and the bodies that serve it, each by its code."""

    code: AreaCode
    name: str
    bodies: dict[ServedBy, AreaCode]
    mappa_area: str

    @property
    def force(self) -> AreaCode:
        """The police force area that it lies in."""
        return self.bodies[ServedBy.FORCE]

    def served_by(self, desk_type: DeskType, patch: Iterable[AreaCode]) -> bool:
        """Whether a desk of this type and patch serves this district.

        A social care desk whose patch is a mere district of a two-tier county serves nothing: the authority is the
        county.
        """
        return not self.areas_for(desk_type).isdisjoint(patch)

    def areas_for(self, desk_type: DeskType) -> frozenset[AreaCode]:
        """The codes of which a desk of this type must have one in its patch to serve this district."""
        column = DESK_TYPES[desk_type].served_by
        if column is ServedBy.ANY:
            return frozenset({self.code, self.bodies[ServedBy.SOCIAL_SERVICES], self.force})
        return frozenset({self.bodies[column]})

    @property
    def closure(self) -> frozenset[AreaCode]:
        """Every code under which some desk may serve this district, whatever its type."""
        return frozenset({self.code, *self.bodies.values()})


@dataclass(frozen=True, slots=True)
class AreaTable:
    """All districts, by code and by name."""

    districts: dict[AreaCode, District]
    by_name: dict[str, District]
    known: frozenset[AreaCode]
    """Every code that a patch may name."""
    in_force: dict[AreaCode, frozenset[AreaCode]]
    """By police force area: the codes of every body of its districts, its own among them."""
    digest: str
    """SHA-256 of the data, so that a decision can name the table by which it was made."""

    def codes_in_force(self, force: AreaCode) -> frozenset[AreaCode]:
        """Every code under which a desk may serve some district of this force.

        Raises:
            UnknownArea: no force of this code is in the table.
        """
        try:
            return self.in_force[force]
        except KeyError:
            raise UnknownArea(force) from None

    def other_authority(self, area: AreaCode | None, area_old: AreaCode | None) -> bool:
        """Whether both districts are given and their social services authorities differ.

        Raises:
            UnknownArea: a code that is given is not in the table.
        """
        given = (code for code in (area, area_old) if code is not None)
        return len({self.district(code).bodies[ServedBy.SOCIAL_SERVICES] for code in given}) > 1

    def district(self, code: AreaCode) -> District:
        """The district of this code.

        Raises:
            UnknownArea: there is none.
        """
        try:
            return self.districts[code]
        except KeyError:
            raise UnknownArea(code) from None

    def named(self, name: str) -> District:
        """The district of this name or code, whatever its case.

        Raises:
            UnknownArea: there is none.
        """
        found = self.by_name.get(name.strip().casefold()) or self.districts.get(AreaCode(name.strip().upper()))
        if found is None:
            raise UnknownArea(name)
        return found


@cache
def area_table() -> AreaTable:
    """The area table, read once. Source: SOURCES.txt beside the data."""
    text = files("schemas.areas").joinpath("data/lad_current.csv").read_text("utf-8")
    columns = [column for column in ServedBy if column is not ServedBy.ANY]
    districts = {
        AreaCode(row["lad_code"]): District(
            code=AreaCode(row["lad_code"]),
            name=row["lad_name"],
            bodies={column: AreaCode(row[column.value]) for column in columns},
            mappa_area=row["mappa_area"],
        )
        for row in csv.DictReader(text.splitlines())
    }
    return AreaTable(
        districts=districts,
        by_name={district.name.casefold(): district for district in districts.values()},
        known=frozenset().union(*(district.closure for district in districts.values())),
        in_force=_by_force(districts.values()),
        digest=sha256(text.encode("utf-8")).hexdigest(),
    )


def _by_force(districts: Iterable[District]) -> dict[AreaCode, frozenset[AreaCode]]:
    by_force: dict[AreaCode, frozenset[AreaCode]] = {}
    for district in districts:
        by_force[district.force] = by_force.get(district.force, frozenset()) | district.closure
    return by_force
