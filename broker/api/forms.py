"""The forms of what the operations take and give, as the OpenAPI document tells of them (JSON Schema 2020-12)."""

from typing import Any

from broker.api.access import TOKEN_PATH
from broker.assertions import ASSERTION_TYPE, BYTES_MAX
from broker.envelope import DATA_TYPES, NUMBER_PATTERN, EventType
from broker.ledger.checkpoint import NOTE_BYTES_MAX
from broker.numbered import NUMBER_MAX

_B64U = r"^[A-Za-z0-9_-]*$"


def _closed(properties: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "required": list(properties),
        "properties": properties,
        "additionalProperties": False,
        **more,
    }


OBJECT: dict[str, Any] = {"type": "object"}
TEXT: dict[str, Any] = {"type": "string"}


_IDS: dict[EventType, dict[str, Any]] = {
    EventType.NOTIFICATION: {"type": "string", "minLength": 1},
    EventType.ITEM: {"type": "string", "pattern": NUMBER_PATTERN, "description": "Its number in the inbox."},
}


def event(type: EventType) -> dict[str, Any]:
    """A CloudEvent that carries this."""
    return {
        "type": "object",
        "title": "CloudEvent 1.0",
        "required": ["specversion", "id", "source", "type"],
        "properties": {
            "specversion": {"const": "1.0"},
            "id": _IDS[type],
            "source": {"type": "string", "minLength": 1, "description": "A mailbox."},
            "type": {"const": type.value},
            "time": {"type": "string", "description": "The hour."},
            "datacontenttype": {"const": DATA_TYPES[type]},
            "data": {"description": "A sealed notification or an item; the format is in broker/sealing/README.md."},
            "data_base64": {"type": "string", "contentEncoding": "base64"},
        },
        "oneOf": [{"required": ["data"]}, {"required": ["data_base64"]}],
    }


TAKEN = _closed({"id": {"type": "string", "description": "The notification's."}})

_ITEM = _closed(
    {
        "number": {"type": "integer", "minimum": 0, "maximum": NUMBER_MAX},
        "data": {"type": "string", "pattern": _B64U},
    }
)

ITEMS = _closed({"items": {"type": "array", "items": _ITEM}})

PROOFS = _closed(
    {
        "proofs": {
            "type": "array",
            "items": {"type": "array", "maxItems": 63, "items": {"type": "string", "description": "32 bytes, base64."}},
        }
    }
)

ENTRY = _closed(
    {
        "entry": {"type": "string", "pattern": _B64U},
        "proof": {"type": "string", "description": "C2SP tlog-proof: the index, the hashes, the signed checkpoint."},
    }
)

SEEN = _closed({"has_it": {"type": "boolean", "description": "Whether the hub still has what it signed."}})

NOTE: dict[str, Any] = {"type": "string", "maxLength": NOTE_BYTES_MAX, "description": "As in a letter; may be empty."}

TOKEN = _closed(
    {
        "access_token": {"type": "string"},
        "token_type": {"const": "Bearer"},
        "expires_in": {"type": "integer", "description": "Seconds."},
    }
)

TOKEN_REQUEST = _closed(
    {
        "grant_type": {"const": "client_credentials"},
        "client_assertion_type": {"const": ASSERTION_TYPE},
        "client_assertion": {
            "type": "string",
            "maxLength": BYTES_MAX,
            "description": f"A JWT signed by the desk: `iss`, `sub` the desk; `aud` the address before {TOKEN_PATH}.",
        },
    },
    additionalProperties=True,
)

OAUTH_ERROR = _closed(
    {"error": {"type": "string"}, "error_description": {"type": "string"}},
    required=["error"],
)
