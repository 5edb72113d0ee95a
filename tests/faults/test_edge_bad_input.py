"""What is not quite a notification, as it comes over HTTP: each is answered with a clear problem, nothing of it is
kept, and the next one that is in order is taken as if nothing had been."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from broker.client import Sending
from broker.errors import ClockApart
from broker.ledger.entries import Collection
from broker.telemetry import Event
from schemas import DeskId
from schemas.strict import b64_encode, json_encode
from tests.contracts.clock import MovedClock
from tests.contracts.engine import story
from tests.faults.county import BASALT, ONYX, case_opened, moved, open_desk, resides
from tests.faults.edge_at_work import AtWork, at_work, nothing_lost
from tests.faults.hostile_publisher import Words, sealed, words
from tests.faults.listening import listening
from tests.faults.stored import read_stored
from tests.personas import BLACKBURN, BLACKBURN_CHILDREN, POLICE, PRESTON, PROBATION
from tests.served import Served, served

US = POLICE.name
MOVE = moved(ONYX, to=BLACKBURN, old=PRESTON)
NOT_OURS = "not-a-notification"


async def cases(here: Served) -> None:
    """Police have opened two cases."""
    for persona in (ONYX, BASALT):
        await here.desks[US].publish(case_opened(persona))
    await here.tellwise.settled()


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AtWork]:
    with at_work(tmp_path_factory.mktemp("edge") / "data", before=cases) as edge:
        edge.skip(US, 2)
        yield edge


def notification(here: AtWork, who: DeskId, said: Words, *, signed_by: DeskId | None = None) -> dict[str, Any]:
    """A notification by hand, with a desk's real keys."""
    return sealed(said, who, here.here.keys(signed_by or who), here.here.tellwise.directory.hub)


def event_of(content: dict[str, Any], **changed: Any) -> dict[str, Any]:
    """The event around a notification, some of its members changed; None takes one out."""
    event = {
        "specversion": "1.0",
        "type": "tellwise.notification.v1",
        "source": "urn:x",
        "id": "x",
        "datacontenttype": "application/vnd.tellwise.notification+json",
        "data": content,
        **changed,
    }
    return {name: value for name, value in event.items() if value is not None}


def ours(here: AtWork, **facts: Any) -> Words:
    """What police could say now."""
    return words(MOVE, here.skip(US), here.clock.now(), **facts)


# --- bytes that are no event ------------------------------------------------------------------------------------------

Spoilt = Callable[[bytes], bytes]


def with_member(text: bytes) -> Spoilt:
    return lambda event: event[:-1] + b',"more":' + text + b"}"


