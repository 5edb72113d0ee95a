"""How long it takes to verify a large ledger, beside hashing its entries alone; and to prove entries of it."""

import time
from dataclasses import dataclass
from pathlib import Path

from broker.app import hub_folder, hub_keys
from broker.bench.path import HUB
from broker.ledger.merkle import leaf_hash, root_of
from broker.ledger.tree import Tree
from broker.ledger.window import LedgerWindow
from broker.sealing.entropy import system_entropy
from broker.transport.ledger_reader import LedgerReader
from broker.transport.tables import DATABASE

_PROOFS = 250
_PAGE = 20_000
_LOG = f"{HUB}/lane-0"


@dataclass(frozen=True, slots=True)
class LedgerTimes:
    """What one ledger takes."""

    entries: int
    hashed_s: float
    """All entries and nodes, from memory."""
    verified_s: float
    """All of it from the file, up to the root, and that the hub signed this root."""
    proof_us: float
    """One of so many neighbouring entries that were not asked for before."""


def measure_ledger(folder: Path) -> LedgerTimes:
    """Verify the ledger of a hub that has stopped."""
    keys = hub_keys(folder, HUB, system_entropy, demo=True, credential=None)
    reader = LedgerReader(hub_folder(folder) / DATABASE)
    try:
        newest = reader.newest(_LOG)
        size = 0 if newest is None else newest.size
        entries = [entry for first in range(0, size, _PAGE) for entry in reader.entries(_LOG, first, _PAGE)][:size]
        began_s = time.perf_counter()
        root_of(map(leaf_hash, entries))
        hashed_s = time.perf_counter() - began_s
        del entries
        began_s = time.perf_counter()
        LedgerWindow(reader, keys.ledger, lanes=(_LOG,), directory=f"{HUB}/directory").checkpoint(_LOG)
        verified_s = time.perf_counter() - began_s
        return LedgerTimes(size, hashed_s, verified_s, _proof_us(reader, size))
    finally:
        reader.close()


def _proof_us(reader: LedgerReader, size: int) -> float:
    tree = Tree(_LOG, reader)
    while not tree.grow_to(size):
        pass
    first = max(0, size // 2 - _PROOFS // 2)
    indexes = range(first, min(first + _PROOFS, size))
    began_s = time.perf_counter()
    for index in indexes:
        tree.inclusion(index, size)
    return 1e6 * (time.perf_counter() - began_s) / len(indexes)
