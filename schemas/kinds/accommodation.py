"""Finding somebody a place to live that is safe for others."""

from schemas.compartments import Label
from schemas.kinds.kind import told
from schemas.vocabulary import DeskType

_HOUSING = {DeskType.HOUSING_AUTHORITY, DeskType.REGISTERED_PROVIDER}

REQUESTED = told(
    "accommodation.requested",
    {DeskType.PROBATION, DeskType.YOUTH_OFFENDING},
    Label.IDENTITY,
    fields={Label.STATUS: "needed"},
)
"""Probation asks a housing authority that it names."""

PROPOSED = told("accommodation.proposed", _HOUSING, Label.ADDRESS)
"""Housing proposes a property."""

DECIDED = told("accommodation.decided", {DeskType.POLICE}, Label.STATUS, fields={Label.STATUS: "approved"})
"""Police say yes or no. Why is not for housing."""

ALLOCATED = told("accommodation.allocated", _HOUSING, Label.ADDRESS)
"""Somebody will live there."""

KINDS = (REQUESTED, PROPOSED, DECIDED, ALLOCATED)
