"""Every decoder that is fuzzed, by name. What comes from outside and is not here is not fuzzed."""

from collections.abc import Mapping
from functools import cache

from tests.fuzz import agency, carried, recorded, sealed
from tests.fuzz.material import material
from tests.fuzz.target import Target


@cache
def decoders() -> Mapping[str, Target]:
    """All of them."""
    given = material()
    return {**sealed.targets(given), **recorded.targets(given), **carried.targets(given), **agency.targets(given)}
