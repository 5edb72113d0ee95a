"""Who may be told, and on which ground: a pure answer to given facts.

Needs no clock, no network, no key and no database.
The policies themselves stand in grounds/ and guards/, each family with a page of examples that an officer can read.
"""

from policies.annotations import Ground, Guard, Terms
from policies.bundle import TELLABLE, Bundle, BundleRefused, UnknownGround
from policies.decision import EVALUATION_ERROR, NO_GROUND, Decided, Open, Outcome, Withheld
from policies.engine import Engine
from policies.question import Candidate, Reach, Statement

__all__ = [
    "EVALUATION_ERROR",
    "NO_GROUND",
    "TELLABLE",
    "Bundle",
    "BundleRefused",
    "Candidate",
    "Decided",
    "Engine",
    "Ground",
    "Guard",
    "Open",
    "Outcome",
    "Reach",
    "Statement",
    "Terms",
    "UnknownGround",
    "Withheld",
]
