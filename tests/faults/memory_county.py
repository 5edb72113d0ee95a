"""The county of county.py in memory: the hub's core and real desks over the engine without a file, one turn at a time.

The numbers of records have gaps, as an engine may leave them: who gets by with them gets by without.

Nothing happens by itself: a test says when a turn is made, how it fails, when a desk listens, and what time it is. What
is kept in files otherwise, keys and desks' databases, is in memory too. A hub that was founded and whose desks were
registered is made once in a process; every county begins with a copy of it.
"""

import asyncio
import random
from bisect import bisect_left
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar, overload

import apsw

from broker.client import Desk, DeskStore, Link, Trust
from broker.client.card import card_of
from broker.client.directory_reader import DirectoryReader
from broker.client.inbox import Inbox
from broker.client.keys import DeskKeys, load_desk_keys
from broker.client.outbox import Outbox
from broker.client.store import DDL
from broker.directory import Directory, read_event
from broker.edge import LocalEdge
from broker.errors import FolderUnusable, HubForked, NotThere, OutcomeUnknown
from broker.ledger.merkle import Frontier, Proof
from broker.ledger.verify import KeptNote, Report, verify_ledgers
from broker.ledger.window import LedgerWindow
from broker.lifecycle import Before, Plan, Premises, plan
from broker.ports import Assigned, Clock, Lane, Record
from broker.registrar import Registrar
from broker.sealing.entropy import Entropy, system_entropy
from broker.sealing.keyring import HubKeys, load_hub_keys
from broker.sealing.keystore_file import FileKeyStore
from broker.serving import RECORDS_MAX
from broker.state.rows import Rows
from broker.state.vault import Vault
from broker.topics import INPUT
from broker.transport.lease import OwnerLock
from broker.turning import Turning
from schemas import AgencyId, DeskId, DeskType
from schemas.strict import b64u_encode
from tests.contracts.clock import MovedClock
from tests.contracts.memory import Break, MemoryDisk, MemoryTransport
from tests.faults.afresh import engine
from tests.faults.county import DIRECTORY_LOG, HUB, LANE
from tests.faults.stored import Remains, Stored, stored_desk
from tests.personas import BLACKBURN, CHORLEY, DESKS, DeskPersona
from tests.sayings import CONTACT

_T = TypeVar("_T")

HOSPITAL = DeskPersona(DeskId("blackburn-hospital"), AgencyId("invented-hospital"), DeskType.NHS_PROVIDER, (BLACKBURN,))
PRISON = DeskPersona(DeskId("invented-prison"), AgencyId("invented-prisons"), DeskType.PRISON, ())
UNSIGNED = DeskPersona(
    DeskId("chorley-housing"),
    AgencyId("invented-chorley-council"),
    DeskType.HOUSING_AUTHORITY,
    (CHORLEY,),
    signed=False,
)
EVERYBODY = (*DESKS, HOSPITAL, PRISON, UNSIGNED)
"""Those of the stories; and one that may read of an illness, one that serves no area and so all, one that has not
signed."""


@dataclass(frozen=True, slots=True)
class Origin:
    """What every county begins with."""

    keys: HubKeys
    trust: Trust
    desk_keys: Mapping[DeskId, DeskKeys]
    disk: MemoryDisk
    """The hub was founded, the desks that have signed were registered; nothing was said yet."""
    databases: Mapping[DeskId, bytes]
    """Of those desks, who know all that."""


