"""Tables *persons*, *refs* and *links*: whom an identifier names, and the key under which everything about them lies.
And *elsewhere*: which identifiers that would be at home in this lane are of somebody in another.
"""

from typing import NamedTuple

from broker.ports import Table
from broker.sealing.entropy import Entropy
from broker.sealing.jwe import KEY_BYTES
from broker.sealing.rejection import Reason, Rejected
from broker.state.rows import Rows
from broker.state.vault import Person
from schemas import DeskId, PersonId, PersonKey, PersonRef, PersonScheme


def resolve(rows: Rows, key: PersonKey, desk: DeskId, entropy: Entropy) -> Person:
    """The person whom *desk* means by *key*; made known to the hub by being named.

    Raises:
        Rejected: a pseudonym that the hub never gave to this desk.
    """
    if key.scheme is PersonScheme.REF:
        named = rows.get(Table.REFS, rows.vault.ref_row_key(key.identifier, desk))
        if named is None:
            raise Rejected(Reason.PERSON)
        person = PersonId(named.decode("ascii"))
    else:
        person = _linked(rows, rows.vault.person_id(key))
    row_key = rows.vault.key_row_key(person)
    person_key = rows.get(Table.PERSONS, row_key)
    if person_key is None:
        if key.scheme is PersonScheme.REF:  # the key was destroyed: the pseudonym leads nowhere any more
            raise Rejected(Reason.PERSON)
        person_key = entropy(KEY_BYTES)
        rows.put(Table.PERSONS, row_key, person_key)
    return Person(person, person_key)


def known_person(rows: Rows, key: PersonKey) -> Person | None:
    """The person of this identifier, if the hub knows them; makes nobody known. A pseudonym is nobody here."""
    return _known(rows, rows.vault.person_id(key))


def is_taken(rows: Rows, identifier: PersonId) -> bool:
    """Whether an identifier that is at home in this lane, or is linked here, is somebody's."""
    return _known(rows, identifier) is not None or elsewhere(rows, identifier) is not None


def is_linked(rows: Rows, identifier: PersonId) -> bool:
    """Whether an identifier is another one of a person of this lane."""
    return rows.get(Table.LINKS, rows.vault.link_row_key(identifier)) is not None


class Elsewhere(NamedTuple):
    """Whose an identifier is, or is to be, though by itself it would be at home in another lane."""

    lane: int
    person: PersonId


def elsewhere(rows: Rows, identifier: PersonId) -> Elsewhere | None:
    """Where the person of an identifier is, if not at its home; None: nothing is known of that."""
    row = rows.get(Table.ELSEWHERE, rows.vault.elsewhere_row_key(identifier))
    if row is None:
        return None
    lane, person = row.decode("ascii").split(" ")
    return Elsewhere(int(lane), PersonId(person))


def put_elsewhere(rows: Rows, identifier: PersonId, where: Elsewhere) -> None:
    """Whose it is from now on."""
    row = f"{where.lane} {where.person}".encode("ascii")
    rows.put(Table.ELSEWHERE, rows.vault.elsewhere_row_key(identifier), row)


def link(rows: Rows, person: Person, other: PersonKey) -> None:
    """Another identifier of the same person, from now on.

    LIMIT: an identifier under which the hub already knows somebody is refused: two persons of whom something is known
    are joined by hand until their rows can be merged.

    Raises:
        Rejected: a pseudonym, or an identifier under which the hub knows somebody.
    """
    if other.scheme is PersonScheme.REF or is_taken(rows, rows.vault.person_id(other)):
        raise Rejected(Reason.STATE)
    rows.put(Table.LINKS, rows.vault.link_row_key(rows.vault.person_id(other)), person.id.encode("ascii"))


def _known(rows: Rows, identifier: PersonId) -> Person | None:
    person = _linked(rows, identifier)
    person_key = rows.get(Table.PERSONS, rows.vault.key_row_key(person))
    return None if person_key is None else Person(person, person_key)


def _linked(rows: Rows, person: PersonId) -> PersonId:
    linked = rows.get(Table.LINKS, rows.vault.link_row_key(person))
    return person if linked is None else PersonId(linked.decode("ascii"))


def introduce(rows: Rows, person: Person, desk: DeskId, *, tells_place: bool) -> PersonRef:
    """The person's pseudonym for *desk*, which the desk may use from now on. *tells_place*: see `Vault.person_ref`."""
    ref, key = rows.vault.person_ref(person.id, desk, tells_place=tells_place)
    known = person.id.encode("ascii")
    if rows.get(Table.REFS, key) != known:
        rows.put(Table.REFS, key, known)
    return ref
