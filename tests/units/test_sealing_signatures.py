"""Signatures: the algorithm is pinned to the key, and a signature of one thing is none of another."""

import hashlib
import hmac
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from broker.sealing.rejection import Reason, Rejected
from broker.sealing.signatures import Algorithm, Signer, Typ, VerifyKey, claimed_kid, sign, verify
from schemas.strict import b64u_decode, b64u_encode, json_decode, json_encode

PAYLOAD = b64u_encode(b'{"outcome":"accepted"}')
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # of P-256: SEC 2, section 2.4.2
ED = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
EC = ec.derive_private_key(7, ec.SECP256R1())
POINT = EC.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
COMPRESSED = EC.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint)


def es256(data: bytes) -> bytes:
    halves = utils.decode_dss_signature(EC.sign(data, ec.ECDSA(hashes.SHA256())))
    return b"".join(half.to_bytes(32, "big") for half in halves)


SIGNERS = {
    Algorithm.ED25519: Signer("desk-1", Algorithm.ED25519, ED.sign),
    Algorithm.ES256: Signer("desk-1", Algorithm.ES256, es256),
}
KEYS = {
    Algorithm.ED25519: VerifyKey.load("desk-1", Algorithm.ED25519, ED.public_key().public_bytes_raw()),
    Algorithm.ES256: VerifyKey.load("desk-1", Algorithm.ES256, POINT),
}
EVERY = pytest.mark.parametrize("alg", list(Algorithm))


def refuse(
    signature: Any, alg: Algorithm = Algorithm.ED25519, payload: str = PAYLOAD, typ: Typ = Typ.RECEIPT
) -> Reason:
    with pytest.raises(Rejected) as refused:
        verify(payload, signature, typ, KEYS[alg])
    return refused.value.reason


def signed(header: dict[str, Any] | str, alg: Algorithm = Algorithm.ED25519) -> dict[str, str]:
    """A true signature over a header that our `sign` would never write."""
    protected = header if isinstance(header, str) else b64u_encode(json_encode(header))
    raw = SIGNERS[alg].sign(f"{protected}.{PAYLOAD}".encode())
    return {"protected": protected, "signature": b64u_encode(raw)}


def header(**changes: Any) -> dict[str, Any]:
    return {"alg": "Ed25519", "kid": "desk-1", "typ": Typ.RECEIPT.value, **changes}


@EVERY
def test_what_was_signed_verifies(alg: Algorithm) -> None:
    signature = sign(PAYLOAD, Typ.RECEIPT, SIGNERS[alg])

    verify(PAYLOAD, signature, Typ.RECEIPT, KEYS[alg])
    assert set(signature) == {"protected", "signature"}
    assert json_decode(b64u_decode(signature["protected"])) == header(alg=alg.value)
    assert len(b64u_decode(signature["signature"])) == 64
    assert claimed_kid(signature, Typ.RECEIPT) == "desk-1"


@EVERY
def test_the_signature_is_over_the_strings_as_they_are_sent(alg: Algorithm) -> None:
    spaced = b64u_encode(b'{ "typ":"tellwise-receipt-1",\n"kid":"desk-1", "alg":"%s" }' % alg.value.encode())

    signature = signed(spaced, alg)

    verify(PAYLOAD, signature, Typ.RECEIPT, KEYS[alg])
    assert refuse(signature | {"protected": b64u_encode(json_encode(header(alg=alg.value)))}, alg) is Reason.SIGNATURE


@pytest.mark.parametrize("alg", ["none", "None", "", "HS256", "ES256", "EdDSA", "ed25519", "ES256K", "RS256", "dir"])
def test_a_key_verifies_by_its_own_algorithm_alone(alg: str) -> None:
    assert refuse(signed(header(alg=alg))) is Reason.ALGORITHM


