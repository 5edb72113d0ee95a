"""What the lanes of one hub say to one another, where more than one person's lane is concerned.

An identifier is at home in one lane, whoever it turns out to be: there it is decided whose it is. So whoever links it
to a person of another lane asks there first; and what then comes under it is passed on to that person's lane, in order.
What is said travels in the inputs of the lanes, sealed under the state key for the lane that it is meant for: whoever
can write there, and is not this hub, can say nothing.
"""

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, ValidationError

from broker.errors import StateUnreadable
from broker.lifecycle.accept import Accepted, Examined
from broker.lifecycle.turn import Turn
from broker.sealing.rejection import Reason, Rejected
from broker.state.persons import Elsewhere, elsewhere, is_linked, is_taken, put_elsewhere
from broker.state.rows import Rows
from broker.state.vault import place_of
from broker.topics import INPUT
from schemas import PersonId, PersonKey, PersonScheme
from schemas.said import Said
from schemas.strict import NotStrict, json_decode

_PREFIX = b"lane "
_HEAD_BYTES = 4

_Id = Annotated[PersonId, Field(pattern=r"^[0-9a-f]{64}$")]


class Claimed(Said):
    """A lane asks whether an identifier may be somebody's of its own, and says which notification wants it."""

    said: Literal["claimed"] = "claimed"
    other: _Id
    person: _Id
    lane: int


class Answered(Said):
    """The answer to it, with the same notification."""

    said: Literal["answered"] = "answered"
    other: _Id
    person: _Id
    granted: bool


class Released(Said):
    """What was granted was not used."""

    said: Literal["released"] = "released"
    other: _Id
    person: _Id


class Reused(Said):
    """A door says: under this notification's id another one went to this lane."""

    said: Literal["reused"] = "reused"


Word = Claimed | Answered | Released | Reused

_ANY_WORD: TypeAdapter[Word] = TypeAdapter(Annotated[Word, Field(discriminator="said")])


def is_word(data: bytes) -> bool:
    """Whether a record of a lane's input claims to come from another lane, or from a door. No notification does."""
    return data.startswith(_PREFIX)


def say(word: Word, about: bytes, lane: int, rows: Rows) -> bytes:
    """The record that says something to a lane, *about* a notification as it came."""
    head = word.to_bytes()
    return _PREFIX + rows.vault.seal_for_lane(lane, len(head).to_bytes(_HEAD_BYTES, "big") + head + about)


def hear(data: bytes, turn: Turn) -> tuple[Word, bytes]:
    """Undo `say`, in the lane that it was said to.

    Raises:
        Rejected: this hub did not say it to this lane.
    """
    try:
        opened = turn.rows.vault.open_for_lane(turn.premises.index, data[len(_PREFIX) :])
        end = _HEAD_BYTES + int.from_bytes(opened[:_HEAD_BYTES], "big")
        json_decode(opened[_HEAD_BYTES:end])
        return _ANY_WORD.validate_json(opened[_HEAD_BYTES:end]), opened[end:]
    except (StateUnreadable, NotStrict, ValidationError) as error:
        raise Rejected(Reason.FORM) from error


def claim(accepted: Accepted, other: PersonKey, turn: Turn) -> bool:
    """Ask for an identifier where it is at home. Returns whether that is another lane; in this one nobody is asked.

    Raises:
        Rejected: a pseudonym, which is nobody's to give.
    """
    if other.scheme is PersonScheme.REF:
        raise Rejected(Reason.STATE)
    identifier = turn.rows.vault.person_id(other)
    home = turn.premises.home_of(place_of(identifier))
    if home == turn.premises.index:
        return False
    word = Claimed.of(other=identifier, person=accepted.person.id, lane=turn.premises.index)
    _pass_on(say(word, accepted.signed.data, home, turn.rows), home, turn)
    return True


def answer(claimed: Claimed, about: bytes, turn: Turn) -> None:
    """Give an identifier that is at home here to whoever asks first, if it is nobody's yet; and say so."""
    wanted = Elsewhere(claimed.lane, claimed.person)
    granted = elsewhere(turn.rows, claimed.other) == wanted or not is_taken(turn.rows, claimed.other)
    if granted:
        put_elsewhere(turn.rows, claimed.other, wanted)
    word = Answered.of(other=claimed.other, person=claimed.person, granted=granted)
    _pass_on(say(word, about, claimed.lane, turn.rows), claimed.lane, turn)


def give_back(answered: Answered, turn: Turn) -> None:
    """Release what was granted, if it was not used after all."""
    if answered.granted and not is_linked(turn.rows, answered.other):
        home = turn.premises.home_of(place_of(answered.other))
        word = Released.of(other=answered.other, person=answered.person)
        _pass_on(say(word, b"", home, turn.rows), home, turn)


def take_back(released: Released, turn: Turn) -> None:
    """An identifier is nobody's again, if it was this person's."""
    where = elsewhere(turn.rows, released.other)
    if where is not None and where.person == released.person:
        put_elsewhere(turn.rows, released.other, None)


def is_passed_on(examined: Examined, turn: Turn) -> bool:
    """Pass a notification on to the lane in which its person is. Returns whether it is another than this.

    Raises:
        Rejected: the person is not here, and nobody knows where. Nothing is decided of half of what is known.
    """
    person = examined.facts.person
    if turn.premises.is_alone or person.scheme is PersonScheme.REF:  # a pseudonym is known where its person is, or not
        return False
    identifier = turn.rows.vault.person_id(person)
    if is_linked(turn.rows, identifier):
        return False
    where = elsewhere(turn.rows, identifier)
    if where is not None:
        _pass_on(examined.signed.data, where.lane, turn)
        return True
    if turn.premises.home_of(place_of(identifier)) != turn.premises.index:
        raise Rejected(Reason.INTERNAL)
    return False


def _pass_on(data: bytes, lane: int, turn: Turn) -> None:
    turn.passed.append(((INPUT, lane), data))
