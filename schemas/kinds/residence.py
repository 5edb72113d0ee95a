"""The headline: somebody who needs to be known of lives in your area."""

from schemas.compartments import Label
from schemas.kinds.kind import Need, told
from schemas.vocabulary import DeskType

RESIDES_IN_AREA = told(
    "offender.resides_in_area",
    {DeskType.POLICE, DeskType.PROBATION},
    Label.IDENTITY,
    Label.OFFENCE,
    Label.STATUS,
    area=Need.REQUIRED,
)
"""Since when, whether the offence was against a child and on what basis, whether children live in the household."""

KINDS = (RESIDES_IN_AREA,)
