"""The catalogue: who may publish each kind, and what it carries. What is missing or foreign is refused and named.

The table is copied by hand from the study, sections 2.2, 3.6 and the list of publishers, apart from the code.
"""

import dataclasses
import importlib
import pkgutil
from typing import Any, NamedTuple

import pytest

import schemas.kinds
from schemas import CATALOGUE, COMPARTMENTS, DeskType, Kind, Label, SchemaRefused, UnknownKind, kind_of
from schemas.compartments import Contact
from schemas.facts import Facts
from tests.personas import BLACKBURN, PRESTON, facts


class Row(NamedTuple):
    """A line of the study."""

    publishers: str
    required: str
    optional: str = ""
    area: bool = False
    area_old: bool = False
    by_team: bool = False


RESPONSIBLE = "police probation prison victim_liaison recall_unit"
ROWS = {
    "rso.address_changed": Row(
        publishers="police",
        required="identity address status",
        optional="description vehicle offence risk_summary risk_detail conditions household employment digital"
        " financial intelligence",
        area=True,
        area_old=True,
    ),
    "offender.resides_in_area": Row(
        publishers="police probation",
        required="identity offence status",
        optional="description vehicle address location_hint risk_summary risk_detail conditions household employment"
        " digital",
        area=True,
    ),
    "case.opened": Row(publishers="police probation prison", required="control"),
    "case.team_changed": Row(publishers=RESPONSIBLE, required="control", by_team=True),
    "case.tagged": Row(publishers=RESPONSIBLE, required="control", by_team=True),
    "case.assessed": Row(publishers=RESPONSIBLE, required="control", by_team=True),
    "letter.acknowledged": Row(publishers=" ".join(DeskType), required="control"),
}

by_kind = pytest.mark.parametrize("kind", CATALOGUE.values(), ids=lambda kind: kind.name)


def fitting(kind: Kind, **changed: Any) -> Facts:
    """Facts that the kind takes, but for what is *changed*."""
    areas = {"area": BLACKBURN if kind.area else None, "area_old": PRESTON if kind.area_old else None}
    return facts(**{**areas, **changed})


def least(kind: Kind) -> frozenset[Label]:
    """The fewest compartments that the kind takes."""
    return kind.required | {Label.CONTACT}


def problems(kind: Kind, said: Facts, labels: frozenset[Label]) -> tuple[str, ...]:
    """What is wrong with a notification."""
    with pytest.raises(SchemaRefused) as refused:
        kind.check(said, labels)
    assert str(refused.value).startswith(f"`{kind.name}` refused: ")
    return refused.value.problems


def test_the_kinds_are_those_of_the_study_and_each_stands_in_the_catalogue_once() -> None:
    modules = [
        importlib.import_module(f"schemas.kinds.{module.name}")
        for module in pkgutil.iter_modules(schemas.kinds.__path__)
    ]
    defined = [value for module in modules for value in vars(module).values() if isinstance(value, Kind)]

    assert set(CATALOGUE) == set(ROWS)
    assert sorted(kind.name for kind in defined) == sorted(CATALOGUE)
    assert all(CATALOGUE[kind.name] is kind for kind in defined)


@by_kind
def test_a_kind_is_published_by_whom_and_carries_what_the_study_says(kind: Kind) -> None:
    row = ROWS[kind.name]

    assert kind.publishers == set(map(DeskType, row.publishers.split()))
    assert kind.required == set(map(Label, row.required.split()))
    assert set(kind.models) == {Label.CONTACT, *map(Label, row.required.split()), *map(Label, row.optional.split())}
    assert (kind.area, kind.area_old, kind.by_team) == (row.area, row.area_old, row.by_team)
    assert kind.version == 1


@by_kind
def test_every_kind_has_publishers_and_a_model_for_each_label_that_it_requires(kind: Kind) -> None:
    assert kind.publishers
    assert kind.required
    assert least(kind) <= set(kind.models)
    assert Label.CONTACT not in kind.required
    assert kind.models[Label.CONTACT] is Contact
    assert not {Label.FACTS, Label.COVER} & set(kind.models)


