"""A hub whose persons are shared among several lanes tells each desk what a hub of one lane tells it.

Here all lanes are one process's, on one file: what is tried is what lanes and doors say to one another. That processes
share them is tried in tests/kafka.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import TypeVar

from broker.app import Tellwise, desk_folder, hub_folder
from broker.care.verification import verify_hub
from broker.client import Draft
from broker.client.keys import load_desk_keys
from broker.client.sealer import seal_draft
from broker.engines import EmbeddedEngine, Engine
from broker.ledger.entries import Acknowledgement, Alteration, Decision, Disclosure, Entry, Refusal, Repeat, read_entry
from broker.lifecycle.between import Claimed, say
from broker.ports import Clock, RowKey, Table
from broker.sealing.entropy import system_entropy
from broker.state.rows import Rows
from broker.state.vault import Vault, place_of
from broker.topics import INPUT
from broker.transport.ledger_file import LedgerFile
from schemas import PersonKey, PersonScheme
from schemas.kinds.case import PersonLinked, TeamChanged
from tests.contracts.clock import MovedClock
from tests.contracts.engine import story
from tests.faults.a_days_work import a_day
from tests.faults.canaries import canaries_under
from tests.faults.county import (
    BASALT,
    HUB,
    ONYX,
    QUARTZ,
    County,
    case_opened,
    control,
    county,
    hub_db,
    moved,
)
from tests.personas import (
    BLACKBURN,
    BLACKBURN_CHILDREN,
    CANARIES,
    CHORLEY,
    PEOPLE,
    POLICE,
    PRESTON,
    PROBATION,
    DeskPersona,
    Persona,
)
from tests.served import served

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
    keys = (PersonKey(scheme=PersonScheme.CRN, identifier=f"X-INVENTED-{number}") for number in count(first))
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


@story
async def test_each_desk_is_told_what_a_hub_of_one_lane_tells_it(tmp_path: Path) -> None:
    async with county(tmp_path / "one", MovedClock()) as here:
        by_one = await a_day(here)

    async with hub_of_several(tmp_path / "several") as here:
        by_several = await a_day(here)
        homes = {home_of(here.tellwise, persona.key) for persona in PEOPLE}

    report = verify_hub(hub_folder(tmp_path / "several"))
    decided = of_kind(tmp_path / "several", Decision)
    assert by_several == by_one
    assert by_one
    assert not report.findings
    assert {lane for lane, _ in decided} == homes  # each person's in their own lane alone
    assert len(decided) == 2 * len(PEOPLE)
    assert not canaries_under(hub_folder(tmp_path / "several"), CANARIES)


@story
async def test_a_desk_that_was_told_answers_by_its_own_name_for_the_person(tmp_path: Path) -> None:
    async with hub_of_several(tmp_path) as here:
        await here.say(POLICE.name, *(case_opened(persona) for persona in PEOPLE))
        await here.say(POLICE.name, *(moved(persona, to=BLACKBURN, old=PRESTON) for persona in PEOPLE))
        told = (await here.hear())[BLACKBURN_CHILDREN.name]
        for letter in told:
            await here.desks[BLACKBURN_CHILDREN.name].acknowledge(letter.cover.letter, "duty social worker")
        await here.tellwise.settled()
        await here.hear()

    assert len(told) == len(of_kind(tmp_path, Acknowledgement)) == len(PEOPLE)
    assert not of_kind(tmp_path, Refusal)


@story
async def test_what_is_said_over_http_finds_its_lane(tmp_path: Path) -> None:
    async with served(tmp_path, MovedClock(), engine=several) as here:
        police = here.desks[POLICE.name]
        for persona in PEOPLE:
            await police.publish(case_opened(persona))
            await police.publish(moved(persona, to=BLACKBURN, old=PRESTON))
        await here.tellwise.settled()
        heard = await here.desks[BLACKBURN_CHILDREN.name].hear()

    assert len(heard.letters) == len(PEOPLE)
    assert heard.refused == 0
    assert not of_kind(tmp_path, Refusal)


@story
async def test_two_identifiers_become_one_person_though_each_is_at_home_elsewhere(tmp_path: Path) -> None:
    async with hub_of_several(tmp_path) as here:
        home = home_of(here.tellwise, ONYX.key)
        other = identifier(here.tellwise, lambda lane: lane != home)
        await here.say(POLICE.name, case_opened(ONYX))
        await here.say(POLICE.name, control(ONYX, "person.linked", PersonLinked(other=other)))
        await here.say(PROBATION.name, under(other, control(ONYX, "case.assessed")))
        await here.say(BLACKBURN_CHILDREN.name, under(other, control(ONYX, "case.assessed")))  # not of the team

    altered = of_kind(tmp_path, Alteration)
    assert [(lane, entry.kind) for lane, entry in altered] == [
        (home, kind) for kind in ("case.opened", "person.linked", "case.assessed")
    ]
    assert [lane for lane, _ in of_kind(tmp_path, Refusal)] == [home]


@story
async def test_an_identifier_of_somebody_else_is_not_given_away(tmp_path: Path) -> None:
    async with hub_of_several(tmp_path) as here:
        taken = identifier(here.tellwise, lambda lane: lane != home_of(here.tellwise, ONYX.key))
        await here.say(POLICE.name, case_opened(ONYX), case_opened(BASALT))
        await here.say(POLICE.name, under(taken, case_opened(QUARTZ)))  # known by it already
        await here.say(POLICE.name, control(ONYX, "person.linked", PersonLinked(other=taken)))
        await here.say(POLICE.name, control(ONYX, "person.linked", PersonLinked(other=BASALT.key)))
        free = identifier(here.tellwise, lambda lane: lane not in homes(here.tellwise, ONYX, BASALT), 500)
        await here.say(POLICE.name, control(ONYX, "person.linked", PersonLinked(other=free)))
        await here.say(POLICE.name, control(BASALT, "person.linked", PersonLinked(other=free)))  # too late

    linked = [lane for lane, entry in of_kind(tmp_path, Alteration) if entry.kind == "person.linked"]
    assert len(linked) == 1
    assert len(of_kind(tmp_path, Refusal)) == 3


@story
async def test_what_was_granted_and_not_used_is_given_back(tmp_path: Path) -> None:
    async with hub_of_several(tmp_path) as here:
        home = home_of(here.tellwise, ONYX.key)
        other = identifier(here.tellwise, lambda lane: lane != home)
        linked = control(ONYX, "person.linked", PersonLinked(other=other))
        await here.say(POLICE.name, case_opened(ONYX), case_opened(BASALT))
        # In one turn: when the answer comes, who asked is on the team no longer.
        asked = sealed(here, tmp_path, PROBATION, linked)
        left = sealed(
            here, tmp_path, POLICE, control(ONYX, "case.team_changed", TeamChanged.of(remove=(PROBATION.name,)))
        )
        await here.tellwise.transport.publish(INPUT, [asked, left], partition=home)
        await here.tellwise.settled()
        await here.say(POLICE.name, control(BASALT, "person.linked", PersonLinked(other=other)))

    assert [lane for lane, _ in of_kind(tmp_path, Refusal)] == [home]
    assert [entry.kind for _, entry in of_kind(tmp_path, Alteration)].count("person.linked") == 1


@story
async def test_an_id_that_was_used_for_somebody_in_another_lane_is_refused_there(tmp_path: Path) -> None:
    async with hub_of_several(tmp_path) as here:
        home = home_of(here.tellwise, ONYX.key)
        stranger = identifier(here.tellwise, lambda lane: lane != home)
        first = sealed(here, tmp_path, POLICE, case_opened(ONYX), notification=b"the same id here")
        second = sealed(here, tmp_path, POLICE, under(stranger, case_opened(BASALT)), notification=b"the same id here")
        for said in (first, second, first):
            await here.tellwise.edge.submit(said)
            await here.tellwise.settled()

    assert [lane for lane, _ in of_kind(tmp_path, Alteration)] == [home]
    assert [lane for lane, _ in of_kind(tmp_path, Refusal)] == [home]
    assert [lane for lane, _ in of_kind(tmp_path, Repeat)] == [home]


@story
async def test_a_desk_that_is_revoked_is_told_by_no_lane(tmp_path: Path) -> None:
    async with hub_of_several(tmp_path) as here:
        await here.say(POLICE.name, *(case_opened(persona) for persona in PEOPLE))
        await here.tellwise.registrar.revoke(BLACKBURN_CHILDREN.name)
        await here.say(POLICE.name, *(moved(persona, to=BLACKBURN, old=PRESTON) for persona in PEOPLE))
        await here.say(POLICE.name, moved(ONYX, to=CHORLEY, old=PRESTON))

    told = {entry.to for _, entry in of_kind(tmp_path, Disclosure)}
    assert told
    assert BLACKBURN_CHILDREN.name not in told


@story
async def test_what_a_lane_is_told_by_nobody_of_ours_is_refused(tmp_path: Path) -> None:
    async with hub_of_several(tmp_path) as here:
        vault = Vault(here.tellwise.hub.premises.keys, system_entropy)
        word = Claimed.of(other="0" * 64, person="1" * 64, lane=1)
        honest = say(word, b"", 1, Rows(Nothing(), vault))
        for wrong in (honest[:-1], honest[:-1] + bytes([honest[-1] ^ 1]), b"lane ", b"lane " + word.to_bytes()):
            await here.tellwise.transport.publish(INPUT, [wrong], partition=1)
        await here.tellwise.transport.publish(INPUT, [honest], partition=2)  # meant for another
        await here.tellwise.settled()

    assert [lane for lane, _ in of_kind(tmp_path, Refusal)] == [1, 1, 1, 1, 2]


class Nothing:
    """No rows."""

    def get(self, table: Table, key: RowKey) -> None:
        return None

    def rows(self, table: Table) -> tuple[()]:
        return ()


def sealed(here: County, folder: Path, who: DeskPersona, draft: Draft, *, notification: bytes | None = None) -> bytes:
    """As a desk seals it, and under which id."""
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
        now=MovedClock().now(),
        entropy=lambda size: next(ids, None) or system_entropy(size),
    )
    return made.to_bytes()


def homes(tellwise: Tellwise, *people: Persona) -> set[int]:
    return {home_of(tellwise, persona.key) for persona in people}
