"""One turn of a lane: what it is given, and what it plans. No I/O: the plan is a value, and the transaction is
another's.

Steps 3 to 6 of a notification's life each add to the turn; `plan` below runs them in order.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from broker.directory import Directory
from broker.ledger.entries import Filler
from broker.ledger.merkle import Frontier, Proof, grow, leaf_hash
from broker.ports import Leaf, Partition, RowKey, SealedRow, Table
from broker.sealing.entropy import Entropy
from broker.sealing.keyring import HubKeys
from broker.sealing.letters import ItemKind
from broker.state.frontiers import put_frontier
from broker.state.pending import Packing, Pending, put_pending
from broker.state.rows import Rows
from broker.telemetry import Count, Event
from policies import Engine
from schemas import AgencyId, Mailbox
from schemas.strict import b64u_encode

FILL_TO = (16, 64, 256, 1_024)
"""A batch of entries is padded with filler to the next of these, and beyond to a multiple of the last."""


@dataclass(frozen=True, slots=True)
class Premises:
    """What does not change from turn to turn."""

    hub: AgencyId
    lanes: tuple[str, ...]
    """Origins of the ledgers of all lanes, in their order."""
    directory_log: str
    """Origin of the directory's ledger, to which the first lane writes."""
    keys: HubKeys
    policies: Engine
    entropy: Entropy
    index: int = 0
    """Which lane this is; of a door, which door."""
    is_door: bool = False

    @property
    def lane(self) -> str:
        """Origin of the lane's ledger."""
        return self.lanes[self.index]

    @property
    def is_alone(self) -> bool:
        """Whether it is the only lane: then there are no doors, and what is a door's is done here."""
        return len(self.lanes) == 1

    @property
    def is_told(self) -> bool:
        """Whether directory events come here from the first lane, and from nobody else."""
        return self.is_door or self.index != 0

    def home_of(self, place: int) -> int:
        """The lane in which a person is at home.

        Args:
            place: `place_of` them.
        """
        return place % len(self.lanes)


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something that an operator must see. Ids only."""

    event: Event
    ids: dict[str, str | int]


@dataclass(frozen=True, slots=True)
class Counted:
    """What became of one record, for the metrics."""

    count: Count
    traceparent: str | None = None
    """The trace of a notification that was accepted, if it has one."""


@dataclass(frozen=True, slots=True)
class _PlannedItem:
    kind: ItemKind
    mailbox: Mailbox
    pieces: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class _PlannedEntry:
    entry: bytes
    detail: bytes | None
    item: _PlannedItem | None


@dataclass(frozen=True, slots=True)
class Batch:
    """What one turn appends to one ledger."""

    log: str
    before: Frontier
    after: Frontier
    leaves: list[Leaf]


@dataclass(frozen=True, slots=True)
class Plan:
    """All that one turn's transaction writes, and what the lane knows once it is committed."""

    sends: list[tuple[str, bytes]]
    passed: list[tuple[Partition, bytes]]
    """To the inputs of this hub's own lanes and doors."""
    rows: list[tuple[Table, RowKey, SealedRow | None]]
    batches: list[Batch]
    alarms: list[Alarm]
    counted: list[Counted]
    """To be said once it is committed, like the alarms."""
    directory: Directory
    pending: list[Pending]
    """What leaves in the turn after this one."""


