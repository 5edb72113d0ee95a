"""The people, desks and addresses of every story. All invented, and made to be seen as such.

The area codes are real, so that the stories run over the real area table; the agencies, people and streets on them are
not. Telephone numbers are those that Ofcom keeps for drama (01632 960xxx), postcodes begin with ZZ99, which is nowhere.
`CANARIES` holds what is distinctive of these people: none of it may ever stand in a file of the hub.
"""

from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from schemas import (
    COMPARTMENTS,
    AgencyId,
    AreaCode,
    DeskId,
    DeskType,
    Facts,
    Label,
    NotificationId,
    PersonKey,
    PersonScheme,
    Said,
)
from schemas.kinds.case import CaseAssessed, CaseOpened, CaseTagged, ConsentRecorded, PersonLinked, TeamChanged
from schemas.kinds.letter import LetterAcknowledged, LetterReturned
from schemas.vocabulary import (
    Category,
    Consent,
    Level,
    Purpose,
    Risk,
    Tag,
    Urgency,
)
from tests.sayings import CONTACT, everything_about

# --- where ------------------------------------------------------------------------------------------------------------

PRESTON = AreaCode("E07000123")
CHORLEY = AreaCode("E07000118")
BLACKBURN = AreaCode("E06000008")
LANCASHIRE = AreaCode("E10000017")
"""The county: the social services authority of Preston and Chorley, and not of Blackburn."""
LANCASHIRE_FORCE = AreaCode("E23000003")
"""The police force area: all four of them lie in it."""

# --- desks ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DeskPersona:
    """A desk as it would be registered."""

    name: DeskId
    agency: AgencyId
    desk_type: DeskType
    patch: tuple[AreaCode, ...]
    signed: bool = True
    """Whether its agency signed the sharing protocol for it."""


POLICE = DeskPersona(
    DeskId("lancashire-police"), AgencyId("invented-police"), DeskType.POLICE, (LANCASHIRE_FORCE,), signed=True
)
PROBATION = DeskPersona(
    DeskId("lancashire-probation"), AgencyId("invented-probation"), DeskType.PROBATION, (LANCASHIRE_FORCE,)
)
BLACKBURN_CHILDREN = DeskPersona(
    DeskId("blackburn-children"), AgencyId("invented-blackburn-council"), DeskType.CHILDREN_SOCIAL_CARE, (BLACKBURN,)
)
BLACKBURN_HOUSING = DeskPersona(
    DeskId("blackburn-housing"), AgencyId("invented-blackburn-council"), DeskType.HOUSING_AUTHORITY, (BLACKBURN,)
)
LANCASHIRE_CHILDREN = DeskPersona(
    DeskId("lancashire-children"), AgencyId("invented-lancashire-council"), DeskType.CHILDREN_SOCIAL_CARE, (LANCASHIRE,)
)
PRESTON_HOUSING = DeskPersona(
    DeskId("preston-housing"), AgencyId("invented-preston-council"), DeskType.HOUSING_AUTHORITY, (PRESTON,)
)

DESKS = (POLICE, PROBATION, BLACKBURN_CHILDREN, BLACKBURN_HOUSING, LANCASHIRE_CHILDREN, PRESTON_HOUSING)
"""Of one county, its police, one of its districts and the unitary authority beside it. All have signed."""

# --- people -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Persona:
    """Somebody who does not exist. Every text below is distinctive: at least eight characters, used for nobody else."""

    given: str
    family: str
    alias: str
    pnc: str
    crn: str
    born: date
    house: str
    street: str
    postcode: str
    registration: str
    relative: str
    """Somebody else in the household, who has done nothing."""
    telephone: str
    """Of somebody whom they harmed."""

    @property
    def key(self) -> PersonKey:
        """The identifier by which a publisher names them."""
        return PersonKey(scheme=PersonScheme.PNC, identifier=self.pnc)

    @property
    def texts(self) -> tuple[str, ...]:
        """What is distinctive of them."""
        names = (self.given, self.family, self.alias, self.relative)
        numbers = (self.pnc, self.crn, self.born.isoformat(), self.registration, self.telephone)
        return (*names, *numbers, self.house, self.street, self.postcode)


PEOPLE = (
    Persona(
        "Zed-Invented",
        "Synthetic-Onyx",
        "Zedling-Unreal",
        "99/0000001A",
        "X-INVENTED-001",
        date(1901, 2, 3),
        "901 Nowhere House",
        "1 Invented-Onyx Street",
        "ZZ99 3VZ",
        "ZZ99 ONX",
        "Ada-Invented Onyx",
        "01632 960201",
    ),
    Persona(
        "Quill-Invented",
        "Synthetic-Basalt",
        "Quilling-Unreal",
        "99/0000002B",
        "X-INVENTED-002",
        date(1902, 3, 4),
        "902 Nowhere House",
        "2 Invented-Basalt Street",
        "ZZ99 3WZ",
        "ZZ99 BST",
        "Bea-Invented Basalt",
        "01632 960202",
    ),
    Persona(
        "Vesper-Invented",
        "Synthetic-Quartz",
        "Vespering-Unreal",
        "99/0000003C",
        "X-INVENTED-003",
        date(1903, 4, 5),
        "903 Nowhere House",
        "3 Invented-Quartz Street",
        "ZZ99 3CZ",
        "ZZ99 QTZ",
        "Cyd-Invented Quartz",
        "01632 960203",
    ),
)

