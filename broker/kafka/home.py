"""The one event loop in which the clients of a cluster live. The hub's edge has a loop of its own, and asks from there."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

_T = TypeVar("_T")


class Home:
    """The loop that asked first: aiokafka's clients, and locks and futures beside them, belong to one for ever."""

    def __init__(self) -> None:
        """Nobody has asked yet."""
        self._loop: asyncio.AbstractEventLoop | None = None

    async def of(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Do *work* at home, and return or raise what it does. It is cancelled with whoever asks."""
        here = asyncio.get_running_loop()
        if self._loop is None:
            self._loop = here
        if here is self._loop:
            return await work
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))
