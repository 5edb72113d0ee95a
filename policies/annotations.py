"""What a policy says of itself: grounds and guards with their reasons, and the terms on which a desk is told.

The vocabulary is closed and checked when a bundle is loaded; Cedar itself accepts any annotation, also a misspelt one.

`@id` · `@reason` one plain sentence · `@basis` the law · `@source` the rule, study or decision that it comes from; both
of these are lists with `;` between · `@urgency` and `@retain` a class each (docs/decisions/0003).
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from schemas import Retention, Urgency

Effect = Literal["permit", "forbid"]

_REQUIRED: dict[Effect, frozenset[str]] = {
    "permit": frozenset({"id", "reason", "basis", "source", "urgency", "retain"}),
    "forbid": frozenset({"id", "reason", "source"}),
}
_KNOWN: dict[Effect, frozenset[str]] = {
    "permit": _REQUIRED["permit"],
    "forbid": _REQUIRED["forbid"] | {"basis"},  # a guard has one only where the law itself forbids
}
_ID = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)+")


@dataclass(frozen=True, slots=True)
class Ground:
    """A policy that permits."""

    id: str
    reason: str
    basis: tuple[str, ...]
    sources: tuple[str, ...]
    urgency: Urgency
    retention: Retention


@dataclass(frozen=True, slots=True)
class Guard:
    """A policy that forbids."""

    id: str
    reason: str
    basis: tuple[str, ...]
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for a desk that is told on some grounds: for the letter's cover and for the detail record."""

    reasons: tuple[str, ...]
    basis: tuple[str, ...]
    sources: tuple[str, ...]
    urgency: Urgency
    """The most urgent of the grounds. From it follows by when a person must acknowledge."""
    retention: tuple[Retention, ...]
    """Each class that a ground asks for. They end by events and not by dates, so none can be called the shortest."""

    @classmethod
    def of(cls, grounds: Iterable[Ground]) -> "Terms":
        """Merge the terms of one or more grounds; every list is sorted and says nothing twice."""
        grounds = tuple(grounds)
        return cls(
            reasons=_sorted_once(ground.reason for ground in grounds),
            basis=_sorted_once(text for ground in grounds for text in ground.basis),
            sources=_sorted_once(text for ground in grounds for text in ground.sources),
            urgency=min((ground.urgency for ground in grounds), key=lambda urgency: urgency.rank),
            retention=tuple(sorted({ground.retention for ground in grounds})),
        )


def annotation_problems(effect: Effect, annotations: Mapping[str, str]) -> Iterator[str]:
    """What is wrong with a policy's annotations, one line each; nothing if they can be read."""
    for name in sorted(_REQUIRED[effect] - annotations.keys()):
        yield f"`@{name}` missing"
    for name in sorted(annotations.keys() - _KNOWN[effect]):
        yield f"`@{name}` unknown to a {'ground' if effect == 'permit' else 'guard'}"
    for name, text in sorted(annotations.items()):
        if name in _KNOWN[effect] and not _valid(name, text, effect):
            yield f"`@{name}` not valid"


def read_ground(annotations: Mapping[str, str]) -> Ground:
    """Read the annotations of a permit that has no problems."""
    return Ground(
        id=annotations["id"],
        reason=annotations["reason"],
        basis=_listed(annotations["basis"]),
        sources=_listed(annotations["source"]),
        urgency=Urgency(annotations["urgency"]),
        retention=Retention(annotations["retain"]),
    )


def read_guard(annotations: Mapping[str, str]) -> Guard:
    """Read the annotations of a forbid that has no problems."""
    return Guard(
        id=annotations["id"],
        reason=annotations["reason"],
        basis=_listed(annotations["basis"]) if "basis" in annotations else (),
        sources=_listed(annotations["source"]),
    )


def _valid(name: str, text: str, effect: Effect) -> bool:
    match name:
        case "id":
            # Two names for two things: a page that says `guard.…` never means something that permits.
            return _ID.fullmatch(text) is not None and text.startswith("guard.") == (effect == "forbid")
        case "urgency":
            return text in set(Urgency)
        case "retain":
            return text in set(Retention)
        case _:
            return text.isprintable() and all(_listed(text))


def _listed(text: str) -> tuple[str, ...]:
    return tuple(item.strip() for item in text.split(";"))


def _sorted_once(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(texts)))
