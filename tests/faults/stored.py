"""What a hub and its desks have stored in a data folder, read from the outside and opened with the hub's own keys.

Nothing is changed and nothing is judged here: see checker.py.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from broker.app import desk_folders, hub_folder
from broker.client import Sending, Trust
from broker.client.store import DDL
from broker.directory import Directory, read_event
from broker.errors import HubForked, NotThere
from broker.ledger.details import open_detail
from broker.ledger.entries import Acknowledgement, Alteration, Collection, Entry, read_entry
from broker.ledger.merkle import Proof, leaf_hash
from broker.ledger.window import LedgerWindow
from broker.ports import RowKey, SealedRow, Table
from broker.sealing.entropy import system_entropy
from broker.sealing.keyring import HubKeys, load_hub_keys
from broker.sealing.keystore_file import FileKeyStore
from broker.sealing.letters import Item, ItemKind
from broker.sealing.rejection import Rejected
from broker.state.delivery import Epoch, Pending, epoch_of, pending
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
from schemas.strict import b64u_decode, b64u_encode, json_decode

_E = TypeVar("_E", bound=Entry)
_ALL = 2**31

Taken = Collection | Alteration | Acknowledgement


@dataclass(frozen=True, slots=True)
class StoredDesk:
    """What a desk has in its file."""

    outbox: list[tuple[str, Sending]]
    """Notifications of its own, and where they stand."""
    letters: list[tuple[str, int, int]]
    """Letters in effect: notification, part, and the count of the letter."""
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
    state_key: bytes
    person_keys: list[bytes]
    desks: dict[DeskId, StoredDesk]
    """Those in the folder."""

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
            return str(json_decode(open_detail(self.details.get(index, b""), self.state_key))["reason"])
        except Rejected:
            return None

    def grants(self, index: int) -> dict[str, frozenset[str]] | None:
        """What the detail record of a decision opens, by desk; None if no key of a person opens it."""
        for key in self.person_keys:
            try:
                record = json_decode(open_detail(self.details.get(index, b""), key))
            except Rejected:
                continue
            opened = {desk["desk"]: _opened(desk["outcomes"]) for desk in record["desks"]}
            return {desk: labels | {"contact"} for desk, labels in opened.items() if labels}
        return None


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
    keys, directory = hub_keys(folder), directory_of(folder)
    everybody = [*directory.desks.values(), *(desk for desk, _ in directory.revoked.values())]
    mailboxes = {desk.mailbox: desk.id for desk in everybody}
    reader = Reader(path)
    rows = Rows(_Committed(reader), Vault(keys, system_entropy))
    owed = pending(rows)
    position = reader.position(lane_name((INPUT, 0)))
    person_keys = list(rows.all(Table.PERSONS))
    reader.close()
    submitted = _topic(path, INPUT)
    with LedgerFile(path) as ledgers:
        events = Counter(event for _, event in ledgers.entries(f"{hub}/directory"))
        entries = {index: (data, read_entry(data)) for index, data in ledgers.entries(f"{hub}/lane-0")}
        details = dict(ledgers.details(f"{hub}/lane-0"))
    return Stored(
        done=submitted[:position],
        unread=submitted[position:],
        directory_events=events,
        entries=entries,
        details=details,
        inboxes={name: _items(_topic(path, inbox(mailbox))) for mailbox, name in mailboxes.items()},
        strangers=[topic for topic in _topics(path) if topic.startswith("inbox.") and topic[6:] not in mailboxes],
        pending=owed,
        owed={
            name: [_unproven(item) for item in owed if item.mailbox == mailbox] for mailbox, name in mailboxes.items()
        },
        quarantine=[open_detail(sealed, keys.state) for sealed in _topic(path, QUARANTINE)],
        state_key=keys.state,
        person_keys=person_keys,
        desks={DeskId(desk.name): _desk(desk / "desk.db") for desk in desk_folders(folder) if _is_used(desk)},
    )


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
    return Item(item.kind, item.content, b64u_decode(item.entry), "")


def _opened(outcomes: dict[str, dict[str, object]]) -> frozenset[str]:
    return frozenset(label for label, outcome in outcomes.items() if "open" in outcome)


def _is_used(desk: Path) -> bool:
    return (desk / "desk.db").exists()


def _desk(path: Path) -> StoredDesk:
    database = open_database(path, DDL, readonly=True)
    try:
        return StoredDesk(
            outbox=[
                (str(name), Sending(str(state)))
                for name, state in database.execute("SELECT id, state FROM outbox ORDER BY seq")
            ],
            letters=[
                (str(name), int(str(part)), int(str(n)))
                for name, part, n in database.execute("SELECT id, part, n FROM letter ORDER BY rowid")
            ],
            incidents=[
                (int(str(item)), str(reason))
                for item, reason in database.execute("SELECT item, reason FROM incident ORDER BY i")
            ],
        )
    finally:
        database.close()


class _Committed:
    """The lane's rows, read from beside it. A driver of `CommittedRows`."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._lane = lane_name((INPUT, 0))

    def get(self, table: Table, key: RowKey) -> SealedRow | None:
        return self._reader.row(self._lane, table, key)

    def rows(self, table: Table) -> Iterable[tuple[RowKey, SealedRow]]:
        return self._reader.rows(self._lane, table)
