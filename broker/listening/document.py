"""The AsyncAPI document of a desk's topics, made from the application itself and committed beside the JSON Schemas.

`python -m broker.listening.document` writes it into schemas/published/; a test says when it is stale. The hub serves
the file, so that it needs no FastStream.

FastStream says what the channels and operations are. It cannot say what lies on them, because the application takes raw
bytes; so the forms are ours. What it says of a server and of headers is taken out: there are none to name.

Source: AsyncAPI 3.0.0.
"""

import json
from pathlib import Path
from typing import Any

from faststream.kafka import KafkaBroker

from broker import topics
from broker.listening.application import QUIET, Batch, application
from broker.listening.forms import ITEM, NOTIFICATION, forms
from schemas import Mailbox
from schemas.publish import ASYNCAPI_FILE, PUBLISHED

_ANY_MAILBOX = Mailbox("{mailbox}")
_MAILBOX = {"description": "The name of the desk's inbox and outbox, from the directory: random, and nobody's name."}
_CONTENT_TYPE = "application/json"
_HEARS, _SAYS = "hear", "say"
_CARRY = {_HEARS: ITEM, _SAYS: NOTIFICATION}

_Json = dict[str, Any]


def document() -> str:
    """The text of the document."""
    broker = KafkaBroker(**QUIET)
    broker.publisher(  # declared, and never used: a desk says things by broker/client/kafka_link.py
        topics.outbox(_ANY_MAILBOX),
        title=_SAYS,
        description="What a desk says that speaks to Kafka itself. Others hand it to the hub's edge, by HTTP.",
        schema=bytes,
    )
    told = application(broker, _ANY_MAILBOX, _nobody).schema.to_specification().to_jsonable()
    del told["servers"]
    told["info"]["description"] = (
        "The two topics of one desk, for those who build an agency's side on Kafka. Records have no key and no headers."
    )
    told["channels"] = {name: _channel(told["channels"][name], name) for name in _CARRY}
    told["operations"] = {name: _operation(told["operations"][name], name) for name in _CARRY}
    told["components"] = {"messages": {form: _message(form) for form in _CARRY.values()}, "schemas": forms()}
    return json.dumps(told, indent=2, ensure_ascii=False) + "\n"


def write(folder: Path = PUBLISHED) -> None:
    """Put the document into *folder*."""
    (folder / ASYNCAPI_FILE).write_text(document(), encoding="utf-8", newline="\n")


def _channel(made: _Json, name: str) -> _Json:
    del made["servers"]
    messages = {_CARRY[name]: {"$ref": f"#/components/messages/{_CARRY[name]}"}}
    return {**made, "parameters": {"mailbox": _MAILBOX}, "messages": messages}


def _operation(made: _Json, name: str) -> _Json:
    return {**made, "messages": [{"$ref": f"#/channels/{name}/messages/{_CARRY[name]}"}]}


def _message(form: str) -> _Json:
    return {"name": form, "contentType": _CONTENT_TYPE, "payload": {"$ref": f"#/components/schemas/{form}"}}


async def _nobody(_batch: Batch) -> None:
    """Hears for no desk."""


if __name__ == "__main__":
    write()
