"""The most that a desk of each type may ever be told, against a table copied by hand.

Source of the table: the project's domain study, section 3.2, "Ceilings". It is a second copy on purpose: the guards are
the first, and whoever changes one of them must change this one with open eyes.
"""

import pytest

from policies.ceilings import ceilings
from schemas import COMPARTMENTS, DeskType, Label

STUDY = {
    "police": "identity, description, vehicle, address, location_hint, offence, risk_summary, risk_detail, status, "
    "conditions, victim, household, employment, digital, financial, intelligence, minutes, health",
    "probation": "identity, description, vehicle, address, location_hint, offence, risk_summary, risk_detail, status, "
    "conditions, victim, household, employment, digital, minutes, health",
    "prison": "identity, description, offence, risk_summary, risk_detail, status, conditions, minutes, health",
    "victim_liaison": "identity, offence, status, conditions, victim, risk_summary",
    "recall_unit": "identity, address, offence, risk_summary, risk_detail, status, conditions",
    "youth_offending": "identity, address, offence, risk_summary, risk_detail, status, conditions, household, minutes",
    "children_social_care": "identity, description, address, location_hint, offence, risk_summary, status, conditions, "
    "household, minutes",
    "adult_social_care": "identity, description, address, offence, risk_summary, status, conditions, minutes",
    "education_authority": "identity, description, location_hint, offence, risk_summary, conditions, status, minutes",
    "housing_authority": "identity, offence, risk_summary, status, conditions, minutes",
    "registered_provider": "identity, offence, risk_summary, status, conditions, minutes",
    "nhs_provider": "identity, offence, risk_summary, status, conditions, health, minutes",
    "dwp": "identity, offence, risk_summary, status, conditions, minutes",
    "electronic_monitoring": "identity, address, offence, risk_summary, status, conditions, minutes",
    "immigration": "identity, offence, risk_summary, status, conditions, minutes",
    "nspcc": "identity, offence, risk_summary, risk_detail, status, conditions, minutes",
    "victim_support": "identity, offence, risk_summary, status, conditions, minutes",
    "smb": "aggregate",
    "safeguarding_partnership": "aggregate",
    "lay_adviser": "aggregate",
}
OVERSIGHT = {"smb", "safeguarding_partnership", "lay_adviser"}


def test_the_table_has_every_desk_type() -> None:
    assert set(STUDY) == set(DeskType) == set(ceilings())


@pytest.mark.parametrize("desk_type", DeskType)
def test_a_desk_type_has_the_ceiling_of_the_study(desk_type: DeskType) -> None:
    allowed = {Label(label) for label in STUDY[desk_type].split(", ")}

    assert ceilings()[desk_type] - {Label.CORRECTION} == allowed


@pytest.mark.parametrize("desk_type", DeskType)
def test_a_correction_is_within_for_whoever_can_have_been_told_of_a_person(desk_type: DeskType) -> None:
    assert (Label.CORRECTION in ceilings()[desk_type]) == (desk_type not in OVERSIGHT)


def test_every_compartment_but_contact_is_within_for_somebody() -> None:
    somebody = frozenset[Label]().union(*ceilings().values())

    assert somebody == set(COMPARTMENTS) - {Label.CONTACT}
