"""What a hub and its desks have stored in a data folder, read from the outside and opened with the hub's own keys.

Nothing is changed and nothing is judged here: see checker.py.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import apsw

from broker.app import desk_folders, hub_folder
from broker.client import Sending, Trust
from broker.client.store import DDL
from broker.directory import Directory, read_event
from broker.errors import HubForked, NotThere
from broker.ledger.details import open_detail
from broker.ledger.entries import Acknowledgement, Alteration, Collection, Entry, Return, read_entry
from broker.ledger.merkle import Proof, leaf_hash
from broker.ledger.window import LedgerWindow
from broker.ports import RowKey, SealedRow, Table
from broker.sealing.entropy import system_entropy
from broker.sealing.keyring import HubKeys, load_hub_keys
from broker.sealing.keystore_file import FileKeyStore
from broker.sealing.letters import Item, ItemKind
from broker.sealing.notification import SealedNotification
from broker.sealing.rejection import Rejected
from broker.state.delivery import Epoch, epoch_of
from broker.state.pending import Pending, pending
from broker.state.rows import Rows
from broker.state.vault import Vault
from broker.topics import INPUT, QUARANTINE, inbox
from broker.transport.database import open_database
from broker.transport.ledger_file import LedgerFile
from broker.transport.ledger_reader import LedgerReader
from broker.transport.reader import Reader
from broker.transport.records import lane_name
from broker.transport.tables import TABLES
from schemas import DeskId
from schemas.strict import b64u_encode, json_decode

_E = TypeVar("_E", bound=Entry)
_ALL = 2**31

Taken = Collection | Alteration | Acknowledgement | Return


@dataclass(frozen=True, slots=True)
class StoredDesk:
    """What a desk has in its file."""

    outbox: list[tuple[str, Sending]]
    """Notifications of its own, and where they stand."""
    letters: list[tuple[str, int, int]]
    """Letters in effect: notification, part, and the count of the letter."""
    lanes: dict[tuple[str, int], str]
    """From which lane each of them came."""
    opened: dict[tuple[str, int], frozenset[str]]
    """What it has in clear of each letter: the labels of the compartments."""
    incidents: list[tuple[int, str]]


@dataclass(frozen=True, slots=True)
class Stored:
    """What there is."""

    done: list[bytes]
    """The hub's input, as far as the lane is done with it."""
    unread: list[bytes]
    """The rest of it."""
    directory_events: Counter[bytes]
    entries: dict[int, tuple[bytes, Entry]]
    """The lane's ledger."""
    details: dict[int, bytes]
    inboxes: dict[DeskId, list[Item]]
    strangers: list[str]
    """Inboxes of nobody in the directory."""
    pending: list[Pending]
    """Items that are committed and have not left."""
    owed: dict[DeskId, list[Item]]
    """The same by desk, without their proofs."""
    quarantine: list[bytes]
    keys: HubKeys
    """The hub's own, as whoever runs it has them."""
    directory: Directory
    person_keys: list[bytes]
    desks: dict[DeskId, StoredDesk]
    """Those whose files are at hand."""

    def of(self, kind: type[_E]) -> list[_E]:
        """The ledger's entries of one kind, in order."""
        return [entry for _, entry in self.entries.values() if isinstance(entry, kind)]

    def taken(self) -> list[Taken]:
        """The entries of whatever was accepted, in order."""
        return [entry for _, entry in self.entries.values() if isinstance(entry, Taken)]

    def items(self) -> Iterator[tuple[DeskId, Item]]:
        """All that was handed to a desk, or will be."""
        for inboxes in (self.inboxes, self.owed):
            for desk, items in inboxes.items():
                yield from ((desk, item) for item in items)

    def letters(self) -> Iterator[tuple[DeskId, Item]]:
        """The letters among them."""
        return ((desk, item) for desk, item in self.items() if item.kind is ItemKind.LETTER)

    def reason(self, index: int) -> str | None:
        """Why the refusal at *index* refused, as its sealed detail says; None if that does not open."""
        try:
            return str(json_decode(open_detail(self.details.get(index, b""), self.keys.state))["reason"])
        except Rejected:
            return None

    def record(self, index: int) -> dict[str, Any] | None:
        """The detail record of the decision at *index*; None if no key of a person opens it."""
        for key in self.person_keys:
            try:
                return dict(json_decode(open_detail(self.details.get(index, b""), key)))
            except Rejected:
                continue
        return None

    def grants(self, index: int) -> dict[str, frozenset[str]] | None:
        """What the decision at *index* says that it tells, by desk; None if its detail record does not open."""
        record = self.record(index)
        return None if record is None else {desk: frozenset(labels) for desk, labels in record["told"].items()}


