"""What became of the lanes of one block, said to whoever owns them."""

import asyncio
from collections.abc import AsyncIterator

from broker.ports import LaneEvent


class Events:
    """What became of the lanes of one block. Waiting for the next may be cancelled and begun again."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[LaneEvent | None] = asyncio.Queue()
        self._is_over = False

    def __aiter__(self) -> AsyncIterator[LaneEvent]:
        return self

    async def __anext__(self) -> LaneEvent:
        event = await self._queue.get()
        if event is None:
            self._queue.put_nowait(None)  # for whoever asks again
            raise StopAsyncIteration
        return event

    def tell(self, event: LaneEvent) -> None:
        """Say it to whoever listens."""
        if not self._is_over:
            self._queue.put_nowait(event)

    def end(self) -> None:
        """Nothing more comes."""
        self._is_over = True
        self._queue.put_nowait(None)
