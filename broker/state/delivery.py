"""Tables *epochs*, *numbers* and *pending*: what it takes to hand a desk its letters in order, each with its proof."""

from typing import Any

from broker.ports import Table
from broker.sealing.letters import ItemKind
from broker.state.rows import Rows
from schemas import DeskId
from schemas.identifiers import KeyIdField, MailboxField
from schemas.said import Said
from schemas.strict import b64u_decode, b64u_encode


class Epoch(Said):
    """The key under which a desk's content keys are wrapped at present."""

    kid: KeyIdField
    epoch: int
    key: str
    """32 bytes, base64url. The row is sealed under the state key like every other."""

    @property
    def secret(self) -> bytes:
        """The key."""
        return b64u_decode(self.key, size=32)

    @classmethod
    def made(cls, kid: str, epoch: int, secret: bytes) -> "Epoch":
        """A key that begins now."""
        return cls.of(kid=kid, epoch=epoch, key=b64u_encode(secret))


class Pending(Said):
    """An item whose entry is committed and which leaves in the next turn, with its proof."""

    order: int
    """Its place among the items that leave together."""
    mailbox: MailboxField
    kind: ItemKind
    content: dict[str, Any]
    entry: str
    index: int
    """Where its entry stands in the ledger."""
    hashes: tuple[str, ...]
    """Inclusion proof in the tree as that turn left it, base64url, leaf upwards."""


def epoch_of(rows: Rows, desk: DeskId) -> Epoch | None:
    """The desk's present key; None if it has none, and so gets no letter."""
    row = rows.get(Table.EPOCHS, rows.vault.row_key(Table.EPOCHS, desk))
    return None if row is None else Epoch.from_bytes(row)


def put_epoch(rows: Rows, desk: DeskId, epoch: Epoch) -> None:
    """The desk's key from now on."""
    rows.put(Table.EPOCHS, rows.vault.row_key(Table.EPOCHS, desk), epoch.to_bytes())


def next_number(rows: Rows, desk: DeskId) -> int:
    """Count one more letter of this lane for the desk; the first is 1."""
    key = rows.vault.row_key(Table.NUMBERS, desk)
    row = rows.get(Table.NUMBERS, key)
    number = 1 if row is None else int.from_bytes(row, "big") + 1
    rows.put(Table.NUMBERS, key, number.to_bytes(8, "big"))
    return number


def put_pending(rows: Rows, item: Pending) -> None:
    """Keep an item until the next turn."""
    rows.put(Table.PENDING, _pending_key(rows, item), item.to_bytes())


def drop_pending(rows: Rows, item: Pending) -> None:
    """The item leaves with this turn's transaction."""
    rows.put(Table.PENDING, _pending_key(rows, item), None)


def pending(rows: Rows) -> list[Pending]:
    """All items that were committed and have not left, in the order in which they leave."""
    return sorted((Pending.from_bytes(row) for row in rows.all(Table.PENDING)), key=lambda item: item.order)


def _pending_key(rows: Rows, item: Pending) -> Any:
    return rows.vault.row_key(Table.PENDING, str(item.index))
