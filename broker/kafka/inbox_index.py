"""Which records of the shared topic are whose: numbers, in a file of this machine. What they hold stays on Kafka.

It follows the topic (`shards.py`) and can be thrown away at any time: whoever has none reads the topic through once.
So a desk that asks for weeks, and is told nothing, costs one look each time.
"""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import apsw

from broker.errors import TellwiseError
from broker.kafka.inboxes import shard_of
from broker.ports import Partition
from broker.transport.database import faults_of_the_folder, open_database
from broker.transport.writer import Writer
from schemas import Mailbox

NEW_MAX = 20_000
"""Records that are not in the file yet: beyond, whoever adds waits until they are."""

_TABLES = """
-- Of each partition: everything is known from one number up to another, and what the record before that one is.
CREATE TABLE shard(
    number INTEGER PRIMARY KEY,
    known_from INTEGER NOT NULL,
    known_to INTEGER NOT NULL,
    digest BLOB
) STRICT;

-- `gone` is the highest number of a record that was removed from an inbox.
CREATE TABLE mailbox(
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    gone INTEGER NOT NULL DEFAULT -1
) STRICT;

CREATE TABLE item(
    mailbox INTEGER NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY(mailbox, number)
) STRICT, WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Known:
    """How much is known of a partition."""

    known_from: int
    known_to: int
    """All records from the one number on are known, to before the other."""
    digest: bytes | None = None
    """Of the value of the record before `known_to`: if that is another now, so is the topic. None: it is not known."""


@dataclass(slots=True)
class _New:
    """What is not in the file yet."""

    numbers: defaultdict[Mailbox, list[int]] = field(default_factory=lambda: defaultdict(list))
    shards: dict[int, Known] = field(default_factory=dict)
    lasts: dict[int, bytes] = field(default_factory=dict)
    """The value of the last record of each."""
    count: int = 0


def digest_of(value: bytes) -> bytes:
    """By which a record is known again."""
    return sha256(value).digest()


class InboxIndex:
    """The numbers of each inbox, in order. For one event loop."""

    def __init__(self, path: Path) -> None:
        """Open the file, or make it. Nobody else may write to it.

        Raises:
            FolderUnusable, EngineUnsafe: as `open_database`.
        """
        self.path = path
        self._writer = Writer(open_database(path, _TABLES), path, lambda _partitions: None)
        self._file = open_database(path, _TABLES, readonly=True)
        rows = self._rows("SELECT number, known_from, known_to, digest FROM shard")
        self.shards = {shard: Known(*known) for shard, *known in rows}
        """How much is known of each partition; one of which nothing is known is not named."""
        self._new, self._on_its_way = _New(), _New()
        self._keeping = asyncio.Lock()

    def add(self, mailbox: Mailbox | None, shard: int, number: int, value: bytes) -> None:
        """Add the next record of a partition, with its number and value. None: it is nobody's."""
        self._know(shard, Known(self.shards[shard].known_from, number + 1))
        self._new.lasts[shard] = value
        if mailbox is not None:
            self._new.numbers[mailbox].append(number)

    def numbers(self, mailbox: Mailbox, start: int, most: int) -> list[int]:
        """At most *most* numbers of records in an inbox from *start* on, in order.

        Raises:
            FolderUnusable: the file cannot be read.
        """
        found = [
            number
            for (number,) in self._rows(
                "SELECT number FROM item WHERE mailbox = (SELECT id FROM mailbox WHERE name = ?) AND number >= ?"
                " ORDER BY number LIMIT ?",
                (mailbox, start, most),
            )
        ]
        for more in (self._on_its_way, self._new):
            after = found[-1] if found else start - 1
            found += [number for number in more.numbers.get(mailbox, ()) if number > after]
        return found[:most]

    def lost_before(self, mailbox: Mailbox, start: int) -> int | None:
        """The number from which on an inbox is whole, if records of it from *start* on were removed; or None.

        It is not known what was removed before there was this index. Whoever has read before is told that something may
        be gone. Who has not, a new desk above all, has nothing to miss: the first cover says how many were before it.

        Raises:
            FolderUnusable: the file cannot be read.
        """
        [(gone,)] = self._rows("SELECT coalesce(max(gone), -1) FROM mailbox WHERE name = ?", (mailbox,))
        known_from = self.shards[shard_of(mailbox)].known_from
        if gone >= start:
            return max(int(gone) + 1, known_from)
        return known_from if 0 < start < known_from else None

    @property
    def is_full(self) -> bool:
        """Whether so much is not in the file yet that nothing may be added before `keep`."""
        return self._new.count >= NEW_MAX

    async def keep(self) -> None:
        """Put what is new into the file.

        Raises:
            FolderUnusable, OutcomeUnknown: it cannot be written; it is tried again with the next.
        """
        async with self._keeping:
            await self._write()  # if it failed before
            self._on_its_way, self._new = self._new, _New()
            await self._write()

    async def remove_before(self, firsts: Mapping[int, int]) -> None:
        """Remember of records that Kafka has removed no more than that there were some.

        Args:
            firsts: Of each partition, the number of the first that is still there.

        Raises:
            FolderUnusable, OutcomeUnknown: as `keep`.
        """
        await self.keep()
        await self._writer.commit(_Removed(firsts))

    async def begin_anew(self, shard: int, first: int, *, was_ours: bool) -> None:
        """Go on with a partition of which the record after the last that is known is not there any more.

        Args:
            shard: The partition.
            first: The number of the first record that is there.
            was_ours: Whether what is known of it is right so far; else all of it is forgotten.

        Raises:
            FolderUnusable, OutcomeUnknown: as `keep`.
        """
        known = self.shards.get(shard)
        if known is not None:
            await self.keep()
            await self._writer.commit(_Removed({shard: first}) if was_ours else _Forgotten(shard))
        if known is None or not was_ours or first > known.known_to:
            known = Known(first, first)
        self._know(shard, Known(known.known_from, known.known_to))
        self._new.lasts.pop(shard, None)
        await self.keep()

    async def close(self) -> None:
        """Let go of the file. What cannot be written any more is read again by the next."""
        with suppress(TellwiseError):
            await self.keep()
        self._file.close()
        await asyncio.to_thread(self._writer.close)

    async def _write(self) -> None:
        if self._on_its_way.count:
            digests = {shard: digest_of(value) for shard, value in self._on_its_way.lasts.items()}
            await self._writer.commit(_Added(self._on_its_way.numbers, self._on_its_way.shards, digests))
            self._on_its_way = _New()

    def _know(self, shard: int, known: Known) -> None:
        self.shards[shard] = self._new.shards[shard] = known
        self._new.count += 1

    def _rows(self, sql: str, values: Sequence[object] = ()) -> list[Any]:
        with faults_of_the_folder(self.path):
            return self._file.execute(sql, tuple(values)).fetchall()


