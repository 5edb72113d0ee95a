"""The hub's door on a morning after, as a hostile publisher meets it, and what an onlooker sees of each attempt.

On the evening before, police opened the cases of Onyx and Basalt, with probation on the team, and said that Onyx moved:
social care of both places and probation hold letters. Nobody has opened a case for Quartz.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from broker.client import Draft
from broker.client.store import SEQ
from schemas import DeskId, NotificationId
from schemas.strict import b64u_decode, json_decode, json_encode
from tests.contracts.clock import MovedClock
from tests.faults.county import BASALT, ONYX, County, case_opened, county, moved
from tests.faults.hostile_publisher import Words, sealed, words
from tests.faults.stored import Stored, read_stored
from tests.personas import BLACKBURN, POLICE, PRESTON


@dataclass(frozen=True, slots=True)
class Seen:
    """What one attempt left, for whoever may look."""

    letters: dict[DeskId, list[str]]
    """Letters that came into each inbox: their notifications."""
    receipts: dict[DeskId, list[dict[str, Any]]]
    """Answers that came into each inbox."""


class Door:
    """The hub of this morning, and the real keys of every desk in hostile hands."""

    def __init__(self, here: County, clock: MovedClock, folder: Path) -> None:
        """Use `morning_after`."""
        self.here = here
        self.clock = clock
        self.folder = folder
        self._seq = {name: desk.store.position(SEQ) for name, desk in here.desks.items()}
        self._looked_to = dict.fromkeys(here.desks, 0)

    def words(self, who: DeskId, draft: Draft, **facts: Any) -> Words:
        """What our own client would say next for a desk, with these facts added or changed."""
        self._seq[who] += 1
        return words(draft, self._seq[who], self.clock.now(), **facts)

    def sealed(self, who: DeskId, said: Words, *, signed_by: DeskId | None = None) -> dict[str, Any]:
        """Sealed and signed with a desk's real keys, as the members of its JSON."""
        keys = self.here.desks[signed_by or who].keys
        return sealed(said, who, keys, self.here.tellwise.directory.hub)

    def good(self) -> tuple[NotificationId, bytes]:
        """A notification in order, by police: children's social care of two places and probation must hear it."""
        said = self.words(POLICE.name, moved(BASALT, to=BLACKBURN, old=PRESTON))
        return said.id, json_encode(self.sealed(POLICE.name, said))

    async def put(self, *records: bytes) -> Seen:
        """Bring these to the hub in one go, wait until it has dealt with them, and look into every inbox."""
        await self.here.put(*records)
        letters: dict[DeskId, list[str]] = {}
        receipts: dict[DeskId, list[dict[str, Any]]] = {}
        for name in self.here.desks:
            for data in await self._new_items(name):
                item = json_decode(data)
                if "letter" in item:
                    letters.setdefault(name, []).append(json_decode(b64u_decode(item["letter"]["head"]))["id"])
                if "receipt" in item:
                    receipts.setdefault(name, []).append(json_decode(b64u_decode(item["receipt"]["payload"])))
        return Seen(letters, receipts)

    def stored(self) -> Stored:
        """What the hub has stored."""
        return read_stored(self.folder)

    async def _new_items(self, desk: DeskId) -> list[bytes]:
        mailbox = self.here.tellwise.directory.desk(desk).mailbox
        items = await self.here.tellwise.edge.inbox(mailbox, self._looked_to[desk], 10_000, 0)
        self._looked_to[desk] = items[-1].number + 1 if items else self._looked_to[desk]
        return [item.data for item in items]


def live_an_evening(folder: Path) -> Path:
    """The folder after the evening before, and nobody running on it."""

    async def live() -> None:
        async with county(folder, MovedClock()) as here:
            await here.say(POLICE.name, case_opened(ONYX))
            await here.say(POLICE.name, case_opened(BASALT))
            await here.say(POLICE.name, moved(ONYX, to=BLACKBURN, old=PRESTON))
            await here.hear()

    asyncio.run(live())
    return folder


@asynccontextmanager
async def morning_after(folder: Path) -> AsyncIterator[Door]:
    """The hub of that folder, half a day later."""
    clock = MovedClock()
    clock.move(seconds=12 * 3_600)
    async with county(folder, clock) as here:
        door = Door(here, clock, folder)
        await door.put(b"the first look into every inbox")
        yield door
