"""One turn's transaction: what its block asks for, and how the writer of a file does it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import apsw

from broker.errors import Fenced
from broker.ports import Leaf, Partition, RowKey, SealedRow, Table
from broker.transport import records
from broker.transport.lease import Fence


class Growth(NamedTuple):
    """Entries for one ledger, and its frontier after them."""

    log: str
    first_index: int
    leaves: Sequence[Leaf]
    frontier: bytes


class Note(NamedTuple):
    """A signed checkpoint of one ledger."""

    log: str
    size: int
    note: bytes


def ledger_size(frontier: bytes | None) -> int:
    """How many entries a ledger has: the first eight bytes of its frontier, big-endian. See broker/ledger/README.md."""
    return int.from_bytes(frontier[:8], "big") if frontier else 0


@dataclass(slots=True)
class CollectedTx:
    """`Tx`: collects what one turn does. Nothing of it is tried before the block ends, and then all of it at once."""

    sends: list[tuple[Partition, bytes]] = field(default_factory=list)
    puts: dict[tuple[Table, RowKey], SealedRow | None] = field(default_factory=dict)
    growths: list[Growth] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    position: int | None = None

    def send(self, topic: str, value: bytes, *, partition: int = 0) -> None:
        """See `Tx.send`."""
        self.sends.append(((topic, partition), value))

    def put(self, table: Table, key: RowKey, value: SealedRow | None) -> None:
        """See `Tx.put`."""
        self.puts[table, key] = value

    def record(self, log: str, first_index: int, leaves: Sequence[Leaf], frontier: bytes) -> None:
        """See `Tx.record`."""
        if ledger_size(frontier) != first_index + len(leaves):
            raise ValueError(f"the frontier is not that of `{log}` after these entries")
        self.growths.append(Growth(log, first_index, tuple(leaves), frontier))

    def sign(self, log: str, size: int, note: bytes) -> None:
        """See `Tx.sign`."""
        self.notes.append(Note(log, size, note))

    def done(self, position: int) -> None:
        """See `Tx.done`."""
        self.position = position


@dataclass(frozen=True, slots=True)
class Turn:
    """All that one turn does to the file, as a value that can be applied again when its group was undone."""

    fence: Fence
    sends: Sequence[tuple[Partition, bytes]]
    puts: Sequence[tuple[tuple[Table, RowKey], SealedRow | None]]
    growths: Sequence[Growth]
    notes: Sequence[Note]
    position: int | None

    @classmethod
    def of(cls, tx: CollectedTx, fence: Fence) -> "Turn":
        """What *tx* has collected, to be done under *fence*."""
        return cls(
            fence=fence,
            sends=tuple(tx.sends),
            puts=tuple(tx.puts.items()),
            growths=tuple(tx.growths),
            notes=tuple(tx.notes),
            position=tx.position,
        )

    @property
    def size_bytes(self) -> int:
        """About how much the commit has to write."""
        return (
            sum(len(value) for _, value in self.sends)
            + sum(len(value or b"") for _, value in self.puts)
            + sum(len(leaf.entry) + len(leaf.detail or b"") for growth in self.growths for leaf in growth.leaves)
        )

    @property
    def partitions(self) -> Iterable[Partition]:
        """Where records are added."""
        return {partition for partition, _ in self.sends}

    def apply(self, connection: apsw.Connection) -> None:
        """Do all of it, inside the transaction or savepoint of the caller.

        Raises:
            Fenced: the lane has another epoch, or a ledger another size.
        """
        self.fence.check(connection)  # first, and in this transaction: nobody can take the lane before it ends
        self._put(connection)
        for growth in self.growths:
            grow(connection, growth)
        keep_notes(connection, self.notes)
        records.append(connection, self.sends)
        if self.position is not None:
            connection.execute(
                "INSERT INTO position(lane, offset) VALUES(?, ?) ON CONFLICT DO UPDATE SET offset = excluded.offset",
                (self.fence.lane, self.position),
            )

    def _put(self, connection: apsw.Connection) -> None:
        lane = self.fence.lane
        connection.executemany(
            "DELETE FROM state WHERE lane = ? AND tbl = ? AND key = ?",
            [(lane, table, key) for (table, key), value in self.puts if value is None],
        )
        connection.executemany(
            "INSERT INTO state(lane, tbl, key, value) VALUES(?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET value = excluded.value",
            [(lane, table, key, value) for (table, key), value in self.puts if value is not None],
        )


def frontier_of(connection: apsw.Connection, log: str) -> bytes | None:
    """The committed frontier of a ledger; None if it has no entry yet."""
    frontier: bytes | None = connection.execute("SELECT frontier FROM ledger_frontier WHERE log = ?", (log,)).get
    return frontier


def keep_notes(connection: apsw.Connection, notes: Sequence[Note]) -> None:
    """Keep signed checkpoints, the first of each size."""
    connection.executemany(
        "INSERT INTO ledger_checkpoint(log, size, note) VALUES(?, ?, ?) ON CONFLICT DO NOTHING", notes
    )


def grow(connection: apsw.Connection, growth: Growth) -> None:
    """Append entries to a ledger.

    Raises:
        Fenced: they are not the next of it.
    """
    size = ledger_size(frontier_of(connection, growth.log))
    if size != growth.first_index:
        raise Fenced(f"ledger `{growth.log}` has {size} entries, and not {growth.first_index}")
    numbered = list(enumerate(growth.leaves, growth.first_index))
    connection.executemany(
        "INSERT INTO ledger_entry(log, i, entry) VALUES(?, ?, ?)",
        [(growth.log, index, leaf.entry) for index, leaf in numbered],
    )
    connection.executemany(
        "INSERT INTO ledger_detail(log, i, sealed) VALUES(?, ?, ?)",
        [(growth.log, index, leaf.detail) for index, leaf in numbered if leaf.detail is not None],
    )
    connection.execute(
        "INSERT INTO ledger_frontier(log, frontier) VALUES(?, ?)"
        " ON CONFLICT DO UPDATE SET frontier = excluded.frontier",
        (growth.log, growth.frontier),
    )
