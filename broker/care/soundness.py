"""Whether all of a hub's data is sound: not only the ledgers, but what the hub itself goes on from.

Looks and changes nothing, beside a hub at work or without one. The state is looked at in one read transaction, so what
is compared belongs together. Each check says what it found; what cannot be looked at is a problem and not a silence.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import apsw

from broker.care.standing import AHEAD, RESTORED
from broker.care.verification import verify_hub
from broker.directory import Directory, read_event
from broker.errors import FolderUnusable, StateUnreadable
from broker.health.findings import Finding, looked, ok, problem, warning
from broker.ledger.merkle import Frontier, NotAFrontier, ProofRejected, verify_inclusion
from broker.ledger.verify import KeptNote
from broker.ports import RowKey, SealedRow, Table
from broker.sealing.keyring import HubKeys
from broker.sealing.rejection import Rejected
from broker.state.frontiers import own_frontier
from broker.state.pending import read_pending
from broker.state.rows import Rows
from broker.state.vault import Vault
from broker.topics import DIRECTORY, INPUT, QUARANTINE, inbox
from broker.transport.database import faults_of_the_folder, open_database
from broker.transport.records import lane_name
from broker.transport.tables import DATABASE, TABLES
from broker.transport.turn import frontier_of

_ENTRIES = "SELECT entry FROM ledger_entry WHERE log = ? ORDER BY i"
_COUNTED = "SELECT count(*) FILTER (WHERE offset >= ? AND offset < ?), count(*) FROM record WHERE topic = ?"

_RESTORE = "Stop the hub, keep its folder as it is, and put back the newest backup."
_KEYS = "Use the credential and the keys that belong to this folder; else put back the newest backup."
_LOOK = "Keep the folder as it is, and find out who writes to it."


def inspect(
    home: Path, keys: HubKeys, kept: Iterable[KeptNote], details_before: datetime | None = None
) -> list[Finding]:
    """Look through a hub's folder.

    Args:
        home: The hub's own folder.
        keys: Its keys.
        kept: Checkpoints that desks kept.
        details_before: Details of entries before this may have been removed; None: none may.
    """
    found = looked(lambda: marks(home))
    whole = looked(lambda: file(home / DATABASE))
    found += whole
    if not all(each.next_step == "" for each in whole):  # what else it says is not worth anything
        return found
    found += looked(lambda: ledgers(home, kept, details_before))
    found += looked(lambda: state(home / DATABASE, keys))
    return found


def marks(home: Path) -> list[Finding]:
    """Whether the hub goes on when it is started."""
    found = []
    if (home / AHEAD).exists():
        found.append(problem("a desk has seen more of a ledger than there is", "Put back a newer backup."))
    if (home / RESTORED).exists():
        what = "it was made from a backup, and waits for what its desks have seen"
        found.append(warning(what, "Run the hub and look into its log, or say `tellwise data accept-restored`."))
    return found


def file(path: Path) -> list[Finding]:
    """Whether SQLite finds nothing wrong with the file."""
    with faults_of_the_folder(path), closing(open_database(path, TABLES, readonly=True)) as database:
        answers = [str(answer) for (answer,) in database.execute("PRAGMA integrity_check(10)").fetchall()]
    if answers != ["ok"]:
        return [problem(f"`{path}` is damaged: {len(answers)} findings of SQLite's", _RESTORE)]
    return [ok(f"`{path}` is whole: {path.stat().st_size // 2**20} MiB")]


def ledgers(home: Path, kept: Iterable[KeptNote], details_before: datetime | None) -> list[Finding]:
    """Whether the ledgers are as they were signed, and as desks kept them."""
    report = verify_hub(home, kept, details_before)
    if report.findings:
        return [problem(f"{finding.where}: {finding.what}", _LOOK) for finding in report.findings]
    sizes = ", ".join(f"{size} entries of `{log}`" for log, size in report.sizes.items())
    return [ok(f"the ledgers are as they were signed: {sizes}; {report.kept} checkpoints kept by desks agree")]


def state(path: Path, keys: HubKeys) -> list[Finding]:
    """Whether what the hub goes on from is what it left: rows, right edges, positions, what waits to leave."""
    # The vault only opens here, so it needs no randomness; if it sealed anything, that would show at once.
    vault = Vault(keys, _no_entropy)
    with faults_of_the_folder(path), closing(open_database(path, TABLES, readonly=True)) as database:
        database.execute("BEGIN")
        lane = lane_name((INPUT, 0))
        committed = Committed(database, lane)
        rows = Rows(committed, vault)
        checks: tuple[Callable[[], Sequence[Finding]], ...] = (
            lambda: sealed_rows(committed, database, vault),
            lambda: edges(database, rows, keys),
            lambda: directory(database, rows, keys),
            lambda: positions(database),
            lambda: items(database, rows, keys),
            lambda: strangers(database, keys, lane),
        )
        return [finding for check in checks for finding in looked(check)]


class Committed:
    """A lane's rows at the moment that a connection reads. A driver of `CommittedRows`."""

    def __init__(self, database: apsw.Connection, lane: str) -> None:
        """Read within the transaction that is open."""
        self._database, self._lane = database, lane

    def get(self, table: Table, key: RowKey) -> SealedRow | None:
        """See `CommittedRows.get`."""
        found: SealedRow | None = self._database.execute(
            "SELECT value FROM state WHERE lane = ? AND tbl = ? AND key = ?", (self._lane, table, key)
        ).get
        return found

    def rows(self, table: Table) -> Iterable[tuple[RowKey, SealedRow]]:
        """See `CommittedRows.rows`. One after the other: there may be many."""
        rows: Any = self._database.execute(
            "SELECT key, value FROM state WHERE lane = ? AND tbl = ? ORDER BY key", (self._lane, table)
        )
        yield from rows


