"""The head: all that a desk sees of what it does not get, so it must show nothing, and nothing of it may be changed."""

import json
from datetime import UTC, datetime, timedelta
from hashlib import shake_256
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from broker.sealing.head import PLACES, Head, make_head, spare_digests
from broker.sealing.rejection import Reason, Rejected
from broker.sealing.signatures import Algorithm, Signer, Typ, VerifyKey, sign
from schemas.strict import b64u_decode, b64u_encode, json_decode, json_encode

DESK = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
SIGNER = Signer("desk-1", Algorithm.ED25519, DESK.sign)
KEY = VerifyKey.load("desk-1", Algorithm.ED25519, DESK.public_key().public_bytes_raw())
SAID_AT = datetime(2026, 11, 2, 9, 30, tzinfo=UTC)
ID = b64u_encode(bytes(range(16)))
DIGESTS = [b64u_encode(bytes([n]) * 32) for n in range(200, 205)]


def made(digests: list[str] | None = None, seed: int = 0) -> tuple[Head, dict[str, str]]:
    return make_head(
        id=ID,
        iss="elm-ward-police",
        kind="offender.resides_in_area",
        digests=DIGESTS if digests is None else digests,
        message_key=bytes([seed]) * 32,
        now=SAID_AT,
        signer=SIGNER,
    )


HEAD, SIGNATURE = made()
FIELDS: dict[str, Any] = json_decode(b64u_decode(HEAD.text))
IN_ORDER = sorted(b64u_encode(bytes([n]) * 32) for n in range(30))


def text(**changes: Any) -> str:
    return b64u_encode(json_encode({**FIELDS, **changes}))


def refuse(given_text: object, reason: Reason = Reason.FORM) -> None:
    with pytest.raises(Rejected) as refused:
        Head.parse(given_text)
    assert refused.value.reason is reason


def is_fresh(head: Head, now: datetime) -> bool:
    try:
        head.check_fresh(now)
    except Rejected:
        return False
    return True


def test_a_head_says_six_things_and_no_more() -> None:
    head = Head.parse(HEAD.text)

    head.check_signature(SIGNATURE, KEY)
    assert head == HEAD
    assert set(FIELDS) == {"id", "iss", "iat", "exp", "kind", "cmp"}
    assert (FIELDS["id"], FIELDS["iss"], FIELDS["kind"]) == (ID, "elm-ward-police", "offender.resides_in_area")
    assert (FIELDS["iat"], FIELDS["exp"]) == (1_793_611_800, 1_793_611_800 + 14 * 86_400)


@pytest.mark.parametrize("count", range(PLACES + 1))
def test_a_head_does_not_show_how_many_compartments_there_are(count: int) -> None:
    digests = [b64u_encode(bytes([n, 7]) * 16) for n in range(count)]

    head, _ = made(digests)

    assert len(head.fields.cmp) == 24
    assert list(head.fields.cmp) == sorted(set(head.fields.cmp))
    assert set(digests) <= set(head.fields.cmp)
    assert len(head.text) == len(HEAD.text)
    assert Head.parse(head.text) == head


def test_the_places_that_are_not_used_are_filled_anew_each_time() -> None:
    spare = [set(made([], seed)[0].fields.cmp) for seed in (1, 2)]

    assert spare[0].isdisjoint(spare[1])


def test_what_stands_in_the_unused_places_follows_from_the_message_key() -> None:
    stream = shake_256(bytes(32) + b"tellwise-spare-v1").digest(3 * 32)

    spare = spare_digests(bytes(32), 3)

    assert [b64u_decode(one, size=32) for one in spare] == [stream[:32], stream[32:64], stream[64:]]
    assert spare_digests(bytes(32), 0) == []


def test_more_compartments_than_places_are_not_sealed() -> None:
    with pytest.raises(Rejected):
        made([b64u_encode(bytes([n]) * 32) for n in range(PLACES + 1)])


@pytest.mark.parametrize("count", [0, 1, 23, 25, 30])
def test_another_number_of_digests_than_24_is_refused(count: int) -> None:
    refuse(text(cmp=IN_ORDER[:count]))


def test_digests_out_of_order_are_refused() -> None:
    swapped = [IN_ORDER[1], IN_ORDER[0], *IN_ORDER[2:24]]

    refuse(text(cmp=swapped))
    refuse(text(cmp=IN_ORDER[:24][::-1]))
    assert Head.parse(text(cmp=IN_ORDER[:24])).fields.cmp == tuple(IN_ORDER[:24])


def test_a_digest_twice_is_refused() -> None:
    refuse(text(cmp=sorted([*IN_ORDER[:23], IN_ORDER[5]])))


@pytest.mark.parametrize(
    "digest",
    [
        "",
        "A" * 42,
        "A" * 44,
        "A" * 42 + "B",  # unused bits that are not zero
        "A" * 42 + "=",
        "A" * 41 + "+A",
        "A" * 43 + "\n",
        None,
        7,
    ],
)
def test_a_digest_of_another_form_is_refused(digest: Any) -> None:
    refuse(text(cmp=[digest, *IN_ORDER[1:24]]))


