"""Table *told*: which desk holds which compartments of which notification, and which part a person has acknowledged.

A correction, a recall and an acknowledgement all start from here.
"""

from broker.ports import Table
from broker.state.rows import Rows
from broker.state.vault import Person
from schemas import DeskId, Label, NotificationId
from schemas.identifiers import DeskIdField
from schemas.said import Said


class ToldDesk(Said):
    """What one desk holds of one notification."""

    desk: DeskIdField
    labels: tuple[Label, ...]
    parts: int = 1
    """How many parts have left for it."""
    acknowledged: tuple[int, ...] = ()
    """Parts that a person of the desk has acknowledged."""
    returned: tuple[int, ...] = ()
    """Parts of which a person of the desk has said that they are not for them."""


class Told(Said):
    """All desks that hold something of one notification."""

    publisher: DeskIdField
    """Who said it, and so the only one who may correct it."""
    desks: tuple[ToldDesk, ...]

    def to(self, desk: DeskId) -> ToldDesk | None:
        """What *desk* holds; None if nothing."""
        return next((told for told in self.desks if told.desk == desk), None)


def told_of(rows: Rows, person: Person, notification: NotificationId) -> Told | None:
    """Who was told of a notification about this person; None if nobody was, or it is about somebody else."""
    row = rows.get(Table.TOLD, rows.vault.person_row_key(person, Table.TOLD, notification))
    return None if row is None else Told.from_bytes(row)


def put_told(rows: Rows, person: Person, notification: NotificationId, told: bytes) -> None:
    """Who was told, from now on: a `Told`, written."""
    rows.put(Table.TOLD, rows.vault.person_row_key(person, Table.TOLD, notification), told)