@dataclass(frozen=True, slots=True)
class Remains:
    """Where a hub and its desks left things, before anything is made of them."""

    keys: HubKeys
    directory: Directory
    rows: Rows
    """The lane's, without changes."""
    done: int
    """With how many records of its input the lane is done."""
    topics: Mapping[str, Sequence[bytes]]
    events: Sequence[bytes]
    """The directory's ledger."""
    entries: Iterable[tuple[int, bytes]]
    details: Iterable[tuple[int, bytes]]
    desks: dict[DeskId, StoredDesk]

    def stored(self) -> Stored:
        """Take them apart."""
        everybody = [*self.directory.desks.values(), *(desk for desk, _ in self.directory.revoked.values())]
        mailboxes = {desk.mailbox: desk.id for desk in everybody}
        owed = pending(self.rows)
        submitted = list(self.topics.get(INPUT, ()))
        return Stored(
            done=submitted[: self.done],
            unread=submitted[self.done :],
            directory_events=Counter(self.events),
            entries={index: (data, read_entry(data)) for index, data in self.entries},
            details=dict(self.details),
            inboxes={name: _items(self.topics.get(inbox(mailbox), ())) for mailbox, name in mailboxes.items()},
            strangers=[topic for topic in self.topics if topic.startswith("inbox.") and topic[6:] not in mailboxes],
            pending=owed,
            owed={
                name: [_unproven(item) for item in owed if item.mailbox == mailbox]
                for mailbox, name in mailboxes.items()
            },
            quarantine=[open_detail(sealed, self.keys.state) for sealed in self.topics.get(QUARANTINE, ())],
            keys=self.keys,
            directory=self.directory,
            person_keys=list(self.rows.all(Table.PERSONS)),
            desks=self.desks,
        )


def hub_keys(folder: Path) -> HubKeys:
    """The hub's own keys, as whoever runs it has them."""
    home = hub_folder(folder)
    store = FileKeyStore(home / "keys", system_entropy, demo=True)
    return load_hub_keys(home / "keyring.json", store, Trust.load(home / "trust.json").hub, system_entropy)


def inbox_of(folder: Path, desk: DeskId) -> list[bytes]:
    """The items in a desk's inbox, as they lie there."""
    path = hub_folder(folder) / "hub.db"
    return _topic(path, inbox(directory_of(folder).desk(desk).mailbox))


def directory_of(folder: Path) -> Directory:
    """The directory, from its ledger."""
    trust = Trust.load(hub_folder(folder) / "trust.json")
    directory = Directory()
    with LedgerFile(hub_folder(folder) / "hub.db") as ledgers:
        for _, event in ledgers.entries(f"{trust.hub}/directory"):
            directory = directory.after(read_event(event, trust.key))
    return directory


def directory_topic(folder: Path) -> list[bytes]:
    """Events and checkpoints of the directory, as desks are given them."""
    return _topic(hub_folder(folder) / "hub.db", "directory")


def consistency_of(folder: Path, log: str, sizes: Sequence[int]) -> list[Proof]:
    """What the hub of *folder* would prove of its ledger's growth.

    Raises:
        HubForked: it cannot.
    """
    with closing(LedgerReader(hub_folder(folder) / "hub.db")) as ledgers:
        key = hub_keys(folder).ledger
        window = LedgerWindow(ledgers, key, lanes=(f"{key.name}/lane-0",), directory=f"{key.name}/directory")
        try:
            return window.consistency(log, sizes)
        except NotThere as error:
            raise HubForked(str(error)) from error


