"""The hub's edge: all that a desk can reach of it. What a desk gives is durable before this returns.

The desk's side knows it as `Link`. Nothing here has a key or a fact; what is not in the form of a notification is
turned away before it is stored, so that a sender's mistake leaves no plaintext in the hub's files.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from broker.care.standing import Standing
from broker.errors import HubForked, HubUnreachable, NotThere
from broker.ledger.merkle import Proof
from broker.ledger.window import LedgerWindow
from broker.numbered import Numbered
from broker.ports import Record, Transport
from broker.sealing.notification import SealedNotification
from broker.topics import DIRECTORY, DOORS, INPUT, door_of, inbox
from schemas import DeskId, Mailbox


class LocalEdge:
    """A driver of the desks' `Link`, for desks on the hub's own machine."""

    session = 0
    """See `Link.session`: there is but one."""

    def __init__(
        self,
        transport: Transport,
        ledgers: LedgerWindow,
        standing: Standing | None = None,
        catch_up: Callable[[], Awaitable[None]] | None = None,
        *,
        lanes: int = 1,
    ) -> None:
        """Serve desks from *transport*, and prove to them what stands in *ledgers*.

        Args:
            transport: Holds what is taken in and handed out.
            ledgers: Prove it.
            standing: Is told what desks have seen; None: nobody asks.
            catch_up: Returns when *ledgers* show all that is committed; None: they always do.
            lanes: How many the hub has: of several, what desks say comes to their doors.
        """
        self._transport, self._ledgers, self._standing, self._catch_up = transport, ledgers, standing, catch_up
        self._lanes = lanes
        self.taken_to = 0
        """The position in the only lane's input after the last thing that was taken in here."""

    async def submit(self, notification: bytes) -> None:
        """See `Link.submit`. Whether it comes from the future is the hub's to say."""
        await self.submit_all([notification])

    async def submit_all(self, notifications: Sequence[bytes]) -> None:
        """Hand over several in one go: all of them are durable when this returns, or, of one publisher's, none.

        Raises:
            Rejected: one is not in the form of a notification.
            HubUnreachable: the hub takes in nothing now.
        """
        if self._standing is not None and not self._standing.is_clear:
            raise HubUnreachable("it takes in nothing before it knows what its desks have seen")
        publishers = [SealedNotification.from_bytes(each).head.fields.iss for each in notifications]
        if self._lanes == 1:
            await self.put(notifications)
            return
        said: dict[DeskId, list[bytes]] = {}
        for publisher, notification in zip(publishers, notifications, strict=True):
            said.setdefault(publisher, []).append(notification)
        for publisher, together in said.items():
            await self.take_in(publisher, together)

    async def take_in(self, publisher: DeskId, notifications: Sequence[bytes]) -> None:
        """Append what one desk says, and is known to be in its form, to where it comes in."""
        if self._lanes == 1:
            await self.put(notifications)
        else:
            await self._transport.publish(DOORS, notifications, partition=door_of(publisher, self._lanes))

    async def put(self, records: Sequence[bytes]) -> None:
        """Append to the first lane's input, to which the directory's events come."""
        offsets = await self._transport.publish(INPUT, records)
        self.taken_to = max(self.taken_to, offsets[-1] + 1)

    async def inbox(self, mailbox: Mailbox, start: int, items_max: int, wait_ms: int) -> Sequence[Numbered]:
        """See `Link.inbox`."""
        return _numbered(await self._transport.read(inbox(mailbox), start, items_max, wait_ms))

    async def directory(self, start: int, items_max: int) -> Sequence[Numbered]:
        """See `Link.directory`."""
        return _numbered(await self._transport.read(DIRECTORY, start, items_max, 0))

    async def consistency(self, log: str, sizes: Sequence[int]) -> Sequence[Proof]:
        """See `Link.consistency`."""
        await self.caught_up()
        try:
            return await asyncio.to_thread(self._ledgers.consistency, log, sizes)
        except NotThere as error:
            raise HubForked(f"the hub does not prove that `{log}` only grew") from error

    async def seen(self, log: str, note: bytes) -> None:
        """See `Link.seen`."""
        await self.caught_up()
        if self._standing is not None and not await asyncio.to_thread(self._standing.told, log, note):
            raise HubForked(f"the hub does not have what it signed of `{log}`")

    async def caught_up(self) -> None:
        """Return when the ledgers show all that is committed: one that is read behind the lane would lack what a desk
        was shown, and that looks like a fork. Whoever looks into them for a desk waits for this first."""
        if self._catch_up is not None:
            await self._catch_up()


def _numbered(records: Sequence[Record]) -> list[Numbered]:
    return [Numbered(record.offset, record.value) for record in records]
