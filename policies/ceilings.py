"""The most that a desk of each type may ever be told: read out of the guards, and not said a second time."""

from functools import cache
from importlib.resources import files

import cedarpy
from cedarpy import pst

from schemas import DeskType, Label

_PREFIX = "guard.ceiling."


@cache
def ceilings() -> dict[DeskType, frozenset[Label]]:
    """By desk type, the compartments within its ceiling. A type or compartment that no guard names has none."""
    text = files("policies").joinpath("guards/ceilings.cedar").read_text("utf-8")
    within: dict[DeskType, set[Label]] = {desk_type: set() for desk_type in DeskType}
    for policy in cedarpy.PolicySet.from_str(text).to_pst().static_policies.values():
        name = str(policy.annotations.get("id"))
        if not name.startswith(_PREFIX):
            continue
        label = Label(name.removeprefix(_PREFIX))
        for clause in policy.clauses:
            if isinstance(clause, pst.Unless):
                for desk_type in _named(clause.expr):
                    within[desk_type].add(label)
    return {desk_type: frozenset(labels) for desk_type, labels in within.items()}


def _named(expr: pst.Expr) -> set[DeskType]:
    """The desk types of `principal in [...]`, or of several joined by `||`; of anything else, none."""
    match expr:
        case pst.BinaryOp("in", pst.Var("principal"), pst.Set(elements)):
            return {DeskType(one.value.id) for one in elements if isinstance(one, pst.EntityLit)}
        case pst.BinaryOp("in", pst.Var("principal"), pst.EntityLit(value)):
            return {DeskType(value.id)}
        case pst.BinaryOp("or", left, right):
            return _named(left) | _named(right)
        case _:
            return set()
