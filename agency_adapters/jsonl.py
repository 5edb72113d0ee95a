"""A system that writes and reads JSON, one record a line: the plainest adapter, and a pattern for others.

A record names the kind, the person, the purpose, the places by code or by name, and each compartment by its label:

    {"kind": "rso.address_changed", "person": {"scheme": "pnc", "identifier": "99/0000001A"}, "purpose":
     "public_protection", "area": "Blackburn with Darwen", "area_old": "Preston", "identity": {...}, "status": {...},
     ...}

A letter comes out as one line with the same words, and the cover beside them.
"""

from collections.abc import Mapping
from typing import Any

from broker.client import Draft, OpenedLetter, compose
from broker.errors import NotSent
from schemas import (
    AreaCode,
    Kind,
    Label,
    NotStrict,
    PersonKey,
    Purpose,
    Said,
    SchemaRefused,
    Tag,
    UnknownArea,
    UnknownKind,
    area_table,
    kind_of,
)
from schemas.strict import json_decode, json_encode

_PLACES = ("area", "area_old")
_OWN = {"kind", "person", "purpose", "addressed", "attendees", "corrects", "flags", "risk_rises", *_PLACES}


class JsonLines:
    """The adapter `jsonl`."""

    def said(self, record: bytes) -> Draft:
        """See `Adapter.said`."""
        try:
            line = json_decode(record)
        except NotStrict as error:
            raise NotSent(f"not a line of JSON: {error}") from None
        if not isinstance(line, dict):
            raise NotSent("not a JSON object")
        try:
            kind = kind_of(_text(line, "kind"))
            facts: dict[str, Any] = {name: _place(line, name) for name in _PLACES if name in line}
            facts |= _lists(line)
            facts |= {name: line[name] for name in ("corrects", "risk_rises") if name in line}
            return compose(
                kind.name,
                PersonKey.from_bytes(json_encode(line.get("person"))),
                _purpose(line),
                _compartments(line, kind),
                **facts,
            )
        except (SchemaRefused, UnknownArea, UnknownKind) as error:
            raise NotSent(str(error)) from None

    def heard(self, letter: OpenedLetter) -> bytes:
        """See `Adapter.heard`."""
        return json_encode(
            {
                "kind": letter.head.kind,
                "from": letter.head.iss,
                "cover": letter.cover.model_dump(mode="json"),
                **{label.value: said.model_dump(mode="json") for label, said in letter.compartments.items()},
            }
        )


def _compartments(line: Mapping[str, Any], kind: Kind) -> dict[Label, Said]:
    carried: dict[Label, Said] = {}
    for name, value in line.items():
        if name in _OWN:
            continue
        try:
            label = Label(name)
            model = kind.models[label]
        except (ValueError, KeyError):
            raise NotSent(f"`{name[:60]}` is unknown to kind `{kind.name}`") from None
        carried[label] = model.from_bytes(json_encode(value))
    return carried


def _text(line: Mapping[str, Any], name: str) -> str:
    value = line.get(name)
    if not isinstance(value, str):
        raise NotSent(f"`{name}` missing, or not a text")
    return value


def _place(line: Mapping[str, Any], name: str) -> AreaCode:
    return area_table().named(_text(line, name)).code


def _purpose(line: Mapping[str, Any]) -> Purpose:
    try:
        return Purpose(_text(line, "purpose"))
    except ValueError:
        raise NotSent("`purpose` is not in the vocabulary") from None


def _lists(line: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in ("addressed", "attendees", "flags"):
        value = line.get(name, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise NotSent(f"`{name}` is not a list of texts")
        found[name] = tuple(value)
    try:
        found["flags"] = tuple(Tag(flag) for flag in found["flags"])
    except ValueError:
        raise NotSent("`flags` holds a word that is not in the vocabulary") from None
    return found
