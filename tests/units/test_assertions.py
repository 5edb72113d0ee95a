"""How a desk proves who it is: believed once, for a minute, from the desk alone whose key it is signed with."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, hmac, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import ECKey, OKPKey

from broker.assertions import APART_MAX_S, BYTES_MAX, LIFE_S, Assertions, make_assertion
from broker.directory import Desk, DeskRegistered, Directory, sealing_key, signing_key
from broker.sealing.entropy import system_entropy
from broker.sealing.hpke import PUBLIC_BYTES
from broker.sealing.rejection import Reason, Rejected
from broker.sealing.signatures import Algorithm, Signer, Typ, sign
from schemas.strict import b64u_decode, b64u_encode, json_decode, json_encode
from tests.contracts.clock import MovedClock
from tests.personas import POLICE, PROBATION, DeskPersona

HUB_URL = "https://hub.invented.example"
NOW = MovedClock().now()
ED = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
EC = ec.derive_private_key(7, ec.SECP256R1())
POINT = EC.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
RSA = rsa.generate_private_key(65_537, 2_048)

Forged = Callable[[], str]


def es256(data: bytes) -> bytes:
    halves = utils.decode_dss_signature(EC.sign(data, ec.ECDSA(hashes.SHA256())))
    return b"".join(half.to_bytes(32, "big") for half in halves)


SIGNERS = {
    POLICE.name: Signer(b64u_encode(bytes([1]) * 16), Algorithm.ED25519, ED.sign),
    PROBATION.name: Signer(b64u_encode(bytes([2]) * 16), Algorithm.ES256, es256),
}
PUBLIC = {POLICE.name: ED.public_key().public_bytes_raw(), PROBATION.name: POINT}


def registered(desk: DeskPersona) -> Desk:
    signer = SIGNERS[desk.name]
    return Desk(
        DeskRegistered.of(
            n=2,
            at=NOW,
            desk=desk.name,
            agency=desk.agency,
            desk_type=desk.desk_type,
            patch=desk.patch,
            signed=True,
            mailbox=b64u_encode(system_entropy(16)),
            signing=signing_key(signer.kid, signer.alg, PUBLIC[desk.name]),
            sealing=sealing_key(b64u_encode(system_entropy(16)), system_entropy(PUBLIC_BYTES)),
        )
    )


DIRECTORY = Directory(size=4, desks={desk.name: registered(desk) for desk in (POLICE, PROBATION)})
EVERY = pytest.mark.parametrize("desk", [POLICE, PROBATION], ids=["Ed25519", "ES256"])


def header(desk: DeskPersona = POLICE, **changed: Any) -> dict[str, Any]:
    signer = SIGNERS[desk.name]
    return {"alg": signer.alg.value, "kid": signer.kid, "typ": Typ.ASSERTION.value, **changed}


def claims(desk: DeskPersona = POLICE, **changed: Any) -> dict[str, Any]:
    now = int(NOW.timestamp())
    fresh = {"jti": b64u_encode(system_entropy(16)), "iat": now, "exp": now + LIFE_S}
    return {"iss": desk.name, "sub": desk.name, "aud": HUB_URL, **fresh, **changed}


def signed(told: Any, said: Any, by: Callable[[bytes], bytes] = ED.sign) -> str:
    """A compact JWS of whatever, with a true signature."""
    parts = [b64u_encode(part if isinstance(part, bytes) else json_encode(part)) for part in (told, said)]
    return ".".join([*parts, b64u_encode(by(".".join(parts).encode()))])


def without(said: dict[str, Any], name: str) -> dict[str, Any]:
    return {other: value for other, value in said.items() if other != name}


def check(assertion: str, *, seconds: float = 0, directory: Directory = DIRECTORY) -> Desk:
    return Assertions(HUB_URL).check(assertion, directory, NOW + timedelta(seconds=seconds))


def refused(assertion: str, *, seconds: float = 0, directory: Directory = DIRECTORY) -> Reason:
    with pytest.raises(Rejected) as why:
        check(assertion, seconds=seconds, directory=directory)
    return why.value.reason


# --- believed ---------------------------------------------------------------------------------------------------------


@EVERY
def test_what_a_desks_own_client_makes_is_believed(desk: DeskPersona) -> None:
    assertion = make_assertion(desk.name, HUB_URL, SIGNERS[desk.name], NOW, system_entropy)

    assert check(assertion).id == desk.name


@EVERY
def test_what_another_library_makes_is_believed(desk: DeskPersona) -> None:
    said, told = json_encode(claims(desk)), header(desk)

    assertion = jws.serialize_compact(told, said, private_jwk(desk), algorithms=[told["alg"]])

    assert check(assertion).id == desk.name


@pytest.mark.parametrize("apart_s", [-APART_MAX_S, 0, LIFE_S, LIFE_S + APART_MAX_S - 1])
def test_a_clock_that_is_somewhat_apart_does_no_harm(apart_s: int) -> None:
    assert check(signed(header(), claims()), seconds=apart_s).id == POLICE.name


# --- refused ----------------------------------------------------------------------------------------------------------


def private_jwk(desk: DeskPersona) -> OKPKey | ECKey:
    if desk is POLICE:
        public, private = ED.public_key().public_bytes_raw(), ED.private_bytes_raw()
        return OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": b64u_encode(public), "d": b64u_encode(private)})
    d = b64u_encode(EC.private_numbers().private_value.to_bytes(32, "big"))
    return ECKey.import_key(
        {"kty": "EC", "crv": "P-256", "x": b64u_encode(POINT[1:33]), "y": b64u_encode(POINT[33:]), "d": d}
    )


def hs256_with_the_public_key(data: bytes) -> bytes:
    mac = hmac.HMAC(PUBLIC[POLICE.name], hashes.SHA256())
    mac.update(data)
    return mac.finalize()


def by_rsa(data: bytes) -> bytes:
    return RSA.sign(data, padding.PKCS1v15(), hashes.SHA256())


def in_another_spelling() -> str:
    """The last character of 64 bytes in base64url has four bits that say nothing."""
    assertion = signed(header(), claims())
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return assertion[:-1] + alphabet[alphabet.index(assertion[-1]) ^ 1]


def _halves(assertion: str) -> tuple[str, str]:
    return assertion[:-40], assertion[-40:]


def of_a_member_twice() -> str:
    said = json_encode(claims())
    return signed(header(), said[:-1] + b',"sub":"' + POLICE.name.encode() + b'"}')


FORGED: dict[str, Forged] = {
    "for another hub": lambda: signed(header(), claims(aud="https://other.invented.example")),
    "for this hub's token address": lambda: signed(header(), claims(aud=HUB_URL + "/oauth/token")),
    "for this hub and another": lambda: signed(header(), claims(aud=[HUB_URL, "https://other.invented.example"])),
    "issued by another than it speaks of": lambda: signed(header(), claims(iss=PROBATION.name)),
    "of a desk that nobody knows": lambda: signed(header(), claims(iss="no-such-desk", sub="no-such-desk")),
    "of what is signed as a head": lambda: signed(header(typ=Typ.HEAD.value), claims()),
    "of what is signed as a card": lambda: signed(header(typ=Typ.CARD.value), claims()),
    "of any JWT": lambda: signed(header(typ="JWT"), claims()),
    "without a type": lambda: signed(without(header(), "typ"), claims()),
    "with no algorithm": lambda: signed(header(alg="none"), claims(), lambda _: b""),
    "with no algorithm and a signature": lambda: signed(header(alg="none"), claims()),
    "with the public key as a secret": lambda: signed(header(alg="HS256"), claims(), hs256_with_the_public_key),
    "with RSA": lambda: signed(header(alg="RS256"), claims(), by_rsa),
    "with the older name of its algorithm": lambda: signed(header(alg="EdDSA"), claims()),
    "with another desk's algorithm and key": lambda: signed(header(PROBATION), claims(), es256),
    "with another desk's key id": lambda: signed(header(kid=SIGNERS[PROBATION.name].kid), claims()),
    "with another desk's key": lambda: signed(header(PROBATION), claims(PROBATION), ED.sign),
    "with a key that it brings along": lambda: signed(header(jwk=private_jwk(POLICE).as_dict()), claims()),
    "with what must be understood": lambda: signed(header(crit=["exp"]), claims()),
    "with a claim too many": lambda: signed(header(), claims(scope="everything")),
    **{
        f"without {name}": lambda name=name: signed(header(), without(claims(), name))  # type: ignore[misc]
        for name in ("iss", "sub", "aud", "jti", "iat", "exp")
    },
    "with a short jti": lambda: signed(header(), claims(jti="once")),
    "with a time that is text": lambda: signed(header(), claims(exp="2026")),
    "with a time that is a fraction": lambda: signed(header(), claims(iat=NOW.timestamp() + 0.5)),
    "with a claim twice": of_a_member_twice,
    "in another spelling of its signature": in_another_spelling,
    "with what base64 skips in its signature": lambda: "!!!!".join(_halves(signed(header(), claims()))),
    "padded": lambda: signed(header(), claims()) + "==",
    "in two parts": lambda: signed(header(), claims()).rpartition(".")[0],
    "in four parts": lambda: signed(header(), claims()) + ".AAAA",
    "of nothing": lambda: "",
    "of two dots": lambda: "..",
    "of what is no object": lambda: signed(header(), b"[]"),
    "of letters that are none of base64": lambda: "ä" + signed(header(), claims()),
    "too long": lambda: signed(header(), json_encode(claims()) + b" " * BYTES_MAX),  # and in order but for that
    "deeply nested": lambda: signed(header(), b"[" * 2_000),
}


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED.keys())
def test_all_else_is_refused_as_not_of_a_desk(forge: Forged) -> None:
    assert refused(forge()) is Reason.SIGNER


@pytest.mark.parametrize("position", [0, 1, 2])
def test_every_byte_is_signed(position: int) -> None:
    parts = signed(header(), claims()).split(".")
    data = b64u_decode(parts[position])

    for index in range(len(data)):
        changed = bytearray(data)
        changed[index] ^= 1
        parts[position] = b64u_encode(bytes(changed))
        assert refused(".".join(parts)) is Reason.SIGNER


THREE_PARTS = st.lists(st.binary(max_size=40), min_size=3, max_size=3)


@given(st.text(max_size=200) | THREE_PARTS.map(lambda parts: ".".join(map(b64u_encode, parts))))
def test_no_text_is_more_than_refused(text: str) -> None:
    assert refused(text) is Reason.SIGNER


def test_a_desk_that_is_revoked_is_nobody() -> None:
    desk = DIRECTORY.desks[POLICE.name]
    without_it = Directory(size=5, desks={}, revoked={POLICE.name: (desk, 4)})

    assert refused(signed(header(), claims()), directory=without_it) is Reason.SIGNER


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        (claims(), LIFE_S + APART_MAX_S),
        (claims(), -APART_MAX_S - 1),
        (claims(exp=int(NOW.timestamp()) + LIFE_S + 1), 0),
        (claims(iat=0), 0),
        (claims(exp=2**40 - 1), 0),
    ],
    ids=["expired", "from the future", "for longer than a minute", "for ever until now", "for ever from now on"],
)
def test_what_is_of_another_time_is_refused_as_not_fresh(said: dict[str, Any], seconds: float) -> None:
    assert refused(signed(header(), said), seconds=seconds) is Reason.FRESHNESS


def test_a_true_one_is_believed_once() -> None:
    assertions, assertion = Assertions(HUB_URL), signed(header(), claims())
    assertions.check(assertion, DIRECTORY, NOW)

    for seconds in range(0, LIFE_S + APART_MAX_S, 10):
        with pytest.raises(Rejected) as again:
            assertions.check(assertion, DIRECTORY, NOW + timedelta(seconds=seconds))
        assert again.value.reason is Reason.REPLAY


def test_one_from_the_future_is_believed_once_for_as_long_as_it_is_good() -> None:
    """It is good for the longest time that any can be: from two minutes before it begins to two after it ends."""
    assertions, assertion = Assertions(HUB_URL), signed(header(), claims())
    assertions.check(assertion, DIRECTORY, NOW - timedelta(seconds=APART_MAX_S))
    for seconds in range(-APART_MAX_S, LIFE_S + APART_MAX_S):  # others come and go, and what is old is forgotten
        said = claims(PROBATION, iat=int(NOW.timestamp()) + seconds, exp=int(NOW.timestamp()) + seconds + LIFE_S)
        assertions.check(signed(header(PROBATION), said, es256), DIRECTORY, NOW + timedelta(seconds=seconds))

    with pytest.raises(Rejected) as again:
        assertions.check(assertion, DIRECTORY, NOW + timedelta(seconds=LIFE_S + APART_MAX_S - 1))

    assert again.value.reason is Reason.REPLAY


def test_two_desks_may_choose_the_same_number() -> None:
    assertions, jti = Assertions(HUB_URL), "A" * 22
    assertions.check(signed(header(), claims(jti=jti)), DIRECTORY, NOW)

    other = assertions.check(signed(header(PROBATION), claims(PROBATION, jti=jti), es256), DIRECTORY, NOW)

    assert other.id == PROBATION.name


def test_one_that_was_refused_is_not_used_up() -> None:
    assertions, assertion = Assertions(HUB_URL), signed(header(), claims())
    with pytest.raises(Rejected):
        assertions.check(assertion, DIRECTORY, NOW - timedelta(hours=1))

    assert assertions.check(assertion, DIRECTORY, NOW).id == POLICE.name


def test_a_signature_of_something_else_of_the_desks_is_no_assertion() -> None:
    payload = b64u_encode(json_encode(claims()))

    for typ in Typ:
        said = sign(payload, typ, SIGNERS[POLICE.name])
        assertion = f"{said['protected']}.{payload}.{said['signature']}"
        if typ is not Typ.ASSERTION:
            assert refused(assertion) is Reason.SIGNER
    assert json_decode(b64u_decode(payload))["iss"] == POLICE.name
