"""What each may do on the hub's Kafka: the hub what it needs, a desk its own mailbox, nobody else anything.

Kafka calls them ACLs. Everybody is known by the name in a certificate: a desk by its mailbox. No right is a denial, and
none is for everybody. Codes and rules: Kafka's documentation, "Authorization and ACLs"; its classes `ResourceType`,
`PatternType`, `AclOperation` and `AclPermissionType`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from broker.kafka.layout import DeskOnKafka
from broker.kafka.names import Names
from broker.topics import DIRECTORY, DOORS, INBOXES, LEDGER, QUARANTINE, changelog, inbox, outbox
from schemas import Mailbox

EVERYBODY = "User:*"


class Resource(IntEnum):
    """What a right is about, by Kafka's codes."""

    TOPIC = 2
    GROUP = 3
    CLUSTER = 4
    TRANSACTIONAL_ID = 5
    DELEGATION_TOKEN = 6
    USER = 7


class Pattern(IntEnum):
    """How its name is meant."""

    LITERAL = 3
    PREFIXED = 4


class Operation(IntEnum):
    """What may be done. Reading and writing include being told of it (`DESCRIBE`)."""

    ALL = 2
    READ = 3
    WRITE = 4
    CREATE = 5
    DELETE = 6
    ALTER = 7
    DESCRIBE = 8
    CLUSTER_ACTION = 9
    DESCRIBE_CONFIGS = 10
    ALTER_CONFIGS = 11
    IDEMPOTENT_WRITE = 12
    CREATE_TOKENS = 13
    DESCRIBE_TOKENS = 14
    TWO_PHASE_COMMIT = 15


class Permission(IntEnum):
    """Whether it may, or may not whatever else says that it may."""

    DENY = 2
    ALLOW = 3


@dataclass(frozen=True, slots=True, order=True)
class Right:
    """One line of what a cluster holds about who may do what."""

    principal: str
    """`User:NAME`, or `EVERYBODY`."""
    resource: Resource
    name: str
    pattern: Pattern
    operation: Operation
    permission: Permission = Permission.ALLOW
    host: str = "*"
    """Where from; a star for anywhere."""

    def __str__(self) -> str:
        """As a person reads it, with Kafka's own word for what may be done."""
        kind = self.resource.name.lower().replace("_", " ")
        what = f"{kind} `{self.name}`" if self.pattern is Pattern.LITERAL else f"{kind}s that begin with `{self.name}`"
        does = self.operation.name.title().replace("_", "")
        where = "" if self.host == "*" else f" from `{self.host}`"
        denied = "" if self.permission is Permission.ALLOW else "no "
        return f"{denied}{does} on {what} for `{self.principal}`{where}"


def principal(name: str) -> str:
    """What Kafka calls whoever has a certificate with this name."""
    return f"User:{name}"


def desk_rights(desk: DeskOnKafka, names: Names) -> frozenset[Right]:
    """What a desk may do: read its inbox and keep its own place in it, unless that lies among others', and write its
    outbox if it has one.

    That a directory is read whole is no right here: desks read it through the hub's edge, where it is proved.
    """
    who = principal(desk.mailbox)
    rights = set[Right]()
    if names.inboxes == "topics":
        rights |= {
            Right(who, Resource.TOPIC, names.topic(inbox(desk.mailbox)), Pattern.LITERAL, Operation.READ),
            Right(who, Resource.GROUP, groups_of(desk.mailbox), Pattern.PREFIXED, Operation.READ),
        }
    if desk.writes:
        rights.add(Right(who, Resource.TOPIC, names.topic(outbox(desk.mailbox)), Pattern.LITERAL, Operation.WRITE))
    return frozenset(rights)


def groups_of(mailbox: Mailbox) -> str:
    """What the names of a desk's own consumer groups begin with. The dot ends the mailbox: none is the beginning of
    another."""
    return f"{mailbox}."


def hub_rights(name: str, names: Names) -> frozenset[Right]:
    """What the hub may do, whoever its desks are.

    Args:
        name: The name in its certificate.
        names: What its things are called.

    It may make the inbox of a desk that comes to it, if that is a topic, and neither change nor remove a topic, nor
    give or take rights.
    """
    who = principal(name)
    ours = [(topic, Pattern.PREFIXED) for topic in _begun(names)] + [
        (topic, Pattern.LITERAL) for topic in _named(names)
    ]
    # The settings are read at every start: on unsafe topics no hub starts.
    each = (Operation.READ, Operation.WRITE, Operation.DESCRIBE_CONFIGS)
    topics = {Right(who, Resource.TOPIC, topic, pattern, does) for topic, pattern in ours for does in each}
    if names.inboxes == "topics":
        topics.add(Right(who, Resource.TOPIC, names.topic(inbox(Mailbox(""))), Pattern.PREFIXED, Operation.CREATE))
    return frozenset(topics) | {
        *(Right(who, Resource.GROUP, group, Pattern.LITERAL, Operation.READ) for group in names.groups),
        Right(who, Resource.TRANSACTIONAL_ID, names.lanes, Pattern.PREFIXED, Operation.WRITE),
    }


def reaches(right: Right, desks: Iterable[DeskOnKafka], names: Names) -> bool:
    """Whether a right lets somebody read or write what is the hub's or a desk's."""
    if right.permission is not Permission.ALLOW:
        return False
    if right.operation not in (Operation.ALL, Operation.READ, Operation.WRITE):
        return False
    match right.resource:
        case Resource.TOPIC:
            named, begun = _named(names), _begun(names)
        case Resource.GROUP:
            named, begun = set(names.groups), {groups_of(desk.mailbox) for desk in desks}
        case Resource.TRANSACTIONAL_ID:
            named, begun = set(), {names.lanes}
        case _:
            return False
    if right.pattern is Pattern.LITERAL:
        return right.name == "*" or right.name in named or right.name.startswith(tuple(begun))
    return right.name.startswith(tuple(begun)) or any(each.startswith(right.name) for each in named | begun)


def _named(names: Names) -> set[str]:
    """The hub's topics that are called so."""
    shared = (INBOXES,) if names.inboxes == "shared" else ()
    return {names.topic(topic) for topic in (DIRECTORY, DOORS, LEDGER, QUARANTINE, *shared)}


def _begun(names: Names) -> set[str]:
    """What the names of all its other topics begin with: inboxes, inputs, and the rows of lanes."""
    inboxes = (inbox(Mailbox("")),) if names.inboxes == "topics" else ()
    return {names.topic(topic) for topic in (*inboxes, outbox(Mailbox("")), changelog(""))}
