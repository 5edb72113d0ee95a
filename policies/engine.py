"""Cedar, asked for every candidate desk and every carried compartment of one notification.

Whatever is not a clean answer refuses. Plain Cedar skips a policy that fails to evaluate, so that a guard which fails
lets everything through; here one failure withholds everything from that desk, and the caller is told.

Desks are asked about together where the same policies can have a say: see slices.py.

LIMIT: the time grows with candidates times compartments, about 0.06 ms each.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import cedarpy

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


class Engine:
    """Decides by one bundle. Pure: the same question gets the same answer next year."""

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle

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
        asked = [label for label in labels if label in self.bundle.openable]
        answers = self._ask(statement, candidates, asked)
        outcomes: dict[DeskId, dict[Label, Outcome]] = {}
        refused = []
        for candidate in candidates:
            told: dict[Label, Outcome] = {label: Withheld((), NO_GROUND) for label in labels}
            try:
                told.update((label, self._outcome(answers, candidate.desk, label)) for label in asked)
            except _NotAnswered:
                # All of it, also what was answered cleanly: what is wrong with one compartment's policies is not known.
                told = {label: Withheld((), EVALUATION_ERROR) for label in labels}
                refused.append(candidate.desk)
            outcomes[candidate.desk] = told
        return Decided(self.bundle.digest, outcomes, tuple(refused))

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
