"""Every log event name, in one list, and the one way to emit one.

Names are noun.past-verb and are for ever. What goes with them are ids, counts and reasons from closed lists: never a
payload, a key, a person, a kind that would tell of one, or the text of somebody else's exception.
"""

import json
import logging
from enum import StrEnum

_LOGGER = logging.getLogger("tellwise")


class Event(StrEnum):
    """What can happen that an operator must be able to see."""

    LANE_TAKEN = "lane.taken"
    LANE_FENCED = "lane.fenced"
    """Another owner has the lane, or may have; this one stopped."""
    LANE_PAUSED = "lane.paused"
    """A passing fault: the turn is tried again and nothing is skipped."""
    NOTIFICATION_QUARANTINED = "notification.quarantined"
    NOTIFICATION_REUSED = "notification.reused"
    """Alarm: a known notification id with another head."""
    SEQUENCE_BROKEN = "sequence.broken"
    """Alarm: a desk's count of what it says has a gap or goes back."""
    DECISION_REFUSED = "decision.refused"
    """Alarm: the policy engine failed for a desk, so that desk was told nothing."""
    KEYS_IN_FILES = "keys.in_files"
    """Warning: demo keys are in use."""
    ITEM_REFUSED = "item.refused"
    """At a desk: a letter, package or receipt failed a check."""
    LETTER_MISSING = "letter.missing"
    """At a desk: the count of its letters has a gap."""


def emit(event: Event, *, level: int = logging.INFO, **ids: str | int) -> None:
    """Log *event* with ids as one line of JSON."""
    if _LOGGER.isEnabledFor(level):
        _LOGGER.log(level, json.dumps({"event": event.value, **ids}, sort_keys=True))
