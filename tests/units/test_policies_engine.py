"""What is not a clean answer of Cedar's refuses, and says nothing of why."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import cedarpy
import pytest

from policies import (
    EVALUATION_ERROR,
    NO_GROUND,
    TELLABLE,
    Bundle,
    Candidate,
    Decided,
    Engine,
    Open,
    Reach,
    Statement,
    Withheld,
)
from policies.slices import Slices
from schemas import AgencyId, Consent, DeskId, DeskType, Label, Level, Risk, Tag

BUNDLE = Bundle.load()
POLICE, CHILDREN = DeskId("westmarch-police-intake"), DeskId("elmshire-mash")
GROUND = "police.address_changed_in_force"
ALL_REFUSED = Withheld((), EVALUATION_ERROR)

STATEMENT = Statement(
    kind="rso.address_changed",
    source=AgencyId("westmarch-constabulary"),
    carried=frozenset({Label.IDENTITY, Label.ADDRESS, Label.STATUS, Label.CONTACT, Label.FACTS}),
    tags=frozenset({Tag.CHILD_RELATED}),
    risk=Risk.HIGH,
    level=None,
    other_authority=False,
    risk_rises=False,
)


def police(**changes: Any) -> Candidate:
    desk = Candidate(
        desk=POLICE,
        agency=AgencyId("westmarch-constabulary"),
        desk_type=DeskType.POLICE,
        signed=False,
        suspended=False,
        reach=Reach(force=True),
    )
    return replace(desk, **changes)


def children(**changes: Any) -> Candidate:
    desk = Candidate(
        desk=CHILDREN,
        agency=AgencyId("elmshire-council"),
        desk_type=DeskType.CHILDREN_SOCIAL_CARE,
        signed=True,
        suspended=False,
        reach=Reach(area=True),
    )
    return replace(desk, **changes)


def test_each_candidate_has_one_outcome_for_each_compartment_that_is_carried_and_can_be_told() -> None:
    decided = Engine(BUNDLE).decide(STATEMENT, [police(), children()])

    assert list(decided.outcomes) == [POLICE, CHILDREN]
    assert all(
        outcomes.keys() == {Label.IDENTITY, Label.ADDRESS, Label.STATUS} for outcomes in decided.outcomes.values()
    )
    assert decided.outcomes[CHILDREN][Label.ADDRESS] == Open(("children.address_changed_in_area",))
    assert decided.outcomes[CHILDREN][Label.STATUS] == Withheld((), NO_GROUND)
    assert decided.refused == ()
    assert decided.bundle_digest == BUNDLE.digest


@pytest.mark.parametrize("label", [Label.CONTACT, Label.FACTS, Label.COVER, Label.CONTROL])
def test_what_is_no_compartment_that_can_be_told_is_not_decided(label: Label) -> None:
    decided = Engine(BUNDLE).decide(replace(STATEMENT, carried=frozenset({label})), [police()])

    assert decided.outcomes == {POLICE: {}}


def test_nobody_to_be_told_is_no_outcome() -> None:
    assert Engine(BUNDLE).decide(STATEMENT, []) == Decided(BUNDLE.digest, {}, ())


def test_the_reason_of_a_refusal_is_that_of_each_guard() -> None:
    desk = children(desk_type=DeskType.LAY_ADVISER)

    outcome = Engine(BUNDLE).decide(STATEMENT, [desk]).outcomes[CHILDREN][Label.ADDRESS]

    guards = ("guard.ceiling.address", "guard.oversight")
    assert outcome == Withheld(guards, "; ".join(BUNDLE.guards[guard].reason for guard in guards))


def test_a_desk_that_is_a_candidate_twice_is_refused_with_all_others() -> None:
    with pytest.raises(ValueError, match="twice"):
        Engine(BUNDLE).decide(STATEMENT, [police(), children(), police(reach=Reach())])


def with_policy(text: str) -> Bundle:
    """The bundle with a policy more, unchecked, as no loaded bundle could be."""
    (policy,) = cedarpy.PolicySet.from_str(text).to_pst().static_policies.values()
    return replace(BUNDLE, slices=Slices({**BUNDLE.slices.policies, "unchecked": replace(policy, id="unchecked")}))


def test_a_guard_that_cannot_be_evaluated_withholds_everything_from_that_desk_alone() -> None:
    # Plain Cedar skips it, and allows.
    overflows = with_policy(
        'forbid (principal in Tellwise::DeskType::"police", action == Tellwise::Action::"open_address", resource)'
        " when { resource.risk + 9223372036854775807 > 0 };"
    )

    decided = Engine(overflows).decide(STATEMENT, [police(), children()])

    assert decided.outcomes[POLICE] == dict.fromkeys((Label.IDENTITY, Label.ADDRESS, Label.STATUS), ALL_REFUSED)
    assert decided.refused == (POLICE,)
    assert isinstance(decided.outcomes[CHILDREN][Label.ADDRESS], Open)


def test_a_ground_that_cannot_be_evaluated_withholds_what_another_ground_would_open() -> None:
    overflows = with_policy("permit (principal, action, resource) when { resource.risk + 9223372036854775807 > 0 };")

    decided = Engine(overflows).decide(STATEMENT, [police()])

    assert set(decided.outcomes[POLICE].values()) == {ALL_REFUSED}
    assert decided.refused == (POLICE,)


@pytest.mark.parametrize(
    "text", ["permit (principal, action, resource);", "forbid (principal, action, resource) unless { false };"]
)
def test_an_answer_for_which_no_known_policy_stands_is_no_answer(text: str) -> None:
    decided = Engine(with_policy(text)).decide(STATEMENT, [police()])

    assert set(decided.outcomes[POLICE].values()) == {ALL_REFUSED}
    assert decided.refused == (POLICE,)


def test_a_request_that_does_not_fit_the_schema_is_refused() -> None:
    # `NoDecision` is neither Allow nor Deny.
    another_reach = cedarpy.Schema.from_str(str(BUNDLE.schema).replace("all: Bool", "everybody: Bool"))
    bundle = replace(BUNDLE, schema=another_reach)

    decided = Engine(bundle).decide(STATEMENT, [police(), children()])

    assert set(decided.outcomes[POLICE].values()) == {ALL_REFUSED}
    assert decided.refused == (POLICE, CHILDREN)


@pytest.mark.parametrize("kind", ["rso.adress_changed", "case.opened", "", "rso.address_changed\ud800"])
def test_facts_that_do_not_fit_the_schema_refuse_every_desk_in_silence(
    kind: str, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    decided = Engine(BUNDLE).decide(replace(STATEMENT, kind=kind), [police(), children()])

    assert decided.refused == (POLICE, CHILDREN)
    assert {outcome for outcomes in decided.outcomes.values() for outcome in outcomes.values()} == {ALL_REFUSED}
    assert not any(capfd.readouterr())
    assert not caplog.records


@pytest.mark.parametrize("lost", [slice(1, None), slice(0, 0)])
def test_an_answer_too_few_is_an_answer_to_nothing(lost: slice, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = cedarpy.is_authorized_batch

    def loses(*arguments: Any) -> Sequence[cedarpy.AuthzResult]:
        return whole(*arguments)[lost]

    monkeypatch.setattr(cedarpy, "is_authorized_batch", loses)

    decided = Engine(BUNDLE).decide(STATEMENT, [police(), children()])

    assert decided.refused == (POLICE, CHILDREN)


def test_desks_about_which_the_same_policies_can_have_a_say_are_asked_together(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, asked = cedarpy.is_authorized_batch, []

    def counts(requests: Any, *arguments: Any) -> Sequence[cedarpy.AuthzResult]:
        asked.append(sorted({request["principal"]["id"] for request in requests}))
        return whole(requests, *arguments)

    monkeypatch.setattr(cedarpy, "is_authorized_batch", counts)
    others = [
        police(desk=DeskId("dwp"), desk_type=DeskType.DWP),
        police(desk=DeskId("nspcc"), desk_type=DeskType.NSPCC),
    ]

    decided = Engine(BUNDLE).decide(STATEMENT, [others[0], police(), children(), others[1]])

    assert asked == [["dwp", "nspcc"], [POLICE], [CHILDREN]]
    assert list(decided.outcomes) == ["dwp", POLICE, CHILDREN, "nspcc"]


def test_desks_about_which_cedar_cannot_be_asked_are_refused_and_spoil_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = cedarpy.is_authorized_batch

    def fails(requests: Any, *arguments: Any) -> Sequence[cedarpy.AuthzResult]:
        if requests[0]["principal"]["id"] == POLICE:
            raise ValueError("quotes what the entity holds")
        return whole(requests, *arguments)

    monkeypatch.setattr(cedarpy, "is_authorized_batch", fails)

    decided = Engine(BUNDLE).decide(STATEMENT, [police(), children()])

    assert decided.refused == (POLICE,)
    assert set(decided.outcomes[POLICE].values()) == {ALL_REFUSED}
    assert isinstance(decided.outcomes[CHILDREN][Label.ADDRESS], Open)


def test_a_compartment_without_an_action_is_withheld_and_spoils_nothing_else() -> None:
    bundle = replace(BUNDLE, openable=BUNDLE.openable - {Label.ADDRESS})

    decided = Engine(bundle).decide(STATEMENT, [police()])

    assert decided.outcomes[POLICE][Label.ADDRESS] == Withheld((), NO_GROUND)
    assert isinstance(decided.outcomes[POLICE][Label.IDENTITY], Open)
    assert decided.refused == ()


@pytest.mark.parametrize(
    ("condition", "holds", "does_not_hold"),
    [
        ("resource.risk >= 3", {"risk": Risk.HIGH}, {"risk": Risk.MEDIUM}),
        ("resource.risk == 1", {"risk": Risk.LOW}, {"risk": None}),
        ("resource.risk == 0", {"risk": None}, {"risk": Risk.VERY_HIGH}),
        ("resource.level >= 2", {"level": Level.MULTI_AGENCY}, {"level": Level.ORDINARY}),
        ("resource.level == 0", {"level": None}, {"level": Level.ORDINARY}),
        ("resource.other_authority", {"other_authority": True}, {"risk_rises": True}),
        ("resource.risk_rises", {"risk_rises": True}, {"other_authority": True}),
        ("resource.tags.isEmpty()", {"tags": frozenset()}, {"tags": frozenset({Tag.SUPERVISED})}),
        (
            'resource.consent_patient == Tellwise::Consent::"given"',
            {"consent_patient": Consent.GIVEN},
            {"consent_patient": Consent.WITHDRAWN},
        ),
        (
            'resource.consent_patient == Tellwise::Consent::"refused"',
            {"consent_patient": Consent.REFUSED},
            {"consent_patient": Consent.NOT_SOUGHT},
        ),
        ("resource.caldicott_authority", {"caldicott_authority": True}, {"risk_rises": True}),
        ("principal in resource.source", {"source": police().agency}, {"source": children().agency}),
    ],
)
def test_each_fact_reaches_the_policies_that_ask_for_it(
    condition: str, holds: dict[str, Any], does_not_hold: dict[str, Any]
) -> None:
    nodes = cedarpy.PolicySet.from_str(f"permit (principal, action, resource) when {{ {condition} }};").to_pst()
    asks = Slices({GROUND: replace(nodes.static_policies["policy0"], id=GROUND)})
    engine = Engine(replace(BUNDLE, slices=asks))

    told = engine.decide(replace(STATEMENT, **holds), [police()]).outcomes[POLICE]
    not_told = engine.decide(replace(STATEMENT, **does_not_hold), [police()]).outcomes[POLICE]

    assert set(told.values()) == {Open((GROUND,))}
    assert set(not_told.values()) == {Withheld((), NO_GROUND)}


def test_what_nobody_has_said_of_a_consent_or_an_authority_is_no() -> None:
    assert STATEMENT.consent_patient is Consent.NOT_SOUGHT
    assert STATEMENT.caldicott_authority is False


@pytest.mark.parametrize("name", ['a"b', "a\\b", "a\nb", "Tellwise::Desk", "asked", "police", "é 😀"])
def test_no_name_of_a_desk_or_agency_changes_what_it_is_told(name: str) -> None:
    expected = Engine(BUNDLE).decide(STATEMENT, [police()]).outcomes[POLICE]

    decided = Engine(BUNDLE).decide(STATEMENT, [police(desk=DeskId(name), agency=AgencyId(name)), children()])

    assert decided.outcomes[DeskId(name)] == expected
    assert decided.refused == ()


def test_the_same_question_gets_the_same_answer() -> None:
    statement = replace(STATEMENT, carried=frozenset(TELLABLE))

    first = Engine(Bundle.load()).decide(statement, [police(), children()])

    assert Engine(BUNDLE).decide(statement, [police(), children()]) == first


# --- answers that are shared -----------------------------------------------------------------------------------------


def engine_of(condition: str) -> Engine:
    """An engine with one ground that holds if *condition* does."""
    nodes = cedarpy.PolicySet.from_str(f"permit (principal, action, resource) when {{ {condition} }};").to_pst()
    return Engine(replace(BUNDLE, slices=Slices({GROUND: replace(nodes.static_policies["policy0"], id=GROUND)})))


def test_desks_that_no_policy_can_tell_apart_get_one_answer_and_cedar_is_asked_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[int] = []
    ask = cedarpy.is_authorized_batch

    def counted(*given: Any) -> list[cedarpy.AuthzResult]:
        asked.append(1)
        return ask(*given)

    monkeypatch.setattr(cedarpy, "is_authorized_batch", counted)
    engine, others = engine_of("resource.risk_rises"), [replace(police(), desk=DeskId(f"desk-{n}")) for n in range(5)]

    told = engine.decide(replace(STATEMENT, risk_rises=True), others).outcomes
    again = engine.decide(replace(STATEMENT, risk_rises=True), others).outcomes

    assert len(asked) == 1
    assert told == again
    assert {outcome for desk in others for outcome in told[desk.desk].values()} == {Open((GROUND,))}


@pytest.mark.parametrize(
    "condition",
    [
        'principal == Tellwise::Desk::"desk-1"',
        'principal in [Tellwise::Desk::"desk-1", Tellwise::Desk::"desk-7"]',
        'principal in Tellwise::Agency::"agency-1"',
        "principal in resource.source",
        "principal.signed",
        "!principal.suspended",
        "context.reach.team",
    ],
)
def test_what_tells_two_desks_apart_is_never_shared(condition: str) -> None:
    first = replace(
        police(),
        desk=DeskId("desk-1"),
        agency=AgencyId("agency-1"),
        signed=True,
        suspended=False,
        reach=Reach(team=True),
    )
    second = replace(
        first, desk=DeskId("desk-2"), agency=AgencyId("agency-2"), signed=False, suspended=True, reach=Reach(area=True)
    )
    statement = replace(STATEMENT, source=AgencyId("agency-1"))
    engine = engine_of(condition)

    told = [engine.decide(statement, [desk]).outcomes[desk.desk] for desk in (first, second)]

    assert set(told[0].values()) == {Open((GROUND,))}
    assert set(told[1].values()) == {Withheld((), NO_GROUND)}


def test_an_answer_that_was_not_clean_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = engine_of("resource.risk_rises")
    statement = replace(STATEMENT, risk_rises=True)

    def fails(*_: object) -> list[cedarpy.AuthzResult]:
        raise ValueError

    with monkeypatch.context() as broken:
        broken.setattr(cedarpy, "is_authorized_batch", fails)
        refused = engine.decide(statement, [police()])
    healed = engine.decide(statement, [police()])

    assert (refused.refused, healed.refused) == ((POLICE,), ())
    assert set(refused.outcomes[POLICE].values()) == {Withheld((), EVALUATION_ERROR)}
    assert set(healed.outcomes[POLICE].values()) == {Open((GROUND,))}
