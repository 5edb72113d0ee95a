"""What the policies answer for one desk and one compartment: open or withheld, and on which ground.

Withheld is an ordinary answer, so it is a value and not an exception.
Both name the policies that led to them, because both go into the detail record.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from schemas import DeskId, Label

NO_GROUND = "no policy gives this desk a need to know"
"""The reason when no guard refuses and no ground permits."""

EVALUATION_ERROR = "evaluation error"
"""The reason when Cedar gave no clean answer for the desk. It names no policy, since none decided."""


@dataclass(frozen=True, slots=True)
class Open:
    """The desk may be told what the compartment holds."""

    policy_ids: tuple[str, ...]
    """The grounds that permit it, sorted; never empty. `Bundle.terms` says on which terms."""


@dataclass(frozen=True, slots=True)
class Withheld:
    """The desk may not be told, and is not told that there was anything to tell."""

    policy_ids: tuple[str, ...]
    """The guards that refuse it, sorted; empty if there is merely no ground, or if the evaluation failed."""
    reason: str
    """One plain line for the compliance officer. Names no person."""


Outcome = Open | Withheld


@dataclass(frozen=True, slots=True)
class Decided:
    """The answer for one notification and all its candidates."""

    bundle_digest: str
    """Of the policies that decided; it goes into the detail record."""
    outcomes: Mapping[DeskId, Mapping[Label, Outcome]]
    """For every candidate, in the order asked, one outcome for each carried compartment that desks can be told."""
    refused: tuple[DeskId, ...] = ()
    """Desks for which the evaluation failed, so that all is withheld from them: the caller raises an alarm."""
