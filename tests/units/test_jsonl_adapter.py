"""The plainest adapter: a line of JSON becomes a notification that fits its schema, or an error names the field."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from agency_adapters.csv_drop import CsvDrop
from agency_adapters.jsonl import LINE_BYTES_MAX, JsonLines, JsonLinesSettings
from agency_adapters.webhook import Webhook
from broker.client import Heard, Sending
from broker.client.adapter import Work, find_adapter
from broker.errors import NotSent, UnknownAdapter
from broker.sealing.packages import Outcome, Receipt
from schemas import Label, Tag
from tests.contracts.engine import story
from tests.units.desk_at_work import at_work, met, put_letter

CANARY = "Synthetic-Onyx"


def line(**changes: Any) -> bytes:
    """A line that can be sent, with members changed; None takes one out."""
    members: dict[str, Any] = {
        "kind": "rso.address_changed",
        "person": {"scheme": "pnc", "identifier": "00/0000001X"},
        "purpose": "public_protection",
        "area": "Blackburn with Darwen",
        "area_old": "E07000123",
        "contact": {"role": "duty officer", "telephone": "01632 960001"},
        "identity": {"names": [{"given": "Zed", "family": CANARY}], "date_of_birth": "1971-01-01"},
        "address": {
            "lines": ["7 Nonesuch Row"],
            "district": "E06000008",
            "lives_there_from": "2026-11-20",
            "kind": "home",
        },
        "status": {"event": "has left the area", "state": "licence", "effective_on": "2026-11-20"},
    }
    members |= changes
    return json.dumps({name: value for name, value in members.items() if value is not None}).encode()


def test_a_line_becomes_a_notification_with_places_by_name_or_by_code() -> None:
    draft = JsonLines().said(line(flags=["child_related"]))

    assert (draft.area, draft.area_old) == ("E06000008", "E07000123")
    assert set(draft.compartments) == {Label.CONTACT, Label.IDENTITY, Label.ADDRESS, Label.STATUS}
    assert draft.flags == (Tag.CHILD_RELATED,)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"kind": "rso.flew_away"}, "rso.flew_away"),
        ({"kind": None}, "kind"),
        ({"person": None}, "PersonKey"),
        ({"person": {"scheme": "passport", "identifier": "1"}}, "scheme"),
        ({"purpose": "curiosity"}, "purpose"),
        ({"area": "Atlantis"}, "Atlantis"),
        ({"area_old": None}, "area_old"),
        ({"address": None}, "address"),
        ({"weather": {}}, "weather"),
        ({"facts": {}}, "facts"),
        ({"control": {"add": ["under_18"]}}, "control"),
        ({"cover": {"urgency": "flash"}}, "cover"),
        ({"location_hint": {"district": "E06000009"}}, "location_hint.district"),
        ({"correction": {"was_wrong": CANARY, "is_right": CANARY}}, "delete"),
        ({"victim": {"people": []}}, "people"),
        ({"corrects": "CCCCCCCCCCCCCCCCCCCCCA"}, "corrects"),
        ({"attendees": "blackburn-housing"}, "attendees"),
        ({"kind": "correction.issued", "area_old": None}, "compartment `correction` missing"),
        ({"kind": "rso.registered", "area_old": None}, "`status.next_due_on` missing"),
        ({"kind": "threat.reported", "area_old": None}, "`status.threat` missing"),
        ({"team": ["a-desk"]}, "team"),
        ({"flags": ["innocent"]}, "flags"),
        ({"flags": "child_related"}, "flags"),
        ({"addressed": [1]}, "addressed"),
        ({"identity": {"names": [{"given": "Zed", "family": CANARY, "nick": CANARY}]}}, "nick"),
        ({"status": {"event": CANARY, "state": "loose", "effective_on": "2026-11-20"}}, "state"),
        (
            {"address": {"lines": [CANARY], "district": "E06000009", "lives_there_from": "2026-11-20", "kind": "home"}},
            "address.district",
        ),
    ],
)
def test_what_cannot_be_said_is_named_and_nothing_of_it_quoted(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(NotSent) as refused:
        JsonLines().said(line(**changes))

    assert named in str(refused.value)
    assert CANARY not in str(refused.value)


def test_the_key_facts_of_a_kind_are_asked_for_where_their_compartment_is_carried() -> None:
    nowhere = {"lines": ["7 Nonesuch Row"], "district": "E06000008", "lives_there_from": "2026-11-20"}

    with pytest.raises(NotSent, match=r"`address\.kind` missing"):
        JsonLines().said(line(address=nowhere))
    registered = JsonLines().said(line(kind="rso.registered", area_old=None, status=None))
    assert Label.STATUS not in registered.compartments


def test_a_publisher_may_fill_more_than_anybody_is_told() -> None:
    draft = JsonLines().said(line(location_hint={"district": "E06000008"}, health={"summary": f"{CANARY} sneezes."}))

    assert {Label.LOCATION_HINT, Label.HEALTH} <= set(draft.compartments)


@pytest.mark.parametrize("record", [b"", b"[]", b"{", b'{"kind": 1, "kind": 2}', b"\xff", b'"text"'])
def test_a_line_that_is_no_json_object_is_refused(record: bytes) -> None:
    with pytest.raises(NotSent):
        JsonLines().said(record)


def test_an_adapter_is_found_by_the_name_of_its_entry_point() -> None:
    assert isinstance(find_adapter("jsonl"), JsonLines)
    assert isinstance(find_adapter("csv_drop"), CsvDrop)
    assert isinstance(find_adapter("webhook"), Webhook)
    with pytest.raises(UnknownAdapter):
        find_adapter("telepathy")


# --- at work ---


class Pipes:
    """The other end of the adapter's standard input and output."""

    def __init__(self) -> None:
        self.source, self._into = os.pipe()
        self._from, self.target = os.pipe()
        self._open = {self.source, self._into, self._from, self.target}
        self._events: asyncio.StreamReader | None = None
        self._transport: asyncio.ReadTransport | None = None

    async def say(self, *lines: bytes) -> None:
        data = b"".join(line + b"\n" for line in lines)
        while data:  # more than a pipe holds has to wait for the reader
            data = data[await asyncio.to_thread(os.write, self._into, data) :]

    def end(self) -> None:
        self._close(self._into)

    def stop_reading(self) -> None:
        self._close(self._from)

    async def told(self, count: int) -> list[dict[str, Any]]:
        """The next events."""
        if self._events is None:
            self._events = asyncio.StreamReader(limit=1 << 22)
            protocol = asyncio.StreamReaderProtocol(self._events)
            self._open.remove(self._from)
            self._transport, _ = await asyncio.get_running_loop().connect_read_pipe(
                lambda: protocol, os.fdopen(self._from, "rb")
            )
        return [json.loads(await self._events.readline()) for _ in range(count)]

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()
        for descriptor in tuple(self._open):
            self._close(descriptor)

    def _close(self, descriptor: int) -> None:
        os.close(descriptor)
        self._open.remove(descriptor)


