"""A desk's talk with the hub, on and on: what waits goes out, what comes is taken, and what passes by itself is waited
for.

Two loops side by side, because one waits for the hub to have something and the other for us to have something.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from broker import telemetry
from broker.client.desk import Desk
from broker.client.inbox import Heard
from broker.errors import (
    ClockApart,
    FolderUnusable,
    HubForked,
    HubUnreachable,
    NotAdmitted,
    OpeningRefused,
    RecordsGone,
)
from broker.sealing.entropy import system_entropy
from broker.telemetry import Event

LISTEN_MS = 20_000
"""How long one question to the hub waits for something to come."""

LOOK_S = 1.0
"""How often the outbox is looked into for what another process of this desk has said."""

TIDY_S = 24 * 3_600.0
"""How often what need not be kept is removed; also each time that listening begins anew."""

PAUSE_FIRST_S = 0.5
PAUSE_LONGEST_S = 60.0
"""Waits between two attempts while a fault lasts: doubled each time, up to the longest, and a little by chance, so that
not all desks come back at once."""


async def exchange(desk: Desk, heard: Callable[[Heard], None], stop: asyncio.Event) -> None:
    """Talk to the hub until *stop*.

    Args:
        desk: Who talks. Nobody else may be at work on its folder.
        heard: Called after each look that brought something; what was heard is stored by then.
        stop: Ends it, after the request at hand.

    Raises:
        DeskBusy: another process is at work on the folder.
    """

    async def send() -> None:
        while not stop.is_set():
            await desk.flush()
            await _until(stop, LOOK_S)

    async def listen() -> None:
        tidied_s = -TIDY_S
        while not stop.is_set():
            now_s = asyncio.get_running_loop().time()
            if now_s - tidied_s >= TIDY_S:
                desk.tidy()
                tidied_s = now_s
            brought = await _first(desk.hear(LISTEN_MS), stop)
            if brought is None:
                return
            if brought.letters or brought.receipts or brought.refused:
                heard(brought)
            if desk.mailbox is None:  # not registered yet: ask again, and not at once
                await _until(stop, PAUSE_FIRST_S)

    try:
        async with asyncio.TaskGroup() as loops:
            loops.create_task(_patiently(send, desk, stop))
            loops.create_task(_patiently(listen, desk, stop))
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None


async def _patiently(loop: Callable[[], Awaitable[None]], desk: Desk, stop: asyncio.Event) -> None:
    """Run *loop* again and again while what stops it passes."""
    pause_s = PAUSE_FIRST_S
    while not stop.is_set():
        began = asyncio.get_running_loop().time()
        try:
            await loop()
            return
        except (
            HubUnreachable,
            NotAdmitted,
            ClockApart,
            HubForked,
            OpeningRefused,
            RecordsGone,
            FolderUnusable,
        ) as error:
            if asyncio.get_running_loop().time() - began > PAUSE_LONGEST_S:
                pause_s = PAUSE_FIRST_S  # it went well for a while
            what, level = Event.HUB_UNREACHABLE, logging.WARNING
            if isinstance(error, FolderUnusable):
                what, level = Event.STORE_FAILED, logging.ERROR
            telemetry.emit(what, level=level, desk=desk.name, reason=type(error).__name__)
            named_s = error.retry_after_s if isinstance(error, HubUnreachable) else None
            await _until(stop, named_s or pause_s * (0.8 + system_entropy(1)[0] / 640))
            pause_s = min(pause_s * 2, PAUSE_LONGEST_S)


async def _first(work: Awaitable[Heard], stop: asyncio.Event) -> Heard | None:
    """What *work* gives, or None if *stop* comes first; then the work is given up."""
    working, stopping = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        for task in (working, stopping):
            task.cancel()
        await asyncio.gather(working, stopping, return_exceptions=True)


async def _until(stop: asyncio.Event, longest_s: float) -> None:
    try:
        async with asyncio.timeout(longest_s):
            await stop.wait()
    except TimeoutError:
        return
