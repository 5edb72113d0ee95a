"""A slice answers what all policies together answer, and holds whatever might have a say."""

from dataclasses import replace
from random import Random

import cedarpy
import pytest
from cedarpy import pst

from policies import Bundle, Candidate, Engine, Reach, Statement
from policies.slices import AppliesTo, Slices
from schemas import CATALOGUE, AgencyId, Consent, DeskId, DeskType, Label, Level, Risk, Tag

BUNDLE = Bundle.load()
KINDS = [kind.name for kind in CATALOGUE.values() if not kind.control]


class Whole(Slices):
    """All policies for everybody: how Cedar would answer by itself."""

    def __init__(self) -> None:
        super().__init__(BUNDLE.slices.policies)
        self.all_of_them = self.whole()

    def of(self, kind: str, desk_type: DeskType) -> cedarpy.PolicySet:
        return self.all_of_them


def ground(conditions: str, principal: str = "principal") -> pst.Template:
    text = f'permit ({principal}, action == Tellwise::Action::"open_identity", resource) {conditions};'
    (policy,) = cedarpy.PolicySet.from_str(text).to_pst().static_policies.values()
    return policy


def test_a_slice_gives_the_same_outcomes_for_the_same_reasons_as_all_policies() -> None:
    choice = Random(7)
    whole = Engine(replace(BUNDLE, slices=Whole()))
    sliced, opened = Engine(BUNDLE), 0

    for _ in range(300):
        statement = Statement(
            kind=choice.choice(KINDS),
            source=AgencyId("westmarch-constabulary"),
            carried=choice.choice([frozenset(Label), frozenset(choice.sample(sorted(Label), 8))]),
            tags=frozenset(tag for tag in Tag if choice.random() < 0.8),
            risk=choice.choice([None, *Risk]),
            level=choice.choice([None, *Level]),
            other_authority=choice.random() < 0.8,
            risk_rises=choice.random() < 0.8,
            consent_patient=choice.choice(list(Consent)),
            caldicott_authority=choice.random() < 0.3,
        )
        candidates = [
            Candidate(
                desk=DeskId(f"desk-{number}"),
                agency=AgencyId("elmshire-council"),
                desk_type=choice.choice(list(DeskType)),
                signed=choice.random() < 0.9,
                suspended=choice.random() < 0.1,
                reach=Reach(*[choice.random() < 0.5 for _ in range(9)]),
            )
            for number in range(6)
        ]
        answer = sliced.decide(statement, candidates)
        assert answer == whole.decide(statement, candidates)
        opened += sum(any(outcome.policy_ids for outcome in told.values()) for told in answer.outcomes.values())

    assert opened > 500


def test_every_slice_holds_every_guard() -> None:
    for kind in (*KINDS, "unheard.of"):
        for desk_type in DeskType:
            assert BUNDLE.slices.policy_ids(kind, desk_type) >= BUNDLE.guards.keys()


def test_a_slice_holds_the_grounds_of_its_kind_and_desk_type_and_no_other() -> None:
    grounds = BUNDLE.slices.policy_ids("rso.address_changed", DeskType.CHILDREN_SOCIAL_CARE) - BUNDLE.guards.keys()

    assert grounds == {"children.address_changed_in_area", "children.address_changed_out_of_area"}
    assert BUNDLE.slices.policy_ids("rso.address_changed", DeskType.DWP) == BUNDLE.guards.keys()
    assert BUNDLE.slices.policy_ids("unheard.of", DeskType.POLICE) == BUNDLE.guards.keys()


def test_every_ground_is_in_a_slice() -> None:
    found = {
        policy_id for kind in KINDS for desk_type in DeskType for policy_id in BUNDLE.slices.policy_ids(kind, desk_type)
    }

    assert found == set(BUNDLE.policy_ids)


def test_equal_slices_are_one_set() -> None:
    slices = Slices(BUNDLE.slices.policies)

    assert slices.of("risk.changed", DeskType.POLICE) is slices.of("risk.changed", DeskType.POLICE)
    assert slices.of("risk.changed", DeskType.DWP) is slices.of("order.made", DeskType.SMB)
    assert slices.of("risk.changed", DeskType.POLICE) is not slices.of("risk.changed", DeskType.PROBATION)


