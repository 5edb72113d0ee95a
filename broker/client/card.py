"""A desk's card: its name and the public halves of its keys, signed with the key that it names.

The desk makes it, and the hub's operator registers the desk with it. The signature shows that whoever made the card has
the key; that it is the desk's, people must make sure of: they compare the fingerprint by another way, such as a call to
a number that was known before.
"""

from hashlib import sha256
from pathlib import Path

from broker.client.keys import DeskKeys
from broker.directory import SealingKey, SigningKey
from broker.errors import CardRefused, FolderUnusable
from broker.files import read_whole
from broker.sealing.rejection import Rejected
from broker.sealing.signatures import Typ, VerifyKey, sign, verify
from schemas import DeskId, SchemaRefused
from schemas.identifiers import DeskIdField
from schemas.said import Said
from schemas.strict import NotStrict, b64u_decode, b64u_encode, json_decode, json_encode

_BYTES_MAX = 16_384


class DeskCard(Said):
    """What a desk says of itself before anybody knows it."""

    desk: DeskIdField
    signing: SigningKey
    sealing: SealingKey

    @property
    def fingerprint(self) -> str:
        """What people compare: 32 characters in groups of four."""
        digest = sha256(self.to_bytes()).hexdigest()[:32]
        return " ".join(digest[at : at + 4] for at in range(0, 32, 4))


def card_of(desk: DeskId, keys: DeskKeys) -> DeskCard:
    """The card of a desk with these keys."""
    return DeskCard.of(desk=desk, signing=keys.public_signing, sealing=keys.public_sealing)


def write_card(card: DeskCard, keys: DeskKeys) -> bytes:
    """The bytes of a card, signed."""
    payload = b64u_encode(card.to_bytes())
    return json_encode({"card": payload, "sig": sign(payload, Typ.CARD, keys.signer)}) + b"\n"


def read_card(path: Path) -> DeskCard:
    """A card that somebody handed over.

    Raises:
        CardRefused: there is none, or it is not signed with the key that it names.
    """
    try:
        data = read_whole(path)
        if data is None or len(data) > _BYTES_MAX:
            raise CardRefused(f"`{path}` is not a desk's card")
        match json_decode(data):
            case {"card": str(payload), "sig": signature, **more} if not more:
                card = DeskCard.from_bytes(b64u_decode(payload))
                key = VerifyKey.load(card.signing.kid, card.signing.alg, b64u_decode(card.signing.pub))
                verify(payload, signature, Typ.CARD, key)
                return card
    except (FolderUnusable, NotStrict, SchemaRefused, Rejected) as error:
        raise CardRefused(f"`{path}` is not a desk's card, or not signed with the key that it names") from error
    raise CardRefused(f"`{path}` is not a desk's card")
