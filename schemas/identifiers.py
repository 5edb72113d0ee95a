"""The names by which agencies, desks, notifications, persons and areas are known.

NewTypes, so that two of them cannot be swapped. The `…Field` beside each is the same with the check that a model makes.
No identifier may hold `|`: key packages join them with it (see broker/sealing/README.md).
"""

from enum import StrEnum
from typing import Annotated, NewType, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from schemas.said import Said

AgencyId = NewType("AgencyId", str)
DeskId = NewType("DeskId", str)
"""The unit of an agency that publishes and receives."""

NotificationId = NewType("NotificationId", str)
"""Chosen at random by the publishing desk. Not a secret: no capability rests on knowing one."""

PersonId = NewType("PersonId", str)
"""A person inside the hub. Leaves it never."""

PersonRef = NewType("PersonRef", str)
"""A person as one desk knows them: the same in all letters of that desk, another for every other desk."""

AreaCode = NewType("AreaCode", str)
"""A code of the Government Statistical Service: district, county or police force area."""

Mailbox = NewType("Mailbox", str)
"""The random name under which a desk's outbox and inbox are carried. Says nothing about the desk."""

KeyId = NewType("KeyId", str)

_SLUG = r"^[a-z0-9]+(?:[-_.][a-z0-9]+)*$"  # ASCII only, so that no two look alike
_RANDOM_16 = r"^[A-Za-z0-9_-]{21}[AQgw]$"  # 16 bytes in their one base64url spelling

AgencyIdField = Annotated[AgencyId, Field(pattern=_SLUG, max_length=64)]
DeskIdField = Annotated[DeskId, Field(pattern=_SLUG, max_length=64)]
NotificationIdField = Annotated[NotificationId, Field(pattern=_RANDOM_16)]
MailboxField = Annotated[Mailbox, Field(pattern=_RANDOM_16)]
KeyIdField = Annotated[KeyId, Field(pattern=_RANDOM_16)]
PersonRefField = Annotated[PersonRef, Field(pattern=_RANDOM_16)]
AreaCodeField = Annotated[AreaCode, Field(pattern=r"^[EW][0-9]{8}$")]


class PersonScheme(StrEnum):
    """Whose identifier it is. Source: domain study, section 2.4."""

    PNC = "pnc"
    """Police national computer id."""
    CRO = "cro"
    """Criminal records office number."""
    VISOR = "visor"
    """Reference in the dangerous persons database."""
    NOMS = "noms"
    """Prison number."""
    CRN = "crn"
    """Probation's case reference number."""
    NHS = "nhs"
    """NHS number."""
    REF = "ref"
    """The PersonRef by which the hub itself made a person known to the desk that now uses it."""


class PersonKey(Said):
    """One person, by one identifier. Stands only in sealed facts and in the identity compartment."""

    scheme: PersonScheme
    identifier: Annotated[str, Field(pattern=r"^(?:[A-Z0-9/_.-]{1,40}|[A-Za-z0-9_-]{22})$")]

    @model_validator(mode="after")
    def _one_spelling(self) -> Self:
        # Two spellings of one number would be two persons, and what is known of one would not be known of the other.
        is_ref = self.scheme is PersonScheme.REF
        if (not is_ref and self.identifier != self.identifier.upper()) or (is_ref and len(self.identifier) != 22):
            raise PydanticCustomError("not_a_spelling_of_this_scheme", "not a spelling of this scheme")
        return self
