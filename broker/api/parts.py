"""What the operations are made of. Nothing here has a key or a fact."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from broker.api.access import Tokens
from broker.api.limits import AtOnce, Rate
from broker.api.problems import BUSY, HELD, UNAUTHENTICATED, Problem
from broker.assertions import Assertions
from broker.care.standing import Standing
from broker.directory import Desk, Directory
from broker.edge import LocalEdge
from broker.ledger.window import LedgerWindow
from broker.ports import Clock
from broker.sealing.entropy import Entropy
from broker.settings import Http

_T = TypeVar("_T")
_BUSY_RETRY_S = 5
_HELD_RETRY_S = 30


class Parts:
    """The edge below, who is logged in, what is too much."""

    def __init__(  # noqa: PLR0913 - every part that the operations stand on, named once
        self,
        edge: LocalEdge,
        ledgers: LedgerWindow,
        directory: Callable[[], Directory],
        waiting: Callable[[], int | None],
        settings: Http,
        *,
        url: str,
        clock: Clock,
        entropy: Entropy,
        monotonic_s: Callable[[], float],
        is_paused: Callable[[], bool] = lambda: False,
        standing: Standing | None = None,
    ) -> None:
        """Join the parts.

        Args:
            edge: Takes in and hands out.
            ledgers: Proves.
            directory: As last committed.
            waiting: How many records at most lie in the hub's input and are not dealt with; None if the hub is not at
                work.
            settings: Limits.
            url: How desks name this hub.
            clock: Says what is fresh.
            entropy: Makes tokens.
            monotonic_s: Seconds that never go back, for rates.
            is_paused: Whether the hub decides nothing for now. What it is given is durable all the same.
            standing: Is told what desks have seen, and says whether the hub goes on; None: nobody asks.
        """
        self.edge, self.ledgers, self.directory = edge, ledgers, directory
        self.settings, self.url, self.clock = settings, url, clock
        self.assertions = Assertions(url)
        self.tokens = Tokens(settings.token_s, entropy)
        self.rate = Rate(settings.requests_per_s, settings.requests_burst, monotonic_s)
        self.strangers = Rate(settings.requests_per_s, settings.requests_burst, monotonic_s)
        self.polls = AtOnce(settings.polls_max)
        self.standing = standing
        self._waiting, self._is_paused = waiting, is_paused
        self._stopping: asyncio.Event | None = None

    def who(self, token: str) -> Desk:
        """The desk that a token was issued to.

        Raises:
            Problem: nobody, now.
        """
        return self.tokens.desk(token, self.directory(), self.clock.now())

    def check_live(self, desk: Desk) -> None:
        """Check that a desk is still in the directory.

        Raises:
            Problem: it is not.
        """
        if desk.id not in self.directory().desks:
            raise Problem(UNAUTHENTICATED)

    def check_room(self) -> None:
        """Check that the hub is at work, takes anything in, and is not behind by too much.

        Raises:
            Problem: otherwise.
        """
        if self.standing is not None and not self.standing.is_clear:
            raise Problem(HELD, retry_after_s=_HELD_RETRY_S)
        waiting = self._waiting()
        if waiting is None or waiting > self.settings.waiting_max:
            raise Problem(BUSY, retry_after_s=_BUSY_RETRY_S)

    def check_at_work(self) -> None:
        """Check that there is room, and that the hub decides what comes.

        Raises:
            Problem: otherwise.
        """
        self.check_room()
        if self._is_paused():
            raise Problem(BUSY, retry_after_s=_BUSY_RETRY_S)

    def begin(self) -> None:
        """The edge opens, in the event loop that it will run in."""
        self._stopping = asyncio.Event()

    def end(self) -> None:
        """The edge closes: nobody waits for anything any more. In the same event loop."""
        if self._stopping is not None:
            self._stopping.set()

    async def unless_stopping(self, work: Awaitable[_T], gone: Awaitable[None]) -> _T | None:
        """What *work* gives, or None if the edge closes first, or if whoever asked is *gone* first."""
        if self._stopping is None:
            raise RuntimeError("the edge is not open")
        working = asyncio.ensure_future(work)
        ends = (asyncio.ensure_future(self._stopping.wait()), asyncio.ensure_future(gone))
        try:
            await asyncio.wait({working, *ends}, return_when=asyncio.FIRST_COMPLETED)
            return working.result() if working.done() else None
        finally:
            for task in (working, *ends):
                task.cancel()
            await asyncio.gather(working, *ends, return_exceptions=True)
