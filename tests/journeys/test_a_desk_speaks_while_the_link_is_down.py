"""What a desk says while nothing can be reached is kept, and goes when the link is back: the same bytes, once."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from broker.app import running
from broker.cli.demo_people import DESKS, HUB, PEOPLE, POLICE, case_opened
from broker.client import Desk, Link, Sending, Trust
from broker.clock import SystemClock
from broker.sealing.entropy import system_entropy
from schemas import Mailbox


class Cable:
    """A way to the hub that can be cut."""

    def __init__(self, link: Link) -> None:
        self._link, self.is_cut = link, False

    async def submit(self, notification: bytes) -> None:
        await self._reachable().submit(notification)

    async def inbox(self, mailbox: Mailbox, start: int, items_max: int, wait_ms: int) -> Sequence[bytes]:
        return await self._reachable().inbox(mailbox, start, items_max, wait_ms)

    async def directory(self, start: int, items_max: int) -> Sequence[bytes]:
        return await self._reachable().directory(start, items_max)

    def _reachable(self) -> Link:
        if self.is_cut:
            raise ConnectionError
        return self._link


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
        with pytest.raises(ConnectionError):
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
