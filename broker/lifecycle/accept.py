"""Step 3, accept: at the publisher's door. Ten checks, then what was said is known to have been said by that desk.

The numbers are those of "The operations" in broker/sealing/README.md, so that an auditor can tick them off:

 1. limits and strict decoding
 2. the publisher's key, by (`iss`, `kid`), from the directory
 3. the signature over the head
 4. `exp` and `iat`
 5. (`iss`, `id`) is new; with the same head it is a retry, with another a tampering alarm
 6. the head names every compartment that is here; the facts are among them
 7. the message key opens, and with it the head is seen to name no compartment that is missing
 8. each compartment belongs to this id, desk and label, and its content key is the one committed to
 9. facts and inspected compartments are opened, fit the kind, and agree; the plaintext is dropped
10. the person is resolved, the desk may publish this kind about them, and nobody else used this id for them
"""

from dataclasses import dataclass
from hashlib import sha256
from typing import TypeVar

from broker.directory import Desk
from broker.errors import UnknownDesk
from broker.lifecycle.turn import Turn
from broker.sealing.compartments import Belonging, open_with, unwrap
from broker.sealing.jwe import open_key_package, recipient_kid
from broker.sealing.notification import SealedNotification, check_nothing_missing, release_extra
from broker.sealing.packages import Outcome
from broker.sealing.rejection import Reason, Rejected
from broker.sealing.signatures import Typ, claimed_kid
from broker.state.cases import Case, case_of
from broker.state.doors import Seen, last_seq, put_seen, put_seq, seen
from broker.state.persons import resolve
from broker.state.told import told_of
from broker.state.vault import Person
from broker.telemetry import Event
from schemas import (
    BLIND,
    DeskId,
    Facts,
    Kind,
    Label,
    Said,
    SchemaRefused,
    UnknownArea,
    UnknownKind,
    area_table,
    check_agreement,
    kind_of,
)
from schemas.strict import b64u_encode

_S = TypeVar("_S", bound=Said)


@dataclass(frozen=True, slots=True)
class Signed:
    """A notification whose publisher is known; no more than that is."""

    notification: SealedNotification
    publisher: Desk
    head_digest: str
    data: bytes
    """As it came."""


@dataclass(frozen=True, slots=True)
class Examined:
    """A notification that says something, and says it as it should. Nothing is known yet of the person."""

    signed: Signed
    kind: Kind
    facts: Facts
    content_keys: dict[Label, bytes]
    """Of every compartment beside the facts."""
    control: Said | None
    """What a control kind says to the hub."""


@dataclass(frozen=True, slots=True)
class Accepted(Examined):
    """A notification that passed all ten checks."""

    person: Person
    case: Case | None


@dataclass(frozen=True, slots=True)
class Repeated:
    """A retry of what was dealt with before."""

    outcome: Outcome


def identify(data: bytes, turn: Turn) -> Signed:
    """Checks 1 to 3. Until they pass there is nobody to answer.

    Raises:
        Rejected: to quarantine, without a word to anybody.
    """
    notification = SealedNotification.from_bytes(data)  # 1
    head = notification.head
    try:
        publisher = turn.directory.desk(head.fields.iss)  # 2
    except UnknownDesk as error:
        raise Rejected(Reason.SIGNER) from error
    if claimed_kid(notification.sig, Typ.HEAD) != publisher.verify_key.kid:
        raise Rejected(Reason.SIGNER)
    head.check_signature(notification.sig, publisher.verify_key)  # 3
    return Signed(notification, publisher, b64u_encode(sha256(head.text.encode("ascii")).digest()), data)


def examine(signed: Signed, turn: Turn) -> Examined | Repeated:
    """Checks 4 to 9, for a notification whose publisher is known. Changes nothing.

    Raises:
        Rejected: refused; the publisher is told so, and not why.
    """
    notification, publisher = signed.notification, signed.publisher
    fields = notification.head.fields
    notification.head.check_fresh(turn.now)  # 4
    known = seen(turn.rows, publisher.id, fields.id)  # 5
    if known is not None:
        if known.head != signed.head_digest:
            raise Rejected(Reason.REUSED_ID)
        return Repeated(known.outcome)
    notification.check_digests()  # 6
    if Label.FACTS not in notification.compartments or Label.COVER in notification.compartments:
        raise Rejected(Reason.LABEL)
    try:
        kind = kind_of(fields.kind)
    except UnknownKind as error:
        raise Rejected(Reason.KIND) from error
    content_keys = _content_keys(signed, turn)  # 7, 8
    facts, control = _inspect(notification, kind, content_keys)  # 9
    _check_areas(facts)
    _check_desks(facts, turn)
    content_keys.pop(Label.FACTS)
    return Examined(signed, kind, facts, content_keys, control)


