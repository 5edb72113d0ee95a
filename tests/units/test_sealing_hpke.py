"""A key sealed to one recipient for one use: whoever else opens it, or whatever is changed of it, gets nothing."""

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from broker.sealing.hpke import ENCAPSULATED_BYTES, PUBLIC_BYTES, PrivateKey, PublicKey, SealedKey
from broker.sealing.jwe import PROTECTED, open_key_package, recipient_kid, seal_key_package
from broker.sealing.notification import release_extra
from broker.sealing.rejection import Reason, Rejected
from schemas.strict import NotStrict, b64u_decode, b64u_encode, json_decode, json_encode

VECTORS = Path(__file__).parent.parent / "vectors"
SEEDS = json.loads((VECTORS / "xwing_keys.json").read_text())
JOSE = json.loads((VECTORS / "jose_hpke_9_ke.json").read_text())

HUB, OTHER = (PrivateKey(bytes([n]) * 32) for n in (1, 2))
TO_HUB = PublicKey(HUB.public_bytes)
KID = b64u_encode(bytes(range(16)))
EXTRA = release_extra("tellwise-hub", "elm-ward-police", KID)
KEY = bytes(range(32))
PACKAGE = seal_key_package(KEY, TO_HUB, KID, EXTRA, Random(0).randbytes)
SEALED = TO_HUB.seal(KEY, EXTRA)

X25519_OF_SMALL_ORDER = [  # RFC 7748, section 6.1, says to look for the zeros that come of these
    bytes(32),
    b"\x01" + bytes(31),
    (2**255 - 20).to_bytes(32, "little"),
    (2**255 - 19).to_bytes(32, "little"),
    (2**255 - 18).to_bytes(32, "little"),
    bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
    bytes.fromhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
]


def opened(data: bytes, private: PrivateKey = HUB, extra: bytes = EXTRA, kid: str = KID) -> bytes:
    """Read and open a package's JSON as those who receive it do: hub and desk expect the kid of one key."""
    try:
        package = json_decode(data)
    except NotStrict:
        raise Rejected(Reason.FORM) from None
    if recipient_kid(package) != kid:
        raise Rejected(Reason.KEY)
    return open_key_package(package, private, extra)


def refuse(package: Any, reason: Reason, private: PrivateKey = HUB, extra: bytes = EXTRA) -> None:
    with pytest.raises(Rejected) as refused:
        open_key_package(package, private, extra)
    assert refused.value.reason is reason


def package_of(jwk: bytes, content_key: bytes = b"k" * 32) -> dict[str, Any]:
    """A package that holds what a sender chose to put there."""
    sealed = AESGCM(content_key).encrypt(bytes(12), jwk, PROTECTED.encode())
    wrapped = TO_HUB.seal(content_key, EXTRA)
    return {
        "protected": PROTECTED,
        "header": {"alg": "HPKE-9-KE", "kid": KID, "ek": b64u_encode(wrapped.ek)},
        "encrypted_key": b64u_encode(wrapped.encrypted_key),
        "iv": b64u_encode(bytes(12)),
        "ciphertext": b64u_encode(sealed[:-16]),
        "tag": b64u_encode(sealed[-16:]),
    }


@pytest.mark.parametrize("vector", SEEDS, ids=lambda vector: vector["seed"][:8])
def test_a_seed_grows_into_the_public_key_that_the_draft_has(vector: dict[str, str]) -> None:
    key = PrivateKey(bytes.fromhex(vector["seed"]))

    assert key.public_bytes.hex() == vector["pk"]
    assert len(key.public_bytes) == PUBLIC_BYTES


def test_the_example_of_the_jose_draft_opens() -> None:
    jwk, jwe = JOSE["jwk"], JOSE["jwe"]
    header = json_decode(b64u_decode(jwe["protected"]))
    key = PrivateKey(b64u_decode(jwk["priv"]))
    sealed = SealedKey(ek=b64u_decode(header["ek"]), encrypted_key=b64u_decode(jwe["encrypted_key"]))

    content_key = key.open(sealed, b"")

    body = b64u_decode(jwe["ciphertext"]) + b64u_decode(jwe["tag"])
    plain = AESGCM(content_key).decrypt(b64u_decode(jwe["iv"]), body, f"{jwe['protected']}.{jwe['aad']}".encode())
    assert plain.decode() == JOSE["plaintext"]
    assert (header["alg"], header["enc"], jwk["alg"], jwk["kty"]) == ("HPKE-9-KE", "A256GCM", "HPKE-9-KE", "AKP")
    assert b64u_encode(key.public_bytes) == jwk["pub"]


