"""Tables *epochs*, *numbers* and *pending*: what it takes to hand a desk its letters in order, each with its proof."""

from dataclasses import dataclass
from functools import cached_property, lru_cache

from broker.ledger.merkle import DIGEST_BYTES, Digest
from broker.ports import RowKey, Table
from broker.sealing.letters import ItemKind
from broker.state.rows import Rows
from schemas import DeskId, Mailbox
from schemas.identifiers import KeyIdField
from schemas.said import Said
from schemas.strict import b64u_decode, b64u_encode, json_decode, json_encode


class Epoch(Said):
    """The key under which a desk's content keys are wrapped at present."""

    kid: KeyIdField
    epoch: int
    key: str
    """32 bytes, base64url. The row is sealed under the state key like every other."""

    @cached_property
    def secret(self) -> bytes:
        """The key."""
        return b64u_decode(self.key, size=32)

    @classmethod
    def made(cls, kid: str, epoch: int, secret: bytes) -> "Epoch":
        """A key that begins now."""
        return cls.of(kid=kid, epoch=epoch, key=b64u_encode(secret))


@dataclass(frozen=True, slots=True)
class Pending:
    """An item whose entry is committed and which leaves in the next turn, with its proof."""

    order: int
    """Its place among the items that leave together."""
    mailbox: Mailbox
    kind: ItemKind
    content: bytes
    """Its JSON, as it leaves."""
    entry: bytes
    index: int
    """Where its entry stands in the ledger."""
    hashes: tuple[Digest, ...]
    """Inclusion proof in the tree as that turn left it, leaf upwards."""

    def to_bytes(self) -> bytes:
        """A head in JSON after its length in 4 bytes, then the hashes, the entry and the content as they are."""
        head = json_encode([self.order, self.mailbox, self.kind.value, self.index, len(self.hashes), len(self.entry)])
        return b"".join((len(head).to_bytes(4, "big"), head, *self.hashes, self.entry, self.content))

    @classmethod
    def from_bytes(cls, row: bytes) -> "Pending":
        """Undo `to_bytes`. The row is ours: it opened under the state key."""
        start = 4 + int.from_bytes(row[:4], "big")
        order, mailbox, kind, index, hashes, entry_size = json_decode(row[4:start])
        entry_at = start + hashes * DIGEST_BYTES
        return cls(
            order=order,
            mailbox=Mailbox(mailbox),
            kind=ItemKind(kind),
            content=row[entry_at + entry_size :],
            entry=row[entry_at : entry_at + entry_size],
            index=index,
            hashes=tuple(Digest(row[at : at + DIGEST_BYTES]) for at in range(start, entry_at, DIGEST_BYTES)),
        )


def epoch_of(rows: Rows, desk: DeskId) -> Epoch | None:
    """The desk's present key; None if it has none, and so gets no letter."""
    row = rows.get(Table.EPOCHS, rows.vault.row_key(Table.EPOCHS, desk))
    return None if row is None else _read_epoch(row)


@lru_cache(maxsize=4_096)
def _read_epoch(row: bytes) -> Epoch:
    return Epoch.from_bytes(row)


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


def _pending_key(rows: Rows, item: Pending) -> RowKey:
    return rows.vault.pending_row_key(item.index)
