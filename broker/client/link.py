"""What a desk's side asks of the way to the hub."""

from collections.abc import Sequence
from typing import Protocol

from schemas import Mailbox


class Link(Protocol):
    """The way to the hub. May delay or lose; whatever comes by it is checked before it is believed."""

    async def submit(self, notification: bytes) -> None:
        """Hand over a sealed notification. When this returns it is durable at the hub; a receipt follows in the inbox.

        Handing over the same bytes again does no harm.

        Raises:
            Rejected: not in the form of a notification.
        """

    async def inbox(self, mailbox: Mailbox, start: int, items_max: int, wait_ms: int) -> Sequence[bytes]:
        """The items of an inbox from number *start*, counted from 0; empty if none came within *wait_ms*."""

    async def directory(self, start: int, items_max: int) -> Sequence[bytes]:
        """The directory's events and checkpoints from number *start*, counted from 0."""
