"""How to walk through a condition of a policy, as Cedar parsed it."""

from collections.abc import Iterator
from typing import assert_never

from cedarpy import pst


def conjuncts(expr: pst.Expr) -> Iterator[pst.Expr]:
    """What must hold, one by one, for the whole to hold."""
    match expr:
        case pst.BinaryOp("and", left, right):
            yield from conjuncts(left)
            yield from conjuncts(right)
        case _:
            yield expr


def junction_leaves(expr: pst.Expr) -> Iterator[pst.Expr]:
    """What stands under `&&` and `||` alone: the whole holds no less often if one of these holds more often."""
    match expr:
        case pst.BinaryOp("and" | "or", left, right):
            yield from junction_leaves(left)
            yield from junction_leaves(right)
        case _:
            yield expr


def parts(expr: pst.Expr) -> Iterator[pst.Expr]:
    """The expression and everything in it."""
    yield expr
    for child in children(expr):
        yield from parts(child)


def children(expr: pst.Expr) -> tuple[pst.Expr, ...]:
    """The expressions right below it; none below those that the lints refuse as they stand."""
    match expr:
        case pst.Var() | pst.Slot() | pst.BoolLit() | pst.LongLit() | pst.StringLit() | pst.EntityLit():
            return ()
        case pst.UnaryOp():
            return (expr.arg,)
        case pst.BinaryOp():
            return (expr.left, expr.right)
        case pst.GetAttr():
            return (expr.base,)
        case pst.IfThenElse():
            return (expr.cond, expr.then_expr, expr.else_expr)
        case pst.Set():
            return expr.elements
        case pst.HasAttr() | pst.Like() | pst.Is() | pst.Record():
            return ()
        case _:
            assert_never(expr)
