"""Files in: each row that can be said is said once, whatever stops us and wherever.

A row and the mark that it was said are one commit. After a stop the file is read again from its beginning; rows up to
the mark are checked again and not said again. A file is known by its name and what it holds: the same file dropped
again is put aside, and its list of rejects says so; a file that was changed is another file.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

from agency_adapters.csv_drop.dropped import DropFolder, Taken, free_path
from agency_adapters.csv_drop.mapping import ColumnMapping
from agency_adapters.csv_drop.rejects import Rejects
from agency_adapters.csv_drop.rows import Malformed, Row, read_rows
from agency_adapters.csv_drop.settings import CsvDropSettings
from broker import telemetry
from broker.client import DeskStore, Draft, Sending
from broker.client.adapter import Work
from broker.errors import NotSent
from broker.files import private_folder
from broker.sealing.padding import BUCKETS
from broker.telemetry import Event
from schemas import NotificationId


class _Refused(Exception):
    """Nothing more of a file is said, for a reason."""


class Intake:
    """The way of files into the outbox."""

    def __init__(self, work: Work, settings: CsvDropSettings, mapping: ColumnMapping) -> None:
        """Take files by *mapping*.

        Raises:
            FolderUnusable: a folder cannot be made.
        """
        self._work, self._settings, self._mapping = work, settings, mapping
        settle = timedelta(milliseconds=settings.settle_ms)
        self._drop = DropFolder(work.folder / settings.folder_in, settle, settings.file_bytes_max)
        self._done = private_folder(work.folder / settings.folder_done)
        self._rejects = private_folder(work.folder / settings.folder_rejects)
        self._room = 0
        """Notifications that may be said before the outbox is looked at again."""

    async def run(self) -> None:
        """Take what is dropped until `work.stop`.

        Raises:
            FolderUnusable: a folder cannot be read or written.
        """
        if not await self._work.meet():
            return
        too_large = 0
        while not self._work.stop.is_set():
            for name in self._drop.whole(self._work.clock.now()):
                await self._take(name)
                if self._work.stop.is_set():
                    return
            if self._drop.too_large > too_large:
                telemetry.emit(Event.FILE_REFUSED, level=logging.ERROR, files=self._drop.too_large)
            too_large = self._drop.too_large
            await self._until_stop(self._settings.look_ms / 1_000)

    async def _take(self, name: str) -> None:
        with self._drop.take(name, self._work.folder) as taken:
            if taken is None:
                return
            beside = free_path(self._done, name, self._rejects)
            rejects = Rejects(self._rejects / f"{beside.name}.rejects.csv")
            try:
                with telemetry.span(telemetry.Span.ADAPTER_ROUND) as working:
                    said = await self._read(taken, beside, rejects)
                    working.add(notifications=said, refused=rejects.count)
            finally:
                rejects.close()

    async def _read(self, taken: Taken, target: Path, rejects: Rejects) -> int:
        marks = _Marks.of(taken.digest)
        store = self._work.desk.store
        said = 0
        try:
            if store.position(marks.done):
                rejects.add(0, "this file was taken before, under this name; nothing of it was said again")
            else:
                said = await self._say(taken, marks, rejects)
        except _Refused as refused:
            rejects.add(0, str(refused))
            target = self._rejects / target.name
        if self._work.stop.is_set():
            return said  # the file stays where it is, and is read again
        # In this order: a list of a file that is still there is written again, the same; a file that is done and not
        # marked so is known by the mark of its last row.
        rejects.finish()
        self._drop.move(taken, target)
        if target.parent == self._done:
            with store.transaction():
                store.move(marks.done, 1)
        telemetry.emit(Event.FILE_TAKEN, said=said, rejected=rejects.count)
        return said

    async def _say(self, taken: Taken, marks: "_Marks", rejects: Rejects) -> int:
        desk = self._work.desk
        said_to, kept_tally = desk.store.position(marks.row), desk.store.position(marks.tally)
        said, tally, is_at_mark = 0, 0, False
        rows = read_rows(taken.content, self._settings.encoding, self._settings.delimiter)
        header = _header(rows, self._mapping.columns)
        for row in rows:
            await asyncio.sleep(0)  # the desk's talk with the hub goes on meanwhile
            try:
                draft = self._draft(row, header)
            except NotSent as refused:
                rejects.add(row.line, str(refused))
                continue
            if row.line > said_to and not is_at_mark:
                _check_mark(tally, kept_tally, said_to)
                is_at_mark = True
            tally = _tally_after(tally, row.line)
            if not is_at_mark:
                continue
            if not await self._has_room():
                return said
            desk.keep(draft, marks.moving(desk.store, row.line, tally))
            said += 1
        if not is_at_mark:
            _check_mark(tally, kept_tally, said_to)
        return said

    def _draft(self, row: Row | Malformed, header: Sequence[str]) -> Draft:
        if isinstance(row, Malformed):
            raise NotSent(row.reason)
        if len(row.cells) != len(header):
            raise NotSent(f"{len(row.cells)} cells, and the header has {len(header)} columns")
        draft = self._mapping.draft(dict(zip(header, row.cells, strict=True)), self._work.desk.contact)
        # What could not be sealed later is refused now, so that every reading of a file refuses the same rows.
        for label, said in draft.compartments.items():
            if len(said.to_bytes()) >= BUCKETS[-1]:
                raise NotSent(f"compartment `{label}` is too long")
        return draft

    async def _has_room(self) -> bool:
        """Wait until the outbox has room for one more. False if we are to stop before that."""
        if self._room == 0:
            self._room = self._settings.waiting_max - self._waiting(self._settings.waiting_max)
        if self._room == 0:
            telemetry.emit(Event.OUTBOX_FILLED, level=logging.WARNING)
            while self._waiting(self._settings.waiting_max // 2 + 1) > self._settings.waiting_max // 2:
                if await self._until_stop(self._settings.look_ms / 1_000):
                    break
            self._room = self._settings.waiting_max - self._settings.waiting_max // 2
        self._room -= 1
        return not self._work.stop.is_set()

    def _waiting(self, most: int) -> int:
        return len(self._work.desk.store.outgoing(Sending.WAITING, most=most))

    async def _until_stop(self, longest_s: float) -> bool:
        """Wait *longest_s* at the most. Returns whether we are to stop."""
        try:
            async with asyncio.timeout(longest_s):
                await self._work.stop.wait()
        except TimeoutError:
            return False
        return True


@dataclass(frozen=True, slots=True)
class _Marks:
    """Where the store keeps how far a file was said."""

    row: str
    """The line of the last row that was said."""
    tally: str
    """Stands for all lines that were said."""
    done: str

    @classmethod
    def of(cls, digest: str) -> "_Marks":
        return cls(f"csv_drop:{digest}", f"csv_drop:{digest}:tally", f"csv_drop:{digest}:done")

    def moving(self, store: DeskStore, line: int, tally: int) -> Callable[[NotificationId], None]:
        """What is done in the transaction that says the row of *line*."""

        def move(_said: NotificationId) -> None:
            store.move(self.row, line)
            store.move(self.tally, tally)

        return move


def _tally_after(tally: int, line: int) -> int:
    return int.from_bytes(sha256(f"{tally} {line}".encode()).digest()[:7])  # what SQLite has room for, and a bit less


def _check_mark(tally: int, kept_tally: int, said_to: int) -> None:
    """Before the mark, exactly those rows pass today that were said then. Otherwise one of them would be lost."""
    if tally != kept_tally:
        raise _Refused(
            f"rows up to line {said_to} were said under other rules (another mapping or version), and not all of them "
            "would pass today, or more; nothing after them was said. Drop what is missing as a new file"
        )


def _header(rows: Iterator[Row | Malformed], needed: frozenset[str]) -> list[str]:
    first = next(rows, None)
    if first is None:
        raise _Refused("empty: not even a header")
    if isinstance(first, Malformed):
        raise _Refused(f"its header: {first.reason}")
    names = [name.strip() for name in first.cells]
    missing = sorted(needed - set(names))
    double = sorted(name for name in needed if names.count(name) > 1)
    problems = [f"column `{name}` missing" for name in missing] + [f"column `{name}` twice" for name in double]
    if problems:
        raise _Refused("its header: " + "; ".join(problems))
    return names
