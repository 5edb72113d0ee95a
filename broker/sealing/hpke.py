"""JOSE-HPKE with the post-quantum hybrid: `HPKE-9-KE`, a key sealed to one recipient's public key.

Base mode, single shot, key encryption only, through the public interface of `cryptography`:
MLKEM768-X25519 (X-Wing, KEM 0x647A), SHAKE256, AES-256-GCM. HPKE's own associated data is empty.

Sources: RFC 9180; draft-ietf-jose-hpke-encrypt-21; draft-ietf-jose-hpke-pq-pqt-01; draft-ietf-hpke-pq. They are
    drafts: the `typ` of a head names them, so that a later draft cannot be mistaken for this one.
"""

from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import mlkem, x25519
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PrivateKey,
    MLKEM768X25519PublicKey,
    Suite,
)

from broker.sealing.rejection import Reason, Rejected

ALG = "HPKE-9-KE"
SEED_BYTES = 32
PUBLIC_BYTES = 1_216  # ML-KEM-768 encapsulation key 1,184, then X25519 32
ENCAPSULATED_BYTES = 1_120  # ML-KEM-768 ciphertext 1,088, then X25519 share 32
WRAPPED_KEY_BYTES = 48  # 32 of key, 16 of tag

_MLKEM_PUBLIC_BYTES = 1_184
_MLKEM_SEED_BYTES = 64
_SUITE = Suite(KEM.MLKEM768_X25519, KDF.SHAKE256, AEAD.AES_256_GCM)


class PublicKey:
    """A recipient's public key. Loading one costs more than using it: keep the object."""

    def __init__(self, public: bytes) -> None:
        """Load a key of `PUBLIC_BYTES`.

        Raises:
            Rejected: another length, or no key of this kind.
        """
        if len(public) != PUBLIC_BYTES:
            raise Rejected(Reason.KEY)
        try:
            mlkem_key = mlkem.MLKEM768PublicKey.from_public_bytes(public[:_MLKEM_PUBLIC_BYTES])
            x25519_key = x25519.X25519PublicKey.from_public_bytes(public[_MLKEM_PUBLIC_BYTES:])
            # With a point of small order every secret is zero, which the library refuses: here, and not when somebody
            # first seals to it. Any scalar shows it.
            x25519.X25519PrivateKey.from_private_bytes(bytes(32)).exchange(x25519_key)
            self._key = MLKEM768X25519PublicKey(mlkem_key, x25519_key)
        except ValueError as error:
            raise Rejected(Reason.KEY) from error

    def seal(self, key: bytes, extra: bytes) -> "SealedKey":
        """Seal a key of 32 bytes. *extra* binds it to its use: `hub|desk|kid`."""
        sealed = _SUITE.encrypt(key, self._key, info=_recipient_structure(extra))
        return SealedKey(ek=sealed[:ENCAPSULATED_BYTES], encrypted_key=sealed[ENCAPSULATED_BYTES:])


@dataclass(frozen=True, slots=True)
class SealedKey:
    """What travels: the encapsulated secret (`ek` in the JWE header) and the wrapped key."""

    ek: bytes
    encrypted_key: bytes


class PrivateKey:
    """The private half, grown from a seed. Cannot be written out; the seed is what is kept."""

    # LIMIT: Python cannot wipe keys from memory; see SECURITY.md.

    def __init__(self, seed: bytes) -> None:
        """Grow the key from a seed of `SEED_BYTES`. Source: draft-ietf-hpke-pq, key derivation of X-Wing."""
        if len(seed) != SEED_BYTES:
            raise Rejected(Reason.KEY)
        digest = hashes.Hash(hashes.SHAKE256(_MLKEM_SEED_BYTES + 32))
        digest.update(seed)
        expanded = digest.finalize()
        mlkem_key = mlkem.MLKEM768PrivateKey.from_seed_bytes(expanded[:_MLKEM_SEED_BYTES])
        x25519_key = x25519.X25519PrivateKey.from_private_bytes(expanded[_MLKEM_SEED_BYTES:])
        self._key = MLKEM768X25519PrivateKey(mlkem_key, x25519_key)
        self.public_bytes = mlkem_key.public_key().public_bytes_raw() + x25519_key.public_key().public_bytes_raw()
        """The `PUBLIC_BYTES` that senders need."""

    def open(self, sealed: SealedKey, extra: bytes) -> bytes:
        """The key that was sealed to this one for the same use.

        Raises:
            Rejected: sealed to another key, for another use, or altered.
        """
        if len(sealed.ek) != ENCAPSULATED_BYTES or len(sealed.encrypted_key) != WRAPPED_KEY_BYTES:
            raise Rejected(Reason.KEY)
        try:
            return _SUITE.decrypt(sealed.ek + sealed.encrypted_key, self._key, info=_recipient_structure(extra))
        except (InvalidTag, ValueError) as error:
            raise Rejected(Reason.KEY) from error


def _recipient_structure(extra: bytes) -> bytes:
    return b"JOSE-HPKE rcpt\xffA256GCM\xff" + extra