@by_kind
def test_only_a_control_kind_speaks_to_the_hub_and_it_tells_desks_nothing(kind: Kind) -> None:
    if kind.control:
        assert set(kind.models) == {Label.CONTACT, Label.CONTROL}
        assert not kind.area
        assert not kind.area_old
    else:
        assert Label.CONTROL not in kind.models
        assert all(COMPARTMENTS[label] is model for label, model in kind.models.items())
        assert not kind.by_team


@by_kind
def test_a_notification_that_carries_what_its_kind_asks_for_passes(kind: Kind) -> None:
    kind.check(fitting(kind), least(kind))
    kind.check(fitting(kind), frozenset(kind.models))
    for optional in set(kind.models) - least(kind):
        kind.check(fitting(kind), least(kind) | {optional})


@by_kind
def test_a_missing_compartment_is_named(kind: Kind) -> None:
    for label in least(kind):
        assert problems(kind, fitting(kind), least(kind) - {label}) == (f"compartment `{label}` missing",)
        assert problems(kind, fitting(kind), frozenset(kind.models) - {label}) == (f"compartment `{label}` missing",)


@by_kind
def test_a_foreign_compartment_is_named(kind: Kind) -> None:
    foreign = set(Label) - set(kind.models)

    assert {Label.FACTS, Label.COVER} <= foreign
    for label in foreign:
        assert problems(kind, fitting(kind), least(kind) | {label}) == (f"compartment `{label}` unknown to this kind",)


@by_kind
@pytest.mark.parametrize("fact", ["area", "area_old"])
def test_a_district_is_named_where_the_kind_asks_for_it_and_nowhere_else(kind: Kind, fact: str) -> None:
    wanted = getattr(kind, fact)
    changed = fitting(kind, **{fact: None if wanted else BLACKBURN})

    assert problems(kind, changed, least(kind)) == (f"fact `{fact}` {'missing' if wanted else 'unknown to this kind'}",)


@by_kind
def test_no_kind_corrects_another_yet(kind: Kind) -> None:
    changed = fitting(kind, corrects="CCCCCCCCCCCCCCCCCCCCCA")

    assert problems(kind, changed, least(kind)) == ("fact `corrects` unknown to this kind",)


@by_kind
def test_all_that_is_wrong_is_named_at_once(kind: Kind) -> None:
    changed = fitting(kind, area=None if kind.area else BLACKBURN)

    found = problems(kind, changed, frozenset({Label.COVER}))

    assert len(found) == len(least(kind)) + 2


@pytest.mark.parametrize(
    "name",
    ["", "rso.adress_changed", "RSO.address_changed", "rso.address_changed ", "rso", "rso.address_changed.2", "*"],
)
def test_an_unknown_kind_is_an_error(name: str) -> None:
    with pytest.raises(UnknownKind):
        kind_of(name)


def test_an_unknown_kind_is_named_up_to_a_length() -> None:
    with pytest.raises(UnknownKind) as refused:
        kind_of("x" * 10_000)

    assert str(refused.value) == f"unknown kind `{'x' * 80}`"


@pytest.mark.parametrize("name", ["case.team_changed", "case.tagged"])
def test_a_case_event_that_contradicts_itself_or_changes_nothing_is_refused(name: str) -> None:
    event = CATALOGUE[name].models[Label.CONTROL]
    word = "supervised" if name == "case.tagged" else "preston-housing"

    event.from_bytes(f'{{"add":["{word}"]}}'.encode())
    event.from_bytes(f'{{"remove":["{word}"]}}'.encode())
    with pytest.raises(SchemaRefused, match="`value` both added and removed"):
        event.from_bytes(f'{{"add":["{word}"],"remove":["{word}"]}}'.encode())
    with pytest.raises(SchemaRefused, match="`value` changes nothing"):
        event.from_bytes(b'{"add":[]}')


@by_kind
def test_a_kind_is_found_by_its_name_and_cannot_be_changed(kind: Kind) -> None:
    assert kind_of(kind.name) is kind
    with pytest.raises(dataclasses.FrozenInstanceError):
        kind.publishers = frozenset(DeskType)  # type: ignore[misc]


def test_every_compartment_but_those_of_the_hub_has_a_model() -> None:
    assert set(COMPARTMENTS) == set(Label) - {Label.FACTS, Label.COVER, Label.CONTROL}
