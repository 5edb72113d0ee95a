"""The policies as one page for people who do not program: for each kind and type of desk who is told what, and if what.

Read off the same policies that Cedar decides by, so the page cannot say anything else; what it has no words for it does
not leave out, but refuses. `python -m policies.sharing_table > docs/sharing-table.md` renews the page.
"""

import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Self

from cedarpy import pst

from policies.bundle import TELLABLE, Bundle
from policies.expressions import conjuncts
from policies.slices import desk_types_asked, kinds_asked
from schemas import CATALOGUE, DeskType, Label, Risk

REACH: Mapping[str, str] = {
    "area": "it serves the district",
    "area_old": "it serves the district before, and not the present one",
    "team": "it is on the case team",
    "team_area_old": "it is on the case team and serves the district before, and not the present one",
    "force": "the district is in its force area",
    "addressed": "the publisher names it",
    "attendee": "it is on the meeting's list",
    "had_original": "it was told what is corrected",
    "all": "it is one of all such desks of the case's MAPPA area",
}
TAGS: Mapping[str, str] = {
    "child_related": "the offending is against children",
    "sexual_or_violent": "the offence is sexual or violent",
    "sentence_12m_up": "the sentence is 12 months or more",
    "in_custody": "the person is in custody",
    "victim_scheme": "a victim is in the scheme",
    "supervised": "probation supervises the person",
    "housing_case": "there is a housing case",
    "staff_at_risk": "its staff are at risk",
    "detained_patient": "the patient is detained",
    "em_condition": "the licence has a tag",
    "under_18": "the person is under 18",
    "adult_at_risk": "an adult is at risk",
    "child_in_danger": "a child is in danger",
    "violent_record": "there is a record of violence",
}
FACTS: Mapping[str, str] = {
    "other_authority": "another social services authority serves the district before",
    "risk_rises": "the publisher says that the risk rises",
    "caldicott_authority": "a Caldicott Guardian has recorded that the illness may be told",
}
URGENCY: Mapping[str, str] = {
    "flash": "within 15 minutes",
    "urgent": "within 4 hours",
    "priority": "within 1 working day",
    "routine": "within 5 working days",
    "record": "no need to acknowledge",
}
RETENTION: Mapping[str, str] = {
    "case": "while on the case team, then 12 months",
    "area": "until the person has left the area or is archived, then 24 months, with a review every 12",
    "tenancy": "until the tenancy or the duty to house ends, then 12 months",
    "short": "6 months",
    "victim": "until the victim opts out, or 12 months after the sentence ends",
    "police": "by the force's own rules",
    "health": "by the rules for health records",
    "order": "until the order ends, then 12 months",
    "minutes": "until superseded twice or the case is closed, then 24 months",
}

_COLUMNS = ("desk type", "if", "is told", "acknowledge", "keep", "because")
_INTRODUCTION = """\
Every line is a ground: a desk of that type is told that much if the conditions of the line hold. A desk without a line
hears nothing, and not even that there was something to hear. Of what a line names, a desk gets what the publisher has
filled in; of a correction, what it had of the notification that was wrong, and what was wrong. With every letter goes
whom to ring.\
"""


class Unsayable(ValueError):
    """A policy asks for something that this page has no words for, so the page would be false."""

    def __init__(self, policy_id: str) -> None:
        super().__init__(f"no words for a condition of `{policy_id}`")


@dataclass(frozen=True, slots=True)
class _Limits:
    """What the guards say of each compartment alone."""

    ceilings: Mapping[str, frozenset[str]]
    """The desk types to which it may go at most."""
    provisos: Mapping[str, tuple[str, ...]]
    """The guards that ask for more than a type of desk."""
    others: tuple[str, ...]
    """Every guard that is no ceiling."""

    @classmethod
    def of(cls, bundle: Bundle) -> Self:
        ceilings: dict[str, frozenset[str]] = {}
        provisos: dict[str, tuple[str, ...]] = {}
        others = []
        for policy_id in bundle.guards:
            policy = bundle.slices.policies[policy_id]
            desk_types = _ceiling(policy)
            if desk_types is None:
                others.append(policy_id)
                provisos |= {label: (*provisos.get(label, ()), policy_id) for label in _labels(policy)}
            else:
                ceilings |= {label: ceilings.get(label, desk_types) & desk_types for label in _labels(policy)}
        return cls(ceilings, provisos, tuple(others))

    def within(self, desk_type: DeskType) -> tuple[Label, ...]:
        return tuple(label for label in TELLABLE if desk_type in self.ceilings.get(label, frozenset(DeskType)))

    def worded(self, label: Label) -> str:
        guards = "` and `".join(self.provisos.get(label, ()))
        return f"{label} (within `{guards}`)" if guards else label


