"""How a desk proves to the hub's edge who it is: by a JWT that it signs with its own key, good once, for a minute.

Both sides of the form stand here: the desk makes it, the edge checks it. No secret is shared, and nothing that the hub
holds can speak for a desk. The signature is made as all others of a desk are, and checked by a library of its own.

Source: RFC 7523, section 3; draft-ietf-oauth-rfc7523bis (`typ`, and the issuer as the only audience).
"""

from collections import OrderedDict
from datetime import datetime
from typing import Annotated

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey
from pydantic import Field

from broker.directory import Desk, Directory
from broker.errors import UnknownDesk
from broker.sealing.entropy import Entropy
from broker.sealing.rejection import Reason, Rejected
from broker.sealing.signatures import Algorithm, Signer, Typ, sign
from schemas import DeskId, SchemaRefused
from schemas.identifiers import DeskIdField
from schemas.said import Said
from schemas.strict import NotStrict, b64u_decode, b64u_encode, json_decode

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
LIFE_S = 60
APART_MAX_S = 120
"""How far the desk's clock and the hub's may be apart: as for the head of a notification."""
BYTES_MAX = 4_096
_USED_MAX = 100_000


class ClientAssertion(Said):
    """What the desk says of itself."""

    iss: DeskIdField
    sub: DeskIdField
    aud: Annotated[str, Field(max_length=300)]
    """The hub's address, as its operator spells it: an assertion for one hub is no use at another."""
    jti: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{22,64}$")]
    iat: int = Field(ge=0, lt=2**40)
    exp: int = Field(ge=0, lt=2**40)


def make_assertion(desk: DeskId, hub_url: str, signer: Signer, now: datetime, entropy: Entropy) -> str:
    """A fresh assertion."""
    issued_at = int(now.timestamp())
    said = ClientAssertion.of(
        iss=desk, sub=desk, aud=hub_url, jti=b64u_encode(entropy(16)), iat=issued_at, exp=issued_at + LIFE_S
    )
    payload = b64u_encode(said.to_bytes())
    signed = sign(payload, Typ.ASSERTION, signer)
    return f"{signed['protected']}.{payload}.{signed['signature']}"


class Assertions:
    """The edge's side: believes each assertion once."""

    def __init__(self, hub_url: str) -> None:
        """Be the audience *hub_url*."""
        self._hub_url = hub_url
        self._used: OrderedDict[tuple[DeskId, str], int] = OrderedDict()
        """By desk and `jti`, until when it must be remembered."""

    def check(self, assertion: str, directory: Directory, now: datetime) -> Desk:
        """The desk that made an assertion.

        Raises:
            Rejected: not of a desk that is in the directory now, not signed with its key, not for us, not now, or used
                before. Which of these it was is for nobody to know.
        """
        try:
            said, desk = self._believed(assertion, directory)
        except (JoseError, NotStrict, SchemaRefused, UnknownDesk, ValueError, UnicodeError) as error:
            raise Rejected(Reason.SIGNER) from error
        seconds = now.timestamp()
        if said.iat > seconds + APART_MAX_S or seconds >= said.exp + APART_MAX_S or said.exp - said.iat > LIFE_S:
            raise Rejected(Reason.FRESHNESS)
        self._use(said, int(seconds))
        return desk

    def _believed(self, assertion: str, directory: Directory) -> tuple[ClientAssertion, Desk]:
        if len(assertion) > BYTES_MAX:
            raise NotStrict("too long")
        protected, payload, _ = assertion.split(".")
        said = ClientAssertion.from_bytes(b64u_decode(payload))
        desk = directory.desk(said.sub)
        key = desk.verify_key
        if json_decode(b64u_decode(protected)) != {"alg": key.alg.value, "kid": key.kid, "typ": Typ.ASSERTION.value}:
            raise NotStrict("another header")
        jws.deserialize_compact(assertion, _jwk(desk), algorithms=[key.alg.value])
        if said.iss != said.sub or said.aud != self._hub_url:
            raise NotStrict("not for us")
        return said, desk

    def _use(self, said: ClientAssertion, now: int) -> None:
        while self._used and (next(iter(self._used.values())) < now or len(self._used) > _USED_MAX):
            self._used.popitem(last=False)
        if (said.sub, said.jti) in self._used:
            raise Rejected(Reason.REPLAY)
        self._used[said.sub, said.jti] = now + 2 * APART_MAX_S + LIFE_S


def _jwk(desk: Desk) -> OKPKey | ECKey:
    raw = b64u_decode(desk.entry.signing.pub)
    if desk.verify_key.alg is Algorithm.ED25519:
        return OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": b64u_encode(raw)})
    return ECKey.import_key({"kty": "EC", "crv": "P-256", "x": b64u_encode(raw[1:33]), "y": b64u_encode(raw[33:])})
