"""The one place where parts are chosen and joined: a hub on a data folder, and desks beside it.

DIR/hub/hub.db        topics, sealed state, ledgers
DIR/hub/keys/         the key store
DIR/hub/keyring.json  the hub's other keys, wrapped
DIR/hub/trust.json    what desks are given out of band
DIR/desks/NAME/       a desk's own folder: in earnest it is on the desk's machine
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from broker import engines
from broker.care.standing import Standing
from broker.client import Desk, Trust
from broker.client.card import card_of
from broker.client.keys import load_desk_keys
from broker.directory import Directory
from broker.edge import LocalEdge
from broker.elsewhere import Elsewhere
from broker.engines import Engine, OpenEngine
from broker.errors import FolderUnusable, HubStopped, NotRegistered
from broker.files import private_folder
from broker.hub import Hub
from broker.ledger.entries import Disclosure
from broker.ledger.window import LedgerWindow
from broker.lifecycle import Premises
from broker.ports import Clock, Transport
from broker.registrar import Registrar
from broker.sealing.entropy import Entropy, system_entropy
from broker.sealing.keyring import HubKeys, load_hub_keys
from broker.sealing.keystore_file import FileKeyStore
from broker.settings import Retention
from broker.state.vault import Vault
from policies import Bundle
from policies import Engine as Policies
from schemas import AgencyId, AreaCode, DeskId, DeskType, Label, SchemaRefused
from schemas.compartments import Contact
from schemas.strict import b64u_encode

SWITCH_S = 0.0002
"""How soon a thread that waits for the interpreter is given it, in a process that runs a hub."""


class Tellwise:
    """A running hub on one machine, and the desks that were opened beside it."""

    def __init__(
        self,
        folder: Path,
        hub: Hub,
        engine: Engine,
        *,
        ledgers: LedgerWindow,
        standing: Standing,
        clock: Clock,
        entropy: Entropy,
    ) -> None:
        """Join the parts; use `running`."""
        self.folder = folder
        self.hub = hub
        self.engine = engine
        self._clock = clock
        self._entropy = entropy
        self._desks: list[Desk] = []
        self.ledgers = ledgers
        """The ledgers, as they are shown to desks."""
        self.standing = standing
        """What is known of what desks have seen, and whether the hub goes on."""
        self.elsewhere = Elsewhere(engine, hub.premises.keys.directory_key) if engine.is_shared else None
        """What other processes did that may own the lane; None: there are none."""
        self.edge = LocalEdge(engine.transport, ledgers, standing, engine.catch_up, lanes=engine.lanes)
        """The way to the hub for desks on this machine."""
        self.registrar = Registrar(
            self._as_committed, self._enter, hub.premises.keys.directory, clock, entropy, engine.make_room
        )

    @property
    def transport(self) -> Transport:
        """Topics and lanes."""
        return self.engine.transport

    @property
    def directory(self) -> Directory:
        """The directory as last committed; of another process's lane, as its topic has it."""
        own = self.hub.directory
        return own if self.elsewhere is None else max(own, self.elsewhere.directory, key=lambda each: each.size)

    async def settled(self) -> None:
        """Wait until everything that was handed over is dealt with, and all that it caused lies in the inboxes.

        Only where this process owns all lanes.
        """
        if self.engine.lanes == 1:
            await self.hub.until_settled(self.edge.taken_to)
        else:
            await self.hub.until_quiet()

    def waiting(self) -> int | None:
        """How many records at most lie in the hub's input and are not dealt with yet; None if the hub is not at work.

        It is a difference of numbers, so where they have gaps it is more than there are. Never less.
        """
        own = None if self.hub.read_to is None else max(0, self.edge.taken_to - self.hub.read_to)
        # Others take in too, and only the engine knows of all of it; at the very first it knows nothing.
        return own if self.elsewhere is None or self.elsewhere.behind is None else self.elsewhere.behind

    def desk(self, name: DeskId, contact: Contact) -> Desk:
        """Open a desk's own folder beside the hub's; registered or not."""
        folder = desk_folder(self.folder, name)
        trust = Trust.load(hub_folder(self.folder) / "trust.json")
        if not (folder / "trust.json").exists():
            trust.save(private_folder(folder) / "trust.json")  # here the operator and the desk are one person
        trust = Trust.load(folder / "trust.json")
        desk = Desk(folder, name, contact, trust, self.edge, self._clock, self._entropy)
        self._desks.append(desk)
        return desk

    async def register(
        self,
        desk: DeskId,
        *,
        agency: AgencyId,
        desk_type: DeskType,
        patch: Sequence[AreaCode],
        signed: bool,
        addressed_only: bool = False,
    ) -> None:
        """Enter a desk of this machine in the directory, with the keys in its folder, and wait until it is there.

        Raises:
            NotRegistered: the name is taken, an area does not exist, or a field is wrong. Nothing is entered.
        """
        keys = load_desk_keys(private_folder(desk_folder(self.folder, desk)) / "keys.json", self._entropy)
        try:
            card = card_of(desk, keys)
        except SchemaRefused as error:
            raise NotRegistered(f"desk `{desk}` cannot be registered: {error}") from None
        await self.registrar.register(
            card, agency=agency, desk_type=desk_type, patch=patch, signed=signed, addressed_only=addressed_only
        )

    def preview(self, sealed: bytes) -> dict[DeskId, frozenset[Label]]:
        """What each desk would be told of a sealed notification, as things stand: decided, and nothing of it kept.

        Compartments by desk; nobody, if the hub would refuse it. `contact` goes with every letter and is not named.
        """
        return {
            entry.to: frozenset(entry.cmp) - {Label.CONTACT}
            for entry in self.hub.dry_run(sealed)
            if isinstance(entry, Disclosure)
        }

    async def close(self) -> None:
        """Let go of all files."""
        for desk in self._desks:
            desk.close()
        await self.engine.close()

    async def _enter(self, event: bytes) -> None:
        if self.elsewhere is not None:
            await self.elsewhere.enter(event)
            return
        await self.edge.put([event])
        await self.settled()

    async def _as_committed(self) -> Directory:
        if self.elsewhere is not None:
            await self.elsewhere.standing()
        return self.directory

    async def begin(self) -> None:
        """Deal with what waits, and enter hub and policies where they are not in the directory."""
        await self.hub.until_caught_up()
        await self.registrar.found(self.hub.premises)
        if self.engine.lanes == 1:  # of several lanes, others may be another process's
            await self.settled()


