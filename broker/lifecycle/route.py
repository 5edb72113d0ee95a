"""A door's turn, in a hub of several lanes: which lane is what a desk says for? It decides and records nothing.

Whatever is wrong with it is for a lane to find, to record and to answer. A door keeps only what is one publisher's and
no person's: how far it has counted, and where each of its ids went. So whatever comes again under an id comes to the
lane that knows it.
"""

from collections.abc import Sequence
from datetime import datetime

from broker.directory import is_event
from broker.errors import StateUnreadable, TellwiseError
from broker.ledger.merkle import EMPTY
from broker.lifecycle.accept import count, identify, said_in
from broker.lifecycle.between import Astray, Linked, Reused, hear, is_word, tell
from broker.lifecycle.control import learn_event
from broker.lifecycle.plan import Before
from broker.lifecycle.turn import Plan, Premises, Turn, lane_time, put_clock
from broker.ports import Record
from broker.sealing.rejection import Reason, Rejected
from broker.state.doors import Sent, put_sent, sent
from broker.state.persons import Elsewhere, elsewhere, put_elsewhere
from broker.state.vault import place_of
from broker.topics import DOORS, INPUT
from schemas import DeskId, Facts, Label, PersonKey, PersonScheme
from schemas.kinds.case import PersonLinked

LINKED = "person.linked"
"""The kind by which an identifier becomes another one of somebody."""


def route(records: Sequence[Record], before: Before, premises: Premises, reading: datetime) -> Plan:
    """Plan one turn of a door. As `plan`, which is a lane's.

    Raises:
        TellwiseError: a passing fault. Nothing was planned; nothing may be skipped.
    """
    turn = Turn(premises, before.rows, before.directory, lane_time(before.rows, reading))
    for record in records:
        _live(record.value, turn)
    if records:
        put_clock(turn.rows, turn.now)
    return turn.finish(lambda _log: EMPTY)


def _live(data: bytes, turn: Turn) -> None:
    """Know it, or pass it on; what cannot be placed goes astray, to a lane that refuses it."""
    try:
        with turn.attempt():
            if is_event(data):
                learn_event(data, turn.premises.keys.directory_key, turn)
            elif is_word(data):
                _heed(data, turn)
            else:
                _pass_on(data, turn)
    except TellwiseError:
        raise
    except Rejected:
        _stray(data, turn)
    except Exception as error:  # our own fault, whatever it is
        if is_event(data):  # a door that misses one would not know who is revoked
            raise StateUnreadable("an event of the directory cannot be taken in") from error
        _stray(data, turn)


def _heed(data: bytes, turn: Turn) -> None:
    word, _ = hear(data, (DOORS, turn.premises.index), turn.rows.vault)
    if not isinstance(word, Linked):
        raise Rejected(Reason.FORM)
    put_elsewhere(turn.rows, word.other, Elsewhere(word.lane, word.person))


def _stray(data: bytes, turn: Turn) -> None:
    tell(Astray.of(), data, (INPUT, turn.premises.index), turn)


def _pass_on(data: bytes, turn: Turn) -> None:
    signed = identify(data, turn)
    fields = signed.notification.head.fields
    signed.notification.head.check_fresh(turn.now)
    before = sent(turn.rows, fields.iss, fields.id)
    if before is not None:
        to = INPUT, before.lane
        if before.head == signed.head_digest:
            turn.passed.append((to, data))
        else:
            tell(Reused.of(), data, to, turn)
        return
    facts = said_in(signed, Label.FACTS, Facts, turn)
    count(fields.iss, facts.seq, turn)
    lane = _lane_of(facts.person, fields.iss, turn)
    put_sent(turn.rows, fields.iss, fields.id, Sent.of(head=signed.head_digest, lane=lane, exp=fields.exp))
    turn.passed.append(((INPUT, lane), data))
    if fields.kind == LINKED:
        _expect(said_in(signed, Label.CONTROL, PersonLinked, turn).other, lane, turn)


def _expect(other: PersonKey, lane: int, turn: Turn) -> None:
    """What comes under an identifier after this goes the way of the link, so that it does not overtake it. If the link
    is refused, that lane passes it on to where it is at home."""
    identifier = turn.rows.vault.person_id(other)
    if other.scheme is not PersonScheme.REF and elsewhere(turn.rows, identifier) is None:
        put_elsewhere(turn.rows, identifier, Elsewhere(lane, identifier))


def _lane_of(person: PersonKey, desk: DeskId, turn: Turn) -> int:
    """The lane in which the person is whom *desk* names, as far as this door knows; else where the name is at home."""
    vault = turn.rows.vault
    if person.scheme is PersonScheme.REF:
        return turn.premises.home_of(vault.place_of_ref(person.identifier, desk))
    identifier = vault.person_id(person)
    where = elsewhere(turn.rows, identifier)
    return turn.premises.home_of(place_of(identifier)) if where is None else where.lane
