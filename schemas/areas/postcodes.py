"""Which district a postcode lies in: exact for those that existed in October 2025, and a refusal for all others that
could lie in two.

A sector (all of a postcode but its last two letters) or an outward code routes nothing: a quarter of all sectors span
districts, one in twelve police forces. They give candidates, for a person to choose from. Post towns are not looked at.

A postcode says where somebody lives, and an error travels to logs. So the text of a refusal names districts only; what
was given stands beside it, in `postcode`, for the screen of the desk that gave it.

The tables are read at the first postcode and not before: whoever routes by district does not pay for them.

LIMIT: a postcode can cross a boundary by a few addresses. Only a table of addresses would settle that, so where the
publisher is sure of the district, it leaves out the postcode.
LIMIT: in a sector that lies in one district we do not know which postcodes exist; each is taken to lie there, with
`listed` False.
"""

import re
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

from schemas.areas.districts import District, area_table, perhaps
from schemas.identifiers import AreaCode

LETTERS = "ABDEFGHJLNPQRSTUWXYZ"
"""The letters of an inward code. Source: Royal Mail, as OS Code-Point Open has them; C, I, K, M, O and V never stand
there."""

_OUTWARD = re.compile("[A-Z]{1,2}[0-9][0-9A-Z]?")
_UNIT = re.compile(f"({_OUTWARD.pattern})([0-9])([{LETTERS}]{{2}})")
_SECTOR = re.compile(f"({_OUTWARD.pattern}) ([0-9])")
_PSEUDO = re.compile("ZZ99[0-9][A-Z]{2}")
# Stands in health and statistics data for places that have no postcode: no fixed abode, abroad, unknown. Nothing real
# begins with ZZ, so invented people live there too.


@dataclass(frozen=True, slots=True)
class Candidate:
    """A district that may have been meant."""

    district: District
    postcodes: int
    """How many postcodes of the sector lie in it."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a postcode lies."""

    district: District
    postcode: str = field(repr=False)
    """As it is written: upper case, one space."""
    listed: bool
    """Whether this very postcode is known to exist; if not, all that exist in its sector lie in this district."""


class PostcodeRefused(ValueError):
    """A postcode that says nothing of a district, or not enough. The text names districts and never the postcode."""

    reason = "postcode refused"
    """The text without the candidates."""

    def __init__(self, postcode: str, candidates: tuple[Candidate, ...] = ()) -> None:
        super().__init__(self.reason + perhaps(candidate.district for candidate in candidates))
        self.postcode = postcode
        """As it was given. Personal: for the screen of the desk that gave it, never for a log."""
        self.candidates = candidates
        """For a person to choose from, those with most postcodes of the sector first. Nothing routes by them."""


class MalformedPostcode(PostcodeRefused):
    """Not written as a postcode is."""

    reason = "not a postcode: it has an outward half, then a digit and two letters"


class MalformedInward(MalformedPostcode):
    """The second half is wrong, which is where most slips are."""

    reason = f"not a postcode: its second half is not a digit and two letters of {LETTERS}"


class PseudoPostcode(MalformedPostcode):
    """Stands on purpose for no place."""

    reason = "a postcode that stands for no place"


class SectorOnly(PostcodeRefused):
    """A sector, of which each address may lie elsewhere."""

    reason = "a sector alone, its last two letters are missing"


class UnknownPostcode(PostcodeRefused):
    """Well written, and none that existed in October 2025 in England or Wales: newer, elsewhere or mistaken."""

    reason = "unknown postcode"


class NoDistrict(PostcodeRefused):
    """It exists, and the source says of no district that it lies there."""

    reason = "postcode without a district"


class PlaceConflict(PostcodeRefused):
    """The postcode lies in another district than the one that was asserted. Somebody has to say which is right."""

    def __init__(self, postcode: str, asserted: District, found: District, candidates: tuple[Candidate, ...]) -> None:
        self.reason = f"the district given is {asserted}, and the postcode lies in another"
        super().__init__(postcode, candidates)
        self.asserted = asserted
        self.found = found


