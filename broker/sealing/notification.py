"""A sealed notification, as a publishing desk sends it to the hub: {head, sig, mk, c}."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from broker.sealing.compartments import MESSAGE_KID, Compartment
from broker.sealing.head import PLACES, Head, spare_digests
from broker.sealing.rejection import Reason, Rejected
from schemas import Label
from schemas.strict import NotStrict, json_decode, json_encode

BYTES_MAX = 1_048_576
"""Size of a whole sealed notification, checked before anything else is done with it."""

_MEMBERS = {"head", "sig", "mk", "c"}

_REMEMBERED = 1_024
_REMEMBERED_BYTES = 16_384
"""How many of those that were taken apart last are remembered, and up to which size: three times 16 MiB at most."""


@dataclass(frozen=True, slots=True)
class SealedNotification:
    """Head and signature as they came, the sealed message key, and the compartments under it."""

    head: Head
    sig: Any
    mk: Any
    compartments: dict[Label, Compartment]

    def to_bytes(self) -> bytes:
        """The bytes that are sent, and sent again on every retry."""
        return json_encode(
            {
                "head": self.head.text,
                "sig": self.sig,
                "mk": self.mk,
                "c": {label.value: sealed.to_json() for label, sealed in self.compartments.items()},
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> "SealedNotification":
        """Take what came from outside apart, within limits; nothing in it is believed yet.

        Raises:
            Rejected: too long, not of our form, an unknown label, two compartments of one digest, or one that names
                another key than the notification's own.
        """
        if len(data) > BYTES_MAX:
            raise Rejected(Reason.FORM)
        return _taken_apart(data) if len(data) <= _REMEMBERED_BYTES else cls._from_json(data)

    @classmethod
    def _from_json(cls, data: bytes) -> "SealedNotification":
        try:
            value = json_decode(data)
        except NotStrict as error:
            raise Rejected(Reason.FORM) from error
        if not isinstance(value, dict) or set(value) != _MEMBERS:
            raise Rejected(Reason.FORM)
        compartments = read_compartments(value["c"])
        if any(sealed.kid != MESSAGE_KID for sealed in compartments.values()):
            raise Rejected(Reason.KEY)
        return cls(Head.parse(value["head"]), value["sig"], value["mk"], compartments)

    def check_digests(self) -> None:
        """Check that the head names every compartment that is here.

        Raises:
            Rejected: one is not named.
        """
        check_digests(self.head, self.compartments.values())


@lru_cache(maxsize=_REMEMBERED)
def _taken_apart(data: bytes) -> SealedNotification:
    """What these bytes are. The edge takes them apart when they come, and the hub again a moment later."""
    return SealedNotification._from_json(data)


def read_compartments(value: Any) -> dict[Label, Compartment]:
    """Take the compartments of a notification or a letter, by label.

    Raises:
        Rejected: not of our form, more than a head has places for, an unknown label, or one compartment under two
            labels.
    """
    if not isinstance(value, dict) or not 0 < len(value) <= PLACES:
        raise Rejected(Reason.FORM)
    try:
        found = {Label(label): Compartment.from_json(sealed) for label, sealed in value.items()}
    except ValueError as error:
        raise Rejected(Reason.LABEL) from error
    if len({sealed.digest for sealed in found.values()}) != len(found):
        raise Rejected(Reason.DIGEST)
    return found


def check_digests(head: Head, compartments: Any) -> None:
    """Check that *head* names the digest of each compartment.

    Raises:
        Rejected: one is not named.
    """
    named = set(head.fields.cmp)
    if any(sealed.digest not in named for sealed in compartments):
        raise Rejected(Reason.DIGEST)


def check_nothing_missing(head: Head, compartments: Any, message_key: bytes) -> None:
    """Check that the head names these compartments and no other, so that none was taken out on the way.

    Raises:
        Rejected: it names another, or one that is not here.
    """
    digests = [sealed.digest for sealed in compartments]
    if sorted([*digests, *spare_digests(message_key, PLACES - len(digests))]) != list(head.fields.cmp):
        raise Rejected(Reason.DIGEST)


def release_extra(hub: str, desk: str, kid: str) -> bytes:
    """What binds a key package to its use, in both directions: `hub|desk|kid`. No identifier may hold `|`."""
    return f"{hub}|{desk}|{kid}".encode("ascii")
