"""A desk's own store: one SQLite file with its outbox, what it opened, and what it keeps as evidence against the hub.

It holds what the desk was told, in clear, like any case system of an agency; protect the folder as you would that.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import apsw

from broker.errors import FolderUnusable
from broker.ledger.checkpoint import Checkpoint
from broker.sealing.packages import Outcome
from broker.sealing.rejection import Reason
from broker.transport.database import faults_of_the_folder, folder_unusable, is_fault_of_the_folder, open_database
from schemas import NotificationId
from schemas.strict import json_decode, json_encode

DDL = """
CREATE TABLE outbox (id TEXT PRIMARY KEY, seq INTEGER NOT NULL UNIQUE, sealed BLOB NOT NULL, exp INTEGER NOT NULL,
                     state TEXT NOT NULL) STRICT;
CREATE TABLE letter (id TEXT NOT NULL, part INTEGER NOT NULL, lane TEXT NOT NULL, n INTEGER NOT NULL, kind TEXT NOT
NULL,
                     iss TEXT NOT NULL, opened BLOB NOT NULL, entry BLOB NOT NULL, proof TEXT NOT NULL,
                     acknowledged TEXT, PRIMARY KEY (id, part)) STRICT;
CREATE UNIQUE INDEX letter_n ON letter (lane, n);
CREATE TABLE epoch (kid TEXT PRIMARY KEY, key BLOB NOT NULL) STRICT;
CREATE TABLE directory_event (i INTEGER PRIMARY KEY, event BLOB NOT NULL) STRICT;
CREATE TABLE checkpoint (log TEXT NOT NULL, size INTEGER NOT NULL, root BLOB NOT NULL, note BLOB NOT NULL,
                         PRIMARY KEY (log, size)) STRICT;
CREATE TABLE incident (i INTEGER PRIMARY KEY, item INTEGER NOT NULL, reason TEXT NOT NULL,
                       evidence BLOB NOT NULL) STRICT;
CREATE TABLE handed (outlet TEXT NOT NULL, letter INTEGER NOT NULL, PRIMARY KEY (outlet, letter)) STRICT;
CREATE TABLE cursor (name TEXT PRIMARY KEY, position INTEGER NOT NULL) STRICT;
"""

INBOX = "inbox"
DIRECTORY = "directory"
SEQ = "seq"


class Sending(StrEnum):
    """Where a notification of ours stands."""

    WAITING = "waiting"
    """Not known to be at the hub; the same bytes go again."""
    SENT = "sent"
    """Durable at the hub; its receipt has not come yet."""
    ACCEPTED = "accepted"
    REFUSED = "refused"
    EXPIRED = "expired"
    """The hub did not take it in time; it must be said anew."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A notification in the outbox."""

    id: NotificationId
    sealed: bytes
    exp: int
    state: Sending


@dataclass(frozen=True, slots=True)
class StoredLetter:
    """A letter as the desk keeps it."""

    row: int
    """Counts this desk's letters in the order in which they came; 0 before it is stored."""
    id: NotificationId
    part: int
    kind: str
    publisher: str
    cover: dict[str, object]
    compartments: dict[str, dict[str, object]]
    recorded: dict[str, object]
    """Where its entry stands: `ledger`, `entry` counted from 0, and `size` of the checkpoint that proves it."""
    acknowledged: str | None
    """Id of the notification by which it was acknowledged or returned."""

    def as_json(self) -> dict[str, object]:
        """The letter as it is handed to another system."""
        return {
            "id": self.id,
            "part": self.part,
            "kind": self.kind,
            "from": self.publisher,
            "acknowledged": self.acknowledged,
            "recorded": self.recorded,
            "cover": self.cover,
            **self.compartments,
        }


