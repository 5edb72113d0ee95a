"""What the processes did that share a hub's lanes with this one, as the engine below shows it."""

import asyncio
from contextlib import suppress

from broker.directory import Directory
from broker.directory.topic import DirectoryTopic
from broker.engines import Engine
from broker.errors import TellwiseError
from broker.sealing.signatures import VerifyKey

LOOK_S = 0.5
"""How often one looks. A desk that another process has revoked is let in for so long at most."""


class Elsewhere:
    """The directory as its topic has it, and how far the lanes are, whoever owns them."""

    def __init__(self, engine: Engine, key: VerifyKey) -> None:
        """Nothing is known yet. *key* is the directory's."""
        self._engine = engine
        self._topic = DirectoryTopic(engine.transport, key)
        self.directory = Directory()
        self.behind: int | None = None
        """See `Engine.behind`."""

    async def standing(self) -> Directory:
        """The directory as it stands now."""
        self.directory = await self._topic.standing()
        return self.directory

    async def enter(self, event: bytes) -> None:
        """See `DirectoryTopic.enter`."""
        await self._topic.enter(event)
        await self.standing()

    async def founded(self, policy: str) -> None:
        """Wait until the hub is founded and these policies are in force, and it is known how far its lanes are.

        What desks say before that would lie in an input before the event by which it may be decided.
        """
        while True:
            with suppress(TellwiseError):
                standing = await self.standing()
                self.behind = await self._engine.behind()
                if standing.founded is not None and standing.policy == policy and self.behind is not None:
                    return
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Look now and then, until cancelled."""
        while True:
            try:
                await self.standing()
                self.behind = await self._engine.behind()
            except Exception:  # noqa: BLE001 - whatever it is: nobody knows, so nothing is taken in, and one looks on
                self.behind = None
            await asyncio.sleep(LOOK_S)
