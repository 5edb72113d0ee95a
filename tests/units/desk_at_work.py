"""A police desk that knows its hub and cannot reach it just now, at work for an adapter: what adapters are tested with.

Real files and keys; the hub ran before, for as long as the desk needed to know it.
"""

import asyncio
import atexit
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any

from broker.app import desk_folder
from broker.client import Desk, StoredLetter
from broker.client.adapter import Adapter, Work
from broker.errors import HubUnreachable
from broker.ledger.merkle import Proof
from broker.numbered import Numbered
from broker.ports import Clock
from schemas import Mailbox, NotificationId
from schemas.strict import b64u_encode
from tests.contracts.clock import MovedClock
from tests.faults.county import county, open_desk
from tests.personas import BLACKBURN_CHILDREN, POLICE

WAIT_S = 20
"""Within this, what must happen happens; a test that is right never waits as long."""


class Unreachable:
    """`Link`, while nothing gets through."""

    session = 0

    async def submit(self, notification: bytes) -> None:
        """See `Link.submit`."""
        raise HubUnreachable("cut")

    async def inbox(self, mailbox: Mailbox, start: int, items_max: int, wait_ms: int) -> Sequence[Numbered]:
        """See `Link.inbox`."""
        raise HubUnreachable("cut")

    async def directory(self, start: int, items_max: int) -> Sequence[Numbered]:
        """See `Link.directory`."""
        raise HubUnreachable("cut")

    async def consistency(self, log: str, sizes: Sequence[int]) -> Sequence[Proof]:
        """See `Link.consistency`."""
        raise HubUnreachable("cut")

    async def seen(self, log: str, note: bytes) -> None:
        """See `Link.seen`."""
        raise HubUnreachable("cut")


@cache
def _grown() -> Path:
    """A hub's folder in which a police desk and a social care desk have met the hub."""
    folder = Path(tempfile.mkdtemp(prefix="tellwise-met-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)

    async def meet() -> None:
        async with county(folder, MovedClock(), (POLICE, BLACKBURN_CHILDREN)) as here:
            for desk in here.desks.values():
                await desk.meet()

    with ThreadPoolExecutor(1) as another:  # whoever asks may be in a loop already
        another.submit(asyncio.run, meet()).result()
    return folder


def met(folder: Path) -> Path:
    """Make *folder* that of a hub, with two desks beside it that know it."""
    return Path(shutil.copytree(_grown(), folder))


def police_folder(folder: Path) -> Path:
    """The police desk's own folder."""
    return desk_folder(folder, POLICE.name)


@asynccontextmanager
async def at_work(
    folder: Path, adapter: Adapter[Any], settings: Any, clock: Clock | None = None
) -> AsyncIterator[Work]:
    """Let an adapter work for the police desk of *folder* until the block ends."""
    clock = clock or MovedClock()
    desk = open_desk(folder, POLICE.name, Unreachable(), clock)
    work = Work(desk, police_folder(folder), clock, asyncio.Event())
    working = asyncio.create_task(adapter.run(work, settings))
    try:
        yield work
    finally:
        work.stop.set()
        try:
            await asyncio.wait_for(working, WAIT_S)
        finally:
            desk.close()


async def until(holds: Callable[[], object]) -> None:
    """Wait until something holds, or fail."""
    async with asyncio.timeout(WAIT_S):
        while not holds():  # noqa: ASYNC110 - what is waited for may be a file of another process
            await asyncio.sleep(0.005)


async def stays(holds: Callable[[], object]) -> None:
    """Fail if something ceases to hold while an adapter, which looks every ten milliseconds, has looked many times."""
    for _ in range(20):
        assert holds()
        await asyncio.sleep(0.005)


def put_letter(desk: Desk, person: str = "onyx", **compartments: Any) -> StoredLetter:
    """A letter comes, as if it had been heard; about somebody whom this desk knows by a pseudonym."""
    n = desk.store.last_n("lane") + 1
    said = compartments or {"status": {"event": "has moved", "state": "licence", "effective_on": "2026-11-20"}}
    letter = StoredLetter(
        row=0,
        id=NotificationId(b64u_encode(os.urandom(16))),
        part=1,
        kind="rso.address_changed",
        publisher="lancashire-police",
        cover={"person": person, "urgency": "priority", "reasons": ["You house people."], "acknowledge_by": None},
        compartments=said,
        recorded={},
        acknowledged=None,
    )
    with desk.store.transaction():
        desk.store.put_letter(letter, "lane", n, (b"an entry", "its proof"))
    stored = desk.store.letter(letter.id, 1)
    assert stored is not None
    return stored
