"""There is one way to say something about ourselves, and every name that is said stands in one list and is used."""

import ast
import re
from collections.abc import Iterator
from enum import StrEnum
from itertools import pairwise
from pathlib import Path

import pytest

from broker.telemetry import Attribute, Count, Duration, Event, Field, Gauge, Span
from tests.house.tree import files_in_rooms, text

TELEMETRY = Path("broker/telemetry")
NAMES = TELEMETRY / "names.py"
ROOTS = TELEMETRY / "spans.py"  # says of some spans that they are nobody's children, and makes none
COMMAND_LINE = Path("broker/cli")

NAMED: tuple[type[StrEnum], ...] = (Event, Span, Count, Duration, Gauge)

AWAITED: set[str] = set()
"""Names whose place is still being built. Empty is best."""

_PAST = re.compile(r"[a-z]+\.([a-z]+ed|broken|taken)")
_OTHER_WAYS = {"logging.getLogger", "structlog.get_logger", "structlog.getLogger", "print", "warnings.warn"}


def speaks_another_way(source: str) -> list[str]:
    """Calls in *source* that say something without the lists."""
    calls = (ast.unparse(node.func) for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))
    return [call for call in calls if call in _OTHER_WAYS]


def documented(source: str) -> set[str]:
    """The members of enumerations in *source* that have a text below them, as `Event.LANE_TAKEN`."""
    return {
        f"{body.name}.{statement.targets[0].id}"
        for body in ast.walk(ast.parse(source))
        if isinstance(body, ast.ClassDef)
        for statement, after in pairwise(body.body)
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name)
        if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
    }


def used(source: str) -> set[str]:
    """The members that *source* names, as `Event.LANE_TAKEN`."""
    return {
        f"{enumeration}.{node.attr}"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Attribute)
        for enumeration in [ast.unparse(node.value).rpartition(".")[2]]
        if enumeration in {enum.__name__ for enum in NAMED}
    }


def unlisted(source: str) -> Iterator[str]:
    """Fields that *source* gives to a line, a span or a measurement and that are in no list."""
    attributes = {attribute.name.lower() for attribute in Attribute}
    listed = {
        "emit": {field.value for field in Field} | {"level"},
        "telemetry.failed": {field.value for field in Field} | {"level"},
        "alarm": {field.value for field in Field},
        "telemetry.span": attributes | {"when"},
        "telemetry.count": attributes,
        "telemetry.lasted": attributes,
    }
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            for name, fields in listed.items():
                if called == name or called.endswith(f".{name}"):
                    yield from (word.arg for word in node.keywords if word.arg is not None and word.arg not in fields)


def sources(*beside: Path) -> list[tuple[Path, str]]:
    """The Python of the rooms, but for what lies under *beside*."""
    paths = [path for path in files_in_rooms(".py") if not any(path.is_relative_to(other) for other in beside)]
    return [(path, text(path) or "") for path in paths]


def test_nothing_is_said_but_by_the_one_way() -> None:
    found = [(str(path), speaks_another_way(source)) for path, source in sources(TELEMETRY, COMMAND_LINE)]

    assert [one for one in found if one[1]] == []


def test_every_name_is_a_noun_and_what_became_of_it_or_says_why_not() -> None:
    explained = documented(text(NAMES) or "")
    members = [(f"{enum.__name__}.{member.name}", member.value) for enum in NAMED for member in enum]

    assert [name for name, value in members if not _PAST.fullmatch(value) and name not in explained] == []
    assert [value for _, value in members if not re.fullmatch(r"[a-z]+\.[a-z_]+", value)] == []


@pytest.mark.parametrize("names", [(Event,), (Span,), (Count, Duration, Gauge), (Field,), (Attribute,)])
def test_no_name_stands_for_two_things(names: tuple[type[StrEnum], ...]) -> None:
    values = [member.value for enum in names for member in enum]

    assert len(values) == len(set(values))


def test_every_name_is_used_somewhere() -> None:
    named = {f"{enum.__name__}.{member.name}" for enum in NAMED for member in enum}
    somewhere = set().union(*(used(source) for _, source in sources(NAMES, ROOTS)))

    assert named - somewhere - AWAITED == set()
    assert AWAITED & somewhere == set(), "its place is built: strike it off the list"


def test_every_field_that_the_code_gives_is_listed() -> None:
    found = [(str(path), list(unlisted(source))) for path, source in sources()]

    assert [one for one in found if one[1]] == []


@pytest.mark.parametrize(
    "line", ["import logging\nlogging.getLogger(__name__)", "structlog.get_logger()", "print(1)", "warnings.warn('x')"]
)
def test_another_way_is_noticed(line: str) -> None:
    assert speaks_another_way(line) != []


@pytest.mark.parametrize(
    "line",
    [
        "telemetry.emit(Event.LANE_TAKEN, person=1)",
        "turn.alarm(Event.LANE_TAKEN, desk=1, kind=2)",
        "emit(Event.LANE_TAKEN, level=1, when=2)",
        "with telemetry.span(Span.LANE_TURN, desk=1): pass",
        "telemetry.count(Count.LETTER_DELIVERED, 1, mailbox=2)",
    ],
)
def test_a_field_that_is_not_listed_is_noticed(line: str) -> None:
    assert list(unlisted(line)) != []
