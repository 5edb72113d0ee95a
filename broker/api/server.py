"""The edge's sockets: an event loop in a thread of its own, so that a long turn of the hub makes nobody wait.

TLS when there is a certificate; plain HTTP on this machine alone (see settings.Http).
"""

import asyncio
import socket
import threading
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from broker.api.app import CARRIED
from broker.api.connection import HEAD_BYTES_MAX, connection_class
from broker.api.parts import Parts
from broker.errors import CannotListen
from broker.settings import Http

_GRACE_S = 5
"""Seconds that requests in work are given to end."""


def bind(settings: Http) -> socket.socket:
    """Take the address, before anything is started on it.

    Raises:
        CannotListen: it is taken, or not ours.
    """
    try:
        family, *_, address = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0]
        # With the protocol named, the event loop sets TCP_NODELAY; else each answer waits 40 ms for the asker's ACK.
        taken = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            taken.bind(address)
            taken.listen(1_024)  # from here on a request waits for us, and nobody else can take the address
        except OSError:
            taken.close()
            raise
    except OSError as error:
        raise CannotListen(f"cannot listen on {settings.host} port {settings.port}: {error.strerror}") from error
    return taken


def url_of(settings: Http, taken: socket.socket) -> str:
    """How desks name a hub that listens here, unless its operator says otherwise."""
    if settings.public_url is not None:
        return settings.public_url
    scheme = "http" if settings.certificate is None else "https"
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"{scheme}://{host}:{taken.getsockname()[1]}"


class Server:
    """The application at work on a socket."""

    def __init__(self, app: FastAPI, parts: Parts, taken: socket.socket, settings: Http, beside: Path) -> None:
        """Stand ready; `start` serves.

        Args:
            app: The application.
            parts: What it is made of; told when the edge opens and closes.
            taken: The socket, bound.
            settings: Where the certificate is.
            beside: The folder that its paths are relative to.

        Raises:
            CannotListen: the certificate or its key cannot be used.
        """
        self._parts, self._taken = parts, taken
        config = uvicorn.Config(
            app,
            http=connection_class(settings.body_s, 2 * settings.connections_max, CARRIED),
            ws="none",
            log_config=None,  # everything is told through telemetry
            access_log=False,
            server_header=False,
            date_header=False,  # the application's, from its clock
            lifespan="off",
            timeout_graceful_shutdown=_GRACE_S,
            timeout_keep_alive=65,
            h11_max_incomplete_event_size=HEAD_BYTES_MAX,
            ssl_certfile=None if settings.certificate is None else str(beside / settings.certificate),
            ssl_keyfile=None if settings.private_key is None else str(beside / settings.private_key),
        )
        try:
            config.load()
        except OSError as error:  # ssl.SSLError is one
            raise CannotListen(f"the certificate or its key cannot be used: {error.strerror or 'not PEM'}") from None
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, name="edge", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_open = threading.Event()

    def start(self) -> None:
        """Serve, from a thread of its own. Returns when requests are taken."""
        self._thread.start()
        self._is_open.wait()

    def stop(self) -> None:
        """Let requests in work end, and close. Blocks. Stopping again does nothing."""
        if self._loop is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._parts.end)
            self._server.should_exit = True
            self._thread.join()
        self._taken.close()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        finally:
            self._is_open.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._parts.begin()
        self._is_open.set()
        await self._server.serve(sockets=[self._taken])
