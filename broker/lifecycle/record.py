"""Step 5, record: one line in the ledger for everything that is done, and with it the letter that it is a line about.

Nothing leaves here. Entries and letters are committed together, and a letter leaves in the next turn, when the
checkpoint that covers its entry may be signed.
"""

from functools import cache
from hashlib import sha256
from typing import Any

from broker.directory import Desk
from broker.ledger import entries
from broker.ledger.details import detail_digest, seal_detail
from broker.ledger.merkle import leaf_hash
from broker.lifecycle.accept import Accepted, Signed
from broker.lifecycle.decide import Decision, Grant
from broker.lifecycle.release import release
from broker.lifecycle.turn import Counted, Turn
from broker.sealing.compartments import Belonging, seal
from broker.sealing.letters import Cover, Duty, ItemKind, Letters, Obligation
from broker.sealing.packages import Outcome, Receipt, sign_said
from broker.sealing.rejection import Reason
from broker.sealing.signatures import Typ
from broker.state.delivery import Epoch, epoch_of, next_number
from broker.state.persons import introduce
from broker.state.told import Told, ToldDesk, put_told
from broker.telemetry import Count, Event
from broker.topics import QUARANTINE
from policies import Terms
from schemas import Label, Mailbox, Retention, Urgency
from schemas.kinds.letter import LetterAcknowledged, LetterReturned
from schemas.said import Form
from schemas.strict import b64u_encode, json_encode

_FIRST_PART = 1


def record_accepted(accepted: Accepted, turn: Turn) -> None:
    """The line of a notification that was taken in, and the receipt for its publisher."""
    fields = accepted.signed.notification.head.fields
    line = turn.line()
    taken: dict[str, Any] = {
        **line,
        "actor": fields.iss,
        "agency": accepted.signed.publisher.agency,
        "id": fields.id,
        "kind": fields.kind,
        "head": accepted.signed.head_digest,
        "person": accepted.person.reference(line["salt"]),
    }
    match accepted.control:
        case None:
            entry = entries.Collection.write(**taken)
        case LetterAcknowledged(letter=letter, part=part):
            entry = entries.Acknowledgement.write(**taken, letter=letter, part=part)
        case LetterReturned(letter=letter, part=part):
            entry = entries.Return.write(**taken, letter=letter, part=part)
        case _:
            entry = entries.Alteration.write(**taken)
    turn.enter(entry, item=_receipt(accepted.signed, Outcome.ACCEPTED, turn))
    turn.counted.append(Counted(Count.NOTIFICATION_ACCEPTED, accepted.facts.traceparent))


def record_repeat(signed: Signed, outcome: Outcome, turn: Turn) -> None:
    """The line of a retry, and the same answer as before."""
    fields = signed.notification.head.fields
    turn.enter(
        entries.Repeat.write(**turn.line(), actor=fields.iss, id=fields.id), item=_receipt(signed, outcome, turn)
    )
    turn.counted.append(Counted(Count.NOTIFICATION_REPEATED))


def record_refusal(raw: bytes, signed: Signed | None, reason: Reason, turn: Turn) -> None:
    """The line of a refusal; the raw bytes to quarantine; the answer to the publisher, if there is one.

    The reason stands in the sealed detail, and as a word of a closed list in the operator's log: neither the entry nor
    the answer says it.
    """
    keys, entropy = turn.premises.keys, turn.premises.entropy
    detail = seal_detail(json_encode({"v": 1, "reason": reason.value}), keys.state, entropy)
    fields = None if signed is None else signed.notification.head.fields
    entry = entries.Refusal.write(
        **turn.line(),
        raw=b64u_encode(sha256(raw).digest()),
        detail=detail_digest(detail),
        actor=None if fields is None else fields.iss,
        id=None if fields is None else fields.id,
    )
    turn.enter(entry, detail=detail, item=None if signed is None else _receipt(signed, Outcome.REFUSED, turn))
    turn.sends.append((QUARANTINE, seal_detail(raw, keys.state, entropy)))
    turn.alarm(Event.NOTIFICATION_QUARANTINED, reason=reason.value)
    turn.counted += [Counted(Count.NOTIFICATION_QUARANTINED)]
    turn.counted += [] if signed is None else [Counted(Count.NOTIFICATION_REFUSED)]


