"""Every model that the catalogue can reach, with a value of it in which every field is filled.

The other tests of the schemas make their cases from these, so a new field or a new model is tested on the day it comes.
"""

import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Any, NamedTuple, TypeVar, get_args

import pytest
from pydantic import ValidationError

from schemas import CATALOGUE, Facts, Label, Said, SchemaRefused
from tests.personas import CONTROLS, FULL_FACTS, everything

AnySaid = TypeVar("AnySaid", bound=Said)


def top_level() -> list[type[Said]]:
    """What is sealed or signed as a whole: the facts, and each compartment of each kind."""
    models = (model for kind in CATALOGUE.values() for model in kind.models.values())
    return list(dict.fromkeys([Facts, *models]))


def within(annotation: Any) -> Iterator[type[Said]]:
    """The models that an annotation names, and those that their fields name."""
    if isinstance(annotation, type) and issubclass(annotation, Said):
        yield annotation
        for field in annotation.model_fields.values():
            yield from within(field.annotation)
    for argument in get_args(annotation):
        yield from within(argument)


MODELS = list(dict.fromkeys(found for model in top_level() for found in within(model)))


def values_within(value: Any) -> Iterator[Said]:
    """The value, and the values in its fields."""
    match value:
        case Said():
            yield value
            for name in type(value).model_fields:
                yield from values_within(getattr(value, name))
        case tuple():
            for item in value:
                yield from values_within(item)


EXAMPLES: dict[type[Said], Said] = {
    type(said): said
    for whole in (FULL_FACTS, *everything().values(), *CONTROLS.values())
    for said in values_within(whole)
}


class Spot(NamedTuple):
    """A field of a model, or the first item of a field that is a list."""

    model: type[Said]
    field: str
    item: int | None = None

    def __str__(self) -> str:
        place = "" if self.item is None else f".{self.item}"
        return f"{self.model.__name__}.{self.field}{place}"

    @property
    def path(self) -> str:
        """How a refusal names it."""
        return self.field if self.item is None else f"{self.field}.{self.item}"

    @property
    def value(self) -> Any:
        """What stands there in the example."""
        found = getattr(EXAMPLES[self.model], self.field)
        return found if self.item is None else found[self.item]

    @property
    def nullable(self) -> bool:
        """Whether it may be left without a value."""
        return self.item is None and type(None) in get_args(self.model.model_fields[self.field].annotation)

    def json_with(self, value: Any) -> dict[str, Any]:
        """The example's JSON with another value here."""
        changed = deepcopy(written(self.model))
        if self.item is None:
            changed[self.field] = value
        else:
            changed[self.field][self.item] = value
        return changed

    def fields_with(self, value: Any) -> dict[str, Any]:
        """The example's typed fields with another value here."""
        example = EXAMPLES[self.model]
        fields = {name: getattr(example, name) for name in self.model.model_fields}
        fields[self.field] = value if self.item is None else (value, *fields[self.field][1:])
        return fields

    def read_with(self, value: Any) -> Said:
        """Read the example with another value here."""
        return read(self.model, self.json_with(value))


def written(model: type[Said]) -> dict[str, Any]:
    """The example of a model as JSON."""
    value: dict[str, Any] = json.loads(EXAMPLES[model].to_bytes())
    return value


def read(model: type[AnySaid], value: Any) -> AnySaid:
    """Read a model from anything that JSON can write."""
    return model.from_bytes(json.dumps(value).encode("utf-8"))


def problems(model: type[Said], value: Any) -> tuple[str, ...]:
    """What is wrong with a value."""
    with pytest.raises(SchemaRefused) as refused:
        read(model, value)
    found = refused.value.problems
    assert str(refused.value) == f"`{model.__name__}` refused: " + "; ".join(found)
    # A list whose only item is refused is also too short, says pydantic.
    return tuple(problem for problem in found if not problem.endswith("` too short")) or found


SPOTS = [
    spot
    for model in MODELS
    for name in model.model_fields
    for spot in (
        Spot(model, name),
        *([Spot(model, name, 0)] if isinstance(getattr(EXAMPLES.get(model), name, None), tuple) else []),
    )
]
TEXTS = [spot for spot in SPOTS if type(spot.value) is str]
"""Where a text stands that is no word of an enumeration."""


def test_every_model_has_an_example_with_every_field_filled() -> None:
    assert set(EXAMPLES) == set(MODELS)
    for model in MODELS:
        assert set(written(model)) == set(model.model_fields)
        assert all(written(model)[name] not in ([], None) for name in model.model_fields)


def test_every_compartment_has_a_model_of_its_own_and_some_kind_that_carries_it() -> None:
    told = [type(said) for said in everything().values()]

    assert len(set(told)) == len(told)
    assert set(told) <= {model for kind in CATALOGUE.values() for model in kind.models.values()}


