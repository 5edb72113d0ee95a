"""The desks of a county at work over HTTP, with two hubs to turn to: they say things, hear things and acknowledge, and
go on whatever becomes of the hubs."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import TypeVar

from broker.app import desk_folder
from broker.client import Desk, Draft, Sending
from broker.client.http_link import HttpLink
from broker.client.keys import load_desk_keys
from broker.clock import SystemClock
from broker.errors import HubUnreachable, NotAdmitted
from broker.files import private_folder
from broker.ledger.merkle import Proof
from broker.numbered import Numbered
from broker.sealing.entropy import system_entropy
from broker.sealing.notification import SealedNotification
from schemas import DeskId, Mailbox, NotificationId
from tests.faults.county import case_opened, open_desk
from tests.faults.hub_under_load import police_say, probation_say, social_care_say
from tests.personas import DESKS, LANCASHIRE_CHILDREN, PEOPLE, POLICE, PROBATION
from tests.soak.kafka_world import KafkaWorld

_T = TypeVar("_T")
ANSWERS_S = 6.0
"""Then a desk turns to the other hub."""
_AGAIN_S = 0.2
_ACKNOWLEDGED = 0.1
"""Of all letters."""
_PASSING = (HubUnreachable, NotAdmitted)  # a hub that has just started does not know every desk yet


class EitherHub:
    """A driver of `Link`: asks one hub until that one does not answer, and then the other."""

    def __init__(self, links: Sequence[HttpLink], first: int, taken: Callable[[bytes], None]) -> None:
        """*taken* is told of each notification that a hub said is durable."""
        self._links, self._at, self._taken = links, first % len(links), taken
        self.failed: Counter[str] = Counter()
        """Why one did not answer, and how often."""

    @property
    def session(self) -> int:
        """See `Link.session`."""
        return sum(link.session for link in self._links) * len(self._links) + self._at

    async def submit(self, notification: bytes) -> None:
        """See `Link.submit`."""
        await self._asked(lambda link: link.submit(notification))
        self._taken(notification)

    async def inbox(self, mailbox: Mailbox, start: int, items_max: int, wait_ms: int) -> Sequence[Numbered]:
        """See `Link.inbox`."""
        return await self._asked(lambda link: link.inbox(mailbox, start, items_max, wait_ms))

    async def directory(self, start: int, items_max: int) -> Sequence[Numbered]:
        """See `Link.directory`."""
        return await self._asked(lambda link: link.directory(start, items_max))

    async def consistency(self, log: str, sizes: Sequence[int]) -> Sequence[Proof]:
        """See `Link.consistency`."""
        return await self._asked(lambda link: link.consistency(log, sizes))

    async def seen(self, log: str, note: bytes) -> None:
        """See `Link.seen`."""
        await self._asked(lambda link: link.seen(log, note))

    async def close(self) -> None:
        """Let go of the connections."""
        for link in self._links:
            await link.close()

    async def _asked(self, ask: Callable[[HttpLink], Awaitable[_T]]) -> _T:
        try:
            async with asyncio.timeout(ANSWERS_S):
                return await ask(self._links[self._at])
        except (*_PASSING, TimeoutError) as error:
            self.failed[str(error) or "it does not answer"] += 1
            self._at = (self._at + 1) % len(self._links)
            if isinstance(error, TimeoutError):
                raise HubUnreachable("it does not answer") from error
            raise


@dataclass
class KafkaLoad:
    """The desks, and what they did."""

    desks: dict[DeskId, Desk]
    links: list[EitherHub]
    said: int = 0
    """Notifications, acknowledgements aside."""
    taken: list[tuple[DeskId, NotificationId]] = field(default_factory=list)
    """Those that a hub said are durable."""
    taken_s: float = 0.0
    """When the last of them was, by the monotonic clock."""
    letters: int = 0

    def durable(self, notification: bytes) -> None:
        """A hub has said that it is."""
        fields = SealedNotification.from_bytes(notification).head.fields
        self.taken.append((fields.iss, fields.id))
        self.taken_s = monotonic()

    def failed(self) -> Counter[str]:
        """Why hubs did not answer, and how often."""
        return sum((link.failed for link in self.links), Counter())

    async def begin(self) -> None:
        """Everybody meets the hub, and police open the cases."""
        for desk in self.desks.values():
            await persistently(desk.hear)
        for persona in PEOPLE:
            self.desks[POLICE.name].keep(case_opened(persona))
        await persistently(self.desks[POLICE.name].flush)

    async def go_on(self, per_second: float, chance: random.Random) -> None:
        """Say so much a second, and hear and acknowledge, without an end."""
        speaking = (
            (POLICE.name, police_say()),
            (POLICE.name, police_say()),
            (PROBATION.name, probation_say()),
            (LANCASHIRE_CHILDREN.name, social_care_say()),
        )
        async with asyncio.TaskGroup() as tasks:
            for name, drafts in speaking:
                tasks.create_task(self._speak(self.desks[name], drafts, per_second / len(speaking), chance))
            for desk in self.desks.values():
                tasks.create_task(self._listen(desk, chance))

    async def until_quiet(self) -> None:
        """Nothing new is said: send what waits, hear, and wait until every answer is there."""
        while True:
            heard = 0
            for desk in self.desks.values():
                await persistently(desk.flush)
                heard += len((await persistently(desk.hear)).letters)
            self.letters += heard
            owed = sum(len(desk.store.outgoing(Sending.WAITING, Sending.SENT)) for desk in self.desks.values())
            if not heard and not owed:
                return

    async def close(self) -> None:
        """Let go of everything."""
        for desk in self.desks.values():
            desk.close()
        for link in self.links:
            await link.close()

    async def _speak(self, desk: Desk, drafts: Iterator[Draft], per_second: float, chance: random.Random) -> None:
        due = monotonic()
        while True:
            due = max(due + chance.uniform(0, 2 / per_second), monotonic() - 5)
            await asyncio.sleep(max(0.0, due - monotonic()))
            self.said += 1
            desk.keep(next(drafts))
            try:
                await desk.flush()
            except _PASSING:
                await asyncio.sleep(_AGAIN_S)

    async def _listen(self, desk: Desk, chance: random.Random) -> None:
        while True:
            try:
                heard = await desk.hear(1_000)
                self.letters += len(heard.letters)
                for letter in heard.letters:
                    if chance.random() < _ACKNOWLEDGED:
                        await desk.acknowledge(letter.head.id, "duty officer", letter.cover.part)
            except _PASSING:
                await asyncio.sleep(_AGAIN_S)


async def persistently(act: Callable[[], Awaitable[_T]]) -> _T:
    """Do it, as often as it takes; whoever calls has the bound."""
    while True:
        try:
            return await act()
        except _PASSING:
            await asyncio.sleep(_AGAIN_S)


def open_load(world: KafkaWorld) -> KafkaLoad:
    """The desks of the county, each with its way to the hubs."""
    load = KafkaLoad({}, [])
    clock = SystemClock()
    for number, persona in enumerate(DESKS):
        home = private_folder(desk_folder(world.data, persona.name))
        signer = load_desk_keys(home / "keys.json", system_entropy).signer
        links = [HttpLink(hub.url, persona.name, signer, clock, system_entropy) for hub in world.hubs]
        load.links.append(EitherHub(links, number, load.durable))
        load.desks[persona.name] = open_desk(world.data, persona.name, load.links[-1], clock)
    return load
