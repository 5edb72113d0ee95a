"""The published JSON Schema documents are those of the code, and what they ask for is what the code asks for."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from schemas import BLIND, CATALOGUE, COMPARTMENTS, Facts, Kind, Label, Said, SchemaRefused
from schemas.kinds.kind import Need
from schemas.publish import ASYNCAPI_FILE, PUBLISHED, documents, write
from tests.personas import BLACKBURN, CONTROLS, PRESTON, everything, facts
from tests.units.test_schemas_models import MODELS

DOCUMENTS: dict[str, Any] = {name: json.loads(text) for name, text in documents().items()}
GIVEN = {"area": BLACKBURN, "area_old": PRESTON, "corrects": "CCCCCCCCCCCCCCCCCCCCCA"}

by_kind = pytest.mark.parametrize("kind", CATALOGUE.values(), ids=lambda kind: kind.name)
by_document = pytest.mark.parametrize("name", DOCUMENTS)


# --- what stands there ------------------------------------------------------------------------------------------------


def standing(folder: Path) -> dict[str, bytes]:
    """Every file of a folder but the AsyncAPI document: see test_asyncapi.py."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != ASYNCAPI_FILE}


def test_the_published_documents_are_those_of_the_code() -> None:
    there, made = standing(PUBLISHED), {name: text.encode() for name, text in documents().items()}

    stale = sorted(name for name in there.keys() & made.keys() if there[name] != made[name])
    assert (stale, sorted(made.keys() - there.keys()), sorted(there.keys() - made.keys())) == ([], [], []), (
        "stale, missing or left over: run `python -m schemas.publish`"
    )


def test_there_is_a_document_for_each_kind_and_one_for_what_all_share() -> None:
    assert set(DOCUMENTS) == {"facts.json", "compartments.json", *(f"{kind}.json" for kind in CATALOGUE)}


def test_one_command_puts_right_what_is_stale_missing_or_left_over(tmp_path: Path) -> None:
    shutil.copytree(PUBLISHED.parent, tmp_path / "schemas", ignore=shutil.ignore_patterns("__pycache__"))
    published = tmp_path / "schemas" / "published"
    (published / "facts.json").write_text("{}")
    (published / "rso.registered.json").unlink()
    (published / "rso.flew_away.json").write_text("{}")

    subprocess.run([sys.executable, "-m", "schemas.publish"], cwd=tmp_path, check=True, timeout=60)

    assert standing(published) == {name: text.encode() for name, text in documents().items()}


def test_writing_begins_with_nothing_and_leaves_other_files_alone(tmp_path: Path) -> None:
    folder = tmp_path / "published"

    write(folder)
    (folder / "README.md").write_text("why")
    (folder / ASYNCAPI_FILE).write_text("{}")
    write(folder)

    assert set(standing(folder)) == {*DOCUMENTS, "README.md"}
    assert (folder / ASYNCAPI_FILE).read_text() == "{}"


# --- what they say ----------------------------------------------------------------------------------------------------


@by_kind
def test_a_document_says_who_publishes_its_kind_and_what_it_carries(kind: Kind) -> None:
    document = DOCUMENTS[f"{kind.name}.json"]

    assert document["title"] == kind.name
    assert document["x-publishers"] == sorted(desk_type.value for desk_type in kind.publishers)
    assert (document["x-version"], document["x-by-team"]) == (kind.version, kind.by_team)
    assert document["x-control"] == kind.control
    assert set(document["properties"]) == {"facts", *(label.value for label in kind.models)}
    assert set(document["required"]) == {"facts", "contact", *(label.value for label in kind.required)}
    for label, names in kind.fields.items():
        assert set(document["properties"][label.value]["required"]) == names


@by_kind
def test_a_document_is_described_by_a_sentence_of_the_kinds_own(kind: Kind) -> None:
    description = DOCUMENTS[f"{kind.name}.json"]["description"]

    assert re.fullmatch(r"[A-Z][^\n]{10,200}\.", description)
    assert [name for name, other in DOCUMENTS.items() if other.get("description") == description] == [
        f"{kind.name}.json"
    ]


def test_every_model_and_field_that_is_described_in_the_code_is_described_there() -> None:
    definitions = DOCUMENTS["compartments.json"]["$defs"]

    assert {model.__name__ for model in COMPARTMENTS.values()} <= set(definitions)
    for definition in (found for document in DOCUMENTS.values() for found in document.get("$defs", {}).values()):
        assert definition["description"]
        assert "\n" not in definition["description"]
    assert definitions["Status"]["properties"]["approved"]["description"] == "Yes or no to a property; never why."
    assert DOCUMENTS["facts.json"]["properties"]["area"]["description"] == "The district that it is about."
    assert DOCUMENTS["letter.acknowledged.json"]["$defs"]["LetterAcknowledged"]["properties"]["by"]["description"]


