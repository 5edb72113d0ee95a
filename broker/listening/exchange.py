"""A desk's talk with the hub, on and on: what waits goes out, what comes is taken, and what passes by itself is waited
for.

Two tasks side by side: the outbox is sent, and an application hears (application.py). A third looks now and then into
the directory, and whether the hub's ledgers still hold what this desk saw of them.
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

from faststream.kafka import KafkaBroker
from pydantic import BaseModel

from broker.client.adapter import Adapter, Work
from broker.client.desk import Desk
from broker.client.inbox import Heard
from broker.client.patience import PAUSE_FIRST_S, first, patiently, until
from broker.listening.application import Hearing, application
from broker.listening.by_link import LinkBroker

LOOK_S = 1.0
"""How often the outbox is looked into for what another process of this desk has said."""

CHECK_S = 20.0
"""How often the directory and the hub's ledgers are looked at while nothing comes."""

TIDY_S = 24 * 3_600.0
"""How often what need not be kept is removed; also each time that listening begins anew."""

_ENDS_WITHIN_S = 10.0

Way = Callable[[Hearing], KafkaBroker]
"""What carries the inbox of the desk that hears."""


async def exchange(desk: Desk, heard: Callable[[Heard], None], stop: asyncio.Event, way: Way = LinkBroker) -> None:
    """Talk to the hub until *stop*.

    Args:
        desk: Who talks. Nobody else may be at work on its folder.
        heard: Called after each batch that brought something; what was heard is stored by then.
        stop: Ends it, after the request at hand.
        way: By what the desk hears; by its link if nothing else is given.

    Raises:
        DeskBusy: another process is at work on the folder.
    """

    async def send() -> None:
        while not stop.is_set():
            await desk.flush()
            await until(stop, LOOK_S)

    async def listen() -> None:
        while not stop.is_set():
            await _listen(desk, heard, stop, way)

    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(patiently(send, desk.name, stop))
            tasks.create_task(patiently(listen, desk.name, stop))
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None


async def run_adapter(
    adapter: Adapter[Any],
    work: Work,
    settings: BaseModel,
    at_work: Callable[[], None] = lambda: None,
    way: Way = LinkBroker,
) -> None:
    """Let an adapter work, and the desk talk to the hub beside it, until `work.stop`; when one ends, so does the other.

    Args:
        adapter: What turns records into notifications, and letters into records.
        work: What it is given for that.
        settings: Its own.
        at_work: Called once the adapter has its folders; not if it cannot begin.
        way: As `exchange`.

    Raises:
        TellwiseError: as the adapter and `exchange`.
    """

    async def adapt() -> None:
        try:
            await adapter.run(work, settings)
        finally:
            work.stop.set()

    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(adapt())
            await asyncio.sleep(0)  # until it first waits
            if not work.stop.is_set():
                at_work()
            tasks.create_task(exchange(work.desk, work.heard, work.stop, way))
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None


async def _listen(desk: Desk, heard: Callable[[Heard], None], stop: asyncio.Event, way: Way) -> None:
    """Hear by one application, for as long as the desk has the inbox that it has now."""
    await first(desk.inbox.look(), stop)
    mailbox = desk.mailbox
    if mailbox is None:  # not registered yet: ask again, and not at once
        await until(stop, PAUSE_FIRST_S)
        return
    desk.tidy()
    hearing = Hearing(desk, heard)
    app = application(way(hearing), mailbox, hearing.take)
    stopping = asyncio.ensure_future(stop.wait())
    stopping.add_done_callback(lambda _: hearing.over.set())
    try:
        await first(app.start(), hearing.over)
        tidied_s = asyncio.get_running_loop().time()
        while desk.mailbox == mailbox and not hearing.over.is_set():
            await until(hearing.over, CHECK_S)
            await first(_check(desk), hearing.over)
            if asyncio.get_running_loop().time() - tidied_s >= TIDY_S:
                return
    finally:
        stopping.cancel()
        hearing.over.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_ENDS_WITHIN_S):
                await app.stop()
    if hearing.failure is not None:
        raise hearing.failure


async def _check(desk: Desk) -> None:
    await desk.inbox.look()
    if desk.mailbox is not None:
        await desk.inbox.check()
