"""What the catalogue knows of one kind of notification."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from schemas.compartments import COMPARTMENTS, Contact, Label
from schemas.facts import Facts
from schemas.said import Said, SchemaRefused
from schemas.vocabulary import DESK_TYPES, AgencyClass, DeskType

TOLD = COMPARTMENTS
"""What every kind that desks are told of may carry: a publisher may fill too much, and the decision withholds it."""

IN_STANDING = frozenset(
    desk_type for desk_type, row in DESK_TYPES.items() if row.agency_class is not AgencyClass.OVERSIGHT
)
"""Publishers of what anybody in standing may say. Source: study, section 3.1 and the list of publishers, `*`."""


class Need(Enum):
    """Whether a fact must be there."""

    REQUIRED = "required"
    ALLOWED = "allowed"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of notification: `family.past_verb`, its version, its compartments, its publishers."""

    name: str
    version: int
    publishers: frozenset[DeskType]
    """Desk types that may publish it. Nobody else may; an empty set means nobody at all."""
    required: frozenset[Label]
    """Without these it says nothing. `contact` and `facts` are always required and are not listed."""
    models: Mapping[Label, type[Said]] = field(default_factory=lambda: TOLD)
    """Every compartment that it may carry, beside `facts`. One that no desk may receive is carried and withheld."""
    fields: Mapping[Label, frozenset[str]] = field(default_factory=dict)
    """Fields that must be filled where the compartment is carried: the key facts of this kind."""
    area: Need = Need.ALLOWED
    """The district that it is about."""
    area_old: Need = Need.REFUSED
    """The district before."""
    corrects: Need = Need.REFUSED
    """The notification that it corrects."""
    control: bool = False
    """Whether it speaks to the hub: it changes state there and is delivered to nobody."""
    by_team: bool = False
    """Whether only a desk on the person's case team may publish it."""

    def may_be_published_by(self, desk_type: DeskType, *, signed: bool) -> bool:
        """Whether a desk may publish it: its type is listed; where anybody in standing may, its agency has signed too.

        A responsible authority is in standing without a signature.
        """
        if desk_type not in self.publishers:
            return False
        by_anybody_in_standing = self.publishers == IN_STANDING
        return signed or not by_anybody_in_standing or DESK_TYPES[desk_type].agency_class is AgencyClass.RA

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
        for name in ("area", "area_old", "corrects"):
            need, there = getattr(self, name), getattr(facts, name) is not None
            if need is Need.REQUIRED and not there:
                problems.append(f"fact `{name}` missing")
            if need is Need.REFUSED and there:
                problems.append(f"fact `{name}` unknown to this kind")
        if problems:
            raise SchemaRefused(self.name, tuple(problems))

    def check_fields(self, opened: Mapping[Label, Said]) -> None:
        """Check that the key facts of this kind are filled in.

        Args:
            opened: Every compartment that is readable here: at the publisher all, at the hub those that are not blind.

        Raises:
            SchemaRefused: the text names each field.
        """
        problems = [
            f"`{label}.{name}` missing"
            for label, names in sorted(self.fields.items())
            if label in opened
            for name in sorted(names)
            if getattr(opened[label], name) in (None, ())
        ]
        if problems:
            raise SchemaRefused(self.name, tuple(problems))


def told(
    name: str,
    publishers: frozenset[DeskType] | set[DeskType],
    *required: Label,
    fields: Mapping[Label, str] | None = None,
    area: Need = Need.ALLOWED,
    area_old: Need = Need.REFUSED,
    corrects: Need = Need.REFUSED,
) -> Kind:
    """A kind, in its first version, that desks are told of.

    Args:
        name: `family.past_verb`.
        publishers: Who may say it.
        required: Compartments without which it says nothing.
        fields: Fields that must be filled, by compartment, joined by spaces.
        area: Whether it is about a district.
        area_old: Whether it names the district before.
        corrects: Whether it names a notification that it corrects.
    """
    return Kind(
        name,
        1,
        frozenset(publishers),
        frozenset(required),
        fields={label: frozenset(names.split()) for label, names in (fields or {}).items()},
        area=area,
        area_old=area_old,
        corrects=corrects,
    )


def control(name: str, publishers: frozenset[DeskType], model: type[Said], *, by_team: bool = False) -> Kind:
    """A kind, in its first version, that speaks to the hub: `contact`, and what it says."""
    return Kind(
        name,
        1,
        publishers,
        frozenset({Label.CONTROL}),
        {Label.CONTACT: Contact, Label.CONTROL: model},
        area=Need.REFUSED,
        control=True,
        by_team=by_team,
    )
