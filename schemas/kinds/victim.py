"""Victims, visits, and telling somebody outside."""

from schemas.compartments import Label
from schemas.kinds.kind import told
from schemas.vocabulary import DeskType

ENROLLED = told("victim.enrolled", {DeskType.POLICE}, Label.VICTIM, fields={Label.VICTIM: "in_scheme"})
"""The victims of an offence, for the victim liaison unit."""

REPRESENTATION = told(
    "victim.representation", {DeskType.VICTIM_LIAISON}, Label.CONDITIONS, fields={Label.VICTIM: "wishes"}
)
"""What a victim wishes of a licence."""

VISIT_PLANNED = told("visit.planned", {DeskType.PROBATION}, Label.STATUS, fields={Label.STATUS: "visit_on"})
"""A visit to another area; nobody lives there by it."""

DISCLOSURE_MADE = told(
    "disclosure.made",
    {DeskType.POLICE, DeskType.PROBATION, DeskType.PRISON},
    Label.IDENTITY,
    Label.STATUS,
    fields={Label.STATUS: "record_number"},
)
"""Somebody outside was told, on a recorded decision, whose number this gives."""

EMPLOYMENT_RISK = told(
    "employment.risk",
    {DeskType.PROBATION, DeskType.POLICE},
    Label.IDENTITY,
    fields={Label.CONDITIONS: "work_excluded"},
)
"""Kinds of work that a person must not be sent to."""

ENQUIRY = told("csods.enquiry", {DeskType.POLICE}, Label.IDENTITY)
"""Somebody asked about a person who has contact with a child. No outcome to the enquirer."""

KINDS = (ENROLLED, REPRESENTATION, VISIT_PLANNED, DISCLOSURE_MADE, EMPLOYMENT_RISK, ENQUIRY)
