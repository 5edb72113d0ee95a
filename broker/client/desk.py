"""A desk at work: it says things, hears things, and a person acknowledges. Survives a stop at every line."""

from collections.abc import Callable, Mapping
from pathlib import Path

from broker.client.compose import Draft, compose
from broker.client.directory_reader import DirectoryReader
from broker.client.inbox import Heard, Inbox
from broker.client.keys import DeskKeys, load_desk_keys
from broker.client.link import Link
from broker.client.outbox import Outbox
from broker.client.store import DeskStore
from broker.client.tidying import tidy
from broker.client.trust import Trust
from broker.errors import DeskBusy, NotSent
from broker.files import private_folder
from broker.ports import Clock
from broker.sealing.entropy import Entropy
from broker.transport.lease import OwnerLock
from schemas import DeskId, Label, Mailbox, NotificationId, PersonKey, PersonScheme, Purpose, Said
from schemas.compartments import Contact
from schemas.kinds.letter import ACKNOWLEDGED, RETURNED, LetterAcknowledged, LetterReturned


class Desk:
    """One desk, on its own machine and in its own folder.

    Several processes may open one folder and say things. One of them at a time talks to the hub: whoever did so first,
    until it closes. So what is said goes in order, and nothing is heard by two.
    """

    def __init__(
        self, folder: Path, name: DeskId, contact: Contact, trust: Trust, link: Link, clock: Clock, entropy: Entropy
    ) -> None:
        """Open the desk's folder, or make it.

        Raises:
            FolderUnusable, KeyUnavailable: as the parts.
        """
        private_folder(folder)
        self.name = name
        self.contact = contact
        self.keys: DeskKeys = load_desk_keys(folder / "keys.json", entropy)
        self.store = DeskStore(folder / "desk.db")
        self._clock = clock
        self._lock = OwnerLock(folder / "desk.db")
        self._directory = DirectoryReader(trust, self.store, link)
        self._outbox = Outbox(name, self.keys, self.store, link, clock, entropy)
        self._inbox = Inbox(name, self.keys, self.store, link, self._directory)

    def close(self) -> None:
        """Let go of the files."""
        self._lock.close()
        self.store.close()

    @property
    def mailbox(self) -> Mailbox | None:
        """The name of our inbox, from the directory; None until we are registered."""
        return self._inbox.mailbox

    # --- what we say ---

    async def publish(self, draft: Draft) -> NotificationId:
        """Seal a draft, keep it in the outbox, and try to hand it over. It is ours to deliver from here on.

        Whatever the link raises, the draft is in the outbox by then, and `flush` hands it over later.

        Raises:
            NotSent: a compartment is too long, or the hub is not known yet. Nothing is kept.
        """
        await self.meet()
        notification = self.keep(draft)
        await self.flush()
        return notification

    async def meet(self) -> None:
        """Know the hub: read its directory, if this desk never has. A desk that knows the hub needs no link for it."""
        if self._directory.directory.founded is None:
            await self._directory.read()

    def keep(self, draft: Draft, also: Callable[[NotificationId], None] | None = None) -> NotificationId:
        """Seal a draft and keep it in the outbox; `flush` hands it over.

        Args:
            draft: What is said.
            also: Done in the same transaction, given the notification's id.

        Raises:
            NotSent: as `publish`.
        """
        founded = self._directory.directory.founded
        if founded is None:
            raise NotSent("this desk has never reached its hub, so it cannot seal to it")
        return self._outbox.keep(draft, founded, also)

    async def flush(self) -> int:
        """Hand over what waits, in order; returns how many the hub took.

        If another process is at work on this folder, it is left to that one.

        Raises:
            HubUnreachable, NotAdmitted, ClockApart: the rest waits for the next time.
        """
        return await self._outbox.flush() if self._lock.take() else 0

    def tidy(self) -> None:
        """Remove what this desk need not keep; if another process is at work on this folder, that one does.

        Raises:
            FolderUnusable: the disk does not let us.
        """
        if self._lock.take():
            tidy(self.store, self._clock.now())

    # --- step 7 ---

    async def hear(self, wait_ms: int = 0) -> Heard:
        """Take what lies in the inbox: keys, receipts, letters.

        Raises:
            DeskBusy: another process hears for this desk.
            HubForked, HubUnreachable, NotAdmitted: as their texts say; what was taken before stays taken.
        """
        return await self.inbox.hear(wait_ms)

    @property
    def inbox(self) -> Inbox:
        """What this desk is told, for whoever hears for it.

        Raises:
            DeskBusy: another process does.
        """
        if not self._lock.take():
            raise DeskBusy("another process is at work on this desk's folder")
        return self._inbox

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
        compartments: Mapping[Label, Said] = {Label.CONTACT: self.contact, Label.CONTROL: said}
        draft = compose(kind, person, Purpose.PUBLIC_PROTECTION, compartments)
        sent = self.keep(draft, lambda sent: self.store.acknowledged(said.letter, said.part, sent))
        await self.flush()
        return sent