@cache
def origin() -> Origin:
    """The one of this process."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        keys = load_hub_keys(
            folder / "keyring.json", FileKeyStore(folder / "keys", system_entropy, demo=True), HUB, system_entropy
        )
        desk_keys = {desk.name: load_desk_keys(folder / f"{desk.name}.json", system_entropy) for desk in EVERYBODY}
        for kid in ("ledger", "voice", "directory"):  # the store keeps in memory what it was asked for
            keys.store.public(kid)
    trust = Trust.of(hub=HUB, kid=keys.directory.kid, pub=b64u_encode(keys.store.public("directory")))
    made = MemoryCounty(Origin(keys, trust, desk_keys, MemoryDisk(leaves_gaps=True), {}), system_entropy)
    made.found()
    signed = [desk for desk in EVERYBODY if desk.signed]
    for desk in signed:
        made.register(desk)
        made.settle()
    for desk in signed:
        made.run(made.desk(desk.name).hear())
    databases = {desk.name: bytes(made.database(desk.name).serialize("main")) for desk in signed}
    made.close()
    return Origin(keys, trust, desk_keys, made.disk, databases)


class MemoryCounty:
    """A hub's core and its desks."""

    def __init__(self, beginning: Origin, entropy: Entropy | None = None) -> None:
        """Begin with a copy of *beginning*. Without *entropy* almost everything comes out the same each time."""
        self._origin = beginning
        self._entropy = random.Random(0).randbytes if entropy is None else entropy
        self.clock = MovedClock()
        self.disk = beginning.disk.copy()
        keys = beginning.keys
        self.premises = Premises(HUB, (LANE,), DIRECTORY_LOG, keys, engine(), self._entropy)
        self._vault = Vault(keys, self._entropy)
        self._transport = MemoryTransport(self.disk, self.clock)
        window = LedgerWindow(MemoryLedgers(self.disk), keys.ledger, lanes=(LANE,), directory=DIRECTORY_LOG)
        self.edge = MemoryEdge(self._transport, window)
        self.registrar = Registrar(self._standing, self._enter, keys.directory, self.clock, self._entropy)
        self._databases: dict[DeskId, apsw.Connection] = {}
        self._desks: dict[DeskId, MemoryDesk] = {}
        self._runner = asyncio.Runner()
        self._owning = AsyncExitStack()
        self.restart()

    def run(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Do what must be awaited."""
        return self._runner.run(work)

    def close(self) -> None:
        """Let go of everything."""
        self.run(self._owning.aclose())
        self._runner.close()
        for database in self._databases.values():
            database.close()

    # --- the hub ---

    def restart(self) -> None:
        """The next owner of the lane, which knows what is committed and nothing else."""
        self.run(self._own())

    async def _own(self) -> None:
        await self._owning.aclose()
        events = await self._owning.enter_async_context(self._transport.lanes([(INPUT, 0)]))
        event = await anext(events)
        assert isinstance(event, Assigned)
        self._lane: Lane = event.lane
        self._turning = Turning(self._lane, self.premises, self._vault, self.clock)

    @property
    def directory(self) -> Directory:
        """As last committed, as far as this owner knows."""
        return self._turning.directory

    def turn(self, records_max: int = RECORDS_MAX, breaks: Break | None = None) -> bool:
        """One turn, as the hub's loop makes it. Returns whether there was anything to do."""
        return self.run(self._turn(records_max, breaks))

    async def _turn(self, records_max: int = RECORDS_MAX, breaks: Break | None = None) -> bool:
        records = await self._lane.poll(records_max, 0)
        if not records and not self._turning.owes:
            return False
        self.disk.next_turn = breaks
        try:
            await self._turning.turn(records)
        except OutcomeUnknown:
            self._turning = Turning(self._lane, self.premises, self._vault, self.clock)
        except FolderUnusable:
            pass  # nothing happened
        finally:
            self.disk.next_turn = None
        return True

    def plan(self, record: bytes) -> Plan:
        """What a turn would do if this record came now. Nothing is done."""
        ledgers = self.disk.frontiers.items()
        frontiers = {log: Frontier.from_bytes(frontier) for log, frontier in ledgers}
        before = Before(Rows(self._lane, self._vault), self.directory, frontiers, [], {})
        return plan([Record(INPUT, 0, self._lane.position, record)], before, self.premises, self.clock.now())

    def settle(self) -> None:
        """Turns until all that was handed over is dealt with, and all that it caused lies in the inboxes."""
        self.run(self._settle())

    async def _settle(self) -> None:
        while await self._turn():
            pass

    def found(self) -> None:
        """Enter the hub itself, and the policies."""

        async def enter(event: bytes) -> None:
            await self._enter(event)
            await self._settle()

        keys = self.premises.keys
        registrar = Registrar(self._standing, enter, keys.directory, self.clock, self._entropy)
        self.run(registrar.found(self.premises))

    def put(self, *records: bytes) -> None:
        """Append to the hub's input whatever somebody may bring there."""
        self.run(self.edge.put(records))

    # --- the desks ---

    def desk(self, name: DeskId) -> "MemoryDesk":
        """One of `EVERYBODY`, registered or not."""
        if name not in self._desks:
            keys, trust = self._origin.desk_keys[name], self._origin.trust
            self._desks[name] = MemoryDesk(name, keys, self.database(name), trust, self.edge, self.clock, self._entropy)
        return self._desks[name]

    def database(self, name: DeskId) -> apsw.Connection:
        """A desk's, whether or not it is at work."""
        if name not in self._databases:
            self._databases[name] = apsw.Connection(":memory:")
            if name in self._origin.databases:
                self._databases[name].deserialize("main", self._origin.databases[name])
            else:
                self._databases[name].execute(DDL)
        return self._databases[name]

    def forget(self, name: DeskId) -> None:
        """The desk is started again: it knows what is in its database and nothing else."""
        self._desks.pop(name, None)

    def register(self, persona: DeskPersona) -> None:
        """Hand over that a desk is registered.

        Raises:
            NotRegistered: as far as this owner knows, it is or was. Nothing is handed over.
        """
        card = card_of(persona.name, self._origin.desk_keys[persona.name])
        registering = self.registrar.register(
            card, agency=persona.agency, desk_type=persona.desk_type, patch=persona.patch, signed=persona.signed
        )
        self.run(registering)

    def revoke(self, name: DeskId) -> None:
        """Hand over that a desk is revoked.

        Raises:
            NotRegistered: as far as this owner knows, it is not there. Nothing is handed over.
        """
        self.run(self.registrar.revoke(name))

    async def _enter(self, event: bytes) -> None:
        await self.edge.put([event])

    async def _standing(self) -> Directory:
        return self.directory

    # --- afterwards ---

    def stored(self) -> Stored:
        """All that hub and desks have stored."""
        leaves = list(enumerate(self.disk.ledgers[LANE]))
        return Remains(
            keys=self._origin.keys,
            directory=self._stored_directory(),
            rows=Rows(self._lane, self._vault),
            done=bisect_left(self.disk.numbers[INPUT, 0], self._lane.position),
            topics={topic: values for (topic, _), values in self.disk.topics.items()},
            events=[leaf.entry for leaf in self.disk.ledgers[DIRECTORY_LOG]],
            entries=[(index, leaf.entry) for index, leaf in leaves],
            details=[(index, leaf.detail) for index, leaf in leaves if leaf.detail is not None],
            desks={name: stored_desk(database) for name, database in self._databases.items()},
        ).stored()

    def _stored_directory(self) -> Directory:
        directory = Directory()
        for leaf in self.disk.ledgers[DIRECTORY_LOG]:
            directory = directory.after(read_event(leaf.entry, self._origin.keys.directory_key))
        return directory

    def verify(self) -> Report:
        """What `tellwise ledger verify` says, with all that the desks kept."""
        kept = [
            KeptNote(f"desk `{name}`", bytes(note))
            for name, database in self._databases.items()
            for (note,) in database.execute("SELECT note FROM checkpoint")
        ]
        return verify_ledgers(MemoryLedgers(self.disk), HUB, self._origin.keys.directory_key, kept)


class MemoryDesk(Desk):
    """A desk whose keys and database are given."""

    def __init__(
        self,
        name: DeskId,
        keys: DeskKeys,
        database: apsw.Connection,
        trust: Trust,
        link: Link,
        clock: Clock,
        entropy: Entropy,
    ) -> None:
        self.name, self.contact, self.keys, self._clock = name, CONTACT, keys, clock
        self.store: DeskStore = MemoryStore(database)
        self._lock = _NobodyElse()
        self._directory = DirectoryReader(trust, self.store, link)
        self._outbox = Outbox(name, keys, self.store, link, clock, entropy)
        self._inbox = Inbox(name, keys, self.store, link, self._directory)


class MemoryStore(DeskStore):
    """A desk's store over a database in memory."""

    def __init__(self, database: apsw.Connection) -> None:
        self._path, self._db = Path(":memory:"), database


class _NobodyElse(OwnerLock):
    def __init__(self) -> None:
        pass

    def take(self) -> bool:
        return True

    def close(self) -> None:
        pass


class MemoryEdge(LocalEdge):
    """The edge, without a thread for what reads a file elsewhere."""

    async def consistency(self, log: str, sizes: Sequence[int]) -> Sequence[Proof]:
        """See `Link.consistency`."""
        try:
            return self._ledgers.consistency(log, sizes)
        except NotThere as error:
            raise HubForked(f"the hub does not prove that `{log}` only grew") from error


class MemoryLedgers:
    """The ledgers of a disk in memory: a driver of `StoredLedger`, and of `StoredLedgers`."""

    def __init__(self, disk: MemoryDisk) -> None:
        self._disk = disk

    def newest(self, log: str) -> tuple[int, bytes] | None:
        """See `StoredLedger.newest`."""
        return max(self._disk.notes[log].items(), default=None)

    def logs(self) -> set[str]:
        """See `StoredLedgers.logs`."""
        return {log for table in (self._disk.ledgers, self._disk.notes) for log, kept in table.items() if kept}

    def checkpoints(self, log: str) -> Iterator[tuple[int, bytes]]:
        """See `StoredLedgers.checkpoints`."""
        return iter(sorted(self._disk.notes[log].items()))

    def details(self, log: str) -> Iterator[tuple[int, bytes]]:
        """See `StoredLedgers.details`."""
        leaves = enumerate(self._disk.ledgers[log])
        return ((index, leaf.detail) for index, leaf in leaves if leaf.detail is not None)

    def frontier(self, log: str) -> bytes | None:
        """See `StoredLedgers.frontier`."""
        return self._disk.frontiers.get(log)

    @overload
    def entries(self, log: str) -> Iterator[tuple[int, bytes]]: ...
    @overload
    def entries(self, log: str, first: int, count: int) -> list[bytes]: ...
    def entries(self, log: str, first: int = 0, count: int | None = None) -> Iterator[tuple[int, bytes]] | list[bytes]:
        """See both."""
        leaves = self._disk.ledgers[log]
        if count is None:
            return ((index, leaf.entry) for index, leaf in enumerate(leaves))
        return [leaf.entry for leaf in leaves[first : first + count]]
