"""What is said of an address is checked where it is said: a postcode of another district never leaves the desk."""

import logging
import traceback

import pytest

from broker.client import Draft, compose
from broker.errors import NotSent
from schemas import AreaCode, Label, Purpose, Said
from schemas.areas.postcodes import postcode_table
from schemas.compartments import Address
from tests.personas import BLACKBURN, PRESTON, compartments, person

IN_PRESTON = "PR1 1" + "LD"
IN_SOUTH_RIBBLE = "PR4 5" + "SA"
UNKNOWN = "LA6 1" + "ZZ"
WITHOUT = "B29 6" + "XE"


def moved(postcode: str | None, to: AreaCode = PRESTON) -> Draft:
    """What police say of somebody's new address."""
    said: dict[Label, Said] = compartments(Label.IDENTITY, Label.ADDRESS, Label.STATUS, district=to)
    address = said[Label.ADDRESS]
    assert isinstance(address, Address)
    said[Label.ADDRESS] = Address.of(**{**dict(address), "postcode": postcode})
    return compose("rso.address_changed", person(), Purpose.PUBLIC_PROTECTION, said, area=to, area_old=BLACKBURN)


def test_an_address_whose_postcode_lies_in_its_district_is_said() -> None:
    address = moved(IN_PRESTON).compartments[Label.ADDRESS]

    assert isinstance(address, Address)
    assert address.postcode == IN_PRESTON


@pytest.mark.parametrize(
    ("postcode", "candidates"),
    [
        (IN_SOUTH_RIBBLE, ["Preston", "South Ribble"]),
        (UNKNOWN, ["Lancaster", "Westmorland and Furness"]),
        (WITHOUT, ["Birmingham"]),
        ("PR99 9" + "ZZ", []),
        ("PR1 1" + "VZ", []),
    ],
)
def test_a_postcode_in_conflict_or_unknown_is_refused_with_the_candidates(postcode: str, candidates: list[str]) -> None:
    with pytest.raises(NotSent, match=r"^`address\.postcode`: ") as refused:
        moved(postcode)

    assert all(name in str(refused.value) for name in candidates)


@pytest.mark.parametrize("postcode", [IN_SOUTH_RIBBLE, UNKNOWN, WITHOUT, "PR99 9" + "ZZ", "PR1 1" + "VZ"])
def test_the_refusal_does_not_carry_the_postcode_anywhere(postcode: str, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(NotSent) as refused:
        moved(postcode)

    logging.getLogger("a desk").error("not sent", exc_info=refused.value)
    told = caplog.text + "".join(traceback.format_exception(refused.value)) + repr(vars(refused.value))
    assert postcode not in told
    assert postcode.replace(" ", "") not in told
    assert refused.value.__context__ is refused.value.__cause__ is None


@pytest.mark.parametrize("postcode", [None, "ZZ99 3VZ", "ZZ99 3WZ"])
def test_without_a_postcode_or_with_one_of_no_place_the_district_stands_and_no_table_is_read(
    postcode: str | None,
) -> None:
    postcode_table.cache_clear()

    assert moved(postcode).area == PRESTON
    assert postcode_table.cache_info().currsize == 0


def test_a_correct_postcode_of_the_old_address_is_no_excuse() -> None:
    with pytest.raises(NotSent, match="Blackburn with Darwen"):
        moved(IN_PRESTON, to=BLACKBURN)


def test_a_former_district_is_refused_with_what_it_became() -> None:
    with pytest.raises(NotSent, match=r"`E08000019`; candidates: Sheffield \(E08000039\)"):
        moved(None, to=AreaCode("E08000019"))
