"""What is not quite HTTP, or says of a body what it is not: answered with a problem like any other, and nothing of it
is kept. The next request that is in order is taken as if nothing had been."""

import gzip
import json
import re
from collections.abc import Iterator

import pytest

from broker.envelope import MEDIA_TYPE
from broker.sealing.notification import BYTES_MAX
from broker.telemetry import Event
from tests.faults.county import ONYX, moved
from tests.faults.edge_at_work import AtWork, at_work, nothing_lost
from tests.faults.listening import listening
from tests.personas import BLACKBURN, POLICE, PRESTON

US = POLICE.name
MOVE = moved(ONYX, to=BLACKBURN, old=PRESTON)


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AtWork]:
    with at_work(tmp_path_factory.mktemp("edge") / "data") as edge:
        yield edge


# --- headers that say something else ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "application/json",
        "text/plain",
        "application/cloudevents-batch+json",
        "application/vnd.tellwise.notification+json",
        "application/cloudevents+xml",
        "application/cloudevents+json; charset=latin-1",
        "application/cloudevents+json; charset=utf-8; more=1",
        "application/cloudevents+json, text/plain",
    ],
)
def test_another_media_type_is_not_read(here: AtWork, content_type: str) -> None:
    with nothing_lost(here) as token:
        answer = here.publish(token, here.event(US, MOVE), {"Content-Type": content_type})

        assert (answer.status, answer.problem) == (415, "wrong-media-type")


@pytest.mark.parametrize(
    "spelt", ["APPLICATION/CloudEvents+JSON", f"{MEDIA_TYPE}; charset=UTF-8", f'{MEDIA_TYPE};charset="utf-8"']
)
def test_our_media_type_in_another_spelling_is_ours(here: AtWork, spelt: str) -> None:
    assert here.publish(here.log_in(US), here.event(US, MOVE), {"Content-Type": spelt}).status == 202


@pytest.mark.parametrize("encoding", ["gzip", "br", "identity, gzip"])
def test_what_is_compressed_is_not_unfolded(here: AtWork, encoding: str) -> None:
    with nothing_lost(here) as token:
        answer = here.publish(token, gzip.compress(bytes(10**7)), {"Content-Encoding": encoding})

        assert (answer.status, answer.problem) == (415, "wrong-media-type")


