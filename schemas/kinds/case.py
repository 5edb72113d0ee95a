"""Case events: by these alone does the management of a person change, so nobody widens its own access by what it says.

Each is published by a responsible-authority desk on the team; the first by the desk that opens the case.
"""

from typing import Annotated, Self, TypeVar

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from schemas.compartments import Label
from schemas.identifiers import AreaCodeField, DeskIdField
from schemas.kinds.kind import Kind, control
from schemas.said import Said
from schemas.vocabulary import DESK_TYPES, AgencyClass, Category, DeskType, Level, Risk, Tag

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
    forces: Annotated[tuple[AreaCodeField, ...], Field(min_length=1, max_length=5)]
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


_SAYS = frozenset({Label.CONTROL})

OPENED = Kind("case.opened", 1, _MANAGING, _SAYS, control(CaseOpened), control=True)
TEAM_CHANGED = Kind("case.team_changed", 1, _RESPONSIBLE, _SAYS, control(TeamChanged), control=True, by_team=True)
TAGGED = Kind("case.tagged", 1, _RESPONSIBLE, _SAYS, control(CaseTagged), control=True, by_team=True)
ASSESSED = Kind("case.assessed", 1, _RESPONSIBLE, _SAYS, control(CaseAssessed), control=True, by_team=True)