@dataclass(frozen=True, slots=True)
class _Change:
    @property
    def size_bytes(self) -> int:
        return 0

    @property
    def partitions(self) -> Sequence[Partition]:
        return ()


@dataclass(frozen=True, slots=True)
class _Added(_Change):
    """Records that came, by inbox, and how far the partitions are known with them."""

    numbers: Mapping[Mailbox, Sequence[int]]
    shards: Mapping[int, Known]
    digests: Mapping[int, bytes]
    """Of the last record of each."""

    def apply(self, connection: apsw.Connection) -> None:
        connection.executemany(
            "INSERT INTO mailbox(name) VALUES(?) ON CONFLICT DO NOTHING", [(name,) for name in self.numbers]
        )
        connection.executemany(
            "INSERT OR IGNORE INTO item(mailbox, number) SELECT id, ? FROM mailbox WHERE name = ?",
            [(number, name) for name, numbers in self.numbers.items() for number in numbers],
        )
        connection.executemany(
            "INSERT OR REPLACE INTO shard(number, known_from, known_to, digest) VALUES(?, ?, ?, ?)",
            [
                (shard, known.known_from, known.known_to, self.digests.get(shard))
                for shard, known in self.shards.items()
            ],
        )


@dataclass(frozen=True, slots=True)
class _Removed(_Change):
    """Records before these numbers are not there any more."""

    firsts: Mapping[int, int]

    def apply(self, connection: apsw.Connection) -> None:
        names: list[Any] = connection.execute("SELECT id, name FROM mailbox").fetchall()
        for mailbox, name in names:
            if (first := self.firsts.get(shard_of(name))) is None:
                continue
            before = (mailbox, first)
            last = connection.execute("SELECT max(number) FROM item WHERE mailbox = ? AND number < ?", before).get
            if last is not None:
                connection.execute("UPDATE mailbox SET gone = ? WHERE id = ?", (last, mailbox)).fetchall()
                connection.execute("DELETE FROM item WHERE mailbox = ? AND number < ?", before).fetchall()


@dataclass(frozen=True, slots=True)
class _Forgotten(_Change):
    """What was known of a partition was of another one."""

    shard: int

    def apply(self, connection: apsw.Connection) -> None:
        names: list[Any] = connection.execute("SELECT id, name FROM mailbox").fetchall()
        ours = [(mailbox,) for mailbox, name in names if shard_of(name) == self.shard]
        connection.executemany("DELETE FROM item WHERE mailbox = ?", ours)
        connection.executemany("DELETE FROM mailbox WHERE id = ?", ours)
        connection.execute("DELETE FROM shard WHERE number = ?", (self.shard,)).fetchall()
