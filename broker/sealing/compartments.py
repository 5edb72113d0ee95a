"""One compartment, sealed once by its publisher and re-targeted by the hub: a JWE in flattened JSON (RFC 7516).

Everything but `header` and `encrypted_key` is under the digest that the publisher signs, so the hub can hand the same
ciphertext to each desk that may know it, and cannot change it. The bytes are described in README.md beside this file.
"""

import hmac
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from broker.sealing.entropy import Entropy
from broker.sealing.jwe import IV_BYTES, KEY_BYTES, PROTECTED, TAG_BYTES
from broker.sealing.padding import BUCKETS, FACTS_LEAST, pad, unpad
from broker.sealing.rejection import Reason, Rejected
from schemas import Label
from schemas.strict import NotStrict, b64u_decode, b64u_encode, json_decode, json_encode

ALG = "A256KW"
WRAPPED_KEY_BYTES = 40
DIGEST_BYTES = 32

MESSAGE_KID = "mk"
"""The key id under which a publisher wraps content keys: the notification's own message key."""

_MEMBERS = {"protected", "aad", "iv", "ciphertext", "tag", "header", "encrypted_key"}
_KC_CHARACTERS = 43
_AAD_MEMBERS = {"id", "iss", "cmp", "kc"}


@dataclass(frozen=True, slots=True)
class Belonging:
    """Where a compartment belongs: signed into it, so that it opens nowhere else."""

    notification: str
    issuer: str
    label: str


class _Decoded(NamedTuple):
    aad: bytes
    iv: bytes
    sealed: bytes
    """Ciphertext and tag."""
    encrypted_key: bytes


@dataclass(frozen=True, slots=True)
class Compartment:
    """A sealed compartment as it travels. All are the strings as transmitted; nothing signed is ever written anew."""

    aad: str
    iv: str
    ciphertext: str
    tag: str
    kid: str
    encrypted_key: str
    _digest: str | None = field(init=False, default=None, compare=False, repr=False)
    _decoded: "_Decoded | None" = field(init=False, default=None, compare=False, repr=False)
    """Both worked out when first asked for; not copied into a changed copy (`replace`)."""

    @property
    def digest(self) -> str:
        """What the publisher signs of it: b64u of SHA-256 over the five strings that nobody may change."""
        if self._digest is None:
            parts = (PROTECTED, self.aad, self.iv, self.ciphertext, self.tag)
            object.__setattr__(self, "_digest", b64u_encode(sha256(".".join(parts).encode("ascii")).digest()))
        return self._digest  # type: ignore[return-value]

    @property
    def decoded(self) -> "_Decoded":
        """What the strings stand for.

        Raises:
            Rejected: one of them is not the base64url of so many bytes as it must be.
        """
        # Of every compartment, also of one that is not opened here: a blind one that no desk could open stops at the
        # door, and strings that could hold a dot would make a digest that does not say where each of them ends.
        if self._decoded is None:
            try:
                decoded = _Decoded(
                    aad=b64u_decode(self.aad),
                    iv=b64u_decode(self.iv, size=IV_BYTES),
                    sealed=b64u_decode(self.ciphertext) + b64u_decode(self.tag, size=TAG_BYTES),
                    encrypted_key=b64u_decode(self.encrypted_key, size=WRAPPED_KEY_BYTES),
                )
            except NotStrict as error:
                raise Rejected(Reason.FORM) from error
            if len(decoded.sealed) - TAG_BYTES not in BUCKETS:
                raise Rejected(Reason.PADDING)
            object.__setattr__(self, "_decoded", decoded)
        return self._decoded  # type: ignore[return-value]

    def to_json(self) -> dict[str, Any]:
        """The JWE's members."""
        return {
            "protected": PROTECTED,
            "aad": self.aad,
            "iv": self.iv,
            "ciphertext": self.ciphertext,
            "tag": self.tag,
            "header": {"alg": ALG, "kid": self.kid},
            "encrypted_key": self.encrypted_key,
        }

    def around_key(self) -> tuple[bytes, bytes]:
        """What stands before and after the wrapped key and its name in the JSON of the JWE: see `name_of_key`."""
        before = f'{{"aad":"{self.aad}","ciphertext":"{self.ciphertext}","encrypted_key":"'
        after = f'}},"iv":"{self.iv}","protected":"{PROTECTED}","tag":"{self.tag}"}}'
        return before.encode("ascii"), after.encode("ascii")

    def to_bytes(self) -> bytes:
        """The JSON of the JWE: `json_encode(self.to_json())`, since none of its strings needs an escape but the key's
        name."""
        before, after = self.around_key()
        return b"".join((before, self.encrypted_key.encode("ascii"), name_of_key(self.kid), after))

    @classmethod
    def from_json(cls, value: Any) -> "Compartment":
        """Take a JWE of exactly our form: no further member or parameter, nothing negotiated.

        Raises:
            Rejected: anything else.
        """
        match value:
            case {"header": {"alg": str(alg), "kid": str(kid), **more}} if not more and set(value) == _MEMBERS:
                if alg != ALG or value["protected"] != PROTECTED:
                    raise Rejected(Reason.ALGORITHM)
                found = cls(value["aad"], value["iv"], value["ciphertext"], value["tag"], kid, value["encrypted_key"])
                found.decoded  # noqa: B018 - refuses what is not of our form
                return found
        raise Rejected(Reason.FORM)