def said_in(signed: Signed, label: Label, model: type[_S], turn: Turn) -> _S:
    """What one compartment says, as it was signed, and nothing else of it: for a door, which must know the lane.

    Raises:
        Rejected: altered, not sealed to this hub, or no such compartment. The lane will find that too, and more.
    """
    notification = signed.notification
    notification.check_digests()
    sealed = notification.compartments.get(label)
    if sealed is None:
        raise Rejected(Reason.LABEL)
    belonging = Belonging(notification.head.fields.id, notification.head.fields.iss, label.value)
    try:
        return model.from_bytes(open_with(sealed, unwrap(sealed, belonging, _message_key(signed, turn)), label))
    except SchemaRefused as error:
        raise Rejected(Reason.SCHEMA) from error


def count(publisher: DeskId, seq: int, turn: Turn) -> None:
    """Note how far the publisher has counted, with an alarm if its count has a gap. Holds whatever comes after."""
    last = last_seq(turn.rows, publisher)
    if seq != last + 1:
        turn.alarm(Event.SEQUENCE_BROKEN, desk=publisher, expected=last + 1, found=seq)
    put_seq(turn.rows, publisher, max(last, seq))


def admit(examined: Examined, turn: Turn) -> Accepted:
    """Check 10: whom it is about, and whether this desk may say it of them.

    Raises:
        Rejected: refused; the publisher is told so, and not why.
    """
    kind, publisher = examined.kind, examined.signed.publisher
    if not kind.may_be_published_by(publisher.desk_type, signed=publisher.entry.signed):
        raise Rejected(Reason.PUBLISHER)
    person = resolve(turn.rows, examined.facts.person, publisher.id, turn.premises.entropy)
    # Whoever holds a letter knows its id: said again by another desk, it would take over who was told, and may correct.
    namesake = told_of(turn.rows, person, examined.signed.notification.head.fields.id)
    if namesake is not None and namesake.publisher != publisher.id:
        raise Rejected(Reason.REUSED_ID)
    case = case_of(turn.rows, person)
    if kind.by_team and (case is None or publisher.id not in case.team):
        raise Rejected(Reason.PUBLISHER)
    if examined.facts.corrects is not None:
        corrected = told_of(turn.rows, person, examined.facts.corrects)
        if corrected is not None and corrected.publisher != publisher.id:
            raise Rejected(Reason.PUBLISHER)
    return Accepted(
        examined.signed, kind, examined.facts, examined.content_keys, examined.control, person=person, case=case
    )


def remember(signed: Signed, outcome: Outcome, turn: Turn) -> None:
    """Use the id up: whatever comes under it again is a retry or an alarm."""
    fields = signed.notification.head.fields
    put_seen(
        turn.rows,
        signed.publisher.id,
        fields.id,
        Seen.of(head=signed.head_digest, outcome=outcome, exp=fields.exp),
    )


def _content_keys(signed: Signed, turn: Turn) -> dict[Label, bytes]:
    notification = signed.notification
    fields = notification.head.fields
    message_key = _message_key(signed, turn)  # 7
    check_nothing_missing(notification.head, notification.compartments.values(), message_key)
    return {  # 8
        label: unwrap(sealed, Belonging(fields.id, fields.iss, label.value), message_key)
        for label, sealed in notification.compartments.items()
    }


def _message_key(signed: Signed, turn: Turn) -> bytes:
    notification, keys = signed.notification, turn.premises.keys
    if recipient_kid(notification.mk) != keys.release_kid:
        raise Rejected(Reason.KEY)
    extra = release_extra(turn.premises.hub, notification.head.fields.iss, keys.release_kid)
    return open_key_package(notification.mk, keys.release, extra)


def _inspect(
    notification: SealedNotification, kind: Kind, content_keys: dict[Label, bytes]
) -> tuple[Facts, Said | None]:
    plain = {
        label: open_with(sealed, content_keys[label], label)
        for label, sealed in notification.compartments.items()
        if label not in BLIND
    }
    try:
        facts = Facts.from_bytes(plain.pop(Label.FACTS))
        kind.check(facts, frozenset(notification.compartments) - {Label.FACTS})
        opened = {label: kind.models[label].from_bytes(data) for label, data in plain.items()}
        kind.check_fields(opened)
        check_agreement(facts, opened)
    except SchemaRefused as error:
        raise Rejected(Reason.SCHEMA) from error
    return facts, opened.get(Label.CONTROL)


def _check_areas(facts: Facts) -> None:
    try:
        for code in (facts.area, facts.area_old):
            if code is not None:
                area_table().district(code)
    except UnknownArea as error:
        raise Rejected(Reason.AREA) from error


def _check_desks(facts: Facts, turn: Turn) -> None:
    # A desk that is named and does not exist would be told nothing, and the publisher would believe that it was.
    if any(desk not in turn.directory.desks for desk in (*facts.addressed, *facts.attendees)):
        raise Rejected(Reason.SIGNER)
