"""The topics of the engine below, by name: the one place that knows them. None says anything about anybody."""

from hashlib import sha256

from schemas import Mailbox

INPUT = "outbox.http"
"""The input of the lanes, a partition for each; the directory's events come to the first. Of a hub with one lane it is
also what desks say, as it comes."""

DOORS = "doors"
"""Where a hub has several lanes: what desks say, before it is known which lane it is for. A partition for each lane;
which of them a desk's is, says `door_of`."""

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
    """Whether lanes over it only pass on what comes: it is the topic of such a desk, or that of the hub's doors."""
    return topic == DOORS or (topic != INPUT and topic.startswith(outbox(Mailbox(""))))


def door_of(desk: str, lanes: int) -> int:
    """At which of the doors what a desk says comes in: always the same, so that it stays in order. *desk* may be no
    desk at all."""
    return sha256(desk.encode("utf-8")).digest()[0] % lanes


def changelog(topic: str) -> str:
    """The topic of the rows of the lanes over *topic*, on an engine that keeps them as records: partition by
    partition."""
    return f"changelog.{topic}"


INBOXES = "inboxes"
"""Where all inboxes lie on an engine on which they share a topic. Above an engine nobody knows it: see `inbox`."""


def inbox(mailbox: Mailbox) -> str:
    """The topic of a desk's inbox."""
    return f"inbox.{mailbox}"
