"""Handing over, putting right, and counting."""

from schemas.compartments import Label
from schemas.kinds.kind import IN_STANDING, Need, told
from schemas.vocabulary import DeskType

_RA = {DeskType.POLICE, DeskType.PROBATION}

CASE_TRANSFERRED = told("case.transferred", _RA, Label.IDENTITY, fields={Label.STATUS: "transfer"})
"""A case goes to another area; responsibility passes on acknowledgement."""

CORRECTION_ISSUED = told("correction.issued", IN_STANDING, Label.CORRECTION, corrects=Need.REQUIRED)
"""What was said was wrong: to exactly those who were told."""

HALF_YEARLY = told("monitoring.half_yearly", _RA, Label.AGGREGATE)
"""Counts for those who oversee, twice a year."""

KINDS = (CASE_TRANSFERRED, CORRECTION_ISSUED, HALF_YEARLY)
