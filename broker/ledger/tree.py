"""A ledger's tree over stored entries, which proves any of them without hashing the whole ledger each time.

A run is 256 neighbouring entries. The tree keeps the root of every complete run and of all complete subtrees above, and
the entries' hashes of the run that is not complete. What lies deeper is hashed again from the one run that it is in,
and that run must lead to the root that was kept for it: what was changed since it was read is found, not proved.

The tree says what the entries give. Whether that is what was signed is for the one who has the checkpoint.

Source: RFC 6962, section 2.1, for the proofs; what is kept is what stands in the levels from 1 up of C2SP tlog-tiles.
"""

from collections.abc import Sequence
from typing import Protocol

from broker.errors import StateUnreadable
from broker.ledger.merkle import DIGEST_BYTES, Digest, Frontier, Proof, leaf_hash, node_hash

RUN_HEIGHT = 8
RUN_ENTRIES = 1 << RUN_HEIGHT

RUNS_A_STEP = 32
"""Runs that one step of growing reads: about 4 MB of entries, and 20 ms."""

_RUNS_AT_HAND = 4
"""Runs whose hashes stay for the next question. Two neighbouring proofs need the same one."""

_Levels = list[list[Digest]]
"""The complete nodes of one run: its entries' hashes, then each level above, up to one root if the run is complete."""


class StoredEntries(Protocol):
    """Where a ledger's entries lie. Not believed."""

    def entries(self, log: str, first: int, count: int) -> Sequence[bytes]:
        """At most *count* entries from number *first* on, in order; fewer where the ledger ends, or an entry is
        missing."""


