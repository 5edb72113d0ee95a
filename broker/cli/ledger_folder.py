"""The ledgers of a data folder, as its operator reads them: entries to look at, and documents to hand out.

Beside a running hub or without one. What is shown is what lies there; `tellwise ledger verify` says whether it is what
was signed. What is handed out is checked first, as whoever gets it will.
"""

from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from broker.app import hub_folder
from broker.client import Trust
from broker.directory import Hub, read_event
from broker.errors import StateUnreadable, UnknownLedger
from broker.ledger.entries import EntryRejected, Filler, read_entry
from broker.ledger.exhibit import Exhibit, directory_log, founding, ledgers
from broker.ledger.merkle import ProofRejected
from broker.ledger.window import LedgerWindow
from broker.sealing.rejection import Rejected
from broker.sealing.signatures import VerifyKey
from broker.transport.ledger_reader import LedgerReader
from broker.transport.tables import DATABASE
from schemas import Said
from schemas.strict import b64u_encode

_RUN = 256
_SHOWN = ("actor", "to", "agency", "id", "kind")
_SHOWN_OF_EVENTS = ("hub", "desk", "agency", "digest")


@dataclass(frozen=True, slots=True)
class Shown:
    """What a person is shown of an entry. What is not listed here stays in the ledger."""

    index: int
    at: datetime
    what: str
    """The operation, or the event of the directory."""
    names: dict[str, str]
    """Who did it, to whom, by which agency, about which notification of which kind; as far as the entry says."""
    is_filler: bool = False


@dataclass(frozen=True, slots=True)
class Listing:
    """Some neighbouring entries of a ledger, newest last."""

    log: str
    size: int
    """How many entries the ledger has."""
    signed: int
    """How many of them its newest checkpoint is over."""
    shown: list[Shown]
    fillers: int
    """Fillers that stood among them, or before or after, and are not shown."""


class FolderLedgers:
    """The ledgers of the hub of one folder; use `ledgers_of`."""

    def __init__(self, reader: LedgerReader, trust: Trust) -> None:
        """Read who the hub is.

        Raises:
            StateUnreadable: the directory does not begin with the hub that the trust file vouches for.
        """
        self._reader, self._trust = reader, trust
        try:
            (self._founding,) = reader.entries(f"{trust.hub}/directory", 0, 1)
            self._hub: Hub = founding(self._founding, trust.hub, trust.key)
        except (ValueError, Rejected) as error:
            raise StateUnreadable(f"the directory of `{trust.hub}` does not begin with its hub") from error

    def listing(self, log: str | None, first: int | None, count: int, *, filler: bool) -> Listing:
        """At most *count* entries of a ledger.

        Args:
            log: Its origin; None for the hub's only lane.
            first: The index to begin at; None for the newest.
            count: How many to show.
            filler: Whether fillers are shown as well.

        Raises:
            UnknownLedger: there is none of that name, or there are several lanes.
            StateUnreadable: an entry is missing, or is none.
        """
        log = self._named(log)
        size = self._reader.size(log)
        newest = self._reader.newest(log)
        runs = _forwards(first, size) if first is not None else _backwards(size)
        shown: list[Shown] = []
        fillers = 0
        for entry in self._read(log, runs):
            if entry.is_filler and not filler:
                fillers += 1
                continue
            shown.append(entry)
            if len(shown) == count:
                break
        return Listing(log, size, newest.size if newest else 0, sorted(shown, key=lambda entry: entry.index), fillers)

    def exhibit(self, log: str | None, index: int) -> bytes:
        """The document that proves entry *index* of a ledger, against its newest checkpoint.

        Raises:
            UnknownLedger: as `listing`.
            NotThere: no checkpoint is over such an entry.
            StateUnreadable: the ledger is not what was signed. Nothing is proved then.
        """
        log, directory = self._named(log), directory_log(self._hub)
        window = LedgerWindow(self._reader, self._hub.ledger_key, lanes=self._hub.entry.lanes, directory=directory)
        entry, proof = window.any_entry(log, index)
        exhibit = Exhibit.of(hub=b64u_encode(self._founding), log=log, entry=b64u_encode(entry), proof=proof)
        try:
            exhibit.check(self._trust.hub, self._trust.key)
        except ProofRejected as error:
            raise StateUnreadable(f"what was made of entry {index} of `{log}` does not prove it") from error
        return exhibit.written()

    def _named(self, log: str | None) -> str:
        known, lanes = ledgers(self._hub), self._hub.entry.lanes
        if log in known:
            return str(log)
        if log is None and len(lanes) == 1:
            return lanes[0]
        raise UnknownLedger(known)

    def _read(self, log: str, runs: Iterable[range]) -> Iterator[Shown]:
        for run in runs:
            low, high = min(run), max(run) + 1
            entries = self._reader.entries(log, low, high - low)
            if len(entries) != high - low:
                raise StateUnreadable(f"ledger `{log}` has no entry {low + len(entries)}, and some after it")
            for index in run:
                yield shown(entries[index - low], index, self._trust.key if log == directory_log(self._hub) else None)


@contextmanager
def ledgers_of(folder: Path) -> Iterator[FolderLedgers]:
    """The ledgers of the hub in *folder*, until the block ends.

    Raises:
        FolderUnusable: something that must be read cannot be.
        StateUnreadable: as `FolderLedgers`.
    """
    trust = Trust.load(hub_folder(folder) / "trust.json")
    with closing(LedgerReader(hub_folder(folder) / DATABASE)) as reader:
        yield FolderLedgers(reader, trust)


def shown(data: bytes, index: int, directory_key: VerifyKey | None) -> Shown:
    """What a person is shown of an entry.

    Args:
        data: The entry's bytes.
        index: Where it stands.
        directory_key: For an entry of the directory's ledger, the key that signed it; None for one of a lane.

    Raises:
        StateUnreadable: it is no entry of such a ledger.
    """
    try:
        if directory_key is not None:
            event = read_event(data, directory_key)
            return Shown(index, event.at.astimezone(UTC), event.event, _named_in(event, _SHOWN_OF_EVENTS))
        entry = read_entry(data)
    except (EntryRejected, Rejected) as error:
        raise StateUnreadable(f"entry {index} is none of ours") from error
    return Shown(index, entry.ts.astimezone(UTC), entry.op, _named_in(entry, _SHOWN), isinstance(entry, Filler))


def _named_in(said: Said, names: tuple[str, ...]) -> dict[str, str]:
    held = ((name, getattr(said, name, None)) for name in names)
    return {name: str(value) for name, value in held if value is not None}


def _forwards(first: int, size: int) -> Iterator[range]:
    for low in range(first, size, _RUN):
        yield range(low, min(low + _RUN, size))


def _backwards(size: int) -> Iterator[range]:
    for high in range(size, 0, -_RUN):
        yield range(high - 1, max(high - _RUN, 0) - 1, -1)
