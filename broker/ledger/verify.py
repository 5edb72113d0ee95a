"""Verify everything: recompute every ledger from its entries, and compare with all that was ever signed or kept.

Nothing of the hub's is believed: not its trees, not its own account of them. What counts is the directory key, given
out of band, the signatures that lead from it, and the checkpoints that desks kept.

What is checked, in this order for each ledger:

1. entries are numbered from 0 without a gap, and each is one of ours
2. each detail record is the one that its entry commits to, and none is missing or left over; whoever verifies may say
   how old one is that was removed in order. Nothing that lies in the file says so: it would be as easily forged as the
   removal. The entry's own time tells how old it is, and since the oldest go first, one that is missing behind one that
   is there was taken by somebody else
3. every checkpoint is signed, and its root is that of as many entries
4. the stored right edge is that of all entries
5. letters of a desk are counted without a gap; each disclosure names a decision about the same notification, made under
   policies that the directory had in force
6. every checkpoint that a desk kept is one of this very tree
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, Protocol

from broker.directory import Directory, Hub, PolicyActivated, read_event
from broker.errors import UnknownDesk
from broker.ledger.checkpoint import Checkpoint, CheckpointRejected, decimal, open_note
from broker.ledger.details import detail_digest
from broker.ledger.entries import Decision, Disclosure, Entry, EntryRejected, Refusal, read_entry
from broker.ledger.merkle import EMPTY, Digest, Frontier, extend, leaf_hash
from broker.sealing.rejection import Rejected
from broker.sealing.signatures import VerifyKey
from schemas import DeskId
from schemas.strict import b64u_encode


class StoredLedgers(Protocol):
    """What lies in a hub's file. Not believed."""

    def logs(self) -> set[str]:
        """Every ledger that any row names."""

    def entries(self, log: str) -> Iterator[tuple[int, bytes]]:
        """Entries with their numbers, by number."""

    def details(self, log: str) -> Iterator[tuple[int, bytes]]:
        """Sealed detail records with the numbers of their entries, by number."""

    def checkpoints(self, log: str) -> Iterator[tuple[int, bytes]]:
        """Notes with the sizes that they stand under, by size."""

    def frontier(self, log: str) -> bytes | None:
        """The right edge, as stored."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it was signed or kept."""

    where: str
    what: str


@dataclass(frozen=True, slots=True)
class KeptNote:
    """A checkpoint that somebody outside the hub kept."""

    who: str
    note: bytes


@dataclass
class Report:
    """What a verification found."""

    findings: list[Finding] = field(default_factory=list)
    sizes: dict[str, int] = field(default_factory=dict)
    """Entries of each ledger."""
    unsigned: dict[str, int] = field(default_factory=dict)
    """Entries after the last checkpoint: committed, and their letters not yet sent."""
    disclosures: int = 0
    checkpoints: int = 0
    kept: int = 0
    details_before: datetime | None = None
    """Details of entries before this may have been removed."""
    details_removed: int = 0
    """Details that are missing, all of them older than that and than every one that is there."""

    def find(self, where: str, what: str) -> None:
        """Note a finding."""
        self.findings.append(Finding(where, what))


def verify_ledgers(
    stored: StoredLedgers, hub: str, key: VerifyKey, kept: Iterable[KeptNote], details_before: datetime | None = None
) -> Report:
    """Verify all ledgers of a hub.

    Args:
        stored: Its file.
        hub: Its name.
        key: Its directory key.
        kept: Checkpoints that desks kept.
        details_before: Details of entries that were recorded before this may be missing, because they need not be kept
            for longer; None: none may.
    """
    report = Report(details_before=details_before)
    kept = list(kept)
    claimed = {size for note in kept if (size := _claimed_size(note.note)) is not None}
    directory_log = f"{hub}/directory"
    directory = _DirectoryCheck(directory_log, key, report)
    roots = {directory_log: _Walk(stored, directory_log, directory, report).run(claimed)}
    founded = directory.directory.founded
    if founded is None:
        report.find(directory_log, "the directory does not begin with its hub: nothing else can be checked")
        return report
    for lane in founded.entry.lanes:
        roots[lane] = _Walk(stored, lane, _LaneCheck(lane, directory, report), report).run(claimed)
    for unknown in sorted(stored.logs() - set(roots)):
        report.find(unknown, "rows of a ledger that the directory does not name")
    for log, known in roots.items():
        _check_checkpoints(stored, log, known, founded, report)
    for note in kept:
        _check_kept(note, roots, founded, report)
    return report