def sealed_rows(committed: Committed, database: apsw.Connection, vault: Vault) -> list[Finding]:
    """Whether every row of state opens under the hub's keys, in its own place."""
    count, closed = 0, dict.fromkeys(Table, 0)
    for table in Table:
        for key, row in committed.rows(table):
            count += 1
            try:
                vault.open(table, key, row)
            except StateUnreadable:
                closed[table] += 1
    found = [problem(f"{many} rows of `{table}` do not open", _KEYS) for table, many in closed.items() if many]
    total = _one(database, "SELECT count(*) FROM state")
    if total != count:
        found.append(problem(f"{total - count} rows of state belong to no table or lane of this hub", _LOOK))
    return found or [ok(f"all {count} rows of state open")]


def edges(database: apsw.Connection, rows: Rows, keys: HubKeys) -> list[Finding]:
    """Whether each ledger ends where the hub left it."""
    found = []
    for log in _logs(keys):
        try:
            if own_frontier(rows, log, frontier_of(database, log)) is None:
                found.append(problem(f"ledger `{log}` has no right edge", _RESTORE))
        except (StateUnreadable, NotAFrontier):
            found.append(problem(f"ledger `{log}` does not end where this hub left it", _LOOK))
    return found or [ok("each ledger ends where this hub left it")]


def directory(database: apsw.Connection, rows: Rows, keys: HubKeys) -> list[Finding]:
    """Whether the directory that the hub goes by is that of its ledger."""
    entries = [bytes(entry) for (entry,) in _all(database, _ENTRIES, _logs(keys)[1])]
    held = [rows.get(Table.DIRECTORY, rows.vault.row_key(Table.DIRECTORY, str(n))) for n in range(len(entries) + 1)]
    if held != [*entries, None]:
        return [problem("the directory that the hub goes by is not that of its ledger", _RESTORE)]
    return [ok(f"the directory is that of its ledger: {len(entries)} events")]


def positions(database: apsw.Connection) -> list[Finding]:
    """Whether every topic is without a gap, and no lane is done with what was never there."""
    found = []
    topics = _all(database, "SELECT id, name, partition, first, next FROM topic")
    ends = {lane_name((name, partition)): end for _, name, partition, _, end in topics}
    for number, name, partition, first, end in topics:
        ((inside, count),) = _all(database, _COUNTED, first, end, number)
        if not inside == count == end - first:
            found.append(problem(f"topic `{lane_name((name, partition))}` has a gap", _LOOK))
    lost = _one(database, "SELECT count(*) FROM record WHERE topic NOT IN (SELECT id FROM topic)")
    if lost:
        found.append(problem(f"{lost} records belong to no topic", _LOOK))
    for lane, position in _all(database, "SELECT lane, offset FROM position"):
        if position > ends.get(lane, 0):
            found.append(problem(f"lane `{lane}` is done with {position} records, and there were fewer", _RESTORE))
    return found or [ok(f"{len(topics)} topics are without a gap, and no lane is ahead of its input")]


def items(database: apsw.Connection, rows: Rows, keys: HubKeys) -> list[Finding]:
    """Whether each item that waits to leave stands in the ledger, and can be proved."""
    log = _logs(keys)[0]
    stored = frontier_of(database, log)
    count = unproved = 0
    for row in rows.all(Table.PENDING):
        try:
            edge = Frontier.from_bytes(stored or b"")
            for item in read_pending(row):
                count += 1
                verify_inclusion(item.entry, item.index, edge.size, item.hashes, edge.root())
        except (ProofRejected, NotAFrontier, ValueError, TypeError, IndexError):
            unproved += 1
    if unproved:
        return [problem(f"{unproved} of {count} items that wait to leave are not in the ledger", _RESTORE)]
    return [ok(f"all {count} items that wait to leave are in the ledger")]


def strangers(database: apsw.Connection, keys: HubKeys, lane: str) -> list[Finding]:
    """Whether something lies there that belongs to nobody: an inbox without a desk, a lane without an input."""
    known = _directory(database, keys)
    everybody = [*known.desks.values(), *(desk for desk, _ in known.revoked.values())]
    names = {INPUT, DIRECTORY, QUARANTINE, *(inbox(desk.mailbox) for desk in everybody)}
    odd = [name for (name,) in _all(database, "SELECT name FROM topic") if name not in names]
    lanes = _all(database, "SELECT lane FROM position UNION SELECT lane FROM lease")
    found = []
    if odd:
        found.append(warning(f"{len(odd)} topics belong to no desk of the directory", _LOOK))
    if any(name != lane for (name,) in lanes):
        found.append(warning("a lane is named that this hub does not have", _LOOK))
    return found or [ok("nothing lies there that belongs to nobody")]


def _directory(database: apsw.Connection, keys: HubKeys) -> Directory:
    known = Directory()
    try:
        for (entry,) in _all(database, _ENTRIES, _logs(keys)[1]):
            known = known.after(read_event(entry, keys.directory_key))
    except Rejected:
        raise FolderUnusable("the directory's ledger holds what its key did not sign") from None
    return known


def _all(database: apsw.Connection, sql: str, *values: str | int) -> list[Any]:
    return database.execute(sql, values).fetchall()


def _one(database: apsw.Connection, sql: str) -> int:
    count: int = database.execute(sql).get
    return count


def _logs(keys: HubKeys) -> tuple[str, str]:
    """The lane's ledger and the directory's."""
    return f"{keys.ledger.name}/lane-0", f"{keys.ledger.name}/directory"


def _no_entropy(size: int) -> bytes:
    raise RuntimeError(f"nothing is sealed here, and {size} random bytes were asked for")
