"""What a policy must be beside what Cedar's validator asks, which knows nothing of grounds and guards.

1. A permit stands in grounds/, a forbid in guards/.
2. Its annotations are complete and known (annotations.py).
3. A ground lists the compartments that it opens, one by one.
4. A ground needs a reach.
5. A guard says what must hold, and refuses when that cannot be seen to hold.
6. Conditions use only words that cannot fail when they are evaluated, and name no agency and no desk.
7. A ground names the kinds and the types of desk that it is for.
8. What can still be obtained, as a consent can, only ever opens: nobody is refused because somebody agreed.

Of the schema: no optional attribute and no tags, because both can be missing when they are asked for.
"""

import re
from collections.abc import Iterator

from cedarpy import pst

from policies.annotations import annotation_problems
from policies.expressions import children, conjuncts, junction_leaves, parts
from policies.slices import AppliesTo

_FOLDERS = {"permit": "grounds", "forbid": "guards"}
_OPENS = "open_"
_ENUMERATED = frozenset({"AgencyClass", "Consent", "DeskType", "Kind", "Tag"})
"""What a policy may name; a misspelt id of these is found by Cedar's validator."""

OBTAINABLE = frozenset({"caldicott_authority", "consent_patient"})
"""The facts that somebody may still give, and may take back."""

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
        # 3., 4. and 7.
        yield from _problems_of_a_ground(policy)
    else:
        # 5.
        yield from _problems_of_a_guard(policy)
    # 6.
    for clause in policy.clauses:
        for part in parts(clause.expr):
            yield from _problem_of_a_word(part)
    for uid in sorted(pst.entity_uids((policy.principal, policy.resource, *policy.clauses)), key=str):
        if uid.type.basename not in _ENUMERATED:
            yield f"names `{uid}`, which is of no enumerated type"
    # 8.
    yield from _problems_of_what_is_obtainable(policy)


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
    conditions = [part for clause in policy.clauses if isinstance(clause, pst.When) for part in conjuncts(clause.expr)]
    if not any(_is_reach(condition) for condition in conditions):
        yield "does not need a bit of `context.reach`"
    # Also so that "who is told of this kind?" has an answer that can be printed: see sharing_table.py.
    applies = AppliesTo.of(policy)
    if applies.kinds is None:
        yield "does not name the kinds that it is for"
    if applies.desk_types is None:
        yield "does not name the types of desk that it is for"


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
            leaves = junction_leaves(clause.expr)
            doubtful = [part for leaf in leaves for part in (children(leaf) if _is_in(leaf) else (leaf,))]
        if any(_is_in(part) for expr in doubtful for part in parts(expr)):
            yield "tests membership with `in` where a missing parent would lift the guard"


def _problems_of_what_is_obtainable(policy: pst.Template) -> Iterator[str]:
    opens = pst.When if policy.effect == "permit" else pst.Unless
    for clause in policy.clauses:
        leaves = list(junction_leaves(clause.expr))
        if isinstance(clause, opens):
            leaves = [leaf for leaf in leaves if not _is_obtained(leaf)]
        if any(isinstance(part, pst.GetAttr) and part.attr in OBTAINABLE for leaf in leaves for part in parts(leaf)):
            yield "asks for what can still be obtained other than to open when it is given"


def _is_obtained(leaf: pst.Expr) -> bool:
    """Whether it is `resource.caldicott_authority`, or that a consent is given."""
    match leaf:
        case pst.GetAttr(pst.Var("resource"), "caldicott_authority"):
            return True
        case pst.BinaryOp("eq", pst.GetAttr(pst.Var("resource"), "consent_patient"), pst.EntityLit(uid)):
            return uid.id == "given"
        case _:
            return False


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
