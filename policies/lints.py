"""What a policy must be beside what Cedar's validator asks, which knows nothing of grounds and guards.

1. A permit stands in grounds/, a forbid in guards/.
2. Its annotations are complete and known (annotations.py).
3. A ground lists the compartments that it opens, one by one.
4. A ground needs a reach.
5. A guard says what must hold, and refuses when that cannot be seen to hold.
6. Conditions use only words that cannot fail when they are evaluated, and name no agency and no desk.

Of the schema: no optional attribute and no tags, because both can be missing when they are asked for.
"""

import re
from collections.abc import Iterator
from typing import assert_never

from cedarpy import pst

from policies.annotations import annotation_problems

_FOLDERS = {"permit": "grounds", "forbid": "guards"}
_OPENS = "open_"
_ENUMERATED = frozenset({"AgencyClass", "DeskType", "Kind", "Tag"})
"""What a policy may name; a misspelt id of these is found by Cedar's validator."""

# No arithmetic, which can overflow; no tags and no extension functions, which can fail on a value, and among which are
# the dates. What is not listed is refused.
_UNARY = frozenset({"not", "is_empty"})
_BINARY = frozenset(
    {"eq", "not_eq", "less", "less_eq", "greater", "greater_eq", "and", "or", "in"}
    | {"contains", "contains_all", "contains_any"}
)


def policy_problems(folder: str, policy: pst.Template) -> Iterator[str]:
    """What is wrong with one policy, one line each; nothing if it may be loaded.

    Args:
        folder: The folder of its file.
        policy: As Cedar parsed it.
    """
    # 1.
    if folder != _FOLDERS[policy.effect]:
        yield f"a {policy.effect} stands in {_FOLDERS[policy.effect]}/, not in {folder or 'the package itself'}"
    # 2.
    yield from annotation_problems(policy.effect, policy.annotations)
    if policy.effect == "permit":
        # 3. and 4.
        yield from _problems_of_a_ground(policy)
    else:
        # 5.
        yield from _problems_of_a_guard(policy)
    # 6.
    for clause in policy.clauses:
        for part in _parts(clause.expr):
            yield from _problem_of_a_word(part)
    for uid in sorted(pst.entity_uids((policy.principal, policy.resource, *policy.clauses)), key=str):
        if uid.type.basename not in _ENUMERATED:
            yield f"names `{uid}`, which is of no enumerated type"


def schema_problems(rendered: str) -> Iterator[str]:
    """What is wrong with a schema, one line each; nothing if it may be loaded.

    Args:
        rendered: As Cedar writes it, so without comments and in one style.
    """
    words = re.sub(r'"[^"]*"', '""', rendered)
    if "?" in words:
        yield "has an optional attribute"
    if re.search(r"\btags\b(?!:)", words):
        yield "has tags"


def _problems_of_a_ground(policy: pst.Template) -> Iterator[str]:
    # Not a group and not "any action": a compartment that is added later is opened by nobody until a ground lists it.
    match policy.action:
        case pst.ActionEq(entity):
            actions: tuple[pst.EntityUid, ...] = (entity,)
        case pst.ActionIn(entities):
            actions = entities
        case _:
            actions = ()
    if not actions or not all(action.id.startswith(_OPENS) for action in actions):
        yield "does not list the compartments that it opens"
    conditions = [part for clause in policy.clauses if isinstance(clause, pst.When) for part in _conjuncts(clause.expr)]
    if not any(_is_reach(condition) for condition in conditions):
        yield "does not need a bit of `context.reach`"


def _problems_of_a_guard(policy: pst.Template) -> Iterator[str]:
    if not any(isinstance(clause, pst.Unless) for clause in policy.clauses):
        yield "does not say with `unless` what must hold"
    # `principal in X` is false when a parent is missing from what Cedar was given. A guard that needs it to be true in
    # order to refuse would fail open; so it may stand in `unless` only, and there under `&&` and `||` only.
    if not isinstance(policy.principal, pst.ScopeAny) or not isinstance(policy.resource, pst.ScopeAny):
        yield "does not apply to every principal and resource"
    for clause in policy.clauses:
        doubtful: list[pst.Expr] = [clause.expr]
        if isinstance(clause, pst.Unless):
            leaves = _junction_leaves(clause.expr)
            doubtful = [part for leaf in leaves for part in (_children(leaf) if _is_in(leaf) else (leaf,))]
        if any(_is_in(part) for expr in doubtful for part in _parts(expr)):
            yield "tests membership with `in` where a missing parent would lift the guard"


def _problem_of_a_word(part: pst.Expr) -> Iterator[str]:
    match part:
        case pst.Var("action"):
            yield "tests `action` in a condition"
        case pst.UnaryOp(op=op) if op not in _UNARY:
            yield f"uses `{op}`"
        case pst.BinaryOp(op=op) if op not in _BINARY:
            yield f"uses `{op}`"
        case pst.HasAttr():
            yield "uses `has`"
        case pst.Like():
            yield "uses `like`"
        case pst.Is():
            yield "uses `is`"
        case pst.StringLit() | pst.Record():
            yield "uses a text or a record, and no attribute is one"
        case _:
            pass


def _is_in(part: pst.Expr) -> bool:
    return isinstance(part, pst.BinaryOp) and part.op == "in"


def _is_reach(condition: pst.Expr) -> bool:
    """Whether the condition holds only if a bit of reach does: `context.reach.team`, or several joined by `||`."""
    match condition:
        case pst.GetAttr(base=pst.GetAttr(base=pst.Var("context"), attr="reach")):
            return True
        case pst.BinaryOp("or", left, right):
            return _is_reach(left) and _is_reach(right)
        case _:
            return False


def _conjuncts(expr: pst.Expr) -> Iterator[pst.Expr]:
    match expr:
        case pst.BinaryOp("and", left, right):
            yield from _conjuncts(left)
            yield from _conjuncts(right)
        case _:
            yield expr


def _junction_leaves(expr: pst.Expr) -> Iterator[pst.Expr]:
    match expr:
        case pst.BinaryOp("and" | "or", left, right):
            yield from _junction_leaves(left)
            yield from _junction_leaves(right)
        case _:
            yield expr


def _parts(expr: pst.Expr) -> Iterator[pst.Expr]:
    """The expression and everything in it."""
    yield expr
    for child in _children(expr):
        yield from _parts(child)


def _children(expr: pst.Expr) -> tuple[pst.Expr, ...]:
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
            return ()  # refused as they stand, whatever is in them
        case _:
            assert_never(expr)
