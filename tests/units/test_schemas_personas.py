"""The people of the stories are seen to be invented, and what is distinctive of them is found wherever it leaks to."""

import re
from base64 import b64encode, urlsafe_b64encode
from datetime import date
from enum import Enum
from itertools import pairwise

import pytest

from schemas import CATALOGUE, COMPARTMENTS, Label, Said, area_table
from tests.personas import (
    CANARIES,
    CONTROLS,
    DESKS,
    PEOPLE,
    PRESTON,
    Persona,
    canaries_in,
    compartments,
    everything,
    person,
)


def texts(value: object) -> list[str]:
    """Every text in a value that is for a person to read or that names one."""
    match value:
        case Enum() | date() | bool() | int() | None:
            return []
        case str():
            return [] if re.fullmatch(r"[EW]\d{8}", value) else [value]
        case tuple():
            return [text for item in value for text in texts(item)]
        case Said():
            members = {name: getattr(value, name) for name in type(value).model_fields}
            return [text for member in members.values() for text in texts(member)]
        case _:
            raise AssertionError(type(value))


def test_nobody_shares_a_name_a_number_or_a_street() -> None:
    said = [text for persona in PEOPLE for text in persona.texts]

    assert len(set(said)) == len(said)
    assert len({persona.key for persona in PEOPLE}) == len(PEOPLE)
    assert [person(number) for number in range(len(PEOPLE))] == [persona.key for persona in PEOPLE]


def test_everybody_is_seen_to_be_invented() -> None:
    for persona in PEOPLE:
        assert "Invented" in persona.given
        assert "Synthetic" in persona.family
        assert "Invented" in persona.street
        assert persona.postcode.startswith("ZZ99 ")
        assert persona.pnc.startswith("99/000000")
        assert persona.born.year < 1905


def test_every_telephone_number_is_one_of_those_kept_for_drama() -> None:
    for persona in PEOPLE:
        for text in texts(tuple(everything(person=persona.key).values())):
            for number in re.findall(r"\b0[0-9 ]{8,}[0-9]\b", text):
                assert re.fullmatch(r"01632 960[0-9]{3}", number)


def test_no_canary_could_stand_somewhere_by_chance() -> None:
    assert all(len(canary) >= 8 for canary in CANARIES)
    assert len(set(CANARIES)) == len(CANARIES)


@pytest.mark.parametrize("persona", PEOPLE, ids=lambda persona: persona.family)
@pytest.mark.parametrize("label", [label for label in COMPARTMENTS if label is not Label.LOCATION_HINT])
def test_every_text_of_every_compartment_holds_a_canary(label: Label, persona: Persona) -> None:
    said = everything(person=persona.key)[label]

    assert texts(said)
    assert [text for text in texts(said) if not any(canary in text for canary in CANARIES)] == []
    assert canaries_in(said.to_bytes())


def test_two_people_share_no_text_but_whom_to_ring() -> None:
    for one, other in pairwise(PEOPLE):
        for label in set(COMPARTMENTS) - {Label.CONTACT}:
            mine, theirs = everything(person=one.key)[label], everything(person=other.key)[label]
            assert set(texts(mine)).isdisjoint(texts(theirs))


@pytest.mark.parametrize("before", range(4))
@pytest.mark.parametrize("canary", CANARIES)
def test_a_canary_is_found_in_base64_and_in_hexadecimal_wherever_it_begins(canary: str, before: int) -> None:
    data = bytes(range(250, 250 + before)) + canary.encode() + b"\xfb\xff\xfe"

    for leaked in (data, b64encode(data), urlsafe_b64encode(data).rstrip(b"="), data.hex().encode()):
        assert canary in canaries_in(b"\x00" + leaked + b"\x00")


def test_what_holds_no_canary_is_let_be() -> None:
    assert canaries_in(b"") == []
    assert canaries_in(b'{"area":"E07000123","kind":"rso.address_changed","ts":"2026-01-12T09:00:00Z"}') == []
    assert canaries_in(bytes(range(256)) * 64) == []


def test_contact_goes_with_every_letter_and_nothing_goes_that_was_not_asked_for() -> None:
    assert set(compartments()) == {Label.CONTACT}
    assert list(compartments(Label.ADDRESS, Label.CONTACT)) == [Label.CONTACT, Label.ADDRESS]
    assert set(everything()) == set(COMPARTMENTS)


def test_there_is_a_control_value_for_each_control_kind() -> None:
    assert set(CONTROLS) == {kind.name for kind in CATALOGUE.values() if kind.control}
    for name, said in CONTROLS.items():
        assert type(said) is CATALOGUE[name].models[Label.CONTROL]


def test_every_desk_serves_somewhere_in_the_story() -> None:
    table = area_table()

    assert len({desk.name for desk in DESKS}) == len(DESKS)
    for desk in DESKS:
        assert set(desk.patch) <= table.known
        assert any(district.served_by(desk.desk_type, desk.patch) for district in table.districts.values())
    assert [desk.name for desk in DESKS if table.district(PRESTON).served_by(desk.desk_type, desk.patch)] == [
        "lancashire-police",
        "lancashire-probation",
        "lancashire-children",
        "preston-housing",
    ]