@asynccontextmanager
async def driven(world: Path, **given: bool) -> AsyncIterator[tuple[Pipes, Work]]:
    """Let the adapter work between two pipes."""
    pipes = Pipes()
    try:
        async with at_work(world, JsonLines(pipes.source, pipes.target), JsonLinesSettings(**given)) as work:
            yield pipes, work
    finally:
        pipes.close()


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """The folder of a hub, with the desk's own beside it."""
    return met(tmp_path / "world")


@story
async def test_each_line_is_answered_in_order_with_what_became_of_it(world: Path) -> None:
    async with driven(world) as (pipes, work):
        await pipes.say(line(), b"", line(purpose="curiosity"), b"{", b"x" * (LINE_BYTES_MAX + 10), line())
        first, refused, broken, long, last = await pipes.told(5)

        assert [first["line"], last["line"]] == [1, 6]
        assert [sent.id for sent in work.desk.store.outgoing(Sending.WAITING)] == [first["said"], last["said"]]
    assert refused == {"refused_here": {"line": 3, "problem": "`purpose` is not in the vocabulary"}}
    assert [broken["refused_here"]["line"], long["refused_here"]["line"]] == [4, 5]
    assert "longer than" in long["refused_here"]["problem"]


@story
async def test_a_letter_is_told_once_and_can_be_acknowledged_or_returned(world: Path) -> None:
    async with driven(world) as (pipes, work):
        letters = [put_letter(work.desk, "AAAAAAAAAAAAAAAAAAAAAA", identity={"nick": CANARY}) for _ in range(2)]
        work.news.set()
        told = [event["letter"] for event in await pipes.told(2)]
        await pipes.say(
            json.dumps({"acknowledge": told[0]["id"], "part": 1, "by": "duty officer"}).encode(),
            json.dumps({"return": told[1]["id"], "by": "duty officer"}).encode(),
            json.dumps({"return": told[1]["id"], "by": "duty officer"}).encode(),
        )
        acknowledged, returned, again = await pipes.told(3)

        assert [letter["id"] for letter in told] == [letter.id for letter in letters]
        assert told[0]["identity"] == {"nick": CANARY}
        stored = work.desk.store.letters()
        assert [letter.acknowledged for letter in stored] == [acknowledged["said"], returned["said"]]
        assert again["refused_here"]["line"] == 3
        assert not work.desk.store.unhanded("jsonl", 1)


