"""One day of the demo: how somebody who may be dangerous is found a home, and who is told what on the way.

The order of events is that of case A of the domain study: housing is fully informed by those who ask it for a home,
police say yes or no and not why, and the children's social care of the new area is told of the address.
"""

from datetime import date

from broker.cli.demo_people import HOUSING, DemoPerson, known
from broker.client import Draft, compose
from schemas import AreaCode, Label, PersonKey, Purpose, Said, Tag
from schemas.compartments import Address, Contact, Identity, Intelligence
from schemas.kinds.case import CaseTagged, TeamChanged
from schemas.status import Status
from schemas.vocabulary import AddressKind, LegalState


def home_requested(person: DemoPerson, today: date, contact: Contact) -> Draft:
    """Probation ask a housing authority that they name, and tell it what it must know to house somebody safely."""
    carried = known(person, contact)
    asked = {label: carried[label] for label in _ASKED}
    asked[Label.STATUS] = _status("leaves the hostel", today, needed="a flat away from schools")
    return compose("accommodation.requested", person.key, Purpose.OFFENDER_MANAGEMENT, asked, addressed=(HOUSING,))


def housing_joins(person: DemoPerson, contact: Contact) -> list[Draft]:
    """Police put the housing authority on the case team: from here on it is its case too."""
    changes: dict[str, Said] = {
        "case.team_changed": TeamChanged.of(add=(HOUSING,)),
        "case.tagged": CaseTagged.of(add=(Tag.HOUSING_CASE,)),
    }
    return [
        compose(kind, person.key, Purpose.PUBLIC_PROTECTION, {Label.CONTACT: contact, Label.CONTROL: said})
        for kind, said in changes.items()
    ]


def home_proposed(
    kind: str, ref: PersonKey, person: DemoPerson, area: AreaCode, today: date, contact: Contact
) -> Draft:
    """Housing propose a property, and later allocate it; they know the person by the pseudonym of their own letters."""
    carried: dict[Label, Said] = {
        Label.CONTACT: contact,
        Label.IDENTITY: Identity.of(names=(person.name,), date_of_birth=person.born),
        Label.ADDRESS: new_home(area, today),
    }
    return compose(kind, ref, Purpose.OFFENDER_MANAGEMENT, carried, area=area)


def home_decided(person: DemoPerson, area: AreaCode, today: date, contact: Contact) -> Draft:
    """Police say yes or no. Why stays with them, though they fill it in."""
    carried = known(person, contact)
    said = {label: carried[label] for label in (Label.CONTACT, Label.IDENTITY, Label.RISK_SUMMARY)}
    said[Label.ADDRESS] = new_home(area, today)
    said[Label.STATUS] = _status("a property was considered", today, approved=True)
    said[Label.INTELLIGENCE] = Intelligence.of(reports=("Invented: nobody of note lives near by.",))
    return compose(
        "accommodation.decided", person.key, Purpose.PUBLIC_PROTECTION, said, area=area, addressed=(HOUSING,)
    )


def new_home(area: AreaCode, today: date) -> Address:
    """Nobody's address, without a postcode."""
    return Address.of(
        lines=("7 Nonesuch Row", "(an invented street)"),
        district=area,
        lives_there_from=today,
        kind=AddressKind.HOME,
    )


def _status(event: str, today: date, **filled: object) -> Status:
    return Status.of(event=event, state=LegalState.LICENCE, effective_on=today, **filled)


_ASKED = (Label.CONTACT, Label.IDENTITY, Label.OFFENCE, Label.RISK_SUMMARY, Label.CONDITIONS)
