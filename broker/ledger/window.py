"""What a desk may see of a hub's ledgers: the newest signed checkpoint, that it only ever grew, and entries of its own.

The hub's file is not believed here either. Before anything is handed out, the newest checkpoint must be one that the
hub signed, and the entries must lead to its root; an entry must lead to it as well. All else is refused in one way,
so that asking tells nobody which entries are fillers, and which are somebody else's.
"""

from collections.abc import Collection, Sequence
from itertools import pairwise
from threading import Lock
from typing import Protocol

from broker.errors import NotThere, StateUnreadable
from broker.ledger import entries
from broker.ledger.checkpoint import Checkpoint, CheckpointRejected, VerifierKey, open_note
from broker.ledger.entries import EntryRejected, read_entry
from broker.ledger.merkle import Proof, ProofRejected, verify_inclusion
from broker.ledger.proofs import InclusionProof, format_proof
from broker.ledger.tree import StoredEntries, Tree
from schemas import DeskId

SIZES_MAX = 101
"""Sizes that one question about consistency may name."""


class StoredLedger(StoredEntries, Protocol):
    """Where a hub's ledgers lie. Not believed. Safe from any thread."""

    def newest(self, log: str) -> tuple[int, bytes] | None:
        """The newest checkpoint of a ledger: the size that it stands under, and its note; None if there is none."""


class LedgerWindow:
    """The ledgers of one hub, as they are shown to its desks. Safe from any thread, and never to be called on an event
    loop: it reads and hashes.

    Each method raises NotThere for a ledger that is not shown or of which nothing is signed yet, StateUnreadable if the
    ledger is not what was signed, and FolderUnusable if it cannot be read. A ledger that was once read otherwise than
    it was signed stays refused until the process is started again: somebody must look first.
    """

    def __init__(self, stored: StoredLedger, key: VerifierKey, *, lanes: Collection[str], directory: str) -> None:
        """Show these ledgers; nothing is read yet.

        Args:
            stored: Where they lie.
            key: What their checkpoints are signed with.
            lanes: Origins of the lanes' ledgers. A desk sees entries of its own there.
            directory: Origin of the directory's ledger. It is everybody's.
        """
        self._stored, self._key = stored, key
        self._directory = directory
        self._panes = {log: _Pane(log, stored, key) for log in (*lanes, directory)}

    def warm(self, log: str) -> bool:
        """Read on, one step of about 20 ms. Returns whether all that is signed was read, so that answers are quick.

        Whoever asks first otherwise waits for all of it: about three seconds for a million entries.
        """
        pane = self._pane(log)
        with pane.lock:
            return pane.grow()

    def checkpoint(self, log: str) -> bytes:
        """The newest checkpoint's note."""
        pane = self._pane(log)
        with pane.lock:
            return pane.signed()[1]

    def consistency(self, log: str, sizes: Sequence[int]) -> list[Proof]:
        """For each two neighbouring sizes the proof that the ledger only grew from one to the other.

        Args:
            log: The ledger's origin.
            sizes: 2 to `SIZES_MAX` of them, each larger than the one before; the first at least 1, since the empty
                ledger proves nothing, and the last at most that of the newest checkpoint.

        Raises:
            NotThere: sizes that cannot be. The same as for a ledger that is not there.
        """
        pane = self._pane(log)
        if not 2 <= len(sizes) <= SIZES_MAX or not all(old < new for old, new in pairwise(sizes)):
            raise NotThere
        with pane.lock:
            checkpoint, _ = pane.signed()
            if not 0 < sizes[0] < sizes[-1] <= checkpoint.size:
                raise NotThere
            return [pane.tree.consistency(old, new) for old, new in pairwise(sizes)]

    @property
    def logs(self) -> tuple[str, ...]:
        """The origins of the ledgers that are shown."""
        return tuple(self._panes)

    def covers(self, log: str, note: bytes) -> bool:
        """Whether the ledger, as it lies there, is one that a checkpoint was signed over: as large at least, and with
        that root at that size. What is not signed yet counts too.

        Args:
            log: The ledger's origin.
            note: The checkpoint, as whoever kept it gives it.

        Raises:
            CheckpointRejected: not signed by this hub's key, or for another ledger.
        """
        pane = self._pane(log)
        checkpoint = open_note(note, self._key, log)
        with pane.lock:
            try:
                while not pane.tree.grow_to(checkpoint.size):
                    pass
                return pane.tree.root(checkpoint.size) == checkpoint.root
            except StateUnreadable:  # there are fewer entries, or others than were read before
                return False

    def own_entry(self, log: str, index: int, desk: DeskId) -> tuple[bytes, str]:
        """An entry of *desk*'s own, and the text that proves it against the newest checkpoint (see `format_proof`).

        Args:
            log: The ledger's origin.
            index: Counted from 0.
            desk: Who asks; the caller has made sure of that.

        Raises:
            NotThere: nothing there is this desk's: another's entry, a filler, an index beyond the newest checkpoint.
        """
        # The proof comes first, so that an entry that is not theirs costs as much as one that is.
        # LIMIT: reading a filler is some microseconds quicker than reading another desk's entry.
        found = self.any_entry(log, index)
        if log == self._directory:
            return found
        owner = _owner(found[0])
        if owner is None or owner != desk:  # two that are absent are not the same
            raise NotThere
        return found

    def any_entry(self, log: str, index: int) -> tuple[bytes, str]:
        """Any entry with its proof, whosever it is: for the operator, who holds the file. Never for a desk.

        Raises:
            NotThere: the index is beyond the newest checkpoint.
        """
        pane = self._pane(log)
        with pane.lock:
            checkpoint, note = pane.signed()
            if not 0 <= index < checkpoint.size:
                raise NotThere
            proof = pane.tree.inclusion(index, checkpoint.size)
        found = self._stored.entries(log, index, 1)
        try:
            verify_inclusion(found[0], index, checkpoint.size, proof, checkpoint.root)
        except (IndexError, ProofRejected) as error:
            raise StateUnreadable(f"entry {index} of ledger `{log}` was changed since it was read") from error
        return found[0], format_proof(InclusionProof(index, proof, note))

    def _pane(self, log: str) -> "_Pane":
        try:
            return self._panes[log]
        except KeyError:
            raise NotThere from None


