"""Who plays in the demo: ten desks of real kinds of agency in real places, and people who do not exist.

No address here is anybody's, and none has a postcode. The telephone numbers are those kept for drama by Ofcom.
"""

from dataclasses import dataclass
from datetime import date

from broker.client import Draft, compose
from schemas import (
    AgencyId,
    AreaCode,
    Category,
    DeskId,
    DeskType,
    Label,
    Level,
    PersonKey,
    PersonScheme,
    Purpose,
    Risk,
    Tag,
)
from schemas.compartments import (
    Address,
    Contact,
    Description,
    Household,
    HouseholdMember,
    Identity,
    Offence,
    PersonName,
    RiskSummary,
)
from schemas.conditions import Conditions, Term
from schemas.kinds.case import CaseOpened
from schemas.said import Said
from schemas.status import Status
from schemas.vocabulary import AddressKind, LegalState, TermKind

HUB = AgencyId("hub.demo.example")
LANCASHIRE = AreaCode("E23000003")
POLICE = DeskId("lancashire-police")
PROBATION = DeskId("lancashire-probation")
HOUSING = DeskId("blackburn-housing")


@dataclass(frozen=True, slots=True)
class DemoDesk:
    """A desk of the demo."""

    id: DeskId
    title: str
    agency: AgencyId
    desk_type: DeskType
    patch: tuple[AreaCode, ...]
    signed: bool
    duty_worker: str
    telephone: str

    @property
    def contact(self) -> Contact:
        """Whom to ring."""
        return Contact.of(role=self.duty_worker, telephone=self.telephone)


