"""Somebody who is a danger to children moves from Preston to Blackburn, and police say so.

Three agencies must know, each something else. Children's social care of Blackburn, where the person lives from now on,
must know all that protects a child. That of Lancashire, which served the old address, must know that the person has
left, and not where to. Probation supervises the person. Nobody else has a need to know, and hears nothing: not even
that there was something.
"""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agency_adapters.jsonl import JsonLines
from schemas import AreaCode, DeskId, Label
from schemas.strict import json_decode, json_encode
from tests.contracts.clock import MovedClock
from tests.contracts.engine import story
from tests.faults.canaries import canaries_in, canaries_under
from tests.faults.checker import check
from tests.faults.county import ONYX, County, case_opened, county, desk_db
from tests.personas import (
    BLACKBURN,
    BLACKBURN_CHILDREN,
    BLACKBURN_HOUSING,
    CHORLEY,
    LANCASHIRE_CHILDREN,
    POLICE,
    PRESTON,
    PRESTON_HOUSING,
    PROBATION,
    compartments,
)

STREET = ["Flat 2, 14 Unbuilt Terrace", "Invented-on-the-Water"]


def police_record(area: str, area_old: str, district: AreaCode) -> bytes:
    """A line as the police's own system writes it when a registered person notifies a new home address."""
    known = compartments(
        Label.IDENTITY,
        Label.DESCRIPTION,
        Label.ADDRESS,
        Label.OFFENCE,
        Label.RISK_SUMMARY,
        Label.STATUS,
        Label.HOUSEHOLD,
        Label.VEHICLE,
        district=district,
        person=ONYX.key,
    )
    record: dict[str, Any] = {label.value: json_decode(said.to_bytes()) for label, said in known.items()}
    record["address"]["lines"] = STREET
    record["offence"]["summary"] = "An invented offence against a child, in 2019."
    record["status"]["event"] = "has left the area"
    return json_encode(
        {
            "kind": "rso.address_changed",
            "person": {"scheme": "pnc", "identifier": ONYX.pnc},
            "purpose": "public_protection",
            "area": area,
            "area_old": area_old,
            **record,
        }
    )


TO_BLACKBURN = police_record("Blackburn with Darwen", "Preston", BLACKBURN)
WITHIN_THE_COUNTY = police_record("Chorley", "Preston", CHORLEY)
BACK_TO_PRESTON = police_record("Preston", "Blackburn with Darwen", PRESTON)


async def police_say(here: County, record: bytes) -> dict[DeskId, dict[str, Any]]:
    """What each desk's own system is handed of it; who is told nothing is not among them."""
    system = JsonLines()
    await here.say(POLICE.name, system.said(record))
    heard = await here.hear()
    return {desk: json.loads(system.heard(letter)) for desk, (letter,) in heard.items()}


def told(letter: dict[str, Any]) -> set[str]:
    return set(letter) - {"kind", "from", "cover", "contact"}


@story
async def test_each_agency_hears_what_it_must_know_and_nobody_else_hears_of_it(tmp_path: Path) -> None:
    async with county(tmp_path, MovedClock()) as here:
        await here.say(POLICE.name, case_opened(ONYX))
        letters = await police_say(here, TO_BLACKBURN)

        assert {desk: told(letter) for desk, letter in letters.items()} == {
            BLACKBURN_CHILDREN.name: {"identity", "description", "address", "offence", "risk_summary", "household"},
            LANCASHIRE_CHILDREN.name: {"identity", "status"},
            PROBATION.name: {"identity", "address", "household"},
        }
    assert check(tmp_path) == []


@story
async def test_the_new_authority_learns_who_comes_where_to_and_how_great_the_risk_is(tmp_path: Path) -> None:
    async with county(tmp_path, MovedClock()) as here:
        await here.say(POLICE.name, case_opened(ONYX))
        letter = (await police_say(here, TO_BLACKBURN))[BLACKBURN_CHILDREN.name]

        assert letter["from"] == POLICE.name
        assert letter["identity"]["names"] == [{"given": ONYX.given, "family": ONYX.family}]
        assert letter["address"]["lines"] == STREET
        assert letter["risk_summary"]["level"] == "high"
        assert letter["household"]["members"][0]["name"] == ONYX.relative
        assert letter["contact"]["telephone"].startswith("01632 960")  # whom to ring
        # Told on a Monday at half past nine: a person must have read it one working day later.
        acknowledge_by = datetime.fromisoformat(letter["cover"]["acknowledge_by"])
        assert acknowledge_by == datetime(2026, 3, 3, 9, 30, tzinfo=UTC)
        assert letter["cover"]["reasons"] != []


