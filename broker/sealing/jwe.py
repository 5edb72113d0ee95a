"""The one JWE that we send for a key: a JWK sealed to one public key (RFC 7516, flattened; RFC 7517).

It carries the message key of a notification to the hub, and an epoch key to a desk. Any JOSE library that has HPKE
reads it.
"""

from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from broker.sealing.entropy import Entropy
from broker.sealing.hpke import ALG, PrivateKey, PublicKey, SealedKey
from broker.sealing.rejection import Reason, Rejected
from schemas.strict import NotStrict, b64u_decode, b64u_encode, json_decode, json_encode

PROTECTED = b64u_encode(json_encode({"enc": "A256GCM"}))
"""The one protected header that we send or take: content is AES-256-GCM, and nothing is negotiated."""

IV_BYTES = 12
TAG_BYTES = 16
KEY_BYTES = 32

_MEMBERS = {"protected", "header", "encrypted_key", "iv", "ciphertext", "tag"}


def seal_key_package(key: bytes, recipient: PublicKey, kid: str, extra: bytes, entropy: Entropy) -> dict[str, Any]:
    """Seal *key* (32 bytes, for A256KW) to *recipient*, whose key id is *kid*."""
    content_key = entropy(KEY_BYTES)
    iv = entropy(IV_BYTES)
    jwk = json_encode({"kty": "oct", "alg": "A256KW", "k": b64u_encode(key)})
    sealed = AESGCM(content_key).encrypt(iv, jwk, PROTECTED.encode("ascii"))
    wrapped = recipient.seal(content_key, extra)
    return {
        "protected": PROTECTED,
        "header": {"alg": ALG, "kid": kid, "ek": b64u_encode(wrapped.ek)},
        "encrypted_key": b64u_encode(wrapped.encrypted_key),
        "iv": b64u_encode(iv),
        "ciphertext": b64u_encode(sealed[:-TAG_BYTES]),
        "tag": b64u_encode(sealed[-TAG_BYTES:]),
    }


def recipient_kid(jwe: Any) -> str:
    """The key id that a package names, before anything of it is believed.

    Raises:
        Rejected: not a package of the one form and algorithm.
    """
    match jwe:
        case {"header": {"alg": str(alg), "kid": str(kid), "ek": str(), **more}} if not more and set(jwe) == _MEMBERS:
            if alg != ALG or jwe["protected"] != PROTECTED:
                raise Rejected(Reason.ALGORITHM)
            return kid
    raise Rejected(Reason.FORM)


def open_key_package(jwe: Any, private: PrivateKey, extra: bytes) -> bytes:
    """The 32 bytes of key that were sealed to *private* for the same use.

    Raises:
        Rejected: another form or algorithm, sealed to another key or use, or altered.
    """
    recipient_kid(jwe)
    try:
        wrapped = SealedKey(ek=b64u_decode(jwe["header"]["ek"]), encrypted_key=b64u_decode(jwe["encrypted_key"]))
        iv = b64u_decode(jwe["iv"], size=IV_BYTES)
        sealed = b64u_decode(jwe["ciphertext"]) + b64u_decode(jwe["tag"], size=TAG_BYTES)
    except NotStrict as error:
        raise Rejected(Reason.FORM) from error
    content_key = private.open(wrapped, extra)
    if len(content_key) != KEY_BYTES:  # RFC 7518, section 4: the length that `enc` demands
        raise Rejected(Reason.KEY)
    try:
        jwk = json_decode(AESGCM(content_key).decrypt(iv, sealed, PROTECTED.encode("ascii")))
    except (InvalidTag, NotStrict) as error:
        raise Rejected(Reason.CIPHERTEXT) from error
    match jwk:
        case {"kty": "oct", "alg": "A256KW", "k": str(k), **more} if not more:
            try:
                return b64u_decode(k, size=KEY_BYTES)
            except NotStrict as error:
                raise Rejected(Reason.FORM) from error
    raise Rejected(Reason.FORM)
