"""The story that the fault table breaks: police say that somebody moved, social care hear of it, and a person there
acknowledges.

Whoever was broken does what its process does after a crash: it starts again, looks at what it has stored, and tries
again. However it was broken, it must end the same.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import tests.faults.county
from broker.app import desk_folder, hub_folder
from broker.client import Desk, Sending, Trust
from broker.engines import OpenEngine
from broker.errors import HubUnreachable
from broker.sealing.entropy import system_entropy
from broker.sealing.letters import Item, ItemKind
from schemas import DeskId
from tests.contracts.clock import MovedClock
from tests.faults.county import ONYX, case_opened
from tests.faults.fault_table import Fault
from tests.faults.seams import Lost, Seams
from tests.personas import BLACKBURN, BLACKBURN_CHILDREN, POLICE, PRESTON
from tests.sayings import CONTACT
from tests.served import Served, served

TRIES = 3
SOURCE = "source"
"""The mark of the police's own system of how many moves it has said; stands in one transaction with what it said."""


class Post:
    """A desk on its own machine, reached over HTTP, that is started again whenever something broke."""

    def __init__(self, here: Served, name: DeskId, seams: Seams) -> None:
        self._here, self._name, self._seams = here, name, seams
        self.start()

    def start(self) -> None:
        home, trust = desk_folder(self._here.tellwise.folder, self._name), hub_folder(self._here.tellwise.folder)
        self.link = self._here.link(self._name)
        self.link._http.send = self._seams.requests(self._name, self.link._http.send)  # type: ignore[method-assign]
        self.desk = Desk(
            home, self._name, CONTACT, Trust.load(trust / "trust.json"), self.link, self._here.clock, system_entropy
        )

    async def stop(self) -> None:
        self.desk.close()
        await self.link.close()

    async def do(self, work: Callable[[Desk], Any]) -> None:
        """Do it, and if it breaks start again and do it again: *work* looks at what is stored."""
        for _ in range(TRIES):
            try:
                await work(self.desk)
            except (Lost, HubUnreachable):
                await self.stop()
                self.start()
            else:
                return
        raise AssertionError("it broke more than once")


async def hear(desk: Desk) -> None:
    await desk.hear()


async def acknowledge(children: Desk) -> None:
    for letter in children.store.letters():
        if letter.acknowledged is None:
            await children.acknowledge(letter.id, "duty social worker")
    await children.flush()


class Move:
    """A hub, police and social care; somebody moves as often as is asked."""

    def __init__(self, here: Served, seams: Seams) -> None:
        self._here, self._seams = here, seams
        self.police, self.children = (Post(here, name, seams) for name in (POLICE.name, BLACKBURN_CHILDREN.name))
        self._moves = 0

    async def begin(self) -> None:
        """A case is opened; nothing breaks yet."""
        await self.police.desk.publish(case_opened(ONYX, team=()))
        await self._here.tellwise.settled()
        await self.police.do(hear)
        await self.children.do(hear)

    async def broken_by(self, fault: Fault) -> tuple[int, int]:
        """Somebody moves, and one step breaks.

        Returns:
            How many letters of it came into the inbox of social care, and how many social care have.
        """
        before = await self._counted()
        self._moves += 1
        self._seams.arm(fault)
        self._seams.turn_of_the_hub("the entries", 1)
        self._seams.turn_of_the_hub("the letters", 2)
        await self.police.do(self._say_that_they_moved)
        await self._here.tellwise.settled()
        await self.children.do(hear)
        self._seams.turn_of_the_hub("the acknowledgement's entry", 1)
        await self.children.do(acknowledge)
        await self._here.tellwise.settled()
        await self.police.do(hear)
        await self.children.do(hear)
        after = await self._counted()
        return after[0] - before[0], after[1] - before[1]

    def waiting(self) -> list[str]:
        """What one of the desks has said, and does not know to be accepted."""
        kept = [each for post in (self.police, self.children) for each in post.desk.store.outgoing(*Sending)]
        return [each.id for each in kept if each.state is not Sending.ACCEPTED]

    async def _say_that_they_moved(self, police: Desk) -> None:
        if police.store.position(SOURCE) < self._moves:
            moved = tests.faults.county.moved(ONYX, to=BLACKBURN, old=PRESTON)
            police.keep(moved, lambda _: police.store.move(SOURCE, self._moves))
        await police.flush()

    async def _counted(self) -> tuple[int, int]:
        tellwise = self._here.tellwise
        mailbox = tellwise.directory.desk(BLACKBURN_CHILDREN.name).mailbox
        items = [Item.from_bytes(item.data) for item in await tellwise.edge.inbox(mailbox, 0, 10_000, 0)]
        return sum(item.kind is ItemKind.LETTER for item in items), len(list(self.children.desk.store.letters()))


@asynccontextmanager
async def one_move(folder: Path, seams: Seams, engine: OpenEngine | None = None) -> AsyncIterator[Move]:
    """The hub of *folder* and both desks, until the block ends."""
    async with served(folder, MovedClock(), (POLICE, BLACKBURN_CHILDREN), engine=engine) as here:
        move = Move(here, seams)
        try:
            await move.begin()
            yield move
        finally:
            await move.police.stop()
            await move.children.stop()
