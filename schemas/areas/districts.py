"""Districts, and which bodies serve each: district to authorities and police force.

Areas are no tree: a district of a county lies in the county for social care and in a force for police, and no county
lies in a force by anything but its districts. So nothing here asks "is it below", only "does it serve".

Codes change. What somebody says of a place may name a former district, and means the one that has its ground today.
A desk's patch is read more strictly, because a wider ground would tell more: a former code goes on in it only where the
same council, or its only successor, has the very same ground (Sheffield's new code; North Yorkshire's county for social
care). The patch of a council that went into a larger one, or was split, is at an end.
"""

import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import cache
from hashlib import sha256
from importlib.resources import files

from schemas.areas.history import counties_after, districts_after, former_districts, former_name
from schemas.identifiers import AreaCode
from schemas.vocabulary import DESK_TYPES, DeskType, ServedBy

_POSTCODE = re.compile(r"\b[A-Z]{1,2}[0-9][0-9A-Z]?\s*[0-9][A-Z]{2}\b", re.IGNORECASE)
_SHOWN_MAX = 8
_COLUMNS = tuple(column for column in ServedBy if column is not ServedBy.ANY)


@dataclass(frozen=True, slots=True)
class District:
    """A local authority district and the bodies that serve it, each by its code."""

    code: AreaCode
    name: str
    bodies: dict[ServedBy, AreaCode]
    codes: dict[ServedBy, frozenset[AreaCode]]
    """Every code by which a patch may name the body, former ones of the very same ground among them."""
    mappa_area: str
    probation_region: str
    """From our own mapping, not verified; nothing routes by it."""

    def __str__(self) -> str:
        return f"{self.name} ({self.code})"

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
        return self.codes[DESK_TYPES[desk_type].served_by]

    @property
    def closure(self) -> frozenset[AreaCode]:
        """Every code under which some desk may serve this district, whatever its type."""
        return frozenset().union(*self.codes.values())


class UnknownArea(ValueError):
    """No district of this code or name is in the table; what is unknown routes nowhere.

    A former code is unknown too where only present ones are taken; its successors are the candidates.
    """

    def __init__(self, area: str, candidates: tuple[District, ...] = ()) -> None:
        shown = area[:60] if area.isprintable() else "?"
        # A postcode in the wrong field may be somebody's home, and an error travels to logs.
        self.reason = "unknown area: a postcode is no district" if _POSTCODE.search(area) else f"unknown area `{shown}`"
        super().__init__(self.reason + perhaps(candidates))
        self.candidates = candidates
        """What may have been meant, for a person to choose from."""


def perhaps(candidates: Iterable[District]) -> str:
    """The candidates as the end of an error's line; nothing if there are none."""
    shown = [str(district) for district in candidates]
    more = [f"{len(shown) - _SHOWN_MAX} more"] if len(shown) > _SHOWN_MAX else []
    return f"; candidates: {', '.join(shown[:_SHOWN_MAX] + more)}" if shown else ""


