"""Which topics a hub needs on Kafka, and how each is set: the one place that says it. Values only; nothing is asked.

The names stand in `broker/topics.py`. Each setting that could lose, swap or disclose a letter is written out for each
topic, so that a default of the cluster's, which somebody may change one day, decides nothing here. The settings are
Kafka's own ("Topic Configs" in its documentation).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from broker.directory import Directory
from broker.errors import ClusterUnfit, SettingsRefused
from broker.kafka.connection import MESSAGE_BYTES_MAX
from broker.kafka.inboxes import SHARDS
from broker.kafka.names import Names
from broker.sealing.letters import ITEM_BYTES_MAX
from broker.sealing.notification import BYTES_MAX
from broker.settings import Retention
from broker.topics import DIRECTORY, DOORS, INBOXES, INPUT, LEDGER, QUARANTINE, changelog, inbox, outbox
from schemas import Mailbox

COPIES = 3
"""Nodes that hold each record: one may be gone for good, and another be down."""

IN_SYNC_MIN = 2
"""Copies that have a record before it counts as kept: what is acknowledged outlives any one node."""

_BATCH_BYTES = 65_536
"""What a batch of one record may be longer than the record's value: envelope, headers, and the batch's own."""

INBOX_BYTES_MAX = ITEM_BYTES_MAX + _BATCH_BYTES
"""The longest batch in an inbox. It holds one letter that is as long as a desk takes, or several that are shorter."""

OUTBOX_BYTES_MAX = BYTES_MAX + _BATCH_BYTES
"""The longest batch that a desk may write: one notification that is as long as the hub takes."""

LANES = 4
"""Of a hub of which nobody says how many it is to have."""

INBOXES_MAX = 1_000
"""Inboxes that may be topics of their own. Beyond, Kafka is busy looking through the rights of so many, and a turn of
the hub falls apart into tiny batches."""

_DAY_MS = 24 * 60 * 60 * 1_000
_FOR_EVER = {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"}
_SEGMENTS = 10
"""Pieces into which a topic is cut that is removed piece by piece: so it keeps at most a tenth longer than it must."""


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as it must be."""

    name: str
    """As it is called on the cluster."""
    partitions: int
    """At least so many. There are never fewer than before: what lies in them would be gone."""
    copies: int
    """Kafka's replication factor."""
    settings: Mapping[str, str]
    """Kafka's names and values; what is not named may be as it is."""


@dataclass(frozen=True, slots=True)
class DeskOnKafka:
    """What a desk's topics and rights depend on."""

    mailbox: Mailbox
    writes: bool = False
    """Whether it writes to Kafka itself, and does not come through the hub's edge."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What holds for all topics of a hub."""

    retention: Retention
    """How long things are kept. Kafka counts days of the calendar, and not those on which the hub was at work: time in
    which it stands still counts too."""
    lanes: int = 1
    """Partitions of the hub's input, each a lane; of several, as many doors."""
    copies: int = COPIES
    """One, to try out alone: then a node that ends takes records with it."""
    names: Names = field(default_factory=Names)

    def topic(self, name: str, partitions: int, settings: Mapping[str, str], *, bytes_max: int) -> Topic:
        """One of ours, with these settings beside those that all have."""
        everywhere = {
            "min.insync.replicas": str(min(IN_SYNC_MIN, self.copies)),
            "unclean.leader.election.enable": "false",  # else a node that had missed records may lead, without them
            "message.timestamp.type": "LogAppendTime",  # no client's clock says what is old enough to be removed
            "max.message.bytes": str(bytes_max),
        }
        return Topic(self.names.topic(name), partitions, self.copies, everywhere | dict(settings))


def inputs(lanes: int) -> tuple[str, ...]:
    """The topics over which a hub of so many lanes has lanes and doors, a partition for each."""
    return (INPUT,) if lanes == 1 else (INPUT, DOORS)


def lanes_of(directory: Directory, wanted: int | None) -> int:
    """How many lanes a hub has: those that it was founded with, or else those that are wanted.

    Raises:
        SettingsRefused: it was founded with others.
    """
    if directory.founded is None:
        return wanted or LANES
    founded = len(directory.founded.entry.lanes)
    if wanted not in (None, founded):
        raise SettingsRefused(f"`kafka.lanes`: this hub was founded with {founded}")
    return founded


