"""What a desk makes of whatever a hub answers, or whoever stands in its place: an error of ours with a next step, soon,
and nothing of it believed."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from broker.client import Sending, http_link
from broker.client.http_link import HttpLink
from broker.errors import ClockApart, HubForked, HubUnreachable, NotAdmitted
from broker.sealing.entropy import system_entropy
from broker.sealing.rejection import Rejected
from broker.sealing.signatures import Algorithm, Signer
from schemas import Mailbox
from tests.contracts.clock import MovedClock
from tests.contracts.engine import story
from tests.faults.county import LANE, ONYX, case_opened
from tests.personas import POLICE
from tests.served import served

TOKEN = b'{"access_token":"AAAA","token_type":"Bearer","expires_in":300}'
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
SIGNER = Signer("AAAAAAAAAAAAAAAAAAAAAA", Algorithm.ED25519, KEY.sign)

Ask = Callable[[HttpLink], Awaitable[object]]
Writer = asyncio.StreamWriter

ASKED: dict[str, Ask] = {
    "inbox": lambda link: link.inbox(Mailbox("A" * 22), 3, 100, 0),
    "directory": lambda link: link.directory(3, 100),
    "consistency": lambda link: link.consistency(LANE, [1, 2]),
}
EVERY = pytest.mark.parametrize("ask", ASKED.values(), ids=ASKED.keys())


def answer(body: bytes, status: str = "200 OK", *lines: str) -> bytes:
    """An answer of HTTP."""
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *lines]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


@asynccontextmanager
async def a_hub_that_says(*answers: bytes | Callable[[Writer], Awaitable[None]]) -> AsyncIterator[HttpLink]:
    """A desk's way to something that gives these answers, whatever it is asked; the last of them for ever."""
    left = list(answers)

    async def talk(reader: asyncio.StreamReader, writer: Writer) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            said = left.pop(0) if len(left) > 1 else left[0]
            if isinstance(said, bytes):
                writer.write(said)
            else:
                await said(writer)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    link = HttpLink(url, POLICE.name, SIGNER, MovedClock(), system_entropy)
    try:
        yield link
    finally:
        await link.close()
        server.close()


NO_ANSWER: dict[str, bytes] = {
    "nothing": answer(b""),
    "no HTTP": b"\x16\x03\x01 what?\r\n\r\n",
    "half a head": b"HTTP/1.1 200",
    "half a body": answer(b'{"items":[]}')[:-3],
    "no JSON": answer(b"<html>Welcome to the hotel's network</html>"),
    "an array": answer(b"[7]"),
    "another array": answer(b'["AAAA"]'),
    "an object": answer(b"{}"),
    "a text": answer(b'"items"'),
    "null": answer(b"null"),
    "items that are none": answer(b'{"items":7,"proofs":7}'),
    "items that are text": answer(b'{"items":"AAA","proofs":"AAA"}'),
    "items that are an object": answer(b'{"items":{"a":1},"proofs":{"a":1}}'),
    "items of numbers": answer(b'{"items":[7],"proofs":[7]}'),
    "items of null": answer(b'{"items":[null],"proofs":[null]}'),
    "items of lists": answer(b'{"items":[[1]],"proofs":[[1]]}'),
    "items in another alphabet": answer(b'{"items":["+/=="],"proofs":[["_-_-"]]}'),
    "hashes that are short": answer(b'{"items":["A"],"proofs":[["AAAA"]]}'),
    "nested without end": answer(b"[" * 10_000),
    "a member twice": answer(b'{"items":[],"items":[],"proofs":[],"proofs":[]}'),
    "an event of another number": answer(
        b'[{"specversion":"1.0","type":"tellwise.item.v1","source":"x","id":"2","data":{}}]'
    ),
    "a way elsewhere": answer(b"", "307 Temporary Redirect", "Location: http://127.0.0.1:1/"),
    "a way elsewhere for good": answer(b"", "301 Moved Permanently", "Location: https://other.invented.example/"),
    "a fault": answer(b"{}", "500 Internal Server Error"),
    "a status of its own": answer(b'{"items":[],"proofs":[]}', "299 Fine"),
    "too many": answer(b"{}", "429 Too Many Requests", "Retry-After: 7"),
    "busy": answer(b"{}", "503 Service Unavailable", "Retry-After: " + "9" * 5_000),
    "folded up": answer(gzip.compress(b'{"items":[],"proofs":[]}'), "200 OK", "Content-Encoding: gzip"),
    "folded up in a way that nobody knows": answer(b"[]", "200 OK", "Content-Encoding: nonsense"),
}


