"""The cryptography that the hub cannot do without for one notification, each operation measured alone, in this run."""

import time
from collections.abc import Callable
from hashlib import sha256

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap, aes_key_wrap

from broker.sealing.entropy import system_entropy
from broker.sealing.hpke import PrivateKey, PublicKey

_BESIDE = 2
"""Compartments that every notification has beside what is told: facts and contact."""
_PADDED_BYTES = 256


def crypto_floor_us(desks: int, compartments: int, seconds: float) -> float:
    """Microseconds of cryptography for one notification.

    Args:
        desks: How many are told.
        compartments: How many each is told.
        seconds: How long to measure in all.
    """
    key, content_key = system_entropy(32), system_entropy(32)
    signing = Ed25519PrivateKey.generate()
    public, signature = signing.public_key(), signing.sign(bytes(2_000))
    point = ec.generate_private_key(ec.SECP256R1())
    by_point = point.sign(bytes(2_000), ec.ECDSA(hashes.SHA256()))
    recipient = PrivateKey(system_entropy(32))
    package = PublicKey(recipient.public_bytes).seal(key, b"")
    wrapped = aes_key_wrap(key, content_key)
    nonce = bytes(12)  # measured here and kept nowhere
    sealed = AESGCM(content_key).encrypt(nonce, bytes(_PADDED_BYTES), b"")
    carried = compartments + _BESIDE
    verify_us = min(  # a publisher may sign with either
        _each_us(lambda: public.verify(signature, bytes(2_000)), seconds / 20),
        _each_us(lambda: point.public_key().verify(by_point, bytes(2_000), ec.ECDSA(hashes.SHA256())), seconds / 20),
    )
    parts: list[tuple[int, Callable[[], object]]] = [
        (1, lambda: recipient.open(package, b"")),
        (carried + 1, lambda: aes_key_unwrap(key, wrapped)),  # one more for the message key
        (carried, lambda: AESGCM(content_key).decrypt(nonce, sealed, b"")),
        (carried, lambda: sha256(sealed).digest()),
        (desks * (compartments + 2), lambda: aes_key_wrap(key, content_key)),  # with contact and cover
        (desks, lambda: AESGCM(content_key).encrypt(nonce, bytes(1_024), b"")),  # the cover
        (1, lambda: signing.sign(bytes(300))),  # the receipt; a checkpoint a turn is lost in the noise
    ]
    share_s = seconds / len(parts)
    return verify_us + sum(times * _each_us(part, share_s) for times, part in parts)


def _each_us(part: Callable[[], object], seconds: float) -> float:
    count, started = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - started) < seconds:
        for _ in range(50):
            part()
        count += 50
    return 1e6 * elapsed / count