def test_a_key_of_one_kind_is_not_used_by_the_algorithm_of_the_other() -> None:
    by_point = signed(header(), Algorithm.ES256)
    by_edwards = signed(header(alg="ES256"), Algorithm.ED25519)

    assert refuse(by_point, Algorithm.ES256) is Reason.ALGORITHM
    assert refuse(by_edwards, Algorithm.ED25519) is Reason.ALGORITHM
    assert refuse(by_point, Algorithm.ED25519) is Reason.SIGNATURE
    assert refuse(by_edwards, Algorithm.ES256) is Reason.SIGNATURE


@pytest.mark.parametrize("secret", [POINT, ED.public_key().public_bytes_raw()], ids=["point", "edwards"])
@EVERY
def test_a_public_key_is_no_secret_of_a_mac(alg: Algorithm, secret: bytes) -> None:
    protected = b64u_encode(json_encode(header(alg="HS256")))
    mac = hmac.digest(secret, f"{protected}.{PAYLOAD}".encode(), hashlib.sha256)

    for raw in (mac, mac + mac, mac + bytes(32)):
        assert refuse({"protected": protected, "signature": b64u_encode(raw)}, alg) is not Reason.SIGNATURE


@pytest.mark.parametrize(
    "said",
    [
        header(crit=["b64"]),
        header(b64=False),
        header(jwk={"kty": "OKP"}),
        {"alg": "Ed25519", "kid": "desk-1"},
        {"kid": "desk-1", "typ": Typ.RECEIPT.value},
        {"alg": "Ed25519", "typ": Typ.RECEIPT.value},
        header(alg=None),
        header(kid=1),
        header(typ=None),
        header(typ="JWT"),
    ],
)
def test_a_header_of_other_members_is_refused(said: dict[str, Any]) -> None:
    assert refuse(signed(said)) is Reason.ALGORITHM


@pytest.mark.parametrize(
    "text",
    [
        "",
        "e30=",
        b64u_encode(b"[]"),
        b64u_encode(b'{"alg":"none","alg":"Ed25519","kid":"desk-1","typ":"tellwise-receipt-1"}'),
        b64u_encode(json_encode(header())) + "=",
        "eyé",
    ],
)
def test_a_header_that_is_not_strict_is_refused(text: str) -> None:
    signature = {"protected": text, "signature": b64u_encode(bytes(64))}

    assert refuse(signature) in {Reason.FORM, Reason.ALGORITHM}
    with pytest.raises(Rejected):
        claimed_kid(signature, Typ.RECEIPT)


@pytest.mark.parametrize("other", [typ for typ in Typ if typ is not Typ.RECEIPT])
@EVERY
def test_a_signature_of_one_thing_is_none_of_another(alg: Algorithm, other: Typ) -> None:
    signature = sign(PAYLOAD, Typ.RECEIPT, SIGNERS[alg])

    assert refuse(signature, alg, typ=other) is Reason.ALGORITHM
    renamed = signature | {"protected": b64u_encode(json_encode(header(alg=alg.value, typ=other.value)))}
    assert refuse(renamed, alg, typ=other) is Reason.SIGNATURE


def test_a_signature_that_names_another_key_is_not_that_key_s() -> None:
    signature = sign(PAYLOAD, Typ.RECEIPT, replace(SIGNERS[Algorithm.ED25519], kid="desk-2"))

    assert claimed_kid(signature, Typ.RECEIPT) == "desk-2"
    assert refuse(signature) is Reason.SIGNER


@EVERY
def test_every_changed_byte_of_payload_and_signature_is_refused(alg: Algorithm) -> None:
    signature = sign(PAYLOAD, Typ.RECEIPT, SIGNERS[alg])
    raw = b64u_decode(signature["signature"])

    for place in range(64):
        changed = raw[:place] + bytes([raw[place] ^ 0x01]) + raw[place + 1 :]
        assert refuse(signature | {"signature": b64u_encode(changed)}, alg) is Reason.SIGNATURE
    for place, character in enumerate(PAYLOAD):
        other = "A" if character != "A" else "B"
        assert refuse(signature, alg, PAYLOAD[:place] + other + PAYLOAD[place + 1 :]) is Reason.SIGNATURE
        assert refuse(signature, alg, PAYLOAD[:place]) is Reason.SIGNATURE


