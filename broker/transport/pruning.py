"""What is removed from the file, a little at a time, so that turns hardly notice and the file stops growing.

How old a row is, is counted in days on which the hub was at work, and not read off a clock: the first round of each day
notes how far every topic and ledger reaches, and what lay there N + 1 such days ago is at least N days old. So a clock
that is set years ahead while somebody starts the hub lets one day's worth go early at most, and not everything.

Offsets stay what they are: the first that a topic still has stands beside its name, and whoever asks for an earlier one
is told so.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import apsw

from broker.ports import Partition, RowKey, SealedRow, Table
from broker.transport.database import faults_of_the_folder, open_database
from broker.transport.tables import TABLES

_FOLD_WAIT_MS = 100
"""Writers wait as long while a reader is waited for."""


@dataclass(frozen=True, slots=True)
class _Removal:
    """A `Write` that adds no record."""

    @property
    def size_bytes(self) -> int:
        """See `Write.size_bytes`. Rows are few, and what is written is their pages."""
        return 2**20

    @property
    def partitions(self) -> Iterable[Partition]:
        """See `Write.partitions`."""
        return ()


@dataclass(frozen=True, slots=True)
class BeginDay(_Removal):
    """Note how far everything reaches, if it was not noted on this date before."""

    today: date
    days_kept: int
    """Notes of days before these are dropped."""

    def apply(self, connection: apsw.Connection) -> bool:
        """Returns whether it is a new day."""
        known: int | None = connection.execute("SELECT 1 FROM day WHERE date = ?", (self.today.isoformat(),)).get
        if known is not None:
            return False
        number: int = connection.execute("SELECT ifnull(max(number), 0) + 1 FROM day").get
        connection.execute("INSERT INTO day(number, date) VALUES(?, ?)", (number, self.today.isoformat()))
        connection.execute(
            "INSERT INTO day_reached(day, what, reached) SELECT ?, 'topic:' || id, next FROM topic", (number,)
        )
        connection.execute(
            "INSERT INTO day_reached(day, what, reached)"
            " SELECT ?, 'log:' || log, max(size) FROM ledger_checkpoint GROUP BY log",
            (number,),
        )
        connection.execute("DELETE FROM day_reached WHERE day < ?", (number - self.days_kept,))
        connection.execute("DELETE FROM day WHERE number < ?", (number - self.days_kept,))
        return True


@dataclass(frozen=True, slots=True)
class RemoveRecords(_Removal):
    """Remove records that are older than so many days, the oldest first."""

    topics: str
    """A name, or the beginning of several and a `*`."""
    days: int
    rows_max: int
    done_by: str | None = None
    """A lane that must be done with them."""

    def apply(self, connection: apsw.Connection) -> int:
        """Returns how many were removed."""
        left = self.rows_max
        due: Sequence[Any] = connection.execute(
            "SELECT id, first, reached FROM topic JOIN day_reached ON what = 'topic:' || id"
            " WHERE day = (SELECT max(number) FROM day) - ? AND name GLOB ? AND first < reached",
            (self.days + 1, self.topics),
        ).fetchall()
        for topic, first, reached in due:
            end = min(first + left, reached)
            if self.done_by is not None:
                done = connection.execute("SELECT offset FROM position WHERE lane = ?", (self.done_by,)).get
                end = min(end, done or 0)
            if end > first:
                connection.execute("DELETE FROM record WHERE topic = ? AND offset < ?", (topic, end))
                connection.execute("UPDATE topic SET first = ? WHERE id = ?", (end, topic))
                left -= end - first
            if left <= 0:
                break
        return self.rows_max - left


@dataclass(frozen=True, slots=True)
class RemoveDetails(_Removal):
    """Remove detail records that are older than so many days, the oldest first: a later one is never removed before."""

    days: int
    rows_max: int

    def apply(self, connection: apsw.Connection) -> int:
        """Returns how many were removed."""
        removed = 0
        for log, reached in _reached(connection, self.days):
            connection.execute(
                "DELETE FROM ledger_detail WHERE rowid IN"
                " (SELECT rowid FROM ledger_detail WHERE log = ? AND i < ? ORDER BY i LIMIT ?)",
                (log, reached, self.rows_max - removed),
            )
            removed += connection.changes()
        return removed


@dataclass(frozen=True, slots=True)
class ThinCheckpoints(_Removal):
    """Of the checkpoints of each day that is longer ago, keep the last. Entries and proofs need none of them, and a
    desk brings the one that it kept itself."""

    days: int
    rows_max: int

    def apply(self, connection: apsw.Connection) -> int:
        """Returns how many were removed."""
        removed = 0
        for log, _ in _reached(connection, self.days):
            ends: Sequence[Any] = connection.execute(
                "SELECT reached FROM day_reached WHERE what = 'log:' || ? AND day <= (SELECT max(number) FROM day) - ?"
                " ORDER BY day",
                (log, self.days + 1),
            ).fetchall()
            begin = 0
            for (end,) in ends:
                connection.execute(
                    "DELETE FROM ledger_checkpoint WHERE rowid IN (SELECT rowid FROM ledger_checkpoint"
                    " WHERE log = ? AND size > ? AND size < ? ORDER BY size LIMIT ?)",
                    (log, begin, end, self.rows_max - removed),
                )
                removed += connection.changes()
                begin = end
        return removed


@dataclass(frozen=True, slots=True)
class RemoveRows(_Removal):
    """Remove rows of a lane's state that are still what they were when somebody looked at them."""

    lane: str
    table: Table
    rows: Sequence[tuple[RowKey, SealedRow]]

    def apply(self, connection: apsw.Connection) -> int:
        """Returns how many there were."""
        connection.executemany(
            "DELETE FROM state WHERE lane = ? AND tbl = ? AND key = ? AND value = ?",
            [(self.lane, self.table, key, value) for key, value in self.rows],
        )
        return len(self.rows)


def fold(path: Path) -> None:
    """Bring all of the WAL into the file and empty it, so that what was removed is gone from there too.

    Waits for nobody for long: if a reader is in the way, the next time will do. Blocks; not for an event loop.

    Raises:
        FolderUnusable: the file cannot be used.
    """
    with faults_of_the_folder(path):
        connection = open_database(path, TABLES)
        try:
            connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)  # most of it, and nobody waits
            connection.set_busy_timeout(_FOLD_WAIT_MS)
            try:
                connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
            except apsw.BusyError:
                return
        finally:
            connection.close()


def _reached(connection: apsw.Connection, days: int) -> Sequence[Any]:
    """Each ledger and how far it reached before so many days."""
    found: Sequence[Any] = connection.execute(
        "SELECT substr(what, 5), reached FROM day_reached"
        " WHERE what GLOB 'log:*' AND day = (SELECT max(number) FROM day) - ?",
        (days + 1,),
    ).fetchall()
    return found
