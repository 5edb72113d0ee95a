"""Licences, orders, and what follows when they are broken or end."""

from schemas.compartments import Label
from schemas.kinds.kind import IN_STANDING, told
from schemas.vocabulary import DeskType

LICENCE_SET = told("licence.set", {DeskType.PROBATION, DeskType.PRISON}, Label.CONDITIONS)
"""The conditions of a licence."""

LICENCE_BREACHED = told("licence.breached", IN_STANDING, Label.IDENTITY, fields={Label.CONDITIONS: "breach"})
"""A condition was broken. Whoever sees it may say so."""

RECALL_WARRANT = told("recall.warrant", {DeskType.RECALL_UNIT}, Label.IDENTITY, fields={Label.STATUS: "issued_at"})
"""A warrant for the police to arrest."""

ORDER_MADE = told(
    "order.made", {DeskType.POLICE, DeskType.PROBATION}, Label.CONDITIONS, fields={Label.CONDITIONS: "order"}
)
"""A court made an order."""

ORDER_BREACHED = told(
    "order.breached",
    {DeskType.POLICE, DeskType.PROBATION, DeskType.YOUTH_OFFENDING},
    Label.IDENTITY,
    fields={Label.CONDITIONS: "order breach"},
)
"""An order was broken; never counted with licences."""

SUPERVISION_ENDED = told(
    "supervision.ended",
    {DeskType.PROBATION, DeskType.YOUTH_OFFENDING},
    Label.STATUS,
    fields={Label.STATUS: "continued_by"},
)
"""Supervision is over, and with it the grounds on which others were told."""

KINDS = (LICENCE_SET, LICENCE_BREACHED, RECALL_WARRANT, ORDER_MADE, ORDER_BREACHED, SUPERVISION_ENDED)