DESKS = (
    DemoDesk(POLICE, "Lancashire Police, offender management", AgencyId("lancashire-constabulary"), DeskType.POLICE,
             (LANCASHIRE,), False, "offender manager on duty", "01632 960001"),
    DemoDesk(PROBATION, "Lancashire Probation", AgencyId("probation-service"), DeskType.PROBATION,
             (LANCASHIRE,), False, "duty probation officer", "01632 960002"),
    DemoDesk(DeskId("blackburn-children"), "Blackburn with Darwen, children's social care",
             AgencyId("blackburn-with-darwen-council"), DeskType.CHILDREN_SOCIAL_CARE, (AreaCode("E06000008"),), True,
             "duty social worker", "01632 960003"),
    DemoDesk(DeskId("lancashire-children"), "Lancashire County Council, children's social care",
             AgencyId("lancashire-county-council"), DeskType.CHILDREN_SOCIAL_CARE, (AreaCode("E10000017"),), True,
             "duty social worker", "01632 960004"),
    DemoDesk(DeskId("blackburn-housing"), "Blackburn with Darwen, housing needs",
             AgencyId("blackburn-with-darwen-council"), DeskType.HOUSING_AUTHORITY, (AreaCode("E06000008"),), True,
             "housing officer", "01632 960005"),
    DemoDesk(DeskId("preston-housing"), "Preston City Council, housing needs", AgencyId("preston-city-council"),
             DeskType.HOUSING_AUTHORITY, (AreaCode("E07000123"),), True, "housing officer", "01632 960006"),
    DemoDesk(DeskId("blackpool-children"), "Blackpool, children's social care", AgencyId("blackpool-council"),
             DeskType.CHILDREN_SOCIAL_CARE, (AreaCode("E06000009"),), True, "duty social worker", "01632 960007"),
    DemoDesk(DeskId("lancashire-education"), "Lancashire County Council, education",
             AgencyId("lancashire-county-council"), DeskType.EDUCATION_AUTHORITY, (AreaCode("E10000017"),), True,
             "schools adviser", "01632 960008"),
    DemoDesk(DeskId("lancashire-employment"), "Employment service, Lancashire", AgencyId("employment-service"),
             DeskType.DWP, (LANCASHIRE,), True, "work coach", "01632 960009"),
    DemoDesk(DeskId("victim-liaison"), "Victim liaison unit, Lancashire", AgencyId("probation-service"),
             DeskType.VICTIM_LIAISON, (LANCASHIRE,), False, "victim liaison officer", "01632 960010"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class DemoPerson:
    """Somebody who does not exist."""

    name: PersonName
    key: PersonKey
    born: date
    tags: tuple[Tag, ...]
    risk: Risk
    against_child: bool
    from_district: str

    @property
    def title(self) -> str:
        """The name, as people write it."""
        return f"{self.name.given} {self.name.family}"


def _person(given: str, family: str, number: int, risk: Risk, district: str, *tags: Tag) -> DemoPerson:
    return DemoPerson(
        name=PersonName.of(given=given, family=family),
        key=PersonKey.of(scheme=PersonScheme.PNC, identifier=f"00/{number:07}X"),
        born=date(1970 + number, 1, 1),
        tags=(Tag.SUPERVISED, *tags),
        risk=risk,
        against_child=Tag.CHILD_RELATED in tags,
        from_district=district,
    )


PEOPLE = (
    _person("Zed", "Synthetic-Onyx", 1, Risk.HIGH, "Preston", Tag.CHILD_RELATED),
    _person("Quill", "Synthetic-Umber", 2, Risk.MEDIUM, "Burnley"),
    _person("Vex", "Synthetic-Teal", 3, Risk.MEDIUM, "Blackpool", Tag.CHILD_RELATED),
)


def case_opened(person: DemoPerson, contact: Contact) -> Draft:
    """Police open a case, with probation on the team."""
    said = CaseOpened.of(
        team=(PROBATION,),
        tags=person.tags,
        risk=person.risk,
        level=Level.ORDINARY,
        category=Category.REGISTERED_SEXUAL,
        forces=(LANCASHIRE,),
    )
    compartments = {Label.CONTACT: contact, Label.CONTROL: said}
    return compose("case.opened", person.key, Purpose.PUBLIC_PROTECTION, compartments)


def moved(person: DemoPerson, old: AreaCode, new: AreaCode, today: date, contact: Contact) -> Draft:
    """Police say that somebody has a new address."""
    compartments = known(person, contact) | {
        Label.ADDRESS: Address.of(
            lines=("7 Nonesuch Row", "(an invented street)"),
            district=new,
            lives_there_from=today,
            kind=AddressKind.HOME,
        ),
        Label.STATUS: Status.of(event="has left the area", state=LegalState.LICENCE, effective_on=today),
    }
    return compose("rso.address_changed", person.key, Purpose.PUBLIC_PROTECTION, compartments, area=new, area_old=old)


def resides(person: DemoPerson, district: AreaCode, today: date, contact: Contact) -> Draft:
    """Probation say that somebody lives in an area."""
    compartments = known(person, contact) | {
        Label.STATUS: Status.of(event="lives in the area", state=LegalState.LICENCE, effective_on=today)
    }
    return compose("offender.resides_in_area", person.key, Purpose.SAFEGUARDING, compartments, area=district)


def known(person: DemoPerson, contact: Contact) -> dict[Label, Said]:
    """What police and probation know of somebody."""
    return {
        Label.CONTACT: contact,
        Label.IDENTITY: Identity.of(names=(person.name,), date_of_birth=person.born, identifiers=(person.key,)),
        Label.DESCRIPTION: Description.of(appearance="Invented: green hair, a monocle.", height_cm=180),
        Label.OFFENCE: Offence.of(
            summary="An invented offence against a child." if person.against_child else "An invented offence.",
            against_child=person.against_child,
        ),
        Label.RISK_SUMMARY: RiskSummary.of(
            level=person.risk,
            to_whom=("children",) if person.against_child else ("known adult",),
            mappa_category=Category.REGISTERED_SEXUAL,
            mappa_level=Level.ORDINARY,
        ),
        Label.CONDITIONS: Conditions.of(
            terms=(
                Term.of(kind=TermKind.EXCLUDE_AREA, text="Not to enter a named exclusion area"),
                Term.of(kind=TermKind.RESIDE, text="Lives where approved"),
            )
        ),
        Label.HOUSEHOLD: Household.of(
            members=(HouseholdMember.of(name="Lumen Synthetic-Onyx", relation="partner", under_18=False),)
        ),
    }
