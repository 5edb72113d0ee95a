"""What lanes and doors of one hub say to one another, when somebody is quicker, slower or worse than they should be."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import apsw
import pytest

import tests.personas
from broker.client import Draft
from broker.directory import DeskRevoked, sign_event
from broker.errors import FolderUnusable, StateUnreadable
from broker.ledger.entries import Alteration, Disclosure, Refusal, Repeat, read_entry
from broker.sealing.letters import Item, ItemKind
from broker.topics import DOORS, INPUT, door_of
from schemas import PersonKey, PersonScheme
from schemas.kinds.case import PersonLinked, TeamChanged
from tests.contracts.clock import MovedClock
from tests.contracts.engine import story
from tests.faults.county import BASALT, ONYX, County, case_opened, control, county, hub_db, moved
from tests.faults.several_lanes import (
    LANES,
    home_of,
    hub_of_several,
    identifier,
    of_kind,
    sealed,
    several,
    under,
)
from tests.personas import BLACKBURN, PEOPLE, POLICE, PRESTON, PROBATION, DeskPersona

EARLY_S = 121
"""A second more than a notification may come from the future."""


@story
async def test_what_comes_right_after_a_link_does_not_overtake_it(tmp_path: Path) -> None:
    async with hub_of_several(tmp_path) as here:
        other = elsewhere(here)
        await here.say(POLICE.name, case_opened(ONYX))
        link = control(ONYX, "person.linked", PersonLinked(other=other))
        both = [sealed(here, tmp_path, POLICE, draft) for draft in (link, moved_under(other))]
        await here.tellwise.edge.submit_all(both)
        await here.tellwise.settled()
        told = await here.hear()

    assert len(told) == 3
    assert not of_kind(tmp_path, Refusal)


@story
async def test_two_names_of_one_person_keep_what_one_desk_says_in_order(tmp_path: Path) -> None:
    async with hub_of_several(tmp_path) as here:
        other = elsewhere(here)
        await here.say(POLICE.name, case_opened(ONYX))
        await here.say(POLICE.name, control(ONYX, "person.linked", PersonLinked(other=other)))
        leaves = control(ONYX, "case.team_changed", TeamChanged.of(remove=(PROBATION.name,)))
        first = sealed(here, tmp_path, POLICE, under(other, leaves))
        second = sealed(here, tmp_path, POLICE, control(ONYX, "case.assessed"))
        await here.tellwise.edge.submit_all([first, second])
        await here.tellwise.settled()
        inbox = await here.tellwise.edge.inbox(here.tellwise.directory.desk(POLICE.name).mailbox, 0, 1_000, 0)

    # Lines of one turn stand in the ledger in any order; receipts leave in that in which they were made.
    answered = [read_entry(item.entry) for _, data in inbox if (item := Item.from_bytes(data)).kind is ItemKind.RECEIPT]
    said = [entry.kind for entry in answered if isinstance(entry, Alteration)]
    assert said == ["case.opened", "person.linked", "case.team_changed", "case.assessed"]


@story
async def test_a_link_that_is_refused_leaves_the_identifier_to_whoever_it_is(tmp_path: Path) -> None:
    async with hub_of_several(tmp_path) as here:
        other = elsewhere(here)
        await here.say(POLICE.name, case_opened(ONYX, team=()))
        link = control(ONYX, "person.linked", PersonLinked(other=other))
        await here.say(PROBATION.name, link)  # not of the team: nobody is asked
        await here.say(PROBATION.name, under(other, case_opened(BASALT)))

    home = [lane for lane, entry in of_kind(tmp_path, Alteration) if entry.kind == "case.opened"]
    assert len(home) == 2
    assert home[0] != home[1]


@story
async def test_what_is_too_early_for_the_door_is_not_accepted_a_moment_later(tmp_path: Path) -> None:
    clock = MovedClock()
    async with county(tmp_path, clock, engine=several) as here:
        door = door_of(POLICE.name, LANES)
        near = identifier(here.tellwise, lambda lane: lane == door)
        far = identifier(here.tellwise, lambda lane: lane != door)
        early = made(here, tmp_path, clock, under(near, case_opened(ONYX)), EARLY_S)
        slow_between_door_and_lane(here, clock, door)
        await here.tellwise.edge.submit(early)
        await here.tellwise.settled()
        await here.tellwise.edge.submit(made(here, tmp_path, clock, under(far, case_opened(BASALT)), 0))
        await here.tellwise.settled()

    assert len(of_kind(tmp_path, Alteration)) == len(of_kind(tmp_path, Refusal)) == 1


@story
async def test_what_went_astray_uses_no_id_up_and_may_come_again(tmp_path: Path) -> None:
    clock = MovedClock()
    async with county(tmp_path, clock, engine=several) as here:
        door = door_of(PROBATION.name, LANES)
        far = identifier(here.tellwise, lambda lane: lane != door)
        await here.say(POLICE.name, under(far, case_opened(ONYX)))
        await here.say(POLICE.name, moved_under(far))
        [letter] = (await here.hear())[PROBATION.name]
        ref = PersonKey(scheme=PersonScheme.REF, identifier=letter.cover.person)
        assessed = under(ref, control(ONYX, "case.assessed"))
        early = made(here, tmp_path, clock, assessed, EARLY_S, who=PROBATION)
        slow_between_door_and_lane(here, clock, door)
        for _ in range(3):
            await here.tellwise.edge.submit(early)
            await here.tellwise.settled()
            clock.move(seconds=60)

    assert len(of_kind(tmp_path, Refusal)) == len(of_kind(tmp_path, Repeat)) == 1
    assert [entry.kind for _, entry in of_kind(tmp_path, Alteration)].count("case.assessed") == 1


@story
async def test_a_person_who_is_not_at_home_in_a_lane_is_not_decided_about_there(tmp_path: Path) -> None:
    async with hub_of_several(tmp_path) as here:
        home = home_of(here.tellwise, ONYX.key)
        stray = (home + 1) % LANES
        said = sealed(here, tmp_path, POLICE, case_opened(ONYX))
        await here.tellwise.transport.publish(INPUT, [said], partition=stray)
        await here.tellwise.settled()

    assert [lane for lane, _ in of_kind(tmp_path, Alteration)] == [home]


@story
async def test_a_gap_in_what_a_desk_counts_shows_though_its_persons_are_in_several_lanes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with hub_of_several(tmp_path) as here:
        for lane in range(LANES):  # counted 1, 2, 3, each for another lane
            key = identifier(here.tellwise, lambda home, lane=lane: home == lane)  # type: ignore[misc]
            await here.say(POLICE.name, under(key, case_opened(ONYX)))
        before = [record for record in caplog.records if "sequence.broken" in record.getMessage()]
        await here.tellwise.edge.submit(sealed(here, tmp_path, POLICE, case_opened(BASALT)))  # counted 1 again
        await here.tellwise.settled()

    assert not before
    assert [record for record in caplog.records if "sequence.broken" in record.getMessage()]


@story
async def test_a_preview_follows_a_linked_name(tmp_path: Path) -> None:
    async with hub_of_several(tmp_path) as here:
        other = elsewhere(here)
        await here.say(POLICE.name, case_opened(ONYX))
        await here.say(POLICE.name, control(ONYX, "person.linked", PersonLinked(other=other)))
        by_one = here.tellwise.preview(sealed(here, tmp_path, POLICE, moved(ONYX, to=BLACKBURN, old=PRESTON)))
        by_other = here.tellwise.preview(sealed(here, tmp_path, POLICE, moved_under(other)))

    assert by_one
    assert by_other == by_one


@story
async def test_a_hub_that_stops_leaves_nothing_between_doors_and_lanes(tmp_path: Path) -> None:
    async with hub_of_several(tmp_path) as here:
        await here.say(POLICE.name, *(case_opened(persona) for persona in PEOPLE))
        said = [
            sealed(here, tmp_path, POLICE, moved(persona, to=BLACKBURN, old=PRESTON))
            for _ in range(20)
            for persona in PEOPLE
        ]
        await here.tellwise.edge.submit_all(said)

    database = apsw.Connection(str(hub_db(tmp_path)), flags=apsw.SQLITE_OPEN_READONLY)
    ends = database.execute("SELECT name, partition, next FROM topic WHERE name IN (?, ?)", (INPUT, DOORS)).fetchall()
    reached = {str(lane): offset for lane, offset in database.execute("SELECT lane, offset FROM position")}
    database.close()
    assert all(reached[f"{topic}/{index}"] == end for topic, index, end in ends)
    assert len(of_kind(tmp_path, Disclosure)) >= len(said)


@story
async def test_a_lane_that_lacks_an_event_of_the_directory_stops(tmp_path: Path) -> None:
    async def an_event_is_missing() -> None:
        async with hub_of_several(tmp_path) as here:
            ahead = DeskRevoked.of(n=here.tellwise.directory.size + 1, at=MovedClock().now(), desk=POLICE.name)
            event = sign_event(ahead, here.tellwise.hub.premises.keys.directory)
            await here.tellwise.transport.publish(INPUT, [event], partition=1)
            await here.tellwise.hub.until_ended()

    with pytest.raises(StateUnreadable, match="is missing"):
        await an_event_is_missing()


@story
async def test_a_hub_that_was_founded_with_other_lanes_stops(tmp_path: Path) -> None:
    async with county(tmp_path, MovedClock(), ()):
        pass

    with pytest.raises(FolderUnusable, match="founded with 1 lanes"):
        async with hub_of_several(tmp_path):
            pass


def elsewhere(here: County) -> PersonKey:
    """An identifier that is at home in another lane than the first person."""
    home = home_of(here.tellwise, ONYX.key)
    return identifier(here.tellwise, lambda lane: lane != home)


def moved_under(key: PersonKey) -> Draft:
    """That somebody moved, by one who knows them under this identifier, in all that is said."""
    people: Any = tests.personas.PEOPLE
    tests.personas.PEOPLE = (*people, replace(ONYX, pnc=key.identifier))
    try:
        return moved(replace(ONYX, pnc=key.identifier), to=BLACKBURN, old=PRESTON)
    finally:
        tests.personas.PEOPLE = people


def made(
    here: County, folder: Path, clock: MovedClock, draft: Draft, seconds: float, *, who: DeskPersona = POLICE
) -> bytes:
    """Sealed by a clock that is so far ahead, always under one id."""
    at = clock.now() + timedelta(seconds=seconds)
    return sealed(here, folder, who, draft, notification=b"the same id here", at=at)


def slow_between_door_and_lane(here: County, clock: MovedClock, door: int) -> None:
    """What the door passes on next comes to the lane a moment later."""
    turning: Any = here.tellwise.hub._serving[DOORS, door].turning
    commit = turning._commit

    async def slow(*planned: Any) -> None:
        clock.move(seconds=1.5)
        turning._commit = commit
        await commit(*planned)

    turning._commit = slow
