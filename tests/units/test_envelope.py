"""The outer form of what travels over HTTP: CloudEvents that another library reads too, and nothing lost in it."""

import json
from typing import Any

import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_structured_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given
from hypothesis import strategies as st

from broker.envelope import (
    MEDIA_TYPE,
    EventType,
    NotAnEvent,
    unwrap_items,
    unwrap_notification,
    wrap_items,
    wrap_notification,
)
from broker.numbered import NUMBER_MAX, Numbered
from schemas import Mailbox
from schemas.strict import b64_encode, json_encode
from tests.contracts.clock import MovedClock

MAILBOX = Mailbox("AAAAAAAAAAAAAAAAAAAAAA")
ID = "BBBBBBBBBBBBBBBBBBBBBB"
SEALED = json_encode({"head": "AAAA", "sig": {"protected": "BBBB", "signature": "CCCC"}, "mk": {}, "c": {}})
DATA_TYPE = "application/vnd.tellwise.notification+json"

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


def an_event(**changed: Any) -> dict[str, Any]:
    """Our own event, with some members changed; None takes one out."""
    event = json.loads(wrap_notification(SEALED, ID, MAILBOX, MovedClock().now())) | changed
    return {name: value for name, value in event.items() if value is not None}


def refused(data: bytes) -> None:
    with pytest.raises(NotAnEvent):
        unwrap_notification(data)


# --- a notification ---------------------------------------------------------------------------------------------------


def test_what_another_library_writes_is_taken() -> None:
    attributes = {
        "specversion": "1.0",
        "id": ID,
        "source": "urn:of-somebody-else",
        "type": EventType.NOTIFICATION.value,
        "datacontenttype": DATA_TYPE,
        "time": MovedClock().now(),
        "anextension": "that means nothing to us",
    }

    written = to_structured_event(CloudEvent(attributes, json.loads(SEALED)))

    assert written.headers["content-type"] == MEDIA_TYPE
    assert unwrap_notification(written.body) == SEALED


def test_what_another_library_writes_as_bytes_is_taken() -> None:
    attributes = {"specversion": "1.0", "id": ID, "source": "urn:x", "type": EventType.NOTIFICATION.value}

    written = to_structured_event(CloudEvent({**attributes, "datacontenttype": DATA_TYPE}, SEALED))

    assert b"data_base64" in written.body
    assert unwrap_notification(written.body) == SEALED


def test_another_library_reads_what_we_write() -> None:
    ours = wrap_notification(SEALED, ID, MAILBOX, MovedClock().now())

    read = from_structured_event(HTTPMessage({"content-type": MEDIA_TYPE}, ours))

    assert (read.get_id(), read.get_type(), read.get_specversion()) == (ID, "tellwise.notification.v1", "1.0")
    assert read.get_source() == f"urn:tellwise:mailbox:{MAILBOX}"
    assert read.get_datacontenttype() == DATA_TYPE
    assert json_encode(read.get_data()) == SEALED


def test_the_outside_tells_no_more_of_the_time_than_the_hour() -> None:
    clock = MovedClock()
    clock.move(seconds=1_234)

    assert json.loads(wrap_notification(SEALED, ID, MAILBOX, clock.now()))["time"] == "2026-03-02T09:00:00Z"


MALFORMED = {
    "no object": [],
    "text": "an event",
    "no specversion": an_event(specversion=None),
    "an older specversion": an_event(specversion="0.3"),
    "a specversion that is a number": an_event(specversion=1.0),
    "no id": an_event(id=None),
    "an empty id": an_event(id=""),
    "an id that is a number": an_event(id=7),
    "no source": an_event(source=None),
    "an empty source": an_event(source=""),
    "no type": an_event(type=None),
    "another type": an_event(type="tellwise.notification.v2"),
    "the type of an item": an_event(type=EventType.ITEM.value),
    "another type of data": an_event(datacontenttype="application/json"),
    "a type of data that is none": an_event(datacontenttype=7),
    "a time that is a number": an_event(time=7),
    "no data": an_event(data=None),
    "data twice": an_event(data_base64=b64_encode(SEALED)),
    "data_base64 that is an object": an_event(data=None, data_base64={}),
    "data_base64 that is none": an_event(data=None, data_base64="?"),
    "data_base64 for the web": an_event(data=None, data_base64="_-__"),
    "data_base64 without its padding": an_event(data=None, data_base64="QQ"),
    "a batch": [an_event()],
}


@pytest.mark.parametrize("value", MALFORMED.values(), ids=MALFORMED.keys())
def test_what_is_not_quite_an_event_is_refused(value: Any) -> None:
    refused(json_encode(value))


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"\xff", b"\xef\xbb\xbf" + json_encode(an_event()), b'{"id":"a",' + json_encode(an_event())[1:]],
    ids=["nothing", "half", "not UTF-8", "a byte order mark", "a member twice"],
)
def test_what_is_not_strict_json_is_refused(data: bytes) -> None:
    refused(data)


