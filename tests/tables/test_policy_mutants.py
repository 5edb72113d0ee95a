"""Every change of one policy is noticed by some row of the pages, so what a policy says is what the pages show.

A mutant is the bundle with one thing altered: a policy dropped, a condition dropped, turned round or replaced by true
or false, another bit of reach, another word, a member of a list more or less, a scope widened.
"""

from collections.abc import Iterator
from dataclasses import fields, replace

import cedarpy
import pytest
from cedarpy import pst

from policies import TELLABLE, Bundle, Engine, Reach
from schemas import CATALOGUE, AgencyClass, DeskType, Label, Tag
from tests.tables.pages import rows

BUNDLE = Bundle.load()
POLICIES = BUNDLE.policy_set.to_pst()
WORDS: dict[str, tuple[str, ...]] = {
    "AgencyClass": tuple(AgencyClass),
    "DeskType": tuple(DeskType),
    "Kind": tuple(kind.name for kind in CATALOGUE.values() if not kind.control),
    "Tag": tuple(Tag),
}


@pytest.mark.parametrize("policy_id", BUNDLE.policy_ids)
def test_each_change_of_a_policy_is_noticed_by_a_row(policy_id: str) -> None:
    policy = POLICIES.static_policies[policy_id]

    survivors = [what for what, changed in mutants(policy) if not noticed(policy_id, changed)]

    assert not survivors


def test_a_policy_that_is_not_changed_is_not_noticed() -> None:
    assert not noticed("guard.standing", POLICIES.static_policies["guard.standing"])


def noticed(policy_id: str, changed: pst.Template | None) -> bool:
    others = {key: policy for key, policy in POLICIES.static_policies.items() if key != policy_id}
    altered = others if changed is None else {**others, policy_id: changed}
    policy_set = cedarpy.PolicySet.from_pst(pst.PolicySet({}, altered, ()))
    engine = Engine(replace(BUNDLE, policy_set=policy_set))
    # Those that name the policy first, and of these the quick ones: nearly every mutant dies of its first row.
    likely_first = sorted(rows(), key=lambda row: (policy_id not in row.because, len(row.statement.carried)))
    return any(row.differences(engine) for row in likely_first)


def mutants(policy: pst.Template) -> Iterator[tuple[str, pst.Template | None]]:
    yield "dropped", None
    if not isinstance(policy.principal, pst.ScopeAny):
        yield "for every desk", replace(policy, principal=pst.ScopeAny())
    if not isinstance(policy.action, pst.ScopeAny):
        yield "for every compartment", replace(policy, action=pst.ScopeAny())
    if isinstance(policy.action, pst.ActionIn):
        listed = policy.action.entities
        for action in listed:
            fewer = pst.ActionIn(tuple(other for other in listed if other != action))
            yield f"without {action.id}", replace(policy, action=fewer)
        for label in may_be_told(policy) - {Label(action.id.removeprefix("open_")) for action in listed}:
            more = pst.ActionIn((*listed, replace(listed[0], id=f"open_{label}")))
            yield f"with open_{label}", replace(policy, action=more)
    for index, clause in enumerate(policy.clauses):
        for expr in changes(clause.expr):
            clauses = (*policy.clauses[:index], replace(clause, expr=expr), *policy.clauses[index + 1 :])
            yield f"{type(clause).__name__} {expr}", replace(policy, clauses=clauses)


def may_be_told(policy: pst.Template) -> set[Label]:
    """The compartments that the ceilings leave to the policy's desk type: one more above them changes no answer."""
    (desk_type,) = pst.entity_uids(policy.principal)
    ceilings = {label: POLICIES.static_policies[f"guard.ceiling.{label}"].clauses for label in TELLABLE}
    return {label for label, clauses in ceilings.items() if desk_type in pst.entity_uids(clauses)}


def changes(expr: pst.Expr) -> Iterator[pst.Expr]:
    """The expression with one thing altered."""
    match expr:
        case pst.BinaryOp("and" | "or" as op, left, right):
            yield from (left, right, pst.BinaryOp("or" if op == "and" else "and", left, right))
            yield from (pst.BinaryOp(op, other, right) for other in changes(left))
            yield from (pst.BinaryOp(op, left, other) for other in changes(right))
        case pst.UnaryOp("not", arg):
            yield arg
            yield from (pst.UnaryOp("not", other) for other in changes(arg))
        case _:
            yield from (pst.BoolLit(True), pst.BoolLit(False))
            yield from other_words(expr)


def other_words(expr: pst.Expr) -> Iterator[pst.Expr]:
    match expr:
        case pst.GetAttr(pst.GetAttr(attr="reach") as reach, bit):
            yield from (pst.GetAttr(reach, other.name) for other in fields(Reach) if other.name != bit)
        case pst.GetAttr(base, "signed" | "suspended" as attr):
            yield pst.GetAttr(base, "suspended" if attr == "signed" else "signed")
        case pst.GetAttr(base, "other_authority"):
            yield pst.GetAttr(base, "risk_rises")
        case pst.BinaryOp(op, left, right):
            yield from (pst.BinaryOp(op, other, right) for other in other_words(left))
            yield from (pst.BinaryOp(op, left, other) for other in other_words(right))
        case pst.Set(elements):
            listed = [element for element in elements if isinstance(element, pst.EntityLit)]
            yield from (pst.Set(tuple(other for other in listed if other != element)) for element in listed)
            names = {element.value.id for element in listed}
            yield from (pst.Set((*listed, other)) for other in other_words(listed[0]) if _name(other) not in names)
        case pst.EntityLit(uid):
            for word in WORDS[uid.type.basename]:
                if word != uid.id:
                    yield pst.EntityLit(replace(uid, id=word))
        case _:
            pass


def _name(expr: pst.Expr) -> str:
    assert isinstance(expr, pst.EntityLit)
    return expr.value.id
