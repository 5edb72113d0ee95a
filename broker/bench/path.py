"""The whole path at the hub: from notifications that lie durable in its input to letters that lie durable in
inboxes."""

import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from broker.app import Tellwise, running
from broker.client import Desk, Draft, Sending, compose
from broker.clock import SystemClock
from broker.engines import OpenEngine, embedded
from schemas import AgencyId, AreaCode, DeskId, DeskType, Label, Mailbox, PersonKey, PersonScheme, Purpose, area_table
from schemas.compartments import Address, Contact, Identity, Offence, PersonName
from schemas.status import Status
from schemas.vocabulary import AddressKind, LegalState

HUB = AgencyId("hub.bench.example")
DESKS = 5
"""How many are told of each notification."""
_TOLD = (Label.IDENTITY, Label.ADDRESS, Label.STATUS, Label.OFFENCE)
COMPARTMENTS = len(_TOLD)
_CONTACT = Contact.of(role="bench", telephone="01632 960000")
_ROUND = 250
"""Notifications that lie in the input before the hub may begin: half of what it takes in one turn."""
_PERSONS = 500


@dataclass(frozen=True, slots=True)
class Rate:
    """How much was done, and in what time."""

    notifications: int
    seconds: float
    cpu_seconds: float
    """Of this process, all threads."""

    @property
    def notifications_per_second(self) -> float:
        """By the wall clock."""
        return self.notifications / self.seconds

    @property
    def letters_per_cpu_second(self) -> float:
        """By what the process used of a core, which a busy machine changes less."""
        return self.notifications * DESKS / self.cpu_seconds


class World:
    """A hub at work, a desk that publishes, and the desks that are told."""

    def __init__(self, tellwise: Tellwise, publisher: Desk, told: Sequence[DeskId]) -> None:
        """Use `world`."""
        self.tellwise, self.publisher = tellwise, publisher
        self.told: list[Mailbox] = [tellwise.directory.desk(name).mailbox for name in told]
        self._said = 0
        self._area, self._area_old = bench_areas()

    def sealed(self, count: int) -> list[bytes]:
        """So many fresh notifications, sealed and not handed over."""
        store = self.publisher.store
        for _ in range(count):
            self._said += 1
            self.publisher.keep(_draft(self._said, self._area, self._area_old))
        waiting = store.outgoing(Sending.WAITING)
        with store.transaction():  # we hand them over ourselves
            for one in waiting:
                store.set_state(one.id, Sending.SENT)
        return [one.sealed for one in waiting]


def bench_areas() -> tuple[AreaCode, AreaCode]:
    """Two districts of different forces, so that both are told."""
    first, second = sorted(area_table().districts.values(), key=lambda district: district.code)[:2]
    return first.code, second.code


@asynccontextmanager
async def world(folder: Path, engine: OpenEngine = embedded) -> AsyncIterator[World]:
    """A hub on *folder* with its desks, warm: nothing is loaded for the first time any more."""
    async with running(folder, HUB, demo=True, clock=SystemClock(), engine=engine) as tellwise:
        areas = [area_table().district(code) for code in bench_areas()]
        patch = [code for code in dict.fromkeys(area.force for area in areas) if code in area_table().in_force]
        names = [DeskId(f"bench-{number}") for number in range(DESKS + 1)]
        for name in names:
            if name not in tellwise.directory.desks:
                await tellwise.register(
                    name, agency=AgencyId(f"agency-of-{name}"), desk_type=DeskType.POLICE, patch=patch, signed=False
                )
        publisher = tellwise.desk(names[0], _CONTACT)
        await publisher.meet()
        here = World(tellwise, publisher, names[1:])
        await measure_path(here, 0)
        yield here


async def measure_path(
    here: World, seconds: float, watched: Callable[[], AbstractContextManager[object]] = nullcontext
) -> Rate:
    """Run rounds of notifications through the hub until it has worked for *seconds*; at least one.

    Args:
        here: The hub.
        seconds: How long.
        watched: Entered for as long as the hub works, and left while notifications are made.
    """
    count, worked_s, cpu_s = 0, 0.0, 0.0
    while not count or worked_s < seconds:
        sealed = here.sealed(_ROUND)
        count += len(sealed)
        began_s, began_cpu_s = time.perf_counter(), time.process_time()
        with watched():
            await here.tellwise.edge.submit_all(sealed)
            await here.tellwise.settled()
        worked_s += time.perf_counter() - began_s
        cpu_s += time.process_time() - began_cpu_s
    return Rate(count, worked_s, cpu_s)


def _draft(number: int, area: AreaCode, area_old: AreaCode) -> Draft:
    person = PersonKey.of(scheme=PersonScheme.PNC, identifier=f"00/{number % _PERSONS:07}X")
    today = date(2026, 1, 1)
    return compose(
        "rso.address_changed",
        person,
        Purpose.PUBLIC_PROTECTION,
        {
            Label.CONTACT: _CONTACT,
            Label.IDENTITY: Identity.of(names=(PersonName.of(given="Bench", family="Synthetic"),), date_of_birth=today),
            Label.ADDRESS: Address.of(
                lines=("(invented)",), district=area, lives_there_from=today, kind=AddressKind.HOME
            ),
            Label.STATUS: Status.of(event="moved", state=LegalState.LICENCE, effective_on=today),
            Label.OFFENCE: Offence.of(summary="invented", against_child=False),
        },
        area=area,
        area_old=area_old,
    )
