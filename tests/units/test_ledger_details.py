"""Detail records: sealed beside the ledger, opened by the person's key alone, to one thing alone."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.ledger.details import detail_digest, open_detail, seal_detail
from broker.sealing.compartments import key_commitment
from broker.sealing.rejection import Reason, Rejected

DANA, OTHER = bytes([1]) * 32, bytes([2]) * 32
RECORD = b'{"desks":[{"desk":"elm-ward-housing","outcomes":{"address":{"open":["housing.area"]}}}],"v":1}'
SEALED = seal_detail(RECORD, DANA, Random(0).randbytes)
WRAPPED, COMMITMENT, NONCE = slice(0, 40), slice(40, 72), slice(72, 84)


def refuse(sealed: bytes, key: bytes = DANA) -> Reason:
    with pytest.raises(Rejected) as refused:
        open_detail(sealed, key)
    return refused.value.reason


@given(st.binary(max_size=400), st.integers(0, 2**32))
def test_a_record_opens_to_what_was_decided(record: bytes, seed: int) -> None:
    assert open_detail(seal_detail(record, DANA, Random(seed).randbytes), DANA) == record


def test_a_record_is_laid_out_as_the_format_has_it() -> None:
    draws = iter([bytes(range(32)), bytes(range(12))])

    sealed = seal_detail(RECORD, DANA, lambda _: next(draws))

    assert len(sealed) == 40 + 32 + 12 + 512 + 16
    assert sealed[COMMITMENT] == key_commitment(bytes(range(32)))
    assert sealed[NONCE] == bytes(range(12))


def test_nothing_of_the_record_or_the_keys_can_be_read() -> None:
    for secret in (b"elm-ward", b"housing", b"address", DANA):
        assert secret not in SEALED


def test_another_person_s_key_opens_nothing() -> None:
    assert refuse(SEALED, OTHER) is Reason.KEY


def test_a_record_sealed_twice_cannot_be_told_to_be_one() -> None:
    draw = Random(0).randbytes

    first, second = (seal_detail(RECORD, DANA, draw) for _ in range(2))

    for part in (WRAPPED, COMMITMENT, NONCE):
        assert first[part] != second[part]
    assert detail_digest(first) != detail_digest(second)


def test_every_changed_byte_of_a_record_is_refused() -> None:
    for place, byte in enumerate(SEALED):
        for changed in {byte ^ 0x01, byte ^ 0x80, 0x00, 0xFF} - {byte}:
            altered = SEALED[:place] + bytes([changed]) + SEALED[place + 1 :]
            reason = refuse(altered)
            assert reason is (Reason.COMMITMENT if 40 <= place < 72 else Reason.KEY)
            assert detail_digest(altered) != detail_digest(SEALED)


def test_a_record_cut_short_or_made_longer_is_refused() -> None:
    for length in range(len(SEALED)):
        refuse(SEALED[:length])
    refuse(SEALED + b"\x00")


def test_parts_of_two_records_under_one_key_do_not_mix() -> None:
    draw = Random(5).randbytes
    one, other = seal_detail(RECORD, DANA, draw), seal_detail(RECORD[::-1], DANA, draw)

    assert refuse(other[WRAPPED] + one[40:]) is Reason.COMMITMENT
    assert refuse(other[:72] + one[72:]) is Reason.KEY
    assert refuse(one[:84] + other[84:]) is Reason.KEY


def test_the_ledger_commits_to_the_sealed_bytes_so_that_no_key_is_needed_to_check() -> None:
    assert detail_digest(b"") == "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"  # SHA-256 of nothing
    assert len(detail_digest(SEALED)) == 43


def test_the_size_of_a_record_does_not_tell_one_reason_from_another() -> None:
    sizes = {len(seal_detail(b"x" * length, DANA, Random(1).randbytes)) for length in range(512)}

    assert len(sizes) == 1
    assert len(seal_detail(b"x" * 512, DANA, Random(1).randbytes)) > sizes.pop()


@pytest.mark.parametrize("length", [0, 1, 510, 511, 512, 513, 5_000])
def test_a_record_of_any_length_opens_to_itself(length: int) -> None:
    record = b"\x80\x00" * length

    assert open_detail(seal_detail(record, DANA, Random(1).randbytes), DANA) == record