@EVERY
@pytest.mark.parametrize("said", NO_ANSWER.values(), ids=NO_ANSWER.keys())
@story
async def test_what_is_no_answer_is_a_hub_that_cannot_be_reached(ask: Ask, said: bytes) -> None:
    async with a_hub_that_says(answer(TOKEN), said) as link:
        if said == NO_ANSWER["folded up in a way that nobody knows"] and ask is ASKED["inbox"]:
            assert await ask(link) == []  # as it came, it is an empty batch
            return
        with pytest.raises(HubUnreachable) as refused:
            await ask(link)

    assert len(str(refused.value)) < 120
    assert "hotel" not in str(refused.value)


def items(*numbers: object) -> dict[str, bytes]:
    """Each answer in which items may come, with these numbers."""
    event = {"specversion": "1.0", "type": "tellwise.item.v1", "source": "x", "data": {}}
    in_directory = [{"number": number, "data": "e30"} for number in numbers]
    return {
        "inbox": json.dumps([event | {"id": str(number)} for number in numbers]).encode(),
        "directory": json.dumps({"items": in_directory}).encode(),
    }


BOTH = pytest.mark.parametrize("where", ["inbox", "directory"])


@BOTH
@pytest.mark.parametrize("numbers", [(), (3,), (3, 4, 5), (4,), (3, 70, 71), (2**40, 2**53 - 2)])
@story
async def test_numbers_that_ascend_from_the_place_that_was_asked_for_are_taken(
    where: str, numbers: tuple[int, ...]
) -> None:
    async with a_hub_that_says(answer(TOKEN), answer(items(*numbers)[where])) as link:
        assert await ASKED[where](link) == [(number, b"{}") for number in numbers]


HOSTILE_NUMBERS: dict[str, tuple[object, ...]] = {
    "the one before": (2, 3),
    "the first": (0,),
    "below nothing": (-1,),
    "descending": (3, 5, 4),
    "repeated": (3, 4, 4),
    "begun again": (3, 4, 3, 4),
    "the last before nobody can ask for the next": (3, 2**53 - 1),
    "beyond what JSON has": (3, 2**53),
    "the largest that a database has": (3, 2**63 - 1),
    "beyond what a database has": (3, 2**63),
    "beyond what a processor has": (3, 2**64),
    "of four thousand digits": (3, 10**4_000),
    "half": (3, 4.5),
    "with a point": (3, 4.0),
    "true": (3, True),
    "null": (3, None),
    "a word": (3, "four"),
    "in digits of another script": (3, "٤"),
    "with a zero before": (3, "04"),
    "with a sign": (3, "+4"),
}


@BOTH
@pytest.mark.parametrize("numbers", HOSTILE_NUMBERS.values(), ids=HOSTILE_NUMBERS.keys())
@story
async def test_of_an_answer_with_a_number_that_cannot_be_nothing_is_taken(
    where: str, numbers: tuple[object, ...]
) -> None:
    async with a_hub_that_says(answer(TOKEN), answer(items(*numbers)[where])) as link:
        with pytest.raises(HubUnreachable, match="that was asked for") as refused:
            await ASKED[where](link)

    assert len(str(refused.value)) < 120


@pytest.mark.parametrize(
    "token",
    [b"", b"{}", b"[]", *(b'{"access_token":' + told + b"}" for told in (b"7", b'""', b'"\xc3\xa9"', b"null"))],
)
@story
async def test_what_is_no_token_is_not_sent_back(token: bytes) -> None:
    async with a_hub_that_says(answer(token)) as link:
        with pytest.raises(HubUnreachable):
            await link.directory(0, 1)


@pytest.mark.parametrize("token", ["A\\r\\nX: y", "A\\nB", "A\\u0000", "A" * 5_000])
@story
async def test_a_token_that_would_be_more_than_a_header_is_not_sent_back(token: str) -> None:
    said = b'{"access_token":"' + token.encode() + b'"}'
    async with a_hub_that_says(answer(said), answer(b'{"items":[]}')) as link:
        with pytest.raises(HubUnreachable):
            await link.directory(0, 1)


@story
async def test_a_small_answer_that_would_unfold_to_a_large_one_is_not_unfolded(monkeypatch: pytest.MonkeyPatch) -> None:
    folded = gzip.compress(b'{"items":[' + b" " * 10**8 + b"]}")
    async with a_hub_that_says(answer(TOKEN), answer(folded, "200 OK", "Content-Encoding: gzip")) as link:
        with pytest.raises(HubUnreachable, match="not JSON"):
            await link.directory(0, 1)


