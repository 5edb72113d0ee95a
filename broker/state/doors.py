"""Tables *seen* and *seq*: what a door remembers of one publisher."""

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
    return rows.vault.row_key(Table.SEEN, publisher, notification, asked_again=False)


def last_seq(rows: Rows, publisher: DeskId) -> int:
    """The highest count that this desk has used; 0 before its first."""
    row = rows.get(Table.SEQ, rows.vault.row_key(Table.SEQ, publisher))
    return 0 if row is None else int.from_bytes(row, "big")


def put_seq(rows: Rows, publisher: DeskId, seq: int) -> None:
    """Remember the highest count that this desk has used."""
    rows.put(Table.SEQ, rows.vault.row_key(Table.SEQ, publisher), seq.to_bytes(8, "big"))