@dataclass
class Turn:
    """A turn in the making."""

    premises: Premises
    rows: Rows
    directory: Directory
    now: datetime
    """Lane time: never earlier than what was last recorded."""
    sends: list[tuple[str, bytes]] = field(default_factory=list)
    passed: list[tuple[Partition, bytes]] = field(default_factory=list)
    alarms: list[Alarm] = field(default_factory=list)
    counted: list[Counted] = field(default_factory=list)
    _entries: list[_PlannedEntry] = field(default_factory=list)
    _events: list[bytes] = field(default_factory=list)

    def line(self) -> dict[str, Any]:
        """The fields that every ledger entry of this turn begins with: a fresh salt, and its moment."""
        return {"salt": self.salt(), **self.moment()}

    def salt(self) -> str:
        """Fresh salt for one ledger entry."""
        return b64u_encode(self.premises.entropy(16))

    def moment(self) -> dict[str, Any]:
        """When, for ledger entries: lane time, and the size of the directory."""
        return {"ts": self.now, "dir": self.directory.size}

    def enter(
        self,
        entry: bytes,
        *,
        detail: bytes | None = None,
        item: tuple[ItemKind, Mailbox, tuple[bytes, ...]] | None = None,
    ) -> bytes:
        """Plan a ledger entry, and the inbox item that leaves with its proof. Returns the entry."""
        self._entries.append(_PlannedEntry(entry, detail, _PlannedItem(*item) if item else None))
        return entry

    def enter_event(self, event: bytes) -> None:
        """Plan an entry of the directory's ledger."""
        self._events.append(event)

    def alarm(self, event: Event, **ids: str | int) -> None:
        """Plan an alarm."""
        self.alarms.append(Alarm(event, ids))

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """Keep what is planned inside only if the block ends well: one record's failure leaves no half of it behind."""
        lists: tuple[list[Any], ...] = (self.sends, self.passed, self.alarms, self.counted, self._entries, self._events)
        before, directory = [len(planned) for planned in lists], self.directory
        try:
            with self.rows.attempt():
                yield
        except BaseException:
            self.directory = directory
            for planned, length in zip(lists, before, strict=True):
                del planned[length:]
            raise

    def finish(self, frontier: Callable[[str], Frontier]) -> Plan:
        """Fill and shuffle the entries, grow the trees, and give each waiting item the proof of its entry.

        Args:
            frontier: The committed frontier of a ledger.
        """
        batches = []
        waiting: list[Pending] = []
        if self._events:
            batches.append(
                _batch(self.premises.directory_log, frontier, [Leaf(event, None) for event in self._events])[0]
            )
        if self._entries:
            filled = self._filled()
            leaves = [Leaf(planned.entry, planned.detail) for planned in filled]
            batch, proofs = _batch(self.premises.lane, frontier, leaves)
            batches.append(batch)
            waiting = self._waiting(filled, batch.before.size, proofs)
            put_pending(self.rows, waiting)
            put_clock(self.rows, self.now)
        for grown in batches:
            put_frontier(self.rows, grown.log, grown.after)
        return Plan(
            sends=self.sends,
            passed=self.passed,
            rows=list(self.rows.sealed_changes()),
            batches=batches,
            alarms=self.alarms,
            counted=self.counted,
            directory=self.directory,
            pending=waiting,
        )

    def _waiting(self, filled: list[_PlannedEntry], size: int, proofs: Sequence[Proof]) -> list[Pending]:
        """The items that wait, in the order in which they were planned, not in that of the leaves.

        Args:
            filled: All entries, as they stand in the ledger behind the first *size*.
            size: How many there were before.
            proofs: Of each of *filled*.
        """
        places = {id(planned): place for place, planned in enumerate(filled)}
        packing, waiting = Packing(), list[Pending]()
        for planned in self._entries:
            if (item := planned.item) is not None:
                place = places[id(planned)]
                index, order = size + place, len(waiting)
                row = packing.row_of(index, item.pieces)
                waiting.append(
                    Pending(order, item.mailbox, item.kind, item.pieces, planned.entry, index, proofs[place], row)
                )
        return waiting

    def _filled(self) -> list[_PlannedEntry]:
        count = len(self._entries)
        wanted = next((size for size in FILL_TO if count <= size), -(-count // FILL_TO[-1]) * FILL_TO[-1])
        return _shuffled([*self._entries, *self._filler(wanted - count)], self.premises.entropy)

    def _filler(self, count: int) -> list[_PlannedEntry]:
        """So many lines that say nothing. They differ in their salts alone, so one is made and the others are its
        copies."""
        if not count:
            return []
        line = self.line()
        before, after = Filler.write(**line).split(line["salt"].encode("ascii"))
        salts = (b64u_encode(self.premises.entropy(16)).encode("ascii") for _ in range(count))
        return [_PlannedEntry(before + salt + after, None, None) for salt in salts]


def _shuffled(entries: list[_PlannedEntry], entropy: Entropy) -> list[_PlannedEntry]:
    keys = entropy(8 * len(entries))
    places = sorted(range(len(entries)), key=lambda place: keys[8 * place : 8 * place + 8])
    return [entries[place] for place in places]


def _batch(log: str, frontier: Callable[[str], Frontier], leaves: list[Leaf]) -> tuple[Batch, Sequence[Proof]]:
    before = frontier(log)
    grown = grow(before, [leaf_hash(leaf.entry) for leaf in leaves])
    return Batch(log, before, grown.frontier, leaves), grown.proofs


def lane_time(rows: Rows, reading: datetime) -> datetime:
    """The later of the clock's reading and the time that the lane last recorded, so that lane time never goes back."""
    row = rows.get(Table.CLOCK, rows.vault.row_key(Table.CLOCK))
    recorded = reading if row is None else datetime.fromisoformat(row.decode("ascii"))
    return max(reading, recorded)


def put_clock(rows: Rows, now: datetime) -> None:
    """Record lane time."""
    rows.put(Table.CLOCK, rows.vault.row_key(Table.CLOCK), now.isoformat().encode("ascii"))