@lru_cache(maxsize=4_096)
def name_of_key(kid: str) -> bytes:
    """What stands in the JSON of a JWE behind the wrapped content key: the name of the key that it is wrapped under."""
    return f'","header":{{"alg":"{ALG}","kid":'.encode("ascii") + json_encode(kid)


def seal(plaintext: bytes, belonging: Belonging, key: bytes, kid: str, entropy: Entropy) -> Compartment:
    """Seal *plaintext* under a content key of its own, wrapped under *key*.

    Args:
        plaintext: JSON of the compartment, at most 65,535 bytes.
        belonging: Signed into it.
        key: 32 bytes: the message key at a publisher, a desk's epoch key at the hub (for a cover).
        kid: The name of *key*.
        entropy: For the content key and the nonce.

    Raises:
        Rejected: the plaintext is too long.
    """
    content_key = entropy(KEY_BYTES)
    iv = entropy(IV_BYTES)
    aad = b64u_encode(_aad(belonging) + f'{b64u_encode(key_commitment(content_key))}"}}'.encode("ascii"))
    sealed = AESGCM(content_key).encrypt(iv, pad(plaintext, _least(belonging.label)), _associated(aad))
    ciphertext, tag = b64u_encode(sealed[:-TAG_BYTES]), b64u_encode(sealed[-TAG_BYTES:])
    return Compartment(aad, b64u_encode(iv), ciphertext, tag, kid, b64u_encode(aes_key_wrap(key, content_key)))


def unwrap(compartment: Compartment, belonging: Belonging, key: bytes) -> bytes:
    """The content key, once it is known to be the one that the publisher signed.

    Raises:
        Rejected: the compartment belongs elsewhere, *key* does not open it, or the content key is not the one
            committed to.
    """
    decoded = compartment.decoded
    try:
        commitment = _commitment(decoded.aad, belonging)
    except NotStrict as error:
        raise Rejected(Reason.FORM) from error
    try:
        content_key = aes_key_unwrap(key, decoded.encrypted_key)
    except InvalidUnwrap as error:
        raise Rejected(Reason.KEY) from error
    # One GCM ciphertext can open under two keys to two texts, and A256KW carries no context: only the commitment, which
    # stands in signed bytes, says which key was meant.
    if not hmac.compare_digest(key_commitment(content_key), commitment):
        raise Rejected(Reason.COMMITMENT)
    return content_key


def _commitment(aad: bytes, belonging: Belonging) -> bytes:
    """The key commitment in what was signed, if that says that the compartment belongs here."""
    # As we write it, which most do; whoever writes it otherwise is read in full.
    ours = _aad(belonging)
    if aad.startswith(ours) and aad.endswith(b'"}') and len(aad) == len(ours) + _KC_CHARACTERS + 2:
        return b64u_decode(aad[len(ours) : -2].decode("ascii", "replace"), size=DIGEST_BYTES)
    said = json_decode(aad)
    if not isinstance(said, dict) or set(said) != _AAD_MEMBERS:
        raise Rejected(Reason.FORM)
    commitment = b64u_decode(said["kc"], size=DIGEST_BYTES)
    if (said["id"], said["iss"], said["cmp"]) != (belonging.notification, belonging.issuer, belonging.label):
        raise Rejected(Reason.LABEL)
    return commitment


def _aad(belonging: Belonging) -> bytes:
    """The associated data as we write it, up to the key commitment. No identifier needs an escape."""
    return f'{{"cmp":"{belonging.label}","id":"{belonging.notification}","iss":"{belonging.issuer}","kc":"'.encode()


def open_with(compartment: Compartment, content_key: bytes, label: str) -> bytes:
    """The plaintext of the compartment *label*, under a content key that `unwrap` gave.

    Raises:
        Rejected: altered, or wrongly padded.
    """
    decoded = compartment.decoded
    try:
        padded = AESGCM(content_key).decrypt(decoded.iv, decoded.sealed, _associated(compartment.aad))
    except InvalidTag as error:
        raise Rejected(Reason.CIPHERTEXT) from error
    return unpad(padded, _least(label))


def key_commitment(content_key: bytes) -> bytes:
    """32 bytes that name a content key without giving it away."""
    return sha256(b"tellwise-kc-v1" + content_key).digest()


def _least(label: str) -> int:
    return FACTS_LEAST if label == Label.FACTS else BUCKETS[0]


def _associated(aad: str) -> bytes:
    return f"{PROTECTED}.{aad}".encode("ascii")  # RFC 7516, section 5.1, step 14
