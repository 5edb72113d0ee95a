"""What a compliance officer is shown of one decision: out of its detail record, and nothing else.

LIMIT: whoever holds the data folder and its keys can ask. That a look is itself an entry comes with the officers' own
    pages.
"""

from collections.abc import Collection, Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from broker.ledger.details import open_detail
from broker.ledger.entries import Decision, read_entry
from broker.ports import RowKey, SealedRow, Table
from broker.state.persons import known_person
from broker.state.rows import Rows
from broker.state.vault import Vault
from broker.topics import INPUT
from broker.transport.ledger_file import LedgerFile
from broker.transport.reader import Reader
from broker.transport.records import lane_name
from schemas import NotificationId, PersonKey
from schemas.strict import json_decode


@dataclass(frozen=True, slots=True)
class ExplainedDesk:
    """What was decided for one desk that was asked about."""

    desk: str
    reach: tuple[str, ...]
    told: bool
    """Whether a letter was recorded for it."""
    opened: dict[str, tuple[str, ...]]
    """Compartments that it was told, with the grounds."""
    withheld: dict[str, tuple[tuple[str, ...], str]]
    """Compartments that it was not told, with the guards that refused and the reason."""


def explain(
    path: Path, lane: str, vault: Vault, person: PersonKey, notification: NotificationId
) -> list[ExplainedDesk]:
    """What was decided about a notification, desk by desk; empty if there is no such decision about this person.

    Args:
        path: The hub's file.
        lane: Origin of the lane's ledger.
        vault: The hub's keys.
        person: Whom it was about, by an identifier other than a pseudonym.
        notification: Which one.
    """
    with closing(Reader(path)) as reader:
        known = known_person(Rows(_Committed(reader), vault), person)
    if known is None:
        return []
    with LedgerFile(path) as ledgers:
        for index, data in ledgers.entries(lane):
            entry = read_entry(data)
            if isinstance(entry, Decision) and entry.id == notification:
                sealed = next(sealed for number, sealed in ledgers.details(lane) if number == index)
                record = json_decode(open_detail(sealed, known.key))
                return [_explained(desk, record["told"]) for desk in record["desks"]]
    return []


def _explained(record: dict[str, Any], told: Collection[str]) -> ExplainedDesk:
    outcomes = record["outcomes"].items()
    return ExplainedDesk(
        desk=record["desk"],
        reach=tuple(record["reach"]),
        told=record["desk"] in told,
        opened={label: tuple(outcome["open"]) for label, outcome in outcomes if "open" in outcome},
        withheld={
            label: (tuple(outcome["withheld"]), outcome["reason"])
            for label, outcome in outcomes
            if "open" not in outcome
        },
    )


class _Committed:
    """The lane's rows, read from beside it. A driver of `CommittedRows`."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._lane = lane_name((INPUT, 0))

    def get(self, table: Table, key: RowKey) -> SealedRow | None:
        return self._reader.row(self._lane, table, key)

    def rows(self, table: Table) -> Iterable[tuple[RowKey, SealedRow]]:
        return self._reader.rows(self._lane, table)
