"""Risk, the register and the panel: who is considered by whom, and what came of it."""

from schemas.compartments import Label
from schemas.kinds.kind import IN_STANDING, told
from schemas.vocabulary import DeskType

_RA = {DeskType.POLICE, DeskType.PROBATION}

RISK_CHANGED = told(
    "risk.changed",
    {
        DeskType.POLICE,
        DeskType.PROBATION,
        DeskType.PRISON,
        DeskType.NHS_PROVIDER,
        DeskType.YOUTH_OFFENDING,
        DeskType.NSPCC,
    },
    Label.RISK_SUMMARY,
    fields={Label.RISK_SUMMARY: "previous_level changed_on"},
)
"""The risk was judged anew: old and new level, to whom, by which tool, when. That it rises is a fact."""

REFERRED = told("mappa.referred", IN_STANDING, Label.IDENTITY, fields={Label.STATUS: "reasons"})
"""An agency finds the risk too great for ordinary arrangements."""

ENTERED = told("register.entered", _RA, Label.IDENTITY, fields={Label.STATUS: "reasons"})
"""A person is on the public protection register."""

ARCHIVED = told("register.archived", _RA, Label.IDENTITY, Label.STATUS, fields={Label.STATUS: "reasons"})
"""A person is off it, and can come back with their history."""

MEETING_CALLED = told("mapp.meeting_called", _RA, Label.IDENTITY, fields={Label.STATUS: "meeting"})
"""A panel meets: initial or review, who chairs it, when. Who attends is addressed."""

MINUTES_ISSUED = told("mapp.minutes_issued", _RA, Label.MINUTES)
"""What the panel decided; for those who attended."""

KINDS = (RISK_CHANGED, REFERRED, ENTERED, ARCHIVED, MEETING_CALLED, MINUTES_ISSUED)
