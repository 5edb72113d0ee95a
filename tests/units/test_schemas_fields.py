"""Every field of every model: what is missing, unknown, twice or of another type is refused and named.

The cases are made from the models' own fields; see test_schemas_models.py.
"""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from enum import Enum
from typing import Any

import pytest

from schemas import Said, SchemaRefused
from tests.units.test_schemas_models import EXAMPLES, MODELS, SPOTS, Spot, problems, read, top_level, written

by_model = pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)


# --- members ----------------------------------------------------------------------------------------------------------


@by_model
def test_a_required_field_that_is_missing_is_named(model: type[Said]) -> None:
    for name, field in model.model_fields.items():
        without = {member: value for member, value in written(model).items() if member != name}

        if field.is_required():
            assert problems(model, without) == (f"`{name}` missing",)


@by_model
def test_a_field_that_may_be_left_out_has_no_value_then(model: type[Said]) -> None:
    required = {name: value for name, value in written(model).items() if model.model_fields[name].is_required()}
    if not required:
        assert problems(model, required) == ("`value` changes nothing",)
        return

    said = read(model, required)

    optional = set(model.model_fields) - set(required)
    assert {name: getattr(said, name) for name in optional} == {
        name: model.model_fields[name].default for name in optional
    }
    assert all(model.model_fields[name].default in (None, (), False) for name in optional)


