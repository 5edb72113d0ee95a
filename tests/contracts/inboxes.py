"""An inbox as each engine carries it to the application of a desk: a hub that is real, and what it says on that way.

To Kafka is copied what lies in the inbox of a hub that runs beside, as a hub on Kafka would put it there: each item in
a transaction of its own. After each stands one that was given up.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal

import pytest

from broker.app import Tellwise
from broker.client import Desk, Heard
from broker.dev import KafkaCluster
from broker.kafka.connection import Connection
from broker.listening.by_kafka import InboxBroker
from broker.listening.by_link import LinkBroker
from broker.listening.exchange import Way, exchange
from broker.ports import Clock
from broker.topics import inbox
from schemas import Mailbox, NotificationId
from tests.contracts.clock import MovedClock
from tests.contracts.kafka_clients import made, owner, send
from tests.faults.county import ONYX, case_opened, county, moved
from tests.personas import BLACKBURN, BLACKBURN_CHILDREN, POLICE, PRESTON
from tests.served import served

TWO = (POLICE, BLACKBURN_CHILDREN)
Carrier = Literal["log", "http"] | KafkaCluster
"""What brings an inbox to its desk: the log of the hub's own process, its edge, or a Kafka."""
CARRIERS = ("log", "http", "kafka")
LONGEST_S = 30


@dataclass
class Told:
    """Police and children's social care, whose inbox is carried by one engine."""

    tellwise: Tellwise
    police: Desk
    children: Desk
    way: Way
    carry: Callable[[], Awaitable[None]]
    """Brings what is new in the inbox to where the desk hears it."""
    url: str
    """The hub's edge; empty if it is not open."""
    said: list[NotificationId] = field(default_factory=list)
    """Of which children's social care is told, in order."""

    @property
    def mailbox(self) -> Mailbox:
        """That of children's social care."""
        return self.tellwise.directory.desk(BLACKBURN_CHILDREN.name).mailbox

    async def move(self, count: int = 1) -> None:
        """Police say so often that somebody moves; there is a letter for each."""
        for _ in range(count):
            self.said.append(await self.police.publish(moved(ONYX, to=BLACKBURN, old=PRESTON)))
            await self.tellwise.settled()
        await self.carry()

    async def put(self, *items: bytes) -> None:
        """Somebody who may write to the inbox, and has none of the hub's keys, puts these into it."""
        await self.tellwise.transport.publish(inbox(self.mailbox), items)
        await self.carry()

    @asynccontextmanager
    async def hearing(self, heard: Callable[[Heard], None] = lambda _: None) -> AsyncIterator[asyncio.Task[None]]:
        """The desk's application at work until the block ends."""
        stop = asyncio.Event()
        talking = asyncio.create_task(exchange(self.children, heard, stop, self.way))
        try:
            yield talking
        finally:
            stop.set()
            await asyncio.wait([talking], timeout=LONGEST_S)
        assert talking.done()

    def letters(self) -> list[NotificationId]:
        """What the desk has been told, in the order in which it came."""
        return [letter.id for letter in self.children.store.letters()]

    async def hear_all(self) -> None:
        """Let the application work until the desk has every letter."""
        async with self.hearing() as talking:
            await until(lambda: talking.done() or len(self.letters()) >= len(self.said))
        await talking


@asynccontextmanager
async def told(folder: Path, carrier: Carrier, clock: Clock | None = None) -> AsyncIterator[Told]:
    """A hub, and the inbox of children's social care as *carrier* brings it."""
    async with AsyncExitStack() as stack:
        clock = clock or MovedClock()
        if carrier == "log":
            beside = await stack.enter_async_context(county(folder, clock, TWO))
            tellwise, desks, url = beside.tellwise, beside.desks, ""
        else:
            over_http = await stack.enter_async_context(served(folder, clock, TWO))
            tellwise, desks, url = over_http.tellwise, over_http.desks, over_http.url
        here = Told(tellwise, desks[POLICE.name], desks[BLACKBURN_CHILDREN.name], LinkBroker, _nothing, url)
        if isinstance(carrier, KafkaCluster):
            here.way = partial(InboxBroker, Connection(carrier.bootstrap))
            here.carry = _Copy(carrier, here)
        await here.police.publish(case_opened(ONYX, team=()))
        await tellwise.settled()
        yield here


async def until(holds: Callable[[], object]) -> None:
    """Wait until something holds, or fail."""
    async with asyncio.timeout(LONGEST_S):
        while not holds():  # noqa: ASYNC110 - what is waited for tells nobody
            await asyncio.sleep(0.01)


@contextmanager
def instead(of: object, name: str, what: object) -> Iterator[None]:
    """Something is another thing until the block ends."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(of, name, what)
        yield


async def _nothing() -> None:
    """What lies in the inbox lies where the desk hears it."""


class _Copy:
    """Copies what is new in the hub's own inbox to Kafka."""

    def __init__(self, cluster: KafkaCluster, here: Told) -> None:
        self._cluster, self._here, self._next = cluster, here, 0

    async def __call__(self) -> None:
        name = inbox(self._here.mailbox)
        partition = await made(self._cluster, name)
        records = await self._here.tellwise.transport.read(name, self._next, 1_000, 0)
        async with owner(self._cluster, f"hub.{name}") as lane:
            for record in records:
                async with lane.transaction():
                    await send(lane, partition, record.value)
                await lane.begin_transaction()
                await send(lane, partition, b"given up")
                await lane.abort_transaction()
        self._next += len(records)
