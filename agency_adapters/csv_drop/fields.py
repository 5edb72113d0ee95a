"""What can be told, field by field: the dotted paths by which a mapping and a list of columns name it.

`identity.names.0.given` is the given name of the first name in the compartment `identity`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import Enum, auto
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import AwareDatetime, BaseModel
from pydantic.fields import FieldInfo

from schemas import AreaCode

Step = str | int


class Sort(Enum):
    """What kind of value a field holds."""

    TEXT = auto()
    WORD = auto()
    """A word, or the number of a rank, of the vocabulary."""
    NUMBER = auto()
    YES_NO = auto()
    DAY = auto()
    MOMENT = auto()
    AREA = auto()
    TEXTS = auto()
    """Several texts."""


class NoField(ValueError):
    """A path names no field, or a group of fields. The text says which."""


@dataclass(frozen=True, slots=True)
class FieldPath:
    """One field that can be filled or shown."""

    path: str
    steps: tuple[Step, ...]
    """Of the path; the first is a compartment's label, a number counts the items of a list from 0."""
    sort: Sort
    words: Mapping[str, str | int]
    """Of a WORD: each value by its spelling."""


def find_field(path: str, roots: Mapping[str, type[BaseModel]]) -> FieldPath:
    """The field of this path.

    Args:
        path: Names and numbers, joined with dots.
        roots: What the first name may be.

    Raises:
        NoField: there is none, or it is not a single value.
    """
    first, *rest = path.split(".")
    if first not in roots:
        raise NoField(f"no compartment `{first}` here")
    steps: list[Step] = [first]
    at: Any = roots[first]
    for name in rest:
        at, step = _below(at, name, ".".join(map(str, steps)))
        steps.append(step)
    sort = _sort(at)
    if sort is None:
        raise NoField(f"`{path}` is a group of fields: name one of them")
    words = {str(member.value): member.value for member in at} if sort is Sort.WORD else {}
    return FieldPath(path, tuple(steps), sort, words)


def required_below(steps: tuple[Step, ...], roots: Mapping[str, type[BaseModel]]) -> list[str]:
    """The fields that must be filled where the group of *steps* is, by name.

    Args:
        steps: Of a group; those of a single value or of a list have none.
        roots: As in `find_field`.
    """
    at: Any = roots[str(steps[0])]
    for step in steps[1:]:
        at, _ = _below(at, str(step), "")
    return [name for name, field in at.model_fields.items() if field.is_required()] if _is_group(at) else []


def _below(at: Any, name: str, path: str) -> tuple[Any, Step]:
    if _is_group(at):
        if name not in at.model_fields:
            raise NoField(f"`{path}` has no field `{name}`")
        field: FieldInfo = at.model_fields[name]
        return _bare(field.annotation), name
    item = _item(at)
    if item is None:
        raise NoField(f"`{path}` is a single value")
    if not name.isdecimal() or not name.isascii() or len(name) > 3:
        raise NoField(f"`{path}` is a list: give a number from 0 after it")
    return item, int(name)


def _bare(annotation: Any) -> Any:
    """A field's type without `None` and without what is checked of it."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _bare(get_args(annotation)[0])
    if origin in (Union, UnionType):
        (some,) = (kind for kind in get_args(annotation) if kind is not NoneType)
        return _bare(some)
    if annotation is not AreaCode and hasattr(annotation, "__supertype__"):
        return _bare(annotation.__supertype__)
    return annotation


def _is_group(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _item(kind: Any) -> Any:
    return _bare(get_args(kind)[0]) if get_origin(kind) is tuple else None


def _sort(kind: Any) -> Sort | None:
    if kind is AreaCode:
        return Sort.AREA
    if kind is AwareDatetime:
        return Sort.MOMENT
    if _item(kind) is str:
        return Sort.TEXTS
    if isinstance(kind, type) and issubclass(kind, Enum):
        return Sort.WORD
    return {str: Sort.TEXT, bool: Sort.YES_NO, int: Sort.NUMBER, date: Sort.DAY}.get(kind)
