"""Every name by which something is logged, traced or measured, and every field that may go with one.

Names of events and counts are noun.past-verb and are for ever. Fields are ids, counts and words of closed lists: never
a payload, a key, a person, a kind that would tell of one, or the text of somebody else's exception.
"""

from enum import StrEnum


class Event(StrEnum):
    """What can happen that an operator must be able to see in the log."""

    LANE_TAKEN = "lane.taken"
    LANE_FENCED = "lane.fenced"
    """Another owner has the lane, or may have; this one stopped."""
    LANE_PAUSED = "lane.paused"
    """A passing fault: the turn is tried again and nothing is skipped."""
    LANE_RESUMED = "lane.resumed"
    """What it was paused for has passed."""
    INBOXES_NOT_FOLLOWED = "inboxes.not_followed"
    """This process cannot follow the inboxes that share a topic on Kafka; desks are told to come back."""
    LEDGER_NOT_COPIED = "ledger.not_copied"
    """This process cannot follow the ledgers on Kafka; what it proves is as old as its copy. It is tried again."""
    DOORS_CLOSED = "doors.closed"
    """What desks write to topics of their own is not carried now. It lies there, and it is tried again."""
    CLOCK_JUMPED = "clock.jumped"
    """Alarm: the clock was set ahead by more than time can have passed. The lane is paused until it is set right, or
    until somebody who knows that it is right restarts the hub."""
    NOTIFICATION_QUARANTINED = "notification.quarantined"
    NOTIFICATION_REUSED = "notification.reused"
    """Alarm: a known notification id with another head."""
    SEQUENCE_BROKEN = "sequence.broken"
    """Alarm: a desk's count of what it says has a gap or goes back."""
    DECISION_REFUSED = "decision.refused"
    """Alarm: the policy engine failed for a desk, so that desk was told nothing."""
    KEYS_IN_FILES = "keys.in_files"
    """Warning: demo keys are in use."""
    ITEM_REFUSED = "item.refused"
    """At a desk: a letter, package or receipt failed a check."""
    LETTER_MISSING = "letter.missing"
    """At a desk: the count of its letters has a gap."""
    SENDING_REFUSED = "sending.refused"
    """At a desk: the hub will never take a notification of ours; it is given up."""
    HUB_UNREACHABLE = "hub.unreachable"
    """At a desk: talking to the hub failed; it is tried again."""
    STORE_FAILED = "store.failed"
    """At a desk: its own disk does not let it; what it was about is tried again."""
    LEDGER_FORKED = "ledger.forked"
    """Alarm, at a desk: the hub does not prove that its ledger only grew."""
    LEDGER_BEHIND = "ledger.behind"
    """Alarm: a desk holds a checkpoint that this hub signed and does not have: its data is older than it was, or a copy
    of it is at work elsewhere. Nothing is taken in, decided or signed."""
    COPY_RESTORED = "copy.restored"
    """Alarm: the data was made from a backup. Nothing is done before every desk has said what it has seen."""
    DESK_AWAITED = "desk.awaited"
    """One that has not said so yet."""
    ROWS_REMOVED = "rows.removed"
    """What need not be kept any longer, by the settings."""
    REMOVAL_FAILED = "removal.failed"
    """It is tried again."""
    ITEMS_MISSED = "items.missed"
    """Alarm, at a desk: it was away for so long that the hub removed what it had not read."""
    COPY_ACCEPTED = "copy.accepted"
    """A hub made from a backup goes on: every desk has spoken, or the operator has."""
    EDGE_OPENED = "edge.opened"
    """From now on desks can reach the hub."""
    EDGE_CLOSED = "edge.closed"
    REQUEST_FAILED = "request.failed"
    """A request met a fault of ours; it is answered, and not with what went wrong."""
    FILE_TAKEN = "file.taken"
    """At a desk: an adapter has read a file to its end."""
    FILE_REFUSED = "file.refused"
    """At a desk: files are larger than the settings allow, and are left where they are."""
    OUTBOX_FILLED = "outbox.filled"
    """At a desk: an adapter reads on when half of what waits is sent."""
    PUSH_REFUSED = "push.refused"
    """At a desk: the agency's own system did not take a letter; it is tried again."""
    ENDPOINT_CLOSED = "endpoint.closed"
    """Alarm, at a desk: the agency's own system says that it takes no letters any more; they wait."""
    LIBRARY_LOGGED = "library.logged"
    """A library had something to say. What it said stays here: it may quote what it was given."""
    FAULT_ESCAPED = "fault.escaped"
    """An exception that nobody caught ended a thread or the process."""


