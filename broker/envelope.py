"""The outer form in which notifications and inbox items travel over HTTP: CloudEvents 1.0, structured JSON.

What it says counts for nothing: the signed head inside does. So `type` is constant, `source` a mailbox, `time` the
hour. Both sides of the form stand here. Source: CloudEvents 1.0.2, sections 3 and JSON event format.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from broker.numbered import Numbered, ascend_from
from schemas import Mailbox
from schemas.strict import NotStrict, b64_decode, b64_encode, json_decode, json_encode

MEDIA_TYPE = "application/cloudevents+json"
BATCH_MEDIA_TYPE = "application/cloudevents-batch+json"

NUMBER_PATTERN = r"^(0|[1-9][0-9]{0,15})$"
"""How an item's number is spelt: in decimal digits, and in one way."""

_REQUIRED = ("specversion", "id", "source", "type")
_OPTIONAL = ("time", "datacontenttype")


class EventType(StrEnum):
    """What an event carries."""

    NOTIFICATION = "tellwise.notification.v1"
    """`data` is a sealed notification."""
    ITEM = "tellwise.item.v1"
    """`data` is an item of an inbox; `id` is its number in it."""


DATA_TYPES = {
    EventType.NOTIFICATION: "application/vnd.tellwise.notification+json",
    EventType.ITEM: "application/vnd.tellwise.item+json",
}


class NotAnEvent(ValueError):
    """These bytes are no event of the type that was asked for. Carries no part of them."""


def wrap_notification(sealed: bytes, id: str, mailbox: Mailbox, now: datetime) -> bytes:
    """The event that carries a sealed notification."""
    hour = now.replace(minute=0, second=0, microsecond=0)
    event = _event(EventType.NOTIFICATION, id, mailbox, json_decode(sealed))
    return json_encode(event | {"time": hour.strftime("%Y-%m-%dT%H:%M:%SZ")})


def unwrap_notification(data: bytes) -> bytes:
    """The sealed notification that an event carries, as we write it; nothing in it is believed yet.

    Raises:
        NotAnEvent: not an event, or one of something else.
    """
    try:
        return _content(json_decode(data), EventType.NOTIFICATION)
    except NotStrict as error:
        raise NotAnEvent(str(error)) from None


def wrap_items(items: Sequence[Numbered], mailbox: Mailbox) -> bytes:
    """The batch of events that carries these items of an inbox.

    An item that is no JSON of our spelling travels as `data_base64`: it must not stop those behind it, and the desk
    that refuses it keeps the very bytes.
    """
    return json_encode([_event_of(item, mailbox) for item in items])


def unwrap_items(data: bytes, start: int) -> list[Numbered]:
    """The items that a batch carries, whose numbers must ascend from *start*.

    Raises:
        NotAnEvent: not such a batch. Nothing of it is taken.
    """
    try:
        events = json_decode(data)
        if not isinstance(events, list):
            raise NotAnEvent("not a batch")
        items = [_item(event) for event in events]
    except NotStrict as error:
        raise NotAnEvent(str(error)) from None
    if not ascend_from(start, (item.number for item in items)):
        raise NotAnEvent("not the items that were asked for")
    return items


def _event_of(item: Numbered, mailbox: Mailbox) -> dict[str, Any]:
    try:
        match json_decode(b"[[" + item.data + b"]]"):  # as deep as it will stand in the batch, where a desk reads it
            case [[data]] if json_encode(data) == item.data:
                return _event(EventType.ITEM, str(item.number), mailbox, data)
    except NotStrict:
        pass
    event = _event(EventType.ITEM, str(item.number), mailbox, None)
    del event["data"]
    return event | {"data_base64": b64_encode(item.data)}


def _item(event: Any) -> Numbered:
    data = _content(event, EventType.ITEM)
    if re.fullmatch(NUMBER_PATTERN, event["id"]) is None:
        raise NotAnEvent("an item without a number")
    return Numbered(int(event["id"]), data)


def _event(type: EventType, id: str, mailbox: Mailbox, data: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "type": type.value,
        "source": f"urn:tellwise:mailbox:{mailbox}",
        "id": id,
        "datacontenttype": DATA_TYPES[type],
        "data": data,
    }


def _content(event: Any, type: EventType) -> bytes:
    if not isinstance(event, dict) or any(not isinstance(event.get(name), str) for name in _REQUIRED):
        raise NotAnEvent("not a CloudEvent")
    if any(not isinstance(event[name], str) for name in _OPTIONAL if name in event):
        raise NotAnEvent("an attribute that is no text")
    if any(event[name] == "" for name in _REQUIRED) or event["specversion"] != "1.0" or event["type"] != type.value:
        raise NotAnEvent("not a CloudEvent 1.0 of this type")
    if event.get("datacontenttype", DATA_TYPES[type]) != DATA_TYPES[type]:
        raise NotAnEvent("data of another type")
    match event:
        case {"data": _, "data_base64": _}:
            raise NotAnEvent("data twice")
        case {"data": data}:
            return json_encode(data)
        case {"data_base64": str(text)}:
            return b64_decode(text)
    raise NotAnEvent("no data")
