"""Candidates and their reach: which desks may concern a notification, and how each was found.

Policies decide afterwards and can only narrow. Reach is nine Booleans, computed here and nowhere else; what serves an
area is a column of the area table. Nobody who is not found is asked about.
"""

from broker.directory import Desk, Directory
from broker.state.cases import Case
from broker.state.told import Told
from policies import Candidate, Reach
from schemas import AreaCode, DeskId, District, Facts, area_table


def candidates(
    facts: Facts, publisher: DeskId, case: Case | None, original: Told | None, directory: Directory
) -> list[Candidate]:
    """Every desk that some policy may wish to tell, with its reach, in the order of their names.

    Args:
        facts: Of the notification; its areas are known to exist.
        publisher: Never a candidate for what it said itself.
        case: The person's; None if there is none.
        original: Who was told of the notification that this one corrects.
        directory: As the lane has applied it.
    """
    area = None if facts.area is None else area_table().district(facts.area)
    area_old = None if facts.area_old is None else area_table().district(facts.area_old)
    found = set(directory.unpatched)
    for code in _codes(area, area_old, case):
        found.update(directory.by_area.get(code, ()))
    if case is not None:
        found.update(case.team)
    found.update(facts.addressed, facts.attendees)
    if original is not None:
        found.update(told.desk for told in original.desks)
    desks = (directory.desks[name] for name in sorted(found - {publisher}) if name in directory.desks)
    return [
        Candidate(
            desk=desk.id,
            agency=desk.agency,
            desk_type=desk.desk_type,
            signed=desk.entry.signed,
            suspended=False,
            reach=_reach(desk, facts, area, area_old, case, original),
        )
        for desk in desks
    ]


def _codes(area: District | None, area_old: District | None, case: Case | None) -> set[AreaCode]:
    codes: set[AreaCode] = set()
    for district in (area, area_old):
        if district is not None:
            codes |= district.closure
    if area is None and case is not None:
        for force in case.forces:
            codes |= area_table().codes_in_force(force)
    return codes


def _reach(
    desk: Desk, facts: Facts, area: District | None, area_old: District | None, case: Case | None, original: Told | None
) -> Reach:
    serves = area is not None and area.served_by(desk.desk_type, desk.patch)
    served = area_old is not None and area_old.served_by(desk.desk_type, desk.patch) and not serves
    in_force = area is not None and area.force in desk.patch
    team = case is not None and desk.id in case.team
    return Reach(
        area=serves,
        area_old=served,
        team=team,
        team_area_old=team and served,
        force=in_force,
        addressed=desk.id in facts.addressed,
        attendee=desk.id in facts.attendees,
        had_original=original is not None and original.to(desk.id) is not None,
        all=_all(desk, area, case, serves or in_force or team),
    )


def _all(desk: Desk, area: District | None, case: Case | None, near: bool) -> bool:
    """Whether the desk is one of "every desk of that type": near, without a patch, or in the case's MAPPA area.

    A case without a MAPPA area reaches nobody in this way.
    """
    everywhere = not desk.patch and not desk.entry.addressed_only
    if area is not None:
        return near or everywhere
    if case is None:
        return False
    in_case_area = any(not area_table().codes_in_force(force).isdisjoint(desk.patch) for force in case.forces)
    return near or everywhere or in_case_area