class Field(StrEnum):
    """What may stand beside an event in the log."""

    LANE = "lane"
    DESK = "desk"
    """In the log of whoever runs the hub or that desk; never on a metric."""
    ID = "id"
    """Of a notification: chosen at random, and no capability rests on knowing it."""
    ITEM = "item"
    """The number of an item in its inbox."""
    REASON = "reason"
    """A word of a closed list, or the name of an exception's class."""
    LOG = "log"
    """The origin of a ledger."""
    PORT = "port"
    """Where the hub listens."""
    ROUTE = "route"
    """The template of a request's address, never the address."""
    FILES = "files"
    SAID = "said"
    REJECTED = "rejected"
    """How many files there are, and how many of a file's rows were said or not."""
    EXPECTED = "expected"
    FOUND = "found"
    LOGGER = "logger"
    """Of a library."""
    EXCEPTION = "exception"
    """The name of its class."""
    PLACE = "place"
    """Where an exception was raised: module and line."""
    DROPPED = "dropped"
    """How many fields were left out because they are not in this list, or are no id, count or word."""


class Span(StrEnum):
    """What takes time and is traced: one a batch, never one a notification. The verb is in the present."""

    LANE_TURN = "lane.turn"
    """At the hub: one turn that had records to read or items to send."""
    REQUEST_SERVE = "request.serve"
    """At the hub: one request."""
    OUTBOX_FLUSH = "outbox.flush"
    """At a desk: what waited in the outbox is handed over."""
    INBOX_HEAR = "inbox.hear"
    """At a desk: one batch of items is checked, opened and stored."""
    ADAPTER_ROUND = "adapter.round"
    """At a desk: one round of an adapter that had something to say or to hear."""
    LIBRARY_WORK = "library.work"
    """What a library calls by a name of its own, which may hold a topic's: that name stays here."""


class Attribute(StrEnum):
    """What may stand on a span or a measurement. Counts, and what a request is without its sender or content."""

    RECORDS = "records"
    """How many records a turn read."""
    LETTERS = "letters"
    """How many letters a turn sent, or a desk opened."""
    NOTIFICATIONS = "notifications"
    """How many notifications were handed over."""
    ITEMS = "items"
    """How many items an inbox held."""
    REFUSED = "refused"
    """How many of them failed a check."""
    ROUTE = "http.route"
    """The template, such as `/inbox/{mailbox}`; never the path."""
    METHOD = "http.request.method"
    STATUS = "http.response.status_code"
    EXCEPTION = "error.type"
    """The name of its class."""
    DROPPED = "dropped"
    """As in the log."""


class Count(StrEnum):
    """What is counted, from when the process began."""

    NOTIFICATION_ACCEPTED = "notification.accepted"
    NOTIFICATION_REFUSED = "notification.refused"
    """By a publisher that is known, who was told so."""
    NOTIFICATION_REPEATED = "notification.repeated"
    """Retries of what was dealt with before."""
    NOTIFICATION_QUARANTINED = "notification.quarantined"
    """What was refused and kept aside: those above, what nobody known had signed, and what met a fault of ours."""
    LETTER_DELIVERED = "letter.delivered"
    """Put into an inbox, with its proof."""
    ENTRY_RECORDED = "entry.recorded"
    """Lines of the ledgers, filler among them."""
    INCIDENT_NOTED = "incident.noted"
    """At a desk: items that failed a check."""
    REQUEST_SERVED = "request.served"
    """By route, method and status."""


class Duration(StrEnum):
    """What is timed, in seconds; also when it ended with an error."""

    TURN_LASTED = "turn.lasted"
    COMMIT_LASTED = "commit.lasted"
    """Of these, the transaction."""
    REQUEST_LASTED = "request.lasted"
    """By route, method and status."""


class Gauge(StrEnum):
    """What is so at the moment."""

    RECORDS_WAITING = "record.waiting"
    """Records that a look into the input found, as many as one turn takes at most; at that figure more may wait."""
    LETTERS_PENDING = "letter.pending"
    """Letters whose entries are committed, and which leave in the next turn."""


Metric = Count | Duration | Gauge

# A label for each desk, kind or area would tell whoever reads the metrics when something rare happened to somebody:
# with six letters a day in a district, "one more of this kind, at 14:02" is a person. So there are totals, and nothing
# else but what a request looks like from outside.
LABELS: dict[Metric, frozenset[Attribute]] = {
    Count.REQUEST_SERVED: frozenset({Attribute.ROUTE, Attribute.METHOD, Attribute.STATUS}),
    Duration.REQUEST_LASTED: frozenset({Attribute.ROUTE, Attribute.METHOD, Attribute.STATUS}),
}
"""The labels that a metric may have; one that is not here has none."""
