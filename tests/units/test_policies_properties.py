"""For any question: what is open is what the rules say, nothing more, and never above the ceiling of the desk.

Rules and ceilings are copied here by hand from the study, apart from the policies, so that each finds the other's
mistakes.
"""

from dataclasses import replace
from importlib.resources import files
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies import TELLABLE, Bundle, Candidate, Engine, Open, Reach, Statement
from schemas import CATALOGUE, DESK_TYPES, AgencyClass, AgencyId, DeskId, DeskType, Label, Level, Risk, Tag

CEILINGS: dict[str, str] = {
    "police": "identity description vehicle address location_hint offence risk_summary risk_detail status conditions"
    " household employment digital financial intelligence",
    "probation": "identity description vehicle address location_hint offence risk_summary risk_detail status conditions"
    " household employment digital",
    "prison": "identity description offence risk_summary risk_detail status conditions",
    "victim_liaison": "identity offence status conditions risk_summary",
    "recall_unit": "identity address offence risk_summary risk_detail status conditions",
    "youth_offending": "identity address offence risk_summary risk_detail status conditions household",
    "children_social_care": "identity description address location_hint offence risk_summary status conditions"
    " household",
    "adult_social_care": "identity description address offence risk_summary status conditions",
    "education_authority": "identity description location_hint offence risk_summary conditions status",
    "housing_authority": "identity offence risk_summary status conditions",
    "registered_provider": "identity offence risk_summary status conditions",
    "nhs_provider": "identity offence risk_summary status conditions",
    "dwp": "identity offence risk_summary status conditions",
    "electronic_monitoring": "identity address offence risk_summary status conditions",
    "immigration": "identity offence risk_summary status conditions",
    "nspcc": "identity offence risk_summary risk_detail status conditions",
    "victim_support": "identity offence risk_summary status conditions",
    "smb": "",
    "safeguarding_partnership": "",
    "lay_adviser": "",
}


class Rule(NamedTuple):
    """A line of the study's table of rules."""

    kind: str
    desk_type: str
    reach: str
    tag: str | None
    other_authority: bool
    opens: str


MOVED, RESIDES, CHILDREN = "rso.address_changed", "offender.resides_in_area", "children_social_care"
TO_CHILDREN = "identity description address offence risk_summary conditions household"
TO_POLICE = "identity description vehicle address offence risk_summary risk_detail status conditions household"
RULES = {
    "probation.address_changed": Rule(MOVED, "probation", "team", "supervised", False, "identity address household"),
    "children.address_changed_in_area": Rule(MOVED, CHILDREN, "area", "child_related", False, TO_CHILDREN),
    "children.address_changed_out_of_area": Rule(MOVED, CHILDREN, "area_old", "child_related", True, "identity status"),
    "police.address_changed_in_force": Rule(
        MOVED, "police", "force", None, False, TO_POLICE + " employment digital financial intelligence"
    ),
    "children.resides_in_area": Rule(RESIDES, CHILDREN, "area", "child_related", False, TO_CHILDREN),
    "police.resides_in_force": Rule(RESIDES, "police", "force", None, False, TO_POLICE + " employment digital"),
}

ENGINE = Engine(Bundle.load())

DESK = Candidate(
    desk=DeskId("elmshire-desk"),
    agency=AgencyId("elmshire-council"),
    desk_type=DeskType.CHILDREN_SOCIAL_CARE,
    signed=True,
    suspended=False,
    reach=Reach(),
)
EVERYTHING_CARRIED = Statement(
    kind=MOVED,
    source=AgencyId("westmarch-constabulary"),
    carried=frozenset(Label),
    tags=frozenset(),
    risk=None,
    level=None,
    other_authority=False,
    risk_rises=False,
)

# The desk types of the rules come up often, or hardly anything would ever be open.
concerned = st.sampled_from([DeskType.POLICE, DeskType.PROBATION, DeskType.CHILDREN_SOCIAL_CARE])
reaches = st.builds(Reach, *[st.booleans()] * 9)
candidates = st.builds(
    Candidate,
    desk=st.uuids().map(lambda number: DeskId(f"desk-{number}")),
    agency=st.sampled_from([AgencyId("westmarch-constabulary"), AgencyId("elmshire-council")]),
    desk_type=st.one_of(concerned, concerned, st.sampled_from(DeskType)),
    signed=st.sampled_from([True, True, True, False]),
    suspended=st.sampled_from([False, False, False, True]),
    reach=reaches,
)
several = st.lists(candidates, min_size=4, max_size=8, unique_by=lambda candidate: candidate.desk)
statements = st.builds(
    Statement,
    kind=st.sampled_from([kind.name for kind in CATALOGUE.values() if not kind.control]),
    source=st.just(AgencyId("westmarch-constabulary")),
    carried=st.one_of(st.just(frozenset(Label)), st.frozensets(st.sampled_from(Label))),
    tags=st.one_of(st.just(frozenset(Tag)), st.frozensets(st.sampled_from(Tag))),
    risk=st.one_of(st.none(), st.sampled_from(Risk)),
    level=st.one_of(st.none(), st.sampled_from(Level)),
    other_authority=st.booleans(),
    risk_rises=st.booleans(),
)


