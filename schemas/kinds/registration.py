"""What police say of a person who must notify them: Sexual Offences Act 2003, Part 2."""

from schemas.compartments import Label
from schemas.kinds.kind import Kind, told
from schemas.vocabulary import DeskType

_REQUIRED = (Label.IDENTITY, Label.ADDRESS, Label.STATUS)

ADDRESS_CHANGED = Kind(
    name="rso.address_changed",
    version=1,
    publishers=frozenset({DeskType.POLICE}),
    required=frozenset(_REQUIRED),
    models=told(
        Label.DESCRIPTION,
        Label.VEHICLE,
        Label.OFFENCE,
        Label.RISK_SUMMARY,
        Label.RISK_DETAIL,
        Label.CONDITIONS,
        Label.HOUSEHOLD,
        Label.EMPLOYMENT,
        Label.DIGITAL,
        Label.FINANCIAL,
        Label.INTELLIGENCE,
        required=_REQUIRED,
    ),
    area=True,
    area_old=True,
)
"""A registered person has a new home address (section 84): the district, the district before, effective date, next
due date."""
