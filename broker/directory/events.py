"""What is entered in the directory: the hub's own keys, the desks and theirs, the policies in force.

The directory is a ledger that every desk reads whole, so that nobody can quietly add a key for a desk. Each event is
signed by the hub's directory key, which a desk learns out of band; everything else about the hub it learns from here.
Each says its number `n`, counted from 0, so that an old one cannot be said again.
"""

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, TypeAdapter, ValidationError

from broker.sealing.hpke import PUBLIC_BYTES
from broker.sealing.rejection import Reason, Rejected
from broker.sealing.signatures import Algorithm, Signer, Typ, VerifyKey, sign, verify
from schemas import DeskType
from schemas.identifiers import AgencyIdField, AreaCodeField, DeskIdField, KeyIdField, MailboxField
from schemas.said import Said
from schemas.strict import NotStrict, b64u_decode, b64u_encode, json_decode, json_encode

EVENT_BYTES_MAX = 65_535

_PUB = (PUBLIC_BYTES * 4 + 2) // 3
"""Characters of a public key in base64url."""

_Public = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$", max_length=2_000)]


class SigningKey(Said):
    """A public key that signs, with the algorithm that is pinned to it."""

    kid: KeyIdField
    alg: Algorithm
    pub: _Public


class SealingKey(Said):
    """A public key that keys are sealed to (HPKE-9-KE)."""

    kid: KeyIdField
    pub: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$", min_length=_PUB, max_length=_PUB)]


class HubFounded(Said):
    """The hub and its keys. The first event of every directory, and no other."""

    event: Literal["hub.founded"] = "hub.founded"
    n: int = Field(ge=0)
    at: AwareDatetime
    hub: AgencyIdField
    lanes: Annotated[tuple[str, ...], Field(min_length=1, max_length=64)]
    """The origins of its lanes' ledgers."""
    ledger: Annotated[str, Field(max_length=300)]
    """The verifier key of its checkpoints (C2SP signed-note)."""
    voice: SigningKey
    """Signs packages and receipts."""
    release: SealingKey
    """Publishers seal message keys to it."""


class DeskRegistered(Said):
    """A desk may publish and receive from here on."""

    event: Literal["desk.registered"] = "desk.registered"
    n: int = Field(ge=0)
    at: AwareDatetime
    desk: DeskIdField
    agency: AgencyIdField
    desk_type: DeskType
    patch: Annotated[tuple[AreaCodeField, ...], Field(max_length=400)]
    """The areas that it serves; empty for a desk that serves no area, and so all of them, such as a prison."""
    signed: bool
    """Whether its agency signed the sharing protocol for this desk."""
    mailbox: MailboxField
    signing: SigningKey
    sealing: SealingKey
    addressed_only: bool = False
    """It serves no area and is found only where somebody names it or it is on a team, such as a national contact."""


class DeskRevoked(Said):
    """A desk neither publishes nor receives from here on. Its name is never given again."""

    event: Literal["desk.revoked"] = "desk.revoked"
    n: int = Field(ge=0)
    at: AwareDatetime
    desk: DeskIdField


class PolicyActivated(Said):
    """A policy bundle is in force from here on, and no other."""

    event: Literal["policy.activated"] = "policy.activated"
    n: int = Field(ge=0)
    at: AwareDatetime
    digest: Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]


DirectoryEvent = HubFounded | DeskRegistered | DeskRevoked | PolicyActivated

_ANY_EVENT: TypeAdapter[DirectoryEvent] = TypeAdapter(Annotated[DirectoryEvent, Field(discriminator="event")])


def sign_event(event: DirectoryEvent, signer: Signer) -> bytes:
    """The record of an event, which is also its ledger entry: {directory, sig}."""
    payload = b64u_encode(event.to_bytes())
    return json_encode({"directory": payload, "sig": sign(payload, Typ.DIRECTORY, signer)})


def is_event(data: bytes) -> bool:
    """Whether a record of an input claims to be a directory event: ours, and written by us in this spelling."""
    return data.startswith(b'{"directory"')


def read_event(data: bytes, key: VerifyKey) -> DirectoryEvent:
    """The event that a record holds, once its signature is checked.

    Raises:
        Rejected: not of our form, or not signed by the directory key.
    """
    if len(data) > EVENT_BYTES_MAX:
        raise Rejected(Reason.FORM)
    try:
        match json_decode(data):
            case {"directory": str(payload), "sig": sig, **more} if not more:
                verify(payload, sig, Typ.DIRECTORY, key)
                event = b64u_decode(payload)
                json_decode(event)
                return _ANY_EVENT.validate_json(event)
    except (NotStrict, ValidationError) as error:
        raise Rejected(Reason.FORM) from error
    raise Rejected(Reason.FORM)


def signing_key(kid: str, alg: Algorithm, public: bytes) -> SigningKey:
    """The entry of a public signing key."""
    return SigningKey.of(kid=kid, alg=alg, pub=b64u_encode(public))


def sealing_key(kid: str, public: bytes) -> SealingKey:
    """The entry of a public key that keys are sealed to."""
    return SealingKey.of(kid=kid, pub=b64u_encode(public))