@dataclass(frozen=True, slots=True)
class _Roots:
    """The roots that the entries give, at the sizes that somebody may have signed."""

    size: int
    at: dict[int, Digest]


class _Owed(NamedTuple):
    """The detail record that an entry commits to."""

    digest: str
    at: datetime
    """When the entry was recorded."""


class _Check(Protocol):
    def entry(self, index: int, data: bytes) -> "_Owed | None":
        """Check one entry; returns what it says of its detail record, if it commits to one."""

    def end(self) -> None:
        """All entries were seen."""


class _Walk:
    """One pass over a ledger: numbers, entries, details, and the root at every size."""

    def __init__(self, stored: StoredLedgers, log: str, check: _Check, report: Report) -> None:
        self._stored, self._log, self._check, self._report = stored, log, check, report

    def run(self, claimed: set[int]) -> _Roots:
        frontier: Frontier = EMPTY
        wanted = claimed | {size for size, _ in self._stored.checkpoints(self._log)}
        roots: dict[int, Digest] = {0: EMPTY.root()}
        details = _Details(self._stored.details(self._log), self._log, self._report)
        batch: list[Digest] = []
        expected = 0
        for index, data in self._stored.entries(self._log):
            if index < 0:
                self._report.find(f"{self._log}, entry {index}", "stands before the first")
                continue
            if index != expected:
                self._report.find(f"{self._log}, entry {expected}", "missing")
                break
            details.match(index, self._check.entry(index, data))
            batch.append(leaf_hash(data))
            expected += 1
            if expected in wanted or len(batch) == _BATCH:
                frontier = extend(frontier, batch)
                batch = []
            if expected in wanted:
                roots[expected] = frontier.root()
        frontier = extend(frontier, batch)
        roots[expected] = frontier.root()
        details.end()
        self._check.end()
        if self._stored.frontier(self._log) != (frontier.to_bytes() if frontier.size else None):
            self._report.find(f"{self._log}, right edge", "not that of the entries")
        self._report.sizes[self._log] = expected
        return _Roots(expected, roots)


_BATCH = 1_024


class _Details:
    """Detail records beside the entries that commit to them."""

    def __init__(self, rows: Iterator[tuple[int, bytes]], log: str, report: Report) -> None:
        self._rows, self._log, self._report = rows, log, report
        self._next = next(rows, None)
        self._has_one = False

    def match(self, index: int, owed: _Owed | None) -> None:
        while self._next is not None and self._next[0] < index:
            self._left_over()
        sealed = None
        if self._next is not None and self._next[0] == index:
            sealed = self._next[1]
            self._next = next(self._rows, None)
        if owed is None and sealed is None:
            return
        if sealed is None:
            self._miss(index, owed)
            return
        self._has_one = True
        if owed is None or detail_digest(sealed) != owed.digest:
            self._report.find(f"{self._log}, detail {index}", "not the one that entry commits to")

    def _miss(self, index: int, owed: _Owed | None) -> None:
        before = self._report.details_before
        if before is None or owed is None or owed.at >= before:
            self._report.find(f"{self._log}, detail {index}", "missing")
        elif self._has_one:  # those that need not be kept go oldest first
            self._report.find(f"{self._log}, detail {index}", "missing, and an older one is there")
        else:
            self._report.details_removed += 1

    def end(self) -> None:
        while self._next is not None:
            self._left_over()

    def _left_over(self) -> None:
        if self._next is not None:
            self._report.find(f"{self._log}, detail {self._next[0]}", "no entry commits to it")
            self._next = next(self._rows, None)


class _DirectoryCheck:
    """The directory's entries are events, signed by the directory key, and each fits those before it."""

    def __init__(self, log: str, key: VerifyKey, report: Report) -> None:
        self._log, self._key, self._report = log, key, report
        self.directory = Directory()
        self.policies: set[str] = set()

    def entry(self, index: int, data: bytes) -> _Owed | None:
        try:
            event = read_event(data, self._key)
            self.directory = self.directory.after(event)
            if isinstance(event, PolicyActivated):
                self.policies.add(event.digest)
        except Rejected:
            self._report.find(
                f"{self._log}, entry {index}", "not an event that the directory key signed, or out of place"
            )
        return None

    def end(self) -> None:
        """Nothing is left to compare."""


