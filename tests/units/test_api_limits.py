"""How much, how often, how long: whoever is turned away is told when to come back, and is let in then."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from fastapi import Request
from hypothesis import given
from hypothesis import strategies as st

from broker.api.limits import AtOnce, Rate, read_body, until_gone
from broker.api.problems import TOO_LARGE, TOO_MANY, TOO_SLOW, Problem
from tests.contracts.engine import story


class Stopwatch:
    """Seconds that the test moves."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


def turned_away(rate: Rate, asker: str) -> int:
    """After how many seconds to come back."""
    with pytest.raises(Problem) as refused:
        rate.take(asker)
    assert refused.value.kind is TOO_MANY
    assert refused.value.retry_after_s is not None
    return refused.value.retry_after_s


def taken(rate: Rate, asker: str) -> int:
    """How many go through until one is turned away."""
    for count in range(1_000):
        try:
            rate.take(asker)
        except Problem:
            return count
    raise AssertionError("there is no end to it")


# --- how often --------------------------------------------------------------------------------------------------------


def test_as_many_come_at_once_as_the_burst_and_one_more_is_turned_away() -> None:
    rate = Rate(per_s=2, burst=5, monotonic_s=Stopwatch())

    assert taken(rate, "police") == 5
    assert turned_away(rate, "police") == 1


@pytest.mark.parametrize(("per_s", "seconds"), [(50.0, 1), (1.0, 1), (0.5, 2), (0.1, 10)])
def test_whoever_comes_back_when_it_was_told_is_let_in_once(per_s: float, seconds: int) -> None:
    watch = Stopwatch()
    rate = Rate(per_s=per_s, burst=1, monotonic_s=watch)
    rate.take("police")

    told = turned_away(rate, "police")
    watch.seconds += told

    assert told == seconds
    rate.take("police")
    turned_away(rate, "police")


def test_whoever_keeps_asking_is_not_kept_out_for_longer_by_it() -> None:
    watch = Stopwatch()
    rate = Rate(per_s=1, burst=1, monotonic_s=watch)
    rate.take("police")

    for _ in range(10):
        turned_away(rate, "police")
        watch.seconds += 0.1

    rate.take("police")


def test_a_long_silence_saves_up_no_more_than_the_burst() -> None:
    watch = Stopwatch()
    rate = Rate(per_s=50, burst=3, monotonic_s=watch)
    rate.take("police")
    watch.seconds += 10**6

    assert taken(rate, "police") == 3


def test_one_desk_does_not_use_up_what_is_another_desks() -> None:
    rate = Rate(per_s=1, burst=2, monotonic_s=Stopwatch())
    taken(rate, "police")

    assert taken(rate, "probation") == 2


def test_askers_without_end_fill_no_memory_and_the_one_that_asks_is_not_forgotten() -> None:
    rate = Rate(per_s=1, burst=1, monotonic_s=Stopwatch())
    rate.take("police")
    for number in range(30_000):
        rate.take(f"stranger-{number}")
        if number % 1_000 == 0:
            turned_away(rate, "police")

    assert len(rate._buckets) == 10_000


@given(st.lists(st.floats(0, 3), min_size=1, max_size=60))
def test_no_pattern_of_asking_gets_more_than_the_burst_and_the_rate(pauses_s: list[float]) -> None:
    watch = Stopwatch()
    rate = Rate(per_s=2, burst=5, monotonic_s=watch)
    let_in = 0
    for pause_s in pauses_s:
        watch.seconds += pause_s
        let_in += taken(rate, "police")

    assert let_in <= 5 + 2 * sum(pauses_s) + 1e-6


# --- how many ---------------------------------------------------------------------------------------------------------


def test_so_many_at_once_and_one_more_when_one_has_ended() -> None:
    polls = AtOnce(2)
    with ExitStack() as stack:
        stack.enter_context(polls.one("police"))
        with polls.one("police"):
            with pytest.raises(Problem) as refused, polls.one("police"):
                pass
            with polls.one("probation"):
                pass

        assert (refused.value.kind, refused.value.retry_after_s) == (TOO_MANY, 1)
        with polls.one("police"):
            pass
    assert not polls._open


def test_one_that_ends_badly_has_ended() -> None:
    polls = AtOnce(1)
    with pytest.raises(ZeroDivisionError), polls.one("police"):
        raise ZeroDivisionError

    with polls.one("police"):
        pass


# --- how much ---------------------------------------------------------------------------------------------------------


def a_request(chunks: Iterator[bytes] | AsyncIterator[bytes], **headers: str) -> Request:
    """A request whose body comes in these chunks."""

    async def receive() -> dict[str, Any]:
        if isinstance(chunks, AsyncIterator):
            chunk = await anext(chunks, None)
        else:
            chunk = next(chunks, None)
        if chunk is None:
            return {"type": "http.request", "body": b"", "more_body": False}
        return {"type": "http.request", "body": chunk, "more_body": True}

    told = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": "POST", "path": "/", "headers": told}, receive)


@story
async def test_a_body_that_fits_is_read_whole() -> None:
    assert await read_body(a_request(iter([b"12", b"", b"345"]), content_length="5"), 5, 10) == b"12345"


@story
async def test_one_that_is_said_to_be_too_large_is_not_read_at_all() -> None:
    body = iter([b"1" * 6])

    with pytest.raises(Problem) as refused:
        await read_body(a_request(body, content_length="6"), 5, 10)

    assert refused.value.kind is TOO_LARGE
    assert next(body) == b"1" * 6


@story
async def test_one_that_does_not_say_its_size_is_read_to_the_limit_and_no_further() -> None:
    chunks = iter([b"1"] * 1_000)

    with pytest.raises(Problem) as refused:
        await read_body(a_request(chunks), 5, 10)

    assert refused.value.kind is TOO_LARGE
    assert len(list(chunks)) == 1_000 - 6


@pytest.mark.parametrize("declared", ["-1", "1.5", "one", "", "+1", "0x1", "²"])
def test_a_size_that_is_none_is_too_large(declared: str) -> None:
    with pytest.raises(Problem) as refused:
        asyncio.run(read_body(a_request(iter([]), content_length=declared), 5, 10))

    assert refused.value.kind is TOO_LARGE


@story
async def test_one_that_does_not_come_in_time_is_not_waited_for() -> None:
    async def slowly() -> AsyncIterator[bytes]:
        yield b"1"
        await asyncio.Event().wait()

    with pytest.raises(Problem) as refused:
        await read_body(a_request(slowly()), 5, 0.05)

    assert refused.value.kind is TOO_SLOW


@story
async def test_what_is_left_of_a_request_is_dropped_until_its_sender_hangs_up() -> None:
    left = iter(["http.request", "http.request", "http.disconnect", "http.never"])

    async def receive() -> dict[str, Any]:
        return {"type": next(left), "body": b"x", "more_body": True}

    await until_gone(Request({"type": "http", "method": "GET", "path": "/", "headers": []}, receive))

    assert next(left) == "http.never"