def topics(desks: Sequence[DeskOnKafka], shape: Shape) -> list[Topic]:
    """All topics of a hub with these desks.

    Raises:
        ClusterUnfit: there are more desks than can have an inbox of their own.
    """
    if shape.names.inboxes == "topics" and len(desks) > INBOXES_MAX:
        raise ClusterUnfit(
            f"{len(desks)} desks, and at most {INBOXES_MAX} can have an inbox of their own on one Kafka",
            'Give a hub that begins with so many `inboxes = "shared"`, or run a second one; see docs/decisions/0022.',
        )
    return [*hub_topics(shape), *(topic for desk in desks for topic in desk_topics(desk, shape))]


def hub_topics(shape: Shape) -> list[Topic]:
    """The topics of a hub without desks."""
    kept = shape.retention
    # What waits for a hub that is down must outlast that: a notification of fourteen days has expired by itself, but
    # that a desk is revoked never does. Hence as long as a letter may wait for its desk, if that is longer.
    waits = _removed_after(max(kept.input_days, kept.inbox_days))
    taken_by_lanes = inputs(shape.lanes)
    shared = [shared_inboxes(shape)] if shape.names.inboxes == "shared" else []
    return [
        *(shape.topic(topic, shape.lanes, waits, bytes_max=MESSAGE_BYTES_MAX) for topic in taken_by_lanes),
        *(
            shape.topic(changelog(topic), shape.lanes, _changelog(), bytes_max=MESSAGE_BYTES_MAX)
            for topic in taken_by_lanes
        ),
        shape.topic(LEDGER, shape.lanes, _FOR_EVER, bytes_max=MESSAGE_BYTES_MAX),
        shape.topic(DIRECTORY, 1, _FOR_EVER, bytes_max=MESSAGE_BYTES_MAX),
        shape.topic(QUARANTINE, 1, _removed_after(kept.quarantine_days), bytes_max=MESSAGE_BYTES_MAX),
        *shared,
    ]


def desk_topics(desk: DeskOnKafka, shape: Shape) -> list[Topic]:
    """The topics of one desk; its inbox first, if that is a topic."""
    made = [inbox_topic(desk.mailbox, shape)] if shape.names.inboxes == "topics" else []
    if desk.writes:
        said = outbox(desk.mailbox)
        waits = _removed_after(max(shape.retention.input_days, shape.retention.inbox_days))
        made += [
            shape.topic(said, 1, waits, bytes_max=OUTBOX_BYTES_MAX),
            shape.topic(changelog(said), 1, _changelog(), bytes_max=MESSAGE_BYTES_MAX),
        ]
    return made


def inbox_topic(mailbox: Mailbox, shape: Shape) -> Topic:
    """The inbox of a desk: one partition, so that its letters are in order."""
    kept = _removed_after(shape.retention.inbox_days)
    return shape.topic(inbox(mailbox), 1, kept, bytes_max=INBOX_BYTES_MAX)


def shared_inboxes(shape: Shape) -> Topic:
    """The inboxes of all desks, where they share a topic."""
    return shape.topic(INBOXES, SHARDS, _removed_after(shape.retention.inbox_days), bytes_max=INBOX_BYTES_MAX)


def is_changelog(topic: str) -> bool:
    """Whether a topic holds rows, of which the last of each key counts."""
    return topic.startswith(changelog(""))


def is_for_ever(topic: str) -> bool:
    """Whether nothing of a topic may ever be removed."""
    return topic in (LEDGER, DIRECTORY)


def _removed_after(days: int) -> dict[str, str]:
    return {
        "cleanup.policy": "delete",
        "retention.ms": str(days * _DAY_MS),
        "retention.bytes": "-1",  # age alone removes: whoever says much pushes nothing out
        # Kafka removes whole segments, each when its last record is old enough.
        "segment.ms": str(max(_DAY_MS, days * _DAY_MS // _SEGMENTS)),
    }


def _changelog() -> dict[str, str]:
    return {
        "cleanup.policy": "compact",  # the last row of each key, however old
        # A row that was deleted is still told to whoever reads from the beginning: a copy of the state that is put
        # back within half of this misses none.
        "delete.retention.ms": str(7 * _DAY_MS),
        # A new owner reads it all before its first turn, so it is kept short: at most about a third is out of date, and
        # the piece that is being written, which Kafka never compacts, is small. It must hold the longest batch.
        "min.cleanable.dirty.ratio": "0.25",
        "segment.bytes": str(4 * MESSAGE_BYTES_MAX),
        # What was deleted or replaced is gone from the disk after a day or two, also where little is written.
        "max.compaction.lag.ms": str(_DAY_MS),
    }
