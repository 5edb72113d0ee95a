"""A compartment: sealed once, handed on by changing two strings, and opened as what it is or not at all."""

import json
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import aes_key_wrap
from hypothesis import given
from hypothesis import strategies as st

from broker.sealing.compartments import (
    MESSAGE_KID,
    Belonging,
    Compartment,
    key_commitment,
    open_with,
    seal,
    unwrap,
)
from broker.sealing.jwe import PROTECTED
from broker.sealing.padding import BUCKETS, pad
from broker.sealing.rejection import Reason, Rejected
from schemas.strict import NotStrict, b64u_decode, b64u_encode, json_decode, json_encode

MESSAGE_KEY, EPOCH_KEY, OTHER_KEY = (bytes([n]) * 32 for n in (1, 2, 3))
EPOCH_KID = b64u_encode(bytes(16))
HERE = Belonging("c3BlYWtzLW9mLURhbmEtMQ", "elm-ward-police", "address")
PLAIN = b'{"district":"E07000999","lines":["1 Invented Street"]}'


def entropy(seed: int = 0) -> Any:
    return Random(seed).randbytes


SEALED = seal(PLAIN, HERE, MESSAGE_KEY, MESSAGE_KID, entropy())
LETTER = replace(
    SEALED, kid=EPOCH_KID, encrypted_key=b64u_encode(aes_key_wrap(EPOCH_KEY, unwrap(SEALED, HERE, MESSAGE_KEY)))
)


def opened(data: bytes, belonging: Belonging = HERE, key: bytes = EPOCH_KEY, kid: str = EPOCH_KID) -> bytes:
    """Read and open a compartment's JSON as those who receive it do: hub and desk expect the kid of one key."""
    try:
        sealed = Compartment.from_json(json_decode(data))
    except NotStrict:
        raise Rejected(Reason.FORM) from None
    if sealed.kid != kid:
        raise Rejected(Reason.KEY)
    return open_with(sealed, unwrap(sealed, belonging, key), belonging.label)


def refuse(sealed: Compartment, reason: Reason, belonging: Belonging = HERE, key: bytes = MESSAGE_KEY) -> None:
    with pytest.raises(Rejected) as refused:
        open_with(sealed, unwrap(sealed, belonging, key), belonging.label)
    assert refused.value.reason is reason


def sealed_by_hand(aad: bytes, padded: bytes, content_key: bytes = b"k" * 32) -> Compartment:
    """What a publisher could send that does not use our `seal`: any aad, any padding."""
    text = b64u_encode(aad)
    data = AESGCM(content_key).encrypt(bytes(12), padded, f"{PROTECTED}.{text}".encode())
    wrapped = b64u_encode(aes_key_wrap(MESSAGE_KEY, content_key))
    return Compartment(text, b64u_encode(bytes(12)), b64u_encode(data[:-16]), b64u_encode(data[-16:]), "mk", wrapped)


def aad(content_key: bytes = b"k" * 32, **changes: Any) -> bytes:
    members = {"id": HERE.notification, "iss": HERE.issuer, "cmp": HERE.label}
    return json_encode({**members, "kc": b64u_encode(key_commitment(content_key)), **changes})


@given(st.binary(max_size=1_100), st.integers(0, 2**32))
def test_a_compartment_opens_to_what_was_sealed(plaintext: bytes, seed: int) -> None:
    sealed = seal(plaintext, HERE, MESSAGE_KEY, MESSAGE_KID, entropy(seed))

    data = json_encode(sealed.to_json())
    assert opened(data, key=MESSAGE_KEY, kid=MESSAGE_KID) == plaintext
    assert len(b64u_decode(sealed.ciphertext)) in BUCKETS


def test_every_compartment_has_a_key_and_a_nonce_of_its_own() -> None:
    draw = entropy()

    first, second = (seal(PLAIN, HERE, MESSAGE_KEY, MESSAGE_KID, draw) for _ in range(2))

    assert unwrap(first, HERE, MESSAGE_KEY) != unwrap(second, HERE, MESSAGE_KEY)
    assert (first.iv, first.ciphertext, first.digest) != (second.iv, second.ciphertext, second.digest)
    assert len({first.iv, second.iv}) == 2


def test_a_compartment_too_long_for_any_bucket_is_not_sealed() -> None:
    longest = seal(bytes(BUCKETS[-1] - 1), HERE, MESSAGE_KEY, MESSAGE_KID, entropy())

    assert opened(json_encode(longest.to_json()), key=MESSAGE_KEY, kid=MESSAGE_KID) == bytes(BUCKETS[-1] - 1)
    with pytest.raises(Rejected):
        seal(bytes(BUCKETS[-1]), HERE, MESSAGE_KEY, MESSAGE_KID, entropy())


