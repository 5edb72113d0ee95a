"""The words that policies may use are those of the schemas room, no more and no fewer."""

import re
from collections.abc import Iterable
from dataclasses import fields

import pytest

from policies import TELLABLE, Bundle, Reach
from policies.lints import OBTAINABLE
from schemas import CATALOGUE, COMPARTMENTS, AgencyClass, Consent, DeskType, Label, Tag

# As Cedar writes it: without comments, one style, `entity Tag enum ["…", "…"];`.
RENDERED = str(Bundle.load().schema)


def names(pattern: str) -> list[str]:
    found = re.search(pattern, RENDERED, re.DOTALL)
    assert found is not None
    return re.findall(r'"([^"]+)"', found[1])


@pytest.mark.parametrize(
    ("entity", "words"),
    [
        ("AgencyClass", AgencyClass),
        ("DeskType", DeskType),
        ("Tag", Tag),
        ("Consent", Consent),
        ("Kind", [kind.name for kind in CATALOGUE.values() if not kind.control]),
    ],
)
def test_an_enumeration_equals_that_of_the_schemas(entity: str, words: Iterable[str]) -> None:
    assert sorted(names(rf"entity {entity} enum \[(.*?)\];")) == sorted(words)


def test_there_is_one_action_for_each_compartment_but_contact() -> None:
    actions = set(re.findall(r'action "open_(\w+)"', RENDERED))

    assert actions == {label.value for label in COMPARTMENTS} - {"contact"}
    assert Bundle.load().openable == set(TELLABLE) == set(COMPARTMENTS) - {Label.CONTACT}


def test_every_compartment_but_the_counts_is_of_a_person() -> None:
    groups = dict(re.findall(r'action "open_(\w+)" in \[Action::"(\w+)"\]', RENDERED))

    assert {label for label, group in groups.items() if group == "of_a_person"} == set(TELLABLE) - {Label.AGGREGATE}
    assert groups[Label.AGGREGATE] == "receive"
    assert re.search(r'action "of_a_person" in \[Action::"receive"\]', RENDERED)


@pytest.mark.parametrize("name", sorted(OBTAINABLE))
def test_what_can_be_obtained_is_a_fact_of_the_notification(name: str) -> None:
    assert re.search(rf"\b{name}: (Bool|Tellwise::Consent|Consent)\b", RENDERED)


def test_every_compartment_has_a_ceiling() -> None:
    ceilings = {policy_id for policy_id in Bundle.load().guards if policy_id.startswith("guard.ceiling.")}

    assert ceilings == {f"guard.ceiling.{label}" for label in TELLABLE}


def test_the_reach_of_the_schema_is_the_reach_that_the_hub_computes() -> None:
    found = re.search(r"type Reach = \{(.*?)\};", RENDERED, re.DOTALL)

    assert found is not None
    assert dict(re.findall(r"(\w+): (\w+)", found[1])) == {bit.name: "Bool" for bit in fields(Reach)}
