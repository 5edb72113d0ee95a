"""Trying again while what stands in the way passes by itself: ever more seldom, and until somebody says stop."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from broker import telemetry
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
from schemas import DeskId

_T = TypeVar("_T")

PAUSE_FIRST_S = 0.5
PAUSE_LONGEST_S = 60.0
"""Waits between two attempts while a fault lasts: doubled each time, up to the longest, and a little by chance, so that
not all desks come back at once."""

PASSING = (HubUnreachable, NotAdmitted, ClockApart, HubForked, OpeningRefused, RecordsGone, FolderUnusable)
"""What passes by itself, or when somebody has seen to it; no restart is needed then."""


async def patiently(work: Callable[[], Awaitable[_T]], desk: DeskId, stop: asyncio.Event) -> _T | None:
    """Do *work*, again and again while what stops it passes.

    Args:
        work: What is tried. It ends by itself soon after *stop*.
        desk: Whose work it is, for the log.
        stop: Ends the trying.

    Returns:
        What it gave; None if *stop* came before it succeeded.
    """
    pause_s = PAUSE_FIRST_S
    while not stop.is_set():
        began = asyncio.get_running_loop().time()
        try:
            return await work()
        except PASSING as error:
            if asyncio.get_running_loop().time() - began > PAUSE_LONGEST_S:
                pause_s = PAUSE_FIRST_S  # it went well for a while
            what, level = Event.HUB_UNREACHABLE, logging.WARNING
            if isinstance(error, FolderUnusable):
                what, level = Event.STORE_FAILED, logging.ERROR
            telemetry.emit(what, level=level, desk=desk, reason=type(error).__name__)
            named_s = error.retry_after_s if isinstance(error, HubUnreachable) else None
            await until(stop, named_s or pause_s * (0.8 + system_entropy(1)[0] / 640))
            pause_s = min(pause_s * 2, PAUSE_LONGEST_S)
    return None


async def first(work: Awaitable[_T], stop: asyncio.Event) -> _T | None:
    """What *work* gives, or None if *stop* comes first; then the work is given up."""
    working, stopping = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        for task in (working, stopping):
            task.cancel()
        await asyncio.gather(working, stopping, return_exceptions=True)


async def until(stop: asyncio.Event, longest_s: float) -> None:
    """Wait for *stop*, and not longer than *longest_s*."""
    try:
        async with asyncio.timeout(longest_s):
            await stop.wait()
    except TimeoutError:
        return
