"""Where inboxes lie on a Kafka: each in a topic of its own, or all of them in one topic that the hub alone reads.

The one place that decides it. It holds for the life of a hub: the numbers of what lies in an inbox come from the
partition, and desks keep their place by them.
"""

from collections.abc import Collection
from typing import Any
from zlib import crc32

from aiokafka import ConsumerRecord

from broker.errors import ClusterUnfit
from broker.settings import Inboxes
from broker.topics import INBOXES, inbox
from schemas import Mailbox

SHARDS = 16
"""Partitions of the shared topic, for ever: a mailbox's place is made from its name and this number. What was measured
stands in docs/decisions/0022."""

Headers = tuple[tuple[str, bytes], ...]
"""What stands beside a record's value."""

_INBOX = inbox(Mailbox(""))
_TO = "to"


def mailbox_of(topic: str) -> Mailbox | None:
    """Whose inbox a topic is; None if it is no inbox."""
    return Mailbox(topic.removeprefix(_INBOX)) if topic.startswith(_INBOX) else None


def shard_of(mailbox: Mailbox) -> int:
    """The partition of the shared topic in which this inbox lies. Mailboxes are random, so all have about as many."""
    return crc32(mailbox.encode()) % SHARDS


def headers_to(mailbox: Mailbox) -> Headers:
    """What says whose a record of the shared topic is. No key: who has one may be put into another partition by it."""
    return ((_TO, mailbox.encode()),)


def addressee(record: "ConsumerRecord[Any, Any]") -> Mailbox | None:
    """Whose a record of the shared topic is; None if it does not say so just once, or lies where that inbox does not.

    Nobody is given such a record.
    """
    match record.headers:
        case ((key, bytes(name)),) if key == _TO:
            mailbox = Mailbox(name.decode("utf-8", "replace"))
            return mailbox if shard_of(mailbox) == record.partition else None
    return None


def refuse_other_kind(kind: Inboxes, there: Collection[str]) -> None:
    """Refuse a cluster on which inboxes of the other kind lie already.

    Args:
        kind: Of the hub.
        there: The topics of the hub that are there, by the names of `broker/topics.py`.

    Raises:
        ClusterUnfit: so it is.
    """
    if kind == "topics" and INBOXES in there:
        raise ClusterUnfit(
            f"the inboxes of this hub lie in one topic, `{INBOXES}`, and cannot be put elsewhere",
            'Set `inboxes = "shared"` under `[kafka]`, or give the hub a Kafka on which none of its topics is.',
        )
    if kind == "shared" and any(mailbox_of(name) is not None for name in there):
        raise ClusterUnfit(
            "the inboxes of this hub are topics of their own, and cannot be put into one",
            'Set `inboxes = "topics"` under `[kafka]`, or give the hub a Kafka on which none of its topics is.',
        )
