"""Table *pending*: items whose entries are committed, until they leave in the next turn, each with its proof.

The letters of one notification have most of their bytes in common. So neighbours lie in one row, where what several of
them hold stands once. Written and read again they are the same items, to the byte.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from broker.ledger.merkle import DIGEST_BYTES, Digest
from broker.ports import Table
from broker.sealing.letters import ItemKind
from broker.state.rows import Rows
from schemas import Mailbox
from schemas.strict import json_decode, json_encode

_ROW_BYTES = 65_536
"""What the items of one row have together, at most; one larger item has a row of its own. A Kafka takes no record that
is much larger than a megabyte."""


@dataclass(frozen=True, slots=True)
class Pending:
    """An item whose entry is committed and which leaves in the next turn, with its proof."""

    order: int
    """Its place among the items that leave together."""
    mailbox: Mailbox
    kind: ItemKind
    pieces: tuple[bytes, ...]
    """Its JSON, as it leaves: all of them, one behind the other."""
    entry: bytes
    index: int
    """Where its entry stands in the ledger."""
    hashes: tuple[Digest, ...]
    """Inclusion proof in the tree as that turn left it, leaf upwards."""
    row: int
    """Which row it lies in: `index` of the first item there."""

    @property
    def content(self) -> bytes:
        """Its JSON, as it leaves."""
        return b"".join(self.pieces)


class Packing:
    """Says of one item after the other which row it lies in."""

    def __init__(self) -> None:
        """Begin with a new row."""
        self._row, self._left = 0, -1

    def row_of(self, index: int, pieces: Sequence[bytes]) -> int:
        """The row of the next item, whose entry stands at *index*."""
        size = sum(map(len, pieces))
        if size > self._left:
            self._row, self._left = index, max(size, _ROW_BYTES)
        self._left -= size
        return self._row


def put_pending(rows: Rows, items: Iterable[Pending]) -> None:
    """Keep all items of a turn until the next."""
    for row, together in groupby(items, key=lambda item: item.row):
        rows.put(Table.PENDING, rows.vault.pending_row_key(row), pending_bytes(list(together)))


def drop_pending(rows: Rows, items: Iterable[Pending]) -> None:
    """The items leave with this turn's transaction, and so does whatever lies in one row with them."""
    for row in dict.fromkeys(item.row for item in items):
        rows.put(Table.PENDING, rows.vault.pending_row_key(row), None)


def pending(rows: Rows) -> list[Pending]:
    """All items that were committed and have not left, in the order in which they leave."""
    return sorted((item for row in rows.all(Table.PENDING) for item in read_pending(row)), key=lambda item: item.order)


def pending_bytes(items: Sequence[Pending]) -> bytes:
    """A row: its head in JSON after its length in 4 bytes, then each item's hashes and entry, then all pieces."""
    numbers: dict[bytes, int] = {}
    heads = []
    parts: list[bytes] = []
    for item in items:
        pieces = [numbers.setdefault(piece, len(numbers)) for piece in item.pieces]
        heads.append([item.order, item.mailbox, item.kind.value, item.index, len(item.hashes), len(item.entry), pieces])
        parts += (*item.hashes, item.entry)
    head = json_encode([items[0].row, heads, [len(piece) for piece in numbers]])
    return b"".join((len(head).to_bytes(4, "big"), head, *parts, *numbers))


def read_pending(data: bytes) -> list[Pending]:
    """Undo `pending_bytes`. The row is ours: it opened under the state key.

    Raises:
        ValueError, TypeError, IndexError: it is not.
    """
    at = 4 + int.from_bytes(data[:4], "big")
    row, heads, sizes = json_decode(data[4:at])
    pieces = list(_cut(data, len(data) - sum(sizes), sizes))
    items = []
    for order, mailbox, kind, index, hashes, entry_size, numbers in heads:
        *digests, entry = _cut(data, at, [*[DIGEST_BYTES] * hashes, entry_size])
        at += hashes * DIGEST_BYTES + entry_size
        items.append(
            Pending(
                order=order,
                mailbox=Mailbox(mailbox),
                kind=ItemKind(kind),
                pieces=tuple(pieces[number] for number in numbers),
                entry=entry,
                index=index,
                hashes=tuple(map(Digest, digests)),
                row=row,
            )
        )
    return items


def _cut(data: bytes, at: int, sizes: Iterable[int]) -> Iterator[bytes]:
    """From *at* on, a piece of each of these sizes."""
    for size in sizes:
        yield data[at : at + size]
        at += size
