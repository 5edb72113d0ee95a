"""Rule D1: telling somebody outside the broker is a recorded human decision of its own, and this is what it needs.

A third party (a landlord, a head teacher, an employer, a person at risk) is never a desk. Sources: study, section 3.2,
rule D1, after a responsible authority's annual report of 2002-3, section 5; the Criminal Justice Act 2003, s.327A.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from schemas import Label

NEVER_TOLD = frozenset(
    {
        Label.ADDRESS,
        Label.DIGITAL,
        Label.FINANCIAL,
        Label.HEALTH,
        Label.INTELLIGENCE,
        Label.MINUTES,
        Label.RISK_DETAIL,
        Label.VICTIM,
    }
)
"""What no third party is told, whoever allows it."""

RANKS = (
    "constable",
    "sergeant",
    "inspector",
    "chief inspector",
    "superintendent",
    "chief superintendent",
    "assistant chief constable",
    "deputy chief constable",
    "chief constable",
)
"""Police ranks in order: compared, never matched."""

MANAGERS = ("mapp chair", "lead manager")


class OffenderConsent(StrEnum):
    """Whether the offender agreed to the telling."""

    GIVEN = "given"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    RAISES_RISK = "raises_risk"
    """Asking would itself endanger somebody."""
    NOT_SOUGHT = "not_sought"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is asked for."""

    content: Sequence[Label]
    reasons: str
    consent: OffenderConsent
    authority: str
    """A police rank, or one of `MANAGERS`."""
    imminent: bool
    """Whether a life is in imminent danger."""
    under_18: bool
    """Whether the offender is under 18."""
    csc_consulted: bool
    """Whether children's social care has been consulted."""


def decide_disclosure(asked: Asked) -> str:
    """The answer, in the words that are recorded: `allow`, `allow, confirm by ACC within 24 h`, or `refuse: ` and why.

    The first line that applies decides. What is unknown is refused.
    """
    barred = sorted(set(asked.content) & NEVER_TOLD)
    if barred:  # 1
        return f"refuse: content {','.join(barred)}"
    if not asked.reasons.strip():  # 2
        return "refuse: no reasons recorded"
    if asked.consent is OffenderConsent.NOT_SOUGHT:  # 3
        return "refuse: consent not sought"
    if asked.under_18 and not asked.csc_consulted:  # 4
        return "refuse: children social care not consulted"
    rank = RANKS.index(asked.authority) if asked.authority in RANKS else None
    if asked.consent is OffenderConsent.GIVEN:  # 5, 6
        allowed = asked.authority in MANAGERS or _at_least(rank, "inspector")
        return "allow" if allowed else "refuse: authority"
    if _at_least(rank, "assistant chief constable"):  # 7
        return "allow"
    if asked.imminent and _at_least(rank, "superintendent"):  # 8
        return "allow, confirm by ACC within 24 h"
    return "refuse: authority"  # 9


def _at_least(rank: int | None, wanted: str) -> bool:
    return rank is not None and rank >= RANKS.index(wanted)
