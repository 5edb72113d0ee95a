"""The records of a file: how they are numbered when they are appended, and how they are read again.

The next offset stands in the table and nowhere else. So a transaction that is undone takes its numbers back with it,
and another process that appends in between is no surprise.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import apsw

from broker.errors import RecordsGone
from broker.ports import Partition, Record


def lane_name(partition: Partition) -> str:
    """`<topic>/<partition>`."""
    topic, index = partition
    return f"{topic}/{index}"


@dataclass(frozen=True, slots=True)
class Publication:
    """What one call publishes, all of it or nothing."""

    partition: Partition
    values: Sequence[bytes]

    @property
    def size_bytes(self) -> int:
        """About how much the commit has to write."""
        return sum(map(len, self.values))

    @property
    def partitions(self) -> Iterable[Partition]:
        """Where records are added."""
        return (self.partition,)

    def apply(self, connection: apsw.Connection) -> Sequence[int]:
        """Append the values, and return their offsets."""
        return append(connection, [(self.partition, value) for value in self.values])


def append(connection: apsw.Connection, records: Sequence[tuple[Partition, bytes]]) -> Sequence[int]:
    """Append records in order, each to its partition, and return the offset of each. Partitions are made as needed."""
    places = {
        partition: _reserve(connection, partition, count)
        for partition, count in Counter(partition for partition, _ in records).items()
    }
    rows = []
    for partition, value in records:
        topic, offset = places[partition]
        rows.append((topic, offset, value))
        places[partition] = topic, offset + 1
    connection.executemany("INSERT INTO record(topic, offset, value) VALUES(?, ?, ?)", rows)
    return [offset for _, offset, _ in rows]


def read(connection: apsw.Connection, partition: Partition, start: int, records_max: int) -> list[Record]:
    """The committed records from *start* on, in order.

    Raises:
        RecordsGone: some of them were removed.
    """
    topic, index = partition
    rows: list[Any] = connection.execute(
        "SELECT offset, value FROM record WHERE topic = (SELECT id FROM topic WHERE name = ? AND partition = ?)"
        " AND offset >= ? ORDER BY offset LIMIT ?",
        (topic, index, start, records_max),
    ).fetchall()
    if not rows or rows[0][0] != start:
        first: int | None = connection.execute(
            "SELECT first FROM topic WHERE name = ? AND partition = ?", partition
        ).get
        if first is not None and start < first:
            raise RecordsGone(first)
    return [Record(topic, index, offset, value) for offset, value in rows]


def _reserve(connection: apsw.Connection, partition: Partition, count: int) -> tuple[int, int]:
    """The partition's id in the file, and the first of *count* offsets that are now its own."""
    found: tuple[int, int] = connection.execute(
        "INSERT INTO topic(name, partition, next) VALUES(?, ?, ?)"
        " ON CONFLICT(name, partition) DO UPDATE SET next = next + excluded.next RETURNING id, next",
        (*partition, count),
    ).get
    topic, after = found
    return topic, after - count
