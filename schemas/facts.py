"""The signed statements that the hub reads to decide. A compartment that no desk receives.

They say whom and where it is about and whom the publisher names, and nothing that would widen the publisher's own
access: team, tags, risk and consents belong to the case, and a case changes only by case events (kinds/case.py).
"""

from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from schemas.identifiers import AreaCodeField, DeskIdField, NotificationIdField, PersonKey
from schemas.said import Said
from schemas.vocabulary import Purpose, Tag, Urgency


def _names_a_trace(traceparent: str) -> str:
    _, trace, parent, _ = traceparent.split("-")
    if not trace.strip("0") or not parent.strip("0"):
        raise PydanticCustomError("no_trace", "no trace")
    return traceparent


TraceparentField = Annotated[
    str, Field(pattern=r"^00-[0-9a-f]{32}-[0-9a-f]{16}-0[0-3]$"), AfterValidator(_names_a_trace)
]
"""The trace of one notification: version, trace, parent, flags; ids of zeros are none. Source: W3C Trace Context, level
2, section 3.2."""

_Desks = Annotated[tuple[DeskIdField, ...], Field(max_length=200)]


class Facts(Said):
    """What the hub may know of a notification."""

    person: PersonKey
    purpose: Purpose
    seq: int = Field(ge=1, lt=2**53)
    """Counts what this desk publishes, so that a loss shows as a gap."""
    area: AreaCodeField | None = None
    """The district that it is about."""
    area_old: AreaCodeField | None = None
    """The district before, for a move."""
    addressed: _Desks = ()
    attendees: _Desks = ()
    corrects: NotificationIdField | None = None
    flags: Annotated[tuple[Tag, ...], Field(max_length=20)] = ()
    risk_rises: bool = False
    urgency: Urgency | None = None
    """The publisher's wish. What a letter says of urgency comes from the grounds on which it is told."""
    traceparent: TraceparentField | None = None
    """A trace that is this notification's alone. Two that shared one could be put together by it."""

    @model_validator(mode="after")
    def _no_desk_twice(self) -> Self:
        for desks in (self.addressed, self.attendees):
            if len(set(desks)) != len(desks):
                raise PydanticCustomError("a_desk_twice", "a desk twice")
        if len(set(self.flags)) != len(self.flags):
            raise PydanticCustomError("a_flag_twice", "a flag twice")
        return self
