"""A hub of several lanes on one file, all of them one process's: what is tried on it is what lanes and doors say to one
another."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import TypeVar

from broker.app import Tellwise, desk_folder
from broker.client import Draft
from broker.client.keys import load_desk_keys
from broker.client.sealer import seal_draft
from broker.engines import EmbeddedEngine, Engine
from broker.ledger.entries import Entry, read_entry
from broker.ports import Clock, RowKey, Table
from broker.sealing.entropy import system_entropy
from broker.state.vault import Vault, place_of
from broker.transport.ledger_file import LedgerFile
from schemas import PersonKey, PersonScheme
from tests.contracts.clock import MovedClock
from tests.faults.county import (
    HUB,
    County,
    county,
    hub_db,
)
from tests.personas import (
    DeskPersona,
    Persona,
)

LANES = 3

_E = TypeVar("_E", bound=Entry)


async def several(home: Path, clock: Clock) -> Engine:
    engine = EmbeddedEngine(home, clock)
    engine.lanes = LANES
    return engine


@asynccontextmanager
async def hub_of_several(folder: Path) -> AsyncIterator[County]:
    async with county(folder, MovedClock(), engine=several) as here:
        yield here


def home_of(tellwise: Tellwise, key: PersonKey) -> int:
    """The lane in which an identifier is at home."""
    return place_of(Vault(tellwise.hub.premises.keys, system_entropy).person_id(key)) % LANES


def identifier(tellwise: Tellwise, suits: Callable[[int], bool], first: int = 100) -> PersonKey:
    """One of those from number *first* on, with such a home."""
    keys = (PersonKey(scheme=PersonScheme.PNC, identifier=f"99/{number:07}A") for number in count(first))
    return next(key for key in keys if suits(home_of(tellwise, key)))


def entries(folder: Path, lanes: int = LANES) -> Iterator[tuple[int, Entry]]:
    with LedgerFile(hub_db(folder)) as ledgers:
        for lane in range(lanes):
            for _, entry in ledgers.entries(f"{HUB}/lane-{lane}"):
                yield lane, read_entry(entry)


def of_kind(folder: Path, kind: type[_E]) -> list[tuple[int, _E]]:
    return [(lane, entry) for lane, entry in entries(folder) if isinstance(entry, kind)]


def under(key: PersonKey, draft: Draft) -> Draft:
    """What is said of somebody, under another identifier."""
    return replace(draft, person=key)


class Nothing:
    """No rows."""

    def get(self, table: Table, key: RowKey) -> None:
        return None

    def rows(self, table: Table) -> tuple[()]:
        return ()


def sealed(
    here: County,
    folder: Path,
    who: DeskPersona,
    draft: Draft,
    *,
    notification: bytes | None = None,
    at: datetime | None = None,
) -> bytes:
    """As a desk seals it, under which id, and when by its own clock."""
    hub = here.tellwise.directory.founded
    assert hub is not None
    ids = iter([] if notification is None else [notification])
    keys = load_desk_keys(desk_folder(folder, who.name) / "keys.json", system_entropy)
    _, made = seal_draft(
        draft,
        desk=who.name,
        keys=keys,
        hub=hub,
        seq=1,
        now=at or MovedClock().now(),
        entropy=lambda size: next(ids, None) or system_entropy(size),
    )
    return made.to_bytes()


def homes(tellwise: Tellwise, *people: Persona) -> set[int]:
    return {home_of(tellwise, persona.key) for persona in people}
