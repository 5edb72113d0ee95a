"""The pure core: one turn's records, the state before them and a clock reading in; everything to be written out.

A record that fails leaves no half of itself behind. What is our own fault refuses that record, with an alarm, and
lets the next ones go on; what is a passing fault of the world stops the turn, and nothing of it happens.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from broker.directory import Directory, is_event
from broker.errors import StateUnreadable, TellwiseError
from broker.ledger.merkle import EMPTY, Frontier
from broker.lifecycle.accept import Examined, Repeated, Signed, admit, count, examine, identify, remember
from broker.lifecycle.between import (
    Answered,
    Astray,
    Claimed,
    Forwarded,
    Reused,
    Word,
    answer,
    hear,
    is_passed_on,
    is_word,
)
from broker.lifecycle.control import apply_control, enter_event
from broker.lifecycle.decide import decide
from broker.lifecycle.deliver import announce, deliver
from broker.lifecycle.record import record_accepted, record_decision, record_refusal, record_repeat
from broker.lifecycle.turn import Plan, Premises, Turn, lane_time
from broker.ports import Record
from broker.sealing.packages import Outcome
from broker.sealing.rejection import Reason, Rejected
from broker.state.pending import Pending
from broker.state.rows import Rows
from broker.telemetry import Event
from broker.topics import INPUT

_OF_WHAT_WAS_SIGNED = frozenset(
    {Reason.KIND, Reason.SCHEMA, Reason.AREA, Reason.SIGNER, Reason.PUBLISHER, Reason.PERSON, Reason.STATE}
)
"""Reasons that lie in what the publisher signed: the same bytes will be refused again, so the id is used up.

What fails otherwise may have been altered on the way, or come too early, and the publisher's own bytes may yet come.
"""


@dataclass(frozen=True, slots=True)
class Before:
    """What the lane knows before a turn, as committed."""

    rows: Rows
    """Without changes."""
    directory: Directory
    frontiers: Mapping[str, Frontier]
    """By ledger; one that has no entry yet is absent."""
    pending: list[Pending]
    notes: Mapping[str, bytes]
    """Checkpoints signed over these frontiers, for the ledgers that have grown since the last one."""


def plan(records: Sequence[Record], before: Before, premises: Premises, reading: datetime) -> Plan:
    """Plan one turn.

    Args:
        records: The next of the lane's input, in order; none for a turn that only delivers.
        before: The committed state.
        premises: Keys, policies, entropy.
        reading: The clock, aware, UTC.

    Raises:
        TellwiseError: a passing fault, or policies that are not in force. Nothing was planned; nothing may be skipped.
    """
    turn = Turn(premises, before.rows, before.directory, lane_time(before.rows, reading))
    if premises.lane in before.notes:
        deliver(before.pending, before.notes[premises.lane], turn)  # step 6, of what the turn before committed
    if premises.directory_log in before.notes:
        announce(before.notes[premises.directory_log], turn)
    for record in records:
        _live(record.value, turn)
    return turn.finish(lambda log: before.frontiers.get(log, EMPTY))


def _live(data: bytes, turn: Turn) -> None:
    if is_event(data):
        _guarded(data, turn, lambda: enter_event(data, turn.premises.keys.directory_key, turn))
    elif is_word(data):
        try:
            word, about = hear(data, (INPUT, turn.premises.index), turn.rows.vault)
        except Rejected as rejected:
            record_refusal(data, None, rejected.reason, turn)
            return
        _guarded(about, turn, lambda: _heed(word, about, turn))
    else:
        _guarded(data, turn, lambda: _steps(data, turn))


def _guarded(data: bytes, turn: Turn, work: Callable[[], None]) -> None:
    """Do all of it, or refuse *data* and do nothing else."""
    try:
        with turn.attempt():
            work()
    except TellwiseError:
        raise
    except Rejected as rejected:
        record_refusal(data, None, rejected.reason, turn)
    except Exception as error:  # our own fault, whatever it is: this one is refused, and nobody is told anything
        if turn.premises.is_told and is_event(data):  # a lane that misses one would not know who is revoked
            raise StateUnreadable("an event of the directory cannot be taken in") from error
        record_refusal(data, None, Reason.INTERNAL, turn)


def _heed(word: Word, about: bytes, turn: Turn) -> None:
    """Do what another lane, or a door, says."""
    match word:
        case Claimed():
            answer(word, about, turn)
        case Answered(granted=granted):
            _steps(about, turn, granted=granted)
        case Forwarded():
            _steps(about, turn, is_forwarded=True)
        case Reused():
            _refuse(about, identify(about, turn), Reason.REUSED_ID, turn)
        case Astray():
            _refuse_astray(about, identify(about, turn), turn)
        case _:
            raise Rejected(Reason.FORM)


def _refuse_astray(data: bytes, signed: Signed, turn: Turn) -> None:
    """Refuse what no door could place. Its id is not used up: here it is in the wrong lane."""
    try:
        examine(signed, turn)
        reason = Reason.INTERNAL
    except Rejected as rejected:
        reason = rejected.reason
    record_refusal(data, signed, reason, turn)


def _steps(data: bytes, turn: Turn, *, granted: bool | None = None, is_forwarded: bool = False) -> None:
    """The steps of a notification.

    Args:
        data: As it came.
        turn: The turn.
        granted: See `apply_control`.
        is_forwarded: See `is_passed_on`.
    """
    signed = identify(data, turn)
    try:
        examined = examine(signed, turn)  # step 3
        if isinstance(examined, Repeated):
            record_repeat(signed, examined.outcome, turn)
            return
        if is_passed_on(examined, turn, is_forwarded=is_forwarded):
            return
        if turn.premises.is_alone:  # else its door has counted
            count(signed.publisher.id, examined.facts.seq, turn)
        with turn.attempt():
            _admitted(examined, granted, turn)
    except TellwiseError:
        raise
    except Rejected as rejected:
        _refuse(data, signed, rejected.reason, turn)
    except Exception:  # noqa: BLE001 - our own fault: the publisher must know that nobody was told, and may try again
        _refuse(data, signed, Reason.INTERNAL, turn)


def _admitted(examined: Examined, granted: bool | None, turn: Turn) -> None:
    accepted = admit(examined, turn)  # step 3, its end
    if accepted.kind.control and not apply_control(accepted, granted, turn):
        return  # another lane is asked, and it comes again with the answer
    remember(examined.signed, Outcome.ACCEPTED, turn)
    record_accepted(accepted, turn)
    if not accepted.kind.control:
        decision = decide(accepted, turn)  # step 4
        record_decision(accepted, decision, turn)  # step 5


def _refuse(data: bytes, signed: Signed, reason: Reason, turn: Turn) -> None:
    fields = signed.notification.head.fields
    if reason is Reason.REUSED_ID:
        turn.alarm(Event.NOTIFICATION_REUSED, desk=fields.iss, id=fields.id)
    elif reason in _OF_WHAT_WAS_SIGNED:
        remember(signed, Outcome.REFUSED, turn)
    record_refusal(data, signed, reason, turn)
