"""For any question: nothing above the ceiling of the desk, whatever the publisher sends and whatever a ground says.

Ceilings and limits are copied from the study, apart from the policies. That what is open is what the rules say, no more
and no less, is tested in tests/tables/test_rules_2026.py.
"""

from dataclasses import replace
from importlib.resources import files

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies import TELLABLE, Bundle, Candidate, Engine, Open, Reach, Statement
from schemas import (
    CATALOGUE,
    COMPARTMENTS,
    DESK_TYPES,
    AgencyClass,
    AgencyId,
    Consent,
    DeskId,
    DeskType,
    Label,
    Level,
    Risk,
    Tag,
)
from tests.tables.rules_2026 import CEILINGS

ENGINE = Engine(Bundle.load())
KINDS = [kind.name for kind in CATALOGUE.values() if not kind.control]

DESK = Candidate(
    desk=DeskId("elmshire-desk"),
    agency=AgencyId("elmshire-council"),
    desk_type=DeskType.CHILDREN_SOCIAL_CARE,
    signed=True,
    suspended=False,
    reach=Reach(),
)
EVERYTHING_CARRIED = Statement(
    kind="rso.address_changed",
    source=AgencyId("westmarch-constabulary"),
    carried=frozenset(Label),
    tags=frozenset(),
    risk=None,
    level=None,
    other_authority=False,
    risk_rises=False,
)

reaches = st.builds(Reach, *[st.booleans()] * 9)
candidates = st.builds(
    Candidate,
    desk=st.uuids().map(lambda number: DeskId(f"desk-{number}")),
    agency=st.sampled_from([AgencyId("westmarch-constabulary"), AgencyId("elmshire-council")]),
    desk_type=st.sampled_from(DeskType),
    signed=st.sampled_from([True, True, True, False]),
    suspended=st.sampled_from([False, False, False, True]),
    reach=st.one_of(st.just(Reach(*[True] * 9)), reaches),
)
several = st.lists(candidates, min_size=4, max_size=8, unique_by=lambda candidate: candidate.desk)
statements = st.builds(
    Statement,
    kind=st.sampled_from(KINDS),
    source=st.just(AgencyId("westmarch-constabulary")),
    carried=st.one_of(st.just(frozenset(Label)), st.frozensets(st.sampled_from(Label))),
    tags=st.one_of(st.just(frozenset(Tag)), st.frozensets(st.sampled_from(Tag))),
    risk=st.one_of(st.none(), st.sampled_from(Risk)),
    level=st.one_of(st.none(), st.sampled_from(Level)),
    other_authority=st.booleans(),
    risk_rises=st.booleans(),
    consent_patient=st.sampled_from(Consent),
    caldicott_authority=st.booleans(),
)


def most(statement: Statement, candidate: Candidate) -> frozenset[Label]:
    """What a desk may be told at most, whatever the grounds say."""
    agency_class = DESK_TYPES[candidate.desk_type].agency_class
    may = CEILINGS[candidate.desk_type] | {Label.CORRECTION}
    if agency_class is AgencyClass.OVERSIGHT:
        may = frozenset({Label.AGGREGATE})
    elif agency_class is not AgencyClass.RA:
        may -= frozenset() if candidate.signed else frozenset(Label)
        may -= frozenset() if candidate.reach.attendee else {Label.MINUTES}
    agreed = statement.consent_patient is Consent.GIVEN or statement.caldicott_authority
    if not agreed and candidate.desk_type is not DeskType.NHS_PROVIDER:
        may -= {Label.HEALTH}
    return frozenset() if candidate.suspended else may & statement.carried


@settings(max_examples=300, deadline=None)
@given(statements, several)
def test_nothing_is_open_above_the_ceiling_of_a_desk(statement: Statement, asked: list[Candidate]) -> None:
    decided = ENGINE.decide(statement, asked)

    assert decided.refused == ()
    assert set(decided.outcomes) == {candidate.desk for candidate in asked}
    for candidate in asked:
        outcomes = decided.outcomes[candidate.desk]
        assert outcomes.keys() == statement.carried & set(TELLABLE)
        assert {label for label, outcome in outcomes.items() if isinstance(outcome, Open)} <= most(statement, candidate)


