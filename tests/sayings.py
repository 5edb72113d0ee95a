"""What could be said of an invented person: every compartment, with every field filled."""

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from schemas import AreaCode, Label, PersonKey, PersonScheme, Said
from schemas.compartments import (
    Address,
    Aggregate,
    Assessment,
    Contact,
    Correction,
    Count,
    Description,
    Digital,
    Employment,
    Financial,
    Health,
    Household,
    HouseholdMember,
    Identity,
    Intelligence,
    LocationHint,
    Minutes,
    Offence,
    PersonName,
    RiskDetail,
    RiskSummary,
    Vehicle,
    VehicleUsed,
    Victim,
    VictimPerson,
)
from schemas.conditions import Breach, Conditions, Order, Term
from schemas.status import Alert, Meeting, Programme, Status, Threat, Transfer, Travel
from schemas.vocabulary import (
    AddressKind,
    Category,
    ChairRole,
    LegalState,
    Level,
    MeetingKind,
    OrderType,
    ReturnGround,
    Risk,
    TermKind,
)

if TYPE_CHECKING:
    from tests.personas import Persona

AT = datetime(2026, 1, 12, 9, 30, tzinfo=UTC)

CONTACT = Contact(role="Synthetic-Duty officer", telephone="01632 960101", case_reference="SYNTHETIC-CASE-1")


def everything_about(persona: "Persona", district: AreaCode) -> dict[Label, Said]:
    name = PersonName(given=persona.given, family=persona.family)
    whose = persona.family
    return {
        Label.CONTACT: CONTACT,
        Label.IDENTITY: Identity(
            names=(name,),
            date_of_birth=persona.born,
            aliases=(PersonName(given=persona.alias, family=whose),),
            identifiers=(persona.key, PersonKey(scheme=PersonScheme.CRN, identifier=persona.crn)),
        ),
        Label.DESCRIPTION: Description(
            appearance=f"{whose} is as tall as a lamp post.\nNo more is known.",
            height_cm=199,
            shoe_size=f"13, with {whose} inside",
        ),
        Label.VEHICLE: Vehicle(
            vehicles=(VehicleUsed(registration=persona.registration, make_and_colour=f"a grey {whose} Mark II"),)
        ),
        Label.ADDRESS: Address(
            lines=(persona.house, persona.street),
            district=district,
            postcode=persona.postcode,
            lives_there_from=date(2026, 1, 12),
            kind=AddressKind.HOME,
        ),
        Label.LOCATION_HINT: LocationHint(district=district),
        Label.OFFENCE: Offence(summary=f"{whose} committed an invented offence.", against_child=True),
        Label.RISK_SUMMARY: RiskSummary(
            level=Risk.HIGH,
            to_whom=(f"children whom {whose} does not know",),
            mappa_category=Category.REGISTERED_SEXUAL,
            mappa_level=Level.MULTI_AGENCY,
            previous_level=Risk.MEDIUM,
            changed_on=date(2026, 1, 4),
        ),
        Label.RISK_DETAIL: RiskDetail(
            assessments=(
                Assessment(
                    tool=f"the {whose} scale",
                    version=f"{whose} 2",
                    assessed_on=date(2026, 1, 5),
                    score=f"{whose} in the fourth band",
                    assessor_role=f"who knows {whose}",
                ),
            ),
            triggers=f"{whose} is worse when it rains.",
            plan=f"Visit {whose} weekly.\nRing first.",
        ),
        Label.STATUS: Status(
            event=f"{whose} has a new home address",
            state=LegalState.LICENCE,
            effective_on=date(2026, 1, 12),
            next_due_on=date(2027, 1, 12),
            reasons=f"{whose} is no figment",
            establishment=f"the {whose} Hostel",
            establishment_before=f"the old {whose} Hostel",
            sentence_months=48,
            return_ground=ReturnGround.LICENCE_BREACH,
            missing_since=AT,
            detained=False,
            approved=True,
            needed=f"a flat without {whose} in it",
            continued_by=f"the friends of {whose}",
            record_number=f"D-{whose}-1",
            visit_on=date(2026, 2, 1),
            issued_at=AT,
            meeting=Meeting(
                kind=MeetingKind.INITIAL, held_on=date(2026, 1, 20), chair=ChairRole.ASSISTANT_CHIEF_OFFICER
            ),
            travel=Travel(country=f"the land of {whose}", leaves_on=date(2026, 3, 1), returns_on=date(2026, 3, 8)),
            threat=Threat(
                against=f"a neighbour of {whose}",
                how_soon=f"before {whose} sleeps",
                source_reliability=f"as {whose} says",
            ),
            alert=Alert(kind=f"the tag of {whose}", at=AT),
            programme=Programme(
                name=f"the {whose} course", result=f"{whose} passed", assessor_role=f"tutor of {whose}"
            ),
            transfer=Transfer(from_agency=f"the {whose} office", to_agency=f"the other {whose} office"),
        ),
        Label.CONDITIONS: Conditions(
            terms=(Term(kind=TermKind.EXCLUDE_AREA, text=f"{whose} is not to enter the Invented Park"),),
            order=Order(
                type=OrderType.SHPO, court=f"the Court of {whose}", made_on=date(2026, 1, 2), until=date(2031, 1, 2)
            ),
            breach=Breach(at=AT, facts=f"{whose} entered it."),
            work_excluded=(f"no work with other people called {whose}",),
        ),
        Label.HOUSEHOLD: Household(
            members=(HouseholdMember(name=persona.relative, relation=f"sister of {whose}", under_18=False),)
        ),
        Label.EMPLOYMENT: Employment(work=(f"{whose} sorts pebbles for Nobody Limited",)),
        Label.DIGITAL: Digital(devices=(f"a telephone of {whose}, without a camera",)),
        Label.FINANCIAL: Financial(items=(f"the account of {whose} at the Bank of Nowhere",)),
        Label.INTELLIGENCE: Intelligence(reports=(f"{whose} was seen.\nNobody knows by whom.",)),
        Label.VICTIM: Victim(
            people=(VictimPerson(name=name, telephone=persona.telephone, address=(f"next to {whose}",)),),
            in_scheme=True,
            wishes=f"Not to meet {whose}.",
        ),
        Label.HEALTH: Health(summary=f"{whose} sneezes."),
        Label.MINUTES: Minutes(
            held_on=date(2026, 1, 20), text=f"{whose} was spoken of.", victim_safety=f"{whose} stays away."
        ),
        Label.AGGREGATE: Aggregate(
            counts=(Count(line=f"persons like {whose}", number=1),),
            rule_version=f"the {whose} rules",
            period_from=date(2025, 10, 1),
            period_to=date(2026, 3, 31),
            cut_off=date(2026, 4, 14),
        ),
        Label.CORRECTION: Correction(
            was_wrong=f"It was not {whose}.", is_right=f"It was another {whose}.", delete=(f"all of {whose}",)
        ),
    }