def test_the_compartments_that_the_hub_never_opens_are_marked() -> None:
    members = DOCUMENTS["compartments.json"]["properties"]

    assert {label for label, schema in members.items() if schema["x-blind"]} == {label.value for label in BLIND}
    assert list(members) == [label.value for label in COMPARTMENTS]


def test_every_model_is_published() -> None:
    published = {title for document in DOCUMENTS.values() for title in (document["title"], *document.get("$defs", {}))}

    assert {model.__name__ for model in MODELS} <= published


def schemas_within(schema: Any) -> Iterator[dict[str, Any]]:
    """A JSON value's objects, the value itself among them."""
    if isinstance(schema, dict):
        yield schema
    for member in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        yield from schemas_within(member)


@by_document
def test_every_reference_leads_somewhere_and_every_object_is_closed(name: str) -> None:
    for schema in schemas_within(DOCUMENTS[name]):
        if "$ref" in schema:
            assert resolved(schema["$ref"], name)[0]
        if schema.get("type") == "object":
            assert schema["additionalProperties"] is False


# --- what they ask for ------------------------------------------------------------------------------------------------

KNOWN = {
    *("$schema", "$defs", "$ref", "title", "description", "default", "type", "enum", "const", "not", "anyOf"),
    *("properties", "required", "additionalProperties", "items", "minItems", "maxItems", "minLength", "maxLength"),
    *("pattern", "format", "minimum", "maximum", "exclusiveMaximum"),
    *("x-version", "x-publishers", "x-by-team", "x-control", "x-blind"),
}
TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int, "null": type(None)}


def resolved(reference: str, name: str) -> tuple[Any, str]:
    """The schema that a reference of this document means, and the document in which it stands."""
    file, _, path = reference.partition("#")
    schema = DOCUMENTS[file or name]
    for step in path.strip("/").split("/") if path else ():
        schema = schema[step]
    return schema, file or name


def fits(value: Any, schema: dict[str, Any], name: str) -> bool:
    """Whether a value fits a schema of this document: as much of JSON Schema as the documents use."""
    assert schema.keys() <= KNOWN, schema.keys() - KNOWN
    return (
        ("$ref" not in schema or fits(value, *resolved(schema["$ref"], name)))
        and ("anyOf" not in schema or any(fits(value, choice, name) for choice in schema["anyOf"]))
        and ("not" not in schema or not fits(value, schema["not"], name))
        and ("const" not in schema or value == schema["const"])
        and ("enum" not in schema or value in schema["enum"])
        and ("type" not in schema or of_type(value, schema["type"]))
        and (not isinstance(value, dict) or object_fits(value, schema, name))
        and (not isinstance(value, list) or list_fits(value, schema, name))
        and (not isinstance(value, str) or text_fits(value, schema))
        and (type(value) is not int or number_fits(value, schema))
    )


def of_type(value: Any, named: str) -> bool:
    return type(value) is TYPES[named]


def object_fits(value: dict[str, Any], schema: dict[str, Any], name: str) -> bool:
    members = schema.get("properties", {})
    return (
        set(schema.get("required", ())) <= value.keys()
        and (schema.get("additionalProperties", True) or value.keys() <= members.keys())
        and all(fits(member, members[key], name) for key, member in value.items() if key in members)
    )


def list_fits(value: list[Any], schema: dict[str, Any], name: str) -> bool:
    return schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)) and all(
        fits(item, schema.get("items", {}), name) for item in value
    )


def readable(read: Callable[[str], object], text: str) -> bool:
    try:
        return bool(read(text))
    except ValueError:
        return False


FORMATS: dict[str, Callable[[str], bool]] = {
    "": lambda text: True,
    "date": lambda text: readable(date.fromisoformat, text),
    "date-time": lambda text: readable(datetime.fromisoformat, text),
}


def text_fits(value: str, schema: dict[str, Any]) -> bool:
    within = schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value))
    fits_pattern = re.search(schema.get("pattern", "").replace("$", r"\Z"), value) is not None
    return within and fits_pattern and FORMATS[schema.get("format", "")](value)


