"""What a desk says while nothing can be reached is kept, and goes when the link is back: the same bytes, once."""

import asyncio
from pathlib import Path

import pytest

from broker.app import running
from broker.cli.demo_people import DESKS, HUB, PEOPLE, POLICE, case_opened
from broker.client import Desk, Sending, Trust
from broker.clock import SystemClock
from broker.errors import HubUnreachable
from broker.sealing.entropy import system_entropy
from tests.links import Passing


class Cable(Passing):
    """A way to the hub that can be cut."""

    is_cut = False

    async def submit(self, notification: bytes) -> None:
        if self.is_cut:
            raise HubUnreachable("the cable is cut")
        await super().submit(notification)


async def day(folder: Path) -> list[Sending]:
    async with running(folder, HUB, demo=True, clock=SystemClock()) as tellwise:
        one = DESKS[0]
        await tellwise.register(one.id, agency=one.agency, desk_type=one.desk_type, patch=one.patch, signed=one.signed)
        probation = DESKS[1]
        await tellwise.register(
            probation.id,
            agency=probation.agency,
            desk_type=probation.desk_type,
            patch=probation.patch,
            signed=probation.signed,
        )
        trust = Trust.load(folder / "hub" / "trust.json")
        cable = Cable(tellwise.edge)
        police = Desk(folder / "desks" / POLICE, POLICE, one.contact, trust, cable, SystemClock(), system_entropy)
        await police.hear()
        cable.is_cut = True
        with pytest.raises(HubUnreachable):
            await police.publish(case_opened(PEOPLE[0], one.contact))
        states = [waiting.state for waiting in police.store.outgoing(*Sending)]
        cable.is_cut = False
        await police.flush()
        await tellwise.settled()
        await police.hear()
        states += [waiting.state for waiting in police.store.outgoing(*Sending)]
        police.close()
        return states


def test_what_is_said_while_the_link_is_down_is_kept_and_goes_later(tmp_path: Path) -> None:
    states = asyncio.run(day(tmp_path))

    assert states == [Sending.WAITING, Sending.ACCEPTED]
