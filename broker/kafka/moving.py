"""The data of a hub that ran in one file, put on Kafka: every record under the number that it had, the state, the
ledgers. Nothing is decided again and nobody is told again; desks go on reading where they were.

It can be done again after it broke off: what is there already is compared, and must be the same.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from broker.errors import MoveRefused
from broker.kafka.coding import (
    Change,
    Edge,
    Reached,
    Row,
    change_to_record,
    from_ledger_record,
    growth_to_records,
    note_to_record,
)
from broker.kafka.connection import STOPS_WITHIN_S, Connection, answers, within
from broker.kafka.names import Names
from broker.kafka.producing import LaneProducer, Outgoing
from broker.kafka.publishing import Publisher
from broker.kafka.reading import PartitionReader
from broker.ledger.merkle import EMPTY, Frontier, extend, leaf_hash
from broker.ports import Leaf, Partition, RowKey, SealedRow, Table
from broker.topics import INPUT, LEDGER
from broker.transport.database import faults_of_the_folder, open_database
from broker.transport.records import lane_name
from broker.transport.tables import TABLES
from broker.transport.turn import Growth, Note, ledger_size

_LANE: Partition = (INPUT, 0)
_BATCH_BYTES = 2 * 2**20
_RECORD_BYTES = 100
_ROWS = 1_000
_LEAVES = 500
_READ = 2_000


async def put_in(
    database: Path, connection: Connection, names: Names, said: Callable[[str, int], None] = lambda _what, _count: None
) -> None:
    """Put the data of a hub's file on Kafka, where its topics are already.

    Args:
        database: The file; nobody writes to it.
        connection: As somebody who may write to all of the hub's topics, and remove records from them.
        names: What they are called.
        said: Told of each topic how many records it has.

    Raises:
        MoveRefused: something else is there already, or the file is not one that this can move.
        FolderUnusable: the file cannot be read.
        EngineAway, Fenced, OutcomeUnknown, RecordsGone: it broke off. Do it again.
    """
    with faults_of_the_folder(database), closing(open_database(database, TABLES, readonly=True)) as file:
        lanes = {lane for (lane,) in _rows(file, "SELECT lane FROM state UNION SELECT lane FROM position")}
        if not lanes <= {lane_name(_LANE)}:
            raise MoveRefused(f"the file has lanes that this version does not know: {', '.join(sorted(lanes))}")
        publisher = Publisher(connection)
        try:
            topics = _rows(file, "SELECT id, name, partition, first, next FROM topic ORDER BY name")
            for topic, name, index, first, after in topics:
                place = names.place((str(name), int(index)))
                await _records(file, topic, (first, after), place, connection, publisher)
                said(str(name), int(after - first))
        finally:
            await publisher.close()
        await _lane(file, connection, names)


def topics_in(database: Path) -> list[str]:
    """The names of the topics that a file has records of.

    Raises:
        FolderUnusable: it cannot be read.
    """
    with faults_of_the_folder(database), closing(open_database(database, TABLES, readonly=True)) as file:
        return [str(name) for (name,) in _rows(file, "SELECT DISTINCT name FROM topic ORDER BY name")]


async def _records(
    file: apsw.Connection,
    topic: int,
    numbers: tuple[int, int],
    place: TopicPartition,
    connection: Connection,
    publisher: Publisher,
) -> None:
    """Write the records of one partition, each under its number, and remove what only counted up to the first."""
    first, after = numbers
    reader = PartitionReader(connection, place)
    await reader.start()
    try:
        there = await reader.end()
        start = await reader.first()
        while start < there and (found := await reader.read(start, _READ, 0)):
            for record in found:
                if record.offset >= first and record.value != _value(file, topic, record.offset):
                    raise MoveRefused(f"topic `{place.topic}` has another record {record.offset}")
            start = found[-1].offset + 1
        if there > after:
            raise MoveRefused(f"topic `{place.topic}` has {there} records, and not {after}")
        for number, batch in _batches(file, topic, (first, after), there):
            offsets = await publisher.publish(place, batch)
            if offsets[0] != number:
                raise MoveRefused(f"somebody else writes to topic `{place.topic}`")
        if first and await reader.first() < first:
            await _remove_before(connection, place, first)
    finally:
        await reader.close()


def _batches(
    file: apsw.Connection, topic: int, numbers: tuple[int, int], there: int
) -> Iterator[tuple[int, Sequence[bytes]]]:
    """What is still to be written from number *there* on, and the number of the first of each batch."""
    first, after = numbers
    batch: list[bytes] = []
    begun, size = there, 0
    for number in range(there, after):
        value = _value(file, topic, number) if number >= first else b""
        size += len(value) + _RECORD_BYTES
        if batch and size > _BATCH_BYTES:
            yield begun, batch
            batch, begun, size = [], number, len(value) + _RECORD_BYTES
        batch.append(value)
    if batch:
        yield begun, batch


def _value(file: apsw.Connection, topic: int, number: int) -> bytes:
    found = _rows(file, "SELECT value FROM record WHERE topic = ? AND offset = ?", (topic, number))
    if not found:
        raise MoveRefused(f"record {number} of a topic is missing in the file")
    return bytes(found[0][0])


async def _remove_before(connection: Connection, place: TopicPartition, first: int) -> None:
    admin = AIOKafkaAdminClient(**connection.arguments())
    try:
        async with answers():
            await admin.start()
            await admin.delete_records({place: RecordsToDelete(first)})
    finally:
        await within(STOPS_WITHIN_S, admin.close())


async def _lane(file: apsw.Connection, connection: Connection, names: Names) -> None:
    """Write the ledgers, and then the state with the position last: a lane that has none has nothing to go on from."""
    changelog, ledger = names.changelog(_LANE), names.place((LEDGER, 0))
    rows = dict(change_to_record(change) for change in _changes(file))
    async for record in _all(connection, changelog):
        if record.key not in rows or rows[record.key] != record.value:
            raise MoveRefused(f"topic `{changelog.topic}` has a row that is not in the file")
    written: dict[str, Frontier] = {}
    noted: set[tuple[str, int]] = set()
    async for record in _all(connection, ledger):
        held = from_ledger_record(record.value or b"")
        if isinstance(held, Note):
            noted.add((held.log, held.size))
        elif held.frontier:
            written[held.log] = Frontier.from_bytes(held.frontier)
    producer = LaneProducer(connection, names.transactional_id(_LANE))
    try:
        await producer.take([changelog, ledger])
        for growths in _growths(file, written):
            await producer.commit([Outgoing(ledger, value) for value in growth_to_records(growths)])
        notes = [note for note in _notes(file) if (note.log, note.size) not in noted]
        for part in _parts([Outgoing(ledger, note_to_record(note)) for note in notes]):
            await producer.commit(part)
        for part in _parts([Outgoing(changelog, value, key) for key, value in rows.items()]):
            await producer.commit(part)
    finally:
        await producer.close()


def _growths(file: apsw.Connection, written: dict[str, Frontier]) -> Iterator[Growth]:
    """The entries that are still to be written, each part with the right edge after it."""
    for log, edge in _rows(file, "SELECT log, frontier FROM ledger_frontier ORDER BY log"):
        frontier = written.get(log, EMPTY)
        while frontier.size < ledger_size(edge):
            found = _rows(
                file,
                "SELECT entry, sealed FROM ledger_entry LEFT JOIN ledger_detail USING (log, i)"
                " WHERE log = ? AND i >= ? ORDER BY i LIMIT ?",
                (log, frontier.size, min(_LEAVES, ledger_size(edge) - frontier.size)),
            )
            if not found:
                raise MoveRefused(f"ledger `{log}` has fewer entries than its right edge says")
            leaves = [Leaf(entry, sealed) for entry, sealed in found]
            after = extend(frontier, [leaf_hash(leaf.entry) for leaf in leaves])
            yield Growth(str(log), frontier.size, leaves, after.to_bytes())
            frontier = after
        if frontier.to_bytes() != edge:
            raise MoveRefused(f"ledger `{log}` on Kafka is another one, or that of the file is damaged")


def _notes(file: apsw.Connection) -> list[Note]:
    return [Note(*row) for row in _rows(file, "SELECT log, size, note FROM ledger_checkpoint ORDER BY log, size")]


def _changes(file: apsw.Connection) -> Iterator[Change]:
    for table, key, value in _rows(file, "SELECT tbl, key, value FROM state"):
        yield Row(Table(table), RowKey(key), SealedRow(value))
    for log, frontier in _rows(file, "SELECT log, frontier FROM ledger_frontier"):
        yield Edge(log, frontier)
    for (position,) in _rows(file, "SELECT offset FROM position"):
        yield Reached(position)


def _rows(file: apsw.Connection, sql: str, values: tuple[Any, ...] = ()) -> list[Any]:
    return file.execute(sql, values).fetchall()


def _parts(records: Sequence[Outgoing]) -> Iterator[Sequence[Outgoing]]:
    for at in range(0, len(records), _ROWS):
        yield records[at : at + _ROWS]


async def _all(connection: Connection, place: TopicPartition) -> AsyncIterator[Any]:
    """Every committed record of a partition."""
    reader = PartitionReader(connection, place)
    await reader.start()
    try:
        start, end = await reader.first(), await reader.end()
        while start < end and (found := await reader.read(start, _READ, 0)):
            for record in found:
                yield record
            start = found[-1].offset + 1
    finally:
        await reader.close()
