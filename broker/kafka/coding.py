"""What a lane writes to its changelog and to the ledger's topic, as bytes. Both sides of each form stand here.

A row of the changelog has a key, which compaction needs: the table and the row's HMAC. No other record on a topic of
ours has one. Values are sealed, or public to whoever audits: nothing here says anything about anybody.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from struct import Struct, error

from broker.errors import StateUnreadable
from broker.ports import Leaf, RowKey, SealedRow, Table
from broker.transport.turn import Growth, Note

CHUNK_BYTES = 2**20
"""About how much one record of the ledger's topic holds at most; one larger leaf is still a record of its own."""

_POSITION = b"position"
_FRONTIER = b"frontier/"
_NUMBER = Struct(">Q")
_LENGTH = Struct(">I")
_NONE = 2**32 - 1


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a lane's state; None for one that was deleted."""

    table: Table
    key: RowKey
    value: SealedRow | None


@dataclass(frozen=True, slots=True)
class Reached:
    """The lane's position."""

    position: int


@dataclass(frozen=True, slots=True)
class Edge:
    """A ledger's frontier."""

    log: str
    frontier: bytes


Change = Row | Reached | Edge


def change_to_record(change: Change) -> tuple[bytes, bytes | None]:
    """Key and value of a changelog's record."""
    match change:
        case Row():
            return b"%s/%s" % (change.table.value.encode("ascii"), change.key), change.value
        case Reached():
            return _POSITION, _NUMBER.pack(change.position)
        case Edge():
            return _FRONTIER + change.log.encode(), change.frontier


def change_from_record(key: bytes | None, value: bytes | None) -> Change:
    """The change that a changelog's record holds.

    Raises:
        StateUnreadable: it is not one of ours.
    """
    try:
        if key is None:
            raise ValueError
        if key == _POSITION and value is not None:
            (position,) = _NUMBER.unpack(value)
            return Reached(position)
        if key.startswith(_FRONTIER) and value is not None:
            return Edge(key[len(_FRONTIER) :].decode(), value)
        table, found, row = key.partition(b"/")
        if not found:
            raise ValueError
        return Row(Table(table.decode("ascii")), RowKey(row), None if value is None else SealedRow(value))
    except (ValueError, error):
        raise StateUnreadable("a record of the changelog is not one of ours") from None


def growth_to_records(growth: Growth) -> Iterator[bytes]:
    """The records that hold these entries, in order. The frontier stands in the last."""
    first, size = 0, 0
    for number, leaf in enumerate(growth.leaves):
        size += len(leaf.entry) + len(leaf.detail or b"")
        if size >= CHUNK_BYTES and number + 1 < len(growth.leaves):
            yield _growth(growth.log, growth.first_index + first, growth.leaves[first : number + 1], b"")
            first, size = number + 1, 0
    yield _growth(growth.log, growth.first_index + first, growth.leaves[first:], growth.frontier)


def note_to_record(note: Note) -> bytes:
    """The record that holds a signed checkpoint."""
    return b"N" + _text(note.log.encode()) + _NUMBER.pack(note.size) + _text(note.note)


def from_ledger_record(data: bytes) -> Growth | Note:
    """What a record of the ledger's topic holds. The frontier of a growth is empty if more of it follows.

    Raises:
        StateUnreadable: it is not one of ours.
    """
    try:
        reader = _Reader(data)
        match reader.take(1):
            case b"N":
                found: Growth | Note = Note(reader.text().decode(), reader.number(), reader.text())
            case b"E":
                log, first = reader.text().decode(), reader.number()
                frontier, count = reader.text(), reader.number()
                found = Growth(log, first, tuple(reader.leaf() for _ in range(count)), frontier)
            case _:
                raise ValueError
        reader.end()
    except (ValueError, error):
        raise StateUnreadable("a record of the ledger is not one of ours") from None
    return found


def is_part(held: Growth | Note) -> bool:
    """Whether more of it follows, in records of the same transaction."""
    return isinstance(held, Growth) and not held.frontier


def joined(held: Sequence[Growth | Note]) -> list[Growth | Note]:
    """What was split over several records, whole again; the last is whole.

    Raises:
        StateUnreadable: something that belongs together does not stand together.
    """
    whole: list[Growth | Note] = []
    for each in held:
        before = whole[-1] if whole else None
        if before is None or not is_part(before):
            whole.append(each)
        elif isinstance(before, Growth) and isinstance(each, Growth) and _follows(each, before):
            whole[-1] = Growth(each.log, before.first_index, (*before.leaves, *each.leaves), each.frontier)
        else:
            raise StateUnreadable("a part of the ledger is missing")
    return whole


def _follows(growth: Growth, before: Growth) -> bool:
    return growth.log == before.log and growth.first_index == before.first_index + len(before.leaves)


def _growth(log: str, first: int, leaves: Sequence[Leaf], frontier: bytes) -> bytes:
    parts = [b"E", _text(log.encode()), _NUMBER.pack(first), _text(frontier), _NUMBER.pack(len(leaves))]
    for leaf in leaves:
        parts += [_text(leaf.entry), _LENGTH.pack(_NONE) if leaf.detail is None else _text(leaf.detail)]
    return b"".join(parts)


def _text(data: bytes) -> bytes:
    return _LENGTH.pack(len(data)) + data


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def take(self, count: int) -> bytes:
        taken = self._data[self._at : self._at + count]
        if len(taken) != count:
            raise ValueError
        self._at += count
        return taken

    def number(self) -> int:
        (number,) = _NUMBER.unpack(self.take(_NUMBER.size))
        return int(number)

    def length(self) -> int:
        (length,) = _LENGTH.unpack(self.take(_LENGTH.size))
        return int(length)

    def text(self) -> bytes:
        return self.take(self.length())

    def leaf(self) -> Leaf:
        entry, length = self.text(), self.length()
        return Leaf(entry, None if length == _NONE else self.take(length))

    def end(self) -> None:
        if self._at != len(self._data):
            raise ValueError
