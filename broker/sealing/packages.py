"""What the hub itself says to a desk, signed by its own voice: key packages and receipts.

A package hands a desk the key under which the content keys of its letters are wrapped. It is sealed to the desk's
public key (HPKE-9-KE) and stands in the desk's inbox before the first letter that needs it, so nothing has to be
fetched.
"""

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field

from broker.sealing.rejection import Reason, Rejected
from broker.sealing.signatures import Signer, Typ, VerifyKey, sign, verify
from schemas import SchemaRefused
from schemas.identifiers import AgencyIdField, DeskIdField, KeyIdField, NotificationIdField
from schemas.said import Said
from schemas.strict import NotStrict, b64u_decode, b64u_encode


class EpochPackage(Said):
    """An epoch key for one desk and one lane. Fields are only added, at the end, with a default."""

    v: Literal[1]
    hub: AgencyIdField
    lane: Annotated[str, Field(max_length=200)]
    to: DeskIdField
    kid: KeyIdField
    epoch: int = Field(ge=0)
    """Counts the epochs of this desk on this lane. Epoch 0 begins when the desk is registered."""
    nbf: int
    """Seconds since 1970; the key wraps nothing before."""
    jwe: dict[str, Any]
    """The key, sealed to the desk; see jwe.py."""


class Outcome(StrEnum):
    """What became of a notification at the hub's door."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    """One word for every reason, which stands in the ledger's sealed details."""


class Receipt(Said):
    """What the hub did with a notification, told to the desk that published it."""

    v: Literal[1]
    hub: AgencyIdField
    to: DeskIdField
    id: NotificationIdField
    outcome: Outcome


def sign_said(said: Said | bytes, typ: Typ, voice: Signer) -> dict[str, Any]:
    """Sign what the hub says, or the bytes of it: {payload, sig}."""
    payload = b64u_encode(said if isinstance(said, bytes) else said.to_bytes())
    return {"payload": payload, "sig": sign(payload, typ, voice)}


def read_signed(value: Any, typ: Typ, key: VerifyKey) -> bytes:
    """The bytes that were signed, once the signature is checked.

    Raises:
        Rejected: another form, key or purpose, or not a signature of this payload.
    """
    match value:
        case {"payload": str(payload), "sig": sig, **more} if not more:
            verify(payload, sig, typ, key)
            try:
                return b64u_decode(payload)
            except NotStrict as error:
                raise Rejected(Reason.FORM) from error
    raise Rejected(Reason.FORM)


def read_package(value: Any, key: VerifyKey) -> EpochPackage:
    """A key package that the hub signed.

    Raises:
        Rejected: it did not, or the package is not of our form.
    """
    try:
        return EpochPackage.from_bytes(read_signed(value, Typ.PACKAGE, key))
    except SchemaRefused as error:
        raise Rejected(Reason.SCHEMA) from error


def read_receipt(value: Any, key: VerifyKey) -> Receipt:
    """A receipt that the hub signed.

    Raises:
        Rejected: it did not, or the receipt is not of our form.
    """
    try:
        return Receipt.from_bytes(read_signed(value, Typ.RECEIPT, key))
    except SchemaRefused as error:
        raise Rejected(Reason.SCHEMA) from error