@pytest.mark.parametrize(
    ("conditions", "kinds", "desk_types"),
    [
        ('when { resource.kind == Tellwise::Kind::"order.made" }', {"order.made"}, None),
        ('when { context.reach.team && resource.kind == Tellwise::Kind::"order.made" }', {"order.made"}, None),
        (
            'when { [Tellwise::Kind::"order.made", Tellwise::Kind::"order.breached"].contains(resource.kind) }',
            {"order.made", "order.breached"},
            None,
        ),
        (
            'when { resource.kind == Tellwise::Kind::"order.made" || resource.kind == Tellwise::Kind::"em.alert" }',
            {"order.made", "em.alert"},
            None,
        ),
        (
            'when { resource.kind == Tellwise::Kind::"order.made" } when { principal in [Tellwise::DeskType::"dwp"] }',
            {"order.made"},
            {"dwp"},
        ),
        ('when { principal in Tellwise::DeskType::"dwp" && principal.signed }', None, {"dwp"}),
        ('when { principal in [Tellwise::DeskType::"dwp", Tellwise::DeskType::"smb"] }', None, {"dwp", "smb"}),
        (
            'when { principal in Tellwise::DeskType::"dwp" && principal in Tellwise::DeskType::"smb" }',
            None,
            set(),
        ),
    ],
)
def test_what_a_ground_needs_is_read_off_its_text(
    conditions: str, kinds: set[str] | None, desk_types: set[str] | None
) -> None:
    applies = AppliesTo.of(ground(conditions))

    assert (applies.kinds, applies.desk_types) == (kinds, desk_types)


@pytest.mark.parametrize(
    "conditions",
    [
        "",
        "when { context.reach.team }",
        'when { !(resource.kind == Tellwise::Kind::"order.made") }',
        'when { resource.kind != Tellwise::Kind::"order.made" }',
        'when { resource.kind == Tellwise::Kind::"order.made" || context.reach.team }',
        'when { if context.reach.team then resource.kind == Tellwise::Kind::"order.made" else true }',
        'when { (resource.kind == Tellwise::Kind::"order.made") == context.reach.team }',
        'when { [resource.kind, Tellwise::Kind::"order.made"].contains(resource.kind) }',
        'when { resource.tags.contains(Tellwise::Tag::"supervised") }',
        'unless { resource.kind == Tellwise::Kind::"order.made" }',
        'when { !(principal in Tellwise::DeskType::"dwp") }',
        'when { principal in Tellwise::DeskType::"dwp" || principal.signed }',
        'when { principal in Tellwise::Agency::"elm" }',
        'when { principal in [Tellwise::DeskType::"dwp", Tellwise::Agency::"elm"] }',
        'unless { principal in Tellwise::DeskType::"dwp" }',
    ],
)
def test_a_ground_whose_text_is_not_plain_stays_in_every_slice(conditions: str) -> None:
    slices = Slices({**BUNDLE.slices.policies, "invented.ground": ground(conditions)})

    assert slices.applies["invented.ground"] == AppliesTo(None, None)
    assert all("invented.ground" in slices.policy_ids(kind, desk_type) for kind in KINDS for desk_type in DeskType)


@pytest.mark.parametrize(
    ("principal", "desk_types"),
    [
        ('principal in Tellwise::DeskType::"dwp"', {"dwp"}),
        ('principal is Tellwise::Desk in Tellwise::DeskType::"dwp"', None),
        ('principal in Tellwise::Agency::"elm"', None),
        ('principal == Tellwise::Desk::"elm"', None),
        ("principal is Tellwise::Desk", None),
    ],
)
def test_the_scope_of_a_ground_is_read_too(principal: str, desk_types: set[str] | None) -> None:
    assert AppliesTo.of(ground("", principal)).desk_types == desk_types


def test_a_guard_stays_in_every_slice_though_it_names_a_kind() -> None:
    guard = replace(ground('when { resource.kind == Tellwise::Kind::"order.made" }'), effect="forbid")
    slices = Slices({"guard.invented": guard})

    assert slices.policy_ids("risk.changed", DeskType.POLICE) == {"guard.invented"}
