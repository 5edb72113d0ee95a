"""The compartments: fields that are told or withheld together. One model each; kinds differ by which they carry.

What a compartment holds follows the domain study, section 2.5, and the definitions beside its rules: medical and
financial details apart from what every officer may know (College of Policing, Authorised Professional Practice).
"""

from datetime import date
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from schemas.conditions import Conditions
from schemas.identifiers import AreaCodeField, PersonKey, PersonScheme
from schemas.said import Line, Paragraph, Said
from schemas.status import Status
from schemas.vocabulary import AddressKind, Category, Level, Risk


class Label(StrEnum):
    """The name of a compartment. It stands in the compartment's own signed bytes and nowhere outside a letter."""

    FACTS = "facts"
    """For the hub alone; see facts.py."""
    COVER = "cover"
    """Written by the hub for one desk; see broker/sealing."""
    CONTROL = "control"
    """What a control kind says to the hub; delivered to nobody."""
    CONTACT = "contact"
    """Goes with every letter and makes none."""
    IDENTITY = "identity"
    DESCRIPTION = "description"
    VEHICLE = "vehicle"
    ADDRESS = "address"
    LOCATION_HINT = "location_hint"
    OFFENCE = "offence"
    RISK_SUMMARY = "risk_summary"
    RISK_DETAIL = "risk_detail"
    STATUS = "status"
    CONDITIONS = "conditions"
    HOUSEHOLD = "household"
    EMPLOYMENT = "employment"
    DIGITAL = "digital"
    FINANCIAL = "financial"
    INTELLIGENCE = "intelligence"
    VICTIM = "victim"
    HEALTH = "health"
    MINUTES = "minutes"
    AGGREGATE = "aggregate"
    CORRECTION = "correction"


BLIND = frozenset({Label.ADDRESS, Label.VICTIM, Label.HEALTH})
"""Compartments that the hub never opens: the publisher's adapter validates them, and so does whoever receives them."""

_Few = Field(min_length=1, max_length=20)


class Contact(Said):
    """Whom to ring. Never personal to the offender."""

    role: Line
    telephone: Annotated[str, Field(pattern=r"^[0-9 +]{3,20}$")]
    case_reference: Line | None = None


class PersonName(Said):
    """A name as it is written, family name last."""

    given: Line
    family: Line


class Identity(Said):
    """Who it is."""

    names: Annotated[tuple[PersonName, ...], _Few]
    date_of_birth: date
    aliases: tuple[PersonName, ...] = Field(default=(), max_length=20)
    identifiers: tuple[PersonKey, ...] = Field(default=(), max_length=10)

    @model_validator(mode="after")
    def _none_of_our_own(self) -> Self:
        # A pseudonym is one desk's alone: told to others, it would let two agencies join what they hold.
        if any(key.scheme is PersonScheme.REF for key in self.identifiers):
            raise PydanticCustomError("a_pseudonym", "a pseudonym")
        return self


class Description(Said):
    """What the person looks like."""

    appearance: Paragraph
    height_cm: int | None = Field(default=None, ge=40, le=260)
    shoe_size: Line | None = None


class VehicleUsed(Said):
    """One vehicle."""

    registration: Line
    make_and_colour: Line


class Vehicle(Said):
    """The vehicles used."""

    vehicles: Annotated[tuple[VehicleUsed, ...], _Few]


class Address(Said):
    """Where the person lives, in full. Blind: the hub never opens it."""

    lines: Annotated[tuple[Line, ...], Field(min_length=1, max_length=6)]
    district: AreaCodeField
    postcode: Annotated[str, Field(pattern=r"^[A-Z]{1,2}[0-9][0-9A-Z]? [0-9][A-Z]{2}$")] | None = None
    lives_there_from: date
    kind: AddressKind | None = None


class LocationHint(Said):
    """The district and nothing nearer."""

    district: AreaCodeField