def test_a_jwe_has_exactly_the_members_that_the_format_has() -> None:
    value = SEALED.to_json()

    assert set(value) == {"protected", "aad", "iv", "ciphertext", "tag", "header", "encrypted_key"}
    assert value["header"] == {"alg": "A256KW", "kid": "mk"}
    assert json_decode(b64u_decode(value["protected"])) == {"enc": "A256GCM"}
    assert set(json_decode(b64u_decode(value["aad"]))) == {"id", "iss", "cmp", "kc"}
    assert Compartment.from_json(value) == SEALED


def test_handing_a_compartment_on_changes_its_header_and_wrapped_key_and_nothing_else() -> None:
    before, after = SEALED.to_json(), LETTER.to_json()

    assert {name for name in before if before[name] != after[name]} == {"header", "encrypted_key"}
    assert after["header"] == {"alg": "A256KW", "kid": EPOCH_KID}
    assert LETTER.digest == SEALED.digest
    assert opened(json_encode(after)) == PLAIN


def test_the_publisher_s_key_no_longer_opens_what_was_handed_on() -> None:
    refuse(LETTER, Reason.KEY, key=MESSAGE_KEY)
    refuse(SEALED, Reason.KEY, key=EPOCH_KEY)


@pytest.mark.parametrize(
    "elsewhere",
    [
        replace(HERE, label="identity"),
        replace(HERE, label=""),
        replace(HERE, notification="c3BlYWtzLW9mLURhbmEtMg"),
        replace(HERE, issuer="elm-ward-probation"),
        Belonging(HERE.issuer, HERE.notification, HERE.label),
    ],
    ids=["label", "no label", "notification", "issuer", "swapped"],
)
def test_a_compartment_opens_only_where_it_belongs(elsewhere: Belonging) -> None:
    refuse(SEALED, Reason.LABEL, elsewhere)


def test_no_other_key_opens_a_compartment() -> None:
    refuse(SEALED, Reason.KEY, key=OTHER_KEY)


def test_a_wrapped_key_moved_between_compartments_is_refused_by_the_commitment() -> None:
    draw = entropy()
    address, other = (seal(PLAIN, HERE, MESSAGE_KEY, MESSAGE_KID, draw) for _ in range(2))

    moved = replace(address, encrypted_key=other.encrypted_key)

    assert unwrap(other, HERE, MESSAGE_KEY)
    with pytest.raises(Rejected) as refused:
        unwrap(moved, HERE, MESSAGE_KEY)
    assert refused.value.reason is Reason.COMMITMENT


@pytest.mark.parametrize("length", [16, 24, 40, 64])
def test_a_wrapped_key_of_another_length_is_refused(length: int) -> None:
    refuse(replace(SEALED, encrypted_key=b64u_encode(aes_key_wrap(MESSAGE_KEY, bytes(length)))), Reason.FORM)


@pytest.mark.parametrize("missing", ["id", "iss", "cmp", "kc"])
def test_a_compartment_that_does_not_say_all_of_itself_is_refused(missing: str) -> None:
    said = json_decode(aad())
    del said[missing]

    refuse(sealed_by_hand(json_encode(said), pad(PLAIN)), Reason.FORM)


@pytest.mark.parametrize(
    "said",
    [
        aad(zip="DEF"),
        aad(kc=None),
        aad(kc=""),
        aad(kc=b64u_encode(bytes(31))),
        aad(kc=b64u_encode(key_commitment(b"k" * 32)) + "="),
        json_encode([HERE.notification, HERE.issuer, HERE.label, ""]),
        b"null",
        b"",
        aad()[:-1] + b',"cmp":"address"}',
        b"\xef\xbb\xbf" + aad(),
    ],
)
def test_a_compartment_that_says_it_in_another_form_is_refused(said: bytes) -> None:
    refuse(sealed_by_hand(said, pad(PLAIN)), Reason.FORM)


def test_a_publisher_s_own_spelling_of_the_signed_bytes_is_taken_as_it_came() -> None:
    spaced = json.dumps(json_decode(aad()), indent=1, sort_keys=False).encode()

    sealed = sealed_by_hand(spaced, pad(PLAIN))

    assert open_with(sealed, unwrap(sealed, HERE, MESSAGE_KEY), HERE.label) == PLAIN


@pytest.mark.parametrize("padded", [PLAIN.ljust(256, b"\x00"), (PLAIN + b"\x80").ljust(1_024, b"\x00"), PLAIN, b""])
def test_a_plaintext_that_is_wrongly_padded_is_refused(padded: bytes) -> None:
    refuse(sealed_by_hand(aad(), padded), Reason.PADDING)


