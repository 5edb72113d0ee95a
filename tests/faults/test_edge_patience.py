"""Who asks slowly, often, or for much: nobody holds the edge by it, and whoever is turned away is told when to come
back and is let in then."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from broker.api.server import bind
from broker.errors import CannotListen
from broker.lifecycle import plan
from broker.settings import Http
from tests.faults.checker import check
from tests.faults.county import ONYX, case_opened, moved
from tests.faults.edge_at_work import Answer, AtWork, at_work, received, until
from tests.personas import BLACKBURN, BLACKBURN_CHILDREN, POLICE, PRESTON, PROBATION

US = POLICE.name
PATIENCE_S = 0.6
"""Of the edge that these tests ask."""
LONG_S = 10
"""Longer than any of it may take on a busy machine, and much shorter than any time-out of the server below."""


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AtWork]:
    settings = Http(port=0, body_s=PATIENCE_S, connections_max=6, requests_per_s=10_000, requests_burst=10_000)
    with at_work(tmp_path_factory.mktemp("edge") / "data", http=settings) as edge:
        yield edge


def is_open(here: AtWork) -> None:
    """The edge works, and nobody holds a place of it."""
    assert here.ask("GET", "/health").status == 200


def request(here: AtWork, method: str, path: str, token: str, *lines: str) -> bytes:
    """A request's head."""
    first = [f"{method} {path} HTTP/1.1", "Host: hub", f"Authorization: Bearer {token}", *lines]
    return "\r\n".join(first).encode() + b"\r\n\r\n"


def items(here: AtWork, desk: str = US) -> str:
    """Where a desk waits for something to come, after all that is there."""
    return f"/v1/inboxes/{here.mailbox(desk)}/items?start=1000&wait_s=30"  # type: ignore[arg-type]


def ends(opened: socket.socket) -> float:
    """After how many seconds the edge hangs up."""
    began = time.monotonic()
    received(opened)
    return time.monotonic() - began


# --- slowly -----------------------------------------------------------------------------------------------------------


def test_an_answer_does_not_wait_for_the_asker_to_acknowledge_its_beginning(here: AtWork) -> None:
    """Without TCP_NODELAY every answer in two pieces takes 40 ms more (RFC 1122, section 4.2.3.2)."""
    took_s = []
    for _ in range(40):
        began = time.monotonic()
        is_open(here)
        took_s.append(time.monotonic() - began)

    assert min(took_s[20:]) < 0.04  # the first few are acknowledged at once; then each one would take as long


def test_a_body_that_does_not_come_is_not_waited_for(here: AtWork) -> None:
    token = here.log_in(US)
    with here.socket() as opened:
        head = request(here, "POST", "/v1/notifications", token, "Content-Type: application/cloudevents+json")
        opened.sendall(head.replace(b"\r\n\r\n", b"\r\nContent-Length: 100\r\n\r\n") + b"{")

        came = received(opened)

    assert came.startswith(b"HTTP/1.1 408 ")
    assert b"urn:tellwise:problem:too-slow" in came
    is_open(here)


@pytest.mark.parametrize("begun", [b"", b"GET /health HT", b"GET /health HTTP/1.1\r\nHost: hub\r\n", b"\r\n"])
def test_a_head_that_does_not_come_is_not_waited_for(here: AtWork, begun: bytes) -> None:
    with here.socket() as opened:
        opened.sendall(begun)

        assert ends(opened) < LONG_S
    is_open(here)


def test_a_head_that_comes_drop_by_drop_is_not_waited_for(here: AtWork) -> None:
    with here.socket() as opened:
        opened.settimeout(0.05)
        began, came = time.monotonic(), None
        opened.sendall(b"GET /health HTTP/1.1\r\nX: ")
        while came is None and time.monotonic() - began < LONG_S:
            try:
                opened.sendall(b"a")
                came = opened.recv(1)
            except TimeoutError:
                pass
            except OSError:
                came = b""

        assert came == b""
    is_open(here)


def test_a_second_head_that_does_not_come_is_not_waited_for(here: AtWork) -> None:
    with here.socket() as opened:
        opened.sendall(b"GET /health HTTP/1.1\r\nHost: hub\r\n\r\nGET /hea")

        assert ends(opened) < LONG_S
    is_open(here)


