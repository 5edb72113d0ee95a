"""The forms of what lies on a desk's topics, for the AsyncAPI document. The bytes: broker/sealing/README.md.

LIMIT: as in schemas/publish.py, a form refuses nothing that we take, and we refuse more.
"""

from typing import Any

from broker.sealing.compartments import ALG
from broker.sealing.head import PLACES
from broker.sealing.jwe import PROTECTED
from broker.sealing.letters import ItemKind
from schemas import COMPARTMENTS, Label
from schemas.publish import COMPARTMENTS_FILE, FACTS_FILE

_Json = dict[str, Any]

ITEM = "item"
NOTIFICATION = "notification"


def forms() -> dict[str, _Json]:
    """Each form by its name; `ITEM` lies in an inbox, `NOTIFICATION` in an outbox."""
    return {
        ITEM: {
            "description": "What the hub tells one desk, with its ledger entry and the proof that it stands there.",
            "oneOf": [_of("letter"), _of("package"), _of("receipt")],
        },
        "letter": _item(ItemKind.LETTER, _held(_of("cover"), set(COMPARTMENTS))),
        "package": _item(ItemKind.PACKAGE, _signed("A key of the desk's, sealed to it.")),
        "receipt": _item(ItemKind.RECEIPT, _signed("What the hub did with a notification of this desk.")),
        NOTIFICATION: _sealed_notification(),
        "compartment": _compartment(),
        "cover": {"description": "What the hub says of this letter to this desk.", "allOf": [_of("compartment")]},
        "signature": _closed({"protected": _b64u(), "signature": _b64u()}),
    }


def _item(kind: ItemKind, content: _Json) -> _Json:
    proof = {"type": "string", "description": "See broker/ledger/README.md."}
    return _closed({kind.value: content, "entry": _b64u("The ledger entry."), "proof": proof})


def _held(cover: _Json, labels: set[Label]) -> _Json:
    return _closed({"head": _head(), "sig": _of("signature"), "cover": cover, "c": _compartments(labels)})


def _sealed_notification() -> _Json:
    mk: _Json = {"type": "object", "description": "The message key, sealed to the hub."}
    labels = {Label.FACTS, Label.CONTROL, *COMPARTMENTS}
    return _closed({"head": _head(), "sig": _of("signature"), "mk": mk, "c": _compartments(labels)})


def _compartments(labels: set[Label]) -> _Json:
    opens_to = {label: f"{COMPARTMENTS_FILE}#/properties/{label.value}" for label in COMPARTMENTS}
    opens_to[Label.FACTS] = FACTS_FILE
    return {
        "type": "object",
        "description": "By label. `x-opens-to` names the published document of what is sealed in it.",
        "properties": {
            label.value: {"allOf": [_of("compartment")], "x-opens-to": opens_to[label]}
            if label in opens_to
            else _of("compartment")
            for label in sorted(labels)
        },
        "additionalProperties": False,
        "minProperties": 1,
        "maxProperties": PLACES,
    }


def _compartment() -> _Json:
    header = _closed({"alg": {"const": ALG}, "kid": {"type": "string"}})
    strings = {name: _b64u() for name in ("aad", "iv", "ciphertext", "tag", "encrypted_key")}
    return {
        "description": "A JWE in flattened JSON (RFC 7516, section 7.2.2).",
        **_closed({"protected": {"const": PROTECTED}, **strings, "header": header}),
    }


def _signed(what: str) -> _Json:
    return {"description": what, **_closed({"payload": _b64u("What is signed."), "sig": _of("signature")})}


def _head() -> _Json:
    return _b64u("Id, publisher, moments, kind, and the digests of the compartments: what the publisher signs.")


def _b64u(description: str | None = None) -> _Json:
    form: _Json = {"type": "string", "pattern": "^[A-Za-z0-9_-]*$"}
    return form if description is None else {**form, "description": description}


def _closed(properties: _Json) -> _Json:
    return {
        "type": "object",
        "required": sorted(properties),
        "properties": properties,
        "additionalProperties": False,
    }


def _of(name: str) -> _Json:
    return {"$ref": f"#/components/schemas/{name}"}
