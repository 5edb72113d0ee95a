"""A refusal names fields and never a value: its text travels to logs, traces and quarantine, with the errors behind it.

LIMIT: the frames of a traceback hold the bytes that were read. Whoever logs local variables logs what was said.
"""

import json
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pydantic import ValidationError

from schemas import CATALOGUE, Facts, Kind, Label, PersonKey, PersonScheme, Said, SchemaRefused, check_agreement
from tests.personas import BLACKBURN, CANARIES, PEOPLE, PRESTON, canaries_in, compartments, everything, facts, person
from tests.units.test_schemas_models import EXAMPLES, MODELS, SPOTS, Spot, read, written

CANARY = PEOPLE[0].family
BROKEN: tuple[Any, ...] = (
    CANARY,
    f"{CANARY}\x00",
    CANARY * 500,
    [CANARY],
    [f"{CANARY}\u202e"],
    [CANARY * 500] * 300,
    {CANARY: CANARY},
    {"given": {CANARY: [CANARY]}},
    [{CANARY: CANARY}],
    f"{CANARY}\ud800",
)


def behind(error: BaseException | None) -> Iterator[BaseException]:
    """An error, and every error that can be reached from it."""
    while error is not None:
        yield error
        if error.__cause__ is not None and error.__context__ not in (None, error.__cause__):
            yield from behind(error.__context__)
        error = error.__cause__ or error.__context__


def shown(error: BaseException) -> str:
    """All that a log, a trace or a careless `repr` could show of an error."""
    texts = traceback.format_exception(error)
    for one in behind(error):
        texts += [str(one), repr(one), repr(one.args), repr(vars(one))]
        if isinstance(one, ValidationError):
            texts.append(repr(one.errors()))
        texts += [repr(getattr(one, held, None)) for held in ("doc", "object", "input")]
    return "\n".join(texts)


def refusal(act: Callable[[], object]) -> str | None:
    """What a refusal shows; None if nothing was refused."""
    try:
        act()
    except SchemaRefused as error:
        return shown(error)
    return None


@pytest.mark.parametrize("spot", SPOTS, ids=str)
def test_a_refusal_to_read_shows_nothing_of_the_value(spot: Spot) -> None:
    refusals = [refusal(lambda value=value: spot.read_with(value)) for value in BROKEN]  # type: ignore[misc]

    assert sum(text is not None for text in refusals) >= len(BROKEN) - 2
    for text in refusals:
        assert canaries_in((text or "").encode()) == []


@pytest.mark.parametrize("spot", SPOTS, ids=str)
def test_a_refusal_to_make_shows_nothing_of_the_value(spot: Spot) -> None:
    for value in (*BROKEN[:-1], (CANARY.encode(),), {CANARY}, object()):
        text = refusal(lambda value=value: spot.model.of(**spot.fields_with(value)))  # type: ignore[misc]

        assert canaries_in((text or "").encode()) == []


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_the_name_of_an_unknown_member_is_repeated_only_if_it_could_be_a_fields(model: type[Said]) -> None:
    names = {CANARY, f"x {CANARY}", "x\ny", "01632 960101", "\x1b[31mred", "a" * 41, "Team", "", "é", "x`y"}

    for name in names:
        with pytest.raises(SchemaRefused) as refused:
            read(model, {**written(model), name: 1})
        assert refused.value.problems == ("`?` extra forbidden",)
        assert canaries_in(shown(refused.value).encode()) == []
        assert len(str(refused.value).splitlines()) == 1
    with pytest.raises(SchemaRefused, match="`team_of_9` extra forbidden"):
        read(model, {**written(model), "team_of_9": CANARY})
    with pytest.raises(SchemaRefused) as refused:
        model.of(**{CANARY: 1})
    assert canaries_in(shown(refused.value).encode()) == []


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_a_refusal_of_bytes_that_are_no_json_shows_none_of_them(model: type[Said]) -> None:
    data = EXAMPLES[model].to_bytes() if model is not Facts else json.dumps({"name": CANARY}).encode()
    for broken in (
        CANARY.encode(),
        b"\xff" + CANARY.encode(),
        b'{"' + CANARY.encode() + b'":NaN}',
        b'{"' + CANARY.encode() + b'":1,"' + CANARY.encode() + b'":2}',
        b'{"name":"' + CANARY.encode() + b'\\ud800"}',
        b"[" * 20 + b'"' + CANARY.encode() + b'"' + b"]" * 20,
        data[:-1],
        data + b"\xff",
        data + data,
        data[:-1] + b"," + data[1:],
        b"\xef\xbb\xbf" + data,
    ):
        text = refusal(lambda broken=broken: model.from_bytes(broken))  # type: ignore[misc]

        assert text is not None
        assert canaries_in(text.encode()) == []


@pytest.mark.parametrize("label", everything(), ids=str)
def test_a_compartment_read_as_another_shows_nothing_of_itself(label: Label) -> None:
    data = everything()[label].to_bytes()
    for model in MODELS:
        if model is not type(everything()[label]):
            text = refusal(lambda model=model: model.from_bytes(data))  # type: ignore[misc]

            assert text is not None
            assert canaries_in(text.encode()) == []


def test_nothing_is_shown_of_a_person_or_a_place_that_does_not_agree() -> None:
    opened = compartments(Label.IDENTITY, Label.ADDRESS, district=BLACKBURN, person=person(1))

    text = refusal(lambda: check_agreement(facts(area=PRESTON), opened))

    assert text is not None
    assert canaries_in(text.encode(), [*CANARIES, PRESTON, BLACKBURN]) == []


def test_nothing_is_shown_of_facts_that_do_not_fit_their_kind() -> None:
    text = refusal(lambda: CATALOGUE["rso.address_changed"].check(facts(), frozenset()))

    assert text is not None
    assert canaries_in(text.encode()) == []


@pytest.mark.parametrize("kind", [kind for kind in CATALOGUE.values() if kind.fields], ids=lambda kind: kind.name)
def test_nothing_is_shown_of_a_compartment_whose_key_facts_are_not_filled_in(kind: Kind) -> None:
    full = everything()
    least = {
        label: full[label].model_copy(update=dict.fromkeys(names)) for label, names in kind.fields.items() if names
    }

    text = refusal(lambda: kind.check_fields({**full, **least}))

    assert text is not None
    assert canaries_in(text.encode()) == []


def test_an_error_is_one_line_and_says_which_model_it_was() -> None:
    with pytest.raises(SchemaRefused) as refused:
        PersonKey.of(scheme=PersonScheme.PNC, identifier="99/0000001A\n")

    assert str(refused.value) == "`PersonKey` refused: `identifier` string pattern mismatch"
    assert refused.value.__cause__ is None
    assert refused.value.__context__ is None
