"""The edge's application: operations, problems, limits, and what every answer carries."""

import time
from collections.abc import Awaitable, Callable
from email.utils import format_datetime
from typing import Any

from fastapi import FastAPI
from starlette.requests import ClientDisconnect

from broker import telemetry
from broker.api.access import check_declared
from broker.api.documentation import add_documentation
from broker.api.parts import Parts
from broker.api.problems import BROKEN, BUSY, install, problem_response
from broker.api.routes import add_operations
from broker.errors import EngineAway, FolderUnusable, OutcomeUnknown

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]

CARRIED = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'"),
)
"""Headers of every answer."""

_DISK_RETRY_S = 5


def make_app(parts: Parts) -> FastAPI:
    """The application over these parts.

    Raises:
        PermissionUndeclared: an operation does not say who may ask for it.
    """
    app = FastAPI(
        title="Tellwise",
        version="1",
        summary="What a hub offers to the desks of its directory.",
        openapi_url=None,  # served by ourselves, like its page: nothing is fetched from anywhere else
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.who, app.state.rate = parts.who, parts.rate
    install(app)
    add_operations(app.router, parts)  # its own, so that every operation is found where it is looked for
    add_documentation(app)
    check_declared(app)
    app.add_middleware(Gate, parts=parts)
    return app


class Gate:
    """What every request goes through: a place to work in, the headers of every answer, and one line in the log.

    A fault of ours leaves here as one problem, and as a line with its class and place: its text may quote what came.
    """

    def __init__(self, app: Callable[[Any, Receive, Send], Awaitable[None]], parts: Parts) -> None:
        """Stand before *app*, which is made of *parts*."""
        self._app, self._parts, self._open = app, parts, 0

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """See ASGI 3.0."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began_s, status = time.perf_counter(), 0

        async def answer(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {**message, "headers": [*message["headers"], *CARRIED, (b"date", self._date())]}
            await send(message)

        self._open += 1
        try:
            with telemetry.span(telemetry.Span.REQUEST_SERVE, method=_method(scope)):
                if self._open > self._parts.settings.connections_max:
                    await problem_response(BUSY, 1)(scope, receive, answer)
                else:
                    await self._app(scope, receive, answer)
        except ClientDisconnect:
            pass  # nobody is there to be answered, and nothing failed here
        except (FolderUnusable, EngineAway, OutcomeUnknown) as error:  # it passes, and whoever asked comes again
            telemetry.failed(telemetry.Event.REQUEST_FAILED, error, route=_route(scope))
            if not status:
                await problem_response(BUSY, _DISK_RETRY_S)(scope, receive, answer)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is answered once, and said without its text
            telemetry.failed(telemetry.Event.REQUEST_FAILED, error, route=_route(scope))
            if not status:
                await problem_response(BROKEN)(scope, receive, answer)
        finally:
            self._open -= 1
            telemetry.request_served(_method(scope), _route(scope), status, time.perf_counter() - began_s)

    def _date(self) -> bytes:
        """The hub's own time: by it a desk that is turned away sees whether its clock is wrong (RFC 9110, 6.6.1)."""
        return format_datetime(self._parts.clock.now(), usegmt=True).encode("ascii")


def _route(scope: Any) -> str:
    """The route's template, never the address that was asked for: that is the sender's to fill."""
    return str(getattr(scope.get("route"), "path", "unknown"))


def _method(scope: Any) -> str:
    method = str(scope["method"])
    return method if method in {"GET", "POST", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"} else "OTHER"
