"""Which bodies serve a place: district to authorities and police force, former codes to present ones, postcode to
district. The data and its sources stand beside this file.

Three tables, each read when it is first asked for: districts (`districts.py`), former codes (`history.py`), postcodes
(`postcodes.py`).
"""

from schemas.areas.districts import AreaTable, District, UnknownArea, area_table
from schemas.areas.postcodes import (
    Candidate,
    MalformedInward,
    MalformedPostcode,
    NoDistrict,
    Place,
    PlaceConflict,
    PostcodeRefused,
    PseudoPostcode,
    SectorOnly,
    UnknownPostcode,
    check_place,
    where,
)

__all__ = [
    "AreaTable",
    "Candidate",
    "District",
    "MalformedInward",
    "MalformedPostcode",
    "NoDistrict",
    "Place",
    "PlaceConflict",
    "PostcodeRefused",
    "PseudoPostcode",
    "SectorOnly",
    "UnknownArea",
    "UnknownPostcode",
    "area_table",
    "check_place",
    "where",
]
