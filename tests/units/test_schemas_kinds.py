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
from schemas.kinds.kind import Need
from tests.personas import BLACKBURN, PRESTON, everything, facts


class Row(NamedTuple):
    """A line of the study."""

    publishers: str
    required: str
    fields: str = ""
    area: str = "allowed"
    area_old: str = "refused"
    corrects: str = "refused"
    by_team: bool = False


RESPONSIBLE = "police probation prison victim_liaison recall_unit"
IN_STANDING = (
    f"{RESPONSIBLE} youth_offending children_social_care adult_social_care education_authority housing_authority"
    " registered_provider nhs_provider dwp electronic_monitoring immigration nspcc victim_support"
)
EVERYBODY = f"{IN_STANDING} smb safeguarding_partnership lay_adviser"
ROWS = {
    "rso.registered": Row("police", "identity", fields="address.kind status.next_due_on", area="required"),
    "rso.address_changed": Row(
        "police", "address identity", fields="address.kind", area="required", area_old="required"
    ),
    "rso.no_fixed_abode": Row("police", "identity", fields="status.next_due_on", area="required"),
    "rso.foreign_travel": Row("police", "identity", fields="status.travel"),
    "rso.whereabouts_unknown": Row("police", "identity", fields="status.missing_since"),
    "rso.requirement_breached": Row("police", "identity status"),
    "offender.resides_in_area": Row("police probation", "identity offence status", area="required"),
    "risk.changed": Row(
        "nhs_provider nspcc police prison probation youth_offending",
        "risk_summary",
        fields="risk_summary.changed_on risk_summary.previous_level",
    ),
    "mappa.referred": Row(IN_STANDING, "identity", fields="status.reasons"),
    "register.entered": Row("police probation", "identity", fields="status.reasons"),
    "register.archived": Row("police probation", "identity status", fields="status.reasons"),
    "mapp.meeting_called": Row("police probation", "identity", fields="status.meeting"),
    "mapp.minutes_issued": Row("police probation", "minutes"),
    "custody.sentenced": Row("probation", "identity status", fields="status.sentence_months"),
    "custody.returned": Row("police prison probation", "status", fields="status.establishment status.return_ground"),
    "release.planned": Row("prison", "status", fields="status.establishment"),
    "release.made": Row("nhs_provider prison", "status", fields="status.establishment"),
    "prison.transferred": Row("prison", "identity status", fields="status.establishment status.establishment_before"),
    "programme.report": Row("nspcc prison probation", "identity", fields="status.programme"),
    "licence.set": Row("prison probation", "conditions"),
    "licence.breached": Row(IN_STANDING, "identity", fields="conditions.breach"),
    "recall.warrant": Row("recall_unit", "identity", fields="status.issued_at"),
    "order.made": Row("police probation", "conditions", fields="conditions.order"),
    "order.breached": Row("police probation youth_offending", "identity", fields="conditions.breach conditions.order"),
    "supervision.ended": Row("probation youth_offending", "status", fields="status.continued_by"),
    "accommodation.requested": Row("probation youth_offending", "identity", fields="status.needed"),
    "accommodation.proposed": Row("housing_authority registered_provider", "address"),
    "accommodation.decided": Row("police", "status", fields="status.approved"),
    "accommodation.allocated": Row("housing_authority registered_provider", "address"),
    "hospital.status": Row("nhs_provider", "identity status", fields="status.detained"),
    "hospital.absent": Row("nhs_provider", "identity status", fields="status.missing_since"),
    "threat.reported": Row(IN_STANDING, "identity", fields="status.threat"),
    "em.alert": Row("electronic_monitoring", "identity status", fields="status.alert"),
    "digital.alert": Row("police", "identity", fields="status.alert"),
    "polygraph.result": Row("police probation", "identity risk_detail"),
    "victim.enrolled": Row("police", "victim", fields="victim.in_scheme"),
    "victim.representation": Row("victim_liaison", "conditions", fields="victim.wishes"),
    "visit.planned": Row("probation", "status", fields="status.visit_on"),
    "disclosure.made": Row("police prison probation", "identity status", fields="status.record_number"),
    "employment.risk": Row("police probation", "identity", fields="conditions.work_excluded"),
    "csods.enquiry": Row("police", "identity"),
    "case.transferred": Row("police probation", "identity", fields="status.transfer"),
    "correction.issued": Row(IN_STANDING, "correction", corrects="required"),
    "monitoring.half_yearly": Row("police probation", "aggregate"),
    "case.opened": Row("police prison probation", "control", area="refused"),
    "case.team_changed": Row(RESPONSIBLE, "control", area="refused", by_team=True),
    "case.tagged": Row(RESPONSIBLE, "control", area="refused", by_team=True),
    "case.assessed": Row(RESPONSIBLE, "control", area="refused", by_team=True),
    "consent.recorded": Row(RESPONSIBLE, "control", area="refused", by_team=True),
    "person.linked": Row("police prison probation", "control", area="refused", by_team=True),
    "letter.acknowledged": Row(EVERYBODY, "control", area="refused"),
    "letter.returned": Row(EVERYBODY, "control", area="refused"),
}

