"""How rows of state are sealed and named, so that on disk there is nothing to read but routing to a mailbox.

A row is sealed under the state key and bound to its table and key, so that no row can stand in for another. A row
about a person is named under that person's own key: when the key is destroyed, nothing leads to the row any more.
"""

import hmac
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from broker.errors import StateUnreadable
from broker.ports import Partition, RowKey, SealedRow, Table
from broker.sealing.entropy import Entropy
from broker.sealing.jwe import IV_BYTES
from broker.sealing.keyring import HubKeys
from schemas import DeskId, PersonId, PersonKey, PersonRef
from schemas.strict import NotStrict, b64u_decode, b64u_encode

_REF_BYTES = 16
_ROW_KEYS_KEPT = 16_384
_REFS_KEPT = 100_000
"""What was worked out and is likely to be asked for again: some megabytes each."""


@dataclass(frozen=True, slots=True)
class Person:
    """A person inside the hub: the id, and the key under which everything about them lies."""

    id: PersonId
    key: bytes
    """32 bytes, random, in a row of its own."""

    def reference(self, salt: str) -> str:
        """How one ledger entry refers to the person; cannot be linked to another without the key."""
        return b64u_encode(hmac.digest(self.key, b"tellwise-ref-v1" + salt.encode("ascii"), sha256))


def place_of(person: PersonId) -> int:
    """A number from 0 to 255 that stays a person's own: the lanes of a hub share the persons among them by it."""
    return int(person[:2], 16)


class Vault:
    """The keys role's view of rows: seals, opens and names them."""

    def __init__(self, keys: HubKeys, entropy: Entropy) -> None:
        """Use the hub's keys; *entropy* gives the nonces."""
        # LIMIT: random nonces under one key are safe to 2^32 rows written; the state key is to be changed long before.
        self._rows = AESGCM(keys.state)
        self._keys = keys
        self._entropy = entropy
        self._row_key = lru_cache(maxsize=_ROW_KEYS_KEPT)(_row_key)
        """Most are asked for again: a desk's by the next letter, a notification's when it is used up."""
        self._refs: dict[tuple[PersonId, DeskId], tuple[PersonRef, RowKey]] = {}
        """Pseudonyms that were worked out, since most are asked for again. Thrown away when they are many."""

    def seal(self, table: Table, key: RowKey, value: bytes) -> SealedRow:
        """Seal a row for this place."""
        iv = self._entropy(IV_BYTES)
        return SealedRow(iv + self._rows.encrypt(iv, value, table.encode() + b"\x00" + key))

    def open(self, table: Table, key: RowKey, row: SealedRow) -> bytes:
        """Undo `seal`.

        Raises:
            StateUnreadable: altered, moved from another place, or sealed under another hub's key.
        """
        try:
            return self._rows.decrypt(row[:IV_BYTES], row[IV_BYTES:], table.encode() + b"\x00" + key)
        except (InvalidTag, ValueError) as error:
            raise StateUnreadable(f"a row of `{table}` does not open") from error

    def seal_for(self, to: Partition, value: bytes) -> bytes:
        """Seal what is said to the lane or door over a partition."""
        iv = self._entropy(IV_BYTES)
        return iv + self._rows.encrypt(iv, value, _said_to(to))

    def open_for(self, to: Partition, sealed: bytes) -> bytes:
        """Undo `seal_for`.

        Raises:
            StateUnreadable: altered, meant for another, or not said by this hub.
        """
        try:
            return self._rows.decrypt(sealed[:IV_BYTES], sealed[IV_BYTES:], _said_to(to))
        except (InvalidTag, ValueError) as error:
            raise StateUnreadable("what was said to a lane does not open") from error

    def row_key(self, table: Table, *parts: str) -> RowKey:
        """The key of a row that is about no person."""
        return self._row_key(self._keys.rows, table, parts)

    def pending_row_key(self, index: int) -> RowKey:
        """The key of the row of an item that waits to leave: where its entry stands, which is no secret, since the
        ledger lies beside it. So rows that come and go together lie together."""
        return RowKey(index.to_bytes(8, "big"))

    def person_row_key(self, person: Person, table: Table, *parts: str) -> RowKey:
        """The key of a row about a person."""
        return _row_key(person.key, table, parts)

    def person_id(self, key: PersonKey) -> PersonId:
        """The person that an identifier names."""
        return PersonId(self._mac("person", key.scheme.value, key.identifier).hex())

    def key_row_key(self, person: PersonId) -> RowKey:
        """The key of the row that holds a person's own key."""
        return self._row_key(self._keys.persons, Table.PERSONS, (person,))

    def person_ref(self, person: PersonId, desk: DeskId, *, tells_place: bool = False) -> tuple[PersonRef, RowKey]:
        """The person's pseudonym for one desk, the same in all its letters and no other desk's; and the key of the row
        that says whom it means. *tells_place*: whether `place_of_ref` finds their place in it; always so for a hub, or
        never."""
        known = self._refs.get((person, desk))
        if known is None:
            random = self._mac("ref", person, desk)[:_REF_BYTES]
            if tells_place:
                random = random[:-1] + bytes([place_of(person) ^ self._mask(random[:-1], desk)])
            ref = PersonRef(b64u_encode(random))
            known = ref, self.ref_row_key(ref, desk)
            if len(self._refs) >= _REFS_KEPT:
                self._refs.clear()
            self._refs[person, desk] = known
        return known

    def place_of_ref(self, ref: str, desk: DeskId) -> int:
        """`place_of` the person whom *desk* means by a pseudonym: so it is known in which lane they are, where nothing
        else is known of them. Of what is no pseudonym of ours it is any."""
        try:
            data = b64u_decode(ref, size=_REF_BYTES)
        except NotStrict:
            return 0
        return data[-1] ^ self._mask(data[:-1], desk)

    def ref_row_key(self, ref: str, desk: DeskId) -> RowKey:
        """The key of the row that says whom a desk means by a pseudonym."""
        return _row_key(self._keys.persons, Table.REFS, (desk, ref))

    def link_row_key(self, person: PersonId) -> RowKey:
        """The key of the row that says that two identifiers are of one person."""
        return self._row_key(self._keys.persons, Table.LINKS, (person,))

    def elsewhere_row_key(self, person: PersonId) -> RowKey:
        """The key of the row that says in which other lane the person of an identifier is."""
        return self._row_key(self._keys.persons, Table.ELSEWHERE, (person,))

    def _mask(self, random: bytes, desk: DeskId) -> int:
        # Without it the last byte of all pseudonyms of a person would be the same, and desks could tell who it is not.
        return self._mac("ref-place", desk, b64u_encode(random))[0]

    def _mac(self, use: str, *parts: str) -> bytes:
        return hmac.digest(self._keys.persons, _joined((use, *parts)), sha256)


def _said_to(to: Partition) -> bytes:
    topic, index = to
    return f"said to\x00{topic}\x00{index}".encode()  # no table has such a name


def _row_key(key: bytes, table: Table, parts: tuple[str, ...]) -> RowKey:
    return RowKey(hmac.digest(key, _joined(("row", table.value, *parts)), sha256))


def _joined(parts: tuple[str, ...]) -> bytes:
    # Each part with its length before it: no two different lists give the same bytes.
    encoded = [part.encode("utf-8") for part in parts]
    return b"".join([len(part).to_bytes(4, "big") + part for part in encoded])
