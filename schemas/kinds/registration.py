"""What police say of a person who must notify them: Sexual Offences Act 2003, Part 2."""

from schemas.compartments import Label
from schemas.kinds.kind import Need, told
from schemas.vocabulary import DeskType

_POLICE = {DeskType.POLICE}

REGISTERED = told(
    "rso.registered",
    _POLICE,
    Label.IDENTITY,
    fields={Label.STATUS: "next_due_on", Label.ADDRESS: "kind"},
    area=Need.REQUIRED,
)
"""A person is on the register (section 83): when, where, when next due."""

ADDRESS_CHANGED = told(
    "rso.address_changed",
    _POLICE,
    Label.IDENTITY,
    Label.ADDRESS,
    fields={Label.ADDRESS: "kind"},
    area=Need.REQUIRED,
    area_old=Need.REQUIRED,
)
"""A registered person has a new home address (section 84): the district, the district before."""

NO_FIXED_ABODE = told(
    "rso.no_fixed_abode",
    _POLICE,
    Label.IDENTITY,
    fields={Label.STATUS: "next_due_on"},
    area=Need.REQUIRED,
)
"""A registered person has no home: they notify every week (regulations of 2012)."""

FOREIGN_TRAVEL = told("rso.foreign_travel", _POLICE, Label.IDENTITY, fields={Label.STATUS: "travel"})
"""A registered person goes abroad (section 86)."""

WHEREABOUTS_UNKNOWN = told("rso.whereabouts_unknown", _POLICE, Label.IDENTITY, fields={Label.STATUS: "missing_since"})
"""A registered person cannot be found."""

REQUIREMENT_BREACHED = told("rso.requirement_breached", _POLICE, Label.IDENTITY, Label.STATUS)
"""A registered person did not notify what they must."""

KINDS = (REGISTERED, ADDRESS_CHANGED, NO_FIXED_ABODE, FOREIGN_TRAVEL, WHEREABOUTS_UNKNOWN, REQUIREMENT_BREACHED)