@pytest.mark.parametrize(
    "asked",
    [
        {"acknowledge": "CCCCCCCCCCCCCCCCCCCCCA", "by": "duty officer"},
        {"acknowledge": "CCCCCCCCCCCCCCCCCCCCCA"},
        {"acknowledge": 1, "by": "duty officer"},
        {"acknowledge": "CCCCCCCCCCCCCCCCCCCCCA", "by": ""},
        {"acknowledge": "CCCCCCCCCCCCCCCCCCCCCA", "by": "duty officer", "part": True},
        {"return": "CCCCCCCCCCCCCCCCCCCCCA", "by": "duty officer", "part": 0},
        {"return": "CCCCCCCCCCCCCCCCCCCCCA", "by": "duty officer", "why": CANARY},
        {"return": CANARY * 10, "by": "duty officer"},
    ],
)
@story
async def test_an_answer_to_no_letter_is_refused_here(asked: dict[str, Any], world: Path) -> None:
    async with driven(world) as (pipes, work):
        await pipes.say(json.dumps(asked).encode())
        (told,) = await pipes.told(1)

        assert told["refused_here"]["line"] == 1
        assert not work.desk.store.outgoing(*Sending)


@story
async def test_a_receipt_is_told(world: Path) -> None:
    async with driven(world) as (pipes, work):
        receipt = Receipt.of(v=1, hub="a-hub", to="a-desk", id="CCCCCCCCCCCCCCCCCCCCCA", outcome=Outcome.ACCEPTED)
        work.heard(Heard(receipts=[receipt]))

        assert await pipes.told(1) == [{"receipt": {"id": receipt.id, "outcome": "accepted"}}]


@pytest.mark.parametrize("until_end", [True, False])
@story
async def test_the_end_of_the_input_ends_the_work_only_if_that_is_asked_for(until_end: bool, world: Path) -> None:
    async with driven(world, until_end=until_end) as (pipes, work):
        await pipes.say(line())
        pipes.end()
        assert "said" in (await pipes.told(1))[0]
        if until_end:
            await work.stop.wait()
        else:
            put_letter(work.desk)
            work.news.set()
            assert "letter" in (await pipes.told(1))[0]
            assert not work.stop.is_set()


@story
async def test_a_file_is_read_to_its_end_and_a_file_is_written(world: Path, tmp_path: Path) -> None:
    (tmp_path / "said.jsonl").write_bytes(line() + b"\n" + line())
    source = os.open(tmp_path / "said.jsonl", os.O_RDONLY)
    target = os.open(tmp_path / "told.jsonl", os.O_WRONLY | os.O_CREAT)

    async with at_work(world, JsonLines(source, target), JsonLinesSettings(until_end=True)) as work:
        await work.stop.wait()
    os.close(source)
    os.close(target)

    told = [json.loads(event) for event in (tmp_path / "told.jsonl").read_text().splitlines()]
    assert [event["line"] for event in told] == [1, 2]


@story
async def test_nobody_who_reads_ends_the_work(world: Path) -> None:
    async with driven(world) as (pipes, work):
        pipes.stop_reading()
        await pipes.say(line())
        await work.stop.wait()

        assert len(work.desk.store.outgoing(Sending.WAITING)) == 1
