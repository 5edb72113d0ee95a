"""The detail record: all that a decision used, sealed, beside the entry that commits to it.

The entry commits to the bytes as they are sealed, so anybody can check that they are the ones, with no key; and the
sealed bytes commit to the key that opens them, so that they open to one thing only. Sealed, it is:

    wrapped key (A256KW, 40 bytes) || key commitment (32) || nonce (12) || AES-256-GCM ciphertext and tag

of the record, 0x80, and zeros up to a multiple of 512 bytes,

under the person's key, or under the state key where no person is known. When that key is destroyed the record is noise,
and every entry and proof stays valid.
"""

import hmac
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from broker.sealing.compartments import WRAPPED_KEY_BYTES, key_commitment
from broker.sealing.entropy import Entropy
from broker.sealing.jwe import IV_BYTES, KEY_BYTES
from broker.sealing.rejection import Reason, Rejected
from schemas.strict import b64u_encode

_COMMITMENT_BYTES = 32
_PADDED_TO_BYTES = 512
"""A record is padded to a multiple of this, so that its size does not tell one reason of a refusal from another."""


def seal_detail(record: bytes, key: bytes, entropy: Entropy) -> bytes:
    """Seal a detail record under a key of its own, which *key* (32 bytes) wraps."""
    record_key = entropy(KEY_BYTES)
    iv = entropy(IV_BYTES)
    commitment = key_commitment(record_key)
    padded = record + b"\x80" + bytes(-(len(record) + 1) % _PADDED_TO_BYTES)
    return aes_key_wrap(key, record_key) + commitment + iv + AESGCM(record_key).encrypt(iv, padded, commitment)


def open_detail(sealed: bytes, key: bytes) -> bytes:
    """Undo `seal_detail`.

    Raises:
        Rejected: another key, or altered.
    """
    wrapped, rest = sealed[:WRAPPED_KEY_BYTES], sealed[WRAPPED_KEY_BYTES:]
    commitment, rest = rest[:_COMMITMENT_BYTES], rest[_COMMITMENT_BYTES:]
    try:
        record_key = aes_key_unwrap(key, wrapped)
        if not hmac.compare_digest(key_commitment(record_key), commitment):
            raise Rejected(Reason.COMMITMENT)
        padded = AESGCM(record_key).decrypt(rest[:IV_BYTES], rest[IV_BYTES:], commitment)
    except (InvalidUnwrap, InvalidTag, ValueError) as error:
        raise Rejected(Reason.KEY) from error
    record, marker, zeros = padded.rpartition(b"\x80")
    if not marker or any(zeros):
        raise Rejected(Reason.PADDING)
    return record


def detail_digest(sealed: bytes) -> str:
    """What the entry says of a sealed detail record."""
    return b64u_encode(sha256(sealed).digest())
