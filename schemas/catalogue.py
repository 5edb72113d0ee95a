"""Every kind of notification that exists, and its version.

A field is added to a model at its end, with a default, and the version stays. A field removed, renamed or made
narrower is a new version, which stands here beside the old one until no desk publishes that any more.
"""

from schemas.kinds import (
    accommodation,
    case,
    custody,
    danger,
    letter,
    licence,
    panel,
    registration,
    residence,
    upkeep,
    victim,
)
from schemas.kinds.kind import Kind


class UnknownKind(ValueError):
    """No kind of this name is in the catalogue; what is unknown is told to nobody."""

    def __init__(self, name: str) -> None:
        shown = name[:80] if name.isprintable() else "?"
        super().__init__(f"unknown kind `{shown}`")


CATALOGUE: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        *registration.KINDS,
        *residence.KINDS,
        *panel.KINDS,
        *custody.KINDS,
        *licence.KINDS,
        *accommodation.KINDS,
        *danger.KINDS,
        *victim.KINDS,
        *upkeep.KINDS,
        case.OPENED,
        case.TEAM_CHANGED,
        case.TAGGED,
        case.ASSESSED,
        case.CONSENT_RECORDED,
        case.PERSON_LINKED,
        letter.ACKNOWLEDGED,
        letter.RETURNED,
    )
}


def kind_of(name: str) -> Kind:
    """The kind of this name.

    Raises:
        UnknownKind: there is none.
    """
    try:
        return CATALOGUE[name]
    except KeyError:
        raise UnknownKind(name) from None