class DeskStore:
    """The desk's file. One process at a time, one thread at a time."""

    def __init__(self, path: Path) -> None:
        """Open the file, or make it.

        Raises:
            FolderUnusable, EngineUnsafe: as `open_database`.
        """
        self._path = path
        self._db = open_database(path, DDL)

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """When the block ends, all of it survives a power cut; if it raises, none of it happened.

        Raises:
            FolderUnusable: the disk or the file does not let us. None of it is seen until the next transaction; if it
                was the sync that failed, a restart before that may find all of it.
        """
        try:
            self._db.execute("BEGIN IMMEDIATE")
            yield
            self._db.execute("COMMIT")
        except BaseException as error:
            if self._db.in_transaction:  # else SQLite took everything back by itself, as it does when the disk is full
                self._db.execute("ROLLBACK")
            if isinstance(error, apsw.Error) and is_fault_of_the_folder(error):
                raise folder_unusable(self._path, error) from error
            raise

    # --- counts and cursors ---

    def position(self, name: str) -> int:
        """A cursor or count; 0 at first."""
        row = self._one("SELECT position FROM cursor WHERE name = ?", (name,))
        return 0 if row is None else int(str(row[0]))

    def move(self, name: str, position: int) -> None:
        """Set a cursor or count."""
        self._rows("INSERT OR REPLACE INTO cursor VALUES (?, ?)", (name, position))

    # --- what we say ---

    def put_out(self, notification: NotificationId, seq: int, sealed: bytes, exp: int) -> None:
        """Keep a sealed notification until the hub has answered."""
        self._rows("INSERT INTO outbox VALUES (?, ?, ?, ?, ?)", (notification, seq, sealed, exp, Sending.WAITING))

    def outgoing(self, *states: Sending, most: int = -1) -> list[Outgoing]:
        """Notifications of ours in these states, in the order in which they were said; at most *most*, if that is not
        negative."""
        marks = ", ".join("?" * len(states))
        rows = self._rows(
            f"SELECT id, sealed, exp, state FROM outbox WHERE state IN ({marks}) ORDER BY seq LIMIT ?",  # noqa: S608 - marks only
            (*states, most),
        )
        return [
            Outgoing(NotificationId(str(row[0])), _bytes(row[1]), int(str(row[2])), Sending(str(row[3])))
            for row in rows
        ]

    def set_state(self, notification: NotificationId, state: Sending) -> None:
        """Where a notification of ours stands from now on. What has been answered stays answered."""
        self._rows(
            "UPDATE outbox SET state = ? WHERE id = ? AND state NOT IN (?, ?)",
            (state, notification, Sending.ACCEPTED, Sending.REFUSED),
        )

    def answered(self, notification: NotificationId, outcome: Outcome) -> None:
        """A receipt for a notification of ours has come.

        What was accepted stays so. What was refused may have been a copy that somebody spoilt on the way, and ours may
        be accepted after it.
        """
        if outcome is Outcome.ACCEPTED:
            self._rows("UPDATE outbox SET state = ? WHERE id = ?", (Sending.ACCEPTED, notification))
        else:
            self.set_state(notification, Sending.REFUSED)

    # --- what we are told ---

    def has_letter(self, notification: NotificationId, part: int) -> bool:
        """Whether this part was opened before."""
        return self._one("SELECT 1 FROM letter WHERE id = ? AND part = ?", (notification, part)) is not None

    def last_n(self, lane: str) -> int:
        """The highest count of letters that came from a lane; 0 before the first."""
        row = self._one("SELECT max(n) FROM letter WHERE lane = ?", (lane,))
        return 0 if row is None or row[0] is None else int(str(row[0]))

    def put_letter(self, letter: StoredLetter, lane: str, n: int, evidence: tuple[bytes, str]) -> None:
        """The effect of a letter: kept, in the same transaction as its id.

        Args:
            letter: What was opened.
            lane: Whose letter it is.
            n: Its count there.
            evidence: Its ledger entry and the text that proves it.
        """
        opened = json_encode({"cover": letter.cover, "compartments": letter.compartments, "recorded": letter.recorded})
        self._rows(
            "INSERT INTO letter VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)",
            (letter.id, letter.part, lane, n, letter.kind, letter.publisher, opened, *evidence),
        )

    def evidence(self, letter: StoredLetter) -> tuple[bytes, str]:
        """The ledger entry of a letter, and the text that proves it."""
        found = self._one("SELECT entry, proof FROM letter WHERE rowid = ?", (letter.row,))
        if found is None:
            raise KeyError(letter.row)
        return _bytes(found[0]), str(found[1])

    def letters(self) -> list[StoredLetter]:
        """All letters, in the order in which they came."""
        return [_stored(row) for row in self._rows(_LETTERS + "ORDER BY rowid")]

    def unhanded(self, outlet: str, most: int) -> list[StoredLetter]:
        """The first letters that *outlet* has not handed on, at most *most*, in the order in which they came.

        Args:
            outlet: The name of one way out to the agency's own system.
            most: How many at the most.
        """
        rows = self._rows(
            _UNHANDED,
            (self.position(_outlet(outlet)), outlet, most),
        )
        return [_stored(row) for row in rows]

    def hand_on(self, outlet: str, letter: StoredLetter) -> None:
        """*outlet* has handed a letter on: it is not among its `unhanded` any more."""
        self._rows("INSERT OR IGNORE INTO handed VALUES (?, ?)", (outlet, letter.row))
        low = self.position(_outlet(outlet))
        while self._one("SELECT 1 FROM handed WHERE outlet = ? AND letter = ?", (outlet, low + 1)) is not None:
            low += 1
        self.move(_outlet(outlet), low)
        self._rows("DELETE FROM handed WHERE outlet = ? AND letter <= ?", (outlet, low))

    def letter(self, notification: NotificationId, part: int) -> StoredLetter | None:
        """One letter; None if there is no such letter here."""
        row = self._one(_LETTERS + "WHERE id = ? AND part = ?", (notification, part))
        return None if row is None else _stored(row)

    def acknowledged(self, notification: NotificationId, part: int, by: NotificationId) -> None:
        """A person has acknowledged a letter; *by* says so to the hub."""
        self._rows("UPDATE letter SET acknowledged = ? WHERE id = ? AND part = ?", (by, notification, part))

    # --- keys, directory, evidence ---

    def put_key(self, kid: str, key: bytes) -> None:
        """Keep an epoch key."""
        self._rows("INSERT OR IGNORE INTO epoch VALUES (?, ?)", (kid, key))

    def keys(self) -> dict[str, bytes]:
        """Our epoch keys, by kid."""
        return {str(row[0]): _bytes(row[1]) for row in self._rows("SELECT kid, key FROM epoch")}

    def put_event(self, index: int, event: bytes) -> None:
        """Keep a directory event that a checkpoint covers."""
        self._rows("INSERT INTO directory_event VALUES (?, ?)", (index, event))

    def events(self) -> list[bytes]:
        """The directory's events, in order."""
        return [_bytes(row[0]) for row in self._rows("SELECT event FROM directory_event ORDER BY i")]

    def keep_checkpoint(self, checkpoint: Checkpoint, note: bytes) -> None:
        """Keep a checkpoint as evidence. The first of a size is kept."""
        self._rows(
            "INSERT OR IGNORE INTO checkpoint VALUES (?, ?, ?, ?)",
            (checkpoint.origin, checkpoint.size, bytes(checkpoint.root), note),
        )

    def kept_root(self, log: str, size: int) -> bytes | None:
        """The root that a checkpoint of this size had; None if none was kept."""
        row = self._one("SELECT root FROM checkpoint WHERE log = ? AND size = ?", (log, size))
        return None if row is None else _bytes(row[0])

    def newest_note(self, log: str) -> bytes | None:
        """The largest checkpoint that was kept of a ledger, as the hub signed it; None if none was."""
        row = self._one("SELECT note FROM checkpoint WHERE log = ? ORDER BY size DESC LIMIT 1", (log,))
        return None if row is None else _bytes(row[0])

    def last_checkpoint(self, log: str) -> tuple[int, bytes] | None:
        """Size and root of the largest checkpoint that was kept of a ledger; None if none was."""
        return next(iter(self.last_checkpoints(log, 1)), None)

    def last_checkpoints(self, log: str, most: int) -> list[tuple[int, bytes]]:
        """Size and root of the *most* largest checkpoints that were kept of a ledger, the largest first."""
        rows = self._rows("SELECT size, root FROM checkpoint WHERE log = ? ORDER BY size DESC LIMIT ?", (log, most))
        return [(int(str(size)), _bytes(root)) for size, root in rows]

    def put_incident(self, item: int, reason: Reason, evidence: bytes) -> None:
        """Note that an inbox item was refused, and why: for this desk's own eyes. The item itself is the evidence."""
        self._rows("INSERT INTO incident (item, reason, evidence) VALUES (?, ?, ?)", (item, reason.value, evidence))

    def incidents(self) -> list[tuple[int, Reason]]:
        """The inbox items that were refused, and why."""
        rows = self._rows("SELECT item, reason FROM incident ORDER BY i")
        return [(int(str(row[0])), Reason(str(row[1]))) for row in rows]

    def sweep(self, sql: str, values: tuple[str | int, ...]) -> int:
        """Do one of the statements of tidying.py, inside a transaction. Returns how many rows it changed."""
        self._rows(sql, values)
        return self._db.changes()

    def _one(self, sql: str, values: tuple[object, ...]) -> tuple[object, ...] | None:
        rows = self._rows(sql, values)
        return rows[0] if rows else None

    def _rows(self, sql: str, values: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
        """Run a statement to its end.

        Raises:
            FolderUnusable: the disk or the file does not let us.
        """
        with faults_of_the_folder(self._path):
            return self._db.execute(sql, values).fetchall()


def kept_checkpoints(path: Path) -> list[bytes]:
    """The notes of all checkpoints that a desk kept, read from its file without changing it.

    Raises:
        FolderUnusable: not a desk's file, or not readable.
    """
    with faults_of_the_folder(path):
        db: apsw.Connection = open_database(path, DDL, readonly=True)
        try:
            notes = [row[0] for row in db.execute("SELECT note FROM checkpoint ORDER BY log, size")]
        finally:
            db.close()
    if not all(isinstance(note, bytes) for note in notes):  # STRICT holds for what SQLite wrote, not for a damaged page
        raise FolderUnusable(f"cannot use `{path}`: a checkpoint in it is damaged")
    return notes


_LETTERS = "SELECT rowid, id, part, kind, iss, opened, acknowledged FROM letter "
_UNHANDED = (
    "SELECT rowid, id, part, kind, iss, opened, acknowledged FROM letter WHERE rowid > ? AND NOT EXISTS"
    " (SELECT 1 FROM handed WHERE outlet = ? AND letter = letter.rowid) ORDER BY rowid LIMIT ?"
)


def _stored(row: tuple[object, ...]) -> StoredLetter:
    opened = json_decode(_bytes(row[5]))
    return StoredLetter(
        row=int(str(row[0])),
        id=NotificationId(str(row[1])),
        part=int(str(row[2])),
        kind=str(row[3]),
        publisher=str(row[4]),
        cover=opened["cover"],
        compartments=opened["compartments"],
        recorded=opened["recorded"],
        acknowledged=None if row[6] is None else str(row[6]),
    )


def _outlet(name: str) -> str:
    return f"outlet:{name}"


def _bytes(value: object) -> bytes:
    if not isinstance(value, bytes):
        raise TypeError("not a BLOB")  # STRICT tables make this impossible
    return value
