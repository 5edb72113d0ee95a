"""Step 7 at the desk: what lies in the inbox is checked, opened and stored, in one transaction with the place in it.

Nothing is heard twice, whatever is lost on the way: the place in the inbox, the letter and the checkpoint that it came
with are one commit.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

from broker import telemetry
from broker.client.directory_reader import DirectoryReader
from broker.client.keys import DeskKeys
from broker.client.link import Link
from broker.client.opening import OpenedLetter, Proven, open_letter, open_package, open_receipt, prove
from broker.client.store import INBOX, DeskStore, StoredLetter
from broker.client.watch import check_growth, check_standing, tell_seen
from broker.errors import HubUnreachable, OpeningRefused, RecordsGone
from broker.ledger.checkpoint import Checkpoint
from broker.ledger.exhibit import ledgers
from broker.ledger.proofs import parse_proof
from broker.numbered import Numbered
from broker.sealing.letters import Item, ItemKind
from broker.sealing.packages import Receipt
from broker.sealing.rejection import Reason, Rejected
from broker.telemetry import Event
from schemas import DeskId, Mailbox

ITEMS_MAX = 100
"""Items that are taken in one go."""


@dataclass(slots=True)
class Heard:
    """What one look into the inbox brought."""

    letters: list[OpenedLetter] = field(default_factory=list)
    receipts: list[Receipt] = field(default_factory=list)
    """What the hub says it did with what we said."""
    refused: int = 0
    """Items that failed a check; each is an incident."""


class Inbox:
    """What one desk is told."""

    def __init__(self, name: DeskId, keys: DeskKeys, store: DeskStore, link: Link, directory: DirectoryReader) -> None:
        """Read into *store*."""
        self._name, self._keys, self._store, self._link, self._directory = name, keys, store, link, directory
        self._told_in: int | None = None
        """The session in which we told the hub what we have seen."""

    @property
    def mailbox(self) -> Mailbox | None:
        """The name of our inbox, from the directory; None until we are registered."""
        desk = self._directory.directory.desks.get(self._name)
        return None if desk is None else desk.mailbox

    @property
    def place(self) -> int:
        """The number from which on items have not been taken."""
        return self._store.position(INBOX)

    async def hear(self, wait_ms: int) -> Heard:
        """Take what lies in the inbox, and wait up to *wait_ms* if nothing does.

        An item that fails a check is noted as an incident and passed over; who sent it learns nothing.

        Raises:
            HubForked, HubUnreachable, NotAdmitted: what was taken before stays taken.
            RecordsGone: items were removed at the hub before we came for them. It is noted; the next look goes on.
        """
        heard = Heard()
        await self.look()
        while self.mailbox is not None:
            items = await self.fetch(wait_ms)
            if not items:
                await self.check()
                break
            await self.receive(items, heard)
            wait_ms = 0
        return heard

    async def look(self) -> None:
        """Read what is new in the directory, and tell the hub what we have seen of its ledgers.

        Raises:
            HubForked, HubUnreachable, NotAdmitted, OpeningRefused: as `DirectoryReader.read` and `tell_seen`.
        """
        await self._tell_seen()  # first: whoever lost something must know it before it says anything
        await self._directory.read()
        await self._tell_seen()

    async def check(self) -> None:
        """Check that the hub's ledgers still hold what we saw of them.

        Raises:
            HubForked, HubUnreachable: as `check_standing`.
        """
        await check_standing(self._directory.directory.hub.entry.lanes, self._store, self._link)

    async def fetch(self, wait_ms: int) -> Sequence[Numbered]:
        """The next items, by way of the link; empty if none came within *wait_ms*. Only for a desk with a mailbox.

        Raises:
            HubUnreachable, NotAdmitted: as `Link.inbox`.
            RecordsGone: items were removed at the hub before we came for them. It is noted; the next look goes on.
        """
        mailbox = self.mailbox
        if mailbox is None:
            raise HubUnreachable("it has no inbox for this desk")
        try:
            return await self._link.inbox(mailbox, self.place, ITEMS_MAX, wait_ms)
        except RecordsGone as gone:
            self.pass_over(gone.first)
            raise

    async def receive(self, items: Sequence[Numbered], heard: Heard) -> None:
        """Check, open and store these items, and add what they brought to *heard*.

        An item that fails a check is noted as an incident and passed over. One that was taken before is left out:
        whoever hands items over may do so again.

        Raises:
            HubForked, HubUnreachable, NotAdmitted, FolderUnusable: what was taken before stays taken; hand over all of
                them again.
        """
        letters, refused = len(heard.letters), heard.refused
        with telemetry.span(telemetry.Span.INBOX_HEAR, items=len(items)) as working:
            await self.look()  # an item may need an event that came after we last looked
            await check_growth(self._checkpoints(items), self._store, self._link)
            for item in items:
                if item.number < self.place:
                    continue
                try:
                    self.take(item, heard)
                except OpeningRefused:
                    heard.refused += 1
            working.add(letters=len(heard.letters) - letters, refused=heard.refused - refused)
            working.link(letter.cover.traceparent for letter in heard.letters[letters:])

    def pass_over(self, first: int) -> None:
        """Items are lost to us, and somebody must be told; what comes after them is not to wait for that.

        Args:
            first: The number of the first item that is still there.
        """
        start = self.place
        # LIMIT: a hub that lies about where the rest begins hides what is there; but it could as well show us nothing.
        with self._store.transaction():
            self._store.put_incident(start, Reason.GONE, str(first).encode("ascii"))
            self._store.move(INBOX, first)
        telemetry.count(telemetry.Count.INCIDENT_NOTED)
        telemetry.emit(Event.ITEMS_MISSED, level=logging.CRITICAL, desk=self._name, expected=start, found=first)

    async def _tell_seen(self) -> None:
        """Once a session, and as soon as we know the hub."""
        founded = self._directory.directory.founded
        if founded is None or self._told_in == self._link.session:
            return
        session = self._link.session
        await tell_seen(ledgers(founded), self._store, self._link)
        self._told_in = session  # as it was before: had the hub been another one midway, we tell that one all of it

    def _checkpoints(self, items: Sequence[Numbered]) -> list[Checkpoint]:
        found = []
        for item in items:
            try:
                found.append(prove(Item.from_bytes(item.data), self._directory.directory).checkpoint)
            except Rejected:
                continue  # noted as an incident when it is taken
        return found

    def take(self, item: Numbered, heard: Heard) -> None:
        """Take the next item, and add what it brought to *heard*.

        Raises:
            OpeningRefused: it failed a check; the incident is noted, and the place in the inbox is behind it.
        """
        # LIMIT: that no item has a number in between is the hub's word. One that lies hides what is there, as above; it
        # shows by the count in the next cover of that lane.
        try:
            with self._store.transaction():
                opened = self._open(item.data)
                self._store.move(INBOX, item.number + 1)
        except Rejected as rejected:
            with self._store.transaction():
                self._store.put_incident(item.number, rejected.reason, item.data)
                self._store.move(INBOX, item.number + 1)
            telemetry.count(telemetry.Count.INCIDENT_NOTED)
            telemetry.emit(Event.ITEM_REFUSED, level=logging.WARNING, desk=self._name, item=item.number)
            raise OpeningRefused from None
        match opened:
            case OpenedLetter():
                heard.letters.append(opened)
            case Receipt():
                heard.receipts.append(opened)
            case None:
                pass

    def _open(self, data: bytes) -> OpenedLetter | Receipt | None:
        item = Item.from_bytes(data)
        directory = self._directory.directory
        proven = prove(item, directory)  # 3
        self._keep(proven, item)
        match item.kind:
            case ItemKind.PACKAGE:
                opened = open_package(item, proven, self._name, directory, self._keys.sealing, self._keys.sealing_kid)
                self._store.put_key(opened.package.kid, opened.key)
                return None
            case ItemKind.RECEIPT:
                receipt = open_receipt(item, proven, self._name, directory)
                self._store.answered(receipt.id, receipt.outcome)
                return receipt
            case ItemKind.LETTER:
                letter = open_letter(item, proven, self._name, directory, self._store.keys())
                self._put(letter, item)
                return letter

    def _keep(self, proven: Proven, item: Item) -> None:
        """A checkpoint that contradicts one that we kept shows a fork: nothing that it covers is believed."""
        checkpoint = proven.checkpoint
        kept = self._store.kept_root(checkpoint.origin, checkpoint.size)
        if kept is not None and kept != checkpoint.root:
            raise Rejected(Reason.FORK)
        self._store.keep_checkpoint(checkpoint, parse_proof(item.proof).note)

    def _put(self, letter: OpenedLetter, item: Item) -> None:
        cover = letter.cover
        if self._store.has_letter(letter.head.id, cover.part):  # 5
            raise Rejected(Reason.REPLAY)
        last = self._store.last_n(cover.lane)  # 8
        if cover.n <= last:
            raise Rejected(Reason.REPLAY)
        if cover.n != last + 1:
            telemetry.emit(Event.LETTER_MISSING, level=logging.ERROR, desk=self._name, expected=last + 1, found=cover.n)
        stored = StoredLetter(  # 9
            row=0,
            id=letter.head.id,
            part=cover.part,
            kind=letter.head.kind,
            publisher=letter.head.iss,
            cover=cover.model_dump(mode="json"),
            compartments={label.value: said.model_dump(mode="json") for label, said in letter.compartments.items()},
            recorded={
                "ledger": letter.proven.checkpoint.origin,
                "entry": letter.proven.index,
                "size": letter.proven.checkpoint.size,
            },
            acknowledged=None,
        )
        self._store.put_letter(stored, cover.lane, cover.n, (item.entry, item.proof))
