"""What the topics, groups and transactional ids of one hub are called on a cluster."""

from collections.abc import Iterable
from dataclasses import dataclass

from aiokafka import TopicPartition

from broker.kafka.inboxes import Headers, headers_to, mailbox_of, shard_of
from broker.ports import Partition
from broker.settings import Inboxes
from broker.topics import DOORS, INBOXES, LEDGER, changelog, is_door
from schemas import Mailbox

_OF_DOORS, _OF_OUTBOXES = ".doors", ".outboxes"


@dataclass(frozen=True, slots=True)
class Names:
    """The names of one hub's things."""

    prefix: str = ""
    """Before each of them: several hubs, or a rehearsal beside a hub, on one cluster."""
    inboxes: Inboxes = "topics"
    """Where the hub's inboxes lie."""

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups of the hub's processes."""
        return tuple(f"{self.prefix}hub{kind}" for kind in ("", _OF_DOORS, _OF_OUTBOXES))

    def group(self, topic: str) -> str:
        """The group in which the hub's processes share the lanes over a topic. Each kind of lane has its own: while one
        is rearranged the others go on."""
        kind = "" if not is_door(topic) else _OF_DOORS if topic == DOORS else _OF_OUTBOXES
        return f"{self.prefix}hub{kind}"

    @property
    def lanes(self) -> str:
        """What the transactional id of each lane begins with."""
        return f"{self.prefix}hub."

    def topic(self, topic: str) -> str:
        """A topic's name on the cluster."""
        return self.prefix + topic

    def topic_of(self, name: str) -> str:
        """The topic that is called *name* on the cluster."""
        return name.removeprefix(self.prefix)

    def topics_of(self, names: Iterable[str]) -> set[str]:
        """Those of the topics of a cluster that are ours, if they are called as ours are."""
        return {self.topic_of(name) for name in names if name.startswith(self.prefix)}

    def place(self, partition: Partition) -> TopicPartition:
        """A partition on the cluster."""
        topic, index = partition
        mailbox = self.sharing(topic)
        if mailbox is not None:
            return TopicPartition(self.topic(INBOXES), shard_of(mailbox))
        return TopicPartition(self.topic(topic), index)

    def sharing(self, topic: str) -> Mailbox | None:
        """Whose inbox a topic is, if that lies among those of others; else None."""
        return mailbox_of(topic) if self.inboxes == "shared" else None

    def headers(self, topic: str) -> Headers:
        """What a record of a topic bears beside its value."""
        mailbox = self.sharing(topic)
        return () if mailbox is None else headers_to(mailbox)

    def changelog(self, lane: Partition) -> TopicPartition:
        """Where the rows of a lane stand. Only its owner writes there."""
        topic, index = lane
        return self.place((changelog(topic), index))

    def ledger(self, lane: Partition) -> TopicPartition | None:
        """Where the ledgers of a lane stand, to which only its owner writes; None for a desk's door, which has none."""
        topic, index = lane
        return None if is_door(topic) else self.place((LEDGER, index))

    def transactional_id(self, lane: Partition) -> str:
        """What the cluster knows the owner of a lane by: it has one at a time."""
        topic, index = lane
        return f"{self.lanes}{topic}.{index}"