def objects(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Where the objects stand in a JSON value."""
    if isinstance(value, dict):
        yield path
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, member in members:
        yield from objects(member, (*path, step))


@pytest.mark.parametrize("model", top_level(), ids=lambda model: model.__name__)
def test_an_unknown_member_is_named_however_deep_it_stands(model: type[Said]) -> None:
    for path in objects(written(model)):
        changed = written(model)
        place = changed
        for step in path:
            place = place[step]  # type: ignore[index]
        place["shoe_laces"] = "brown"

        assert problems(model, changed) == (f"`{'.'.join(map(str, (*path, 'shoe_laces')))}` extra forbidden",)


@by_model
def test_an_unknown_field_is_named_when_a_value_is_made(model: type[Said]) -> None:
    fields = {name: getattr(EXAMPLES[model], name) for name in model.model_fields}

    with pytest.raises(SchemaRefused, match="`shoe_laces` extra forbidden"):
        model.of(**fields, shoe_laces="brown")


@by_model
def test_every_problem_is_named_at_once(model: type[Said]) -> None:
    required = [name for name, field in model.model_fields.items() if field.is_required()]

    found = problems(model, {"shoe_laces": 1})

    if required:
        assert set(found) == {*(f"`{name}` missing" for name in required), "`shoe_laces` extra forbidden"}


@by_model
def test_a_member_twice_is_refused_even_with_the_same_value(model: type[Said]) -> None:
    for name, value in written(model).items():
        text = EXAMPLES[model].to_bytes().decode("utf-8")
        escaped = f"\\u{ord(name[0]):04x}{name[1:]}"
        for again in (name, escaped):
            with pytest.raises(SchemaRefused, match="a member name twice"):
                model.from_bytes(f'{{"{again}":{json.dumps(value)},{text[1:]}'.encode())


@by_model
@pytest.mark.parametrize("data", [b"", b"null", b"[]", b'"x"', b"7", b"{", b"\xff\xfe", b"{}\x00", b"NaN"])
def test_what_is_no_object_is_refused(model: type[Said], data: bytes) -> None:
    with pytest.raises(SchemaRefused):
        model.from_bytes(data)


@by_model
def test_an_object_in_an_array_or_after_a_byte_order_mark_is_refused(model: type[Said]) -> None:
    data = EXAMPLES[model].to_bytes()

    for almost in (b"[" + data + b"]", b"\xef\xbb\xbf" + data, data + data, data[:-1], data.decode().encode("utf-16")):
        with pytest.raises(SchemaRefused):
            model.from_bytes(almost)


# --- types ------------------------------------------------------------------------------------------------------------


def other_types(spot: Spot) -> list[Any]:
    """JSON values that are no spelling of any value of this field."""
    match spot.value:
        case bool():
            wrong: list[Any] = ["true", "", 0, 1, 1.0, [], [True], {}]
        case int():
            wrong = ["1", "", 1.0, 1.5, 1e0, True, False, [1], {}, 10**30, -1]
        case str() | date():
            wrong = [7, 1.5, 1_767_225_600, True, ["x"], [], {"x": "x"}, ""]
        case tuple():
            wrong = ["x", "", {}, {"0": "x"}, 7, True]
        case Said():
            wrong = ["x", "", [], [[]], 7, True]
        case _:
            raise AssertionError(spot)
    return wrong if spot.nullable else [*wrong, None]


@pytest.mark.parametrize("spot", SPOTS, ids=str)
def test_a_value_of_another_type_is_refused_and_its_field_named(spot: Spot) -> None:
    for wrong in other_types(spot):
        found = problems(spot.model, spot.json_with(wrong))

        assert found, wrong
        assert all(problem.startswith((f"`{spot.path}`", f"`{spot.path}.")) for problem in found), wrong


@pytest.mark.parametrize("spot", [spot for spot in SPOTS if spot.nullable], ids=str)
def test_null_says_no_more_than_leaving_out(spot: Spot) -> None:
    said = spot.read_with(None)

    assert getattr(said, spot.field) is None
    assert spot.field not in json.loads(said.to_bytes())


@pytest.mark.parametrize("spot", [spot for spot in SPOTS if isinstance(spot.value, Enum)], ids=str)
def test_a_word_that_is_not_in_the_vocabulary_is_refused(spot: Spot) -> None:
    value = spot.value.value
    others = (
        [value.upper(), value.capitalize(), f"{value} ", f" {value}", spot.value.name, "shoe_laces"]
        if isinstance(value, str)
        else [0, -1, 5, float(value), True, str(value), spot.value.name]
    )
    for other in others:
        assert problems(spot.model, spot.json_with(other))[0].startswith(f"`{spot.path}`")


DAYS = [spot for spot in SPOTS if type(spot.value) is date]
MOMENTS = [spot for spot in SPOTS if isinstance(spot.value, datetime)]


@pytest.mark.parametrize("spot", DAYS, ids=str)
@pytest.mark.parametrize(
    "written_as",
    [
        "2026-02-30",
        "2026-13-01",
        "2026-00-10",
        "0000-01-01",
        "2026-1-2",
        "26-01-02",
        "02/01/2026",
        "2026/01/02",
        "2026-01-02 ",
        " 2026-01-02",
        "2026-01-02\n",
        "2026-W01-5",
        "2026-002",
        "20260102",
        "2026-01-02T00:00:00",
        "2026-01-02T00:00:00Z",
        "2026-01-02 00:00:00+00:00",
        "86400",
        "1767312000",
        "1767312000000",
        "-86400",
        "0",
        "٢٠٢٦-٠١-٠٢",
        "2026‐01‐02",
        "+002026-01-02",
        "today",
    ],
)
def test_a_day_is_written_in_one_way(spot: Spot, written_as: str) -> None:
    assert problems(spot.model, spot.json_with(written_as))[0].startswith(f"`{spot.path}`")


@pytest.mark.parametrize("spot", MOMENTS, ids=str)
@pytest.mark.parametrize(
    "written_as",
    [
        "2026-02-30T09:30:00Z",
        "2026-01-12T24:00:00Z",
        "2026-01-12T09:60:00Z",
        "2026-01-12T23:59:60Z",
        "2026-01-12",
        "2026-01-12T09:30Z",
        "2026-01-12T09:30:00",
        "2026-01-12T09:30:00z",
        "2026-01-12t09:30:00Z",
        "2026-01-12 09:30:00Z",
        "2026-01-12T09:30:00Z ",
        "2026-01-12T09:30:00Z\n",
        "2026-01-12T09:30:00+00:00",
        "2026-01-12T09:30:00-00:00",
        "2026-01-12T10:30:00+01:00",
        "2026-01-12T04:00:00-05:30",
        "2026-01-12T09:30:00.5Z",
        "2026-01-12T09:30:00.500Z",
        "2026-01-12T09:30:00.000000Z",
        "2026-01-12T09:30:00.1234567Z",
        "20260112T093000Z",
        "1768210200",
        "1768210200000",
        "0",
        "٢٠٢٦-٠١-١٢T٠٩:٣٠:٠٠Z",
        "now",
    ],
)
def test_a_moment_is_written_in_one_way(spot: Spot, written_as: str) -> None:
    assert problems(spot.model, spot.json_with(written_as))[0].startswith(f"`{spot.path}`")


@pytest.mark.parametrize("spot", MOMENTS, ids=str)
@pytest.mark.parametrize("written_as", ["2026-01-12T09:30:00Z", "2026-01-12T00:00:00Z", "2026-01-12T09:30:00.500000Z"])
def test_a_moment_is_read_in_utc_as_it_is_written(spot: Spot, written_as: str) -> None:
    said = spot.read_with(written_as)

    assert getattr(said, spot.field).utcoffset() == timedelta()
    assert json.loads(said.to_bytes())[spot.field] == written_as


@pytest.mark.parametrize("spot", SPOTS, ids=str)
def test_a_field_takes_no_stand_in_for_its_type_when_a_value_is_made(spot: Spot) -> None:
    value = spot.value
    match value:
        case Enum():
            wrong: list[Any] = [value.value, value.name]
        case bool():
            wrong = [0, 1, "true"]
        case int():
            wrong = [str(value), float(value), True]
        case str():
            wrong = [value.encode("utf-8"), 7, [value]]
        case datetime():
            elsewhere = value.astimezone(timezone(timedelta(hours=1)))
            wrong = [value.isoformat(), value.replace(tzinfo=None), elsewhere, value.date(), 0]
        case date():
            wrong = [value.isoformat(), datetime(2026, 1, 2), datetime(2026, 1, 2, tzinfo=UTC), 0]  # noqa: DTZ001
        case tuple():
            wrong = [list(value), set(), iter(value), "x"]
        case Said():
            wrong = [value.to_bytes(), type(value), "x"]
        case _:
            raise AssertionError(spot)
    for stand_in in wrong:
        with pytest.raises(SchemaRefused) as refused:
            spot.model.of(**spot.fields_with(stand_in))
        assert refused.value.problems[0].startswith(f"`{spot.path}")
