"""How much, how often, how long: nobody holds the hub by asking much of it, and whoever is turned away is told when to
come back."""

import asyncio
import math
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from fastapi import Request

from broker.api.problems import TOO_LARGE, TOO_MANY, TOO_SLOW, Problem

_KNOWN_MAX = 10_000
"""Askers that are remembered; the one that was longest silent is forgotten first."""


class Rate:
    """A bucket of requests for each asker, refilled as time goes by."""

    def __init__(self, per_s: float, burst: int, monotonic_s: Callable[[], float]) -> None:
        """*per_s* on average, *burst* at once; *monotonic_s* is a clock in seconds that never goes back."""
        self._per_s, self._burst, self._now_s = per_s, burst, monotonic_s
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, asker: str) -> None:
        """Take one request out of the asker's bucket.

        Raises:
            Problem: it is empty.
        """
        now_s = self._now_s()
        left, at_s = self._buckets.get(asker, (float(self._burst), now_s))
        left = min(self._burst, left + (now_s - at_s) * self._per_s)
        is_empty = left < 1
        self._buckets[asker] = (left if is_empty else left - 1, now_s)
        self._buckets.move_to_end(asker)
        if len(self._buckets) > _KNOWN_MAX:
            self._buckets.popitem(last=False)
        if is_empty:
            raise Problem(TOO_MANY, retry_after_s=math.ceil((1 - left) / self._per_s))


class AtOnce:
    """How many requests of one asker may be in work at the same time."""

    def __init__(self, most: int) -> None:
        """At most *most*."""
        self._most = most
        self._open: dict[str, int] = {}

    @contextmanager
    def one(self, asker: str) -> Iterator[None]:
        """Count one in, for as long as the block lasts.

        Raises:
            Problem: there are too many.
        """
        if self._open.get(asker, 0) >= self._most:
            raise Problem(TOO_MANY, retry_after_s=1)
        self._open[asker] = self._open.get(asker, 0) + 1
        try:
            yield
        finally:
            self._open[asker] -= 1
            if not self._open[asker]:
                del self._open[asker]


async def until_gone(request: Request) -> None:
    """Wait until whoever asked has hung up. Reads and drops what is left of the request."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def read_body(request: Request, bytes_max: int, longest_s: float) -> bytes:
    """A request's body, if it is not too large and comes in time. Nothing beyond the limit is kept.

    Raises:
        Problem: otherwise.
        ClientDisconnect: the sender hung up before the end.
    """
    declared = request.headers.get("content-length", "0")
    if not declared.isdecimal() or int(declared) > bytes_max:
        raise Problem(TOO_LARGE)
    body = bytearray()
    try:
        async with asyncio.timeout(longest_s):
            async for chunk in request.stream():
                body += chunk
                if len(body) > bytes_max:
                    raise Problem(TOO_LARGE)
    except TimeoutError:
        raise Problem(TOO_SLOW) from None
    return bytes(body)


def media_type(request: Request) -> str:
    """The media type of a request's body, in lower case; empty if it says more than that it is UTF-8."""
    name, _, parameters = request.headers.get("content-type", "").partition(";")
    if parameters.strip().lower().replace('"', "") not in ("", "charset=utf-8"):
        return ""
    return name.strip().lower()
