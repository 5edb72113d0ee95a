"""The compartment *conditions*: what somebody must and must not do, by licence or order, and what was broken."""

from datetime import date
from typing import Annotated

from pydantic import Field

from schemas.said import Line, Moment, Paragraph, Said
from schemas.vocabulary import OrderType, TermKind


class Term(Said):
    """One condition, term or restriction."""

    kind: TermKind
    text: Line


class Order(Said):
    """A court's order."""

    type: OrderType
    court: Line
    made_on: date
    until: date | None = None
    """None: until further order."""


class Breach(Said):
    """What was broken, as far as it is known."""

    at: Moment
    facts: Paragraph


class Conditions(Said):
    """Licence conditions, order terms, restrictions. A victim stands in them only by reference."""

    terms: Annotated[tuple[Term, ...], Field(min_length=1, max_length=20)]
    order: Order | None = None
    breach: Breach | None = None
    work_excluded: tuple[Line, ...] = Field(default=(), max_length=20)
    """Kinds of work to exclude."""
