"""The cryptography that the hub cannot do without for one notification, each operation measured alone, in this run.

What formats and architecture ask for, and nothing that is ours to choose, such as how rows of state are named. Each
operation in the fastest algorithm that is allowed for it. See docs/decisions/0019.
"""

import hmac
import time
from collections.abc import Callable, Iterator
from hashlib import sha256, shake_256

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap, aes_key_wrap

from broker.sealing.entropy import system_entropy
from broker.sealing.head import PLACES
from broker.sealing.hpke import PrivateKey, PublicKey

_BESIDE = 2
"""Compartments that every notification has beside what is told: facts and contact."""
_BLIND = 1
"""Of what is told, one that the hub does not open: the address."""
_PADDED, _COVER, _DETAIL, _LETTER = (bytes(size) for size in (256, 1_024, 2_048, 5_000))
_SIGNED, _ENTRY, _STRINGS, _NODE = (bytes(size) for size in (2_000, 700, 600, 65))
_Part = tuple[int, Callable[[], object]]


def crypto_floor_us(desks: int, compartments: int, seconds: float) -> float:
    """Microseconds of cryptography for one notification.

    Args:
        desks: How many are told.
        compartments: How many each is told.
        seconds: How long to measure in all.
    """
    parts = [*_taking_in(compartments + _BESIDE), *_handing_on(desks, compartments + 1), *_recording(desks)]
    verify = _verifications()
    share_s = seconds / (len(parts) + len(verify))
    return min(_each_us(one, share_s) for one in verify) + sum(times * _each_us(one, share_s) for times, one in parts)


def _verifications() -> list[Callable[[], object]]:
    """The publisher's signature: it may be of either kind."""
    edwards, curve = Ed25519PrivateKey.generate(), ec.generate_private_key(ec.SECP256R1())
    one, other = edwards.sign(_SIGNED), curve.sign(_SIGNED, ec.ECDSA(hashes.SHA256()))
    edwards_public, curve_public = edwards.public_key(), curve.public_key()
    return [
        lambda: edwards_public.verify(one, _SIGNED),
        lambda: curve_public.verify(other, _SIGNED, ec.ECDSA(hashes.SHA256())),
    ]


def _taking_in(carried: int) -> Iterator[_Part]:
    key, content_key, nonce = system_entropy(32), system_entropy(32), bytes(12)  # measured here and kept nowhere
    recipient = PrivateKey(system_entropy(32))
    package = PublicKey(recipient.public_bytes).seal(key, b"")
    wrapped = aes_key_wrap(key, content_key)
    sealed = AESGCM(content_key).encrypt(nonce, _PADDED, b"")
    yield 1, lambda: recipient.open(package, b"")
    yield 1, lambda: AESGCM(content_key).decrypt(nonce, sealed, b"")  # the message key, under the key of the package
    yield carried, lambda: aes_key_unwrap(key, wrapped)
    yield carried - _BLIND, lambda: AESGCM(content_key).decrypt(nonce, sealed, b"")
    yield carried, lambda: sha256(_STRINGS).digest()  # what the publisher signed of each
    yield carried, lambda: sha256(content_key).digest()  # which key it committed to
    yield 1, lambda: shake_256(key).digest((PLACES - carried) * 32)  # that nothing was taken out
    yield 1, lambda: sha256(_SIGNED).digest()  # the head, in the ledger


def _handing_on(desks: int, released: int) -> Iterator[_Part]:
    key, content_key, nonce = system_entropy(32), system_entropy(32), bytes(12)
    yield desks * (released + 1), lambda: aes_key_wrap(key, content_key)  # and the cover's
    yield desks, lambda: AESGCM(content_key).encrypt(nonce, _COVER, b"")
    yield desks, lambda: sha256(_STRINGS).digest()
    yield desks, lambda: sha256(content_key).digest()
    yield desks, lambda: (system_entropy(32), system_entropy(12))
    rows = AESGCM(key)
    yield desks, lambda: rows.encrypt(system_entropy(12), _LETTER, b"")  # until it may leave


def _recording(desks: int) -> Iterator[_Part]:
    key, nonce, signing = system_entropy(32), bytes(12), Ed25519PrivateKey.generate()
    entries = desks + 2  # that it was taken in, and what was decided
    yield entries, lambda: sha256(_ENTRY).digest()
    yield entries, lambda: sha256(_NODE).digest()
    yield entries, lambda: hmac.digest(key, _NODE[:37], sha256)  # who it is about
    yield entries, lambda: system_entropy(16)
    yield 1, lambda: AESGCM(key).encrypt(nonce, _DETAIL, b"")
    yield 1, lambda: (aes_key_wrap(key, key), sha256(key).digest(), sha256(_DETAIL).digest(), system_entropy(44))
    yield 1, lambda: signing.sign(_PADDED)  # the receipt; the checkpoint of a turn is lost in the noise


def _each_us(part: Callable[[], object], seconds: float) -> float:
    count, started = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - started) < seconds:
        for _ in range(50):
            part()
        count += 50
    return 1e6 * elapsed / count