def test_a_connection_that_asks_now_and_then_stays(here: AtWork) -> None:
    with here.socket() as opened:
        for _ in range(3):
            opened.sendall(b"GET /health HTTP/1.1\r\nHost: hub\r\n\r\n")
            came = b""
            while not came.endswith(b"}"):
                came += opened.recv(65_536)
            opened.settimeout(2 * PATIENCE_S)
            with pytest.raises(TimeoutError):  # nothing comes, and nobody hangs up
                opened.recv(1)
            opened.settimeout(20)


def test_a_body_that_nobody_wants_and_that_has_no_end_is_cut_off(here: AtWork) -> None:
    with here.socket() as opened:
        head = b"POST /v1/notifications HTTP/1.1\r\nHost: hub\r\nTransfer-Encoding: chunked\r\n\r\n"
        began, is_cut = time.monotonic(), False
        try:
            opened.sendall(head)
            while time.monotonic() - began < LONG_S:
                opened.sendall(b"10\r\n" + b"x" * 16 + b"\r\n")
                time.sleep(0.01)
        except OSError:
            is_cut = True

        assert is_cut
    is_open(here)


def test_whoever_asks_and_does_not_read_is_hung_up_on(here: AtWork) -> None:
    asked = b"GET / HTTP/1.1\r\nHost: hub\r\n\r\n" * 5_000
    with ExitStack() as stack:
        opened = [stack.enter_context(here.socket()) for _ in range(6)]  # as many as there are places
        senders = [threading.Thread(target=_send, args=(one, asked)) for one in opened]
        for one in opened:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join(LONG_S)

        assert not any(sender.is_alive() for sender in senders)  # each was cut off
        until(lambda: here.ask("GET", "/health").status == 200, seconds=LONG_S)


def _send(opened: socket.socket, data: bytes) -> None:
    try:
        opened.settimeout(LONG_S)
        while True:
            opened.sendall(data)
    except OSError:
        pass


# --- many at once -----------------------------------------------------------------------------------------------------


def waiting_polls(here: AtWork, stack: ExitStack, desk: str, count: int) -> list[socket.socket]:
    """So many questions of a desk that wait."""
    token = here.log_in(desk)  # type: ignore[arg-type]
    opened = [stack.enter_context(here.socket()) for _ in range(count)]
    for one in opened:
        one.sendall(request(here, "GET", items(here, desk), token))
    for _ in range(3):  # by then those before were read
        here.ask("GET", "/health")
    return opened


def poll(here: AtWork, token: str) -> Answer:
    """One more question, which does not wait if it is let in."""
    return here.ask("GET", items(here).replace("wait_s=30", "wait_s=0"), token=token)


def test_a_fifth_question_that_waits_is_one_too_many_and_has_a_place_when_one_hangs_up(here: AtWork) -> None:
    with ExitStack() as stack:
        opened = waiting_polls(here, stack, US, 4)
        token = here.log_in(US)
        until(lambda: poll(here, token).status == 429)
        fifth = poll(here, token)
        opened[0].close()

        until(lambda: poll(here, token).status == 200, seconds=LONG_S)

    assert (fifth.problem, fifth.headers["retry-after"]) == ("too-many", "1")
    until(lambda: here.ask("GET", "/health").status == 200)


def test_more_requests_at_once_than_there_are_places_are_told_to_come_back(here: AtWork) -> None:
    with ExitStack() as stack:
        waiting_polls(here, stack, US, 3)
        waiting_polls(here, stack, PROBATION.name, 3)
        until(lambda: here.ask("GET", "/health").status == 503)
        told = here.ask("GET", "/health")

    assert (told.problem, told.headers["retry-after"]) == ("busy", "1")
    until(lambda: here.ask("GET", "/health").status == 200, seconds=LONG_S)


def test_more_connections_than_are_kept_are_closed_and_those_that_are_there_go_on(here: AtWork) -> None:
    with ExitStack() as stack:
        first = stack.enter_context(here.socket())
        more = [stack.enter_context(here.socket()) for _ in range(30)]
        closed = [received(one) for one in more[-5:]]
        first.sendall(b"GET /health HTTP/1.1\r\nHost: hub\r\n\r\n")

        assert closed == [b""] * 5
        assert first.recv(65_536).startswith(b"HTTP/1.1 200 ")  # not yet hung up on, and it came before them
    until(lambda: here.ask("GET", "/health").status == 200, seconds=LONG_S)


