"""A hub with its edge, at work in a thread of its own, so that many tests can ask the same one: by a client of HTTP, or
byte by byte.

Whatever it answers is looked at once here: what every answer must carry, and that it is never our fault.
"""

import asyncio
import json
import socket
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import format_datetime
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx2

from broker.assertions import ASSERTION_TYPE, make_assertion
from broker.client import Draft
from broker.client.sealer import seal_draft
from broker.envelope import MEDIA_TYPE, wrap_notification
from broker.sealing.entropy import system_entropy
from broker.settings import Http
from schemas import DeskId, Mailbox, NotificationId
from tests.contracts.clock import MovedClock
from tests.faults.county import ONYX, moved
from tests.personas import BLACKBURN, DESKS, POLICE, PRESTON
from tests.served import Served, served

_T = TypeVar("_T")

CARRIED = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "content-security-policy": "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'",
}
"""What every answer carries, each once."""

GENEROUS = Http(port=0, requests_per_s=10_000, requests_burst=10_000)
"""Limits that a test does not meet unless it is about them."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes

    @property
    def problem(self) -> str:
        """The name of the problem that it tells; empty if it tells none."""
        if self.headers.get("content-type") != "application/problem+json":
            return ""
        return str(json.loads(self.body)["type"]).removeprefix("urn:tellwise:problem:")

    @property
    def without_date(self) -> tuple[int, dict[str, str], bytes]:
        """All of it but the time."""
        return self.status, {name: value for name, value in self.headers.items() if name != "date"}, self.body


class AtWork:
    """A hub at work, asked from another thread."""

    def __init__(self, here: Served, clock: MovedClock, loop: asyncio.AbstractEventLoop) -> None:
        """Use `at_work`."""
        self.here, self.clock, self._loop = here, clock, loop
        self.http = httpx2.Client(base_url=here.url, trust_env=False, timeout=20)
        self._seq: dict[DeskId, int] = {}

    def do(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Let the hub's own loop do something."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    def mailbox(self, desk: DeskId) -> Mailbox:
        """The name of a desk's inbox."""
        return self.here.tellwise.directory.desk(desk).mailbox

    def log_in(self, desk: DeskId) -> str:
        """A fresh token of a desk."""
        answer = self.ask("POST", "/oauth/token", data=self.form(desk))
        assert answer.status == 200, answer
        return str(json.loads(answer.body)["access_token"])

    def form(self, desk: DeskId) -> dict[str, str]:
        """What a desk sends to log in."""
        signer = self.here.keys(desk).signer
        assertion = make_assertion(desk, self.here.url, signer, self.clock.now(), system_entropy)
        return {
            "grant_type": "client_credentials",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": assertion,
        }

    def skip(self, desk: DeskId, by: int = 1) -> int:
        """Count on, as if the desk had said that many things more; the number of the last."""
        self._seq[desk] = self._seq.get(desk, 0) + by
        return self._seq[desk]

    def sealed(self, desk: DeskId, draft: Draft, *, seq: int | None = None) -> tuple[NotificationId, bytes]:
        """What a desk's own client would hand over next, and its id."""
        count = self.skip(desk)
        notification, sealed = seal_draft(
            draft,
            desk=desk,
            keys=self.here.keys(desk),
            hub=self.here.tellwise.directory.hub,
            seq=count if seq is None else seq,
            now=self.clock.now(),
            entropy=system_entropy,
        )
        return notification, sealed.to_bytes()

    def event(self, desk: DeskId, draft: Draft) -> bytes:
        """The same as the event in which it is sent."""
        notification, sealed = self.sealed(desk, draft)
        return wrap_notification(sealed, notification, self.mailbox(desk), self.clock.now())

    def publish(
        self, token: str | None, event: bytes | Iterator[bytes], headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Hand over an event."""
        told = {"Content-Type": MEDIA_TYPE, **(headers or {})}
        return self.ask("POST", "/v1/notifications", token=token, content=event, headers=told)

    def ask(
        self,
        method: str,
        path: str,
        *,
        token: str | None = None,
        content: bytes | Iterator[bytes] | None = None,
        data: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Ask the edge, and look at what every answer must carry."""
        told = {**(headers or {}), **({} if token is None else {"Authorization": f"Bearer {token}"})}
        came = self.http.request(method, path, content=content, data=data, headers=told)
        assert all(came.headers.get_list(name) == [value] for name, value in CARRIED.items()), came.headers
        assert came.headers.get_list("date") == [format_datetime(self.clock.now(), usegmt=True)]
        assert "server" not in came.headers
        assert came.status_code != 500, "our fault"
        return Answer(came.status_code, dict(came.headers), came.content)

    def taken_to(self) -> int:
        """How far the hub's input reaches."""
        return self.here.tellwise.edge.taken_to

    def settle(self) -> None:
        """Wait until all is dealt with."""
        self.do(self.here.tellwise.settled())

    @contextmanager
    def socket(self) -> Iterator[socket.socket]:
        """A connection of one's own."""
        parts = urlsplit(self.here.url)
        with socket.create_connection((parts.hostname, parts.port), timeout=20) as opened:
            yield opened

    def raw(self, data: bytes, *, ends: bool = False) -> bytes:
        """All that comes back for these bytes until the edge hangs up; *ends*: we say that no more will come."""
        with self.socket() as opened:
            opened.sendall(data)
            if ends:
                opened.shutdown(socket.SHUT_WR)
            return received(opened)


@contextmanager
def nothing_lost(here: AtWork) -> Iterator[str]:
    """Gives a token of police; afterwards nothing was kept of what came in the block, and what comes next is taken."""
    before, token = here.taken_to(), here.log_in(POLICE.name)
    yield token
    assert here.taken_to() == before, "something was kept"
    assert here.ask("GET", "/ready").status == 200
    assert here.publish(token, here.event(POLICE.name, moved(ONYX, to=BLACKBURN, old=PRESTON))).status == 202
    assert here.taken_to() == before + 1


def received(opened: socket.socket) -> bytes:
    """All that comes until the other side hangs up."""
    came = b""
    try:
        while chunk := opened.recv(65_536):
            came += chunk
    except ConnectionResetError:
        pass
    return came


def until(holds: Callable[[], bool], *, seconds: float = 20) -> None:
    """Wait for a condition, looking again and again.

    Raises:
        TimeoutError: it did not come to hold in time.
    """
    enough = threading.Event()
    for _ in range(int(seconds * 50)):
        if holds():
            return
        enough.wait(0.02)
    raise TimeoutError


@contextmanager
def at_work(
    folder: Path, *, http: Http = GENEROUS, before: Callable[[Served], Awaitable[None]] | None = None
) -> Iterator[AtWork]:
    """Run the hub of *folder* and its edge in a thread until the block ends.

    Args:
        folder: The data folder.
        http: How the edge is set.
        before: What happened before anybody asks.
    """
    clock, ready, enough = MovedClock(), threading.Event(), threading.Event()
    opened: list[AtWork] = []
    failed: list[BaseException] = []

    async def run() -> None:
        async with served(folder, clock, DESKS, http=http) as here:
            if before is not None:
                await before(here)
            opened.append(AtWork(here, clock, asyncio.get_running_loop()))
            ready.set()
            await asyncio.to_thread(enough.wait)

    def run_noted() -> None:
        try:
            asyncio.run(run())
        except BaseException as error:  # noqa: BLE001 - told to the test below
            failed.append(error)
        finally:
            ready.set()

    thread = threading.Thread(target=run_noted)
    thread.start()
    try:
        ready.wait(60)
        if opened:
            yield opened[0]
    finally:
        if opened:
            opened[0].http.close()
        enough.set()
        thread.join(60)
    if failed:
        raise failed[0]
