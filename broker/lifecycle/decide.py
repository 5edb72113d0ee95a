"""Step 4, decide: ask the policies about every candidate, and write down all that the answer rests on.

The answer is per desk and compartment: open or withheld, with the policies behind it. The detail record holds what was
asked and answered, so that the same decision can be made again, and explained, from that record alone.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from broker.errors import PolicyNotInForce
from broker.ledger.details import seal_detail
from broker.lifecycle.accept import Accepted
from broker.lifecycle.reach import candidates
from broker.lifecycle.turn import Turn
from broker.state.told import Told, told_of
from broker.telemetry import Event
from policies import Candidate, Decided, Open, Statement, Terms, Withheld
from schemas import Consent, DeskId, Label, area_table
from schemas.strict import json_encode


@dataclass(frozen=True, slots=True)
class Grant:
    """What one desk may be told, and on which terms."""

    desk: DeskId
    labels: tuple[Label, ...]
    terms: Terms


@dataclass(frozen=True, slots=True)
class Decision:
    """Who may be told what of one notification."""

    policy: str
    """Digest of the bundle that decided."""
    grants: list[Grant]
    """Only desks with at least one open compartment that is carried; the rest hear nothing, not even that there was
    anything."""
    detail: bytes
    """The detail record, sealed under the person's key."""


def decide(accepted: Accepted, turn: Turn) -> Decision:
    """Decide about one accepted notification.

    Raises:
        PolicyNotInForce: the policies at hand are not those that the directory has in force.
    """
    engine = turn.premises.policies
    if turn.directory.policy != engine.bundle.digest:
        raise PolicyNotInForce("the policies at hand are not in force")
    statement = _statement(accepted)
    facts, publisher = accepted.facts, accepted.signed.publisher
    original = None if facts.corrects is None else told_of(turn.rows, accepted.person, facts.corrects)
    asked = candidates(facts, publisher.id, accepted.case, original, turn.directory)
    decided = engine.decide(statement, asked)
    for desk in decided.refused:
        turn.alarm(Event.DECISION_REFUSED, desk=desk, id=accepted.signed.notification.head.fields.id)
    grants = list(_grants(asked, decided, turn))
    if facts.corrects is not None:
        grants = [_as_told_before(grant, original, decided, statement.carried) for grant in grants]
    record = _record(accepted, statement, asked, decided, grants, turn)
    return Decision(decided.bundle_digest, grants, seal_detail(record, accepted.person.key, turn.premises.entropy))


def _statement(accepted: Accepted) -> Statement:
    facts, case = accepted.facts, accepted.case
    return Statement(
        kind=accepted.kind.name,
        source=accepted.signed.publisher.agency,
        carried=frozenset(accepted.content_keys),
        tags=frozenset(facts.flags) | frozenset(case.tags if case is not None else ()),
        risk=None if case is None else case.risk,
        level=None if case is None else case.level,
        other_authority=area_table().other_authority(facts.area, facts.area_old),
        risk_rises=facts.risk_rises,
        consent_patient=Consent.NOT_SOUGHT if case is None else case.consent_patient,
        caldicott_authority=case is not None and case.caldicott_authority,
    )


def _grants(asked: list[Candidate], decided: Decided, turn: Turn) -> Iterator[Grant]:
    known: dict[int, tuple[tuple[Label, ...], Terms] | None] = {}  # by the answer, which is one for many desks
    for candidate in asked:
        outcomes = decided.outcomes.get(candidate.desk, {})
        if id(outcomes) not in known:
            known[id(outcomes)] = _opened(outcomes, turn)
        if (opened := known[id(outcomes)]) is not None:
            yield Grant(candidate.desk, *opened)


def _opened(outcomes: Mapping[Label, Open | Withheld], turn: Turn) -> tuple[tuple[Label, ...], Terms] | None:
    opened = {label: outcome for label, outcome in sorted(outcomes.items()) if isinstance(outcome, Open)}
    if not opened:
        return None
    grounds = frozenset(policy for outcome in opened.values() for policy in outcome.policy_ids)
    return (Label.CONTACT, *opened), turn.premises.policies.terms(grounds)


def _as_told_before(grant: Grant, original: Told | None, decided: Decided, carried: frozenset[Label]) -> Grant:
    """A correction follows the record: a desk gets of it what it had of the notification corrected, and the correction.

    Whether it gets it at all is the policies' affair, as always; and what a guard refuses now (a consent was withdrawn
    since, say) is refused here too.
    """
    had = None if original is None else original.to(grant.desk)
    outcomes = decided.outcomes.get(grant.desk, {})
    guarded = {label for label, outcome in outcomes.items() if isinstance(outcome, Withheld) and outcome.policy_ids}
    labels = {Label.CORRECTION} | (set() if had is None else set(had.labels) - guarded)
    return replace(grant, labels=(Label.CONTACT, *sorted((labels & carried) - {Label.CONTACT})))


def _record(
    accepted: Accepted,
    statement: Statement,
    asked: list[Candidate],
    decided: Decided,
    grants: list[Grant],
    turn: Turn,
) -> bytes:
    fields = accepted.signed.notification.head.fields
    return json_encode(
        {
            "v": 1,
            "id": fields.id,
            "kind": fields.kind,
            "publisher": fields.iss,
            "decided_at": turn.now.isoformat(),
            "policy": decided.bundle_digest,
            "areas": area_table().digest,
            "facts": accepted.facts.model_dump(mode="json", exclude_none=True),
            **({} if accepted.case is None else {"case": accepted.case.model_dump(mode="json")}),
            "carried": sorted(statement.carried),
            "other_authority": statement.other_authority,
            "desks": _desk_records(asked, decided),
            "told": {grant.desk: sorted(grant.labels) for grant in grants},
        }
    )


def _desk_records(asked: list[Candidate], decided: Decided) -> list[dict[str, Any]]:
    written: dict[int, dict[str, Any]] = {}  # desks that were answered together have one and the same answer
    records = []
    for candidate in asked:
        outcomes = decided.outcomes.get(candidate.desk, {})
        if id(outcomes) not in written:
            written[id(outcomes)] = {label.value: _outcome_record(outcomes[label]) for label in sorted(outcomes)}
        records.append(_desk_record(candidate, written[id(outcomes)]))
    return records


def _desk_record(candidate: Candidate, outcomes: dict[str, Any]) -> dict[str, Any]:
    return {
        "desk": candidate.desk,
        "agency": candidate.agency,
        "type": candidate.desk_type.value,
        "signed": candidate.signed,
        "suspended": candidate.suspended,
        "reach": [name for name in candidate.reach.__dataclass_fields__ if getattr(candidate.reach, name)],
        "outcomes": outcomes,
    }


def _outcome_record(outcome: Open | Withheld) -> dict[str, Any]:
    match outcome:
        case Open():
            return {"open": sorted(outcome.policy_ids)}
        case Withheld():
            return {"withheld": sorted(outcome.policy_ids), "reason": outcome.reason}