@dataclass(frozen=True, slots=True)
class PostcodeTable:
    """The postcode files as they were read; a sector's rows are taken apart when it is asked for."""

    sectors: dict[str, list[str]]
    """`lad_code,postcodes,inward` by sector, the most frequent district first. It has all postcodes of the sector but
    those in the rows after it."""
    known: dict[str, str]
    """For each sector in two districts or more, which postcodes exist: 400 bits in hexadecimal, first letter pair
    first."""
    without: frozenset[str]
    """Postcodes that exist and have no district."""

    def candidates(self, sector: str) -> tuple[Candidate, ...]:
        """The districts that share a sector, the most frequent first; none if the sector is unknown."""
        rows = (row.split(",") for row in self.sectors.get(sector, ()))
        return tuple(Candidate(area_table().districts[AreaCode(code)], int(count)) for code, count, _ in rows)

    def exists(self, sector: str, pair: str) -> bool:
        """Whether the sector has a postcode that ends in this pair of letters. Of sectors in `known` only."""
        index = len(LETTERS) * LETTERS.index(pair[0]) + LETTERS.index(pair[1])
        nibble = int(self.known[sector][index // 4], 16)
        return bool(nibble >> (3 - index % 4) & 1)

    def district(self, sector: str, pair: str) -> AreaCode:
        """The district of a postcode that exists, of a sector that is known."""
        usual, *others = (row.split(",") for row in self.sectors[sector])
        return AreaCode(next((code for code, _, inward in others if pair in inward.split()), usual[0]))


@cache
def postcode_table() -> PostcodeTable:
    """The postcode files, read once. Source: SOURCES.txt beside the data."""
    sectors: dict[str, list[str]] = {}
    for line in _lines("postcode_sectors.csv"):
        sector, _, row = line.partition(",")
        sectors.setdefault(sector, []).append(row)
    known = dict(line.split(",") for line in _lines("postcode_known.csv"))
    return PostcodeTable(sectors, known, frozenset(_lines("postcode_no_district.csv")))


def where(postcode: str) -> Place:
    """Find the district of a postcode, in whatever case and spacing it is given.

    Raises:
        MalformedPostcode: it is none. MalformedInward and PseudoPostcode say more.
        SectorOnly: its last two letters are missing; the districts of the sector are the candidates.
        UnknownPostcode: it is not among those that exist; the districts of its sector are the candidates.
        NoDistrict: it exists, and no district has it; likewise.
    """
    words = _words(postcode)
    compact = "".join(words)
    if _PSEUDO.fullmatch(compact):
        raise PseudoPostcode(postcode)
    if _SECTOR.fullmatch(" ".join(words)):
        raise SectorOnly(postcode, postcode_table().candidates(" ".join(words)))
    parts = _UNIT.fullmatch(compact)
    if parts is None:
        outward = words[0] if len(words) == 2 else compact[:-3]
        raise (MalformedInward if _OUTWARD.fullmatch(outward) else MalformedPostcode)(postcode)
    outward, digit, pair = parts.groups()
    sector = f"{outward} {digit}"
    table = postcode_table()
    candidates = table.candidates(sector)
    if sector + pair in table.without:
        raise NoDistrict(postcode, candidates)
    shared = len(candidates) > 1
    if not candidates or (shared and not table.exists(sector, pair)):
        raise UnknownPostcode(postcode, candidates)
    district = area_table().districts[table.district(sector, pair)]
    return Place(district, sector + pair, listed=shared)


def check_place(district: AreaCode, postcode: str) -> Place | None:
    """Compare the district that a publisher asserts with the postcode that it gives.

    Args:
        district: Present or former; a former one stands for what it became.
        postcode: In whatever case and spacing.

    Returns:
        The place; None if the postcode stands for no place on purpose (ZZ99): then there is nothing to compare.

    Raises:
        UnknownArea: the district is none.
        PostcodeRefused: see `where`. PlaceConflict: they name two districts, which are the candidates.
    """
    asserted = area_table().present(district)
    if _PSEUDO.fullmatch("".join(_words(postcode))):
        return None
    place = where(postcode)
    if place.district.code != asserted.code:
        counts = {one.district.code: one.postcodes for one in postcode_table().candidates(place.postcode[:-2])}
        both = (place.district, asserted)
        candidates = tuple(Candidate(one, counts.get(one.code, 0)) for one in both)
        raise PlaceConflict(postcode, asserted, place.district, candidates)
    return place


def _words(postcode: str) -> list[str]:
    # Only ASCII in capitals: the capital of some other letters is one of ours, and a look-alike is no postcode.
    return [word.upper() if word.isascii() else word for word in postcode.split()]


def _lines(name: str) -> list[str]:
    return files("schemas.areas").joinpath(f"data/{name}").read_text("utf-8").splitlines()[1:]
