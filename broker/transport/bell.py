"""Wakes those who wait for records of a partition, in whatever event loop they wait."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from threading import Lock

from broker.ports import Partition


class Bell:
    """Rung by the writer's thread after each commit. Safe from any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._listeners: dict[Partition, dict[asyncio.Event, asyncio.AbstractEventLoop]] = {}

    @contextmanager
    def listen(self, partition: Partition) -> Iterator[asyncio.Event]:
        """An event that is set each time records are added. Look for records after entering, and none is missed."""
        event = asyncio.Event()
        with self._lock:
            self._listeners.setdefault(partition, {})[event] = asyncio.get_running_loop()
        try:
            yield event
        finally:
            with self._lock:
                del self._listeners[partition][event]
                if not self._listeners[partition]:
                    del self._listeners[partition]

    def ring(self, partitions: Iterable[Partition]) -> None:
        """Wake all that listen to any of them."""
        by_loop: defaultdict[asyncio.AbstractEventLoop, list[asyncio.Event]] = defaultdict(list)
        with self._lock:
            for partition in partitions:
                for event, loop in self._listeners.get(partition, {}).items():
                    by_loop[loop].append(event)
        for loop, events in by_loop.items():
            with suppress(RuntimeError):  # a closed loop: nobody waits there any more
                loop.call_soon_threadsafe(_set_all, events)


def _set_all(events: Iterable[asyncio.Event]) -> None:
    for event in events:
        event.set()
