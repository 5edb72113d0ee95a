"""The compartment *status*: where somebody stands in law, what has happened, and the dates of it.

One model for all kinds: each kind says which of its fields must be filled; see the kinds' own files.
"""

from datetime import date

from pydantic import Field

from schemas.said import Line, Moment, Said
from schemas.vocabulary import ChairRole, LegalState, MeetingKind, ReturnGround


class Meeting(Said):
    """A panel meeting."""

    kind: MeetingKind
    held_on: date
    chair: ChairRole


class Travel(Said):
    """A journey abroad."""

    country: Line
    leaves_on: date
    returns_on: date | None = None


class Threat(Said):
    """At whom, how soon, and how far the source is to be trusted."""

    against: Line
    how_soon: Line
    source_reliability: Line


class Alert(Said):
    """What a device or a program reported."""

    kind: Line
    at: Moment


class Programme(Said):
    """A treatment or work programme and its result."""

    name: Line
    result: Line
    assessor_role: Line


class Transfer(Said):
    """A case goes from one agency to another; responsibility passes on acknowledgement."""

    from_agency: Line
    to_agency: Line


class Status(Said):
    """What has happened, in words that give no address away: "has left the area" must not say where to."""

    event: Line
    state: LegalState
    effective_on: date
    next_due_on: date | None = None
    reasons: Line | None = None
    establishment: Line | None = None
    establishment_before: Line | None = None
    sentence_months: int | None = Field(default=None, ge=1, le=1_200)
    return_ground: ReturnGround | None = None
    missing_since: Moment | None = None
    detained: bool | None = None
    approved: bool | None = None
    """Yes or no to a property; never why."""
    needed: Line | None = None
    continued_by: Line | None = None
    """Who goes on when supervision ends."""
    record_number: Line | None = None
    """Of the recorded decision to tell somebody outside."""
    visit_on: date | None = None
    issued_at: Moment | None = None
    meeting: Meeting | None = None
    travel: Travel | None = None
    threat: Threat | None = None
    alert: Alert | None = None
    programme: Programme | None = None
    transfer: Transfer | None = None