@pytest.mark.parametrize(
    "status", ["301 Moved Permanently", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"]
)
@story
async def test_a_way_elsewhere_is_not_taken(status: str) -> None:
    elsewhere = answer(b"", status, "Location: /elsewhere")
    async with a_hub_that_says(answer(TOKEN), elsewhere, answer(b'{"items":[]}')) as link:
        with pytest.raises(HubUnreachable):
            await link.directory(0, 1)


@EVERY
@story
async def test_an_answer_without_end_is_cut_off(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    async def without_end(writer: Writer) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"[" * 65_536)
            await writer.drain()

    monkeypatch.setattr(http_link, "_ANSWER_BYTES_MAX", 10**6)
    async with a_hub_that_says(answer(TOKEN), without_end) as link:
        with pytest.raises(HubUnreachable, match="no end"):
            await ask(link)


@EVERY
@story
async def test_an_answer_that_comes_drop_by_drop_is_not_waited_for(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    async def drop_by_drop(writer: Writer) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        while not writer.is_closing():
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.02)

    monkeypatch.setattr(http_link, "_WHOLE_S", 0.5)
    async with a_hub_that_says(answer(TOKEN), drop_by_drop) as link:
        with pytest.raises(HubUnreachable, match="in time"):
            await ask(link)


@story
async def test_whoever_turns_us_away_again_and_again_is_asked_twice_and_no_more() -> None:
    turned_away = answer(b"{}", "401 Unauthorized")
    async with a_hub_that_says(answer(TOKEN), turned_away, answer(TOKEN), turned_away, answer(TOKEN)) as link:
        with pytest.raises(NotAdmitted):
            await link.directory(0, 1)


@pytest.mark.parametrize("date", ["", "Date: yesterday", "Date: Mon, 02 Mar 2026 09:31:59 GMT", "Date: " + "9" * 5_000])
@story
async def test_a_refusal_at_our_own_time_is_no_matter_of_clocks(date: str) -> None:
    async with a_hub_that_says(answer(b"{}", "401 Unauthorized", *([date] if date else []))) as link:
        with pytest.raises(NotAdmitted):
            await link.directory(0, 1)


@story
async def test_a_refusal_at_another_time_is_one() -> None:
    async with a_hub_that_says(answer(b"{}", "401 Unauthorized", "Date: Mon, 02 Mar 2026 09:20:00 GMT")) as link:
        with pytest.raises(ClockApart, match="600 s ahead"):
            await link.directory(0, 1)


@story
async def test_a_hub_that_has_no_proof_is_one_that_forks() -> None:
    async with a_hub_that_says(answer(TOKEN), answer(b"{}", "404 Not Found")) as link:
        with pytest.raises(HubForked):
            await link.consistency(LANE, [1, 2])


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What police say."""
    said: list[bytes] = []

    @story
    async def keep() -> None:
        async with served(tmp_path_factory.mktemp("hub"), MovedClock(), (POLICE,)) as here:
            police = here.desks[POLICE.name]
            await police.meet()
            police.keep(case_opened(ONYX))
            said.extend(one.sealed for one in police.store.outgoing(Sending.WAITING))

    keep()
    return said[0]


@pytest.mark.parametrize(
    ("status", "problem", "expected"),
    [
        ("422 Unprocessable Content", "clock-ahead", ClockApart),
        ("422 Unprocessable Content", "expired", Rejected),
        ("422 Unprocessable Content", "not-a-notification", Rejected),
        ("403 Forbidden", "not-yours-to-say", Rejected),
        ("413 Content Too Large", "too-large", Rejected),
        ("422 Unprocessable Content", "something-new", HubUnreachable),
        ("403 Forbidden", "", HubUnreachable),
        ("404 Not Found", "not-there", HubUnreachable),
        ("408 Request Timeout", "too-slow", HubUnreachable),
        ("500 Internal Server Error", "broken", HubUnreachable),
        ("503 Service Unavailable", "busy", HubUnreachable),
        ("200 OK", "", HubUnreachable),
        ("307 Temporary Redirect", "", HubUnreachable),
    ],
)
@story
async def test_what_is_said_is_given_up_only_where_it_never_would_be_taken(
    sealed: bytes, status: str, problem: str, expected: type[Exception]
) -> None:
    said = json.dumps({"type": f"urn:tellwise:problem:{problem}"}).encode()

    async with a_hub_that_says(answer(TOKEN), answer(said, status)) as link:
        with pytest.raises(expected):
            await link.submit(sealed)