class _Pane:
    """One ledger: its tree, and the newest checkpoint that the tree was found to agree with."""

    def __init__(self, log: str, stored: StoredLedger, key: VerifierKey) -> None:
        self.lock = Lock()
        """Held by whoever calls anything here."""
        self.tree = Tree(log, stored)
        self._log, self._stored, self._key = log, stored, key
        self._agreed: tuple[Checkpoint, bytes] | None = None

    def signed(self) -> tuple[Checkpoint, bytes]:
        """The newest checkpoint and its note, once all entries under it were read and lead to its root."""
        newest = self._newest()
        if newest != self._agreed:
            checkpoint, _ = newest
            while not self.tree.grow_to(checkpoint.size):
                pass
            if self.tree.root(checkpoint.size) != checkpoint.root:
                raise StateUnreadable(f"ledger `{self._log}` is not what checkpoint {checkpoint.size} was signed over")
            self._agreed = newest
        return newest

    def grow(self) -> bool:
        """One step of reading towards the newest checkpoint. Returns whether it is reached."""
        return self.tree.grow_to(self._newest()[0].size)

    def _newest(self) -> tuple[Checkpoint, bytes]:
        """The newest checkpoint, signed by the hub; the entries were not looked at yet, unless it is the one agreed."""
        stored = self._stored.newest(self._log)
        if stored is None and self._agreed is None:
            raise NotThere
        size, note = stored or (0, b"")
        if self._agreed is not None:
            if note == self._agreed[1]:
                return self._agreed
            if size < self._agreed[0].size:
                raise StateUnreadable(f"ledger `{self._log}` lost its checkpoint {self._agreed[0].size}")
        try:
            checkpoint = open_note(note, self._key, self._log)
        except CheckpointRejected as error:
            raise StateUnreadable(f"checkpoint {size} of ledger `{self._log}` is not signed by its hub") from error
        if checkpoint.size != size:
            raise StateUnreadable(f"checkpoint {size} of ledger `{self._log}` was signed for another size")
        return checkpoint, note


def _owner(data: bytes) -> DeskId | None:
    """Whose entry of a lane this is; None: nobody's.

    An entry can name a desk in several ways, and only one of them makes it that desk's: who is told of something, or
    is given a key, owns that line, and else who did it. A publisher (`iss`) does not own what others are told of its
    notification, nor the line of the decision.
    """
    try:
        entry = read_entry(data)
    except EntryRejected:
        return None
    match entry:
        case entries.Disclosure() | entries.EpochBegun():
            return entry.to
        case entries.Collection() | entries.Alteration() | entries.Acknowledgement() | entries.Return():
            return entry.actor
        case entries.Repeat() | entries.Refusal():
            return entry.actor
    return None  # fillers, decisions, and every kind that is not listed here
