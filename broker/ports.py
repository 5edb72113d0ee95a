"""What we ask of the world. Every driver of a port is held to each sentence here by tests/contracts."""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, NewType, Protocol

Partition = tuple[str, int]
"""A topic, and which of its partitions."""

RowKey = NewType("RowKey", bytes)
"""An HMAC: says nothing of what the row is about, not even to whoever holds the file."""

SealedRow = NewType("SealedRow", bytes)
"""A row of state as it is stored: sealed under the state key."""


class Table(StrEnum):
    """The tables of a lane's state. Each has a module in broker/state."""

    DIRECTORY = "directory"
    PERSONS = "persons"
    REFS = "refs"
    LINKS = "links"
    CASES = "cases"
    TOLD = "told"
    EPOCHS = "epochs"
    NUMBERS = "numbers"
    FRONTIERS = "frontiers"
    CLOCK = "clock"
    PENDING = "pending"
    SEEN = "seen"
    SEQ = "seq"
    SENT = "sent"
    ELSEWHERE = "elsewhere"


class Record(NamedTuple):
    """One record of a topic, as it was appended. Records carry no key: the sender names the partition."""

    topic: str
    partition: int
    offset: int
    """Its own number in the partition, higher than those of the records that were appended before it.

    The next place to read from is the last number + 1. There may be gaps, and a gap says nothing.
    """
    value: bytes


class Leaf(NamedTuple):
    """One line of a ledger as it is stored."""

    entry: bytes
    detail: bytes | None
    """The sealed detail record that the entry commits to, if it has one."""


class Clock(Protocol):
    """A reading of the time. Nothing else in the tree asks the machine for it."""

    def now(self) -> datetime:
        """The time, aware, in UTC. Somebody may set it, ahead or back."""

    def steady_s(self) -> float:
        """Seconds on a counter that nobody sets: the difference of two readings is the time that passed between them,
        and that is all that a reading says."""


class Tx(Protocol):
    """One turn's transaction. When its block ends, all of it survives a power cut, or none of it happened.

    Nothing is visible to anybody before that, the lane's own reads included.
    """

    def send(self, topic: str, value: bytes, *, partition: int = 0) -> None:
        """Append a record; those of one transaction stand in the order in which they were sent."""

    def put(self, table: Table, key: RowKey, value: SealedRow | None) -> None:
        """Set a row of the lane's own state; None deletes it. The last of several for one key counts."""

    def record(self, log: str, first_index: int, leaves: Sequence[Leaf], frontier: bytes) -> None:
        """Append entries to a ledger of this lane, and set its frontier.

        Args:
            log: The ledger's origin.
            first_index: The size of the ledger before, so that a second writer cannot number leaves.
            leaves: In order.
            frontier: The log's right edge afterwards; see broker/ledger/README.md.

        The block raises Fenced when it ends, if the ledger's size is not *first_index*.
        """

    def sign(self, log: str, size: int, note: bytes) -> None:
        """Keep the signed checkpoint of a ledger at *size*. One checkpoint a size; the first is kept."""

    def done(self, position: int) -> None:
        """All records before this offset are dealt with. The position is a row of the state like any other."""


class Lane(Protocol):
    """One owned input partition. Not safe for concurrent callers: a lane has one turn at a time."""

    @property
    def name(self) -> str:
        """`<topic>/<partition>`."""

    @property
    def position(self) -> int:
        """The offset from which on no committed transaction is done with any record; 0 at first. The next record may
        have a higher one."""

    async def poll(self, records_max: int, wait_ms: int) -> Sequence[Record]:
        """The next records from the position on, in order, without moving it; empty if none came within *wait_ms*.

        Raises:
            Fenced: somebody else owns the lane.
        """

    def get(self, table: Table, key: RowKey) -> SealedRow | None:
        """A row of the lane's state as it was last committed. Quick enough for the middle of a turn."""

    def rows(self, table: Table) -> Iterable[tuple[RowKey, SealedRow]]:
        """All rows of a table as they were last committed, in the order of their keys."""

    def frontier(self, log: str) -> bytes | None:
        """The committed frontier of a ledger; None if it has no entry yet."""

    def transaction(self) -> AbstractAsyncContextManager[Tx]:
        """Open the turn's transaction; everything in it is planned and sealed already.

        If the block raises, nothing happened. When it has ended, whoever reads is given what it sent.

        Raises:
            Fenced: somebody else may own the lane. Nothing happened; stop, and take the lane anew.
            OutcomeUnknown: the reply was lost. Read the position again: it is the only truth.
        """


@dataclass(frozen=True, slots=True)
class Assigned:
    """This process owns the lane from now on."""

    lane: Lane


@dataclass(frozen=True, slots=True)
class Revoked:
    """This process owns the lane no longer; what it still tries to commit is fenced."""

    lane: Lane
    is_given_away: bool = False
    """Whether nothing is wrong: the engine gives this one to another process, or we gave it up."""


LaneEvent = Assigned | Revoked


class Transport(Protocol):
    """The engine below: topics of records, and lanes over them."""

    async def publish(self, topic: str, values: Sequence[bytes], *, partition: int = 0) -> Sequence[int]:
        """Append records and return their offsets. When it returns, they survive a power cut.

        Several callers' records are committed together. All records of one call are appended, in order and with none of
        another call's between them, or none. Their offsets ascend, with or without gaps.
        """

    async def read(
        self, topic: str, start: int, records_max: int, wait_ms: int, *, partition: int = 0
    ) -> Sequence[Record]:
        """Committed records from *start* on, in order, without a group and as often as wanted; empty if none came
        within *wait_ms*. Where no record has the number *start*, they begin with the next one that is there.

        Raises:
            RecordsGone: some of them were kept as long as they had to be, and were removed.
        """

    def lanes(self, topics: Sequence[tuple[str, int]]) -> AbstractAsyncContextManager[AsyncIterator[LaneEvent]]:
        """Take the lanes over these (topic, partition)s, and say what becomes of them until the block ends.

        Leaving the block gives them up and fences what is still in flight.

        Raises:
            LaneTaken: another process owns one of them, and is alive.
        """

    async def close(self) -> None:
        """Finish what is being written, and let go of the files."""


class KeyStore(Protocol):
    """Where the keys live that everything else hangs on. One driver per kind of vault; a file for development.

    No call per notification: only epochs, masters and checkpoints touch it.
    """

    def sign(self, kid: str, data: bytes) -> bytes:
        """An Ed25519 signature of 64 bytes by the signing key *kid*, which is made at its first use."""

    def public(self, kid: str) -> bytes:
        """The 32 public bytes of the signing key *kid*, which is made at its first use."""

    def wrap(self, kid: str, key: bytes, context: bytes) -> bytes:
        """*key* sealed under the master *kid*; opens only with the same *context*.

        Raises:
            KeyUnavailable: there is no such master.
        """

    def unwrap(self, kid: str, blob: bytes, context: bytes) -> bytes:
        """Undo `wrap`.

        Raises:
            KeyUnavailable: there is no such master, or the blob is not one of its.
        """

    def new_master(self) -> str:
        """Make a master key and return its kid. When it returns, the key survives a power cut."""

    def destroy(self, kid: str) -> None:
        """Destroy a key; what it wrapped is noise from now on. Destroying what is not there is no error."""
