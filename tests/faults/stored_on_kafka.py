"""What a hub on Kafka and its desks have stored, read from its topics and from the copies of its ledgers."""

from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack, closing
from pathlib import Path

from broker.app import desk_folders, hub_folder
from broker.kafka.administration import administered
from broker.kafka.coding import change_from_record
from broker.kafka.connection import Connection
from broker.kafka.ledger_copy import LedgerCopy
from broker.kafka.names import Names
from broker.kafka.reading import PartitionReader
from broker.kafka.rows import LaneRows
from broker.ports import Partition, RowKey, SealedRow, Table
from broker.sealing.entropy import system_entropy
from broker.state.rows import Rows
from broker.state.vault import Vault
from broker.topics import INPUT, QUARANTINE, changelog
from broker.transport.ledger_file import LedgerFile
from schemas import DeskId
from tests.faults.county import DIRECTORY_LOG, LANE, desk_db
from tests.faults.stored import Remains, Stored, directory_of, hub_keys, read_desk

_AT_ONCE = 1_000
OURS = Names()
Found = tuple[int, bytes | None, bytes | None]
"""Offset, key and value of a committed record."""


async def read_stored_on_kafka(
    folder: Path, connection: Connection, copies_max: int, names: Names = OURS
) -> tuple[Stored, Sequence[Path]]:
    """Read the topics of the hub of *folder*, none of whose processes is at work.

    Returns what there is, and the first *copies_max* files in which its processes kept copies of its ledgers, each
    brought up to date.
    """
    keys = hub_keys(folder)
    with closing(LaneRows()) as rows:
        for _, key, value in await committed(connection, names, (changelog(INPUT), 0)):
            rows.apply([change_from_record(key, value)])
        async with administered(connection) as cluster:
            called = [names.topic_of(name) for name in await cluster.topics() if name.startswith(names.prefix)]
        ours = [topic for topic in called if topic.startswith("inbox.") or topic == QUARANTINE]
        records = {topic: await committed(connection, names, (topic, 0)) for topic in (*ours, INPUT)}
        copies = await copied(hub_folder(folder), copies_max, connection, names)
        with LedgerFile(copies[0]) as ledgers:
            stored = Remains(
                keys=keys,
                directory=directory_of(folder),
                rows=Rows(_Committed(rows), Vault(keys, system_entropy)),
                done=sum(offset < rows.position for offset, *_ in records[INPUT]),
                topics={topic: [value or b"" for *_, value in found] for topic, found in records.items()},
                events=[event for _, event in ledgers.entries(DIRECTORY_LOG)],
                entries=list(ledgers.entries(LANE)),
                details=list(ledgers.details(LANE)),
                desks={
                    DeskId(desk.name): read_desk(file)
                    for desk in desk_folders(folder)
                    if (file := desk_db(folder, DeskId(desk.name))).exists()
                },
            ).stored()
    return stored, copies


async def committed(connection: Connection, names: Names, partition: Partition) -> list[Found]:
    """All committed records of a partition."""
    reader = PartitionReader(connection, names.place(partition))
    found: list[Found] = []
    try:
        await reader.start()
        start = 0
        while records := await reader.read(start, _AT_ONCE, 0):
            found += [(record.offset, record.key, record.value) for record in records]
            start = records[-1].offset + 1
    finally:
        await reader.close()
    return found


async def copied(home: Path, count: int, connection: Connection, names: Names) -> Sequence[Path]:
    """Bring the first copies of the ledgers up to date that lie in a hub's folder, and return where they are."""
    async with AsyncExitStack() as stack:
        copies = []
        for _ in range(count):
            copies.append(LedgerCopy(home, connection, names, 1))
            stack.push_async_callback(copies[-1].close)
            await copies[-1].catch_up()
    return [copy.path for copy in copies]


class _Committed:
    """A driver of `CommittedRows`."""

    def __init__(self, rows: LaneRows) -> None:
        self._rows = rows

    def get(self, table: Table, key: RowKey) -> SealedRow | None:
        return self._rows.get(table, key)

    def rows(self, table: Table) -> Iterable[tuple[RowKey, SealedRow]]:
        return self._rows.all(table)