def test_a_key_opens_to_what_was_sealed() -> None:
    assert HUB.open(SEALED, EXTRA) == KEY
    assert (len(SEALED.ek), len(SEALED.encrypted_key)) == (ENCAPSULATED_BYTES, 48)


def test_one_key_sealed_twice_cannot_be_told_to_be_one() -> None:
    again = TO_HUB.seal(KEY, EXTRA)

    assert again.ek != SEALED.ek
    assert again.encrypted_key != SEALED.encrypted_key


def test_a_key_sealed_to_another_is_refused() -> None:
    with pytest.raises(Rejected) as refused:
        OTHER.open(SEALED, EXTRA)

    assert refused.value.reason is Reason.KEY


@pytest.mark.parametrize(
    "extra",
    [
        b"",
        release_extra("other-hub", "elm-ward-police", KID),
        release_extra("tellwise-hub", "elm-ward-housing", KID),
        release_extra("tellwise-hub", "elm-ward-police", b64u_encode(bytes(16))),
        EXTRA + b"|",
        EXTRA[:-1],
    ],
    ids=["none", "hub", "desk", "kid", "longer", "shorter"],
)
def test_a_key_sealed_for_one_use_opens_for_no_other(extra: bytes) -> None:
    with pytest.raises(Rejected):
        HUB.open(SEALED, extra)
    refuse(PACKAGE, Reason.KEY, extra=extra)


def test_every_changed_byte_of_a_sealed_key_is_refused() -> None:
    for name in ("ek", "encrypted_key"):
        data: bytes = getattr(SEALED, name)
        parts = {"ek": SEALED.ek, "encrypted_key": SEALED.encrypted_key}
        for place in range(len(data)):
            changed = data[:place] + bytes([data[place] ^ 0x01]) + data[place + 1 :]
            with pytest.raises(Rejected):
                HUB.open(SealedKey(**{**parts, name: changed}), EXTRA)


@pytest.mark.parametrize("share", X25519_OF_SMALL_ORDER, ids=bytes.hex)
def test_a_share_of_small_order_is_refused(share: bytes) -> None:
    with pytest.raises(Rejected):
        HUB.open(SealedKey(SEALED.ek[:-32] + share, SEALED.encrypted_key), EXTRA)


@pytest.mark.parametrize("share", X25519_OF_SMALL_ORDER, ids=bytes.hex)
def test_a_public_key_that_nobody_could_seal_to_is_not_loaded(share: bytes) -> None:
    with pytest.raises(Rejected) as refused:
        PublicKey(HUB.public_bytes[:-32] + share)

    assert refused.value.reason is Reason.KEY


@pytest.mark.parametrize(
    "public",
    [b"", HUB.public_bytes[:-1], HUB.public_bytes + b"\x00", HUB.public_bytes[32:], b"\xff" * PUBLIC_BYTES],
    ids=["none", "shorter", "longer", "no x25519", "coefficients out of range"],
)
def test_what_is_no_public_key_is_not_loaded(public: bytes) -> None:
    with pytest.raises(Rejected) as refused:
        PublicKey(public)

    assert refused.value.reason is Reason.KEY


@pytest.mark.parametrize("size", [0, 31, 33, 64])
def test_a_seed_of_another_length_is_refused(size: int) -> None:
    with pytest.raises(Rejected):
        PrivateKey(bytes(size))


@pytest.mark.parametrize("key", [b"", KEY[:16], KEY + KEY])
def test_a_sealed_key_of_another_length_is_refused(key: bytes) -> None:
    with pytest.raises(Rejected):
        HUB.open(TO_HUB.seal(key, EXTRA), EXTRA)


# --- the JWE around it ---


def test_a_package_opens_to_its_key() -> None:
    data = json_encode(PACKAGE)

    assert opened(data) == KEY
    assert set(PACKAGE) == {"protected", "header", "encrypted_key", "iv", "ciphertext", "tag"}
    assert set(PACKAGE["header"]) == {"alg", "kid", "ek"}
    assert recipient_kid(PACKAGE) == KID


def test_a_package_for_another_is_refused() -> None:
    refuse(PACKAGE, Reason.KEY, private=OTHER)


def test_every_changed_byte_of_a_package_is_refused() -> None:
    data = json_encode(PACKAGE)

    for place, byte in enumerate(data):
        for changed in {byte ^ 0x01, 0x22, 0x41} - {byte}:
            with pytest.raises(Rejected):
                opened(data[:place] + bytes([changed]) + data[place + 1 :])


