"""What an engine says of itself to join the contracts: how it is made, and where an auditor finds what it keeps."""

import asyncio
import functools
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from broker.ports import Assigned, Clock, Lane, LaneEvent, Leaf, Transport, Tx
from tests.contracts.clock import MovedClock

LANE = "lane.0"
INBOX = "inbox.elm-ward-housing"
LEASE_S = 10.0
"""How long an owner may be silent, by an engine's clock, before another may take its lanes."""

LOG = "hub.example/ledger/lane.0"


class Engine(ABC):
    """One engine, as the contracts see it. Each test has an empty folder and a clock of its own."""

    folder: Path
    clock: MovedClock

    @abstractmethod
    def make(self, folder: Path, clock: Clock) -> Transport:
        """The engine on *folder*. Made twice on one folder, the two are like two processes."""

    @abstractmethod
    def contents(self, folder: Path) -> object:
        """All that is committed, leases aside, to be compared with itself."""

    @abstractmethod
    def ledger(self, folder: Path, log: str) -> Sequence[Leaf]:
        """The committed entries of a ledger, in order."""

    @abstractmethod
    def checkpoints(self, folder: Path, log: str) -> Mapping[int, bytes]:
        """The kept checkpoints of a ledger by size."""

    @asynccontextmanager
    async def rival(self) -> AsyncIterator[Transport]:
        """A second process that may take the lanes of the first, which thinks that they are still its own."""
        self.clock.move(seconds=LEASE_S + 1)
        async with self.opened() as there:
            yield there

    @pytest.fixture(autouse=True)
    def _own_world(self, tmp_path: Path) -> None:
        self.folder = tmp_path / "data"
        self.clock = MovedClock()

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Transport]:
        """A transport on the test's folder, closed at the end."""
        transport = self.make(self.folder, self.clock)
        try:
            yield transport
        finally:
            await transport.close()


def story(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Run an async test in a loop of its own, and let none hang."""

    @functools.wraps(test)
    def run(*args: object, **kwargs: object) -> None:
        async def within_reason() -> None:
            async with asyncio.timeout(30):
                await test(*args, **kwargs)

        asyncio.run(within_reason())

    return run


@asynccontextmanager
async def owned(transport: Transport, topic: str = LANE) -> AsyncIterator[tuple[Lane, AsyncIterator[LaneEvent]]]:
    """The lane of *topic*, and what becomes of it."""
    async with transport.lanes([(topic, 0)]) as events:
        event = await anext(events)
        assert isinstance(event, Assigned)
        yield event.lane, events


async def still_waits(task: asyncio.Future[Any]) -> None:
    """Give *task* every chance to begin, and to end too early: it has not."""
    await asyncio.wait([task], timeout=0.01)
    assert not task.done()


async def turn(lane: Lane, *acts: Callable[[Tx], None]) -> None:
    """One transaction that does all *acts*, in order."""
    async with lane.transaction() as tx:
        for act in acts:
            act(tx)


def frontier(size: int) -> bytes:
    """A right edge of the right form; engines look at its size alone."""
    return size.to_bytes(8, "big") + bytes(32) * size.bit_count()