BYTES: dict[str, Spoilt] = {
    "nothing": lambda _: b"",
    "white space": lambda _: b" \r\n",
    "half of it": lambda event: event[: len(event) // 2],
    "all but the last byte": lambda event: event[:-1],
    "one byte more": lambda event: event + b"}",
    "two of them": lambda event: event + event,
    "not UTF-8": lambda event: event.replace(b"urn:", b"\xff\xfe:"),
    "in UTF-16": lambda event: event.decode().encode("utf-16"),
    "a byte order mark": lambda event: b"\xef\xbb\xbf" + event,
    "a NUL in front": lambda event: b"\0" + event,
    "a NUL behind": lambda event: event + b"\0",
    "a NUL inside": lambda event: event.replace(b"urn:", b"urn\0"),
    "nothing but NUL": lambda _: bytes(1_000),
    "10 levels": with_member(b"[" * 10 + b"]" * 10),
    "100,000 levels": with_member(b"[" * 100_000 + b"]" * 100_000),
    "100,000 levels of objects": with_member(b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
    "levels that never end": lambda _: b"[" * 500_000,
    "NaN": with_member(b"NaN"),
    "an infinity": with_member(b"-Infinity"),
    "1e999": with_member(b"1e999"),
    "a number of 5,000 digits": with_member(b"9" * 5_000),
    "half a surrogate": with_member(b'"\\ud800"'),
    "half a surrogate in a name": lambda event: event[:-1] + b',"\\udfff":1}',
    "a surrogate in bytes": with_member(b'"\xed\xa0\x80"'),
    "an array": lambda event: b"[" + event + b"]",
    "a text": lambda event: json_encode(event.decode()),
    "null": lambda _: b"null",
    "a name without quotes": lambda _: b"{specversion:1.0}",
    "a comment": lambda event: event + b"//",
    "XML": lambda _: b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>",
}


@pytest.mark.parametrize("spoil", BYTES.values(), ids=BYTES.keys())
def test_bytes_that_are_no_event_are_no_notification(here: AtWork, spoil: Spoilt) -> None:
    with nothing_lost(here) as token:
        answer = here.publish(token, spoil(json_encode(event_of(notification(here, US, ours(here))))))

        assert (answer.status, answer.problem) == (422, NOT_OURS)


def each_with_a_member_twice(value: Any) -> Iterator[bytes]:
    """The text of *value*, once for each object in it, that object with its first member said twice."""
    match value:
        case dict() if value:
            name, member = next(iter(value.items()))
            text = json_encode(value)
            yield text[:1] + json_encode(name) + b":" + json_encode(member) + b"," + text[1:]
            for name, member in value.items():
                for spoilt in each_with_a_member_twice(member):
                    whole = json_encode(value | {name: "HERE"})
                    yield whole.replace(b'"HERE"', spoilt)


def test_a_member_twice_is_refused_at_every_level(here: AtWork) -> None:
    spoilt = list(each_with_a_member_twice(event_of(notification(here, US, ours(here)))))

    with nothing_lost(here) as token:
        answers = {(answer.status, answer.problem) for answer in (here.publish(token, one) for one in spoilt)}

        assert len(spoilt) > 10
        assert answers == {(422, NOT_OURS)}


# --- events of something else -----------------------------------------------------------------------------------------

WRONG: dict[str, dict[str, Any]] = {
    "an older specversion": {"specversion": "0.3"},
    "a number for its specversion": {"specversion": 1.0},
    "another type": {"type": "tellwise.notification.v2"},
    "an item's type": {"type": "tellwise.item.v1"},
    "another type of data": {"datacontenttype": "application/json"},
    "no id": {"id": None},
    "no source": {"source": None},
    "a number for its time": {"time": 7},
    "no data": {"data": None},
    "data twice": {"data_base64": b64_encode(b"{}")},
    "data that is text": {"data": "sealed"},
    "data that is empty": {"data": {}},
    "data_base64 that is none": {"data": None, "data_base64": "not base64"},
    "data_base64 of nothing": {"data": None, "data_base64": ""},
    "data_base64 of garbage": {"data": None, "data_base64": b64_encode(b"\xff\x00")},
}


@pytest.mark.parametrize("changed", WRONG.values(), ids=WRONG.keys())
def test_an_event_of_something_else_is_no_notification(here: AtWork, changed: dict[str, Any]) -> None:
    with nothing_lost(here) as token:
        answer = here.publish(token, json_encode(event_of(notification(here, US, ours(here)), **changed)))

        assert (answer.status, answer.problem) == (422, NOT_OURS)


def test_a_notification_in_base64_is_one(here: AtWork) -> None:
    content = json_encode(notification(here, US, ours(here)))

    answer = here.publish(here.log_in(US), json_encode(event_of({}, data=None, data_base64=b64_encode(content))))

    assert answer.status == 202


@pytest.mark.parametrize("member", ["head", "sig", "c"])
@pytest.mark.parametrize("value", [None, 7, "", [], {}], ids=["missing", "number", "text", "array", "object"])
def test_a_notification_with_a_member_that_is_none_is_refused(here: AtWork, member: str, value: Any) -> None:
    content = notification(here, US, ours(here)) | {member: value}
    if value is None:
        del content[member]

    with nothing_lost(here) as token:
        answer = here.publish(token, json_encode(event_of(content)))

        assert answer.problem == ("bad-signature" if member == "sig" and value is not None else NOT_OURS)


@pytest.mark.parametrize(
    "value", [7, "", [], {}, {"more": [[[]]]}], ids=["number", "text", "array", "object", "nested"]
)
def test_what_only_the_hub_can_open_is_durable_and_then_refused(here: AtWork, value: Any) -> None:
    said = ours(here)

    answer = here.publish(here.log_in(US), json_encode(event_of(notification(here, US, said) | {"mk": value})))

    assert answer.status == 202
    assert hear(here, US)[said.id] == "refused"


# --- said by, or in the name of, another ------------------------------------------------------------------------------


def test_what_another_desk_says_is_not_taken_from_us(here: AtWork) -> None:
    theirs = notification(here, PROBATION.name, words(resides(ONYX, PRESTON), 1, here.clock.now()))

    with nothing_lost(here) as token:
        answer = here.publish(token, json_encode(event_of(theirs)))

        assert (answer.status, answer.problem) == (403, "not-yours-to-say")


def test_what_we_say_with_another_desks_signature_is_not_taken(here: AtWork) -> None:
    forged = notification(here, US, ours(here), signed_by=PROBATION.name)

    with nothing_lost(here) as token:
        answer = here.publish(token, json_encode(event_of(forged)))

        assert (answer.status, answer.problem) == (422, "bad-signature")


TIMES: dict[str, tuple[dict[str, timedelta], str]] = {
    "10 minutes ahead": ({"said": timedelta(minutes=10)}, "clock-ahead"),
    "121 seconds ahead": ({"said": timedelta(seconds=121)}, "clock-ahead"),
    "14 days old": ({"said": -timedelta(days=14)}, "expired"),
    "for a day longer": ({"life": timedelta(days=15)}, NOT_OURS),
    "for an hour": ({"life": timedelta(hours=1)}, NOT_OURS),
    "for less than nothing": ({"life": timedelta(seconds=-1)}, "expired"),
}


@pytest.mark.parametrize(("when", "problem"), TIMES.values(), ids=TIMES.keys())
def test_what_is_of_another_time_is_told_so(here: AtWork, when: dict[str, timedelta], problem: str) -> None:
    said_at = here.clock.now() + when.get("said", timedelta())
    made = words(MOVE, here.skip(US), said_at)
    said = replace(made, life=when.get("life", made.life))

    with nothing_lost(here) as token:
        answer = here.publish(token, json_encode(event_of(notification(here, US, said))))

        assert (answer.status, answer.problem) == (422, problem)


# --- in order at the edge, and refused behind it ----------------------------------------------------------------------


def hear(here: AtWork, who: DeskId) -> dict[str, str]:
    """What the hub's receipts say that became of what a desk said."""
    here.settle()
    heard = here.do(here.here.desks[who].hear())
    assert heard.refused == 0
    return {receipt.id: receipt.outcome.value for receipt in heard.receipts}


def test_what_is_not_the_desks_to_say_is_durable_and_then_refused(here: AtWork) -> None:
    who = BLACKBURN_CHILDREN.name
    notification_id, data = here.sealed(who, resides(ONYX, BLACKBURN))

    answer = here.publish(here.log_in(who), json_encode(event_of(json.loads(data))))

    assert answer.status == 202
    assert hear(here, who)[notification_id] == "refused"


def test_an_area_that_does_not_exist_is_durable_and_then_refused(here: AtWork) -> None:
    said = ours(here, area="E09999999")

    answer = here.publish(here.log_in(US), json_encode(event_of(notification(here, US, said))))

    assert answer.status == 202
    assert hear(here, US)[said.id] == "refused"


def test_a_used_id_with_other_content_is_refused_with_an_alarm_and_the_first_one_stays(here: AtWork) -> None:
    first = ours(here)
    second = Words(first.kind, ours(here).plain, first.said_at, id=first.id)
    token = here.log_in(US)
    assert here.publish(token, json_encode(event_of(notification(here, US, first)))).status == 202
    assert hear(here, US)[first.id] == "accepted"

    with listening() as told:
        answer = here.publish(token, json_encode(event_of(notification(here, US, second))))
        outcome = hear(here, US)[first.id]

    assert (answer.status, outcome) == (202, "refused")
    assert told.events()[Event.NOTIFICATION_REUSED] == 1
    taken = read_stored(here.here.tellwise.folder).of(Collection)
    assert [entry.id for entry in taken].count(first.id) == 1


# --- a desk whose clock is ahead --------------------------------------------------------------------------------------


@story
async def test_a_desk_whose_clock_is_ahead_is_told_so_and_sends_later_by_itself(tmp_path: Path) -> None:
    async with served(tmp_path, MovedClock(), (POLICE, PROBATION)) as here:
        desks = MovedClock()
        link = here.link(US, desks)
        here.desks.pop(US).close()
        police = open_desk(tmp_path, US, link, desks)
        await police.publish(case_opened(ONYX))
        desks.move(seconds=600)

        with pytest.raises(ClockApart, match="ahead"):
            await police.publish(MOVE)
        desks.move(seconds=-600)  # set right; what was sealed is still of a time to come
        with pytest.raises(ClockApart):
            await police.flush()
        waiting = len(police.store.outgoing(Sending.WAITING))
        for clock in (desks, here.clock):
            clock.move(seconds=600)  # type: ignore[attr-defined]
        sent = await police.flush()
        await here.tellwise.settled()
        outcomes = [receipt.outcome.value for receipt in (await police.hear()).receipts]
        police.close()
        await link.close()

    assert (waiting, sent, outcomes) == (1, 1, ["accepted", "accepted"])


@story
@pytest.mark.parametrize(("apart_s", "how"), [(600, "600 s ahead of"), (-600, "600 s behind")])
async def test_a_desk_whose_clock_is_wrong_from_the_first_is_told_by_how_much(
    tmp_path: Path, apart_s: int, how: str
) -> None:
    async with served(tmp_path, MovedClock(), (POLICE,)) as here:
        desks = MovedClock()
        desks.move(seconds=apart_s)
        link = here.link(US, desks)

        with pytest.raises(ClockApart, match=how):
            await link.directory(0, 1)
        await link.close()
