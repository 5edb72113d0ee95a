"""A desk at work: it says things, hears things, and a person acknowledges. Survives a stop at every line.

What it says lies in the outbox before it is sent, and the same bytes go until the hub has them. What it hears is
checked, opened and stored in one transaction with the place in the inbox, so that nothing is heard twice.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from broker import telemetry
from broker.client.compose import Draft, compose
from broker.client.directory_reader import DirectoryReader
from broker.client.keys import DeskKeys, load_desk_keys
from broker.client.link import Link
from broker.client.opening import OpenedLetter, open_letter, open_package, open_receipt, prove
from broker.client.sealer import seal_draft
from broker.client.store import INBOX, SEQ, DeskStore, Outgoing, Sending, StoredLetter
from broker.client.trust import Trust
from broker.errors import NotSent, OpeningRefused
from broker.files import private_folder
from broker.ledger.checkpoint import Checkpoint
from broker.ledger.proofs import parse_proof
from broker.ports import Clock
from broker.sealing.entropy import Entropy
from broker.sealing.letters import Item, ItemKind
from broker.sealing.rejection import Reason, Rejected
from broker.telemetry import Event
from schemas import DeskId, Label, Mailbox, NotificationId, PersonKey, PersonScheme, Purpose, Said
from schemas.compartments import Contact
from schemas.kinds.letter import ACKNOWLEDGED, RETURNED, LetterAcknowledged, LetterReturned

_ITEMS_MAX = 100


@dataclass(frozen=True, slots=True)
class Heard:
    """What one look into the inbox brought."""

    letters: list[OpenedLetter]
    refused: int
    """Items that failed a check; each is an incident."""


class Desk:
    """One desk, on its own machine and in its own folder."""

    def __init__(
        self, folder: Path, name: DeskId, contact: Contact, trust: Trust, link: Link, clock: Clock, entropy: Entropy
    ) -> None:
        """Open the desk's folder, or make it.

        Raises:
            FolderUnusable, KeyUnavailable: as the parts.
        """
        private_folder(folder)
        self.name = name
        self.keys: DeskKeys = load_desk_keys(folder / "keys.json", entropy)
        self.store = DeskStore(folder / "desk.db")
        self._contact = contact
        self._link = link
        self._clock = clock
        self._entropy = entropy
        self._directory = DirectoryReader(trust, self.store, link)

    def close(self) -> None:
        """Let go of the files."""
        self.store.close()

    # --- steps 1 and 2 ---

    async def publish(self, draft: Draft) -> NotificationId:
        """Seal a draft, keep it in the outbox, and try to hand it over. It is ours to deliver from here on.

        Whatever the link raises, the draft is in the outbox by then, and `flush` hands it over later.

        Raises:
            NotSent: a compartment is too long, or the hub is not known yet. Nothing is kept.
        """
        if self._directory.directory.founded is None:  # a desk that knows the hub needs no link to say something
            await self._directory.read()
        notification = self.keep(draft)
        await self.flush()
        return notification

    def keep(self, draft: Draft) -> NotificationId:
        """Seal a draft and keep it in the outbox; `flush` hands it over.

        Raises:
            NotSent: as `publish`.
        """
        try:
            with self.store.transaction():
                seq = self.store.position(SEQ) + 1
                notification, sealed = seal_draft(
                    draft,
                    desk=self.name,
                    keys=self.keys,
                    hub=self._directory.directory.hub,
                    seq=seq,
                    now=self._clock.now(),
                    entropy=self._entropy,
                )
                self.store.move(SEQ, seq)
                self.store.put_out(notification, seq, sealed.to_bytes(), sealed.head.fields.exp)
        except Rejected as error:
            raise NotSent("cannot be sealed: a compartment is too long, or the hub is not in its directory") from error
        return notification

    async def flush(self) -> None:
        """Hand over what waits, in order. What has expired is marked, and must be said anew."""
        now = self._clock.now().timestamp()
        for waiting in self.store.outgoing(Sending.WAITING):
            if now >= waiting.exp:
                self._set_state(waiting, Sending.EXPIRED)
                continue
            await self._link.submit(waiting.sealed)
            self._set_state(waiting, Sending.SENT)

    def _set_state(self, waiting: Outgoing, state: Sending) -> None:
        with self.store.transaction():
            self.store.set_state(waiting.id, state)

    # --- step 7 ---

    async def hear(self, wait_ms: int = 0) -> Heard:
        """Take what lies in the inbox: keys, receipts, letters.

        An item that fails a check is noted as an incident and passed over; who sent it learns nothing.
        """
        letters: list[OpenedLetter] = []
        refused = 0
        await self._directory.read()
        while items := await self._link.inbox(self.mailbox, self.store.position(INBOX), _ITEMS_MAX, wait_ms):
            await self._directory.read()  # an item may need an event that came after we last looked
            for data in items:
                try:
                    letter = self._take(data)
                except OpeningRefused:
                    refused += 1
                else:
                    letters += [] if letter is None else [letter]
            wait_ms = 0
        return Heard(letters, refused)

    @property
    def mailbox(self) -> Mailbox:
        """The name of our inbox, from the directory; empty inbox until we are registered."""
        desk = self._directory.directory.desks.get(self.name)
        return Mailbox("unregistered") if desk is None else desk.mailbox

    def _take(self, data: bytes) -> OpenedLetter | None:
        position = self.store.position(INBOX)
        try:
            with self.store.transaction():
                letter = self._open(data)
                self.store.move(INBOX, position + 1)
        except Rejected as rejected:
            with self.store.transaction():
                self.store.put_incident(position, rejected.reason, data)
                self.store.move(INBOX, position + 1)
            telemetry.emit(Event.ITEM_REFUSED, level=logging.WARNING, desk=self.name, item=position)
            raise OpeningRefused from None
        return letter

    def _open(self, data: bytes) -> OpenedLetter | None:
        item = Item.from_bytes(data)
        directory = self._directory.directory
        proven = prove(item, directory)  # 3
        self._keep(proven.checkpoint, item)
        match item.kind:
            case ItemKind.PACKAGE:
                opened = open_package(item, proven, self.name, directory, self.keys.sealing, self.keys.sealing_kid)
                self.store.put_key(opened.package.kid, opened.key)
                return None
            case ItemKind.RECEIPT:
                receipt = open_receipt(item, proven, self.name, directory)
                self.store.answered(receipt.id, receipt.outcome)
                return None
            case ItemKind.LETTER:
                letter = open_letter(item, proven, self.name, directory, self.store.keys())
                return self._store(letter)

    def _keep(self, checkpoint: Checkpoint, item: Item) -> None:
        """A checkpoint that contradicts one that we kept shows a fork: nothing that it covers is believed."""
        kept = self.store.kept_root(checkpoint.origin, checkpoint.size)
        if kept is not None and kept != checkpoint.root:
            raise Rejected(Reason.FORK)
        self.store.keep_checkpoint(checkpoint, parse_proof(item.proof).note)

    def _store(self, letter: OpenedLetter) -> OpenedLetter:
        cover = letter.cover
        if self.store.has_letter(letter.head.id, cover.part):  # 5
            raise Rejected(Reason.REPLAY)
        last = self.store.last_n(cover.lane)  # 8
        if cover.n <= last:
            raise Rejected(Reason.REPLAY)
        if cover.n != last + 1:
            telemetry.emit(Event.LETTER_MISSING, level=logging.ERROR, desk=self.name, expected=last + 1, found=cover.n)
        stored = StoredLetter(  # 9
            id=letter.head.id,
            part=cover.part,
            kind=letter.head.kind,
            publisher=letter.head.iss,
            cover=cover.model_dump(mode="json"),
            compartments={label.value: said.model_dump(mode="json") for label, said in letter.compartments.items()},
            acknowledged=None,
        )
        self.store.put_letter(stored, cover.lane, cover.n)
        return letter

    async def acknowledge(self, notification: NotificationId, user: str, part: int = 1) -> NotificationId:
        """A person has read a letter: say so to the hub.

        Args:
            notification: The letter.
            user: Who read it, as the agency knows them; leaves the desk blinded.
            part: Which part of it.

        Raises:
            NotSent: there is no such letter here, or it was answered before.
        """
        said = LetterAcknowledged.of(letter=notification, part=part, by=self.keys.blind(user))
        return await self._answer(ACKNOWLEDGED.name, said)

    async def give_back(self, notification: NotificationId, user: str, part: int = 1) -> NotificationId:
        """A person has read a letter and says that it is not for this desk: say so to the hub.

        Args and errors as `acknowledge`.
        """
        said = LetterReturned.of(letter=notification, part=part, by=self.keys.blind(user))
        return await self._answer(RETURNED.name, said)

    async def _answer(self, kind: str, said: LetterAcknowledged | LetterReturned) -> NotificationId:
        letter = self.store.letter(said.letter, said.part)
        if letter is None or letter.acknowledged is not None:
            raise NotSent(f"no letter `{said.letter}` part {said.part} to answer")
        person = PersonKey.of(scheme=PersonScheme.REF, identifier=str(letter.cover["person"]))
        compartments: Mapping[Label, Said] = {Label.CONTACT: self._contact, Label.CONTROL: said}
        draft = compose(kind, person, Purpose.PUBLIC_PROTECTION, compartments)
        sent = await self.publish(draft)
        with self.store.transaction():
            self.store.acknowledged(said.letter, said.part, sent)
        return sent