class Offence(Said):
    """The index offence and the pattern, in one paragraph, without the identity of a victim."""

    summary: Paragraph
    against_child: bool


class RiskSummary(Said):
    """How great the risk of serious harm is, and to whom."""

    level: Risk
    to_whom: Annotated[tuple[Line, ...], _Few]
    mappa_category: Category
    mappa_level: Level
    previous_level: Risk | None = None
    changed_on: date | None = None


class Assessment(Said):
    """A score is worth nothing without its tool and date. Source: study, row 58."""

    tool: Line
    version: Line
    assessed_on: date
    score: Line
    assessor_role: Line | None = None


class RiskDetail(Said):
    """Scores, triggers and the plan."""

    assessments: Annotated[tuple[Assessment, ...], _Few]
    triggers: Paragraph
    plan: Paragraph


class HouseholdMember(Said):
    """Somebody who lives with the person or is close to them."""

    name: Line
    relation: Line
    under_18: bool


class Household(Said):
    """Partner, children in the household, associates."""

    members: Annotated[tuple[HouseholdMember, ...], _Few]


class Employment(Said):
    """Job, employer, voluntary work."""

    work: Annotated[tuple[Line, ...], _Few]


class Digital(Said):
    """Devices, accounts, monitoring software."""

    devices: Annotated[tuple[Line, ...], _Few]


class Financial(Said):
    """Bank, card, passport and national insurance details."""

    items: Annotated[tuple[Line, ...], _Few]


class Intelligence(Said):
    """Covert or unevaluated police information."""

    reports: Annotated[tuple[Paragraph, ...], _Few]


class VictimPerson(Said):
    """A victim, or somebody who may become one."""

    name: PersonName
    telephone: Annotated[str, Field(pattern=r"^[0-9 +]{3,20}$")] | None = None
    address: tuple[Line, ...] = Field(default=(), max_length=6)


class Victim(Said):
    """Who was or may be harmed, and what they wish. Blind: the hub never opens it."""

    people: Annotated[tuple[VictimPerson, ...], _Few]
    in_scheme: bool | None = None
    wishes: Paragraph | None = None


class Health(Said):
    """Diagnosis, treatment, substance misuse. Blind: the hub never opens it."""

    summary: Paragraph


class Minutes(Said):
    """What was said and decided at a meeting."""

    held_on: date
    text: Paragraph
    victim_safety: Paragraph | None = None


class Count(Said):
    """One line of a table of counts."""

    line: Line
    number: int = Field(ge=0, lt=2**31)


class Aggregate(Said):
    """Counts only, with the rules by which they were counted."""

    counts: Annotated[tuple[Count, ...], Field(min_length=1, max_length=200)]
    rule_version: Line
    period_from: date
    period_to: date
    cut_off: date


class Correction(Said):
    """What was wrong, what is right, what to delete."""

    was_wrong: Paragraph
    is_right: Paragraph
    delete: Annotated[tuple[Line, ...], _Few]


COMPARTMENTS: dict[Label, type[Said]] = {
    Label.CONTACT: Contact,
    Label.IDENTITY: Identity,
    Label.DESCRIPTION: Description,
    Label.VEHICLE: Vehicle,
    Label.ADDRESS: Address,
    Label.LOCATION_HINT: LocationHint,
    Label.OFFENCE: Offence,
    Label.RISK_SUMMARY: RiskSummary,
    Label.RISK_DETAIL: RiskDetail,
    Label.STATUS: Status,
    Label.CONDITIONS: Conditions,
    Label.HOUSEHOLD: Household,
    Label.EMPLOYMENT: Employment,
    Label.DIGITAL: Digital,
    Label.FINANCIAL: Financial,
    Label.INTELLIGENCE: Intelligence,
    Label.VICTIM: Victim,
    Label.HEALTH: Health,
    Label.MINUTES: Minutes,
    Label.AGGREGATE: Aggregate,
    Label.CORRECTION: Correction,
}
"""What a desk can be told."""