@dataclass(frozen=True, slots=True)
class AreaTable:
    """All districts, by code and by name."""

    districts: dict[AreaCode, District]
    by_name: dict[str, District]
    names: dict[AreaCode, str]
    """Of every body of every district."""
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
        """The present district of this code; see `present` for what takes former codes too.

        Raises:
            UnknownArea: there is none. Of a former code its successors are the candidates, of a county or force that
                which lies in it.
        """
        try:
            return self.districts[code]
        except KeyError:
            raise UnknownArea(code, self._candidates(code)) from None

    def present(self, code: AreaCode) -> District:
        """The district that this code stands for today: itself, or the one successor of a former district.

        A county is no district, whatever became of it.

        Raises:
            UnknownArea: there is none, or more than one; those are the candidates.
        """
        if code in self.districts:
            return self.districts[code]
        found = {row.today for row in former_districts() if row.code == code}
        return self.district(found.pop() if len(found) == 1 else code)

    def named(self, name: str) -> District:
        """The district of this name or code, whatever its case. A former name or code stands for what it became.

        Raises:
            UnknownArea: there is none, or more than one; those are the candidates.
        """
        wanted = name.strip()
        found = self.by_name.get(wanted.casefold()) or self.districts.get(AreaCode(wanted.upper()))
        return found if found is not None else self._only(districts_after(wanted), name)

    def patch_code(self, place: str, desk_type: DeskType) -> AreaCode:
        """The code under which a desk of this type serves a place that is named by code or name.

        Raises:
            UnknownArea: a desk of this type serves nothing under this name, such as social care under that of a mere
                district of a county; or it is the name of two bodies, and only a code tells which.
        """
        wanted = place.strip().casefold()
        codes = frozenset[AreaCode]().union(*(district.areas_for(desk_type) for district in self.districts.values()))
        found = [code for code in codes if wanted in (code.casefold(), self.name_of(code).casefold())]
        if len(found) != 1:
            raise UnknownArea(place, self._candidates(place))
        return found[0]

    def name_of(self, code: AreaCode) -> str:
        """What the district, county or force of this code is called, or was in its day.

        Raises:
            UnknownArea: the code is neither a present nor a former one.
        """
        if code in self.names:
            return self.names[code]
        former = former_name(code)
        if former is None:
            raise UnknownArea(code)
        return former

    def social_services_on(self, code: AreaCode, day: date) -> AreaCode:
        """The social services authority of this district on *day*, in the codes of that day.

        Args:
            code: A present district, of which today's authority is told whatever the day; or a former one.
            day: Where no source has the day on which a mere code changed, the new code counts as having always been.

        Raises:
            UnknownArea: the code is no district, or became several.
        """
        while code not in self.districts:
            self.present(code)  # refuses what cannot be followed
            row = next(row for row in former_districts() if row.code == code)
            if row.since is not None and day < row.since:
                return row.social_services
            code = row.successor
        return self.districts[code].bodies[ServedBy.SOCIAL_SERVICES]

    def _only(self, found: frozenset[AreaCode], name: str) -> District:
        if len(found) != 1:
            raise UnknownArea(name, self._candidates(name))
        return self.districts[next(iter(found))]

    def _candidates(self, area: str) -> tuple[District, ...]:
        """What may have been meant by a code or name that is no present district's. For a person; nothing routes by
        it."""
        wanted = area.strip().casefold()
        if len(wanted) < 3:
            return ()
        former = districts_after(wanted) | counties_after(wanted)
        return tuple(
            district
            for code, district in sorted(self.districts.items())
            if code in former
            or any(wanted in (body.casefold(), self.names[body].casefold()) for body in district.bodies.values())
            or any(word.startswith(wanted) for word in district.name.casefold().split())
            or district.name.casefold() in wanted
        )


@cache
def area_table() -> AreaTable:
    """The area table, read once. Source: SOURCES.txt beside the data."""
    text = files("schemas.areas").joinpath("data/lad_current.csv").read_text("utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    districts = {AreaCode(row["lad_code"]): _district(row) for row in rows}
    names = {
        AreaCode(row[f"{body}_code"]): row[f"{body}_name"] for row in rows for body in ("upper_tier", "police_force")
    }
    return AreaTable(
        districts=districts,
        by_name={district.name.casefold(): district for district in districts.values()},
        names=names | {code: district.name for code, district in districts.items()},
        known=frozenset().union(*(district.closure for district in districts.values())),
        in_force=_by_force(districts.values()),
        digest=sha256(text.encode("utf-8")).hexdigest(),
    )


def _district(row: dict[str, str]) -> District:
    bodies: dict[ServedBy, AreaCode] = {column: AreaCode(row[column.value]) for column in _COLUMNS}
    codes = {
        column: frozenset({body, *map(AreaCode, row[former_column(column)].split())}) for column, body in bodies.items()
    }
    any_of = codes[ServedBy.HOUSING] | codes[ServedBy.SOCIAL_SERVICES] | codes[ServedBy.FORCE]
    return District(
        code=AreaCode(row["lad_code"]),
        name=row["lad_name"],
        bodies=bodies,
        codes=codes | {ServedBy.ANY: any_of},
        mappa_area=row["mappa_area"],
        probation_region=row["probation_region"],
    )


def former_column(column: ServedBy) -> str:
    """The column that holds the former codes of the body in *column*."""
    return column.value.removesuffix("_code") + "_former_codes"


def _by_force(districts: Iterable[District]) -> dict[AreaCode, frozenset[AreaCode]]:
    by_force: dict[AreaCode, frozenset[AreaCode]] = {}
    for district in districts:
        by_force[district.force] = by_force.get(district.force, frozenset()) | district.closure
    return by_force
