"""Cedar, asked for every candidate desk and every carried compartment of one notification.

Whatever is not a clean answer refuses. Plain Cedar skips a policy that fails to evaluate, so that a guard which fails
lets everything through; here one failure withholds everything from that desk, and the caller is told.

Desks that no policy can tell apart get one answer: Cedar is asked once for them, and the answer is kept for the next
notification of which the policies are told the same. What an answer may rest on is in its key, all of it: see
`_Likeness`. An answer that is not clean is never kept.

LIMIT: what was not asked before costs about 0.06 ms for each compartment of each sort of desk.
"""

from collections import OrderedDict, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from types import MappingProxyType
from typing import Any

import cedarpy

from policies.annotations import Terms
from policies.bundle import TELLABLE, Bundle
from policies.decision import EVALUATION_ERROR, NO_GROUND, Decided, Open, Outcome, Withheld
from policies.question import Candidate, Statement
from schemas import DESK_TYPES, DeskId, Label
from schemas.strict import json_encode

# There is one in a call, and no policy may name it: any id will do.
_RESOURCE = {"type": "Tellwise::Notification", "id": "asked"}
_Answers = Mapping[tuple[DeskId, Label], cedarpy.AuthzResult]


class _NotAnswered(Exception):
    """Cedar gave no clean answer. Carries no text: an error of Cedar's quotes the whole entity."""


_KEPT_MAX = 20_000
"""Answers that are kept: sorts of statement times sorts of desk. The one longest not asked for goes first."""

_Likeness = tuple[object, ...]
"""All that the policies are told of a desk and its reach. Two desks with one likeness cannot be told apart."""

_Told = Mapping[Label, Outcome]


class Engine:
    """Decides by one bundle. Pure: the same question gets the same answer next year, asked anew or kept."""

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        self._terms: dict[frozenset[str], Terms] = {}
        self._kept: OrderedDict[tuple[object, ...], _Told] = OrderedDict()

    def decide(self, statement: Statement, candidates: Sequence[Candidate]) -> Decided:
        """Say for every candidate which of the carried compartments it may be told.

        Args:
            statement: The notification's facts.
            candidates: Each desk once, with the union of all ways in which it was found.

        Returns:
            One outcome per candidate and carried compartment that desks can be told. From a desk in `refused` all is
            withheld.

        Raises:
            ValueError: a desk is there twice, so nobody knows which reach is its own.
        """
        if len({candidate.desk for candidate in candidates}) != len(candidates):
            raise ValueError("a desk is a candidate twice")
        labels = [label for label in TELLABLE if label in statement.carried]
        told_of = self._told(statement)
        alike: defaultdict[_Likeness, list[Candidate]] = defaultdict(list)
        for candidate in candidates:
            alike[self._likeness(candidate)].append(candidate)
        found = {likeness: self._keep((told_of, likeness)) for likeness in alike}
        unknown = {likeness: alike[likeness][0] for likeness, told in found.items() if told is None}
        if unknown:
            found |= self._answered(statement, labels, told_of, unknown)
        answer = {candidate.desk: found[likeness] for likeness, together in alike.items() for candidate in together}
        refused = tuple(candidate.desk for candidate in candidates if answer[candidate.desk] is None)
        nothing: _Told = {label: Withheld((), EVALUATION_ERROR) for label in labels}
        return Decided(self.bundle.digest, {desk: told or nothing for desk, told in answer.items()}, refused)

    def terms(self, grounds: frozenset[str]) -> Terms:
        """The terms on which a desk is told that is told on these grounds. See `Bundle.terms`; worked out once for each
        set of grounds, and of those that open together there are few."""
        if grounds not in self._terms:
            self._terms[grounds] = self.bundle.terms(grounds)
        return self._terms[grounds]

    def _told(self, statement: Statement) -> tuple[object, ...]:
        """All that the policies are told of a notification, and which compartments they are asked about."""
        source = statement.source if self.bundle.slices.tells_agencies_apart else None
        return (
            *(statement.kind, source, statement.tags, statement.risk, statement.level, statement.other_authority),
            *(statement.risk_rises, statement.consent_patient, statement.caldicott_authority, statement.carried),
        )

    def _likeness(self, candidate: Candidate) -> _Likeness:
        desk = candidate.desk if self.bundle.slices.tells_desks_apart else None
        agency = candidate.agency if self.bundle.slices.tells_agencies_apart else None
        return (desk, agency, candidate.desk_type, candidate.signed, candidate.suspended, candidate.reach)

    def _keep(self, key: tuple[object, ...], told: _Told | None = None) -> _Told | None:
        """The answer that is kept under *key*, or *told*, which is kept from now on."""
        kept = self._kept.get(key) if told is None else told
        if kept is not None:
            self._kept[key] = kept
            self._kept.move_to_end(key)
            if len(self._kept) > _KEPT_MAX:
                self._kept.popitem(last=False)
        return kept

    def _answered(
        self,
        statement: Statement,
        labels: Sequence[Label],
        told_of: tuple[object, ...],
        unknown: Mapping[_Likeness, Candidate],
    ) -> dict[_Likeness, _Told | None]:
        """Ask Cedar about one desk of each likeness. None where it gave no clean answer."""
        asked = [label for label in labels if label in self.bundle.openable]
        answers = self._ask(statement, list(unknown.values()), asked)
        found: dict[_Likeness, _Told | None] = {}
        for likeness, candidate in unknown.items():
            told: dict[Label, Outcome] = {label: Withheld((), NO_GROUND) for label in labels}
            try:
                told.update((label, self._outcome(answers, candidate.desk, label)) for label in asked)
            except _NotAnswered:
                # All of it, also what was answered cleanly: what is wrong with one compartment's policies is not known.
                found[likeness] = None
            else:
                found[likeness] = self._keep((told_of, likeness), MappingProxyType(told))
        return found

    def _ask(self, statement: Statement, candidates: Sequence[Candidate], labels: Sequence[Label]) -> _Answers:
        """Cedar's answers; none for the desks about which it could not be asked."""
        schema = self.bundle.schema
        try:
            # With the schema, here and now: a handle is not checked again later, and what is not checked can make a
            # guard fail.
            text = json_encode([_resource(statement), *_principals(candidates)]).decode("utf-8")
            entities = cedarpy.Entities.from_json_str(text, schema)
        except ValueError:  # not chained and not logged: its text quotes what the entity holds
            return {}
        together: defaultdict[cedarpy.PolicySet, list[Candidate]] = defaultdict(list)
        for candidate in candidates:
            together[self.bundle.slices.of(statement.kind, candidate.desk_type)].append(candidate)
        answers: dict[tuple[DeskId, Label], cedarpy.AuthzResult] = {}
        for policy_set, desks in together.items():
            answers |= _ask_about(desks, labels, policy_set, entities, schema)
        return answers

    def _outcome(self, answers: _Answers, desk: DeskId, label: Label) -> Outcome:
        result = answers.get((desk, label))
        if result is None or result.diagnostics.errors:
            raise _NotAnswered
        policy_ids = tuple(sorted(result.diagnostics.reasons))
        grounds, guards = self.bundle.grounds, self.bundle.guards
        # `NoDecision` is a third answer, and "not denied" would let it through.
        match result.decision:
            case cedarpy.Decision.Allow if policy_ids and grounds.keys() >= set(policy_ids):
                return Open(policy_ids)
            case cedarpy.Decision.Deny if guards.keys() >= set(policy_ids):
                reasons = "; ".join(guards[policy_id].reason for policy_id in policy_ids)
                return Withheld(policy_ids, reasons or NO_GROUND)
            case _:
                raise _NotAnswered