@pytest.mark.parametrize("missing", sorted(FIELDS))
def test_a_head_without_one_of_its_members_is_refused(missing: str) -> None:
    refuse(b64u_encode(json_encode({name: value for name, value in FIELDS.items() if name != missing})))
    refuse(text(**{missing: None}))


@pytest.mark.parametrize(
    "changes",
    [
        {"person": "Dana"},
        {"seq": 1},
        {"v": 2},
        {"id": "Dana"},
        {"id": ID[:-1] + "B"},
        {"id": ID + "\n"},
        {"iss": "Elm-Ward"},
        {"iss": "elm|ward"},
        {"iss": ""},
        {"iss": "e" * 65},
        {"kind": "resides"},
        {"kind": "offender.resides\n"},
        {"kind": "OFFENDER.resides"},
        {"iat": "1793611800"},
        {"iat": 1_793_611_800.0},
        {"iat": True},
        {"iat": -1},
        {"exp": 2**40},
        {"exp": 10**30},
        {"cmp": {}},
        {"cmp": " ".join(IN_ORDER[:24])},
    ],
    ids=str,
)
def test_a_head_of_other_members_or_values_is_refused(changes: dict[str, Any]) -> None:
    refuse(text(**changes))


@pytest.mark.parametrize(
    "given_text",
    [
        None,
        7,
        HEAD.text.encode(),
        "",
        HEAD.text + "=",
        HEAD.text + "\n",
        HEAD.text[:-1],
        "é",
        b64u_encode(b"\xef\xbb\xbf" + b64u_decode(HEAD.text)),
        b64u_encode(b'{"id":"other",' + b64u_decode(HEAD.text)[1:]),
        b64u_encode(b"[]"),
        b64u_encode(b"null"),
    ],
)
def test_a_head_that_is_not_strict_is_refused(given_text: object) -> None:
    refuse(given_text)


def test_a_head_verifies_as_it_was_sent_whatever_the_order_of_its_members() -> None:
    other_order = b64u_encode(
        b"{"
        + b", ".join(b'"%s": %s' % (name.encode(), json_encode(FIELDS[name])) for name in sorted(FIELDS)[::-1])
        + b"}"
    )
    signature = sign(other_order, Typ.HEAD, SIGNER)

    head = Head.parse(other_order)

    assert head.text == other_order != HEAD.text
    assert head.fields == HEAD.fields
    head.check_signature(signature, KEY)
    with pytest.raises(Rejected):
        head.check_signature(SIGNATURE, KEY)
    with pytest.raises(Rejected):
        HEAD.check_signature(signature, KEY)


def test_every_changed_byte_of_a_head_is_refused() -> None:
    for place, character in enumerate(HEAD.text):
        for other in {"A", "B", "-", chr(ord(character) ^ 1)} - {character}:
            with pytest.raises(Rejected):
                Head.parse(HEAD.text[:place] + other + HEAD.text[place + 1 :]).check_signature(SIGNATURE, KEY)


def test_a_signature_of_a_receipt_is_none_of_a_head() -> None:
    with pytest.raises(Rejected) as refused:
        HEAD.check_signature(sign(HEAD.text, Typ.RECEIPT, SIGNER), KEY)

    assert refused.value.reason is Reason.ALGORITHM


@pytest.mark.parametrize(
    ("later", "fresh"),
    [
        (timedelta(), True),
        (timedelta(seconds=-120), True),
        (timedelta(seconds=-120, microseconds=-1), False),
        (timedelta(seconds=-121), False),
        (timedelta(days=-1), False),
        (timedelta(days=14, microseconds=-1), True),
        (timedelta(days=14, seconds=-1), True),
        (timedelta(days=14), False),
        (timedelta(days=14, seconds=1), False),
        (timedelta(days=4_000), False),
    ],
    ids=str,
)
def test_a_head_lives_for_fourteen_days_and_comes_from_no_later_than_two_minutes_ahead(
    later: timedelta, fresh: bool
) -> None:
    assert is_fresh(HEAD, SAID_AT + later) is fresh


@pytest.mark.parametrize("longer", [-1_209_601, -1_209_600, -86_400, -1, 1, 86_400])
def test_a_head_that_would_live_for_another_time_than_fourteen_days_is_refused(longer: int) -> None:
    head = Head.parse(text(exp=FIELDS["exp"] + longer))

    assert not is_fresh(head, SAID_AT)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=4) | st.sampled_from(IN_ORDER),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(sorted(FIELDS)), inner),
        max_leaves=5,
    )
)
def test_whatever_stands_in_a_head_is_taken_or_refused(value: Any) -> None:
    changed = {**FIELDS, **value} if isinstance(value, dict) else value

    try:
        head = Head.parse(b64u_encode(json.dumps(changed).encode()))
    except Rejected:
        return

    assert json_decode(head.fields.to_bytes()) == changed