def sharing_table(bundle: Bundle) -> str:
    """The page, in Markdown.

    Raises:
        Unsayable: a policy asks for something that the page has no words for.
    """
    limits = _Limits.of(bundle)
    told = {kind: list(_lines(bundle, kind, limits)) for kind, row in CATALOGUE.items() if not row.control}
    kinds_of = {
        desk_type: [kind for kind, lines in told.items() if any(line[0] == desk_type for line in lines)]
        for desk_type in DeskType
    }
    parts = [
        "# Who is told what",
        "Made from the policies by `python -m policies.sharing_table > docs/sharing-table.md`, and not to be edited.",
        _INTRODUCTION,
        "Whatever a line says, these limits hold:",
        "\n".join(f"- {bundle.guards[policy_id].reason} (`{policy_id}`)." for policy_id in limits.others),
        "## By type of desk",
        "\n".join(f"- **{name}**: {', '.join(map(_link, kinds)) or 'nothing'}" for name, kinds in kinds_of.items()),
        "## By kind",
    ]
    for kind, lines in told.items():
        parts += [f"### {kind}", _table(_COLUMNS, lines)]
    most = [(desk_type, ", ".join(limits.within(desk_type)) or "nothing") for desk_type in DeskType]
    parts += [
        "## The most that each type may ever be told",
        "The ceilings, whatever a line above says. They are written apart from the lines, as a second check of them.",
        _table(("desk type", "at most"), most),
        "## What the classes mean",
        _table(("acknowledge", "a person must have opened it"), URGENCY.items()),
        _table(("keep", "how long the desk keeps it"), RETENTION.items()),
    ]
    return "\n\n".join(parts) + "\n"


def _lines(bundle: Bundle, kind: str, limits: _Limits) -> Iterator[tuple[str, ...]]:
    """For each desk type, and for each ground that may tell it something of the kind, the cells of a line."""
    for desk_type in DeskType:
        for policy_id, applies in bundle.slices.applies.items():
            if applies.covers(kind, desk_type):
                policy, ground = bundle.slices.policies[policy_id], bundle.grounds[policy_id]
                opened = [limits.worded(label) for label in limits.within(desk_type) if label in _labels(policy)]
                yield (
                    desk_type,
                    "; and ".join(_conditions(policy)),
                    ", ".join(opened),
                    ground.urgency,
                    ground.retention,
                    f"{ground.reason} (`{policy_id}`)",
                )


def _labels(policy: pst.Template) -> frozenset[str]:
    """The compartments that a policy is about; none where it is about a whole group of them."""
    match policy.action:
        case pst.ActionEq(uid):
            uids: tuple[pst.EntityUid, ...] = (uid,)
        case pst.ActionIn(uids):
            pass
        case _:
            uids = ()
    return frozenset(uid.id.removeprefix("open_") for uid in uids)


def _ceiling(policy: pst.Template) -> frozenset[str] | None:
    """The desk types that a guard asks for, if it asks for nothing else."""
    match policy.clauses:
        case (pst.Unless(expr),):
            return desk_types_asked(expr)
        case _:
            return None


def _conditions(policy: pst.Template) -> Iterator[str]:
    """What must hold beside kind and type of desk, in words; how the desk is found comes first."""
    for clause in policy.clauses:
        for part in conjuncts(clause.expr):
            if not isinstance(clause, pst.When):
                raise Unsayable(policy.id)
            if kinds_asked(part) is None and desk_types_asked(part) is None:
                yield _words(policy, part)


def _words(policy: pst.Template, expr: pst.Expr) -> str:
    match expr:
        case pst.BinaryOp("or", left, right):
            return f"{_words(policy, left)} or {_words(policy, right)}"
        case pst.GetAttr(pst.GetAttr(pst.Var("context"), "reach"), bit) if bit in REACH:
            return REACH[bit]
        case pst.GetAttr(pst.Var("resource"), name) if name in FACTS:
            return FACTS[name]
        case pst.BinaryOp(op, pst.GetAttr(pst.Var("resource"), name), value):
            words = _compared(op, name, value)
            if words is not None:
                return words
    raise Unsayable(policy.id)


def _compared(op: pst.BinaryOpName, name: str, value: pst.Expr) -> str | None:
    match op, name, value:
        case "contains", "tags", pst.EntityLit(uid) if uid.id in TAGS:
            return TAGS[uid.id]
        case "greater_eq", "risk", pst.LongLit(1 | 2 | 3 | 4 as rank):
            return f"the risk is {list(Risk)[rank - 1]} or above"
        case "greater_eq", "level", pst.LongLit(level):
            return f"the case is managed at level {level} or above"
        case "eq", "consent_patient", pst.EntityLit(uid) if uid.id == "given":
            return "the patient agrees"
        case _:
            return None


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = (head, ("---",) * len(head), *rows)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _link(kind: str) -> str:
    return f"[{kind}](#{kind.replace('.', '')})"


if __name__ == "__main__":
    sys.stdout.write(sharing_table(Bundle.load()))
