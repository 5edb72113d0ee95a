"""What the catalogue knows of one kind of notification."""

from collections.abc import Mapping
from dataclasses import dataclass

from schemas.compartments import COMPARTMENTS, Contact, Label
from schemas.facts import Facts
from schemas.said import Said, SchemaRefused
from schemas.vocabulary import DeskType


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of notification: `family.past_verb`, its version, its compartments, its publishers."""

    name: str
    version: int
    publishers: frozenset[DeskType]
    """Desk types that may publish it. Nobody else may; an empty set means nobody at all."""
    required: frozenset[Label]
    """Without these it says nothing. `contact` and `facts` are always required and are not listed."""
    models: Mapping[Label, type[Said]]
    """Every compartment that it may carry, beside `facts`. One that no desk may receive is carried and withheld."""
    area: bool = False
    """Whether the facts must name the district that it is about."""
    area_old: bool = False
    """Whether they must name the district before."""
    control: bool = False
    """Whether it speaks to the hub: it changes state there and is delivered to nobody."""
    by_team: bool = False
    """Whether only a desk on the person's case team may publish it."""

    def check(self, facts: Facts, labels: frozenset[Label]) -> None:
        """Check that a notification of this kind carries what it must and nothing that it may not.

        Args:
            facts: Its facts.
            labels: The compartments that it carries, beside `facts`.

        Raises:
            SchemaRefused: the text names each compartment or fact.
        """
        problems = [f"compartment `{label}` missing" for label in sorted((self.required | {Label.CONTACT}) - labels)]
        problems += [f"compartment `{label}` unknown to this kind" for label in sorted(labels - set(self.models))]
        for name, wanted in (("area", self.area), ("area_old", self.area_old)):
            if (getattr(facts, name) is not None) != wanted:
                problems.append(f"fact `{name}` {'missing' if wanted else 'unknown to this kind'}")
        if facts.corrects is not None:
            problems.append("fact `corrects` unknown to this kind")
        if problems:
            raise SchemaRefused(self.name, tuple(problems))


def told(*optional: Label, required: tuple[Label, ...]) -> dict[Label, type[Said]]:
    """The models of a kind that desks are told of: those required, those allowed, and `contact`."""
    return {label: COMPARTMENTS[label] for label in (Label.CONTACT, *required, *optional)}


def control(model: type[Said]) -> dict[Label, type[Said]]:
    """The models of a control kind: `contact`, and what it says to the hub."""
    return {Label.CONTACT: Contact, Label.CONTROL: model}