def number_fits(value: int, schema: dict[str, Any]) -> bool:
    below = "exclusiveMaximum" not in schema or value < schema["exclusiveMaximum"]
    return schema.get("minimum", value) <= value <= schema.get("maximum", value) and below


def example(kind: Kind) -> dict[str, Any]:
    """A notification of this kind with every compartment filled, as JSON."""
    needed = {name: value for name, value in GIVEN.items() if getattr(kind, name) is Need.REQUIRED}
    said: dict[Label, Said] = {Label.FACTS: facts(**needed), **everything(BLACKBURN)}
    if kind.control:
        said = {label: said[label] for label in (Label.FACTS, Label.CONTACT)} | {Label.CONTROL: CONTROLS[kind.name]}
    return {label.value: json.loads(one.to_bytes()) for label, one in said.items()}


def taken_by_the_document(kind: Kind, notification: dict[str, Any]) -> bool:
    """Whether the kind's published document takes it."""
    return fits(notification, DOCUMENTS[f"{kind.name}.json"], f"{kind.name}.json")


def taken_by_the_code(kind: Kind, notification: dict[str, Any]) -> bool:
    """Whether the kind itself takes it."""
    try:
        said = {
            Label(label): kind.models[Label(label)].from_bytes(json.dumps(value).encode())
            for label, value in notification.items()
            if label != Label.FACTS
        }
        their_facts = Facts.from_bytes(json.dumps(notification[Label.FACTS]).encode())
        kind.check(their_facts, frozenset(said))
        kind.check_fields(said)
    except (SchemaRefused, KeyError, ValueError):
        return False
    return True


WRONG: tuple[Any, ...] = (None, [], {}, "", 0, -1, 1.5, "x" * 5_000, True)


def changed_within(whole: dict[str, Any], label: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The notification with something of one compartment taken out, added or emptied, in each way once."""
    yield f"without {label}", {other: value for other, value in whole.items() if other != label}
    yield f"{label} is null", {**whole, label: None}
    yield f"{label} and more", {**whole, label: {**whole[label], "shoe_laces": "brown"}}
    for name in whole[label]:
        yield (
            f"without {label}.{name}",
            {**whole, label: {other: whole[label][other] for other in whole[label].keys() - {name}}},
        )
        for wrong in WRONG:
            yield f"{label}.{name} is {wrong!r:.9}", {**whole, label: {**whole[label], name: wrong}}


def differences(kind: Kind, cases: list[tuple[str, dict[str, Any]]]) -> list[str]:
    """What the document takes and the code does not, and the other way round."""
    taken = {what: (taken_by_the_document(kind, said), taken_by_the_code(kind, said)) for what, said in cases}
    assert {by_code for _, by_code in taken.values()} == {True, False}
    return [what for what, (by_document, by_code) in taken.items() if by_document != by_code]


@by_kind
def test_an_example_of_every_kind_fits_its_document_with_all_compartments_and_with_the_fewest(kind: Kind) -> None:
    whole = example(kind)
    least = {label: whole[label] for label in DOCUMENTS[f"{kind.name}.json"]["required"]}

    assert taken_by_the_document(kind, whole)
    assert taken_by_the_document(kind, least)
    assert taken_by_the_code(kind, whole)
    assert taken_by_the_code(kind, least)


@by_kind
def test_a_document_takes_what_the_code_takes_and_nothing_else(kind: Kind) -> None:
    whole = example(kind)
    own = {Label.FACTS, Label.CONTACT, *kind.required, *kind.fields}
    cases = [case for label in sorted(own) for case in changed_within(whole, label.value)]
    cases += [(f"{name} is given", {**whole, "facts": {**whole["facts"], name: GIVEN[name]}}) for name in GIVEN]
    cases += [
        (f"{label} too", {**whole, label: {}}) for label in ("cover", "control", "shoe_laces") if label not in whole
    ]

    assert differences(kind, cases) == []


@pytest.mark.parametrize("label", COMPARTMENTS, ids=str)
def test_the_document_of_the_compartments_takes_what_the_code_takes_and_nothing_else(label: Label) -> None:
    kind = CATALOGUE["csods.enquiry"]  # asks for nothing within a compartment

    assert differences(kind, list(changed_within(example(kind), label.value))) == []


def test_the_check_of_this_page_refuses_what_it_does_not_understand() -> None:
    with pytest.raises(AssertionError):
        fits({}, {"patternProperties": {}}, "facts.json")
    assert not fits(True, {"type": "integer"}, "facts.json")
    assert not fits(GIVEN, {"required": ["seq"]}, "facts.json")
