"""A way to the hub with something between: all is passed on but what a test is about."""

from collections.abc import Sequence

from broker.client import Link
from broker.ledger.merkle import Proof
from broker.numbered import Numbered
from schemas import Mailbox


class Passing:
    """A driver of `Link` that passes everything on. Tests change the one method that they are about."""

    def __init__(self, link: Link) -> None:
        """Stand before *link*."""
        self.link = link

    @property
    def session(self) -> int:
        """See `Link.session`."""
        return self.link.session

    async def submit(self, notification: bytes) -> None:
        """See `Link.submit`."""
        await self.link.submit(notification)

    async def inbox(self, mailbox: Mailbox, start: int, items_max: int, wait_ms: int) -> Sequence[Numbered]:
        """See `Link.inbox`."""
        return await self.link.inbox(mailbox, start, items_max, wait_ms)

    async def directory(self, start: int, items_max: int) -> Sequence[Numbered]:
        """See `Link.directory`."""
        return await self.link.directory(start, items_max)

    async def consistency(self, log: str, sizes: Sequence[int]) -> Sequence[Proof]:
        """See `Link.consistency`."""
        return await self.link.consistency(log, sizes)

    async def seen(self, log: str, note: bytes) -> None:
        """See `Link.seen`."""
        await self.link.seen(log, note)
