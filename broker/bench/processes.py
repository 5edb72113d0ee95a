"""Whether a second process adds what it costs: one backlog for the lanes of one process, and one for those of two.

Each process is a hub as `tellwise run` starts it, without its edge, with a share of the lanes and doors.
"""

import asyncio
import multiprocessing
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Any

from broker.app import running
from broker.bench.path import HUB, Rate, world
from broker.clock import SystemClock
from broker.kafka.connection import Connection
from broker.kafka.layout import LANES
from broker.kafka.names import Names
from broker.kafka.throwaway import engine_of, throwaway
from broker.kafka.transport import KafkaTransport
from broker.topics import DOORS, door_of

_WARM = 250
"""Notifications after which nothing is loaded for the first time any more."""
_A_SECOND = 200
"""Notifications of the backlog, for each second that the measurement is to take."""
_LOOK_S = 0.1


async def measure_processes(connection: Connection, seconds: float, processes: int) -> Rate:
    """What so many processes do together; the processor's seconds are those of all of them.

    Raises:
        EngineAway, KafkaRefused, ClusterUnfit, TopicsLeft: it cannot be measured.
    """
    with tempfile.TemporaryDirectory(prefix="tellwise-bench-") as folder:
        async with throwaway(connection, LANES) as names:
            count = max(_WARM, int(_A_SECOND * seconds))
            async with world(Path(folder), engine_of(connection, names, LANES)) as here:
                warm, backlog = here.sealed(_WARM), here.sealed(count)
                door = door_of(here.publisher.name, LANES)
            transport = KafkaTransport(connection, names)
            try:
                async with _hubs(Path(folder), connection, names, processes) as hubs:
                    await transport.publish(DOORS, warm, partition=door)
                    await _all_done(hubs)
                    before_s, began_s = await _cpu_s(hubs), time.perf_counter()
                    await transport.publish(DOORS, backlog, partition=door)
                    await _all_done(hubs)
                    return Rate(count, time.perf_counter() - began_s, await _cpu_s(hubs) - before_s)
            finally:
                await transport.close()


class _Process:
    """One process, and what it is asked."""

    def __init__(self, *arguments: Any) -> None:
        self._here, there = multiprocessing.Pipe()
        self._process = multiprocessing.get_context("spawn").Process(target=_work, args=(there, *arguments))
        self._process.start()
        there.close()

    async def ask(self, what: str) -> float:
        """Raises EOFError: it is not there any more."""
        self._here.send(what)
        return float(await asyncio.to_thread(self._here.recv))

    def end(self) -> None:
        self._here.close()  # which it takes for the end
        self._process.join()


@asynccontextmanager
async def _hubs(folder: Path, connection: Connection, names: Names, count: int) -> AsyncIterator[Sequence[_Process]]:
    """So many, each with its share."""
    hubs: list[_Process] = []
    try:
        for _ in range(count):
            hubs.append(_Process(folder, connection, names))
        while [await hub.ask("owned") for hub in hubs] != [2 * LANES / count] * count:  # noqa: ASYNC110
            await asyncio.sleep(_LOOK_S)
        yield hubs
    finally:
        await asyncio.gather(*(asyncio.to_thread(hub.end) for hub in hubs))


async def _all_done(hubs: Sequence[_Process]) -> None:
    """One may have passed on to another what was looked at before: so it must be so more than once."""
    times = 0
    while times < 3:
        times = times + 1 if all([await hub.ask("quiet") for hub in hubs]) else 0
        await asyncio.sleep(_LOOK_S)


async def _cpu_s(hubs: Sequence[_Process]) -> float:
    return sum([await hub.ask("cpu") for hub in hubs])


def _work(pipe: Pipe, folder: Path, connection: Connection, names: Names) -> None:
    """The process: answer until nobody asks any more."""
    asyncio.run(_answer(pipe, folder, connection, names))


async def _answer(pipe: Pipe, folder: Path, connection: Connection, names: Names) -> None:
    engine = engine_of(connection, names, LANES)
    async with running(folder, HUB, demo=True, clock=SystemClock(), engine=engine) as tellwise:
        while True:
            try:
                asked = await asyncio.to_thread(pipe.recv)
            except EOFError:
                return
            match asked:
                case "owned":
                    pipe.send(len(tellwise.hub.owned))
                case "quiet":
                    pipe.send(await tellwise.hub.is_quiet())
                case "cpu":
                    pipe.send(time.process_time())
