"""Who may stand between a desk and an honest hub: a way there that hands over what it likes, and an operator.

The link has no key of anybody's. The operator has those of the hub and its state, so it can say, enter and sign
whatever a hub can, and prove it in a tree of its own making; what it does not have is any publisher's signature.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.keywrap import aes_key_unwrap, aes_key_wrap

from broker.client import Heard, StoredLetter
from broker.errors import OpeningRefused
from broker.ledger.checkpoint import Checkpoint, sign_note
from broker.ledger.entries import Disclosure, Filler
from broker.ledger.merkle import EMPTY, Proof, grow, leaf_hash
from broker.ledger.proofs import InclusionProof, format_proof
from broker.numbered import Numbered
from broker.sealing.compartments import Belonging, Compartment, seal
from broker.sealing.entropy import system_entropy
from broker.sealing.jwe import open_key_package
from broker.sealing.keyring import HubKeys
from broker.sealing.letters import Item, ItemKind, Letter
from broker.sealing.notification import SealedNotification, release_extra
from broker.state.delivery import Epoch
from schemas import DeskId, Label, Mailbox, Purpose, Urgency
from schemas.strict import b64u_decode, b64u_encode, json_decode, json_encode
from tests.contracts.clock import MovedClock
from tests.faults.county import HUB, LANE, open_desk
from tests.faults.stored import consistency_of, directory_of, directory_topic, epoch_of_desk, hub_keys

_DIGEST = "A" * 43


class HostileLink:
    """A way to the hub that hands over what it was given, whoever asks. A driver of `Link`."""

    def __init__(self, day: Path, directory: Sequence[bytes], items: Sequence[bytes]) -> None:
        """Hand over these events of the directory, and these items as everybody's inbox; prove what *day* can prove."""
        self.events = list(directory)
        self.items = list(items)
        self._day = day
        self.session = 0

    async def submit(self, notification: bytes) -> None:
        """Take it, and lose it."""

    async def inbox(self, mailbox: Mailbox, start: int, items_max: int, wait_ms: int) -> Sequence[Numbered]:
        """See `Link.inbox`."""
        return numbered(self.items)[start : start + items_max]

    async def directory(self, start: int, items_max: int) -> Sequence[Numbered]:
        """See `Link.directory`."""
        return numbered(self.events)[start : start + items_max]

    async def consistency(self, log: str, sizes: Sequence[int]) -> Sequence[Proof]:
        """See `Link.consistency`."""
        return consistency_of(self._day, log, sizes)

    async def seen(self, log: str, note: bytes) -> None:
        """Take no notice."""


@dataclass(frozen=True, slots=True)
class Listened:
    """What a desk made of the items that it was handed."""

    heard: Heard
    letters: list[StoredLetter]
    reasons: list[str]
    """Why it refused what it refused, from its own incident list."""
    folder: Path


async def listen(day: Path, folder: Path, desk: DeskId, items: Sequence[bytes]) -> Listened:
    """Let a desk take these items, one after the other: each is judged for itself. That a tree which only *items* prove
    contradicts the one before is found by the look at all of them: see test_a_hub_that_forks.py.

    Args:
        day: The data folder with the directory that it reads.
        folder: A folder with the desk's keys.
        desk: Which one.
        items: Its inbox, from the first item on.
    """
    listener = open_desk(folder, desk, HostileLink(day, directory_topic(day), items), MovedClock())
    heard = Heard()
    try:
        await listener.meet()
        for item in numbered(items):
            try:
                listener._inbox.take(item, heard)
            except OpeningRefused:
                heard.refused += 1
        return Listened(
            heard,
            listener.store.letters(),
            [why.value for _, why in listener.store.incidents()],
            folder / "desks" / desk,
        )
    finally:
        listener.close()


