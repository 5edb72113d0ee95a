"""Which policies can have a say on one kind and one type of desk, as their own texts show it.

A slice holds every guard, and every ground but those whose text needs another kind or another type of desk. Where the
text is not plain, the ground stays in. So whatever is read wrongly here, a slice is never less strict than all policies
together: what it leaves out could only have opened something.

Cedar looks at every policy of a set for every question, about 1 µs each, so a smaller set is a quicker answer.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Self

import cedarpy
from cedarpy import pst

from schemas import DeskType

_Names = frozenset[str] | None
"""The ids of an enumerated type of which one must be given for a condition to hold; None if its text does not say."""


@dataclass(frozen=True, slots=True)
class AppliesTo:
    """The kinds and desk types that a policy needs, one of each; None where its text does not say."""

    kinds: frozenset[str] | None
    desk_types: frozenset[str] | None

    @classmethod
    def of(cls, policy: pst.Template) -> Self:
        """Read it off the policy's principal and off what each `when` says must hold.

        An `unless` is not read: it can only take away more.
        """
        needed = [clause.expr for clause in policy.clauses if isinstance(clause, pst.When)]
        match policy.principal:
            case pst.ScopeIn(pst.EntityUid() as uid):
                needed.append(pst.BinaryOp("in", pst.Var("principal"), pst.EntityLit(uid)))
        return cls(
            kinds=_all_of(_one_of(expr, kinds_asked) for expr in needed),
            desk_types=_all_of(_one_of(expr, desk_types_asked) for expr in needed),
        )

    def covers(self, kind: str, desk_type: str) -> bool:
        """Whether the policy may have a say on these two."""
        return (self.kinds is None or kind in self.kinds) and (self.desk_types is None or desk_type in self.desk_types)


class Slices:
    """A bundle's policies, cut by kind and desk type: what applies is read at once, Cedar's sets when first asked for.

    LIMIT: a ground that is left out and would fail to evaluate withholds nothing, as it would if it were asked. The
    lints leave nothing in a ground that can fail.
    """

    def __init__(self, policies: Mapping[str, pst.Template]) -> None:
        self.policies = dict(policies)
        """All policies under their own ids."""
        self.applies = {
            policy_id: AppliesTo.of(policy) for policy_id, policy in policies.items() if policy.effect == "permit"
        }
        """The kinds and desk types of each ground."""
        written = [_written(policy) for policy in policies.values()]
        self.tells_agencies_apart = _any_says(written, _OF_AGENCIES)
        """Whether some policy names an agency, or asks for the publisher's."""
        self.tells_desks_apart = _any_says(written, _OF_DESKS)
        """Whether some policy names a desk."""
        self._by_policies: dict[frozenset[str], cedarpy.PolicySet] = {}
        self._by_pair: dict[tuple[str, DeskType], cedarpy.PolicySet] = {}

    def policy_ids(self, kind: str, desk_type: DeskType) -> frozenset[str]:
        """The policies that can have a say: every guard, and each ground that may apply."""
        return frozenset(
            policy_id
            for policy_id in self.policies
            if policy_id not in self.applies or self.applies[policy_id].covers(kind, desk_type)
        )

    def of(self, kind: str, desk_type: DeskType) -> cedarpy.PolicySet:
        """The policies that can have a say, for Cedar. Equal slices are one and the same set.

        LIMIT: Cedar's handles cannot be pickled, so slices stay in their process.
        """
        if (kind, desk_type) not in self._by_pair:
            policy_ids = self.policy_ids(kind, desk_type)
            if policy_ids not in self._by_policies:
                policies = {policy_id: self.policies[policy_id] for policy_id in sorted(policy_ids)}
                self._by_policies[policy_ids] = cedarpy.PolicySet.from_pst(pst.PolicySet({}, policies, ()))
            self._by_pair[kind, desk_type] = self._by_policies[policy_ids]
        return self._by_pair[kind, desk_type]

    def whole(self) -> cedarpy.PolicySet:
        """All policies: the reference with which every slice must agree."""
        return cedarpy.PolicySet.from_pst(pst.PolicySet({}, self.policies, ()))


def kinds_asked(expr: pst.Expr) -> frozenset[str] | None:
    """The kinds of which the notification must be one, if the expression asks for that and for nothing else."""
    match expr:
        case pst.BinaryOp("eq", pst.GetAttr(pst.Var("resource"), "kind"), pst.EntityLit() as kind):
            return _named((kind,), "Kind")
        case pst.BinaryOp("contains", pst.Set(kinds), pst.GetAttr(pst.Var("resource"), "kind")):
            return _named(kinds, "Kind")
        case _:
            return None


def desk_types_asked(expr: pst.Expr) -> frozenset[str] | None:
    """The desk types of which the principal must be one, if the expression asks for that and for nothing else."""
    # A desk has exactly one type, which the hub's own directory gives it: see question.py.
    match expr:
        case pst.BinaryOp("in", pst.Var("principal"), pst.EntityLit() as desk_type):
            return _named((desk_type,), "DeskType")
        case pst.BinaryOp("in", pst.Var("principal"), pst.Set(desk_types)):
            return _named(desk_types, "DeskType")
        case _:
            return None


# What a policy that tells agencies or desks apart cannot do without, as its parsed form is written out. What is found
# for another reason costs only time: an answer is then kept for fewer desks.
_OF_AGENCIES = ("'Agency'", "'source'")
_OF_DESKS = (
    "'Desk'",
    "op='eq', left=Var(name='principal')",
    "right=Var(name='principal')",
    "left=Var(name='principal'), right=GetAttr",
)


def _any_says(written: Iterable[str], signs: Iterable[str]) -> bool:
    return any(sign in text for text in written for sign in signs)


def _written(policy: pst.Template) -> str:
    return repr((policy.principal, policy.action, policy.resource, policy.clauses))


def _all_of(found: Iterable[_Names]) -> _Names:
    """What must hold if each of several conditions must."""
    said = [names for names in found if names is not None]
    return frozenset.intersection(*said) if said else None


def _one_of(expr: pst.Expr, leaf: Callable[[pst.Expr], _Names]) -> _Names:
    match expr:
        case pst.BinaryOp("and", left, right):
            return _all_of((_one_of(left, leaf), _one_of(right, leaf)))
        case pst.BinaryOp("or", left, right):
            first, second = _one_of(left, leaf), _one_of(right, leaf)
            return None if first is None or second is None else first | second
        case _:
            return leaf(expr)


def _named(entities: Iterable[pst.Expr], type_name: str) -> _Names:
    """Their ids, if all of them are of one type."""
    names = set()
    for entity in entities:
        match entity:
            case pst.EntityLit(pst.EntityUid(pst.EntityType(basename), name)) if basename == type_name:
                names.add(name)
            case _:
                return None
    return frozenset(names)
