"""The whole path at the hub: from notifications that lie durable in its input to letters that lie durable in
inboxes."""

import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from broker.app import Tellwise, running
from broker.client import Desk, Draft, Sending, compose
from broker.clock import SystemClock
from schemas import AgencyId, AreaCode, DeskId, DeskType, Label, PersonKey, PersonScheme, Purpose, area_table
from schemas.compartments import Address, Contact, Identity, Offence, PersonName
from schemas.status import Status
from schemas.vocabulary import AddressKind, LegalState

_DESKS = 5
_TOLD = (Label.IDENTITY, Label.ADDRESS, Label.STATUS, Label.OFFENCE)
_CONTACT = Contact.of(role="bench", telephone="01632 960000")
_ROUND = 250
"""Notifications that lie in the input before the hub may begin: half of what it takes in one turn."""


@dataclass(frozen=True, slots=True)
class PathFigures:
    """What was done, and how long the hub took for it."""

    notifications: int
    letters: int
    desks: int
    compartments: int
    hub_s: float


async def measure_path(folder: Path, seconds: float) -> PathFigures:
    """Run rounds of notifications through a hub on *folder* until it has worked for *seconds*."""
    async with running(folder, AgencyId("hub.bench.example"), demo=True, clock=SystemClock()) as tellwise:
        area, area_old = sorted(area_table().districts.values(), key=lambda district: district.code)[:2]
        publisher, *_ = [await _desk(tellwise, number, (area.force, area_old.force)) for number in range(_DESKS + 1)]
        await publisher.publish(
            _draft(0, area.code, area_old.code)
        )  # so that nothing is loaded for the first time below
        await tellwise.settled()
        count, worked_s = 0, 0.0
        while worked_s < seconds:
            for number in range(_ROUND):
                publisher.keep(_draft(count + number, area.code, area_old.code))
            sealed = [waiting.sealed for waiting in publisher.store.outgoing(Sending.WAITING)]
            count += len(sealed)
            started = time.perf_counter()
            await tellwise.edge.submit_all(sealed)
            await tellwise.settled()
            worked_s += time.perf_counter() - started
            await publisher.hear()  # the receipts, so that the outbox is empty again
    return PathFigures(count, count * _DESKS, _DESKS, len(_TOLD), worked_s)


async def _desk(tellwise: Tellwise, number: int, forces: tuple[AreaCode, ...]) -> Desk:
    name = DeskId(f"bench-{number}")
    patch = [code for code in dict.fromkeys(forces) if code in area_table().in_force]
    await tellwise.register(
        name, agency=AgencyId(f"agency-{number}"), desk_type=DeskType.POLICE, patch=patch, signed=False
    )
    return tellwise.desk(name, _CONTACT)


def _draft(number: int, area: AreaCode, area_old: AreaCode) -> Draft:
    person = PersonKey.of(scheme=PersonScheme.PNC, identifier=f"00/{number % 500:07}X")
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
