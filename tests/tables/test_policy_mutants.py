"""Every change of one policy is noticed by some row of the pages, so what a policy says is what the pages show.

A mutant is the bundle with one thing altered: a policy dropped, a condition dropped, turned round or replaced by true
or false, another bit of reach, another word, a number one more or less, a member of a list more or less, a scope
widened. Of the many other words that could stand for one, three are tried, always the same three.
"""

from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from functools import cache
from random import Random
from typing import TypeGuard

import pytest
from cedarpy import pst

from policies import TELLABLE, Bundle, Engine, Reach
from policies.expressions import conjuncts, parts
from policies.slices import AppliesTo, Slices, desk_types_asked
from schemas import CATALOGUE, DESK_TYPES, AgencyClass, Consent, DeskType, Label, Risk, Tag
from tests.tables.pages import Row, rows

BUNDLE = Bundle.load()
POLICIES = BUNDLE.slices.policies
WORDS: dict[str, tuple[str, ...]] = {
    "AgencyClass": tuple(AgencyClass),
    "Consent": tuple(Consent),
    "DeskType": tuple(DeskType),
    "Kind": tuple(kind.name for kind in CATALOGUE.values() if not kind.control),
    "Tag": tuple(Tag),
}
OVERSEERS = frozenset(name for name, row in DESK_TYPES.items() if row.agency_class is AgencyClass.OVERSIGHT)


@pytest.mark.parametrize("policy_id", BUNDLE.policy_ids)
def test_each_change_of_a_policy_is_noticed_by_a_row(policy_id: str) -> None:
    policy = POLICIES[policy_id]
    likely, elsewhere = likely_first(policy_id), likely_first(policy_id, elsewhere=True)

    survivors = [
        what
        for what, changed in mutants(policy)
        if not noticed(policy_id, changed, elsewhere if says_less(policy, changed) else likely)
    ]

    assert not survivors


@pytest.mark.parametrize("policy_id", ["guard.standing", "attendees.minutes_issued"])
def test_a_policy_that_is_not_changed_is_not_noticed(policy_id: str) -> None:
    assert not noticed(policy_id, POLICIES[policy_id], likely_first(policy_id))


def says_less(policy: pst.Template, changed: pst.Template | None) -> bool:
    """Whether the kind that a ground is for is no longer said, so that the rows of other kinds should notice."""
    return changed is not None and AppliesTo.of(changed).kinds is None and AppliesTo.of(policy).kinds is not None


def likely_first(policy_id: str, *, elsewhere: bool = False) -> list[Row]:
    """All rows, those first that are likely to notice, and of these the quick ones: most mutants die of the first."""
    policy, applies = POLICIES[policy_id], BUNDLE.slices.applies.get(policy_id)
    labels = labels_of(policy)
    ways = [part.attr for clause in policy.clauses for part in parts(clause.expr) if is_reach(part)]

    def unlikely(row: Row) -> tuple[bool, bool, bool, int]:
        desk_types = {candidate.desk_type.value for candidate in row.candidates}
        everything = row.statement.risk is Risk.VERY_HIGH
        cost = len(row.candidates) * len(row.statement.carried)
        if applies is None:
            other_label = not row.statement.carried <= labels
            return other_label, not row.place.startswith("guards/"), policy_id not in row.because, cost
        other_kind = row.statement.kind not in (applies.kinds or ())
        other_desk = desk_types.isdisjoint(applies.desk_types or ())
        if elsewhere:
            other_kind = not other_kind or not any(getattr(row.candidates[0].reach, way) for way in ways)
        other_label = not labels & row.statement.carried
        return policy_id not in row.because, other_kind or other_label, other_desk or not everything, cost

    return sorted(rows(), key=unlikely)


def is_reach(part: pst.Expr) -> TypeGuard[pst.GetAttr]:
    return isinstance(part, pst.GetAttr) and isinstance(part.base, pst.GetAttr) and part.base.attr == "reach"


def noticed(policy_id: str, changed: pst.Template | None, likely: Sequence[Row]) -> bool:
    for row in likely:
        # What cannot have a say on the row by its own text is left out: it would have to be built for each mutant.
        policies = {other: POLICIES[other] for other in concerned(row) if other != policy_id}
        if changed is not None:
            policies[policy_id] = changed
        if row.differences(Engine(replace(BUNDLE, slices=Slices(policies)))):
            return True
    return False


@cache
def concerned(row: Row) -> tuple[str, ...]:
    """The policies that can have a say on a row, of all as they are."""
    found = set().union(
        *(BUNDLE.slices.policy_ids(row.statement.kind, candidate.desk_type) for candidate in row.candidates)
    )
    return tuple(sorted(other for other in found if row.statement.carried & labels_of(POLICIES[other])))


@cache
def labels_of(policy: pst.Template) -> frozenset[Label]:
    """The compartments that a policy can be about; all of them where it names a group."""
    labels = {action.id.removeprefix("open_") for action in opened(policy.action)}
    return frozenset(map(Label, labels)) if labels and labels <= set(TELLABLE) else frozenset(TELLABLE)


