"""What can be said: identifiers, vocabulary, compartments, facts, kinds and areas.

Needs no clock, no network, no key and no database.
"""

from schemas.agreement import check_agreement
from schemas.areas import AreaTable, District, UnknownArea, area_table
from schemas.catalogue import CATALOGUE, UnknownKind, kind_of
from schemas.compartments import BLIND, COMPARTMENTS, Label
from schemas.facts import Facts
from schemas.identifiers import (
    AgencyId,
    AreaCode,
    DeskId,
    KeyId,
    Mailbox,
    NotificationId,
    PersonId,
    PersonKey,
    PersonRef,
    PersonScheme,
)
from schemas.kinds.kind import Kind
from schemas.said import Said, SchemaRefused
from schemas.strict import NotStrict
from schemas.vocabulary import (
    DESK_TYPES,
    AgencyClass,
    Category,
    Consent,
    DeskType,
    Level,
    Purpose,
    Retention,
    Risk,
    ServedBy,
    Tag,
    Urgency,
)

__all__ = [
    "BLIND",
    "CATALOGUE",
    "COMPARTMENTS",
    "DESK_TYPES",
    "AgencyClass",
    "AgencyId",
    "AreaCode",
    "AreaTable",
    "Category",
    "Consent",
    "DeskId",
    "DeskType",
    "District",
    "Facts",
    "KeyId",
    "Kind",
    "Label",
    "Level",
    "Mailbox",
    "NotStrict",
    "NotificationId",
    "PersonId",
    "PersonKey",
    "PersonRef",
    "PersonScheme",
    "Purpose",
    "Retention",
    "Risk",
    "Said",
    "SchemaRefused",
    "ServedBy",
    "Tag",
    "UnknownArea",
    "UnknownKind",
    "Urgency",
    "area_table",
    "check_agreement",
    "kind_of",
]