@story
async def test_the_old_authority_learns_that_somebody_has_left_and_nothing_of_where_to(tmp_path: Path) -> None:
    async with county(tmp_path, MovedClock()) as here:
        await here.say(POLICE.name, case_opened(ONYX))
        letter = (await police_say(here, TO_BLACKBURN))[LANCASHIRE_CHILDREN.name]

    assert letter["status"]["event"] == "has left the area"
    assert canaries_in(json.dumps(letter).encode(), ["Blackburn", "E06000008"]) == []
    # Not in its letter, and not in any other way in its files, sealed or not: it holds no key to it.
    elsewhere = [*STREET, ONYX.relative, "An invented offence", ONYX.registration]
    assert canaries_under(desk_db(tmp_path, LANCASHIRE_CHILDREN.name).parent, [ONYX.family, *elsewhere]) != []
    assert canaries_under(desk_db(tmp_path, LANCASHIRE_CHILDREN.name).parent, elsewhere) == []


@story
async def test_housing_does_not_even_learn_that_there_was_something(tmp_path: Path) -> None:
    async with county(tmp_path, MovedClock()) as here:
        await here.say(POLICE.name, case_opened(ONYX))
        edge, directory = here.tellwise.edge, here.tellwise.directory
        mailboxes = [directory.desk(desk.name).mailbox for desk in (BLACKBURN_HOUSING, PRESTON_HOUSING)]
        before = [await edge.inbox(mailbox, 0, 100, 0) for mailbox in mailboxes]
        await police_say(here, TO_BLACKBURN)

        assert [await edge.inbox(mailbox, 0, 100, 0) for mailbox in mailboxes] == before


@story
async def test_a_move_within_one_county_is_no_departure(tmp_path: Path) -> None:
    """Preston and Chorley are both served by the county: it hears once, as the authority of the new address."""
    async with county(tmp_path, MovedClock()) as here:
        await here.say(POLICE.name, case_opened(ONYX))
        letters = await police_say(here, WITHIN_THE_COUNTY)

        assert "address" in told(letters[LANCASHIRE_CHILDREN.name])
        assert "status" not in told(letters[LANCASHIRE_CHILDREN.name])
        assert BLACKBURN_CHILDREN.name not in letters


@story
async def test_somebody_who_is_no_danger_to_children_is_none_of_social_cares_business(tmp_path: Path) -> None:
    async with county(tmp_path, MovedClock()) as here:
        await here.say(POLICE.name, case_opened(ONYX, tags=()))

        assert await police_say(here, TO_BLACKBURN) == {}


@story
async def test_two_desks_cannot_put_their_letters_together_by_the_name_that_the_hub_gives_a_person(
    tmp_path: Path,
) -> None:
    """Each desk knows a person by a name of its own, the same in all its letters."""
    async with county(tmp_path, MovedClock()) as here:
        await here.say(POLICE.name, case_opened(ONYX))
        there = await police_say(here, TO_BLACKBURN)
        back = await police_say(here, BACK_TO_PRESTON)

        names = {desk: letter["cover"]["person"] for desk, letter in there.items()}
        assert len(set(names.values())) == 3
        assert {desk: letter["cover"]["person"] for desk, letter in back.items()} == names


@story
async def test_the_duty_social_worker_acknowledges_and_the_ledger_knows_that_a_person_did_but_not_who(
    tmp_path: Path,
) -> None:
    async with county(tmp_path, MovedClock()) as here:
        await here.say(POLICE.name, case_opened(ONYX))
        await police_say(here, TO_BLACKBURN)
        desk = here.desks[BLACKBURN_CHILDREN.name]
        (letter,) = desk.store.letters()
        await desk.acknowledge(letter.id, "invented.worker@blackburn.invalid")
        await here.tellwise.settled()
        await here.hear()

    assert check(tmp_path, canaries=["invented.worker"]) == []