"""Whom to ring about any of them. It is sealed like the rest, so it is no more the hub's to keep."""

CANARIES: tuple[str, ...] = (
    *(text for persona in PEOPLE for text in persona.texts),
    "Synthetic-Duty",
    CONTACT.telephone,
    "SYNTHETIC-CASE-1",
)
"""What must never stand in a file of the hub. Every text of every compartment below holds one of them."""


def person(number: int = 0) -> PersonKey:
    """The person of this number, counted from 0, as a publisher names them."""
    return PEOPLE[number].key


def compartments(*labels: Label, district: AreaCode = PRESTON, person: PersonKey = PEOPLE[0].key) -> dict[Label, Said]:
    """`contact` and these compartments, about one of `PEOPLE`, living in a district."""
    persona = next(persona for persona in PEOPLE if persona.key == person)
    said = everything_about(persona, district)
    return {label: said[label] for label in dict.fromkeys((Label.CONTACT, *labels))}


def everything(district: AreaCode = PRESTON, person: PersonKey = PEOPLE[0].key) -> dict[Label, Said]:
    """Every compartment that a desk can be told."""
    return compartments(*COMPARTMENTS, district=district, person=person)


def facts(**changed: Any) -> Facts:
    """The facts of a first notification about the first person, but for what is *changed*."""
    return Facts.of(**{"person": person(), "purpose": Purpose.PUBLIC_PROTECTION, "seq": 1, **changed})


# --- control kinds ----------------------------------------------------------------------------------------------------

CONTROLS: dict[str, Said] = {
    "case.opened": CaseOpened(
        team=(POLICE.name, PROBATION.name),
        tags=(Tag.SUPERVISED, Tag.CHILD_RELATED),
        risk=Risk.HIGH,
        level=Level.MULTI_AGENCY,
        category=Category.REGISTERED_SEXUAL,
        forces=(LANCASHIRE_FORCE,),
    ),
    "case.team_changed": TeamChanged(add=(PRESTON_HOUSING.name,), remove=(PROBATION.name,)),
    "case.tagged": CaseTagged(add=(Tag.HOUSING_CASE,), remove=(Tag.SUPERVISED,)),
    "case.assessed": CaseAssessed(risk=Risk.VERY_HIGH, level=Level.SENIOR_MULTI_AGENCY),
    "consent.recorded": ConsentRecorded(patient=Consent.GIVEN, caldicott_authority=True),
    "person.linked": PersonLinked(other=PersonKey(scheme=PersonScheme.CRN, identifier="X-INVENTED-099")),
    "letter.returned": LetterReturned(
        letter=NotificationId("AAAAAAAAAAAAAAAAAAAAAA"), part=1, by="BBBBBBBBBBBBBBBBBBBBBB"
    ),
    "letter.acknowledged": LetterAcknowledged(
        letter=NotificationId("AAAAAAAAAAAAAAAAAAAAAA"), part=1, by="BBBBBBBBBBBBBBBBBBBBBB"
    ),
}
"""What each control kind could say to the hub."""

FULL_FACTS = facts(
    area=BLACKBURN,
    area_old=PRESTON,
    addressed=(PRESTON_HOUSING.name,),
    attendees=(PROBATION.name,),
    corrects="CCCCCCCCCCCCCCCCCCCCCA",
    flags=(Tag.CHILD_RELATED,),
    risk_rises=True,
    urgency=Urgency.URGENT,
    traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
)
"""Facts with every field filled. No kind takes all of them."""

# --- looking for what must not be there -------------------------------------------------------------------------------


def canaries_in(data: bytes, canaries: Iterable[str] = CANARIES) -> list[str]:
    """Which of them stand in *data*: as they are, in either base64 wherever it begins, or in hexadecimal."""
    return [canary for canary in canaries if any(form in data for form in _forms(canary.encode("utf-8")))]


def _forms(canary: bytes) -> set[bytes]:
    forms = {canary, canary.hex().encode("ascii"), canary.hex().upper().encode("ascii")}
    for before in range(3):  # base64 spells three bytes at a time, so a text has three spellings, by where it begins
        spelt = b64encode(bytes(before) + canary)
        inside = spelt[-(-before * 8 // 6) : (before + len(canary)) * 8 // 6]
        forms |= {inside, inside.translate(bytes.maketrans(b"+/", b"-_"))}
    return forms