@asynccontextmanager
async def running(
    folder: Path,
    name: AgencyId,
    *,
    demo: bool,
    clock: Clock,
    entropy: Entropy = system_entropy,
    credential: bytes | None = None,
    retention: Retention | None = None,
    engine: OpenEngine | None = None,
) -> AsyncIterator[Tellwise]:
    """Run a hub on *folder* until the block ends; then finish what is owed and let go.

    Args:
        folder: The data folder; made if it is not there.
        name: The hub's name: the origin of its ledgers begins with it.
        demo: Whether this is a demonstration, with keys in clear.
        clock: Lane time comes from it.
        entropy: Where randomness comes from.
        credential: What the hub's keys are sealed under, if this is no demonstration.
        retention: How long things are kept; None: nothing is removed by itself.
        engine: What it stands on; None: one file on this machine.

    A hub that was made from a backup, or that has lost what a desk has seen, is given to the caller as it is: desks can
    reach it, and it does nothing before `Tellwise.standing` is clear.

    Raises:
        LaneTaken: a hub runs on this folder already.
        FolderUnusable, EngineUnsafe, KeyUnavailable, StateUnreadable, PolicyNotInForce: as their texts say.
    """
    # The process's own. The writer's thread needs the interpreter a dozen times a commit, and by default waits for it
    # up to 5 ms each time while the hub plans.
    sys.setswitchinterval(min(sys.getswitchinterval(), SWITCH_S))
    hub_home = private_folder(hub_folder(folder))
    keys = hub_keys(folder, name, entropy, demo=demo, credential=credential)
    _give_trust(hub_home, name, keys)
    policies = Policies(Bundle.load())
    opened = await (engine or engines.embedded)(hub_home, clock)
    try:
        premises = Premises(
            hub=name,
            lanes=tuple(f"{name}/lane-{index}" for index in range(opened.lanes)),
            directory_log=f"{name}/directory",
            keys=keys,
            policies=policies,
            entropy=entropy,
        )
        ledgers = LedgerWindow(opened.ledgers, keys.ledger, lanes=premises.lanes, directory=premises.directory_log)
        standing = Standing(hub_home, ledgers, lambda: hub.directory, clock)
        hub = Hub(opened.transport, premises, Vault(keys, entropy), clock, standing.may_go_on)
        tellwise = Tellwise(folder, hub, opened, ledgers=ledgers, standing=standing, clock=clock, entropy=entropy)
        keeping = None if retention is None else opened.keeping(Vault(keys, entropy), standing, retention)
    except BaseException:
        await opened.close()
        raise
    turning = asyncio.create_task(hub.run())
    beside: list[asyncio.Task[None]] = []
    try:
        if tellwise.elsewhere is not None:
            beside.append(asyncio.create_task(tellwise.elsewhere.look()))
        beside += await _begun(tellwise)
        if keeping is not None:
            beside.append(asyncio.create_task(keeping.keep()))
        yield tellwise
    except HubStopped:
        await turning  # its error is the reason
        raise
    finally:
        hub.stop()
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
        try:
            await turning
        finally:
            await tellwise.close()