def in_standing(candidate: Candidate) -> bool:
    match DESK_TYPES[candidate.desk_type].agency_class:
        case AgencyClass.RA:
            return not candidate.suspended
        case AgencyClass.DTC | AgencyClass.ASSOCIATE:
            return candidate.signed and not candidate.suspended
        case AgencyClass.OVERSIGHT:
            return False


def grounds_of(statement: Statement, candidate: Candidate, label: Label) -> tuple[str, ...]:
    return tuple(
        sorted(
            policy_id
            for policy_id, rule in RULES.items()
            if (rule.kind, rule.desk_type) == (statement.kind, candidate.desk_type)
            and getattr(candidate.reach, rule.reach)
            and (rule.tag is None or rule.tag in statement.tags)
            and (statement.other_authority or not rule.other_authority)
            and label in rule.opens.split()
        )
    )


@settings(max_examples=300, deadline=None)
@given(statements, several)
def test_what_is_open_is_what_the_rules_say(statement: Statement, asked: list[Candidate]) -> None:
    decided = ENGINE.decide(statement, asked)

    assert decided.refused == ()
    assert set(decided.outcomes) == {candidate.desk for candidate in asked}
    for candidate in asked:
        outcomes = decided.outcomes[candidate.desk]
        assert outcomes.keys() == statement.carried & set(TELLABLE)
        for label, outcome in outcomes.items():
            grounds = grounds_of(statement, candidate, label) if in_standing(candidate) else ()
            assert isinstance(outcome, Open) == bool(grounds)
            if isinstance(outcome, Open):
                assert outcome.policy_ids == grounds
                assert all(getattr(candidate.reach, RULES[policy_id].reach) for policy_id in outcome.policy_ids)
                assert label in CEILINGS[candidate.desk_type].split()


@settings(max_examples=100, deadline=None)
@given(statements, candidates)
def test_who_is_asked_with_others_is_told_what_it_is_told_alone(statement: Statement, candidate: Candidate) -> None:
    police = replace(DESK, desk_type=DeskType.POLICE, reach=Reach(area=True, team=True, force=True, all=True))

    alone = ENGINE.decide(statement, [candidate]).outcomes[candidate.desk]

    assert ENGINE.decide(statement, [police, candidate]).outcomes[candidate.desk] == alone


MISTAKEN = """
@id("mistaken.everything_to_everybody")
@reason("A mistake")
@basis("none")
@source("this test")
@urgency("flash")
@retain("case")
permit (
  principal,
  action in [{actions}],
  resource
)
when {{ context.reach.all }};
"""


@pytest.fixture(scope="module")
def mistaken() -> Engine:
    """The package's policies, and a ground that opens everything to everybody."""
    package = files("policies")
    texts = {
        f"{folder}/{entry.name}": entry.read_text("utf-8")
        for folder in ("grounds", "guards")
        for entry in package.joinpath(folder).iterdir()
        if entry.name.endswith(".cedar")
    }
    actions = ", ".join(f'Tellwise::Action::"open_{label}"' for label in TELLABLE)
    texts["grounds/mistaken.cedar"] = MISTAKEN.format(actions=actions)
    return Engine(Bundle.from_texts(package.joinpath("tellwise.cedarschema").read_text("utf-8"), texts))


@pytest.mark.parametrize("desk_type", DeskType)
@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("suspended", [False, True])
def test_a_mistaken_ground_opens_nothing_above_the_ceiling_and_nothing_to_who_is_not_in_standing(
    mistaken: Engine, desk_type: DeskType, signed: bool, suspended: bool
) -> None:
    candidate = replace(DESK, desk_type=desk_type, signed=signed, suspended=suspended, reach=Reach(all=True))

    outcomes = mistaken.decide(EVERYTHING_CARRIED, [candidate]).outcomes[candidate.desk]

    opened = {label.value for label, outcome in outcomes.items() if isinstance(outcome, Open)}
    assert opened == (set(CEILINGS[desk_type].split()) if in_standing(candidate) else set())


@pytest.mark.parametrize("desk_type", DeskType)
def test_each_ceiling_refuses_exactly_what_the_study_leaves_out(desk_type: DeskType) -> None:
    candidate = replace(DESK, desk_type=desk_type)

    outcomes = ENGINE.decide(EVERYTHING_CARRIED, [candidate]).outcomes[candidate.desk]

    refused = {label.value for label, outcome in outcomes.items() if f"guard.ceiling.{label}" in outcome.policy_ids}
    assert refused == {label.value for label in TELLABLE} - set(CEILINGS[desk_type].split())
