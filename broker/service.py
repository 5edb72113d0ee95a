"""The hub as a service: the lane in one event loop, the edge in another, until somebody says that it is enough."""

import asyncio
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from broker import telemetry
from broker.api import Server, make_app
from broker.api.parts import Parts
from broker.api.server import bind, url_of
from broker.app import Tellwise, running
from broker.doors import Doors
from broker.engines import OpenEngine
from broker.errors import NotThere
from broker.ports import Clock
from broker.sealing.entropy import Entropy, system_entropy
from broker.sealing.keystore_file import read_credential
from broker.settings import Http, HubSettings, beside
from broker.telemetry import Event


@asynccontextmanager
async def edge_open(
    tellwise: Tellwise, settings: Http, folder: Path, clock: Clock, entropy: Entropy = system_entropy
) -> AsyncIterator[str]:
    """Let desks reach a running hub over HTTP until the block ends. Gives the hub's address.

    Args:
        tellwise: The hub.
        settings: Where to listen, and the limits.
        folder: What paths in the settings are relative to.
        clock: Says what is fresh.
        entropy: Makes tokens.

    Raises:
        CannotListen: the address is taken, or the certificate cannot be used.
    """
    taken = bind(settings)
    try:
        url = url_of(settings, taken)
        parts = Parts(
            tellwise.edge,
            tellwise.ledgers,
            lambda: tellwise.directory,
            tellwise.waiting,
            settings,
            url=url,
            clock=clock,
            entropy=entropy,
            monotonic_s=time.monotonic,
            is_paused=lambda: tellwise.hub.is_paused,
            standing=tellwise.standing,
        )
        server = Server(make_app(parts), parts, taken, settings, folder)
    except BaseException:
        taken.close()
        raise
    server.start()
    telemetry.emit(Event.EDGE_OPENED, port=taken.getsockname()[1])
    warming = asyncio.create_task(_warm(tellwise))
    try:
        yield url
    finally:
        warming.cancel()
        await asyncio.to_thread(server.stop)


async def _warm(tellwise: Tellwise) -> None:
    """Read what is signed before anybody asks, a little at a time; whoever asks first would wait for it."""
    waiting = [*tellwise.hub.premises.lanes, tellwise.hub.premises.directory_log]
    while waiting:
        try:
            is_warm = await asyncio.to_thread(tellwise.ledgers.warm, waiting[0])
        except NotThere:  # nothing is signed yet
            is_warm = True
        if is_warm:
            waiting.pop(0)


async def serve(
    settings: HubSettings,
    path: Path,
    clock: Clock,
    *,
    demo: bool,
    until_end: bool,
    engine: OpenEngine,
    opened: Callable[[str, Tellwise], None],
) -> None:
    """Run the hub and its edge until SIGINT or SIGTERM, or until the hub cannot go on.

    Args:
        settings: What to run.
        path: Where they stand; relative paths begin there.
        clock: The time.
        demo: Whether this is a demonstration, with keys in clear and on this machine alone.
        until_end: Whether the end of standard input ends it too.
        engine: What it stands on.
        opened: Called with the address once desks may come.

    Raises:
        TellwiseError: it cannot be started, or cannot go on; as the parts say.
    """
    credential = None if demo else read_credential(beside(path, settings.credential))
    enough = asyncio.Event()
    loop = asyncio.get_running_loop()
    for which in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(which, enough.set)
    if until_end:
        threading.Thread(target=_wait_for_end, args=(loop, enough), name="standard input", daemon=True).start()
    folder = beside(path, settings.data)
    async with (
        running(
            folder,
            settings.hub,
            demo=demo,
            clock=clock,
            credential=credential,
            retention=settings.retention,
            engine=engine,
        ) as tellwise,
        _doors_open(settings, tellwise),
    ):
        async with edge_open(tellwise, settings.http, path.parent.absolute(), clock) as url:
            opened(url, tellwise)
            stopped = asyncio.create_task(tellwise.hub.until_ended())
            enough_said = asyncio.create_task(enough.wait())
            try:
                await asyncio.wait({stopped, enough_said}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                stopped.cancel()
                enough_said.cancel()
        telemetry.emit(Event.EDGE_CLOSED, level=logging.INFO)


@asynccontextmanager
async def _doors_open(settings: HubSettings, tellwise: Tellwise) -> AsyncIterator[None]:
    """Carry what desks write to topics of their own, until the block ends."""
    writing = () if settings.kafka is None or not tellwise.engine.is_shared else settings.kafka.writing_desks

    def may_carry() -> bool:
        waiting = tellwise.waiting()
        return tellwise.standing.is_clear and waiting is not None and waiting <= settings.http.waiting_max

    doors = Doors(tellwise.transport, lambda: tellwise.directory, writing, may_carry, tellwise.engine.lanes)
    carrying = asyncio.create_task(doors.keep()) if writing else None
    try:
        yield
    finally:
        if carrying is not None:
            carrying.cancel()
            await asyncio.gather(carrying, return_exceptions=True)


def _wait_for_end(loop: asyncio.AbstractEventLoop, enough: asyncio.Event) -> None:
    # Not through `sys.stdin`: this thread would hold its lock when the process ends, and Python would abort.
    while os.read(sys.stdin.fileno(), 4_096):
        pass
    with suppress(RuntimeError):  # the loop is closed: it has ended by itself
        loop.call_soon_threadsafe(enough.set)