async def _begun(tellwise: Tellwise) -> list[asyncio.Task[None]]:
    """Return once desks may come, and what goes on beside them."""
    held = asyncio.create_task(tellwise.hub.until_caught_up_or_held())
    coming: set[asyncio.Task[Any]] = {held}
    if tellwise.elsewhere is not None:
        digest = tellwise.hub.premises.policies.bundle.digest
        coming.add(asyncio.create_task(tellwise.elsewhere.founded(digest)))
    try:
        await asyncio.wait(coming, return_when=asyncio.FIRST_COMPLETED)
        if held.done() and not await held:
            await tellwise.begin()
            return []
        if not held.done():
            for task in coming - {held}:
                await task
            await tellwise.registrar.check_keys(tellwise.hub.premises)
    finally:
        for task in coming:
            task.cancel()
        await asyncio.gather(*coming, return_exceptions=True)
    # Held, desks must be let in, or they could never say what they have seen. Else the lane is another's, and may
    # become ours at any time.
    return [asyncio.create_task(tellwise.begin())]


def hub_keys(folder: Path, name: AgencyId, entropy: Entropy, *, demo: bool, credential: bytes | None) -> HubKeys:
    """The keys of the hub in *folder*; made when there are none.

    Raises:
        FolderUnusable, KeyUnavailable: as the parts.
    """
    store = FileKeyStore(hub_folder(folder) / "keys", entropy, demo=demo, credential=credential)
    return load_hub_keys(hub_folder(folder) / "keyring.json", store, name, entropy)


def hub_folder(folder: Path) -> Path:
    """Where the hub's own files are."""
    return folder / "hub"


def desk_folder(folder: Path, desk: DeskId) -> Path:
    """Where a desk's own files are, when it is on the hub's machine."""
    return folder / "desks" / desk


def desk_folders(folder: Path) -> list[Path]:
    """The folders of all desks that are on the hub's machine."""
    return sorted(path for path in (folder / "desks").glob("*") if path.is_dir())


def _give_trust(hub_home: Path, name: AgencyId, keys: HubKeys) -> None:
    path = hub_home / "trust.json"
    trust = Trust.of(hub=name, kid=keys.directory.kid, pub=b64u_encode(keys.store.public("directory")))
    if not path.exists():
        trust.save(path)
    elif Trust.load(path) != trust:
        raise FolderUnusable(f"`{path}` belongs to another hub, or to this one under another name")