class Operator:
    """Whoever runs the hub, with its files and its keys, and a will of their own."""

    def __init__(self, day: Path) -> None:
        """Take the keys from a data folder."""
        self.keys: HubKeys = hub_keys(day)
        self._directory = directory_of(day)
        self._epochs = {desk: epoch_of_desk(day, desk) for desk in self._directory.desks}

    def epoch(self, desk: DeskId) -> Epoch:
        """The key under which a desk's letters are wrapped."""
        return self._epochs[desk]

    def released(self, notification: SealedNotification, to: DeskId, *labels: Label) -> dict[Label, Compartment]:
        """Hand a desk these compartments, whatever the policies say."""
        fields = notification.head.fields
        extra = release_extra(HUB, fields.iss, self.keys.release_kid)
        message_key = open_key_package(notification.mk, self.keys.release, extra)
        epoch = self.epoch(to)
        return {label: self._handed_on(notification.compartments[label], message_key, epoch) for label in labels}

    def _handed_on(self, sealed: Compartment, message_key: bytes, epoch: Epoch) -> Compartment:
        # Whatever its own bytes commit to.
        content_key = aes_key_unwrap(message_key, b64u_decode(sealed.encrypted_key))
        return replace(sealed, kid=epoch.kid, encrypted_key=b64u_encode(aes_key_wrap(epoch.secret, content_key)))

    def letter(
        self,
        to: DeskId,
        notification: SealedNotification,
        compartments: Mapping[Label, Compartment],
        *,
        cover: Mapping[str, Any] | None = None,
        entry: Mapping[str, Any] | None = None,
        kid: str | None = None,
        size: int = 1,
    ) -> bytes:
        """A letter with an entry that fits it, proven in a tree of our own.

        Args:
            to: For whom.
            notification: Whose head and signature it carries.
            compartments: What it carries.
            cover: Members of the cover's JSON that are not as they should be.
            entry: Members of the entry's JSON that are not as they should be.
            kid: Another name for the key of the cover.
            size: Of the tree that is made for it; a desk keeps the first tree of a size that it believed in.
        """
        fields, epoch = notification.head.fields, self.epoch(to)
        said = {
            "letter": fields.id,
            "desk": to,
            "part": 1,
            "lane": LANE,
            "n": 1,
            "person": "A" * 22,
            "urgency": Urgency.ROUTINE.value,
            "obligations": [],
            "reasons": ["Because the operator says so"],
        }
        sealed_cover = seal(
            json_encode(said | dict(cover or {})),
            Belonging(fields.id, HUB, Label.COVER.value),
            epoch.secret,
            kid or epoch.kid,
            system_entropy,
        )
        told = Disclosure.of(
            **line(),
            to=to,
            n=1,
            id=fields.id,
            part=1,
            iss=fields.iss,
            kind=fields.kind,
            cmp={label: sealed.digest for label, sealed in compartments.items()},
            cover=sealed_cover.digest,
            kid=epoch.kid,
            purpose=Purpose.PUBLIC_PROTECTION,
            policy=self._directory.policy,
            decision=_DIGEST,
            person=_DIGEST,
        )
        data = json_encode(json_decode(told.to_bytes()) | dict(entry or {}))
        letter = Letter(notification.head, notification.sig, sealed_cover, dict(compartments))
        return self.item(ItemKind.LETTER, letter.to_json(), data, size=size)

    def item(self, kind: ItemKind, content: Any, entry: bytes, *, size: int = 1) -> bytes:
        """An inbox item whose entry is the first of a tree of *size* entries that the hub's ledger key signs."""
        fillers = [leaf_hash(Filler.of(**line()).to_bytes()) for _ in range(size - 1)]
        grown = grow(EMPTY, [leaf_hash(entry), *fillers])
        checkpoint = Checkpoint(LANE, size, grown.frontier.root())
        note = sign_note(checkpoint, self.keys.ledger, self.keys.sign_ledger)
        return Item(kind, content, entry, format_proof(InclusionProof(0, grown.proofs[0], note))).to_bytes()


def numbered(items: Sequence[bytes]) -> list[Numbered]:
    """Items as they lie in a topic that lost none and has no gap."""
    return [Numbered(number, data) for number, data in enumerate(items)]


def line() -> dict[str, Any]:
    """The fields that every entry begins with."""
    return {"salt": b64u_encode(system_entropy(16)), "ts": datetime(2026, 3, 2, 9, 30, tzinfo=UTC), "dir": 8}
