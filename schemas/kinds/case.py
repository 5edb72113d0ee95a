"""Case events: by these alone does the management of a person change, so nobody widens its own access by what it says.

Each is published by a responsible-authority desk on the team; the first by the desk that opens the case.
"""

from typing import Annotated, Self, TypeVar

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from schemas.identifiers import AreaCodeField, DeskIdField, PersonKey
from schemas.kinds.kind import control
from schemas.said import Said
from schemas.vocabulary import DESK_TYPES, AgencyClass, Category, Consent, DeskType, Level, Risk, Tag

_RESPONSIBLE = frozenset(kind for kind, row in DESK_TYPES.items() if row.agency_class is AgencyClass.RA)
_MANAGING = frozenset({DeskType.POLICE, DeskType.PROBATION, DeskType.PRISON})
_Event = TypeVar("_Event")
_Desks = Annotated[tuple[DeskIdField, ...], Field(max_length=100)]
_Tags = Annotated[tuple[Tag, ...], Field(max_length=20)]


class CaseOpened(Said):
    """A case begins. The desk that says so is on the team."""

    team: _Desks
    tags: _Tags
    risk: Risk
    level: Level
    category: Category
    forces: Annotated[tuple[AreaCodeField, ...], Field(min_length=1, max_length=10)]
    """Police force areas of the MAPPA area that is responsible."""


class TeamChanged(Said):
    """Desks join the team or leave it."""

    add: _Desks = ()
    remove: _Desks = ()

    @model_validator(mode="after")
    def _one_or_the_other(self) -> Self:
        return _disjoint(self, self.add, self.remove)


class CaseTagged(Said):
    """Something became true of the case, or ceased to be."""

    add: _Tags = ()
    remove: _Tags = ()

    @model_validator(mode="after")
    def _one_or_the_other(self) -> Self:
        return _disjoint(self, self.add, self.remove)


class CaseAssessed(Said):
    """The risk or the level was judged anew."""

    risk: Risk
    level: Level


def _disjoint(event: _Event, add: tuple[str, ...], remove: tuple[str, ...]) -> _Event:
    if not add and not remove:
        raise PydanticCustomError("changes_nothing", "changes nothing")
    if set(add) & set(remove):
        raise PydanticCustomError("both_added_and_removed", "both added and removed")
    return event


class ConsentRecorded(Said):
    """Whether somebody agreed to the telling of what is theirs, or who may tell it without. Withdrawn at any time."""

    patient: Consent
    """The person's own, to the telling of health details."""
    caldicott_authority: bool = False
    """A Caldicott Guardian's recorded authority in the public interest."""


class PersonLinked(Said):
    """Two identifiers are of one person."""

    other: PersonKey


OPENED = control("case.opened", _MANAGING, CaseOpened)
TEAM_CHANGED = control("case.team_changed", _RESPONSIBLE, TeamChanged, by_team=True)
TAGGED = control("case.tagged", _RESPONSIBLE, CaseTagged, by_team=True)
ASSESSED = control("case.assessed", _RESPONSIBLE, CaseAssessed, by_team=True)
CONSENT_RECORDED = control("consent.recorded", _RESPONSIBLE, ConsentRecorded, by_team=True)
PERSON_LINKED = control("person.linked", _MANAGING, PersonLinked, by_team=True)
