"""The signed head of a notification: what every recipient sees of it, and all that it sees of what it does not get.

It holds {id, iss, iat, exp, kind, cmp}. `cmp` is a sorted list of exactly 24 digests without labels. Unused places hold
digests that only publisher and hub can tell from real ones: so it shows neither which compartments exist nor how many,
and yet none can be taken out on the way.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import shake_256
from typing import Annotated

from pydantic import Field

from broker.sealing.compartments import DIGEST_BYTES
from broker.sealing.rejection import Reason, Rejected
from broker.sealing.signatures import Signer, Typ, VerifyKey, sign, verify
from schemas import SchemaRefused
from schemas.identifiers import DeskIdField, NotificationIdField
from schemas.said import Said
from schemas.strict import NotStrict, b64u_decode, b64u_encode

PLACES = 24
"""Digests in every head: the 21 compartments of the domain, the facts, and two to spare."""

LIFE = timedelta(days=14)
"""`exp` - `iat`. Bounds replay: duplicates are remembered, and release keys kept, for as long."""

AHEAD_MAX = timedelta(seconds=120)
"""How far `iat` may be ahead of whoever checks it."""

_Digest = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$")]


class HeadFields(Said):
    """The fields of a head. Exactly these for ever: whatever is new goes into the facts."""

    id: NotificationIdField
    iss: DeskIdField
    iat: int = Field(ge=0, lt=2**40)
    """Seconds since 1970, when it was sealed."""
    exp: int = Field(ge=0, lt=2**40)
    kind: Annotated[str, Field(pattern=r"^[a-z0-9]+(?:_[a-z0-9]+)*\.[a-z0-9]+(?:_[a-z0-9]+)*$", max_length=64)]
    cmp: Annotated[tuple[_Digest, ...], Field(min_length=PLACES, max_length=PLACES)]


@dataclass(frozen=True, slots=True)
class Head:
    """A head as transmitted, and what it says."""

    text: str
    """Base64url of the JSON; the very characters that are signed."""
    fields: HeadFields

    @classmethod
    def parse(cls, text: object) -> "Head":
        """Read a head, before its signature is checked.

        Raises:
            Rejected: not strict base64url of strict JSON, not exactly these fields, or `cmp` not 24 digests in order.
        """
        if not isinstance(text, str):
            raise Rejected(Reason.FORM)
        try:
            fields = HeadFields.from_bytes(b64u_decode(text))
        except (NotStrict, SchemaRefused) as error:
            raise Rejected(Reason.FORM) from error
        if list(fields.cmp) != sorted(set(fields.cmp)):
            raise Rejected(Reason.FORM)
        return cls(text, fields)

    def check_signature(self, signature: object, key: VerifyKey) -> None:
        """Check the publisher's signature over the head.

        Raises:
            Rejected: it is not one by this key.
        """
        verify(self.text, signature, Typ.HEAD, key)

    def check_fresh(self, now: datetime) -> None:
        """Check that it lives, lives as long as all do, and does not come from the future.

        Raises:
            Rejected: otherwise.
        """
        seconds = now.timestamp()
        if self.fields.exp - self.fields.iat != LIFE.total_seconds():
            raise Rejected(Reason.FRESHNESS)
        if seconds >= self.fields.exp or self.fields.iat > seconds + AHEAD_MAX.total_seconds():
            raise Rejected(Reason.FRESHNESS)


def spare_digests(message_key: bytes, count: int) -> list[str]:
    """What stands in the places that no compartment needs.

    To whoever holds the message key, which is the publisher and the hub, they are known; to all others they are random.
    So the hub sees when a compartment was taken out on the way, and nobody sees how many there are.

    Args:
        message_key: 32 bytes.
        count: How many places are left.
    """
    if not count:
        return []
    stream = shake_256(message_key + b"tellwise-spare-v1").digest(count * DIGEST_BYTES)
    return [b64u_encode(stream[at : at + DIGEST_BYTES]) for at in range(0, len(stream), DIGEST_BYTES)]


def make_head(
    *, id: str, iss: str, kind: str, digests: list[str], message_key: bytes, now: datetime, signer: Signer
) -> tuple[Head, dict[str, str]]:
    """Make and sign a head over the digests of a notification's compartments.

    Args:
        id: The notification's.
        iss: The publishing desk.
        kind: What it is.
        digests: Of its compartments, the facts among them.
        message_key: 32 bytes, from which the digests in the unused places are made.
        now: When it is sealed.
        signer: The desk's signing key.

    Raises:
        Rejected: more than 24 compartments.
    """
    if len(digests) > PLACES:
        raise Rejected(Reason.FORM)
    spare = spare_digests(message_key, PLACES - len(digests))
    issued_at = int(now.timestamp())
    fields = HeadFields.of(
        id=id,
        iss=iss,
        iat=issued_at,
        exp=issued_at + int(LIFE.total_seconds()),
        kind=kind,
        cmp=tuple(sorted([*digests, *spare])),
    )
    head = Head(b64u_encode(fields.to_bytes()), fields)
    return head, sign(head.text, Typ.HEAD, signer)