@pytest.mark.parametrize("payload", [PAYLOAD + "é", PAYLOAD + "\ud800"])
def test_a_payload_that_is_no_ascii_is_refused(payload: str) -> None:
    assert refuse(sign(PAYLOAD, Typ.RECEIPT, SIGNERS[Algorithm.ED25519]), payload=payload) is Reason.FORM


@pytest.mark.parametrize(
    ("r", "s"), [(0, 0), (0, 1), (1, 0), (ORDER, ORDER), (2**256 - 1, 2**256 - 1), (1, 1)], ids=str
)
def test_halves_out_of_range_are_no_signature_under_es256(r: int, s: int) -> None:
    signature = signed(header(alg="ES256"), Algorithm.ES256)
    raw = r.to_bytes(32, "big") + s.to_bytes(32, "big")

    assert refuse(signature | {"signature": b64u_encode(raw)}, Algorithm.ES256) is Reason.SIGNATURE


def test_an_ed25519_signature_has_one_spelling() -> None:
    signature = signed(header())
    raw = b64u_decode(signature["signature"])
    group = 2**252 + 27742317777372353535851937790883648493  # RFC 8032, section 5.1
    higher = (int.from_bytes(raw[32:], "little") + group).to_bytes(32, "little")

    assert refuse(signature | {"signature": b64u_encode(raw[:32] + higher)}) is Reason.SIGNATURE


@pytest.mark.parametrize("size", [0, 1, 63, 65, 72, 128])
@EVERY
def test_a_signature_of_another_length_is_refused(alg: Algorithm, size: int) -> None:
    signature = sign(PAYLOAD, Typ.RECEIPT, SIGNERS[alg])

    assert refuse(signature | {"signature": b64u_encode(bytes(size))}, alg) is Reason.FORM


@pytest.mark.parametrize(
    ("alg", "public"),
    [
        (Algorithm.ED25519, b""),
        (Algorithm.ED25519, bytes(range(31))),
        (Algorithm.ED25519, bytes(range(33))),
        (Algorithm.ED25519, POINT),
        (Algorithm.ES256, b""),
        (Algorithm.ES256, b"\x00"),
        (Algorithm.ES256, bytes(range(32))),
        (Algorithm.ES256, COMPRESSED),
        (Algorithm.ES256, POINT[1:]),
        (Algorithm.ES256, b"\x06" + POINT[1:]),
        (Algorithm.ES256, b"\x07" + POINT[1:]),
        (Algorithm.ES256, POINT[:-1] + bytes([POINT[-1] ^ 1])),
        (Algorithm.ES256, b"\x04" + bytes(64)),
        (Algorithm.ES256, POINT + b"\x00"),
    ],
)
def test_what_is_no_key_of_its_algorithm_is_not_loaded(alg: Algorithm, public: bytes) -> None:
    with pytest.raises(Rejected) as refused:
        VerifyKey.load("desk-1", alg, public)

    assert refused.value.reason is Reason.KEY


@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=5) | st.sampled_from(["protected", "signature"]),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["protected", "signature", "b64"]), inner),
        max_leaves=4,
    )
)
def test_whatever_stands_for_a_signature_is_refused(given_signature: Any) -> None:
    refuse(given_signature)

    with pytest.raises(Rejected):
        claimed_kid(given_signature, Typ.HEAD)


def test_a_header_longer_than_any_key_needs_is_refused() -> None:
    header = b64u_encode(json_encode({"alg": "Ed25519", "kid": "k" * 1_000, "typ": Typ.HEAD.value}))

    with pytest.raises(Rejected) as refused:
        claimed_kid({"protected": header, "signature": "AA"}, Typ.HEAD)

    assert refused.value.reason is Reason.FORM
