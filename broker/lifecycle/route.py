"""A door's turn, in a hub of several lanes: which lane is what a desk says for? It decides and records nothing.

Whatever is wrong with it is for a lane to find, to record and to answer. A door keeps only what is one publisher's and
no person's: how far it has counted, and where each of its ids went. So whatever comes again under an id comes to the
lane that knows it.
"""

from collections.abc import Sequence
from datetime import datetime

from broker.directory import is_event
from broker.errors import TellwiseError
from broker.ledger.merkle import EMPTY
from broker.lifecycle.accept import count, facts_of, identify
from broker.lifecycle.between import Reused, say
from broker.lifecycle.control import learn_event
from broker.lifecycle.plan import Before
from broker.lifecycle.turn import Plan, Premises, Turn, lane_time, put_clock
from broker.ports import Record
from broker.sealing.rejection import Rejected
from broker.state.doors import Sent, put_sent, sent
from broker.state.vault import place_of
from broker.telemetry import Event
from broker.topics import INPUT
from schemas import DeskId, PersonKey, PersonScheme


def route(records: Sequence[Record], before: Before, premises: Premises, reading: datetime) -> Plan:
    """Plan one turn of a door. As `plan`, which is a lane's.

    Raises:
        TellwiseError: a passing fault. Nothing was planned; nothing may be skipped.
    """
    turn = Turn(premises, before.rows, before.directory, lane_time(before.rows, reading))
    for record in records:
        if is_event(record.value):
            _learn(record.value, turn)
        else:
            turn.passed.append(_way(record.value, turn))
    if records:
        put_clock(turn.rows, turn.now)
    return turn.finish(lambda _log: EMPTY)


def _learn(data: bytes, turn: Turn) -> None:
    try:
        with turn.attempt():
            learn_event(data, turn.premises.keys.directory_key, turn)
    except Rejected as rejected:  # said by a desk: it is refused, and nobody is told
        turn.alarm(Event.NOTIFICATION_QUARANTINED, reason=rejected.reason.value)


def _way(data: bytes, turn: Turn) -> tuple[tuple[str, int], bytes]:
    """Where something goes, and as what."""
    try:
        with turn.attempt():
            lane, said = _known_way(data, turn)
    except TellwiseError:
        raise
    except Exception:  # noqa: BLE001 - whatever it is: any lane refuses it, and this one is always the same for a desk
        lane, said = turn.premises.index, data
    return (INPUT, lane), said


def _known_way(data: bytes, turn: Turn) -> tuple[int, bytes]:
    signed = identify(data, turn)
    fields = signed.notification.head.fields
    before = sent(turn.rows, fields.iss, fields.id)
    if before is not None:
        if before.head == signed.head_digest:
            return before.lane, data
        return before.lane, say(Reused.of(), data, before.lane, turn.rows)
    facts = facts_of(signed, turn)
    count(fields.iss, facts.seq, turn)
    lane = lane_of(facts.person, fields.iss, turn)
    put_sent(turn.rows, fields.iss, fields.id, Sent.of(head=signed.head_digest, lane=lane, exp=fields.exp))
    return lane, data


def lane_of(person: PersonKey, desk: DeskId, turn: Turn) -> int:
    """The lane in which an identifier, as *desk* uses it, is at home."""
    vault = turn.rows.vault
    if person.scheme is PersonScheme.REF:
        return turn.premises.home_of(vault.place_of_ref(person.identifier, desk))
    return turn.premises.home_of(place_of(vault.person_id(person)))
