"""The headline: somebody who needs to be known of lives in your area."""

from schemas.compartments import Label
from schemas.kinds.kind import Kind, told
from schemas.vocabulary import DeskType

_REQUIRED = (Label.IDENTITY, Label.OFFENCE, Label.STATUS)

RESIDES_IN_AREA = Kind(
    name="offender.resides_in_area",
    version=1,
    publishers=frozenset({DeskType.POLICE, DeskType.PROBATION}),
    required=frozenset(_REQUIRED),
    models=told(
        Label.DESCRIPTION,
        Label.VEHICLE,
        Label.ADDRESS,
        Label.LOCATION_HINT,
        Label.RISK_SUMMARY,
        Label.RISK_DETAIL,
        Label.CONDITIONS,
        Label.HOUSEHOLD,
        Label.EMPLOYMENT,
        Label.DIGITAL,
        required=_REQUIRED,
    ),
    area=True,
)
"""Since when, whether the offence was against a child and on what basis, whether children live in the household."""
