"""How a desk reads the directory whole: every event, in order, and only as far as a signed checkpoint covers it.

So nobody can show one desk a key and another desk another, unless it signs two directories; and each desk keeps what
it saw.
"""

import asyncio

from broker.client.link import Link
from broker.client.store import DIRECTORY, DeskStore
from broker.client.trust import Trust
from broker.directory import Directory, read_event
from broker.errors import OpeningRefused
from broker.ledger.checkpoint import CheckpointRejected, open_note
from broker.ledger.merkle import EMPTY, Frontier, extend, leaf_hash
from broker.sealing.rejection import Reason, Rejected
from schemas.strict import NotStrict, json_decode

_ITEMS_MAX = 500


class DirectoryReader:
    """The directory as this desk has read it."""

    def __init__(self, trust: Trust, store: DeskStore, link: Link) -> None:
        """Begin with what the store holds.

        Raises:
            OpeningRefused: what the store holds is not what the trust file vouches for.
        """
        self._trust, self._store, self._link = trust, store, link
        self.directory = Directory()
        self._frontier: Frontier = EMPTY
        self._read_to = -1
        self._reading = asyncio.Lock()
        """Two readings at once would each begin where the other has been by then."""
        self._load()

    def _load(self) -> None:
        """Begin anew with what the store holds, if another process has read on since."""
        position = self._store.position(DIRECTORY)
        if position == self._read_to:
            return
        self.directory, self._frontier = Directory(), EMPTY
        try:
            self.directory, self._frontier = self._after(self._store.events())
        except Rejected:
            raise OpeningRefused from None
        self._read_to = position

    async def read(self) -> None:
        """Read what is new.

        Raises:
            OpeningRefused: an event that the directory key did not sign, or a checkpoint that does not fit the events
                or one that was kept. Nothing new is believed.
        """
        async with self._reading:
            await self._read()

    async def _read(self) -> None:
        self._load()
        events: list[bytes] = []
        start = self._read_to
        while items := await self._link.directory(start, _ITEMS_MAX):
            for number, data in items:
                start = number + 1
                note = _checkpoint(data)
                if note is None:
                    events.append(data)
                    continue
                is_ours = self._believe(events, note, number)
                events = []
                if not is_ours:
                    start = self._read_to
                    break

    def _believe(self, events: list[bytes], note: bytes, number: int) -> bool:
        """Take events that the checkpoint of this number covers.

        False if another process was quicker: then we have what it took.
        """
        try:
            directory, frontier = self._after(events)
            hub = directory.hub
            checkpoint = open_note(note, hub.ledger_key, f"{hub.entry.hub}/directory")
            if hub.entry.hub != self._trust.hub:
                raise Rejected(Reason.SIGNER)
            if (checkpoint.size, checkpoint.root) != (frontier.size, frontier.root()):
                raise Rejected(Reason.FORK)
        except (Rejected, CheckpointRejected) as error:
            with self._store.transaction():
                reason = error.reason if isinstance(error, Rejected) else Reason.PROOF
                self._store.put_incident(number, reason, note)
            raise OpeningRefused from None
        with self._store.transaction():
            is_ours = self._store.position(DIRECTORY) == self._read_to
            if is_ours:
                for index, event in enumerate(events, start=self._frontier.size):
                    self._store.put_event(index, event)
                self._store.keep_checkpoint(checkpoint, note)
                self._store.move(DIRECTORY, number + 1)
        if not is_ours:
            self._load()
            return False
        self._read_to = number + 1
        self.directory, self._frontier = directory, frontier
        return True

    def _after(self, events: list[bytes]) -> tuple[Directory, Frontier]:
        directory = self.directory
        for event in events:
            directory = directory.after(read_event(event, self._trust.key))
        return directory, extend(self._frontier, [leaf_hash(event) for event in events])


def _checkpoint(data: bytes) -> bytes | None:
    try:
        match json_decode(data):
            case {"checkpoint": str(note), **more} if not more:
                return note.encode("utf-8")
    except NotStrict:
        return None  # an event that is none is refused where it is read
    return None
