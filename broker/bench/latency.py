"""Latency in an open model: notifications come when they are due, whether the hub is done with those before or not.

Each is counted from when it was due, so that a hub that falls behind cannot hide it by being asked later.
"""

import asyncio
import statistics
import time
from dataclasses import dataclass

from broker.bench.path import World
from broker.topics import inbox

_COMMITS = 200
_COMMIT_BYTES = 10_000
_LONGEST_S = 60.0


@dataclass(frozen=True, slots=True)
class Latency:
    """From when a notification was due to when its letter lies durable in the last desk's inbox."""

    p50_ms: float
    p99_ms: float
    commit_ms: float
    """One commit of one record alone, the median."""


async def measure_latency(here: World, per_second: float, seconds: float) -> Latency:
    """Hand notifications over at a steady rate for *seconds*, one by one, and note when their letters are there."""
    commit_ms = await _commit_ms(here)
    sealed = here.sealed(max(100, int(per_second * seconds)))
    mailbox, edge = here.told[-1], here.tellwise.edge
    start = await _end(here)
    began_s = time.perf_counter()
    arrived: list[float] = []

    async def listen() -> None:
        end = start
        while len(arrived) < len(sealed):
            items = await edge.inbox(mailbox, end, 1_000, 1_000)
            arrived.extend([time.perf_counter() - began_s] * len(items))
            end = items[-1].number + 1 if items else end

    async def hand_over() -> None:
        handed: set[asyncio.Task[None]] = set()
        for number, notification in enumerate(sealed):
            await asyncio.sleep(max(0.0, number / per_second - (time.perf_counter() - began_s)))
            # Not awaited: the next is due whether this one is durable or not. They keep their order in the writer.
            task = asyncio.create_task(edge.submit(notification))
            handed.add(task)
            task.add_done_callback(handed.discard)
        await asyncio.gather(*handed)

    async with asyncio.timeout(seconds + _LONGEST_S), asyncio.TaskGroup() as both:
        both.create_task(listen())
        both.create_task(hand_over())
    took_ms = [1_000 * (there - number / per_second) for number, there in enumerate(arrived)]
    return Latency(statistics.median(took_ms), statistics.quantiles(took_ms, n=100)[98], commit_ms)


async def _commit_ms(here: World) -> float:
    transport = here.tellwise.transport
    took = []
    for _ in range(_COMMITS):
        began_s = time.perf_counter()
        await transport.publish("bench", [bytes(_COMMIT_BYTES)])
        took.append(1_000 * (time.perf_counter() - began_s))
    return statistics.median(took)


async def _end(here: World) -> int:
    end = 0
    while records := await here.tellwise.transport.read(inbox(here.told[-1]), end, 1_000, 0):
        end = records[-1].offset + 1
    return end
