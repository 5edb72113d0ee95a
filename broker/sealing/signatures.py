"""Signatures of desks and of the hub: JWS with the algorithm pinned to the key (RFC 7515; RFC 9864 for `Ed25519`).

The signing input is always `b64u(protected) "." payload`, where the payload already is base64url as transmitted.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils

from broker.sealing.rejection import Reason, Rejected
from broker.sealing.small_order import has_small_order
from schemas.strict import NotStrict, b64u_decode, b64u_encode, json_decode, json_encode

SIGNATURE_BYTES = 64
_HEADER_MAX = 1_024  # characters; ours have about a hundred and fifty
POINT_BYTES = 65  # SEC 1, section 2.3.3: 0x04, then both coordinates


class Algorithm(StrEnum):
    """What a key may sign with. Pinned to it in the directory; nothing is negotiated."""

    ED25519 = "Ed25519"
    """RFC 8032: 32 bytes of public key."""
    ES256 = "ES256"
    """P-256 with SHA-256 (RFC 7518), for keys in hardware: 65 bytes of public key, uncompressed point."""


class Typ(StrEnum):
    """What is signed, with the versions of the drafts in use: a signature of one thing is none of another."""

    HEAD = "tellwise-head-1+hpke21+pq01"
    DIRECTORY = "tellwise-directory-1"
    PACKAGE = "tellwise-package-1+hpke21+pq01"
    RECEIPT = "tellwise-receipt-1"
    CARD = "tellwise-card-1"
    ASSERTION = "client-authentication+jwt"
    """That a desk is who it says it is (draft-ietf-oauth-rfc7523bis). Used up at once, and nothing for a ledger."""


@dataclass(frozen=True, slots=True)
class Signer:
    """A key that signs, wherever it lives."""

    kid: str
    alg: Algorithm
    sign: Callable[[bytes], bytes]
    """Gives 64 bytes over the bytes given."""


@dataclass(frozen=True, slots=True)
class VerifyKey:
    """A public key with the algorithm that is pinned to it. Loading one costs as much as using it: keep the object."""

    kid: str
    alg: Algorithm
    key: ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey

    @classmethod
    def load(cls, kid: str, alg: Algorithm, public: bytes) -> "VerifyKey":
        """Load a public key.

        Raises:
            Rejected: not a key of this algorithm.
        """
        if alg is Algorithm.ED25519 and has_small_order(public):
            raise Rejected(Reason.KEY)
        if alg is Algorithm.ES256 and len(public) != POINT_BYTES:  # a compressed point would be a second spelling
            raise Rejected(Reason.KEY)
        try:
            match alg:
                case Algorithm.ED25519:
                    return cls(kid, alg, ed25519.Ed25519PublicKey.from_public_bytes(public))
                case Algorithm.ES256:
                    return cls(kid, alg, ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public))
        except ValueError as error:
            raise Rejected(Reason.KEY) from error


def sign(payload: str, typ: Typ, signer: Signer) -> dict[str, str]:
    """Sign *payload*, which is base64url; the result is a detached JWS: {protected, signature}."""
    protected = _header(signer.alg, signer.kid, typ)
    return {"protected": protected, "signature": b64u_encode(signer.sign(f"{protected}.{payload}".encode("ascii")))}


@lru_cache(maxsize=256)
def _header(alg: Algorithm, kid: str, typ: Typ) -> str:
    return b64u_encode(json_encode({"alg": alg.value, "kid": kid, "typ": typ.value}))


def claimed_kid(signature: Any, typ: Typ) -> str:
    """The key id that a signature names, before anything of it is believed.

    Raises:
        Rejected: not of our form, or a signature of something else than *typ*.
    """
    return _protected(signature, typ)[1]


def verify(payload: str, signature: Any, typ: Typ, key: VerifyKey) -> None:
    """Check a detached signature over the payload as it came.

    Raises:
        Rejected: another form, purpose, key or algorithm, or not a signature of this payload.
    """
    alg, kid = _protected(signature, typ)
    if alg != key.alg.value:
        raise Rejected(Reason.ALGORITHM)
    if kid != key.kid:
        raise Rejected(Reason.SIGNER)
    try:
        raw = b64u_decode(signature["signature"], size=SIGNATURE_BYTES)
        data = f"{signature['protected']}.{payload}".encode("ascii")
        _verify(key, raw, data)
    except (NotStrict, UnicodeEncodeError) as error:
        raise Rejected(Reason.FORM) from error
    except (InvalidSignature, ValueError) as error:
        raise Rejected(Reason.SIGNATURE) from error


def _verify(key: VerifyKey, raw: bytes, data: bytes) -> None:
    match key.key:
        case ed25519.Ed25519PublicKey() as public:
            public.verify(raw, data)
        case _ as point:
            halves = (int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
            point.verify(utils.encode_dss_signature(*halves), data, ec.ECDSA(hashes.SHA256()))


def _protected(signature: Any, typ: Typ) -> tuple[str, str]:
    match signature:
        case {"protected": str(protected), "signature": str(), **more} if not more and len(protected) <= _HEADER_MAX:
            return _read_header(protected, typ)
    raise Rejected(Reason.FORM)


@lru_cache(maxsize=4_096)  # one for each key and purpose; of what is refused nothing is kept
def _read_header(protected: str, typ: Typ) -> tuple[str, str]:
    try:
        header = json_decode(b64u_decode(protected))
    except NotStrict as error:
        raise Rejected(Reason.FORM) from error
    match header:
        case {"alg": str(alg), "kid": str(kid), "typ": typ.value, **rest} if not rest:
            return alg, kid
    raise Rejected(Reason.ALGORITHM)
