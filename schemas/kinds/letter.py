"""What a desk says of a letter that it holds."""

from typing import Annotated

from pydantic import Field

from schemas.identifiers import NotificationIdField
from schemas.kinds.kind import control
from schemas.said import Said
from schemas.vocabulary import DeskType


class LetterAcknowledged(Said):
    """A person of the desk has read a letter. That a machine fetched it is no acknowledgement."""

    letter: NotificationIdField
    """The notification that the letter carries."""
    part: int = Field(ge=1, le=1_000)
    by: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{22}$")]
    """Who read it, blinded by the agency: an HMAC that only the agency can trace to a person."""


class LetterReturned(Said):
    """A person of the desk has read a letter and says that it is not for them."""

    letter: NotificationIdField
    part: int = Field(ge=1, le=1_000)
    by: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{22}$")]
    """As in an acknowledgement."""


ACKNOWLEDGED = control("letter.acknowledged", frozenset(DeskType), LetterAcknowledged)
RETURNED = control("letter.returned", frozenset(DeskType), LetterReturned)
