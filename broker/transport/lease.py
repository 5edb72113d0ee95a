"""Who owns a lane: the lease in the file, and the lock that says that its owner is alive.

A lease is taken if it is free, has run out, or its owner is provably dead. Every change of owner raises its epoch, and
so does giving it up; a transaction carries the epoch that it was planned under, and is refused if the lease has
another.
"""

import fcntl
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import ClassVar

import apsw

from broker.errors import Fenced, LaneTaken
from broker.ports import Partition
from broker.transport.database import faults_of_the_folder

LEASE_MS = 10_000
RENEWED_AFTER_MS = LEASE_MS // 4


class OwnerLock:
    """The lock on `<file>.owner`, which the kernel takes away from a process that ends, however it ends.

    Only one holds it. An owner that took over from a sleeper has to do without, and is not known to be dead before its
    lease has run out.

    LIMIT: a child that is forked without exec shares the lock, and holds it for as long as it lives.
    """

    def __init__(self, path: Path) -> None:
        """Open the lock of the file *path*, without taking it.

        Raises:
            FolderUnusable: it cannot be opened.
        """
        lock = path.with_name(path.name + ".owner")
        with faults_of_the_folder(lock):
            self._descriptor: int | None = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def take(self) -> bool:
        """Whether the lock is ours now, or was already."""
        if self._descriptor is None:
            return False
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def release(self) -> None:
        """Let another take it."""
        if self._descriptor is not None:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def close(self) -> None:
        """Release it for good."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


@dataclass(frozen=True, slots=True)
class Owner:
    """Who holds a lease: one block of `lanes` in one process."""

    process: str
    """A random name of the transport, which holds the lock or does not."""
    block: int
    has_lock: bool
    """Whether it held the lock when it took the lease. It then holds it until the lease is given up, or dies."""

    def __str__(self) -> str:
        return f"{'lock' if self.has_lock else 'time'}:{self.process}:{self.block}"

    def knows_dead(self, other: str) -> bool:
        """Whether *other* is provably dead: it held the lock, and now we do."""
        return self.has_lock and other.startswith("lock:") and not other.startswith(f"lock:{self.process}:")


@dataclass(frozen=True, slots=True)
class Fence:
    """The epoch under which a transaction was planned."""

    lane: str
    epoch: int
    now: datetime

    def check(self, connection: apsw.Connection) -> None:
        """Refuse what was planned under another epoch, and renew the lease if a quarter of it is gone.

        Raises:
            Fenced: the lease has another epoch.
        """
        if epoch_of(connection, self.lane) != self.epoch:
            raise Fenced(f"`{self.lane}` has another owner, or was given up")
        connection.execute(
            "UPDATE lease SET until_ms = ? WHERE lane = ? AND until_ms <= ?",
            (_ms(self.now) + LEASE_MS, self.lane, _ms(self.now) + LEASE_MS - RENEWED_AFTER_MS),
        )


def epoch_of(connection: apsw.Connection, lane: str) -> int:
    """The committed epoch of a lane; 0 if it never had an owner."""
    epoch: int | None = connection.execute("SELECT epoch FROM lease WHERE lane = ?", (lane,)).get
    return epoch or 0


class _OnLeases:
    """A change of leases adds no records."""

    size_bytes: ClassVar = 0
    partitions: ClassVar[Iterable[Partition]] = ()


@dataclass(frozen=True)
class Take(_OnLeases):
    """Take the leases of some lanes, all or none."""

    owner: Owner
    lanes: Sequence[str]
    now: datetime

    def apply(self, connection: apsw.Connection) -> Sequence[int]:
        """Return the new epoch of each lane.

        Raises:
            LaneTaken: one of them has an owner that may be alive.
        """
        return [self._take(connection, lane) for lane in self.lanes]

    def _take(self, connection: apsw.Connection, lane: str) -> int:
        other: str | None = connection.execute(
            "SELECT owner FROM lease WHERE lane = ? AND until_ms > ?", (lane, _ms(self.now))
        ).get
        if other is not None and not self.owner.knows_dead(other):
            raise LaneTaken(f"`{lane}` has another owner, which may be alive")
        epoch: int = connection.execute(
            "INSERT INTO lease(lane, epoch, owner, until_ms) VALUES(?, 1, ?, ?) ON CONFLICT(lane) DO UPDATE"
            " SET epoch = epoch + 1, owner = excluded.owner, until_ms = excluded.until_ms RETURNING epoch",
            (lane, str(self.owner), _ms(self.now) + LEASE_MS),
        ).get
        return epoch


@dataclass(frozen=True)
class Renew(_OnLeases):
    """Renew whatever leases the owner still has."""

    owner: Owner
    now: datetime

    def apply(self, connection: apsw.Connection) -> Sequence[str]:
        """Return the lanes that are still the owner's."""
        rows = connection.execute(
            "UPDATE lease SET until_ms = ? WHERE owner = ? RETURNING lane", (_ms(self.now) + LEASE_MS, str(self.owner))
        ).fetchall()
        return [str(lane) for (lane,) in rows]


@dataclass(frozen=True)
class GiveUp(_OnLeases):
    """Give up whatever leases the owner still has, and fence what is in flight."""

    owner: Owner

    def apply(self, connection: apsw.Connection) -> None:
        """Leave the lanes to whoever comes."""
        connection.execute("UPDATE lease SET epoch = epoch + 1, owner = NULL WHERE owner = ?", (str(self.owner),))


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)