@pytest.mark.parametrize("spot", SPOTS, ids=str)
def test_a_value_cannot_be_changed_after_it_was_checked(spot: Spot) -> None:
    example = EXAMPLES[spot.model]
    before = example.to_bytes()

    with pytest.raises(ValidationError, match="frozen"):
        setattr(example, spot.field, spot.value)
    with pytest.raises(ValidationError, match="frozen"):
        delattr(example, spot.field)
    with pytest.raises((ValidationError, ValueError)):
        example.unheard_of = 1  # type: ignore[attr-defined]
    assert example.to_bytes() == before
    assert hash(example) == hash(type(example).from_bytes(before))
    if spot.item is not None:
        assert isinstance(getattr(example, spot.field), tuple)


WIRE = {
    "Facts": "person purpose seq | area area_old addressed attendees corrects flags risk_rises urgency traceparent",
    "PersonKey": "scheme identifier |",
    "Contact": "role telephone | case_reference",
    "PersonName": "given family |",
    "Identity": "names date_of_birth | aliases identifiers",
    "Description": "appearance | height_cm shoe_size",
    "VehicleUsed": "registration make_and_colour |",
    "Vehicle": "vehicles |",
    "Address": "lines district lives_there_from | postcode kind",
    "LocationHint": "district |",
    "Offence": "summary against_child |",
    "RiskSummary": "level to_whom mappa_category mappa_level | previous_level changed_on",
    "Assessment": "tool version assessed_on score | assessor_role",
    "RiskDetail": "assessments triggers plan |",
    "Meeting": "kind held_on chair |",
    "Travel": "country leaves_on | returns_on",
    "Threat": "against how_soon source_reliability |",
    "Alert": "kind at |",
    "Programme": "name result assessor_role |",
    "Transfer": "from_agency to_agency |",
    "Status": "event state effective_on |"
    " next_due_on reasons establishment establishment_before sentence_months return_ground missing_since detained"
    " approved needed continued_by record_number visit_on issued_at meeting travel threat alert programme transfer",
    "Term": "kind text |",
    "Order": "type court made_on | until",
    "Breach": "at facts |",
    "Conditions": "terms | order breach work_excluded",
    "HouseholdMember": "name relation under_18 |",
    "Household": "members |",
    "Employment": "work |",
    "Digital": "devices |",
    "Financial": "items |",
    "Intelligence": "reports |",
    "VictimPerson": "name | telephone address",
    "Victim": "people | in_scheme wishes",
    "Health": "summary |",
    "Minutes": "held_on text | victim_safety",
    "Count": "line number |",
    "Aggregate": "counts rule_version period_from period_to cut_off |",
    "Correction": "was_wrong is_right delete |",
    "CaseOpened": "team tags risk level category forces |",
    "TeamChanged": "| add remove",
    "CaseTagged": "| add remove",
    "CaseAssessed": "risk level |",
    "ConsentRecorded": "patient | caldicott_authority",
    "PersonLinked": "other |",
    "LetterAcknowledged": "letter part by |",
    "LetterReturned": "letter part by |",
}


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_the_members_on_the_wire_are_those_that_were_published(model: type[Said]) -> None:
    required, optional = (part.split() for part in WIRE[model.__name__].split("|"))

    # Fields are only added, with a default. One that is missing here, or newly required, is a new version of its kind.
    assert {name for name, field in model.model_fields.items() if field.is_required()} == set(required)
    assert {name for name, field in model.model_fields.items() if not field.is_required()} >= set(optional)


def test_no_model_was_taken_away() -> None:
    assert {model.__name__ for model in MODELS} >= set(WIRE)


def test_the_bytes_of_a_value_are_these() -> None:
    assert FULL_FACTS.to_bytes() == (
        b'{"addressed":["preston-housing"],"area":"E06000008","area_old":"E07000123","attendees":["lancashire-probation"],'
        b'"corrects":"CCCCCCCCCCCCCCCCCCCCCA","flags":["child_related"],"person":{"identifier":"99/0000001A",'
        b'"scheme":"pnc"},"purpose":"public_protection","risk_rises":true,"seq":1,'
        b'"traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01","urgency":"urgent"}'
    )
    assert everything()[Label.RISK_SUMMARY].to_bytes() == (
        b'{"changed_on":"2026-01-04","level":"high","mappa_category":1,"mappa_level":2,"previous_level":"medium",'
        b'"to_whom":["children whom Synthetic-Onyx does not know"]}'
    )
    assert everything()[Label.ADDRESS].to_bytes() == (
        b'{"district":"E07000123","kind":"home","lines":["901 Nowhere House","1 Invented-Onyx Street"],'
        b'"lives_there_from":"2026-01-12","postcode":"ZZ99 3VZ"}'
    )
