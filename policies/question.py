"""What the policies are asked: one notification's facts, and the desks that it might concern, with how each was found.

Everything here is computed by the hub, from what was signed and from its directory. Nothing is a payload.
"""

from dataclasses import dataclass

from schemas import AgencyId, Consent, DeskId, DeskType, Label, Level, Risk, Tag


@dataclass(frozen=True, slots=True)
class Reach:
    """How a desk was found for a notification. A bit for each way; several may hold."""

    area: bool = False
    """It serves the district that the notification is about."""
    area_old: bool = False
    """It serves the district before, and does not serve the present one."""
    team: bool = False
    """It is on the case team."""
    team_area_old: bool = False
    """It is on the case team, and `area_old` holds."""
    force: bool = False
    """It has the police force of the district in its patch."""
    addressed: bool = False
    """The publisher names it."""
    attendee: bool = False
    """It is on the meeting's list."""
    had_original: bool = False
    """It was told the notification that this one corrects."""
    all: bool = False
    """It is among all desks of its type in the case's MAPPA area."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A desk that might be told."""

    desk: DeskId
    agency: AgencyId
    desk_type: DeskType
    signed: bool
    """Whether its agency has signed the protocol. A responsible authority needs no signature."""
    suspended: bool
    reach: Reach


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What the policies are told of one notification, as the facts and the case stand now."""

    kind: str
    source: AgencyId
    """The publishing agency."""
    carried: frozenset[Label]
    tags: frozenset[Tag]
    """Those of the case, and the notification's flags."""
    risk: Risk | None
    """None: not assessed, which is lower than every level."""
    level: Level | None
    other_authority: bool
    """The districts before and after are both known, and their social services authorities differ."""
    risk_rises: bool
    """The publisher says so; never computed from `risk`."""
    consent_patient: Consent = Consent.NOT_SOUGHT
    """The person's own, to the telling of health details. As it stands now: what was withdrawn is `withdrawn`."""
    caldicott_authority: bool = False
    """A Caldicott Guardian has recorded that the health details may be told in the public interest."""
