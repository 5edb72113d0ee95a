"""The one event loop in which the clients of a cluster live. The hub's edge has another, and asks from there."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

_T = TypeVar("_T")


class Home:
    """The loop that began: aiokafka's clients, and locks and futures beside them, belong to one for ever."""

    def __init__(self) -> None:
        """Nowhere yet."""
        self._loop: asyncio.AbstractEventLoop | None = None

    def begin(self) -> asyncio.AbstractEventLoop:
        """Be at home in the loop that is running, unless there is one already. Returns it."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        return self._loop

    async def of(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Do *work* at home, and return or raise what it does. It is cancelled with whoever asks."""
        loop = self.begin()
        if loop is asyncio.get_running_loop():
            return await work
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, loop))
