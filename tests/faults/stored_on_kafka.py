"""What a hub on Kafka and its desks have stored, read from its topics and from the copies of its ledgers.

Lane by lane, so that each is checked like the only lane of a hub in a file.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

from aiokafka import TopicPartition

from broker.app import desk_folders, hub_folder
from broker.client import Trust
from broker.directory import Directory, is_event
from broker.directory.records import directory_of
from broker.kafka.administration import administered
from broker.kafka.coding import change_from_record
from broker.kafka.connection import Connection
from broker.kafka.inboxes import SHARDS, addressee
from broker.kafka.layout import inputs
from broker.kafka.ledger_copy import LedgerCopy
from broker.kafka.names import Names
from broker.kafka.reading import PartitionReader
from broker.kafka.rows import LaneRows
from broker.ledger.details import open_detail
from broker.ledger.entries import Refusal, read_entry
from broker.ledger.proofs import parse_proof
from broker.ports import Partition, RowKey, SealedRow, Table
from broker.sealing.entropy import system_entropy
from broker.sealing.keyring import HubKeys
from broker.sealing.letters import Item
from broker.state.rows import Rows
from broker.state.vault import Vault
from broker.topics import DOORS, INBOXES, INPUT, QUARANTINE, changelog, inbox
from broker.transport.ledger_file import LedgerFile
from schemas import DeskId
from schemas.strict import b64u_encode
from tests.faults.checker import Fault, Submitted, check_stored, claims_of
from tests.faults.county import DIRECTORY_LOG, desk_db
from tests.faults.stored import Remains, Stored, StoredDesk, hub_keys, read_desk

_AT_ONCE = 1_000
OURS = Names()
Found = tuple[int, bytes | None, bytes | None]
"""Offset, key and value of a committed record."""
Who = tuple[str, str]


@dataclass(frozen=True, slots=True)
class OnKafka:
    """What there is, nobody being at work."""

    lanes: Sequence[Stored]
    at_doors: Sequence[bytes]
    """What no door has passed on yet."""
    copies: Sequence[Path]
    """Files in which processes kept copies of the ledgers, each brought up to date."""

    def faults(self, submitted: Iterable[Submitted] = ()) -> list[Fault]:
        """What each lane, and all together, leave behind that no honest hub does."""
        known = [_ids(lane) for lane in self.lanes]
        anywhere = set[Who]().union(*known)
        faults = [Fault("I1", f"{len(self.at_doors)} records that no door has passed on")] if self.at_doors else []
        faults += [
            Fault("I2", f"notification {who} came to several lanes")
            for who in anywhere
            if sum(who in here for here in known) > 1
        ]
        wanted = list(submitted)
        for index, lane in enumerate(self.lanes):
            ours = [who for who in wanted if who in known[index] or (index == 0 and who not in anywhere)]
            faults += check_stored(lane, submitted=ours)
        return faults


async def read_stored_on_kafka(folder: Path, connection: Connection, copies_max: int, names: Names = OURS) -> OnKafka:
    """Read the topics of the hub of *folder*, none of whose processes is at work, and at most *copies_max* copies."""
    async with administered(connection) as cluster:
        called = {names.topic_of(name): there for name, there in (await cluster.topics()).items()}
    count = called[INPUT].partitions
    copies = await copied(hub_folder(folder), copies_max, connection, names, count)
    with LedgerFile(copies[0]) as ledgers:  # not that of a process that is at work and may be behind
        events = [event for _, event in ledgers.entries(DIRECTORY_LOG)]
    directory = directory_of(events, Trust.load(hub_folder(folder) / "trust.json").key)
    hub = directory.hub.entry
    read = _Reading(connection, names)
    pooled = {topic: await read.values(topic) for topic in called if topic.startswith("inbox.") or topic == QUARANTINE}
    if INBOXES in called:
        pooled |= await read.shared_inboxes()
    taken = [await read.lane(INPUT, index) for index in range(len(hub.lanes))]
    doors = (
        [await read.lane(DOORS, index) for index in range(len(hub.lanes))] if DOORS in inputs(len(hub.lanes)) else []
    )
    try:
        with LedgerFile(copies[0]) as ledgers:
            hold = [(list(ledgers.entries(lane)), list(ledgers.details(lane))) for lane in hub.lanes]
        desks = {
            DeskId(desk.name): read_desk(file)
            for desk in desk_folders(folder)
            if (file := desk_db(folder, DeskId(desk.name))).exists()
        }
        parts = _Parts(hub_keys(folder), directory, hub.lanes, taken, pooled, desks, hold, events)
        lanes = [parts.of(index) for index in range(len(hub.lanes))]
        return OnKafka(lanes, [value for door in doors for value in door.unread], copies)
    finally:
        for each in (*taken, *doors):
            each.rows.close()


@dataclass(frozen=True, slots=True)
class _Taken:
    """An input, and the rows of the lane over it."""

    done: Sequence[bytes]
    unread: Sequence[bytes]
    rows: LaneRows


@dataclass(frozen=True, slots=True)
class _Reading:
    connection: Connection
    names: Names

    async def values(self, topic: str) -> Sequence[bytes]:
        return [value or b"" for *_, value in await committed(self.connection, self.names, (topic, 0))]

    async def shared_inboxes(self) -> dict[str, Sequence[bytes]]:
        """What lies in inboxes that share a topic, by the names that they have above the engine."""
        found: dict[str, list[bytes]] = {}
        for shard in range(SHARDS):
            for record in await _all(self.connection, TopicPartition(self.names.topic(INBOXES), shard)):
                mailbox = addressee(record)
                assert mailbox is not None
                found.setdefault(inbox(mailbox), []).append(record.value or b"")
        return {**found}

    async def lane(self, topic: str, index: int) -> _Taken:
        rows = LaneRows()
        for _, key, value in await committed(self.connection, self.names, (changelog(topic), index)):
            rows.apply([change_from_record(key, value)])
        found = await committed(self.connection, self.names, (topic, index))
        done = [value or b"" for offset, _, value in found if offset < rows.position]
        return _Taken(done, [value or b"" for *_, value in found[len(done) :]], rows)


@dataclass(frozen=True)
class _Parts:
    """What all lanes share, and what of it is one lane's. What is nobody's is the first one's, to be found there."""

    keys: HubKeys
    directory: Directory
    origins: Sequence[str]
    taken: Sequence[_Taken]
    pooled: Mapping[str, Sequence[bytes]]
    desks: Mapping[DeskId, StoredDesk]
    ledgers: Sequence[tuple[list[tuple[int, bytes]], list[tuple[int, bytes]]]]
    events: Sequence[bytes]

    def of(self, index: int) -> Stored:
        taken, (entries, details) = self.taken[index], self.ledgers[index]
        done, unread = (_own(records, index) for records in (taken.done, taken.unread))
        topics = {
            topic: [value for value in values if self._lane_of_item(value) == index]
            for topic, values in self.pooled.items()
            if topic != QUARANTINE
        }
        topics[QUARANTINE] = [sealed for sealed in self.pooled[QUARANTINE] if self._refused_by(sealed) == index]
        return Remains(
            keys=self.keys,
            directory=self.directory,
            rows=Rows(_Committed(taken.rows), Vault(self.keys, system_entropy)),
            done=len(done),
            topics={**topics, INPUT: [*done, *unread]},
            events=self.events,
            entries=entries,
            details=details,
            desks={name: self._of_desk(name, desk, index) for name, desk in self.desks.items()},
        ).stored()

    def _lane_of_item(self, value: bytes) -> int:
        origin, _, _ = parse_proof(Item.from_bytes(value).proof).note.partition(b"\n")
        return self.origins.index(origin.decode())

    @cached_property
    def _refusals(self) -> Mapping[str, int]:
        """Which lane refused what, by its digest."""
        return {
            entry.raw: index
            for index, (entries, _) in enumerate(self.ledgers)
            for _, data in entries
            if isinstance(entry := read_entry(data), Refusal)
        }

    @cached_property
    def _ids(self) -> Sequence[set[Who]]:
        """Of which notifications something came to each lane."""
        return [_ids(lane) for lane in self.taken]

    def _refused_by(self, sealed: bytes) -> int:
        return self._refusals.get(b64u_encode(sha256(open_detail(sealed, self.keys.state)).digest()), 0)

    def _of_desk(self, name: DeskId, desk: StoredDesk, index: int) -> StoredDesk:
        ids = self._ids
        theirs = [letter for letter in desk.letters if desk.lanes[letter[:2]] == self.origins[index]]
        return StoredDesk(
            outbox=[
                (sent, state)
                for sent, state in desk.outbox
                if (name, sent) in ids[index] or (index == 0 and not any((name, sent) in here for here in ids))
            ],
            letters=theirs,
            lanes=desk.lanes,
            opened={letter[:2]: desk.opened[letter[:2]] for letter in theirs},
            incidents=desk.incidents if index == 0 else [],
        )


