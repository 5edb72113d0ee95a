"""Hospitals, threats, and what devices report."""

from schemas.compartments import Label
from schemas.kinds.kind import IN_STANDING, told
from schemas.vocabulary import DeskType

HOSPITAL_STATUS = told(
    "hospital.status", {DeskType.NHS_PROVIDER}, Label.IDENTITY, Label.STATUS, fields={Label.STATUS: "detained"}
)
"""Admission, leave, discharge; detained or not."""

HOSPITAL_ABSENT = told(
    "hospital.absent", {DeskType.NHS_PROVIDER}, Label.IDENTITY, Label.STATUS, fields={Label.STATUS: "missing_since"}
)
"""A patient is not where they must be."""

THREAT_REPORTED = told("threat.reported", IN_STANDING, Label.IDENTITY, fields={Label.STATUS: "threat"})
"""Somebody was threatened: who, how soon, how reliable the source is."""

EM_ALERT = told(
    "em.alert", {DeskType.ELECTRONIC_MONITORING}, Label.IDENTITY, Label.STATUS, fields={Label.STATUS: "alert"}
)
"""A tag reports."""

DIGITAL_ALERT = told("digital.alert", {DeskType.POLICE}, Label.IDENTITY, fields={Label.STATUS: "alert"})
"""Monitoring software reports; not to be mixed with a tag."""

POLYGRAPH_RESULT = told("polygraph.result", {DeskType.POLICE, DeskType.PROBATION}, Label.IDENTITY, Label.RISK_DETAIL)
"""The result of an examination; never evidence in criminal proceedings."""

KINDS = (HOSPITAL_STATUS, HOSPITAL_ABSENT, THREAT_REPORTED, EM_ALERT, DIGITAL_ALERT, POLYGRAPH_RESULT)