GIVEN = {"area": BLACKBURN, "area_old": PRESTON, "corrects": "CCCCCCCCCCCCCCCCCCCCCA"}

by_kind = pytest.mark.parametrize("kind", CATALOGUE.values(), ids=lambda kind: kind.name)


def fitting(kind: Kind, **changed: Any) -> Facts:
    """Facts that the kind takes, but for what is *changed*."""
    needed = {name: value for name, value in GIVEN.items() if getattr(kind, name) is Need.REQUIRED}
    return facts(**{**needed, **changed})


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
    assert {f"{label}.{name}" for label, names in kind.fields.items() for name in names} == set(row.fields.split())
    assert (kind.area.value, kind.area_old.value, kind.corrects.value) == (row.area, row.area_old, row.corrects)
    assert kind.by_team == row.by_team
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
        assert {kind.area, kind.area_old, kind.corrects} == {Need.REFUSED}
    else:
        assert Label.CONTROL not in kind.models
        assert kind.models == COMPARTMENTS  # a publisher may fill too much: it is withheld, not refused
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
        assert f"compartment `{label}` missing" in problems(kind, fitting(kind), least(kind) - {label})
        assert problems(kind, fitting(kind), frozenset(kind.models) - {label}) == (f"compartment `{label}` missing",)


@by_kind
def test_a_foreign_compartment_is_named(kind: Kind) -> None:
    foreign = set(Label) - set(kind.models)

    assert {Label.FACTS, Label.COVER} <= foreign
    for label in foreign:
        assert problems(kind, fitting(kind), least(kind) | {label}) == (f"compartment `{label}` unknown to this kind",)


@by_kind
@pytest.mark.parametrize("fact", GIVEN)
def test_a_fact_is_there_where_the_kind_asks_for_it_and_not_where_it_means_nothing(kind: Kind, fact: str) -> None:
    match getattr(kind, fact):
        case Need.REQUIRED:
            assert problems(kind, fitting(kind, **{fact: None}), least(kind)) == (f"fact `{fact}` missing",)
        case Need.REFUSED:
            changed = fitting(kind, **{fact: GIVEN[fact]})
            assert problems(kind, changed, least(kind)) == (f"fact `{fact}` unknown to this kind",)
        case Need.ALLOWED:
            kind.check(fitting(kind, **{fact: GIVEN[fact]}), least(kind))
            kind.check(fitting(kind, **{fact: None}), least(kind))


@by_kind
def test_a_key_fact_that_is_not_filled_in_is_named(kind: Kind) -> None:
    full = everything()
    for label, names in kind.fields.items():
        for name in names:
            without = full[label].model_copy(update={name: None})
            with pytest.raises(SchemaRefused) as refused:
                kind.check_fields({**full, label: without})
            assert refused.value.problems == (f"`{label}.{name}` missing",)
    kind.check_fields(full)
    kind.check_fields({})


@by_kind
def test_all_that_is_wrong_is_named_at_once(kind: Kind) -> None:
    changed = fitting(kind, corrects=None if kind.corrects is Need.REQUIRED else "CCCCCCCCCCCCCCCCCCCCCA")

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
