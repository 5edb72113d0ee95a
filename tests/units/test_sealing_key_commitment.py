"""The attack that the key commitment is there for: one ciphertext that AES-GCM opens under two keys to two texts.

A publisher who could send it would tell the hub, which inspects, one thing and the desks another, under one signature.
Both texts are the forger's choice in all blocks but one: under either key the tag is a polynomial in that block, so
that both tags are equal is one linear equation over GF(2^128).

Source: Dodis, Grubbs, Ristenpart, Woodage, "Fast Message Franking", 2018; the arithmetic is NIST SP 800-38D, section 6.
"""

from itertools import count

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import ECB
from cryptography.hazmat.primitives.keywrap import aes_key_wrap

from broker.ledger.details import open_detail
from broker.sealing.compartments import Belonging, Compartment, key_commitment, open_with, unwrap
from broker.sealing.jwe import PROTECTED
from broker.sealing.rejection import Reason, Rejected
from schemas.strict import b64u_encode, json_encode

HERE = Belonging("c3BlYWtzLW9mLURhbmEtMQ", "elm-ward-police", "risk_summary")
MESSAGE_KEY = bytes([1]) * 32
FIRST_KEY = bytes([7]) * 32
IV = bytes(12)

LOW, HIGH = b"risk=LOW, no need to call", b"risk=HIGH, do not visit alone"
BLOCKS = 16  # the smallest bucket
LOW_AT, HIGH_AT, FREE, LAST = 0, 4, 8, BLOCKS - 1


def number(block: bytes) -> int:
    """A block as an element of GF(2^128); GCM counts bits from the left."""
    return int.from_bytes(block, "big")


def times(x: int, y: int) -> int:
    product = 0
    for bit in range(127, -1, -1):
        if x >> bit & 1:
            product ^= y
        y = y >> 1 ^ (0xE1 << 120 if y & 1 else 0)
    return product


def power(x: int, exponent: int) -> int:
    result = 1 << 127  # the element 1
    for _ in range(exponent):
        result = times(result, x)
    return result


def inverse(x: int) -> int:
    """x to the power of 2^128 - 2."""
    result, square = 1 << 127, x
    for _ in range(127):
        square = times(square, square)
        result = times(result, square)
    return result


def encrypted(key: bytes, block: bytes) -> bytes:
    return Cipher(AES256(key), ECB()).encryptor().update(block)  # noqa: S305 - GCM is made of it


def keystream(key: bytes) -> list[bytes]:
    return [encrypted(key, IV + (2 + place).to_bytes(4, "big")) for place in range(BLOCKS)]


def xor(a: bytes, b: bytes) -> bytes:
    return bytes(x ^ y for x, y in zip(a, b, strict=True))


