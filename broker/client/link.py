"""What a desk's side asks of the way to the hub."""

from collections.abc import Sequence
from typing import Protocol

from broker.ledger.merkle import Proof
from broker.numbered import Numbered
from schemas import Mailbox


class Link(Protocol):
    """The way to the hub. May delay or lose; whatever comes by it is checked before it is believed.

    Every method raises HubUnreachable for what passes by itself, and NotAdmitted if the hub does not know us.
    """

    @property
    def session(self) -> int:
        """Counts our talks with the hub. It is another number each time that the hub may be another process."""

    async def submit(self, notification: bytes) -> None:
        """Hand over a sealed notification. When this returns it is durable at the hub; a receipt follows in the inbox.

        Handing over the same bytes again does no harm.

        Raises:
            Rejected: not in the form of a notification of ours; it never will be taken.
            ClockApart: it comes from the hub's future.
        """

    async def inbox(self, mailbox: Mailbox, start: int, items_max: int, wait_ms: int) -> Sequence[Numbered]:
        """The items of an inbox from number *start* on; empty if none came within *wait_ms*.

        Numbers ascend and may have gaps: those that are missing say nothing. The next place to read from is the last
        number + 1.

        Raises:
            RecordsGone: the hub has removed some of them, because nobody came for them for very long.
        """

    async def directory(self, start: int, items_max: int) -> Sequence[Numbered]:
        """The directory's events and checkpoints from number *start* on, numbered as an inbox is; empty if there are
        none."""

    async def consistency(self, log: str, sizes: Sequence[int]) -> Sequence[Proof]:
        """For each two neighbours of *sizes* the proof that the ledger only grew from one to the other.

        Args:
            log: The ledger's origin.
            sizes: 2 to 101 sizes, each larger than the one before.

        Raises:
            HubForked: the hub does not prove it.
        """

    async def seen(self, log: str, note: bytes) -> None:
        """Tell the hub the newest checkpoint that we kept of a ledger: one that lost something must not go on.

        Args:
            log: The ledger's origin.
            note: As the hub signed it; empty: we kept none.

        Raises:
            HubForked: the hub does not have what it signed.
        """