def epoch_of_desk(folder: Path, desk: DeskId) -> Epoch:
    """The key under which the hub wraps what a desk may open."""
    reader = Reader(hub_folder(folder) / "hub.db")
    try:
        epoch = epoch_of(Rows(_Committed(reader), Vault(hub_keys(folder), system_entropy)), desk)
    finally:
        reader.close()
    assert epoch is not None
    return epoch


def read_stored(folder: Path) -> Stored:
    """Read a data folder to which nobody is writing."""
    path = hub_folder(folder) / "hub.db"
    hub = Trust.load(hub_folder(folder) / "trust.json").hub
    keys = hub_keys(folder)
    reader = Reader(path)
    try:
        with LedgerFile(path) as ledgers:
            return Remains(
                keys=keys,
                directory=directory_of(folder),
                rows=Rows(_Committed(reader), Vault(keys, system_entropy)),
                done=reader.position(lane_name((INPUT, 0))),  # here numbers have no gaps
                topics={topic: _topic(path, topic) for topic in _topics(path)},
                events=[event for _, event in ledgers.entries(f"{hub}/directory")],
                entries=ledgers.entries(f"{hub}/lane-0"),
                details=ledgers.details(f"{hub}/lane-0"),
                desks={
                    DeskId(desk.name): read_desk(desk / "desk.db") for desk in desk_folders(folder) if _is_used(desk)
                },
            ).stored()
    finally:
        reader.close()


@lru_cache(maxsize=512)
def notification_of(record: bytes) -> SealedNotification | None:
    """A record of the hub's input, taken apart; None if it is no notification."""
    try:
        return SealedNotification.from_bytes(record)
    except Rejected:
        return None


def leaf_of(entry: bytes) -> str:
    """How a disclosure names the entry of its decision."""
    return b64u_encode(leaf_hash(entry))


def _topics(path: Path) -> list[str]:
    database = open_database(path, TABLES, readonly=True)
    try:
        return [str(name) for (name,) in database.execute("SELECT DISTINCT name FROM topic")]
    finally:
        database.close()


def _topic(path: Path, topic: str) -> list[bytes]:
    reader = Reader(path)
    try:
        return [record.value for record in reader.records((topic, 0), 0, _ALL)]
    finally:
        reader.close()


def _items(values: Iterable[bytes]) -> list[Item]:
    return [Item.from_bytes(value) for value in values]


def _unproven(item: Pending) -> Item:
    return Item(item.kind, json_decode(item.content), item.entry, "")


def _is_used(desk: Path) -> bool:
    return (desk / "desk.db").exists()


def read_desk(path: Path) -> StoredDesk:
    """What a desk has in its file."""
    database = open_database(path, DDL, readonly=True)
    try:
        return stored_desk(database)
    finally:
        database.close()


def stored_desk(database: apsw.Connection) -> StoredDesk:
    """What a desk has in its database."""
    letters = [
        (str(name), int(str(part)), int(str(n)), str(lane), json_decode(bytes(opened))["compartments"])
        for name, part, n, lane, opened in database.execute(
            "SELECT id, part, n, lane, opened FROM letter ORDER BY rowid"
        )
    ]
    return StoredDesk(
        outbox=[
            (str(name), Sending(str(state)))
            for name, state in database.execute("SELECT id, state FROM outbox ORDER BY seq")
        ],
        letters=[(name, part, n) for name, part, n, *_ in letters],
        lanes={(name, part): lane for name, part, _, lane, _ in letters},
        opened={(name, part): frozenset(told) for name, part, _, _, told in letters},
        incidents=[
            (int(str(item)), str(reason))
            for item, reason in database.execute("SELECT item, reason FROM incident ORDER BY i")
        ],
    )


class _Committed:
    """The lane's rows, read from beside it. A driver of `CommittedRows`."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._lane = lane_name((INPUT, 0))

    def get(self, table: Table, key: RowKey) -> SealedRow | None:
        return self._reader.row(self._lane, table, key)

    def rows(self, table: Table) -> Iterable[tuple[RowKey, SealedRow]]:
        return self._reader.rows(self._lane, table)
