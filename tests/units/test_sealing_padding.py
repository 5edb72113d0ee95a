"""Padding: the size of a ciphertext tells the bucket and no more, and each plaintext has one padding."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from broker.sealing.padding import BUCKETS, FACTS_LEAST, pad, unpad
from broker.sealing.rejection import Reason, Rejected

EDGES = sorted({0, 1, 2, *(size + step for size in BUCKETS for step in (-2, -1, 0, 1))})
LONGEST = BUCKETS[-1] - 1


def refuse(padded: bytes) -> None:
    with pytest.raises(Rejected) as refused:
        unpad(padded)
    assert refused.value.reason is Reason.PADDING


def test_the_buckets_are_those_of_the_format() -> None:
    assert BUCKETS == (256, 1_024, 4_096, 16_384, 65_536)


@pytest.mark.parametrize("length", [length for length in EDGES if length <= LONGEST])
def test_a_plaintext_fills_the_smallest_bucket_that_has_room_for_the_marker(length: int) -> None:
    plaintext = b"\x80" * length

    padded = pad(plaintext)

    assert len(padded) == min(size for size in BUCKETS if size > length)
    assert padded[length] == 0x80
    assert not any(padded[length + 1 :])
    assert unpad(padded) == plaintext


@pytest.mark.parametrize("length", [LONGEST + 1, LONGEST + 2, 2 * LONGEST])
def test_a_plaintext_without_a_bucket_is_refused(length: int) -> None:
    with pytest.raises(Rejected) as refused:
        pad(bytes(length))

    assert refused.value.reason is Reason.FORM


@given(st.binary(max_size=1_100) | st.binary(max_size=40).map(lambda end: b"Dana" * 60 + end))
@example(b"\x80")
@example(b"\x80\x00\x00")
@example(b"\x00" * 200)
def test_a_plaintext_comes_back_as_it_was(plaintext: bytes) -> None:
    assert unpad(pad(plaintext)) == plaintext


@given(st.integers(0, 255), st.binary(max_size=30), st.integers(0, 255))
def test_what_unpads_is_the_one_padding_of_its_plaintext(zeros: int, start: bytes, marker: int) -> None:
    padded = (start + bytes([marker]) + bytes(zeros)).ljust(256, b"\x00")[:256]

    try:
        plaintext = unpad(padded)
    except Rejected:
        return

    assert pad(plaintext) == padded


@pytest.mark.parametrize("plaintext", [b"", b"Dana", b"D" * 255, b"D" * 256, b"D" * 1_000])
def test_two_plaintexts_of_one_bucket_cannot_be_told_apart_by_size(plaintext: bytes) -> None:
    other = b"E" * (255 if len(plaintext) < 256 else 1_023)

    assert len(pad(plaintext)) == len(pad(other))


MALFORMED = {
    "nothing": b"",
    "a marker alone": b"\x80",
    "no zeros": b"Dana\x80",
    "zeros alone": bytes(256),
    "no marker, full": b"D" * 256,
    "no marker": b"Dana".ljust(256, b"\x00"),
    "a byte short": b"Dana\x80".ljust(255, b"\x00"),
    "a byte long": b"Dana\x80".ljust(257, b"\x00"),
    "no bucket": b"Dana\x80".ljust(512, b"\x00"),
    "above the largest": b"Dana\x80".ljust(65_537, b"\x00"),
    "ones for zeros": b"Dana\x80".ljust(256, b"\x01"),
    "a last byte that is not zero": b"Dana\x80".ljust(255, b"\x00") + b"\x01",
    "another marker": b"Dana\x81".ljust(256, b"\x00"),
    "spaces": b"Dana\x80".ljust(200, b"\x00").ljust(256, b" "),
    "the second bucket for what the first holds": b"Dana\x80".ljust(1_024, b"\x00"),
    "the second bucket for what just fits the first": (b"D" * 255 + b"\x80").ljust(1_024, b"\x00"),
    "the third bucket": (b"D" * 256 + b"\x80").ljust(4_096, b"\x00"),
}


@pytest.mark.parametrize("padded", list(MALFORMED.values()), ids=list(MALFORMED))
def test_a_malformed_padding_is_refused(padded: bytes) -> None:
    refuse(padded)


def test_every_changed_byte_of_the_padding_is_refused() -> None:
    padded = pad(b"Dana")

    for place in range(4, 256):
        for value in {0x00, 0x01, 0x7F, 0x81, 0xFF} - {padded[place]}:
            refuse(padded[:place] + bytes([value]) + padded[place + 1 :])


@pytest.mark.parametrize("length", [0, 200, 255, 256, 1_023])
def test_facts_of_any_usual_length_have_one_size(length: int) -> None:
    padded = pad(b"x" * length, FACTS_LEAST)

    assert len(padded) == FACTS_LEAST
    assert unpad(padded, FACTS_LEAST) == b"x" * length


def test_facts_in_a_smaller_bucket_are_refused() -> None:
    with pytest.raises(Rejected):
        unpad(pad(b"a flag more or less"), FACTS_LEAST)