def authenticated(associated: bytes, ciphertext: list[bytes]) -> list[int]:
    """The blocks that GHASH runs over."""
    padded = associated.ljust(-(-len(associated) // 16) * 16, b"\x00")
    lengths = (8 * len(associated)).to_bytes(8, "big") + (8 * 16 * BLOCKS).to_bytes(8, "big")
    whole = padded + b"".join(ciphertext) + lengths
    return [number(whole[at : at + 16]) for at in range(0, len(whole), 16)]


def tag(key: bytes, blocks: list[int]) -> int:
    hash_key, state = number(encrypted(key, bytes(16))), 0
    for block in blocks:
        state = times(state ^ block, hash_key)
    return state ^ number(encrypted(key, IV + (1).to_bytes(4, "big")))


def second_key() -> bytes:
    """A key whose padding marker falls where the first key's does; one of 256 will do."""
    wanted = keystream(FIRST_KEY)[LAST][15]
    return next(key for n in count() if keystream(key := n.to_bytes(32, "big"))[LAST][15] == wanted)


def opens_twice(second: bytes, associated: bytes) -> bytes:
    """Ciphertext and tag that open under `FIRST_KEY` to a text with LOW in it, and under *second* to one with HIGH."""
    mine, other = keystream(FIRST_KEY), keystream(second)
    ciphertext = [bytes(16)] * BLOCKS
    for at, stream, text in ((LOW_AT, mine, LOW), (HIGH_AT, other, HIGH)):
        for step in range(2):
            ciphertext[at + step] = xor(stream[at + step], text[16 * step :][:16].ljust(16))
    ciphertext[LAST] = xor(mine[LAST], bytes(15) + b"\x80")  # both plaintexts end in the marker of the padding
    blocks = authenticated(associated, ciphertext)
    exponent = BLOCKS - FREE + 1
    hash_keys = [number(encrypted(key, bytes(16))) for key in (FIRST_KEY, second)]
    slope = power(hash_keys[0], exponent) ^ power(hash_keys[1], exponent)
    free = times(tag(FIRST_KEY, blocks) ^ tag(second, blocks), inverse(slope))
    ciphertext[FREE] = free.to_bytes(16, "big")
    return b"".join(ciphertext) + tag(FIRST_KEY, authenticated(associated, ciphertext)).to_bytes(16, "big")


def forged(content_key: bytes, committed: bytes, sealed: bytes) -> Compartment:
    """The forger's compartment, handing over *content_key* while the signed bytes commit to *committed*."""
    return Compartment(
        aad(committed),
        b64u_encode(IV),
        b64u_encode(sealed[:-16]),
        b64u_encode(sealed[-16:]),
        "mk",
        b64u_encode(aes_key_wrap(MESSAGE_KEY, content_key)),
    )


def aad(committed: bytes) -> str:
    members = {"id": HERE.notification, "iss": HERE.issuer, "cmp": HERE.label}
    return b64u_encode(json_encode({**members, "kc": b64u_encode(key_commitment(committed))}))


def test_the_arithmetic_is_that_of_gcm() -> None:
    plaintext = bytes(range(256)) * (16 * BLOCKS // 256)

    sealed = AESGCM(FIRST_KEY).encrypt(IV, plaintext, b"associated")

    ciphertext = [sealed[at : at + 16] for at in range(0, 16 * BLOCKS, 16)]
    assert tag(FIRST_KEY, authenticated(b"associated", ciphertext)) == number(sealed[-16:])
    assert times(inverse(12345), 12345) == 1 << 127


@pytest.fixture(scope="module")
def second() -> bytes:
    return second_key()


@pytest.mark.parametrize("committed_to", ["first", "second"])
def test_a_ciphertext_that_opens_under_two_keys_is_opened_under_one_of_them_alone(
    second: bytes, committed_to: str
) -> None:
    committed, other = (FIRST_KEY, second) if committed_to == "first" else (second, FIRST_KEY)
    associated = f"{PROTECTED}.{aad(committed)}".encode()
    sealed = opens_twice(second, associated)

    texts = [AESGCM(key).decrypt(IV, sealed, associated) for key in (FIRST_KEY, second)]
    assert (LOW in texts[0], HIGH in texts[0]) == (True, False)
    assert (LOW in texts[1], HIGH in texts[1]) == (False, True)
    wrapped = [forged(key, committed, sealed) for key in (FIRST_KEY, second)]
    assert [open_with(wrapped[0], key, HERE.label) + b"\x80" for key in (FIRST_KEY, second)] == texts  # padding no help
    assert wrapped[0].digest == wrapped[1].digest  # and so is the signature of the publisher

    with pytest.raises(Rejected) as refused:
        unwrap(forged(other, committed, sealed), HERE, MESSAGE_KEY)
    assert refused.value.reason is Reason.COMMITMENT
    assert unwrap(forged(committed, committed, sealed), HERE, MESSAGE_KEY) == committed


def test_a_detail_record_that_opens_under_two_keys_is_opened_under_one_of_them_alone(second: bytes) -> None:
    commitment = key_commitment(FIRST_KEY)
    sealed = opens_twice(second, commitment)

    assert HIGH in AESGCM(second).decrypt(IV, sealed, commitment)
    assert LOW in open_detail(aes_key_wrap(MESSAGE_KEY, FIRST_KEY) + commitment + IV + sealed, MESSAGE_KEY)
    with pytest.raises(Rejected) as refused:
        open_detail(aes_key_wrap(MESSAGE_KEY, second) + commitment + IV + sealed, MESSAGE_KEY)
    assert refused.value.reason is Reason.COMMITMENT


def test_a_commitment_names_its_key_and_no_other() -> None:
    keys = [FIRST_KEY, bytes(32), bytes(31) + b"\x01", b"\x01" + bytes(31)]

    assert len({key_commitment(key) for key in keys}) == len(keys)
    assert all(len(key_commitment(key)) == 32 and key not in key_commitment(key) for key in keys)