def chunked(size: int) -> Iterator[bytes]:
    for _ in range(size // 10_000):
        yield b"x" * 10_000


@pytest.mark.parametrize("sent", [b"x" * (BYTES_MAX + 5_000), None], ids=["as it says", "without saying so"])
def test_what_is_too_large_is_not_kept(here: AtWork, sent: bytes | None) -> None:
    with nothing_lost(here) as token:
        answer = here.publish(token, chunked(2 * BYTES_MAX) if sent is None else sent)

        assert (answer.status, answer.problem) == (413, "too-large")


@pytest.mark.parametrize("declared", [b"4000000", b"9" * 19])
def test_what_says_that_it_is_too_large_is_told_before_it_is_sent(here: AtWork, declared: bytes) -> None:
    with nothing_lost(here) as token, here.socket() as opened:
        opened.sendall(head(token, b"Content-Length: " + declared))

        assert opened.recv(65_536).startswith(b"HTTP/1.1 413 ")


# --- byte by byte -----------------------------------------------------------------------------------------------------


def head(token: str, *lines: bytes) -> bytes:
    """The head of a request that hands over an event, with these lines at its end."""
    first = [b"POST /v1/notifications HTTP/1.1", b"Host: hub", b"Authorization: Bearer " + token.encode()]
    return b"\r\n".join([*first, b"Content-Type: " + MEDIA_TYPE.encode(), *lines]) + b"\r\n\r\n"


def length(body: bytes) -> bytes:
    return b"Content-Length: %d" % len(body)


def statuses(came: bytes) -> list[bytes]:
    return re.findall(rb"HTTP/1\.1 (\d{3}) ", came)


def test_a_body_that_breaks_off_is_not_kept_and_is_no_fault_of_ours(here: AtWork) -> None:
    with nothing_lost(here) as token, listening() as told:
        event = here.event(US, MOVE)
        came = here.raw(head(token, length(event)) + event[:-1], ends=True)

        assert statuses(came) in ([], [b"400"])
        assert told.events()[Event.REQUEST_FAILED] == 0


def test_chunks_that_break_off_are_not_kept(here: AtWork) -> None:
    with nothing_lost(here) as token:
        event = here.event(US, MOVE)
        came = here.raw(
            head(token, b"Transfer-Encoding: chunked") + b"%x\r\n" % len(event) + event + b"\r\n", ends=True
        )

        assert statuses(came) in ([], [b"400"])


def test_a_body_that_is_longer_than_it_says_is_cut_where_it_says(here: AtWork) -> None:
    with nothing_lost(here) as token:
        event = here.event(US, MOVE)
        came = here.raw(head(token, length(event[:-1])) + event + b"\r\n\r\n")

        assert statuses(came) == [b"422", b"400"]


def test_garbage_behind_a_good_request_harms_it_not(here: AtWork) -> None:
    before, event = here.taken_to(), here.event(US, MOVE)

    came = here.raw(head(here.log_in(US), length(event)) + event + b"\0\0garbage\r\n\r\n" * 10)

    assert statuses(came) == [b"202", b"400"]
    assert here.taken_to() == before + 1


NO_HTTP: dict[str, bytes] = {
    "garbage": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100),
    "an end at once": b"\r\n\r\n\r\n",
    "a request line of 100 kB": b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: hub\r\n\r\n",
    "a header of 20 kB": b"GET /health HTTP/1.1\r\nHost: hub\r\nX: " + b"a" * 20_000 + b"\r\n\r\n",
    "5,000 headers": b"GET /health HTTP/1.1\r\nHost: hub\r\n" + b"X: a\r\n" * 5_000 + b"\r\n",
    "no host": b"GET /health HTTP/1.1\r\n\r\n",
    "two hosts": b"GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "a header that goes on in the next line": b"GET /health HTTP/1.1\r\nHost: hub\r\nX : a\r\n\r\n",
    "two lengths": b"POST /oauth/token HTTP/1.1\r\nHost: hub\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na",
    "a length below nothing": b"POST /oauth/token HTTP/1.1\r\nHost: hub\r\nContent-Length: -1\r\n\r\n",
    "a length of 5,000 digits": b"POST /oauth/token HTTP/1.1\r\nHost: hub\r\nContent-Length: "
    + b"9" * 5_000
    + b"\r\n\r\n",
    "chunks that are none": b"POST /oauth/token HTTP/1.1\r\nHost: hub\r\nTransfer-Encoding: chunked\r\n\r\nz\r\n",
    "another coding": b"POST /oauth/token HTTP/1.1\r\nHost: hub\r\nTransfer-Encoding: gzip\r\n\r\n",
}


@pytest.mark.parametrize("data", NO_HTTP.values(), ids=NO_HTTP.keys())
def test_what_is_no_http_is_a_problem_like_any_other(here: AtWork, data: bytes) -> None:
    with nothing_lost(here), listening() as told:
        came = here.raw(data, ends=data == NO_HTTP["an end at once"])

        assert told.events()[Event.REQUEST_FAILED] == 0
        if data != NO_HTTP["an end at once"]:  # which is no request, and nobody to answer
            assert set(statuses(came)) <= {b"400", b"501"}
            assert b"content-type: application/problem+json\r\n" in came.lower()
            assert b"cache-control: no-store\r\n" in came.lower()
            assert json.loads(came.rpartition(b"\r\n\r\n")[2])["type"] == "urn:tellwise:problem:not-http"


def test_a_question_to_change_the_protocol_is_not_taken_up(here: AtWork) -> None:
    asked = b"GET /health HTTP/1.1\r\nHost: hub\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n"

    came = here.raw(asked + b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")

    assert statuses(came) == [b"200"]