class _LaneCheck:
    """A lane's entries are ours, and agree with the directory and with one another."""

    def __init__(self, log: str, directory: _DirectoryCheck, report: Report) -> None:
        self._log, self._directory, self._report = log, directory, report
        self._counts: dict[str, dict[int, int]] = defaultdict(dict)
        self._decisions: dict[str, str] = {}
        self._disclosures: list[tuple[int, str, str]] = []

    def entry(self, index: int, data: bytes) -> _Owed | None:
        where = f"{self._log}, entry {index}"
        try:
            entry = read_entry(data)
        except EntryRejected:
            self._report.find(where, "not an entry")
            return None
        if entry.dir > self._directory.directory.size:
            self._report.find(where, "names a directory larger than there is")
        return self._note(entry, index, data, where)

    def _note(self, entry: Entry, index: int, data: bytes, where: str) -> _Owed | None:
        match entry:
            case Disclosure(to=to, n=n):
                self._report.disclosures += 1
                self._disclosures.append((index, entry.decision, entry.id))
                self._check_policy(entry.policy, where)
                self._check_desk(to, entry.dir, where)
                if n in self._counts[to]:
                    self._report.find(where, f"letter {n} of desk `{to}` a second time")
                self._counts[to][n] = index
            case Decision():
                self._decisions[b64u_encode(leaf_hash(data))] = entry.id
                self._check_policy(entry.policy, where)
                return _Owed(entry.detail, entry.ts)
            case Refusal():
                return _Owed(entry.detail, entry.ts)
        return None

    def _check_desk(self, desk: DeskId, size: int, where: str) -> None:
        try:
            self._directory.directory.signer(desk, size)
        except UnknownDesk:
            self._report.find(where, f"tells desk `{desk}`, which the directory did not have then")

    def _check_policy(self, digest: str, where: str) -> None:
        if digest not in self._directory.policies:
            self._report.find(where, "decided by policies that were never in force")

    def end(self) -> None:
        for desk, numbers in sorted(self._counts.items()):
            missing = next((n for n in range(1, max(numbers) + 1) if n not in numbers), None)
            if missing is not None:
                self._report.find(f"{self._log}, letters of desk `{desk}`", f"letter {missing} missing")
        for index, decision, notification in self._disclosures:
            if self._decisions.get(decision) != notification:
                self._report.find(f"{self._log}, entry {index}", "discloses what no decision here allowed")


def _check_checkpoints(stored: StoredLedgers, log: str, known: _Roots, hub: Hub, report: Report) -> None:
    good = 0
    for size, note in stored.checkpoints(log):
        where = f"{log}, checkpoint {size}"
        report.checkpoints += 1
        try:
            checkpoint = open_note(note, hub.ledger_key, log)
        except CheckpointRejected:
            report.find(where, "not signed by the hub's ledger key")
            continue
        if checkpoint.size != size:
            report.find(where, f"stands under another size than it was signed for, {checkpoint.size}")
        elif size > known.size:
            report.find(where, f"signed over {size} entries, and there are {known.size}")
        elif known.at[size] != checkpoint.root:
            report.find(f"{log}, entries {good} to {size - 1}", f"not those that checkpoint {size} was signed over")
        else:
            good = size
    if known.size > good:
        report.unsigned[log] = known.size - good


def _check_kept(kept: KeptNote, roots: dict[str, _Roots], hub: Hub, report: Report) -> None:
    where = f"checkpoint kept by {kept.who}"
    checkpoint = _opened(kept, roots, hub)
    if checkpoint is None:
        report.find(where, "not signed by the hub's ledger key, or over a ledger that is not there")
        return
    report.kept += 1
    known = roots[checkpoint.origin]
    where = f"{checkpoint.origin}, checkpoint {checkpoint.size} kept by {kept.who}"
    if checkpoint.size > known.size:
        report.find(where, f"the ledger was rolled back: it has {known.size} entries")
    elif known.at[checkpoint.size] != checkpoint.root:
        report.find(where, "another tree than this one: entries before it were changed, removed or swapped")


def _claimed_size(note: bytes) -> int | None:
    """The size that a note claims, so that the root at that size is worked out; the signature is checked later."""
    lines = note.split(b"\n", 2)
    try:
        return decimal(lines[1].decode("ascii"))
    except (IndexError, ValueError):
        return None


def _opened(kept: KeptNote, roots: dict[str, _Roots], hub: Hub) -> Checkpoint | None:
    for log in roots:
        try:
            return open_note(kept.note, hub.ledger_key, log)
        except CheckpointRejected:
            continue
    return None
