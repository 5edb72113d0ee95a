"""The topics of the engine below, by name: the one place that knows them. None says anything about anybody."""

from schemas import Mailbox

INPUT = "outbox.http"
"""What all desks without a topic of their own say, through the hub's edge; and directory events."""

DIRECTORY = "directory"
"""What every desk reads whole: directory events, and the checkpoints over them."""

QUARANTINE = "quarantine"
"""What was refused, byte for byte, sealed under the state key."""


LEDGER = "ledger"
"""Entries, detail records and checkpoints, on an engine that keeps them as records: a partition for each lane."""


def outbox(mailbox: Mailbox) -> str:
    """The topic of a desk that speaks to the engine itself, and not through the hub's edge."""
    return f"outbox.{mailbox}"


def is_door(topic: str) -> bool:
    """Whether it is the topic of such a desk."""
    return topic != INPUT and topic.startswith(outbox(Mailbox("")))


def changelog(topic: str) -> str:
    """The topic of the rows of the lanes over *topic*, on an engine that keeps them as records: partition by
    partition."""
    return f"changelog.{topic}"


def inbox(mailbox: Mailbox) -> str:
    """The topic of a desk's inbox."""
    return f"inbox.{mailbox}"
