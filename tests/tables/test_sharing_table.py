"""The page for people who do not program is true: it is made from the policies, and each line is what Cedar decides."""

import re
from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cedarpy
import pytest
from cedarpy import pst

from policies import TELLABLE, Bundle, Engine, Open, Reach
from policies.sharing_table import FACTS, REACH, RETENTION, TAGS, URGENCY, Unsayable, sharing_table
from policies.slices import Slices
from schemas import CATALOGUE, DeskType, Retention, Tag, Urgency
from tests.tables.rules_2026 import RULES, Rule
from tests.tables.test_rules_2026 import desk, saying

PAGE = Path(__file__).parents[2] / "docs" / "sharing-table.md"
BUNDLE = Bundle.load()
MADE = sharing_table(BUNDLE)
RENEW = "python -m policies.sharing_table > docs/sharing-table.md"


def lines(page: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The kind and the cells of every line of the tables by kind."""
    kind = ""
    for line in page.splitlines():
        if line.startswith("#"):
            kind = line.removeprefix("### ") if line.startswith("### ") else ""
        elif kind and line.startswith("| ") and not line.startswith(("| desk type", "| ---")):
            yield kind, tuple(cell.strip() for cell in line.strip("|").split("|"))


def test_the_page_is_that_of_the_policies() -> None:
    assert PAGE.read_text("utf-8") == MADE, f"renew it with `{RENEW}`"
    assert RENEW in PAGE.read_text("utf-8")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_each_line_is_what_cedar_decides(rule: Rule) -> None:
    engine = Engine(BUNDLE)
    (ground,) = [ground for ground in BUNDLE.grounds.values() if f"study, rule {rule.id}" in ground.sources]
    stated = replace(saying(rule.kind, set(rule.conditions), frozenset(TELLABLE)), caldicott_authority=True)
    said = {cells[0]: cells[1:] for kind, cells in lines(MADE) if kind == rule.kind and ground.id in cells[5]}

    assert said
    for desk_type, (_, told, urgency, retention, _) in said.items():
        candidate = desk(DeskType(desk_type), Reach(**{rule.reach: True}))
        outcomes = engine.decide(stated, [candidate]).outcomes[candidate.desk]
        opened = [label for label, outcome in outcomes.items() if isinstance(outcome, Open)]
        assert [word.split(" ")[0] for word in told.split(", ")] == opened
        assert (urgency, retention) == (rule.urgency, rule.retention)


def test_every_kind_and_every_type_of_desk_has_its_place() -> None:
    by_type = dict(re.findall(r"^- \*\*(\w+)\*\*: (.*)$", MADE, re.MULTILINE))

    assert {kind for kind, _ in lines(MADE)} == {kind.name for kind in CATALOGUE.values() if not kind.control}
    assert by_type.keys() == set(DeskType)
    for name, kinds in by_type.items():
        told = [kind for kind, cells in lines(MADE) if cells[0] == name]
        assert re.findall(r"\[([^]]+)\]\(#\w+\)", kinds) == list(dict.fromkeys(told))


def test_every_limit_that_is_no_list_of_desk_types_is_named() -> None:
    for policy_id, guard in BUNDLE.guards.items():
        assert (f"- {guard.reason} (`{policy_id}`)." in MADE) == (not policy_id.startswith("guard.ceiling."))


def test_there_are_words_for_everything_that_a_policy_may_ask() -> None:
    assert REACH.keys() == {bit.name for bit in fields(Reach)}
    assert TAGS.keys() == set(Tag)
    assert FACTS.keys() == {"caldicott_authority", "other_authority", "risk_rises"}
    assert RETENTION.keys() == set(Retention)
    assert URGENCY.keys() == set(Urgency)


@pytest.mark.parametrize("urgency", Urgency)
def test_the_hours_of_a_class_are_those_that_the_hub_counts(urgency: Urgency) -> None:
    monday = datetime(2026, 1, 5, 9, tzinfo=UTC)
    hours = {
        "within 15 minutes": timedelta(minutes=15),
        "within 4 hours": timedelta(hours=4),
        "within 1 working day": timedelta(days=1),
        "within 5 working days": timedelta(days=7),
    }

    by = urgency.acknowledge_by(monday)

    assert (None if by is None else by - monday) == hours.get(URGENCY[urgency])


@pytest.mark.parametrize(
    "condition",
    [
        "resource.risk <= 2",
        "!resource.risk_rises",
        "resource.tags.isEmpty()",
        "resource.level == 2",
        "principal.signed",
    ],
)
def test_a_condition_without_words_is_not_left_out(condition: str) -> None:
    asked = f'context.reach.team && resource.kind == Tellwise::Kind::"risk.changed" && {condition}'

    with pytest.raises(Unsayable, match=r"invented\.ground"):
        sharing_table(with_ground(f"when {{ {asked} }}"))
    with pytest.raises(Unsayable, match=r"invented\.ground"):
        sharing_table(with_ground("when { context.reach.team } unless { resource.risk_rises }"))


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ("(context.reach.team || context.reach.area)", "it is on the case team or it serves the district"),
        (
            "context.reach.all && resource.risk >= 4",
            "it is one of all such desks of the case's MAPPA area; and the risk is very high or above",
        ),
        (
            "context.reach.force && resource.level >= 3",
            "the district is in its force area; and the case is managed at level 3 or above",
        ),
        (
            '(resource.consent_patient == Tellwise::Consent::"given" || resource.caldicott_authority)',
            "the patient agrees or a Caldicott Guardian has recorded that the illness may be told",
        ),
    ],
)
def test_a_condition_is_said_in_words(condition: str, words: str) -> None:
    kinds = '[Tellwise::Kind::"risk.changed", Tellwise::Kind::"order.made"].contains(resource.kind)'

    page = sharing_table(with_ground(f"when {{ {condition} && {kinds} }}"))

    assert [(kind, cells[1]) for kind, cells in lines(page) if "invented.ground" in cells[5]] == [
        ("risk.changed", words),
        ("order.made", words),
    ]


def with_ground(conditions: str) -> Bundle:
    text = f"""permit (principal in Tellwise::DeskType::"dwp", action == Tellwise::Action::"open_identity", resource)
    {conditions};"""
    (policy,) = cedarpy.PolicySet.from_str(text).to_pst().static_policies.values()
    like = BUNDLE.grounds["employment.employment_risk"]
    policies: dict[str, pst.Template] = {
        **BUNDLE.slices.policies,
        "invented.ground": replace(policy, id="invented.ground"),
    }
    grounds = {**BUNDLE.grounds, "invented.ground": replace(like, id="invented.ground")}
    return replace(BUNDLE, grounds=grounds, slices=Slices(policies))


def test_a_compartment_above_the_ceiling_is_not_promised() -> None:
    by_type = {cells[0]: cells[2] for kind, cells in lines(MADE) if kind == "mapp.minutes_issued"}

    assert by_type["victim_liaison"] == by_type["recall_unit"] == "identity, risk_summary, conditions"
    assert by_type["prison"].startswith("identity, risk_summary, conditions, minutes")
