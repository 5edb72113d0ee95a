"""Whether the hub slows down as it grows: the same path with a ledger of many entries, and among many desks.

Entries are appended directly, as a turn would, without the work that makes them: a hub that starts on them cannot tell.
"""

from collections.abc import Iterator
from pathlib import Path

from broker.app import hub_folder, hub_keys
from broker.bench.path import HUB, Rate, measure_path, world
from broker.clock import SystemClock
from broker.directory import DeskRegistered, sealing_key, sign_event, signing_key
from broker.ledger.entries import Filler
from broker.ledger.merkle import EMPTY, Frontier, extend, leaf_hash
from broker.ports import Assigned, Lane, Leaf, Table
from broker.sealing.entropy import system_entropy
from broker.sealing.hpke import PrivateKey
from broker.sealing.signatures import Algorithm
from broker.state.vault import Vault
from broker.topics import INPUT
from broker.transport.embedded import EmbeddedTransport
from broker.transport.tables import DATABASE
from schemas import AreaCode, DeskType, area_table
from schemas.strict import b64u_decode, b64u_encode

_PAGE = 20_000
_SECONDS = 2.0
_EVENTS = 500
_ANY_PUBLIC = b64u_decode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")  # RFC 8037, appendix A.2
_ANY_SEALING = PrivateKey(bytes(range(32)))


async def grown_ledger(folder: Path, size: int, seconds: float = _SECONDS) -> Rate:
    """The rate with a lane's ledger of *size* entries before the first notification."""
    async with world(folder):
        pass
    await _append(folder, size)
    async with world(folder) as here:
        return await measure_path(here, seconds)


async def grown_desks(folder: Path, count: int, seconds: float = _SECONDS) -> Rate:
    """The rate in a directory of *count* further desks, of which none concerns what is said."""
    async with world(folder) as here:
        signer = here.tellwise.hub.premises.keys.directory
        for first in range(0, count, _EVENTS):
            base = here.tellwise.directory.size
            numbers = range(first, min(first + _EVENTS, count))
            events = [sign_event(_desk(base + place, number), signer) for place, number in enumerate(numbers)]
            await here.tellwise.edge.put(events)
            await here.tellwise.settled()
        await measure_path(here, 0)
        return await measure_path(here, seconds)


def _desk(n: int, number: int) -> DeskRegistered:
    """A housing desk somewhere else. Nobody has its keys."""
    codes = sorted(area_table().districts)[100:]
    return DeskRegistered.of(
        n=n,
        at=SystemClock().now(),
        desk=f"elsewhere-{number}",
        agency=f"elsewhere-{number}",
        desk_type=DeskType.HOUSING_AUTHORITY,
        patch=(AreaCode(codes[number % len(codes)]),),
        signed=True,
        mailbox=b64u_encode(system_entropy(16)),
        signing=signing_key(b64u_encode(system_entropy(16)), Algorithm.ED25519, _ANY_PUBLIC),
        sealing=sealing_key(b64u_encode(system_entropy(16)), _ANY_SEALING.public_bytes),
    )


async def _append(folder: Path, size: int) -> None:
    keys = hub_keys(folder, HUB, system_entropy, demo=True, credential=None)
    vault, log = Vault(keys, system_entropy), f"{HUB}/lane-0"
    transport = EmbeddedTransport(hub_folder(folder) / DATABASE, SystemClock())
    try:
        async with transport.lanes([(INPUT, 0)]) as events:
            event = await anext(events)
            if not isinstance(event, Assigned):
                raise RuntimeError("the lane was not given to us")
            stored = event.lane.frontier(log)
            frontier = EMPTY if stored is None else Frontier.from_bytes(stored)
            while frontier.size < size:
                frontier = await _append_page(event.lane, vault, log, frontier, min(_PAGE, size - frontier.size))
    finally:
        await transport.close()


async def _append_page(lane: Lane, vault: Vault, log: str, frontier: Frontier, count: int) -> Frontier:
    leaves = [Leaf(entry, None) for entry in _fillers(count)]
    grown = extend(frontier, [leaf_hash(leaf.entry) for leaf in leaves])
    row_key = vault.row_key(Table.FRONTIERS, log)
    async with lane.transaction() as tx:
        tx.record(log, frontier.size, leaves, grown.to_bytes())
        tx.put(Table.FRONTIERS, row_key, vault.seal(Table.FRONTIERS, row_key, grown.to_bytes()))
    return grown


def _fillers(count: int) -> Iterator[bytes]:
    line = {"salt": b64u_encode(bytes(16)), "ts": SystemClock().now(), "dir": 1}
    before, after = Filler.write(**line).split(b64u_encode(bytes(16)).encode())
    for _ in range(count):
        yield before + b64u_encode(system_entropy(16)).encode() + after
