"""What stands in a lane's ledger: one line for each thing that was done with somebody's information.

The operations are those of the Data Protection Act 2018, s.62(1); the fields say when, who, to whom and why, as (2)
and (3) ask. No content and nobody's name: a person is an HMAC under a key that can be destroyed, and salted, so that
two lines about one person cannot be told to be so. Every line has 16 random bytes of salt, since a neighbour's hash
stands in a proof.

Fields are only added, at the end, with a default. Anything else is a new `v`.
"""

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, TypeAdapter, ValidationError

from schemas import Label, Purpose
from schemas.identifiers import AgencyIdField, DeskIdField, KeyIdField, NotificationIdField
from schemas.said import Said
from schemas.strict import NotStrict, json_decode

ENTRY_BYTES_MAX = 65_535  # C2SP tlog-tiles: an entry bundle gives each length in 16 bits

_Digest = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{43}$")]
_Salt = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{22}$")]
_Reference = _Digest
"""HMAC-SHA256(the person's key, "tellwise-ref-v1" || salt)."""


class _Line(Said):
    v: Literal[1] = 1
    salt: _Salt
    ts: AwareDatetime
    """The lane's recorded clock reading, UTC."""
    dir: int = Field(ge=0)
    """Size of the directory that the lane had applied."""


class Filler(_Line):
    """Nothing happened: it hides how much did."""

    op: Literal["filler"] = "filler"


class _Taken(_Line):
    """What a publisher said was taken in."""

    actor: DeskIdField
    agency: AgencyIdField
    id: NotificationIdField
    kind: str
    head: _Digest
    """Of the signed head as it came."""
    person: _Reference


class Collection(_Taken):
    """A notification was accepted."""

    op: Literal["collection"] = "collection"


class Alteration(_Taken):
    """A case event was accepted, and the case changed."""

    op: Literal["alteration"] = "alteration"


class Acknowledgement(_Taken):
    """A person of the desk acknowledged a letter."""

    op: Literal["acknowledgement"] = "acknowledgement"
    letter: NotificationIdField
    part: int = Field(ge=1)


class Return(_Taken):
    """A person of the desk says that a letter is not for them."""

    op: Literal["return"] = "return"
    letter: NotificationIdField
    part: int = Field(ge=1)


class Repeat(_Line):
    """What was known already came again, and was dropped."""

    op: Literal["repeat"] = "repeat"
    actor: DeskIdField
    id: NotificationIdField


class Refusal(_Line):
    """Something was refused; its bytes lie in quarantine, and the reason in the detail."""

    op: Literal["refusal"] = "refusal"
    raw: _Digest
    """SHA-256 of the bytes as they came."""
    detail: _Digest
    actor: DeskIdField | None = None
    """The desk, where its signature held."""
    id: NotificationIdField | None = None


class Decision(_Line):
    """The policies were asked about a notification. Names no desk: who was told what, and who was not, is in the
    detail."""

    op: Literal["decision"] = "decision"
    id: NotificationIdField
    iss: DeskIdField
    kind: str
    policy: Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
    person: _Reference
    detail: _Digest
    """SHA-256 of the sealed detail record."""


class Disclosure(_Line):
    """A desk is told: one line a letter, naming only what is open."""

    op: Literal["disclosure"] = "disclosure"
    to: DeskIdField
    n: int = Field(ge=1, lt=2**53)
    id: NotificationIdField
    part: int = Field(ge=1)
    iss: DeskIdField
    kind: str
    cmp: Annotated[dict[Label, _Digest], Field(min_length=1, max_length=24)]
    """Digest of each compartment that this desk gets."""
    cover: _Digest
    kid: KeyIdField
    """The key that its content keys are wrapped under."""
    purpose: Purpose
    policy: Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
    decision: _Digest
    """Leaf hash of the decision's entry."""
    person: _Reference


class EpochBegun(_Line):
    """A key was made for a desk."""

    op: Literal["key.epoch_begun"] = "key.epoch_begun"
    to: DeskIdField
    kid: KeyIdField
    epoch: int = Field(ge=0)
    nbf: int
    package: _Digest
    """SHA-256 of the package's signed payload as it is sent."""


Entry = (
    Filler | Collection | Alteration | Acknowledgement | Return | Repeat | Refusal | Decision | Disclosure | EpochBegun
)

_ANY_ENTRY: TypeAdapter[Entry] = TypeAdapter(Annotated[Entry, Field(discriminator="op")])


class EntryRejected(Exception):
    """These bytes are no entry of a lane's ledger."""


def read_entry(data: bytes) -> Entry:
    """The entry that these bytes are.

    Raises:
        EntryRejected: too long, not strict JSON, or not one of the operations with exactly its fields.
    """
    if len(data) > ENTRY_BYTES_MAX:
        raise EntryRejected("an entry too long")
    try:
        json_decode(data)
        return _ANY_ENTRY.validate_json(data)
    except (NotStrict, ValidationError):
        raise EntryRejected("not an entry") from None