@given(st.binary(max_size=200) | JSON.map(json_encode))
def test_whatever_comes_is_an_event_or_refused(data: bytes) -> None:
    with pytest.raises(NotAnEvent):
        unwrap_notification(data)
    with pytest.raises(NotAnEvent):
        unwrap_items(json_encode([json.loads(b"{}")]) + data, 0)


# --- items ------------------------------------------------------------------------------------------------------------


@given(st.dictionaries(st.integers(0, NUMBER_MAX), st.binary(max_size=60) | JSON.map(json_encode), max_size=5))
def test_items_come_out_as_they_went_in_whatever_they_are(by_number: dict[int, bytes]) -> None:
    items = [Numbered(number, by_number[number]) for number in sorted(by_number)]

    assert unwrap_items(wrap_items(items, MAILBOX), 0) == items
    assert unwrap_items(wrap_items(items, MAILBOX), min(by_number, default=9)) == items


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"\xff\x00",
        b"no json",
        b'{"a":1,"a":2}',
        b'{ "a": 1 }',
        b"1],[2",
        b"[" * 100_000,
        b"[" * 8 + b"]" * 8,
        b'"\\ud800"',
        b"1e999",
        b"-0",
    ],
    ids=range(11),
)
def test_garbage_stops_none_behind_it_and_arrives_byte_for_byte(garbage: bytes) -> None:
    """The eight levels are as many as are read: inside a batch they would be two too many."""
    items = [Numbered(7, garbage), Numbered(8, json_encode({"letter": {"head": "AAAA"}}))]

    assert unwrap_items(wrap_items(items, MAILBOX), 7) == items


def test_another_library_reads_each_item() -> None:
    good = json_encode({"letter": {"head": "AAAA"}})
    events = json.loads(wrap_items([Numbered(7, good), Numbered(80, b"\xff")], MAILBOX))

    read = [from_structured_event(HTTPMessage({"content-type": MEDIA_TYPE}, json_encode(event))) for event in events]

    assert [event.get_id() for event in read] == ["7", "80"]
    assert {event.get_type() for event in read} == {"tellwise.item.v1"}
    assert [event.get_data() for event in read] == [json.loads(good), b"\xff"]


NUMBERED = json.loads(wrap_items([Numbered(3, b"{}"), Numbered(4, b"{}"), Numbered(9, b"{}")], MAILBOX))


@pytest.mark.parametrize("start", [0, 2, 3])
def test_a_batch_may_begin_later_than_where_it_was_asked_for_and_have_gaps(start: int) -> None:
    assert [item.number for item in unwrap_items(json_encode(NUMBERED), start)] == [3, 4, 9]


def test_the_largest_number_is_one_after_which_one_can_ask() -> None:
    last = Numbered(2**53 - 2, b"{}")

    assert unwrap_items(wrap_items([last], MAILBOX), last.number) == [last]
    assert unwrap_items(wrap_items([], MAILBOX), last.number + 1) == []


@pytest.mark.parametrize(
    "id",
    [
        *(4, 4.0, "", "04", "+4", "-4", " 4", "4 ", "4\n", "4.0", "4e0", "0x4", "1_0", "٤", "⁴", "four"),
        *(str(number) for number in (2**53 - 1, 2**53, 10**16 - 1, 10**16, 2**63 - 1, 2**63, 2**64 + 4)),
        "9" * 5_000,
    ],
    ids=range(24),
)
def test_what_is_not_the_one_spelling_of_a_number_that_can_be_is_refused(id: Any) -> None:
    unwrap_items(json_encode([NUMBERED[0], NUMBERED[1] | {"id": "4"}]), 0)  # this one is

    with pytest.raises(NotAnEvent):
        unwrap_items(json_encode([*NUMBERED[:1], NUMBERED[1] | {"id": id}]), 0)


@pytest.mark.parametrize(
    "batch",
    [
        NUMBERED[::-1],
        [NUMBERED[0], NUMBERED[2], NUMBERED[1]],
        [NUMBERED[0], NUMBERED[0]],
        [*NUMBERED, NUMBERED[2]],
        [NUMBERED[0] | {"id": "2"}, *NUMBERED],
        [NUMBERED[0], "an item"],
        [NUMBERED[0], None],
        {"3": NUMBERED[0]},
        NUMBERED[0],
        None,
    ],
    ids=range(10),
)
def test_a_batch_that_is_not_the_one_that_was_asked_for_is_refused(batch: Any) -> None:
    with pytest.raises(NotAnEvent):
        unwrap_items(json_encode(batch), 3)


def test_a_refusal_repeats_nothing_of_what_came() -> None:
    with pytest.raises(NotAnEvent) as refused:
        unwrap_notification(json_encode(an_event(type=f"Invented-{SEALED.decode()}")))

    assert "Invented" not in str(refused.value)
    assert refused.value.__context__ is None