def record_decision(accepted: Accepted, decision: Decision, turn: Turn) -> None:
    """The line of the decision, and for each desk that may be told its line and its letter."""
    fields = accepted.signed.notification.head.fields
    line = turn.line()
    entry = entries.Decision.write(
        **line,
        id=fields.id,
        iss=fields.iss,
        kind=fields.kind,
        policy=decision.policy,
        person=accepted.person.reference(line["salt"]),
        detail=detail_digest(decision.detail),
    )
    decided = b64u_encode(leaf_hash(turn.enter(entry, detail=decision.detail)))
    letters = _Letters(accepted, decided, turn)
    told = []
    for grant in decision.grants:
        desk = turn.directory.desk(grant.desk)
        epoch = epoch_of(turn.rows, desk.id)
        if epoch is None:  # no key to hand it over by: told nothing, and somebody must look
            turn.alarm(Event.DECISION_REFUSED, desk=desk.id, id=fields.id)
            continue
        letters.record(grant, desk, epoch)
        told.append(ToldDesk.as_written(desk=desk.id, labels=grant.labels))
    if told:
        put_told(turn.rows, accepted.person, fields.id, Told.write(publisher=fields.iss, desks=told))


class _Letters:
    """The letters of one notification. What is the same in those of several desks is written once."""

    def __init__(self, accepted: Accepted, decided: str, turn: Turn) -> None:
        """Begin with none. *decided* is the leaf hash of the decision's entry."""
        notification = accepted.signed.notification
        self._accepted, self._decided, self._turn = accepted, decided, turn
        self._letters = Letters(notification.head, notification.sig, notification.compartments)
        self._belonging = Belonging(notification.head.fields.id, turn.premises.hub, Label.COVER.value)
        self._covers: dict[Terms, Form] = {}
        self._entries: dict[tuple[Label, ...], Form] = {}

    def record(self, grant: Grant, desk: Desk, epoch: Epoch) -> None:
        """The line and the letter of one desk that may be told."""
        turn, person = self._turn, self._accepted.person
        n = next_number(turn.rows, desk.id)
        named = introduce(turn.rows, person, desk.id, tells_place=not turn.premises.is_alone)
        said = self._cover(grant.terms).write(desk=desk.id, n=n, person=named)
        cover = seal(said, self._belonging, epoch.secret, epoch.kid, turn.premises.entropy)
        keys = release(self._accepted.content_keys, grant.labels, epoch)
        salt = turn.salt()
        entry = self._entry(grant.labels).write(
            salt=salt, to=desk.id, n=n, cover=cover.digest, kid=epoch.kid, person=person.reference(salt)
        )
        turn.enter(entry, item=(ItemKind.LETTER, desk.mailbox, self._letters.write(keys, epoch.kid, cover)))

    def _entry(self, labels: tuple[Label, ...]) -> Form:
        """The line of a letter with these compartments."""
        form = self._entries.get(labels)
        if form is None:
            notification = self._accepted.signed.notification
            fields = notification.head.fields
            form = self._entries[labels] = Form(
                entries.Disclosure,
                ("salt", "to", "n", "cover", "kid", "person"),
                **self._turn.moment(),
                id=fields.id,
                part=_FIRST_PART,
                iss=fields.iss,
                kind=fields.kind,
                cmp={label: notification.compartments[label].digest for label in labels},
                purpose=self._accepted.facts.purpose,
                policy=self._turn.premises.policies.bundle.digest,
                decision=self._decided,
            )
        return form

    def _cover(self, terms: Terms) -> Form:
        """The cover of a letter on these terms."""
        form = self._covers.get(terms)
        if form is None:
            facts = self._accepted.facts
            form = self._covers[terms] = Form(
                Cover,
                ("desk", "n", "person"),
                letter=self._accepted.signed.notification.head.fields.id,
                part=_FIRST_PART,
                lane=self._turn.premises.lane,
                urgency=terms.urgency,
                acknowledge_by=terms.urgency.acknowledge_by(self._turn.now),
                obligations=_duties(terms.urgency, terms.retention),
                reasons=terms.reasons,
                corrects=facts.corrects,
                traceparent=facts.traceparent,
            )
        return form


@cache
def _duties(urgency: Urgency, retention: tuple[Retention, ...]) -> tuple[dict[str, str], ...]:
    """The obligations of these terms, as they are written: there are few, and every letter has some."""
    retain = [Obligation.of(duty=Duty.RETAIN, value=kept.value) for kept in retention]
    answer = [] if urgency is Urgency.RECORD else [Obligation.of(duty=Duty.ACKNOWLEDGE, value=urgency.value)]
    return tuple(obligation.model_dump(mode="json") for obligation in (*retain, *answer))


def _receipt(signed: Signed, outcome: Outcome, turn: Turn) -> tuple[ItemKind, Mailbox, tuple[bytes, ...]]:
    receipt = Receipt.write(
        v=1,
        hub=turn.premises.hub,
        to=signed.publisher.id,
        id=signed.notification.head.fields.id,
        outcome=outcome,
    )
    return ItemKind.RECEIPT, signed.publisher.mailbox, (_said(receipt, Typ.RECEIPT, turn),)


def _said(said: bytes, typ: Typ, turn: Turn) -> bytes:
    return json_encode(sign_said(said, typ, turn.premises.keys.voice))