def mutants(policy: pst.Template) -> Iterator[tuple[str, pst.Template | None]]:
    yield "dropped", None
    if not isinstance(policy.principal, pst.ScopeAny):
        yield "for every desk", replace(policy, principal=pst.ScopeAny())
    if not isinstance(policy.action, pst.ScopeAny) and may_be_told(policy) != {Label.AGGREGATE}:
        yield "for every compartment", replace(policy, action=pst.ScopeAny())
    if policy.effect == "permit":
        listed = opened(policy.action)
        for action in listed:
            fewer = pst.ActionIn(tuple(other for other in listed if other != action))
            yield f"without {action.id}", replace(policy, action=fewer)
        for label in sorted(may_be_told(policy) - {Label(action.id.removeprefix("open_")) for action in listed}):
            more = pst.ActionIn((*listed, replace(listed[0], id=f"open_{label}")))
            yield f"with open_{label}", replace(policy, action=more)
    for index, clause in enumerate(policy.clauses):
        for expr in changes(clause.expr, Random(policy.id)):
            clauses = (*policy.clauses[:index], replace(clause, expr=expr), *policy.clauses[index + 1 :])
            changed = replace(policy, clauses=clauses)
            if not harmless(policy, changed):
                yield f"{type(clause).__name__} {expr}", changed


def opened(action: pst.ActionConstraint) -> tuple[pst.EntityUid, ...]:
    match action:
        case pst.ActionEq(uid):
            return (uid,)
        case pst.ActionIn(uids):
            return uids
        case _:
            return ()


def may_be_told(policy: pst.Template) -> set[Label]:
    """The compartments that the ceilings leave to the policy's desk types: one more above them changes no answer."""
    desk_types = AppliesTo.of(policy).desk_types or frozenset()
    ceilings = {label: pst.entity_uids(POLICIES[f"guard.ceiling.{label}"].clauses) for label in TELLABLE}
    return {label for label, uids in ceilings.items() if not desk_types.isdisjoint(uid.id for uid in uids)}


def harmless(policy: pst.Template, changed: pst.Template) -> bool:
    """Whether nothing but boards were added to a ground that opens what guard.oversight tells no board."""
    before, after = AppliesTo.of(policy).desk_types, AppliesTo.of(changed).desk_types
    if before is None or before & OVERSEERS:
        return False
    more = (frozenset(DeskType) if after is None else after) - before
    return bool(more) and more <= OVERSEERS and asked(changed) == asked(policy)


def asked(policy: pst.Template) -> set[pst.Expr]:
    """What a ground needs beside a type of desk."""
    needed = {part for clause in policy.clauses for part in conjuncts(clause.expr)} - {pst.BoolLit(True)}
    return {part for part in needed if desk_types_asked(part) is None}


def changes(expr: pst.Expr, choice: Random) -> Iterator[pst.Expr]:
    """The expression with one thing altered."""
    match expr:
        case pst.BinaryOp("and" | "or" as op, left, right):
            yield from (left, right, pst.BinaryOp("or" if op == "and" else "and", left, right))
            yield from (pst.BinaryOp(op, other, right) for other in changes(left, choice))
            yield from (pst.BinaryOp(op, left, other) for other in changes(right, choice))
        case pst.UnaryOp("not", arg):
            yield arg
            yield from (pst.UnaryOp("not", other) for other in changes(arg, choice))
        case _:
            yield from (pst.BoolLit(True), pst.BoolLit(False))
            yield from other_words(expr, choice)


def other_words(expr: pst.Expr, choice: Random) -> Iterator[pst.Expr]:
    match expr:
        case pst.GetAttr(pst.GetAttr(attr="reach") as reach, bit):
            others = [other.name for other in fields(Reach) if other.name != bit]
            yield from (pst.GetAttr(reach, other) for other in choice.sample(others, 3))
        case pst.GetAttr(base, "signed" | "suspended" as attr):
            yield pst.GetAttr(base, "suspended" if attr == "signed" else "signed")
        case pst.GetAttr(base, "other_authority" | "risk_rises" | "caldicott_authority" as attr):
            yield from (pst.GetAttr(base, other) for other in ("other_authority", "risk_rises") if other != attr)
        case pst.GetAttr(base, "risk" | "level" as attr):
            yield pst.GetAttr(base, "level" if attr == "risk" else "risk")
        case pst.BinaryOp(op, left, right):
            if op == "greater_eq":
                yield from (pst.BinaryOp("eq", left, right), pst.BinaryOp("less_eq", left, right))
            yield from (pst.BinaryOp(op, other, right) for other in other_words(left, choice))
            yield from (pst.BinaryOp(op, left, other) for other in other_words(right, choice))
        case pst.LongLit(number):
            yield from (pst.LongLit(number - 1), pst.LongLit(number + 1))
        case pst.Set(elements):
            listed = [element for element in elements if isinstance(element, pst.EntityLit)]
            yield from (pst.Set(tuple(other for other in listed if other != element)) for element in listed)
            names = {element.value.id for element in listed}
            absent = [word for word in WORDS[listed[0].value.type.basename] if word not in names]
            for word in absent:
                yield pst.Set((*listed, pst.EntityLit(replace(listed[0].value, id=word))))
        case pst.EntityLit(uid):
            others = [word for word in WORDS[uid.type.basename] if word != uid.id]
            for word in choice.sample(others, min(3, len(others))):
                yield pst.EntityLit(replace(uid, id=word))
        case _:
            pass
