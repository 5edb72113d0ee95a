"""Every kind of notification that exists, and its version.

A field is added to a model at its end, with a default, and the version stays. A field removed, renamed or made
narrower is a new version, which stands here beside the old one until no desk publishes that any more.
"""

from schemas.kinds import case, letter, registration, residence
from schemas.kinds.kind import Kind


class UnknownKind(ValueError):
    """No kind of this name is in the catalogue; what is unknown is told to nobody."""

    def __init__(self, name: str) -> None:
        shown = name[:80] if name.isprintable() else "?"
        super().__init__(f"unknown kind `{shown}`")


CATALOGUE: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        registration.ADDRESS_CHANGED,
        residence.RESIDES_IN_AREA,
        case.OPENED,
        case.TEAM_CHANGED,
        case.TAGGED,
        case.ASSESSED,
        letter.ACKNOWLEDGED,
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
