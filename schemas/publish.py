"""The JSON Schema documents of everything that can be said, for those who build an agency's side and read no Python.

`python -m schemas.publish` writes them into schemas/published/; a test says when they are stale.

There is a document for each kind; it stands for a whole notification as its publisher composes it, `facts` and the
compartments by their labels, before each is sealed apart. The compartments and the facts have a document of their own,
to which those of the kinds refer by file name. A `null` says no more than leaving out.

LIMIT: a document refuses nothing that we take, but we refuse more: a text that holds a control character or an
invisible one, a list that names a desk or a flag twice, a member that stands twice, a compartment that contradicts the
facts. See said.py, agreement.py, and the validators beside the models.

Source: JSON Schema, draft 2020-12. Members that begin with `x-` are ours: `x-publishers` are desk types.
"""

import ast
import importlib
import inspect
import json
import pkgutil
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, models_json_schema
from pydantic_core.core_schema import ModelSchema

from schemas import kinds
from schemas.catalogue import CATALOGUE
from schemas.compartments import BLIND, COMPARTMENTS, Label
from schemas.facts import Facts
from schemas.kinds.kind import Kind, Need
from schemas.said import Said

PUBLISHED = Path(__file__).parent / "published"
"""Where they stand."""

FACTS_FILE = "facts.json"
COMPARTMENTS_FILE = "compartments.json"
ASYNCAPI_FILE = "asyncapi.json"
"""Of a desk's topics: broker/listening/document.py writes it there."""

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_FACTS = ("area", "area_old", "corrects")

_Json = dict[str, Any]
_MISSING: _Json = {"enum": [None, []]}  # what `Kind.check_fields` takes for not filled in


def documents() -> dict[str, str]:
    """The text of every document, by the name of its file."""
    made = {
        FACTS_FILE: _facts(),
        COMPARTMENTS_FILE: _compartments(),
        **{f"{kind.name}.json": _kind(kind) for kind in CATALOGUE.values()},
    }
    return {
        name: json.dumps({"$schema": _DIALECT, **document}, indent=2, ensure_ascii=False) + "\n"
        for name, document in sorted(made.items())
    }


def write(folder: Path = PUBLISHED) -> None:
    """Make *folder* hold every document, and no other JSON file but `ASYNCAPI_FILE`."""
    folder.mkdir(exist_ok=True)
    made = documents()
    for left_over in set(folder.glob("*.json")) - {folder / name for name in (*made, ASYNCAPI_FILE)}:
        left_over.unlink()
    for name, text in made.items():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")


def _facts() -> _Json:
    definitions = _definitions([Facts])
    return {**definitions.pop(Facts.__name__), "$defs": definitions}


def _compartments() -> _Json:
    return {
        "title": "compartments",
        "description": "What a desk can be told, by label. Of the blind ones the hub reads nothing.",
        "type": "object",
        "properties": {
            label.value: {"$ref": f"#/$defs/{model.__name__}", "x-blind": label in BLIND}
            for label, model in COMPARTMENTS.items()
        },
        "additionalProperties": False,
        "$defs": _definitions(list(COMPARTMENTS.values())),
    }


def _kind(kind: Kind) -> _Json:
    own = {label: model for label, model in kind.models.items() if COMPARTMENTS.get(label) is not model}
    compartments = {
        label.value: {
            "$ref": f"#/$defs/{model.__name__}" if label in own else f"{COMPARTMENTS_FILE}#/properties/{label}",
            **_filled(sorted(kind.fields.get(label, ()))),
        }
        for label, model in kind.models.items()
    }
    document = {
        "title": kind.name,
        "description": _kind_docstrings()[kind.name],
        "x-version": kind.version,
        "x-publishers": sorted(kind.publishers),
        "x-by-team": kind.by_team,
        "x-control": kind.control,
        "type": "object",
        "properties": {Label.FACTS.value: _facts_of(kind), **compartments},
        "required": [Label.FACTS.value, Label.CONTACT.value, *sorted(kind.required)],
        "additionalProperties": False,
    }
    return {**document, "$defs": _definitions(list(own.values()))} if own else document


def _facts_of(kind: Kind) -> _Json:
    needs: Mapping[str, Need] = {name: getattr(kind, name) for name in _FACTS}
    filled = _filled([name for name, need in needs.items() if need is Need.REQUIRED])
    refused = {name: {"const": None} for name, need in needs.items() if need is Need.REFUSED}
    properties = {**filled.pop("properties", {}), **refused}
    return {"$ref": FACTS_FILE, **filled, "properties": properties}


def _filled(names: list[str]) -> _Json:
    """That these members are there, and say something."""
    return {"required": names, "properties": {name: {"not": _MISSING} for name in names}} if names else {}


# --- the models -------------------------------------------------------------------------------------------------------


class _Described(GenerateJsonSchema):
    """As pydantic makes it, with what stands below each field, and without titles that only repeat its name."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - pydantic's own signature
        return False

    def model_schema(self, schema: ModelSchema) -> JsonSchemaValue:
        described = super().model_schema(schema)
        (model,) = ast.parse(inspect.getsource(schema["cls"])).body
        for member, text in _below(model.body) if isinstance(model, ast.ClassDef) else ():
            described["properties"][member]["description"] = _one_line(text)
        return described


def _definitions(models: list[type[Said]]) -> _Json:
    """Every model and enumeration that these need, by name, described by their docstrings."""
    _, together = models_json_schema([(model, "validation") for model in models], schema_generator=_Described)
    definitions: _Json = together["$defs"]
    for definition in definitions.values():
        definition["description"] = _one_line(definition["description"])
    return dict(sorted(definitions.items()))


# --- the docstrings that Python throws away ---------------------------------------------------------------------------


@cache
def _kind_docstrings() -> dict[str, str]:
    """What stands below each kind, or of a kind that speaks to the hub, what its model says, by the kind's name."""
    found = {kind.name: inspect.getdoc(kind.models[Label.CONTROL]) or "" for kind in CATALOGUE.values() if kind.control}
    for file in pkgutil.iter_modules(kinds.__path__):
        module = importlib.import_module(f"{kinds.__name__}.{file.name}")
        for name, text in _below(ast.parse(inspect.getsource(module)).body):
            if isinstance(kind := getattr(module, name), Kind):
                found[kind.name] = text
    return {name: _one_line(text) for name, text in found.items()}


def _below(body: list[ast.stmt]) -> Iterator[tuple[str, str]]:
    """The names that are given a value here, each with the text that stands below it."""
    for statement, after in pairwise(body):
        match statement, after:
            case (
                ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str() as text)),
            ):
                yield name, text


def _one_line(text: str) -> str:
    return " ".join(text.split())


if __name__ == "__main__":
    write()
