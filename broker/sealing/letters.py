"""What lies in an inbox: letters, key packages and receipts, each with its ledger entry and the proof of it.

A letter is the publisher's head, signature and open compartments, their keys re-targeted to one desk, and a cover
that the hub seals for that desk alone. An item without its proof is no item: see client/opening.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AwareDatetime, Field

from broker.sealing.compartments import Compartment, name_of_key
from broker.sealing.head import Head
from broker.sealing.notification import read_compartments
from broker.sealing.rejection import Reason, Rejected
from schemas import Label, Urgency
from schemas.facts import TraceparentField
from schemas.identifiers import DeskIdField, NotificationIdField, PersonRefField
from schemas.said import Line, Paragraph, Said
from schemas.strict import NotStrict, b64u_decode, b64u_encode, json_decode, json_encode

ITEM_BYTES_MAX = 2 * 1_048_576


class Duty(StrEnum):
    """Kinds of obligation that a letter can carry. A desk that does not know one must refuse the letter."""

    ACKNOWLEDGE = "acknowledge"
    """A person acknowledges by the moment given; `value` is the urgency class."""
    RETAIN = "retain"
    """Keep it no longer than the retention class says; `value` is the class."""


class Obligation(Said):
    """Something that the receiving desk must do. Mandatory and machine-readable (AuthZEN, Obligations profile, draft
    1)."""

    duty: Duty
    value: Line


class Cover(Said):
    """What the hub says of a letter to the one desk that gets it."""

    letter: NotificationIdField
    desk: DeskIdField
    part: int = Field(ge=1, le=1_000)
    lane: Annotated[str, Field(max_length=200)]
    n: int = Field(ge=1, lt=2**53)
    """Counts this desk's letters of this lane without gaps, so that a loss shows."""
    person: PersonRefField
    urgency: Urgency
    acknowledge_by: AwareDatetime | None = None
    """When a person must have acknowledged; absent if nobody needs to."""
    obligations: Annotated[tuple[Obligation, ...], Field(max_length=50)]
    reasons: Annotated[tuple[Paragraph, ...], Field(min_length=1, max_length=50)]
    thread: NotificationIdField | None = None
    corrects: NotificationIdField | None = None
    provisional: bool = False
    traceparent: TraceparentField | None = None
    """As the publisher sealed it into the facts: the same for every desk that is told, and for nothing else."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter as it is committed, before its proof exists."""

    head: Head
    sig: Any
    cover: Compartment
    compartments: dict[Label, Compartment]

    def to_json(self) -> dict[str, Any]:
        """The letter's members."""
        return {
            "head": self.head.text,
            "sig": self.sig,
            "cover": self.cover.to_json(),
            "c": {label.value: sealed.to_json() for label, sealed in self.compartments.items()},
        }

    @classmethod
    def from_json(cls, value: Any) -> "Letter":
        """Take a letter apart; nothing in it is believed yet.

        Raises:
            Rejected: not of our form.
        """
        if not isinstance(value, dict) or set(value) != {"head", "sig", "cover", "c"}:
            raise Rejected(Reason.FORM)
        return cls(
            Head.parse(value["head"]),
            value["sig"],
            Compartment.from_json(value["cover"]),
            read_compartments(value["c"]),
        )


class Letters:
    """All letters of one notification: what is the same in them is written once."""

    def __init__(self, head: Head, sig: Any, compartments: Mapping[Label, Compartment]) -> None:
        """Of these, as their publisher signed them."""
        self._compartments = compartments
        self._end = f',"head":"{head.text}","sig":'.encode("ascii") + json_encode(sig) + b"}"
        self._around: dict[Label, tuple[bytes, bytes]] = {}

    def write(self, keys: Mapping[Label, str], kid: str, cover: Compartment) -> tuple[bytes, ...]:
        """The JSON of one letter, in pieces: together, as `json_encode` writes `Letter.to_json`. A piece that is the
        same in several letters is one object.

        Args:
            keys: Of each compartment that is open to the desk, the content key, wrapped for the desk; base64url.
            kid: The name of the desk's key.
            cover: Sealed for the desk.
        """
        name = name_of_key(kid)
        pieces, between = list[bytes](), b'{"c":{'
        for label in sorted(keys):
            before, after = self._around.get(label) or self._around_of(label)
            pieces += (between, before)
            between = b"".join((keys[label].encode("ascii"), name, after, b","))
        last = between.removesuffix(b",")
        return (*pieces, b"".join((last, b'},"cover":', cover.to_bytes())), self._end)

    def _around_of(self, label: Label) -> tuple[bytes, bytes]:
        before, after = self._compartments[label].around_key()
        found = self._around[label] = f'"{label.value}":'.encode("ascii") + before, after
        return found


class ItemKind(StrEnum):
    """What an inbox item is."""

    LETTER = "letter"
    PACKAGE = "package"
    RECEIPT = "receipt"


@dataclass(frozen=True, slots=True)
class Item:
    """One item of an inbox: what it is, its ledger entry, and the proof that the entry stands in the ledger."""

    kind: ItemKind
    content: Any
    entry: bytes
    proof: str

    def to_bytes(self) -> bytes:
        """The bytes that lie in the inbox."""
        return item_bytes(self.kind, [json_encode(self.content)], self.entry, self.proof)

    @classmethod
    def from_bytes(cls, data: bytes) -> "Item":
        """Take an item apart; nothing in it is believed yet.

        Raises:
            Rejected: not of our form, or without its entry or proof.
        """
        if len(data) > ITEM_BYTES_MAX:
            raise Rejected(Reason.FORM)
        try:
            match json_decode(data):
                case {"entry": str(entry), "proof": str(proof), **rest} if len(rest) == 1:
                    name, content = next(iter(rest.items()))
                    return cls(ItemKind(str(name)), content, b64u_decode(entry), proof)
        except (NotStrict, ValueError) as error:
            raise Rejected(Reason.FORM) from error
        raise Rejected(Reason.FORM)


def item_bytes(kind: ItemKind, content: Iterable[bytes], entry: bytes, proof: str) -> bytes:
    """The bytes of an item, of which the content was written before.

    Args:
        kind: What it is.
        content: Its JSON, as `json_encode` writes it, in pieces.
        entry: Its ledger entry.
        proof: Where that stands.
    """
    found = f'"entry":"{b64u_encode(entry)}",'.encode("ascii")
    shown = b'"proof":' + json_encode(proof)
    name = f'"{kind.value}":'.encode("ascii")
    if kind is ItemKind.RECEIPT:  # its name stands behind the others
        return b"".join((b"{", found, shown, b",", name, *content, b"}"))
    return b"".join((b"{", found, name, *content, b",", shown, b"}"))