@settings(max_examples=100, deadline=None)
@given(statements, candidates)
def test_who_is_asked_with_others_is_told_what_it_is_told_alone(statement: Statement, candidate: Candidate) -> None:
    police = replace(DESK, desk_type=DeskType.POLICE, reach=Reach(area=True, team=True, force=True, all=True))

    alone = ENGINE.decide(statement, [candidate]).outcomes[candidate.desk]

    assert ENGINE.decide(statement, [police, candidate]).outcomes[candidate.desk] == alone


@settings(max_examples=100, deadline=None)
@given(statements, candidates)
def test_to_obtain_a_consent_or_an_authority_never_takes_anything_away(
    statement: Statement, candidate: Candidate
) -> None:
    agreed = replace(statement, consent_patient=Consent.GIVEN, caldicott_authority=True)

    before = ENGINE.decide(statement, [candidate]).outcomes[candidate.desk]
    after = ENGINE.decide(agreed, [candidate]).outcomes[candidate.desk]

    assert {label for label, outcome in before.items() if isinstance(outcome, Open)} <= {
        label for label, outcome in after.items() if isinstance(outcome, Open)
    }


def test_no_third_party_is_a_type_of_desk() -> None:
    # Limit G10: a landlord, a head teacher, an employer, a partner or a victim is told by an officer, and by no policy.
    assert set(CEILINGS) == set(DeskType)
    assert {"third_party", "landlord", "school", "employer", "victim"}.isdisjoint(DeskType)
    assert set(AgencyClass) == {"ra", "dtc", "associate", "oversight"}


MISTAKEN = """
@id("mistaken.everything_to_everybody")
@reason("A mistake")
@basis("none")
@source("this test")
@urgency("flash")
@retain("case")
permit (principal, action in [{actions}], resource)
when {{ context.reach.all && principal in [{desk_types}] && [{kinds}].contains(resource.kind) }};
"""


def listed(entity: str, names: list[str]) -> str:
    return ", ".join(f'Tellwise::{entity}::"{name}"' for name in names)


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
    texts["grounds/mistaken.cedar"] = MISTAKEN.format(
        actions=listed("Action", [f"open_{label}" for label in TELLABLE]),
        desk_types=listed("DeskType", list(DeskType)),
        kinds=listed("Kind", KINDS),
    )
    return Engine(Bundle.from_texts(package.joinpath("tellwise.cedarschema").read_text("utf-8"), texts))


@pytest.mark.parametrize("desk_type", DeskType)
@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("suspended", [False, True])
@pytest.mark.parametrize("agreed", [False, True])
@pytest.mark.parametrize("attendee", [False, True])
def test_a_mistaken_ground_opens_exactly_what_the_limits_and_the_ceiling_of_a_desk_leave(
    mistaken: Engine, desk_type: DeskType, signed: bool, suspended: bool, agreed: bool, attendee: bool
) -> None:
    candidate = replace(
        DESK, desk_type=desk_type, signed=signed, suspended=suspended, reach=Reach(all=True, attendee=attendee)
    )
    statement = replace(EVERYTHING_CARRIED, caldicott_authority=agreed)

    outcomes = mistaken.decide(statement, [candidate]).outcomes[candidate.desk]

    opened = {label for label, outcome in outcomes.items() if isinstance(outcome, Open)}
    assert opened == most(statement, candidate)


@settings(max_examples=200, deadline=None)
@given(statement=statements, candidate=candidates)
def test_a_mistaken_ground_opens_nothing_more_in_any_kind(
    mistaken: Engine, statement: Statement, candidate: Candidate
) -> None:
    everywhere = replace(candidate, reach=replace(candidate.reach, all=True))

    outcomes = mistaken.decide(statement, [everywhere]).outcomes[candidate.desk]

    opened = {label for label, outcome in outcomes.items() if isinstance(outcome, Open)}
    assert opened == most(statement, everywhere)


@pytest.mark.parametrize("desk_type", DeskType)
def test_each_ceiling_refuses_exactly_what_the_study_leaves_out(desk_type: DeskType) -> None:
    candidate = replace(DESK, desk_type=desk_type)
    statement = replace(EVERYTHING_CARRIED, carried=frozenset(COMPARTMENTS))
    always = frozenset() if DESK_TYPES[desk_type].agency_class is AgencyClass.OVERSIGHT else {Label.CORRECTION}

    outcomes = ENGINE.decide(statement, [candidate]).outcomes[candidate.desk]

    refused = {label for label, outcome in outcomes.items() if f"guard.ceiling.{label}" in outcome.policy_ids}
    assert refused == set(TELLABLE) - CEILINGS[desk_type] - always
