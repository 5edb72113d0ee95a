"""Whether a hub may go on: nobody may have seen more of its ledgers than it has, or something else.

A hub whose data was put back to an earlier moment would write other entries under numbers that it used before, and sign
them: two histories, each with its signature. So desks tell it the newest checkpoint that they kept. One that this hub
signed and does not have is the end: nothing more is taken in, decided or signed until newer data is put back. After a
restore nothing is done at all before every desk has said what it kept, or the operator has said to go on.

    HUB/restored.json   it was made from a backup, and waits
    HUB/accepted.json   the operator said to go on without waiting for the rest
    HUB/ahead.json      a checkpoint that was signed with this hub's key, and that its ledgers do not hold
"""

import logging
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from threading import Lock
from typing import Annotated, TypeVar

from pydantic import Field

from broker import telemetry
from broker.directory import Directory
from broker.errors import FolderUnusable, NotThere
from broker.files import read_whole, remove, write_whole
from broker.ledger.window import LedgerWindow
from broker.ports import Clock
from broker.telemetry import Event
from schemas import DeskId, Said, SchemaRefused
from schemas.said import Moment

_M = TypeVar("_M", bound=Said)

RESTORED = "restored.json"
ACCEPTED = "accepted.json"
AHEAD = "ahead.json"

ALARM_EVERY_S = 60.0
_NAMED_MOST = 20
"""Desks that are named one by one each time."""


class Restored(Said):
    """The mark of a folder that was made from a backup."""

    made_at: Moment
    restored_at: Moment


class Accepted(Said):
    """The operator's word that a restored hub goes on."""

    made_at: Moment
    restored_at: Moment
    accepted_at: Moment


class Ahead(Said):
    """Evidence that more was signed than there is."""

    log: Annotated[str, Field(max_length=255)]
    note: Annotated[str, Field(max_length=131_072)]


class Hold(StrEnum):
    """Why a hub does nothing for now."""

    NONE = "none"
    """It goes on."""
    RESTORED = "restored"
    """It does not know yet whether its desks have seen more."""
    BEHIND = "behind"
    """Somebody has."""


class Standing:
    """What this hub knows of what its desks have seen. Safe from any thread."""

    def __init__(self, home: Path, ledgers: LedgerWindow, directory: Callable[[], Directory], clock: Clock) -> None:
        """Begin with what the folder says.

        Args:
            home: The hub's own folder.
            ledgers: Its ledgers, as they lie there.
            directory: As last committed.
            clock: Counts the time between two alarms.

        Raises:
            FolderUnusable: a mark is there and cannot be read.
        """
        self._home, self._ledgers, self._directory, self._clock = home, ledgers, directory, clock
        self._lock = Lock()
        self._told: dict[str, set[DeskId]] = {log: set() for log in ledgers.logs}
        self._alarmed_s: float | None = None
        self.hold = Hold.RESTORED if _read(home / RESTORED, Restored) else Hold.NONE
        ahead = _read(home / AHEAD, Ahead)
        if ahead is not None:
            if ledgers.covers(ahead.log, ahead.note.encode()):  # newer data was put under it
                remove(home / AHEAD)
            else:
                self.hold = Hold.BEHIND

    @property
    def is_clear(self) -> bool:
        """Whether the hub goes on."""
        return self.hold is Hold.NONE

    @property
    def silent(self) -> list[DeskId]:
        """The desks that have not said yet what they have seen of every ledger."""
        return sorted(desk for desk in self._directory().desks if not all(desk in told for told in self._told.values()))

    def may_go_on(self) -> bool:
        """Whether the next turn may be taken; looks again, and says now and then why not. Cheap if it may."""
        if not self.is_clear:
            self._look()
            self._alarm()
        return self.is_clear

    def told(self, log: str, note: bytes, desk: DeskId | None = None) -> bool:
        """Somebody says which checkpoint of a ledger is the newest that they kept. Reads and hashes: never to be called
        on an event loop.

        Args:
            log: The ledger's origin.
            note: The checkpoint as it was signed; empty: they kept none.
            desk: Who says so; None: somebody who is not counted among the desks.

        Returns:
            Whether the ledger holds it. If not, the hub does nothing more from now on.

        Raises:
            NotThere: no such ledger.
            CheckpointRejected: not signed by this hub. It says nothing.
        """
        if log not in self._told:
            raise NotThere
        if note and not self._ledgers.covers(log, note):
            self._fall_behind(log, note)
            return False
        if desk is not None and self.hold is Hold.RESTORED:
            with self._lock:
                self._told[log].add(desk)
        return True

    def _fall_behind(self, log: str, note: bytes) -> None:
        with self._lock:
            is_first, self.hold = self.hold is not Hold.BEHIND, Hold.BEHIND
            self._alarmed_s = None
            if is_first:  # held first, and then written: if the disk fails us, we are held all the same
                write_whole(self._home / AHEAD, Ahead.of(log=log, note=note.decode("utf-8")).to_bytes())
        telemetry.emit(Event.LEDGER_BEHIND, level=logging.CRITICAL, log=log)

    def _look(self) -> None:
        """Whether everybody has spoken, or the operator has."""
        with self._lock:
            if self.hold is not Hold.RESTORED or self._directory().founded is None:  # before it is read nobody is in it
                return
            is_accepted = not (self._home / RESTORED).exists()
            if not is_accepted and self.silent:
                return
            if not is_accepted:
                remove(self._home / RESTORED)
            self.hold = Hold.NONE
        telemetry.emit(
            Event.COPY_ACCEPTED, level=logging.WARNING, reason="operator" if is_accepted else "desks_have_seen_no_more"
        )

    def _alarm(self) -> None:
        now_s = self._clock.steady_s()
        if self.is_clear or (self._alarmed_s is not None and now_s - self._alarmed_s < ALARM_EVERY_S):
            return
        self._alarmed_s = now_s
        if self.hold is Hold.BEHIND:
            telemetry.emit(Event.LEDGER_BEHIND, level=logging.CRITICAL)
            return
        silent, desks = self.silent, len(self._directory().desks)
        telemetry.emit(Event.COPY_RESTORED, level=logging.CRITICAL, expected=desks, found=desks - len(silent))
        for desk in silent[:_NAMED_MOST]:
            telemetry.emit(Event.DESK_AWAITED, level=logging.WARNING, desk=desk)


def accept_restored(home: Path, clock: Clock) -> bool:
    """Let a restored hub go on, though not every desk has said what it has seen. Returns whether it was waiting.

    Raises:
        FolderUnusable: the folder cannot be written.
    """
    mark = _read(home / RESTORED, Restored)
    if mark is None:
        return False
    accepted = Accepted.of(made_at=mark.made_at, restored_at=mark.restored_at, accepted_at=clock.now())
    write_whole(home / ACCEPTED, accepted.to_bytes())  # first: who went on is known, whatever happens
    remove(home / RESTORED)
    return True


def _read(path: Path, model: type[_M]) -> _M | None:
    data = read_whole(path)
    if data is None:
        return None
    try:
        return model.from_bytes(data)
    except SchemaRefused:
        raise FolderUnusable(f"`{path}` is not one of ours") from None
