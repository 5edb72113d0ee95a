"""What is written is read back as it was, and nothing is read as what it is not."""

import json
from collections.abc import Callable
from datetime import datetime
from itertools import permutations, product
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from schemas import CATALOGUE, COMPARTMENTS, Facts, Label, Said, SchemaRefused
from tests.personas import CONTROLS, FULL_FACTS, everything
from tests.units.test_schemas_models import EXAMPLES, MODELS, top_level

BY_VALIDATORS = ("changes nothing", "both added and removed", "not a spelling of this scheme", "a pseudonym")
"""What the models' own validators refuse, which no JSON Schema says."""

visible = st.characters(exclude_categories=["Cc", "Cf", "Co", "Cs", "Zl", "Zp"])


def any_text(schema: dict[str, Any]) -> st.SearchStrategy[str]:
    """Texts that fit a JSON Schema."""
    if schema.get("format") == "date":
        return st.dates().map(lambda day: day.isoformat())
    if schema.get("format") == "date-time":
        moments = st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(2100, 1, 1))  # noqa: DTZ001
        return moments.map(lambda moment: moment.replace(microsecond=0).isoformat() + "Z")
    if "pattern" in schema:
        longest = schema.get("maxLength", 200)
        matching = st.from_regex(schema["pattern"], fullmatch=True)
        return matching.filter(lambda text: len(text) <= longest and text.isascii())
    return st.text(visible, min_size=schema["minLength"], max_size=min(schema["maxLength"], 30))


def any_json(schema: dict[str, Any], definitions: dict[str, Any]) -> st.SearchStrategy[Any]:
    """JSON values that fit a JSON Schema as pydantic writes it for our models."""
    if "$ref" in schema:
        return any_json(definitions[schema["$ref"].rsplit("/", 1)[1]], definitions)
    if "anyOf" in schema:
        return st.one_of([any_json(choice, definitions) for choice in schema["anyOf"]])
    if "enum" in schema:
        return st.sampled_from(list(schema["enum"]))
    if "properties" in schema:
        members = {name: any_json(member, definitions) for name, member in schema["properties"].items()}
        required = {name: members.pop(name) for name in schema.get("required", ())}
        return st.fixed_dictionaries(required, optional=members)
    simple: dict[str, Callable[[], st.SearchStrategy[Any]]] = {
        "null": st.none,
        "boolean": st.booleans,
        "integer": lambda: st.integers(
            schema["minimum"], schema["maximum"] if "maximum" in schema else schema["exclusiveMaximum"] - 1
        ),
        "string": lambda: any_text(schema),
        "array": lambda: st.lists(
            any_json(schema["items"], definitions), min_size=schema.get("minItems", 0), max_size=3, unique_by=json.dumps
        ),
    }
    return simple[schema["type"]]()


def any_of(model: type[Said]) -> st.SearchStrategy[Any]:
    """JSON values that fit a model, but for what its own validators add."""
    schema = model.model_json_schema()
    return any_json(schema, schema.get("$defs", {}))


def holds(written: Any, came: Any) -> bool:
    """Whether all that *came* is in *written*; null says no more than leaving out."""
    match written, came:
        case dict(), dict():
            return all(name in written and holds(written[name], came[name]) for name in came if came[name] is not None)
        case list(), list():
            return len(written) == len(came) and all(map(holds, written, came))
        case _:
            return bool(written == came)


ANY = {model: any_of(model) for model in MODELS}


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(data=st.data())
def test_what_is_written_is_read_back_as_it_was(model: type[Said], data: st.DataObject) -> None:
    value = data.draw(ANY[model])
    try:
        said = model.from_bytes(json.dumps(value).encode())
    except SchemaRefused as error:
        assume(not any(problem.endswith(BY_VALIDATORS) for problem in error.problems))
        raise

    assert model.from_bytes(said.to_bytes()) == said
    assert model.from_bytes(said.to_bytes()).to_bytes() == said.to_bytes()
    assert model.of(**{name: getattr(said, name) for name in model.model_fields}) == said
    assert holds(json.loads(said.to_bytes()), value)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_example_is_read_back_as_it_was(model: type[Said]) -> None:
    example = EXAMPLES[model]

    assert model.from_bytes(example.to_bytes()) == example


def test_white_space_and_the_order_of_members_are_the_senders_affair() -> None:
    data = FULL_FACTS.to_bytes()
    pretty = json.dumps(dict(reversed(json.loads(data).items())), indent=2).encode()

    assert Facts.from_bytes(pretty) == FULL_FACTS
    assert Facts.from_bytes(pretty).to_bytes() == data


@pytest.mark.parametrize(("given_as", "read_as"), list(permutations(COMPARTMENTS, 2)), ids=str)
def test_no_compartment_is_taken_for_another(given_as: Label, read_as: Label) -> None:
    with pytest.raises(SchemaRefused):
        COMPARTMENTS[read_as].from_bytes(everything()[given_as].to_bytes())


@pytest.mark.parametrize("given_as", COMPARTMENTS, ids=str)
@settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_no_compartment_is_taken_for_another_whatever_stands_in_it(given_as: Label, data: st.DataObject) -> None:
    written = json.dumps(data.draw(ANY[COMPARTMENTS[given_as]])).encode()

    for model in top_level():
        if model is not COMPARTMENTS[given_as]:
            with pytest.raises(SchemaRefused):
                model.from_bytes(written)


def test_neither_facts_nor_what_speaks_to_the_hub_is_taken_for_a_compartment() -> None:
    for said, model in product((FULL_FACTS, *CONTROLS.values()), COMPARTMENTS.values()):
        with pytest.raises(SchemaRefused):
            model.from_bytes(said.to_bytes())
    for said in (*CONTROLS.values(), *everything().values()):
        with pytest.raises(SchemaRefused):
            Facts.from_bytes(said.to_bytes())


def test_one_control_event_is_taken_for_another_in_three_cases_which_the_signed_kind_decides() -> None:
    controls = {name: CATALOGUE[name].models[Label.CONTROL] for name in CONTROLS}
    taken = []
    for (name, said), (other, model) in product(CONTROLS.items(), controls.items()):
        try:
            model.from_bytes(said.to_bytes())
        except SchemaRefused:
            continue
        taken.append((name, other))

    # A tag is spelt like the name of a desk, so what tags a case reads as what changes its team; and whoever has read a
    # letter names it alike, whether it was for them or not. The signed head says which of them it is, so nobody but
    # the publisher can choose.
    assert {pair for pair in taken if pair[0] != pair[1]} == {
        ("case.tagged", "case.team_changed"),
        ("letter.acknowledged", "letter.returned"),
        ("letter.returned", "letter.acknowledged"),
    }
    assert {name for name, other in taken if name == other} == set(CONTROLS)