# --- often ------------------------------------------------------------------------------------------------------------


def test_more_than_the_burst_is_told_to_come_back_and_then_let_in(tmp_path: Path) -> None:
    with at_work(tmp_path / "data", http=Http(port=0, requests_per_s=0.5, requests_burst=5)) as here:
        token = here.log_in(US)
        others = here.log_in(PROBATION.name)
        answers = [here.ask("GET", "/v1/directory/items", token=token) for _ in range(12)]
        until(lambda: here.ask("GET", "/v1/directory/items", token=token).status == 200)

        assert [answer.status for answer in answers[:5]] == [200] * 5
        turned_away = [answer for answer in answers[5:] if answer.status == 429]
        assert len(turned_away) >= 5
        assert {answer.problem for answer in turned_away} == {"too-many"}
        assert {int(answer.headers["retry-after"]) for answer in turned_away} <= {1, 2}
        assert here.ask("GET", "/v1/directory/items", token=others).status == 200  # another desk's are its own


def test_whoever_tries_to_log_in_too_often_is_told_to_come_back(tmp_path: Path) -> None:
    with at_work(tmp_path / "data", http=Http(port=0, requests_per_s=0.5, requests_burst=5)) as here:
        answers = [here.ask("POST", "/oauth/token", data={"grant_type": "guess"}) for _ in range(10)]

        assert {answer.status for answer in answers} == {400, 429}
        assert {answer.headers["retry-after"] for answer in answers if answer.status == 429} <= {"1", "2"}
        until(lambda: here.ask("POST", "/oauth/token", data=here.form(US)).status == 200)


# --- a hub that is behind ---------------------------------------------------------------------------------------------


def test_a_hub_that_is_behind_says_so_and_what_it_took_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with at_work(tmp_path / "data", http=Http(port=0, waiting_max=2)) as here:
        token = here.log_in(US)
        assert here.publish(token, here.event(US, case_opened(ONYX))).status == 202
        here.settle()
        go_on = threading.Event()

        def slowly(*args: object) -> object:
            go_on.wait(20)
            return plan(*args)  # type: ignore[arg-type]

        monkeypatch.setattr("broker.turning.plan", slowly)
        events = [here.event(US, moved(ONYX, to=BLACKBURN, old=PRESTON)) for _ in range(6)]
        answers = [here.publish(token, event) for event in events]
        ready = here.ask("GET", "/ready")
        alive = here.ask("GET", "/health").status
        go_on.set()
        until(lambda: here.ask("GET", "/ready").status == 200)
        again = [here.publish(token, event).status for event in events]
        here.settle()
        desks = here.here.desks
        heard = here.do(desks[BLACKBURN_CHILDREN.name].hear())

        assert [answer.status for answer in answers] == [202] * 3 + [503] * 3
        assert {answer.headers["retry-after"] for answer in answers[3:]} == {"5"}
        assert (ready.status, ready.problem, ready.headers["retry-after"], alive) == (503, "busy", "5", 200)
        assert set(again) <= {202, 503}
        assert len(heard.letters) >= 3
    assert check(tmp_path / "data", settled=False) == []


def test_a_hub_that_has_stopped_is_alive_and_not_ready(tmp_path: Path) -> None:
    with at_work(tmp_path / "data") as here:
        token = here.log_in(US)
        here.here.tellwise.hub.stop()
        here.do(here.here.tellwise.hub.until_ended())

        answers = [
            here.ask("GET", "/ready"),
            here.publish(token, here.event(US, case_opened(ONYX))),
            here.ask("GET", "/health"),
        ]

        assert [answer.status for answer in answers] == [503, 503, 200]


def test_an_address_belongs_to_whoever_took_it_first_even_before_it_serves() -> None:
    taken = bind(Http(port=0))
    try:
        with pytest.raises(CannotListen, match="in use"):
            bind(Http(port=taken.getsockname()[1]))
    finally:
        taken.close()
