"""Tables *seen*, *seq* and *sent*: what is remembered of one publisher. A hub's only lane has no door before it, and
remembers all of it; of several, each remembers what it has seen, and the doors the rest.
"""

from broker.ports import RowKey, Table
from broker.sealing.packages import Outcome
from broker.state.rows import Rows
from schemas import DeskId, NotificationId
from schemas.said import Said


class Seen(Said):
    """A notification id that is used up, until its `exp`."""

    head: str
    """Digest of the head that came first under this id."""
    outcome: Outcome
    exp: int


def seen(rows: Rows, publisher: DeskId, notification: NotificationId) -> Seen | None:
    """What became of an id before; None if it is new."""
    row = rows.get(Table.SEEN, _seen_key(rows, publisher, notification))
    return None if row is None else Seen.from_bytes(row)


def put_seen(rows: Rows, publisher: DeskId, notification: NotificationId, value: Seen) -> None:
    """Remember an id."""
    rows.put(Table.SEEN, _seen_key(rows, publisher, notification), value.to_bytes())


def _seen_key(rows: Rows, publisher: DeskId, notification: NotificationId) -> RowKey:
    return rows.vault.row_key(Table.SEEN, publisher, notification)


class Sent(Said):
    """To which lane a notification went, until its `exp`: there goes whatever comes again under its id."""

    head: str
    """Digest of its head."""
    lane: int
    exp: int


def sent(rows: Rows, publisher: DeskId, notification: NotificationId) -> Sent | None:
    """Where an id went before; None if it is new."""
    row = rows.get(Table.SENT, _sent_key(rows, publisher, notification))
    return None if row is None else Sent.from_bytes(row)


def put_sent(rows: Rows, publisher: DeskId, notification: NotificationId, value: Sent) -> None:
    """Remember where an id goes."""
    rows.put(Table.SENT, _sent_key(rows, publisher, notification), value.to_bytes())


def _sent_key(rows: Rows, publisher: DeskId, notification: NotificationId) -> RowKey:
    return rows.vault.row_key(Table.SENT, publisher, notification)


def last_seq(rows: Rows, publisher: DeskId) -> int:
    """The highest count that this desk has used; 0 before its first."""
    row = rows.get(Table.SEQ, rows.vault.row_key(Table.SEQ, publisher))
    return 0 if row is None else int.from_bytes(row, "big")


def put_seq(rows: Rows, publisher: DeskId, seq: int) -> None:
    """Remember the highest count that this desk has used."""
    rows.put(Table.SEQ, rows.vault.row_key(Table.SEQ, publisher), seq.to_bytes(8, "big"))
