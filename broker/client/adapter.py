"""How an agency's own system speaks and listens: the port that every adapter keeps, found by its entry point's name.

[project.entry-points."tellwise.adapters"]
jsonl = "agency_adapters.jsonl:JsonLines"
"""

import asyncio
import contextlib
import logging
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar

from pydantic import BaseModel

from broker import telemetry
from broker.client.desk import Desk
from broker.client.inbox import Heard
from broker.client.patience import PAUSE_FIRST_S, PAUSE_LONGEST_S
from broker.errors import ClockApart, HubUnreachable, NotAdmitted, UnknownAdapter
from broker.ports import Clock

_GROUP = "tellwise.adapters"
_Settings_contra = TypeVar("_Settings_contra", bound=BaseModel, contravariant=True)


class Work:
    """What an adapter is given to work with while it runs."""

    def __init__(self, desk: Desk, folder: Path, clock: Clock, stop: asyncio.Event) -> None:
        """Join the parts.

        Args:
            desk: Open, and spoken for by nobody else.
            folder: The desk's own; an adapter's relative paths begin here.
            clock: The time.
            stop: Ends the work.
        """
        self.desk, self.folder, self.clock, self.stop = desk, folder, clock, stop
        self.news = asyncio.Event()
        """Set when something was heard; the adapter clears it before it looks at what there is."""
        self.receipts: asyncio.Queue[Any] = asyncio.Queue(10_000)
        """What the hub did with what we said, for an adapter that tells. What nobody takes falls out of the end."""

    def heard(self, brought: Heard) -> None:
        """Note what was heard."""
        for receipt in brought.receipts:
            if self.receipts.full():
                self.receipts.get_nowait()
            self.receipts.put_nowait(receipt)
        self.news.set()

    async def meet(self) -> bool:
        """Know the hub, to which all is sealed, however long it takes. False if the work is to stop before that."""
        pause_s = PAUSE_FIRST_S
        while not self.stop.is_set():
            try:
                await self.desk.meet()
            except (HubUnreachable, NotAdmitted, ClockApart) as error:
                telemetry.emit(
                    telemetry.Event.HUB_UNREACHABLE,
                    level=logging.WARNING,
                    desk=self.desk.name,
                    reason=type(error).__name__,
                )
            else:
                return True
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await self.stop.wait()
            pause_s = min(pause_s * 2, PAUSE_LONGEST_S)
        return False

    async def pause(self, longest_s: float) -> bool:
        """Wait for news or *longest_s*, whatever comes first. Returns whether the work goes on."""
        waiting = [asyncio.ensure_future(event.wait()) for event in (self.news, self.stop)]
        try:
            await asyncio.wait(waiting, timeout=longest_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
        self.news.clear()
        return not self.stop.is_set()


class Adapter(Protocol[_Settings_contra]):
    """Turns records of one agency's system into notifications, and letters into records of it.

    What was said and heard lies in the desk's own store. An adapter keeps its place in both there too, so that a stop
    at any line neither loses nor repeats anything: `Desk.keep(draft, also)` and `DeskStore.unhanded` are made for it.
    """

    settings: ClassVar[type[BaseModel]]
    """The adapter's own table `[adapter.NAME]` in the desk's configuration. Unknown keys are errors."""

    async def run(self, work: Work, settings: _Settings_contra) -> None:
        """Work until `work.stop` is set. The folders that it looks into are there before it first waits for anything.

        Raises:
            TellwiseError: it cannot go on; the text names what to do, and no person.
        """


def find_adapter(name: str) -> Adapter[Any]:
    """The adapter of this name.

    Raises:
        UnknownAdapter: none of this name is installed.
    """
    for point in entry_points(group=_GROUP, name=name):
        adapter: Adapter[Any] = point.load()()
        return adapter
    raise UnknownAdapter(name)
