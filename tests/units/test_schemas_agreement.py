"""A publisher that says one thing to the hub and another to the desks is refused."""

import pytest

from schemas import (
    CATALOGUE,
    COMPARTMENTS,
    Facts,
    Kind,
    Label,
    PersonKey,
    PersonScheme,
    Said,
    SchemaRefused,
    check_agreement,
)
from schemas.compartments import Identity, PersonName
from schemas.kinds.kind import Need
from tests.personas import BLACKBURN, PEOPLE, PRESTON, compartments, everything, facts, person


def identity(*keys: PersonKey) -> dict[Label, Said]:
    """An identity that holds these identifiers."""
    persona = PEOPLE[0]
    name = PersonName(given=persona.given, family=persona.family)
    return {Label.IDENTITY: Identity(names=(name,), date_of_birth=persona.born, identifiers=keys)}


def key(scheme: PersonScheme, identifier: str) -> PersonKey:
    """An identifier of another scheme."""
    return PersonKey(scheme=scheme, identifier=identifier)


def problems(said: Facts, opened: dict[Label, Said]) -> tuple[str, ...]:
    """What does not agree."""
    with pytest.raises(SchemaRefused) as refused:
        check_agreement(said, opened)
    return refused.value.problems


def test_what_agrees_passes() -> None:
    check_agreement(facts(area=PRESTON, area_old=BLACKBURN), everything(PRESTON))


def test_what_is_blind_here_is_not_missed() -> None:
    check_agreement(facts(area=PRESTON), {})
    check_agreement(facts(area=PRESTON), compartments(Label.IDENTITY, Label.STATUS))


def test_every_compartment_that_names_a_district_is_compared() -> None:
    placed = {label for label, model in COMPARTMENTS.items() if "district" in model.model_fields}

    assert placed == {Label.ADDRESS, Label.LOCATION_HINT}


@pytest.mark.parametrize("label", [Label.ADDRESS, Label.LOCATION_HINT])
def test_an_address_in_another_district_is_refused(label: Label) -> None:
    elsewhere = compartments(label, district=BLACKBURN)

    assert problems(facts(area=PRESTON), elsewhere) == (f"`{label}.district` is not the fact `area`",)


@pytest.mark.parametrize("label", [Label.ADDRESS, Label.LOCATION_HINT])
def test_an_address_in_the_district_before_is_refused(label: Label) -> None:
    said = facts(area=PRESTON, area_old=BLACKBURN)

    assert problems(said, compartments(label, district=BLACKBURN))


@pytest.mark.parametrize("label", [Label.ADDRESS, Label.LOCATION_HINT])
def test_an_address_goes_with_what_is_about_no_district(label: Label) -> None:
    check_agreement(facts(), compartments(label, district=PRESTON))


@pytest.mark.parametrize("kind", CATALOGUE.values(), ids=lambda kind: kind.name)
def test_what_names_the_district_before_cannot_leave_out_the_district(kind: Kind) -> None:
    assert kind.area_old is not Need.REQUIRED or kind.area is Need.REQUIRED
    assert kind.area_old is not Need.ALLOWED


def test_another_person_under_the_same_scheme_is_refused() -> None:
    said = facts(person=person(0))

    assert problems(said, identity(person(1))) == ("`identity.identifiers` is not the fact `person`",)
    assert problems(said, compartments(Label.IDENTITY, person=person(1)))


def test_the_same_person_passes() -> None:
    check_agreement(facts(person=person(0)), identity(person(0)))
    check_agreement(facts(person=person(0)), identity(key(PersonScheme.CRN, "X-INVENTED-001"), person(0)))


def test_one_of_several_identifiers_of_a_scheme_is_enough() -> None:
    check_agreement(facts(person=person(0)), identity(person(1), person(0)))


def test_an_identifier_of_another_scheme_says_nothing_against_it() -> None:
    check_agreement(facts(person=person(0)), identity())
    check_agreement(facts(person=person(0)), identity(key(PersonScheme.CRN, "X-INVENTED-009")))


@pytest.mark.parametrize("identifier", ["99/0000001B", "99-0000001A", "099/0000001A"])
def test_an_identifier_that_is_almost_the_same_is_another_person(identifier: str) -> None:
    assert problems(facts(person=person(0)), identity(key(PersonScheme.PNC, identifier)))


def test_a_person_whom_the_hub_named_is_compared_by_the_hub_alone() -> None:
    by_ref = facts(person=key(PersonScheme.REF, "AAAAAAAAAAAAAAAAAAAAAA"))

    check_agreement(by_ref, identity(person(0)))


def test_all_that_does_not_agree_is_named_at_once() -> None:
    opened = everything(BLACKBURN, person=person(2))

    assert len(problems(facts(area=PRESTON, person=person(0)), opened)) == 3
