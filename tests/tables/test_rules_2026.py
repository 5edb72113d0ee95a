"""The policies say what the study's rules say, on thousands of questions: the same compartments, on the same terms."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import fields
from itertools import product
from random import Random

import pytest

from policies import Bundle, Candidate, Engine, Open, Reach, Statement
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
from tests.tables.rules_2026 import CEILINGS, RULES, Rule, matching, told

ENGINE = Engine(Bundle.load())
KINDS = tuple(kind.name for kind in CATALOGUE.values() if not kind.control)
WAYS = tuple(bit.name for bit in fields(Reach))
CONDITIONS = sorted({condition for rule in RULES for condition in rule.conditions})


def desk(desk_type: DeskType, reach: Reach, signed: bool = True, suspended: bool = False) -> Candidate:
    return Candidate(
        desk=DeskId(f"desk-{desk_type}"),
        agency=AgencyId("elmshire"),
        desk_type=desk_type,
        signed=signed,
        suspended=suspended,
        reach=reach,
    )


def saying(kind: str, conditions: set[str], carried: frozenset[Label] = frozenset(COMPARTMENTS)) -> Statement:
    """A statement of which just these conditions hold."""
    risk = Risk.HIGH if "risk_high_up" in conditions else Risk.MEDIUM if "risk_medium_up" in conditions else Risk.LOW
    return Statement(
        kind=kind,
        source=AgencyId("westmarch-constabulary"),
        carried=carried,
        tags=frozenset(Tag(name) for name in conditions if name in set(Tag)),
        risk=risk,
        level=Level.MULTI_AGENCY if "level_2_up" in conditions else Level.ORDINARY,
        other_authority="other_authority" in conditions,
        risk_rises="risk_rises" in conditions,
    )


def differences(statement: Statement, candidates: list[Candidate]) -> list[str]:
    decided = ENGINE.decide(statement, candidates)
    found = [f"{refused}: not answered" for refused in decided.refused]
    for candidate in candidates:
        opened = {
            label: outcome for label, outcome in decided.outcomes[candidate.desk].items() if isinstance(outcome, Open)
        }
        expected = told(statement, candidate)
        if opened.keys() != expected:
            more, fewer = sorted(opened.keys() - expected), sorted(expected - opened.keys())
            found.append(f"{statement.kind} to {candidate.desk_type}: {more} too much, {fewer} missing")
        elif opened:
            grounds = {policy_id for outcome in opened.values() for policy_id in outcome.policy_ids}
            terms = ENGINE.bundle.terms(grounds)
            rules = [rule for rule in matching(statement, candidate) if rule.permits & opened.keys()]
            if {source for source in terms.sources if source.startswith("study, rule ")} != {
                f"study, rule {rule.id}" for rule in rules
            }:
                found.append(f"{statement.kind} to {candidate.desk_type}: {sorted(grounds)}")
            if terms.urgency is not min((rule.urgency for rule in rules), key=lambda urgency: urgency.rank):
                found.append(f"{statement.kind} to {candidate.desk_type}: {terms.urgency}")
            if set(terms.retention) != {rule.retention for rule in rules}:
                found.append(f"{statement.kind} to {candidate.desk_type}: kept {terms.retention}")
    return found


def anything(choice: Random) -> Iterator[tuple[Statement, list[Candidate]]]:
    """Random questions: half of the desks are of a type for which the kind has a rule."""
    to = defaultdict(list)
    for rule in RULES:
        to[rule.kind].append(rule.to)
    while True:
        kind = choice.choice(KINDS)
        likely = choice.choice([0.5, 0.9])
        statement = Statement(
            kind=kind,
            source=AgencyId("westmarch-constabulary"),
            carried=choice.choice([frozenset(COMPARTMENTS), frozenset(choice.sample(sorted(Label), 6))]),
            tags=frozenset(tag for tag in Tag if choice.random() < likely),
            risk=choice.choice([None, *Risk]),
            level=choice.choice([None, *Level]),
            other_authority=choice.random() < likely,
            risk_rises=choice.random() < likely,
            consent_patient=choice.choice(list(Consent)),
            caldicott_authority=choice.random() < 0.3,
        )
        concerned = [DeskType(name) for name in to[kind] if name in set(DeskType)] or list(DeskType)
        desk_types = {choice.choice(concerned), choice.choice(concerned), *choice.sample(list(DeskType), 2)}
        yield (
            statement,
            [
                desk(
                    desk_type,
                    Reach(**{way: choice.random() < likely / 2 for way in WAYS}),
                    signed=choice.random() < 0.9,
                    suspended=choice.random() < 0.1,
                )
                for desk_type in sorted(desk_types)
            ],
        )


def test_the_policies_and_the_rules_agree_on_thousands_of_questions() -> None:
    questions = anything(Random(2029))
    matched: Counter[str] = Counter()

    for _ in range(2_000):  # each about four desks
        statement, candidates = next(questions)
        assert not differences(statement, candidates)
        matched.update(rule.id for candidate in candidates for rule in matching(statement, candidate))

    assert set(matched) == {rule.id for rule in RULES}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_each_rule_holds_for_just_its_conditions_and_not_with_one_of_them_dropped(rule: Rule) -> None:
    desk_types = [name for name in DeskType if rule.to in (name, "*") or rule.for_whoever_has_none]
    needed = set(rule.conditions)
    just, others = Reach(**{rule.reach: True}), Reach(**{way: way != rule.reach for way in WAYS})

    assert not differences(saying(rule.kind, needed), [desk(name, just) for name in desk_types])
    assert not differences(saying(rule.kind, set(CONDITIONS)), [desk(name, others) for name in desk_types])
    for dropped in needed:
        for rest in (needed - {dropped}, set(CONDITIONS) - {dropped}):
            assert not differences(saying(rule.kind, rest), [desk(name, just) for name in desk_types])


def test_no_kind_but_the_rules_own_tells_a_desk_anything() -> None:
    pairs = {(rule.kind, rule.to) for rule in RULES}
    fallback = {rule.kind for rule in RULES if rule.for_whoever_has_none}
    everywhere = Reach(**dict.fromkeys(WAYS, True))

    for kind, desk_type in product(KINDS, DeskType):
        if (kind, desk_type) not in pairs and kind not in fallback:
            assert not told(saying(kind, set(CONDITIONS)), desk(desk_type, everywhere))
            assert not differences(saying(kind, set(CONDITIONS)), [desk(desk_type, everywhere)])


def test_the_copy_of_the_rules_is_whole() -> None:
    assert len(RULES) == len({rule.id for rule in RULES}) == 131
    assert len({(rule.kind, rule.to) for rule in RULES}) == 130
    assert {rule.kind for rule in RULES} == set(KINDS)
    assert {label for rule in RULES for label in rule.permits} <= set(COMPARTMENTS) - {Label.CONTACT}
    assert CEILINGS.keys() == set(DeskType)


def test_no_rule_for_boards_permits_anything_but_counts() -> None:
    overseers = {name for name, row in DESK_TYPES.items() if row.agency_class is AgencyClass.OVERSIGHT}

    assert {label for rule in RULES if rule.to in overseers for label in rule.permits} == {Label.AGGREGATE}
    assert {rule.to for rule in RULES if Label.AGGREGATE in rule.permits} == overseers
