"""Step 1, compose: a record of the agency's own becomes a typed notification, checked by its schema before it is
sealed.

What is wrong stays here, with an error that names the field. The blind compartments are checked here and, on opening,
by whoever receives them; nobody between sees them.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from broker.errors import NotSent
from schemas import (
    AreaCode,
    DeskId,
    Kind,
    Label,
    NotificationId,
    PersonKey,
    Purpose,
    Said,
    SchemaRefused,
    Tag,
    UnknownArea,
    UnknownKind,
    area_table,
    check_agreement,
    kind_of,
)
from schemas.areas import PostcodeRefused, check_place
from schemas.compartments import Address
from schemas.facts import Facts


@dataclass(frozen=True, slots=True)
class Draft:
    """A notification that fits its schema, before it has an id, a count and a seal."""

    kind: Kind
    person: PersonKey
    purpose: Purpose
    compartments: Mapping[Label, Said]
    """`contact` and what the kind carries; not the facts."""
    area: AreaCode | None = None
    area_old: AreaCode | None = None
    addressed: tuple[DeskId, ...] = ()
    attendees: tuple[DeskId, ...] = ()
    corrects: NotificationId | None = None
    flags: tuple[Tag, ...] = ()
    risk_rises: bool = False

    def facts(self, seq: int, traceparent: str | None = None) -> Facts:
        """The facts, with the count that the outbox gives and the trace that the notification gets when it is sealed.

        Raises:
            SchemaRefused: a fact is wrong; the text names it.
        """
        return Facts.of(
            person=self.person,
            purpose=self.purpose,
            seq=seq,
            area=self.area,
            area_old=self.area_old,
            addressed=self.addressed,
            attendees=self.attendees,
            corrects=self.corrects,
            flags=self.flags,
            risk_rises=self.risk_rises,
            traceparent=traceparent,
        )


def compose(
    kind: str, person: PersonKey, purpose: Purpose, compartments: Mapping[Label, Said], **facts: object
) -> Draft:
    """Check a notification as a whole.

    Args:
        kind: Its name in the catalogue.
        person: Whom it is about, by one identifier.
        purpose: Why it is said.
        compartments: What is said, by label.
        facts: `area`, `area_old`, `addressed`, `attendees`, `corrects`, `flags`, `risk_rises`, as the kind asks.

    Raises:
        NotSent: something is missing, unknown or contradictory; the text names it and holds no value.
    """
    try:
        draft = Draft(kind_of(kind), person, purpose, dict(compartments), **facts)  # type: ignore[arg-type]
        checked = draft.facts(1)
        draft.kind.check(checked, frozenset(compartments))
        for label, said in compartments.items():
            if not isinstance(said, draft.kind.models[label]):
                raise NotSent(f"compartment `{label}` holds another compartment's fields")
        draft.kind.check_fields(compartments)
        check_agreement(checked, compartments)
        for code in (checked.area, checked.area_old):
            if code is not None:
                area_table().district(code)
    except (SchemaRefused, UnknownKind, UnknownArea) as error:
        raise NotSent(str(error)) from None
    _check_postcode(compartments.get(Label.ADDRESS))
    return draft


def _check_postcode(address: Said | None) -> None:
    """Only here can a postcode be compared with its district: the hub never opens an address."""
    if not isinstance(address, Address) or address.postcode is None:
        return
    try:
        check_place(address.district, address.postcode)
    except PostcodeRefused as error:
        refused = NotSent(f"`address.postcode`: {error}")
    else:
        return
    raise refused  # out here: that error holds the postcode, and would be our __context__
