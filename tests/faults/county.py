"""A county to do harm in: a hub and its six desks on one folder, and what they say to one another on an ordinary day.

The desks and people are those of tests/personas.py. Time is a clock that the test moves, everything else is real:
files, keys, policies, ledgers.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from broker.app import Tellwise, desk_folder, hub_folder, running
from broker.client import Desk, Draft, Link, OpenedLetter, Trust, compose
from broker.engines import OpenEngine
from broker.ports import Clock
from broker.sealing.entropy import system_entropy
from schemas import AgencyId, AreaCode, DeskId, Label, NotificationId, Purpose, Said, Tag
from schemas.kinds.case import CaseOpened
from tests.contracts.clock import MovedClock
from tests.personas import (
    BLACKBURN,
    BLACKBURN_CHILDREN,
    CHORLEY,
    CONTROLS,
    DESKS,
    PEOPLE,
    POLICE,
    PRESTON,
    PROBATION,
    DeskPersona,
    Persona,
    compartments,
)
from tests.sayings import CONTACT

HUB = AgencyId("hub.invented.example")
LANE = f"{HUB}/lane-0"
DIRECTORY_LOG = f"{HUB}/directory"

ONYX, BASALT, QUARTZ = PEOPLE

TOLD_OF_A_MOVE = (
    Label.IDENTITY,
    Label.ADDRESS,
    Label.STATUS,
    Label.DESCRIPTION,
    Label.OFFENCE,
    Label.RISK_SUMMARY,
    Label.CONDITIONS,
    Label.HOUSEHOLD,
)


class County:
    """The hub and its desks, while they run."""

    def __init__(self, tellwise: Tellwise, desks: Sequence[Desk]) -> None:
        """Use `county`."""
        self.tellwise = tellwise
        self.desks = {desk.name: desk for desk in desks}

    async def say(self, who: DeskId, *drafts: Draft) -> list[NotificationId]:
        """Let a desk publish, and wait until all that it causes lies in the inboxes."""
        said = [await self.desks[who].publish(draft) for draft in drafts]
        await self.tellwise.settled()
        return said

    async def hear(self) -> dict[DeskId, list[OpenedLetter]]:
        """Let every desk look into its inbox; who hears nothing is not among the answers."""
        heard = {name: (await desk.hear()).letters for name, desk in self.desks.items()}
        return {name: letters for name, letters in heard.items() if letters}

    async def put(self, *records: bytes) -> None:
        """Append to the hub's input whatever somebody may bring there, all in one turn, and wait until it is dealt
        with."""
        if records:
            await self.tellwise.edge.put(records)
        await self.tellwise.settled()


@asynccontextmanager
async def county(
    folder: Path,
    clock: Clock,
    desks: Sequence[DeskPersona] = DESKS,
    *,
    way: Callable[[Link], Link] = lambda edge: edge,
    engine: OpenEngine | None = None,
) -> AsyncIterator[County]:
    """Run the hub of *folder* with these desks; those that are not registered yet are entered first.

    Args:
        folder: The data folder.
        clock: For the hub and the desks.
        desks: Who is here.
        way: What the desks' way to the hub is made of, given the honest one.
        engine: What the hub stands on.
    """
    async with running(folder, HUB, demo=True, clock=clock, engine=engine) as tellwise:
        for desk in desks:
            if desk.name not in tellwise.directory.desks:
                await tellwise.register(
                    desk.name, agency=desk.agency, desk_type=desk.desk_type, patch=desk.patch, signed=desk.signed
                )
        opened = [open_desk(folder, desk.name, way(tellwise.edge), clock) for desk in desks]
        try:
            yield County(tellwise, opened)
        finally:
            for each in opened:
                each.close()


def open_desk(folder: Path, name: DeskId, link: Link, clock: Clock) -> Desk:
    """A desk in its folder beside the hub's, with whatever way to the hub."""
    trust = desk_folder(folder, name) / "trust.json"
    if not trust.exists():  # given out of band
        Trust.load(hub_folder(folder) / "trust.json").save(trust)
    return Desk(desk_folder(folder, name), name, CONTACT, Trust.load(trust), link, clock, system_entropy)