class Tree:
    """The tree of one ledger, as far as it was read. Not safe for concurrent callers."""

    def __init__(self, log: str, stored: StoredEntries) -> None:
        """Begin with nothing; `grow_to` reads.

        Args:
            log: The ledger's origin.
            stored: Where its entries lie.
        """
        self._log, self._stored = log, stored
        self._kept: list[bytearray] = []
        """For each height from `RUN_HEIGHT` up, the digests of the complete subtrees, one after the other."""
        self._last: _Levels = [[]]
        """The run that is not complete yet."""
        self._at_hand: dict[int, _Levels] = {}

    @property
    def size(self) -> int:
        """How many entries were read."""
        return self._runs * RUN_ENTRIES + len(self._last[0])

    def grow_to(self, size: int, runs_max: int = RUNS_A_STEP) -> bool:
        """Read on towards *size*, at most *runs_max* runs of it. Returns whether that is reached.

        Raises:
            StateUnreadable: entries before *size* are missing. What was read before them is kept.
        """
        first = self.size
        count = min(size - first, runs_max * RUN_ENTRIES)
        if count > 0:
            entries = self._stored.entries(self._log, first, count)
            self._append([leaf_hash(entry) for entry in entries])
            if len(entries) != count:
                raise StateUnreadable(f"ledger `{self._log}` has no entry {self.size}, and was signed over more")
        return self.size >= size

    def root(self, size: int) -> Digest:
        """The root of the first *size* entries.

        Raises:
            ValueError: not 0 <= size <= `Tree.size`.
            StateUnreadable: as `inclusion`.
        """
        if not 0 <= size <= self.size:
            raise ValueError("the tree has no such size")
        return self._range(0, size)

    def inclusion(self, index: int, size: int) -> Proof:
        """The proof of entry *index* in the tree of the first *size*. Reads at most two runs.

        Raises:
            ValueError: not 0 <= index < size <= `Tree.size`.
            StateUnreadable: a run is not any more what it was when the tree grew over it.

        Source: RFC 6962, section 2.1.1.
        """
        if not 0 <= index < size <= self.size:
            raise ValueError("no such entry in a tree of this size")
        collected: list[Digest] = []
        low, high = 0, size
        while high - low > 1:
            middle = _middle(low, high)
            if index < middle:
                collected.append(self._range(middle, high))
                high = middle
            else:
                collected.append(self._range(low, middle))
                low = middle
        return tuple(reversed(collected))

    def consistency(self, old_size: int, new_size: int) -> Proof:
        """The proof that the first *new_size* entries begin with the first *old_size*. Reads at most two runs.

        Raises:
            ValueError: not 0 < old_size <= new_size <= `Tree.size`. The empty tree proves nothing.
            StateUnreadable: as `inclusion`.

        Source: RFC 6962, section 2.1.2.
        """
        if not 0 < old_size <= new_size <= self.size:
            raise ValueError("no consistency between these sizes")
        collected: list[Digest] = []
        low, high, whole = 0, new_size, True
        while high != old_size:
            middle = _middle(low, high)
            if old_size <= middle:
                collected.append(self._range(middle, high))
                high = middle
            else:
                collected.append(self._range(low, middle))
                low, whole = middle, False
        if not whole:  # otherwise the last digest would be the old root, which the verifier has
            collected.append(self._range(low, high))
        return tuple(reversed(collected))

    @property
    def _runs(self) -> int:
        """How many runs are complete."""
        return len(self._kept[0]) // DIGEST_BYTES if self._kept else 0

    def _append(self, leaves: Sequence[Digest]) -> None:
        pending = [*self._last[0], *leaves]
        whole = len(pending) - len(pending) % RUN_ENTRIES
        for first in range(0, whole, RUN_ENTRIES):
            self._keep(_levels(pending[first : first + RUN_ENTRIES])[RUN_HEIGHT][0])
        self._last = _levels(pending[whole:])

    def _keep(self, root: Digest) -> None:
        """Keep the root of one more complete run, and of each larger subtree that it completes."""
        for level in self._kept:
            level.extend(root)
            if len(level) // DIGEST_BYTES % 2:
                return
            root = node_hash(_digest(level, -2), _digest(level, -1))
        self._kept.append(bytearray(root))

    def _range(self, low: int, high: int) -> Digest:
        """The root over the entries from *low* on, before *high*: a range that the definition splits a tree into, so
        that *low* is a multiple of the largest power of two that fits."""
        size, edge = high - low, []
        if size & (size - 1) == 0:  # a complete subtree, as most are
            return self._node(size.bit_length() - 1, low // size)
        while low < high:
            height = (high - low).bit_length() - 1
            edge.append(self._node(height, low >> height))
            low += 1 << height
        return Frontier(size, tuple(edge)).root()

    def _node(self, height: int, index: int) -> Digest:
        if height >= RUN_HEIGHT:
            return _digest(self._kept[height - RUN_HEIGHT], index)
        run, place = divmod(index, RUN_ENTRIES >> height)
        return self._run(run)[height][place]

    def _run(self, run: int) -> _Levels:
        if run == self._runs:
            return self._last
        if run not in self._at_hand:
            entries = self._stored.entries(self._log, run * RUN_ENTRIES, RUN_ENTRIES)
            levels = _levels([leaf_hash(entry) for entry in entries])
            if levels[RUN_HEIGHT] != [_digest(self._kept[0], run)]:  # also if entries are missing
                first = run * RUN_ENTRIES
                raise StateUnreadable(
                    f"entries {first} to {first + RUN_ENTRIES - 1} of ledger `{self._log}` were changed since they were"
                    " read"
                )
            while len(self._at_hand) >= _RUNS_AT_HAND:
                del self._at_hand[next(iter(self._at_hand))]
            self._at_hand[run] = levels
        return self._at_hand[run]


def _levels(leaves: list[Digest]) -> _Levels:
    levels = [leaves]
    for _ in range(RUN_HEIGHT):
        row = levels[-1]
        levels.append([node_hash(left, right) for left, right in zip(row[::2], row[1::2], strict=False)])
    return levels


def _digest(level: bytearray, index: int) -> Digest:
    """Digest number *index* of a level, counted from its end if it is negative."""
    at = index * DIGEST_BYTES if index >= 0 else len(level) + index * DIGEST_BYTES
    return Digest(bytes(level[at : at + DIGEST_BYTES]))


def _middle(low: int, high: int) -> int:
    """Where the definition splits a range of more than one entry (RFC 6962, section 2.1)."""
    return low + (1 << ((high - low - 1).bit_length() - 1))
