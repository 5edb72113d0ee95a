"""Sentence, prison, programmes, release."""

from schemas.compartments import Label
from schemas.kinds.kind import told
from schemas.vocabulary import DeskType

SENTENCED = told(
    "custody.sentenced", {DeskType.PROBATION}, Label.IDENTITY, Label.STATUS, fields={Label.STATUS: "sentence_months"}
)
"""A court has passed sentence."""

RETURNED = told(
    "custody.returned",
    {DeskType.POLICE, DeskType.PRISON, DeskType.PROBATION},
    Label.STATUS,
    fields={Label.STATUS: "return_ground establishment"},
)
"""Somebody is in custody again: for a licence, an order or a new offence, which are never counted together."""

RELEASE_PLANNED = told("release.planned", {DeskType.PRISON}, Label.STATUS, fields={Label.STATUS: "establishment"})
"""A release is planned for the day on which the status takes effect."""

RELEASE_MADE = told(
    "release.made", {DeskType.PRISON, DeskType.NHS_PROVIDER}, Label.STATUS, fields={Label.STATUS: "establishment"}
)
"""Somebody was released."""

TRANSFERRED = told(
    "prison.transferred",
    {DeskType.PRISON},
    Label.IDENTITY,
    Label.STATUS,
    fields={Label.STATUS: "establishment establishment_before"},
)
"""Somebody is in another prison now."""

PROGRAMME_REPORT = told(
    "programme.report",
    {DeskType.PRISON, DeskType.PROBATION, DeskType.NSPCC},
    Label.IDENTITY,
    fields={Label.STATUS: "programme"},
)
"""How somebody did on a programme."""

KINDS = (SENTENCED, RETURNED, RELEASE_PLANNED, RELEASE_MADE, TRANSFERRED, PROGRAMME_REPORT)
