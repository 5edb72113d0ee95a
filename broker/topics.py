"""The topics of the engine below, by name: the one place that knows them. None says anything about anybody."""

from schemas import Mailbox

INPUT = "outbox.http"
"""What all desks without a topic of their own say, through the hub's edge; and directory events."""

DIRECTORY = "directory"
"""What every desk reads whole: directory events, and the checkpoints over them."""

QUARANTINE = "quarantine"
"""What was refused, byte for byte, sealed under the state key."""


def inbox(mailbox: Mailbox) -> str:
    """The topic of a desk's inbox."""
    return f"inbox.{mailbox}"
