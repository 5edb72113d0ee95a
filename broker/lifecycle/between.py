"""What the lanes of one hub say to one another, where more than one person's lane is concerned.

An identifier is at home in one lane, whoever it turns out to be: there it is decided whose it is. So whoever links it
to a person of another lane asks there first; and what then comes under it is passed on to that person's lane, in order.
What is said travels in the inputs of the lanes, sealed under the state key for the lane that it is meant for: whoever
can write there, and is not this hub, can say nothing new.
"""

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, ValidationError

from broker.errors import StateUnreadable
from broker.lifecycle.accept import Accepted, Examined
from broker.lifecycle.turn import Turn
from broker.ports import Partition
from broker.sealing.rejection import Reason, Rejected
from broker.state.persons import Elsewhere, elsewhere, is_linked, is_taken, put_elsewhere
from broker.state.vault import Vault, place_of
from broker.topics import DOORS, INPUT
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
    granted: bool


class Forwarded(Said):
    """The home of an identifier says: whoever is named in this notification is in this lane."""

    said: Literal["forwarded"] = "forwarded"


class Reused(Said):
    """A door says: under this notification's id another one went to this lane."""

    said: Literal["reused"] = "reused"


class Astray(Said):
    """A door says: it is not known which lane this notification is for. It may be refused, and nothing else."""

    said: Literal["astray"] = "astray"


class Linked(Said):
    """A lane says to the doors: an identifier is somebody's of its own."""

    said: Literal["linked"] = "linked"
    other: _Id
    person: _Id
    lane: int


Word = Claimed | Answered | Forwarded | Reused | Astray | Linked

_ANY_WORD: TypeAdapter[Word] = TypeAdapter(Annotated[Word, Field(discriminator="said")])


def is_word(data: bytes) -> bool:
    """Whether a record of an input claims to come from another lane or door of this hub. No notification does."""
    return data.startswith(_PREFIX)


def say(word: Word, about: bytes, to: Partition, vault: Vault) -> bytes:
    """The record that says something to the lane or door over a partition, *about* a notification as it came."""
    head = word.to_bytes()
    return _PREFIX + vault.seal_for(to, len(head).to_bytes(_HEAD_BYTES, "big") + head + about)


def hear(data: bytes, at: Partition, vault: Vault) -> tuple[Word, bytes]:
    """Undo `say`, in the lane or door over this partition.

    Raises:
        Rejected: this hub did not say it to them.
    """
    if not is_word(data):
        raise Rejected(Reason.FORM)
    try:
        opened = vault.open_for(at, data[len(_PREFIX) :])
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
    tell(word, accepted.signed.data, (INPUT, home), turn)
    return True


def answer(claimed: Claimed, about: bytes, turn: Turn) -> None:
    """Give an identifier that is at home here to the person for whom it is asked first, if it is nobody's yet.

    It is kept for that person for good, also if the link is refused in the end: until somebody may link it, what is
    said under it is refused, and never decided with half of what is known.
    """
    wanted = Elsewhere(claimed.lane, claimed.person)
    granted = elsewhere(turn.rows, claimed.other) == wanted or not is_taken(turn.rows, claimed.other)
    if granted:
        put_elsewhere(turn.rows, claimed.other, wanted)
    tell(Answered.of(granted=granted), about, (INPUT, claimed.lane), turn)


def tell_doors(accepted: Accepted, other: PersonKey, turn: Turn) -> None:
    """Say to all doors in which lane an identifier is now, if that is not its home."""
    identifier = turn.rows.vault.person_id(other)
    if turn.premises.home_of(place_of(identifier)) != turn.premises.index:
        word = Linked.of(other=identifier, person=accepted.person.id, lane=turn.premises.index)
        for door in range(len(turn.premises.lanes)):
            tell(word, b"", (DOORS, door), turn)


def is_passed_on(examined: Examined, turn: Turn, *, is_forwarded: bool) -> bool:
    """Pass a notification on to the lane in which its person is. Returns whether it is another than this.

    To the home of the identifier, which knows; and from there, as forwarded, no further.

    Raises:
        Rejected: the person is not here, and should be. Nothing is decided of half of what is known.
    """
    person, premises, rows = examined.facts.person, turn.premises, turn.rows
    if premises.is_alone:
        return False
    if person.scheme is PersonScheme.REF:  # known where its person is, and nowhere else
        place = rows.vault.place_of_ref(person.identifier, examined.signed.publisher.id)
        if premises.home_of(place) != premises.index:
            raise Rejected(Reason.INTERNAL)
        return False
    identifier = rows.vault.person_id(person)
    if is_linked(rows, identifier):
        return False
    home = premises.home_of(place_of(identifier))
    if home != premises.index:
        if is_forwarded:
            raise Rejected(Reason.INTERNAL)
        turn.passed.append(((INPUT, home), examined.signed.data))
        return True
    where = elsewhere(rows, identifier)
    if where is None:
        return False
    tell(Forwarded.of(), examined.signed.data, (INPUT, where.lane), turn)
    return True


def tell(word: Word, about: bytes, to: Partition, turn: Turn) -> None:
    """Plan to say it."""
    turn.passed.append((to, say(word, about, to, turn.rows.vault)))