def test_a_package_cut_short_anywhere_is_refused() -> None:
    data = json_encode(PACKAGE)

    for place in range(len(data)):
        with pytest.raises(Rejected):
            opened(data[:place])


@pytest.mark.parametrize("size", [0, 16, 31, 33, 48, 64])
def test_a_key_of_another_length_in_a_package_is_refused(size: int) -> None:
    jwk = {"kty": "oct", "alg": "A256KW", "k": b64u_encode(bytes(size))}

    refuse(package_of(json_encode(jwk)), Reason.FORM)


@pytest.mark.parametrize(
    "jwk",
    [
        {"kty": "oct", "alg": "A256KW"},
        {"kty": "oct", "k": b64u_encode(KEY)},
        {"kty": "oct", "alg": "A128KW", "k": b64u_encode(KEY)},
        {"kty": "oct", "alg": "dir", "k": b64u_encode(KEY)},
        {"kty": "OKP", "alg": "A256KW", "k": b64u_encode(KEY)},
        {"kty": "oct", "alg": "A256KW", "k": b64u_encode(KEY), "kid": "mk"},
        {"kty": "oct", "alg": "A256KW", "k": 7},
        {"kty": "oct", "alg": "A256KW", "k": b64u_encode(KEY) + "="},
        [],
        None,
    ],
)
def test_a_package_of_another_jwk_is_refused(jwk: Any) -> None:
    refuse(package_of(json_encode(jwk)), Reason.FORM)


@pytest.mark.parametrize("jwk", [b"", b"{", b"\xff", b'{"kty":"oct","kty":"oct"}'])
def test_a_package_of_no_jwk_is_refused(jwk: bytes) -> None:
    refuse(package_of(jwk), Reason.CIPHERTEXT)


def test_a_package_by_hand_opens_as_ours_does() -> None:
    jwk = {"kty": "oct", "alg": "A256KW", "k": b64u_encode(KEY)}

    assert open_key_package(package_of(json.dumps(jwk).encode()), HUB, EXTRA) == KEY


@pytest.mark.parametrize("content_key", [b"k" * 16, b"k" * 24])
def test_a_content_key_shorter_than_the_encryption_demands_is_refused(content_key: bytes) -> None:
    jwk = {"kty": "oct", "alg": "A256KW", "k": b64u_encode(KEY)}

    refuse(package_of(json_encode(jwk), content_key), Reason.KEY)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"protected": b64u_encode(b'{"enc":"A128GCM"}')}, Reason.ALGORITHM),
        ({"protected": b64u_encode(b'{"enc":"A256GCM","zip":"DEF"}')}, Reason.ALGORITHM),
        ({"header": {**PACKAGE["header"], "alg": "HPKE-9"}}, Reason.ALGORITHM),
        ({"header": {**PACKAGE["header"], "alg": "HPKE-3-KE"}}, Reason.ALGORITHM),
        ({"header": {**PACKAGE["header"], "alg": "dir"}}, Reason.ALGORITHM),
        ({"header": {**PACKAGE["header"], "alg": "RSA1_5"}}, Reason.ALGORITHM),
        ({"header": {**PACKAGE["header"], "crit": []}}, Reason.FORM),
        ({"header": {"alg": "HPKE-9-KE", "kid": KID}}, Reason.FORM),
        ({"header": None}, Reason.FORM),
        ({"aad": ""}, Reason.FORM),
        ({"recipients": []}, Reason.FORM),
        ({"iv": b64u_encode(bytes(16))}, Reason.FORM),
        ({"iv": None}, Reason.FORM),
        ({"tag": b64u_encode(bytes(8))}, Reason.FORM),
        ({"ciphertext": None}, Reason.FORM),
        ({"ciphertext": ""}, Reason.CIPHERTEXT),
        ({"encrypted_key": b64u_encode(bytes(47))}, Reason.KEY),
        ({"encrypted_key": 7}, Reason.FORM),
        ({"header": {**PACKAGE["header"], "ek": b64u_encode(bytes(ENCAPSULATED_BYTES - 1))}}, Reason.KEY),
        ({"header": {**PACKAGE["header"], "ek": ""}}, Reason.KEY),
    ],
)
def test_a_package_of_another_form_or_algorithm_is_refused(change: dict[str, Any], reason: Reason) -> None:
    refuse({**PACKAGE, **change}, reason)


@given(st.recursive(st.none() | st.text(max_size=3), lambda inner: st.dictionaries(st.sampled_from([*PACKAGE]), inner)))
def test_whatever_stands_for_a_package_is_refused(value: Any) -> None:
    with pytest.raises(Rejected):
        open_key_package(value, HUB, EXTRA)
