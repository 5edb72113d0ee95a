"""A hub and its desks that publish, hear and acknowledge until they are killed, as a process of their own.

`python -m tests.faults.hub_under_load FOLDER SEED load`; with `end` instead it does what is left to do, and ends. On
standard output it says what is durable at the hub, one line each and only after it is: `said DESK NOTIFICATION`.
Before, `begun` when it begins to take the folder over, and `up` when it has, and the load begins.
"""

import asyncio
import os
import random
import sys
from collections.abc import Iterator
from contextlib import suppress
from itertools import cycle
from pathlib import Path

from broker.client import Desk, Draft, Link
from broker.client.store import SEQ
from broker.clock import SystemClock
from broker.sealing.notification import SealedNotification
from schemas import Tag
from schemas.kinds.case import CaseTagged
from tests.faults.county import BASALT, ONYX, QUARTZ, County, case_opened, control, county, moved, resides
from tests.links import Passing
from tests.personas import (
    BLACKBURN,
    BLACKBURN_CHILDREN,
    CHORLEY,
    LANCASHIRE_CHILDREN,
    PEOPLE,
    POLICE,
    PRESTON,
    PROBATION,
)

_TAGGED = CaseTagged(add=(Tag.HOUSING_CASE,), remove=())
_UNTAGGED = CaseTagged(add=(), remove=(Tag.HOUSING_CASE,))


def police_say() -> Iterator[Draft]:
    """What police say all day; some of it the hub must refuse."""
    yield from cycle(
        [
            moved(ONYX, to=BLACKBURN, old=PRESTON),
            control(BASALT, "case.tagged", _TAGGED),
            moved(QUARTZ, to=CHORLEY, old=BLACKBURN),
            case_opened(ONYX),  # it is open: refused
            resides(BASALT, PRESTON),
            control(BASALT, "case.tagged", _UNTAGGED),
        ]
    )


def probation_say() -> Iterator[Draft]:
    """What probation say all day."""
    yield from cycle(
        [
            resides(QUARTZ, BLACKBURN),
            control(QUARTZ, "case.assessed"),
            moved(ONYX, to=PRESTON, old=BLACKBURN),  # for police to say: refused
        ]
    )


def social_care_say() -> Iterator[Draft]:
    """What a desk says that is not on any team."""
    yield from cycle([control(ONYX, "case.assessed"), control(QUARTZ, "letter.acknowledged")])  # both refused


class ReplyLost(Exception):
    """The hub has it, and the desk does not know."""


class UnsureLink(Passing):
    """A way to the hub on which every fourth reply is lost, so that the desk must send again what is there already."""

    def __init__(self, edge: Link, chance: random.Random, lost: float = 0.25) -> None:
        super().__init__(edge)
        self._chance, self._lost = chance, lost

    async def submit(self, notification: bytes) -> None:
        """See `Link.submit`."""
        await super().submit(notification)
        fields = SealedNotification.from_bytes(notification).head.fields
        os.write(1, f"said {fields.iss} {fields.id}\n".encode())  # durable, so it may not be lost from here on
        if self._chance.random() < self._lost:
            raise ReplyLost


async def work(desk: Desk, drafts: Iterator[Draft], chance: random.Random) -> None:
    """Publish on and on; now and then hear, and acknowledge what was heard."""
    while True:
        with suppress(ReplyLost):  # what it was about lies in the outbox, and goes again with the next one
            for _ in range(chance.randrange(1, 4)):
                await desk.publish(next(drafts))
            await desk.hear()
            await acknowledge(desk)


async def acknowledge(desk: Desk) -> None:
    """A person reads what was heard."""
    for letter in desk.store.letters():
        if letter.acknowledged is None:
            await desk.acknowledge(letter.id, "duty officer")


async def run(folder: Path, chance: random.Random, *, until_killed: bool) -> None:
    """Take the folder over; then load without an end, or none and an end."""
    os.write(1, b"begun\n")
    async with county(folder, SystemClock(), way=lambda edge: UnsureLink(edge, chance)) as here:
        police = here.desks[POLICE.name]
        for persona in PEOPLE[police.store.position(SEQ) :]:
            with suppress(ReplyLost):
                await police.publish(case_opened(persona))
        os.write(1, b"up\n")
        if until_killed:
            await on_and_on(here, chance)
        await until_all_is_said_and_heard(here)


async def on_and_on(here: County, chance: random.Random) -> None:
    """Load without an end."""
    async with asyncio.TaskGroup() as tasks:
        for name, said in (
            (POLICE.name, police_say()),
            (PROBATION.name, probation_say()),
            (BLACKBURN_CHILDREN.name, social_care_say()),
            (LANCASHIRE_CHILDREN.name, social_care_say()),
        ):
            tasks.create_task(work(here.desks[name], said, chance))


async def until_all_is_said_and_heard(here: County) -> None:
    """No load: send what waits, hear and acknowledge until nobody has anything left to say."""
    is_quiet = False
    while not is_quiet:
        is_quiet = True
        for desk in here.desks.values():
            try:
                await desk.flush()
                await acknowledge(desk)
            except ReplyLost:
                is_quiet = False
        await here.tellwise.settled()
        is_quiet = not await here.hear() and is_quiet


if __name__ == "__main__":
    folder, seed, end = sys.argv[1:]
    asyncio.run(run(Path(folder), random.Random(seed), until_killed=end == "load"))
