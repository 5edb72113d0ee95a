"""A hub and its desks that publish, hear and acknowledge until they are killed, as a process of their own.

`python -m tests.faults.hub_under_load FOLDER SEED load`; with `end` instead it does what is left to do, and ends. On
standard output it says what is durable at the hub, one line each and only after it is: `said DESK NOTIFICATION`.
Before, `begun` when it begins to take the folder over, and `up` when it has, and the load begins.
"""

import asyncio
import os
import random
import sys
from collections.abc import Awaitable, Callable, Iterator
from itertools import cycle
from pathlib import Path

from broker.client import Desk, Draft, Sending
from broker.clock import SystemClock
from schemas import DeskId, Tag
from schemas.kinds.case import CaseTagged
from tests.faults.county import BASALT, ONYX, QUARTZ, County, case_opened, control, county, moved, resides
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


async def work(desk: Desk, drafts: Iterator[Draft], chance: random.Random) -> None:
    """Publish on and on; now and then hear, and acknowledge what was heard."""
    while True:
        for _ in range(chance.randrange(1, 4)):
            tell(desk.name, await desk.publish(next(drafts)))
        for letter in (await desk.hear()).letters:
            tell(desk.name, await desk.acknowledge(letter.head.id, "duty officer"))


async def resume(desk: Desk) -> None:
    """After a restart: send what waited, and acknowledge what was heard and not yet acknowledged."""
    await desk.flush()
    for sent in desk.store.outgoing(Sending.SENT):
        tell(desk.name, sent.id)
    for letter in desk.store.letters():
        if letter.acknowledged is None:
            tell(desk.name, await desk.acknowledge(letter.id, "duty officer"))


def tell(desk: DeskId, notification: str) -> None:
    """Say that this is durable, so that it may not be lost from here on."""
    os.write(1, f"said {desk} {notification}\n".encode())


async def run(folder: Path, chance: random.Random, load: Callable[[County, random.Random], Awaitable[None]]) -> None:
    """Take the folder over, and do what *load* says."""
    os.write(1, b"begun\n")
    async with county(folder, SystemClock()) as here:
        police = here.desks[POLICE.name]
        if not police.store.position("seq"):
            for persona in PEOPLE:
                tell(police.name, await police.publish(case_opened(persona)))
        for desk in here.desks.values():
            await resume(desk)
        os.write(1, b"up\n")
        await load(here, chance)


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


async def until_all_is_heard(here: County, chance: random.Random) -> None:
    """No load: settle, and hear and acknowledge until nobody has anything left to say."""
    while await here.hear():
        for desk in here.desks.values():
            await resume(desk)
        await here.tellwise.settled()


if __name__ == "__main__":
    folder, seed, end = sys.argv[1:]
    asyncio.run(run(Path(folder), random.Random(seed), until_all_is_heard if end == "end" else on_and_on))
