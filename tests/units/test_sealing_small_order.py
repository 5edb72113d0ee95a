"""Ed25519 keys that anybody can sign for: every such point, in every spelling, found by the curve written out here.

Source: RFC 8032, section 5.1.
"""

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from broker.ledger.checkpoint import CheckpointRejected, VerifierKey
from broker.sealing.rejection import Reason, Rejected
from broker.sealing.signatures import Algorithm, VerifyKey
from broker.sealing.small_order import has_small_order

P = 2**255 - 19
D = -121665 * pow(121666, -1, P) % P
PRIME_ORDER = 2**252 + 27742317777372353535851937790883648493

Point = tuple[int, int]
NEUTRAL: Point = (0, 1)


def add(a: Point, b: Point) -> Point:
    cross = D * a[0] * b[0] * a[1] * b[1]
    x = (a[0] * b[1] + a[1] * b[0]) * pow(1 + cross, -1, P)
    return x % P, (a[1] * b[1] + a[0] * b[0]) * pow(1 - cross, -1, P) % P


def times(scalar: int, point: Point) -> Point:
    result = NEUTRAL
    for bit in f"{scalar:b}":
        result = add(result, result)
        result = add(result, point) if bit == "1" else result
    return result


def point_at(y: int) -> Point | None:
    """A point with this y, if the curve has one."""
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    root = pow(square, (P + 3) // 8, P)
    x = root if root * root % P == square else root * pow(2, (P - 1) // 4, P) % P
    return (x, y) if x * x % P == square else None


def points_of_small_order() -> list[Point]:
    """The eight points whose order divides 8: a random point, times the prime order, is one of them."""
    found = (times(PRIME_ORDER, point) for y in range(2, 100) if (point := point_at(y)) is not None)
    generator = next(point for point in found if times(4, point) != NEUTRAL)
    return [times(n, generator) for n in range(8)]


def spellings(y: int) -> list[bytes]:
    """Every 32 bytes that decode to this y: with either sign bit, and once more above p where there is room."""
    values = [value for value in (y, y + P) if value < 2**255]
    return [(value | sign << 255).to_bytes(32, "little") for value in values for sign in (0, 1)]


ALL = sorted({key for _, y in points_of_small_order() for key in spellings(y)})


def test_there_are_eight_points_of_small_order_in_fourteen_spellings() -> None:
    points = points_of_small_order()

    assert len(set(points)) == 8
    assert all(times(8, point) == NEUTRAL for point in points)
    assert len(ALL) == 14


@pytest.mark.parametrize("public", ALL, ids=bytes.hex)
def test_a_key_of_small_order_is_refused_in_every_spelling(public: bytes) -> None:
    assert has_small_order(public)
    with pytest.raises(Rejected) as refused:
        VerifyKey.load("desk-1", Algorithm.ED25519, public)
    assert refused.value.reason is Reason.KEY
    with pytest.raises(CheckpointRejected):
        VerifierKey.of("hub.example/lane-0", public)


def test_anybody_could_sign_for_a_key_of_small_order() -> None:
    neutral = b"\x01" + bytes(31)
    nobody_signed = neutral + bytes(32)

    Ed25519PublicKey.from_public_bytes(neutral).verify(nobody_signed, b"Dana may be told")
    with pytest.raises(InvalidSignature):
        Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key().verify(nobody_signed, b"Dana may be told")


def test_a_key_that_somebody_holds_is_of_no_small_order() -> None:
    for seed in range(200):
        public = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32).public_key().public_bytes_raw()

        assert not has_small_order(public)
        assert VerifyKey.load("desk-1", Algorithm.ED25519, public).kid == "desk-1"