def _own(records: Sequence[bytes], index: int) -> list[bytes]:
    """Without the directory's events in any lane but the first, which alone has lines for them."""
    return [record for record in records if index == 0 or not is_event(record)]


def _ids(lane: "Stored | _Taken") -> set[Who]:
    return {who for record in (*lane.done, *lane.unread) if (who := claims_of(record)) is not None}


async def committed(connection: Connection, names: Names, partition: Partition) -> list[Found]:
    """All committed records of a partition."""
    records = await _all(connection, names.place(partition))
    return [(record.offset, record.key, record.value) for record in records]


async def _all(connection: Connection, place: TopicPartition) -> list[Any]:
    reader = PartitionReader(connection, place)
    found: list[Any] = []
    try:
        await reader.start()
        start = 0
        while records := await reader.read(start, _AT_ONCE, 0):
            found += records
            start = records[-1].offset + 1
    finally:
        await reader.close()
    return found


async def copied(home: Path, count: int, connection: Connection, names: Names, lanes: int) -> Sequence[Path]:
    """Bring the first copies of the ledgers up to date that lie in a hub's folder, and return where they are."""
    async with AsyncExitStack() as stack:
        copies = []
        for _ in range(count):
            copies.append(LedgerCopy(home, connection, names, lanes))
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
