"""Files of settings as they are first written: every setting with what it is for, its default commented out.

The text comes from the models, so that no file says what a model does not.
"""

import ast
import inspect
import json
import textwrap
from itertools import pairwise
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from broker.settings import DeskKafka, DeskSettings, Http, HubSettings, Kafka, Retention, Telemetry

_WIDTH = 118


def hub_settings_text(name: str) -> str:
    """The settings of a new hub."""
    return _text(HubSettings, {"hub": name})


def desk_settings_text(desk: str, hub_url: str, role: str, telephone: str) -> str:
    """The settings of a new desk."""
    contact = f"[contact]\nrole = {json.dumps(role)}\ntelephone = {json.dumps(telephone)}\n"
    return _text(DeskSettings, {"desk": desk, "hub_url": hub_url}) + "\n" + contact


def _text(model: type[BaseModel], given: dict[str, str]) -> str:
    tables = {name: table for name, field in model.model_fields.items() if (table := _table(field.annotation))}
    lines = [f"# {line}" for line in _wrapped(f"{inspect.getdoc(model)} Unknown keys are errors.")] + [""]
    lines += _fields(model, given, skip={*tables, "contact", "adapter"})
    for name, table in tables.items():
        head = f"[{name}]" if model.model_fields[name].default is not None else f"# [{name}]"
        lines += ["", head, *(f"# {line}" for line in _wrapped(inspect.getdoc(table) or "")), ""]
        lines += _fields(table, {}, skip=set())
    return "\n".join(lines).rstrip() + "\n"


def _table(annotation: Any) -> type[BaseModel] | None:
    for table in (Http, Retention, Telemetry, Kafka, DeskKafka):
        if annotation in (table, table | None):
            return table
    return None


def _fields(model: type[BaseModel], given: dict[str, str], skip: set[str]) -> list[str]:
    told = field_texts(model)
    lines: list[str] = []
    for name, field in model.model_fields.items():
        if name in skip:
            continue
        lines += [f"# {line}" for line in _wrapped(told[name])]
        if name in given:
            lines.append(f"{name} = {json.dumps(given[name])}")
        elif field.default is None or field.is_required():
            lines.append(f"# {name} =")
        else:
            lines.append(f"# {name} = {_toml(field.default)}")
        lines.append("")
    return lines[:-1] if lines else lines


def field_texts(model: type[BaseModel]) -> dict[str, str]:
    """What stands under each field of a model, or of what it builds on: its meaning, unit and reason."""
    found: dict[str, str] = {}
    for each in reversed(model.__mro__[: model.__mro__.index(BaseModel)]):
        tree = ast.parse(textwrap.dedent(inspect.getsource(each))).body[0]
        body = tree.body if isinstance(tree, ast.ClassDef) else []
        for field, text in pairwise(body):
            match field, text:
                case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(told))):
                    found[name] = " ".join(told.split())
    return found


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(" ".join(text.split()), _WIDTH)


def _toml(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case Path():
            return json.dumps(str(value))
    return json.dumps(value)