@pytest.mark.parametrize(
    "change",
    [
        {"protected": b64u_encode(b'{"enc":"A128GCM"}')},
        {"protected": b64u_encode(b'{"enc":"A256GCM","zip":"DEF"}')},
        {"protected": b64u_encode(b'{"enc": "A256GCM"}')},
        {"protected": None},
        {"header": {"alg": "dir", "kid": EPOCH_KID}},
        {"header": {"alg": "A128KW", "kid": EPOCH_KID}},
        {"header": {"alg": "PBES2-HS512+A256KW", "kid": EPOCH_KID}},
    ],
)
def test_no_other_algorithm_is_taken(change: dict[str, Any]) -> None:
    with pytest.raises(Rejected) as refused:
        Compartment.from_json({**LETTER.to_json(), **change})

    assert refused.value.reason is Reason.ALGORITHM


@pytest.mark.parametrize(
    "change",
    [
        {"header": {"alg": "A256KW"}},
        {"header": {"kid": EPOCH_KID}},
        {"header": {"alg": "A256KW", "kid": EPOCH_KID, "crit": []}},
        {"header": {"alg": "A256KW", "kid": EPOCH_KID, "enc": "A256GCM"}},
        {"header": {"alg": "A256KW", "kid": 1}},
        {"header": None},
        {"unprotected": {}},
        {"recipients": []},
    ],
)
def test_no_further_or_missing_parameter_is_taken(change: dict[str, Any]) -> None:
    with pytest.raises(Rejected) as refused:
        Compartment.from_json({**LETTER.to_json(), **change})

    assert refused.value.reason is Reason.FORM


@pytest.mark.parametrize(
    ("member", "text"),
    [
        ("iv", b64u_encode(bytes(11))),
        ("iv", b64u_encode(bytes(16))),
        ("tag", b64u_encode(bytes(12))),
        ("tag", ""),
        ("encrypted_key", b64u_encode(bytes(48))),
        ("ciphertext", b64u_encode(bytes(255))),
        ("ciphertext", b64u_encode(bytes(65_537))),
        ("ciphertext", ""),
        ("ciphertext", LETTER.ciphertext + "."),
        ("aad", LETTER.aad + "="),
        ("aad", 7),
    ],
)
def test_a_blind_compartment_that_nobody_could_open_is_refused_by_its_form(member: str, text: Any) -> None:
    with pytest.raises(Rejected):
        Compartment.from_json({**LETTER.to_json(), member: text})


def test_a_digest_cannot_be_read_as_that_of_other_strings() -> None:
    value = {**LETTER.to_json(), "iv": f"{LETTER.iv}.{LETTER.ciphertext[:8]}", "ciphertext": LETTER.ciphertext[8:]}

    with pytest.raises(Rejected):
        Compartment.from_json(value)


def test_every_changed_byte_of_a_compartment_is_refused() -> None:
    data = json_encode(LETTER.to_json())
    assert opened(data) == PLAIN

    for place, byte in enumerate(data):
        for changed in {byte ^ 0x01, byte ^ 0x20, byte ^ 0x80, 0x00, 0x22, 0x2E, 0x3D, 0x41, 0x5C, 0x7D} - {byte}:
            with pytest.raises(Rejected):
                opened(data[:place] + bytes([changed]) + data[place + 1 :])


def test_a_compartment_cut_short_or_made_longer_anywhere_is_refused() -> None:
    data = json_encode(LETTER.to_json())

    for place in range(len(data)):
        with pytest.raises(Rejected):
            opened(data[:place])
        with pytest.raises(Rejected):
            opened(data[:place] + data[place + 1 :])
        with pytest.raises(Rejected):
            opened(data[:place] + b"A" + data[place:])


def test_every_string_under_the_digest_changes_it_and_no_other_does() -> None:
    under = ("aad", "iv", "ciphertext", "tag")

    changed = [replace(SEALED, **dict[str, Any]({name: getattr(SEALED, name) + "A"})).digest for name in under]
    same = [replace(SEALED, **dict[str, Any]({name: "other"})).digest for name in ("kid", "encrypted_key")]

    assert len({SEALED.digest, *changed}) == 5
    assert set(same) == {SEALED.digest}


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(["A256KW", PROTECTED, "mk"]),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["alg", "kid", "a"]), inner, max_size=3)
    ),
    max_leaves=4,
)


@given(st.dictionaries(st.sampled_from(sorted(LETTER.to_json())), _JSON, max_size=7), st.booleans(), _JSON)
def test_whatever_stands_in_a_compartment_is_taken_or_refused(changes: Any, whole: bool, other: Any) -> None:
    value = {**LETTER.to_json(), **changes} if whole else (changes or other)

    try:
        opened(json_encode(value))
    except Rejected:
        return

    assert value == LETTER.to_json()
