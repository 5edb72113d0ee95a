"""The words that policies may use are those of the schemas room, no more and no fewer."""

import re
from collections.abc import Iterable
from dataclasses import fields

import pytest

from policies import TELLABLE, Bundle, Reach
from schemas import CATALOGUE, COMPARTMENTS, AgencyClass, DeskType, Label, Tag

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
        ("Kind", [kind.name for kind in CATALOGUE.values() if not kind.control]),
    ],
)
def test_an_enumeration_equals_that_of_the_schemas(entity: str, words: Iterable[str]) -> None:
    assert sorted(names(rf"entity {entity} enum \[(.*?)\];")) == sorted(words)


def test_there_is_one_action_for_each_compartment_but_contact() -> None:
    actions = set(re.findall(r'action "open_(\w+)"', RENDERED))

    assert actions == {label.value for label in COMPARTMENTS} - {"contact"}
    assert Bundle.load().openable == set(TELLABLE) == set(COMPARTMENTS) - {Label.CONTACT}


def test_every_compartment_has_a_ceiling() -> None:
    ceilings = {policy_id for policy_id in Bundle.load().guards if policy_id.startswith("guard.ceiling.")}

    assert ceilings == {f"guard.ceiling.{label}" for label in TELLABLE}


def test_the_reach_of_the_schema_is_the_reach_that_the_hub_computes() -> None:
    found = re.search(r"type Reach = \{(.*?)\};", RENDERED, re.DOTALL)

    assert found is not None
    assert dict(re.findall(r"(\w+): (\w+)", found[1])) == {bit.name: "Bool" for bit in fields(Reach)}