async def ordinary_day(here: County) -> None:
    """Cases are opened, people move, somebody acknowledges, and somebody says what is not theirs to say."""
    for persona in PEOPLE:
        await here.say(POLICE.name, case_opened(persona))
    await here.hear()
    (onyx_moved,) = await here.say(POLICE.name, moved(ONYX, to=BLACKBURN, old=PRESTON))
    await here.say(PROBATION.name, resides(BASALT, PRESTON))
    await here.say(POLICE.name, moved(QUARTZ, to=CHORLEY, old=BLACKBURN))
    await here.hear()
    await here.desks[BLACKBURN_CHILDREN.name].acknowledge(onyx_moved, "duty social worker")
    await here.tellwise.settled()  # so that it is in no turn with what comes next
    await here.say(BLACKBURN_CHILDREN.name, resides(ONYX, BLACKBURN))  # not theirs to say: refused
    await here.say(PROBATION.name, control(BASALT, "case.assessed"))
    await here.hear()


async def quiet_day(here: County) -> None:
    """The least that leaves an entry of almost every kind behind: police and one other desk, one case, one move."""
    await here.say(POLICE.name, case_opened(ONYX, team=()))
    (onyx_moved,) = await here.say(POLICE.name, moved(ONYX, to=BLACKBURN, old=PRESTON))
    await here.hear()
    await here.desks[BLACKBURN_CHILDREN.name].acknowledge(onyx_moved, "duty social worker")
    await here.tellwise.settled()  # so that it is in no turn with what comes next
    await here.say(BLACKBURN_CHILDREN.name, resides(ONYX, BLACKBURN))  # not theirs to say: refused
    await here.hear()


def live_an_ordinary_day(folder: Path) -> Path:
    """The folder after an ordinary day, and nobody running on it."""
    return _live(folder, DESKS, ordinary_day)


def live_a_quiet_day(folder: Path) -> Path:
    """The folder after a quiet day, and nobody running on it."""
    return _live(folder, (POLICE, BLACKBURN_CHILDREN), quiet_day)


def _live(folder: Path, desks: Sequence[DeskPersona], day: Callable[[County], Awaitable[None]]) -> Path:
    async def live() -> None:
        async with county(folder, MovedClock(), desks) as here:
            await day(here)

    asyncio.run(live())
    return folder


def moved(persona: Persona, *, to: AreaCode, old: AreaCode) -> Draft:
    """What police say of a registered person with a new address."""
    said = compartments(*TOLD_OF_A_MOVE, district=to, person=persona.key)
    return compose("rso.address_changed", persona.key, Purpose.PUBLIC_PROTECTION, said, area=to, area_old=old)


def resides(persona: Persona, area: AreaCode) -> Draft:
    """What police or probation say of somebody who lives in an area."""
    said = compartments(*TOLD_OF_A_MOVE, Label.LOCATION_HINT, district=area, person=persona.key)
    return compose("offender.resides_in_area", persona.key, Purpose.SAFEGUARDING, said, area=area)


def case_opened(
    persona: Persona, *, team: Sequence[DeskId] = (PROBATION.name,), tags: Sequence[Tag] | None = None
) -> Draft:
    """Police open a case, with these desks on its team."""
    opened = CONTROLS["case.opened"]
    assert isinstance(opened, CaseOpened)
    told = opened.model_copy(update={"team": tuple(team), "tags": opened.tags if tags is None else tuple(tags)})
    return control(persona, "case.opened", told)


def control(persona: Persona, kind: str, said: Said | None = None) -> Draft:
    """A control event about somebody; what it says is that of the personas unless something else is given."""
    content = {**compartments(), Label.CONTROL: CONTROLS[kind] if said is None else said}
    return compose(kind, persona.key, Purpose.PUBLIC_PROTECTION, content)


def hub_db(folder: Path) -> Path:
    """The hub's file."""
    return hub_folder(folder) / "hub.db"


def desk_db(folder: Path, desk: DeskId) -> Path:
    """A desk's file."""
    return desk_folder(folder, desk) / "desk.db"