def _ask_about(
    candidates: Sequence[Candidate],
    labels: Sequence[Label],
    policy_set: cedarpy.PolicySet,
    entities: cedarpy.Entities,
    schema: cedarpy.Schema,
) -> _Answers:
    """Cedar's answers for desks of one slice; none at all if it did not answer everything."""
    keys = [(candidate.desk, label) for candidate in candidates for label in labels]
    requests = [request for candidate in candidates for request in _requests(candidate, labels)]
    try:
        return dict(zip(keys, cedarpy.is_authorized_batch(requests, policy_set, entities, schema), strict=True))
    except ValueError:  # as above
        return {}


def _requests(candidate: Candidate, labels: Sequence[Label]) -> Iterator[dict[str, Any]]:
    context = json_encode({"reach": asdict(candidate.reach)}).decode("utf-8")
    for label in labels:
        yield {
            "principal": {"type": "Tellwise::Desk", "id": candidate.desk},
            "action": {"type": "Tellwise::Action", "id": f"open_{label}"},
            "resource": _RESOURCE,
            "context": context,
        }


def _resource(statement: Statement) -> dict[str, Any]:
    facts = {
        "kind": _entity("Kind", statement.kind),
        "source": _entity("Agency", statement.source),
        "tags": [_entity("Tag", tag) for tag in sorted(statement.tags)],
        "risk": 0 if statement.risk is None else statement.risk.rank + 1,
        "level": 0 if statement.level is None else int(statement.level),
        "other_authority": statement.other_authority,
        "risk_rises": statement.risk_rises,
        "consent_patient": _entity("Consent", statement.consent_patient),
        "caldicott_authority": statement.caldicott_authority,
    }
    return {"uid": _RESOURCE, "attrs": facts, "parents": []}


def _principals(candidates: Sequence[Candidate]) -> Iterator[dict[str, Any]]:
    for candidate in candidates:
        yield {
            "uid": {"type": "Tellwise::Desk", "id": candidate.desk},
            "attrs": {
                "agency_class": _entity("AgencyClass", DESK_TYPES[candidate.desk_type].agency_class),
                "signed": candidate.signed,
                "suspended": candidate.suspended,
            },
            # Neither is an entity of the call itself, because neither has attributes or parents that Cedar could miss.
            "parents": [
                {"type": "Tellwise::Agency", "id": candidate.agency},
                {"type": "Tellwise::DeskType", "id": candidate.desk_type},
            ],
        }


def _entity(kind: str, name: str) -> dict[str, Any]:
    return {"__entity": {"type": f"Tellwise::{kind}", "id": name}}
