"""Invented values for compartments: schema-valid, visibly made up, and nobody's.

No postcode is ever given: a real one is somebody's home.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import AwareDatetime, BaseModel

from schemas import COMPARTMENTS, AreaCode, Kind, Label, PersonKey, Said

_TEXT = "invented"
_SPECIAL = {"telephone": "01632 960000"}


def fill(kind: Kind, labels: Iterable[Label], person: PersonKey, area: AreaCode, today: date) -> dict[Label, Said]:
    """A value for each of *labels*, with what *kind* wants filled in, and `contact`.

    Args:
        kind: Says which fields must be there.
        labels: What the publisher fills.
        person: Whom it is about.
        area: The district that compartments name, where they name one.
        today: The date of everything that has a date.
    """
    given = {"district": area, "identifiers": (person,)}
    return {
        label: _made(COMPARTMENTS[label], kind.fields.get(label, frozenset()), today, given)
        for label in dict.fromkeys((Label.CONTACT, *labels))
    }


def _made(model: type[Said], wanted: frozenset[str], today: date, given: Mapping[str, Any]) -> Said:
    fields = {}
    for name, field in model.model_fields.items():
        if name in given and (field.is_required() or name == "identifiers"):
            fields[name] = given[name]
        elif field.is_required() or name in wanted:
            fields[name] = _SPECIAL.get(name) or _value(field.annotation, today, given)
    return model.of(**fields)


def _value(annotation: Any, today: date, given: Mapping[str, Any]) -> Any:
    origin, choices = get_origin(annotation), get_args(annotation)
    if origin in (Union, UnionType):
        return _value(next(choice for choice in choices if choice is not NoneType), today, given)
    if origin is tuple:
        return (_value(choices[0], today, given),)
    if hasattr(annotation, "__metadata__"):
        return _value(annotation.__origin__, today, given)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return _made(annotation, frozenset(), today, given)  # type: ignore[arg-type]
    return _plain(annotation, today)


def _plain(annotation: Any, today: date) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return next(iter(annotation))
    if annotation is bool:
        return True
    if annotation is int:
        return 1
    if annotation in (datetime, AwareDatetime):
        return datetime.combine(today, time(9), UTC)
    if annotation is date:
        return today
    return _TEXT
