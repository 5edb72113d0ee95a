"""A hub whose persons are shared among several lanes tells each desk what a hub of one lane tells it.

Here all lanes are one process's, on one file: what is tried is what lanes and doors say to one another. That processes
share them is tried in tests/kafka.
"""

from pathlib import Path

from broker.app import hub_folder
from broker.care.verification import verify_hub
from broker.ledger.entries import Acknowledgement, Alteration, Decision, Disclosure, Refusal, Repeat
from broker.lifecycle.between import Claimed, say
from broker.sealing.entropy import system_entropy
from broker.state.vault import Vault
from broker.topics import INPUT
from schemas.kinds.case import PersonLinked, TeamChanged
from tests.contracts.clock import MovedClock
from tests.contracts.engine import story
from tests.faults.a_days_work import a_day
from tests.faults.canaries import canaries_under
from tests.faults.county import (
    BASALT,
    ONYX,
    QUARTZ,
    case_opened,
    control,
    county,
    moved,
)
from tests.faults.several_lanes import (
    home_of,
    homes,
    hub_of_several,
    identifier,
    of_kind,
    sealed,
    several,
    under,
)
from tests.personas import (
    BLACKBURN,
    BLACKBURN_CHILDREN,
    CANARIES,
    CHORLEY,
    PEOPLE,
    POLICE,
    PRESTON,
    PROBATION,
)
from tests.served import served


@story
async def test_each_desk_is_told_what_a_hub_of_one_lane_tells_it(tmp_path: Path) -> None:
    async with county(tmp_path / "one", MovedClock()) as here:
        by_one = await a_day(here)

    async with hub_of_several(tmp_path / "several") as here:
        by_several = await a_day(here)
        homes = {home_of(here.tellwise, persona.key) for persona in PEOPLE}

    report = verify_hub(hub_folder(tmp_path / "several"))
    decided = of_kind(tmp_path / "several", Decision)
    assert by_several == by_one
    assert by_one
    assert not report.findings
    assert {lane for lane, _ in decided} == homes  # each person's in their own lane alone
    assert len(decided) == 2 * len(PEOPLE)
    assert not canaries_under(hub_folder(tmp_path / "several"), CANARIES)


@story
async def test_a_desk_that_was_told_answers_by_its_own_name_for_the_person(tmp_path: Path) -> None:
    async with hub_of_several(tmp_path) as here:
        await here.say(POLICE.name, *(case_opened(persona) for persona in PEOPLE))
        await here.say(POLICE.name, *(moved(persona, to=BLACKBURN, old=PRESTON) for persona in PEOPLE))
        told = (await here.hear())[BLACKBURN_CHILDREN.name]
        for letter in told:
            await here.desks[BLACKBURN_CHILDREN.name].acknowledge(letter.cover.letter, "duty social worker")
        await here.tellwise.settled()
        await here.hear()

    assert len(told) == len(of_kind(tmp_path, Acknowledgement)) == len(PEOPLE)
    assert not of_kind(tmp_path, Refusal)


@story
async def test_what_is_said_over_http_finds_its_lane(tmp_path: Path) -> None:
    async with served(tmp_path, MovedClock(), engine=several) as here:
        police = here.desks[POLICE.name]
        for persona in PEOPLE:
            await police.publish(case_opened(persona))
            await police.publish(moved(persona, to=BLACKBURN, old=PRESTON))
        await here.tellwise.settled()
        heard = await here.desks[BLACKBURN_CHILDREN.name].hear()

    assert len(heard.letters) == len(PEOPLE)
    assert heard.refused == 0
    assert not of_kind(tmp_path, Refusal)


@story
async def test_two_identifiers_become_one_person_though_each_is_at_home_elsewhere(tmp_path: Path) -> None:
    async with hub_of_several(tmp_path) as here:
        home = home_of(here.tellwise, ONYX.key)
        other = identifier(here.tellwise, lambda lane: lane != home)
        await here.say(POLICE.name, case_opened(ONYX))
        await here.say(POLICE.name, control(ONYX, "person.linked", PersonLinked(other=other)))
        await here.say(PROBATION.name, under(other, control(ONYX, "case.assessed")))
        await here.say(BLACKBURN_CHILDREN.name, under(other, control(ONYX, "case.assessed")))  # not of the team

    altered = of_kind(tmp_path, Alteration)
    assert [(lane, entry.kind) for lane, entry in altered] == [
        (home, kind) for kind in ("case.opened", "person.linked", "case.assessed")
    ]
    assert [lane for lane, _ in of_kind(tmp_path, Refusal)] == [home]


@story
async def test_an_identifier_of_somebody_else_is_not_given_away(tmp_path: Path) -> None:
    async with hub_of_several(tmp_path) as here:
        taken = identifier(here.tellwise, lambda lane: lane != home_of(here.tellwise, ONYX.key))
        await here.say(POLICE.name, case_opened(ONYX), case_opened(BASALT))
        await here.say(POLICE.name, under(taken, case_opened(QUARTZ)))  # known by it already
        await here.say(POLICE.name, control(ONYX, "person.linked", PersonLinked(other=taken)))
        await here.say(POLICE.name, control(ONYX, "person.linked", PersonLinked(other=BASALT.key)))
        free = identifier(here.tellwise, lambda lane: lane not in homes(here.tellwise, ONYX, BASALT), 500)
        await here.say(POLICE.name, control(ONYX, "person.linked", PersonLinked(other=free)))
        await here.say(POLICE.name, control(BASALT, "person.linked", PersonLinked(other=free)))  # too late

    linked = [lane for lane, entry in of_kind(tmp_path, Alteration) if entry.kind == "person.linked"]
    assert len(linked) == 1
    assert len(of_kind(tmp_path, Refusal)) == 3


@story
async def test_an_identifier_whose_link_was_refused_is_kept_for_that_person(tmp_path: Path) -> None:
    async with hub_of_several(tmp_path) as here:
        home = home_of(here.tellwise, ONYX.key)
        other = identifier(here.tellwise, lambda lane: lane != home)
        linked = control(ONYX, "person.linked", PersonLinked(other=other))
        await here.say(POLICE.name, case_opened(ONYX), case_opened(BASALT))
        # In one turn: when the answer comes, who asked is on the team no longer.
        asked = sealed(here, tmp_path, PROBATION, linked)
        leaves = TeamChanged.of(remove=(PROBATION.name,))
        left = sealed(here, tmp_path, POLICE, control(ONYX, "case.team_changed", leaves))
        await here.tellwise.transport.publish(INPUT, [asked, left], partition=home)
        await here.tellwise.settled()
        await here.say(POLICE.name, control(BASALT, "person.linked", PersonLinked(other=other)))  # kept for another
        await here.say(POLICE.name, under(other, case_opened(QUARTZ)))  # whoever that is, nobody may say yet
        await here.say(POLICE.name, linked)

    assert len(of_kind(tmp_path, Refusal)) == 3
    assert [lane for lane, entry in of_kind(tmp_path, Alteration) if entry.kind == "person.linked"] == [home]


@story
async def test_an_id_that_was_used_for_somebody_in_another_lane_is_refused_there(tmp_path: Path) -> None:
    async with hub_of_several(tmp_path) as here:
        home = home_of(here.tellwise, ONYX.key)
        stranger = identifier(here.tellwise, lambda lane: lane != home)
        first = sealed(here, tmp_path, POLICE, case_opened(ONYX), notification=b"the same id here")
        second = sealed(here, tmp_path, POLICE, under(stranger, case_opened(BASALT)), notification=b"the same id here")
        for said in (first, second, first):
            await here.tellwise.edge.submit(said)
            await here.tellwise.settled()

    assert [lane for lane, _ in of_kind(tmp_path, Alteration)] == [home]
    assert [lane for lane, _ in of_kind(tmp_path, Refusal)] == [home]
    assert [lane for lane, _ in of_kind(tmp_path, Repeat)] == [home]


@story
async def test_a_desk_that_is_revoked_is_told_by_no_lane(tmp_path: Path) -> None:
    async with hub_of_several(tmp_path) as here:
        await here.say(POLICE.name, *(case_opened(persona) for persona in PEOPLE))
        await here.tellwise.registrar.revoke(BLACKBURN_CHILDREN.name)
        await here.say(POLICE.name, *(moved(persona, to=BLACKBURN, old=PRESTON) for persona in PEOPLE))
        await here.say(POLICE.name, moved(ONYX, to=CHORLEY, old=PRESTON))

    told = {entry.to for _, entry in of_kind(tmp_path, Disclosure)}
    assert told
    assert BLACKBURN_CHILDREN.name not in told


@story
async def test_what_a_lane_is_told_by_nobody_of_ours_is_refused(tmp_path: Path) -> None:
    async with hub_of_several(tmp_path) as here:
        vault = Vault(here.tellwise.hub.premises.keys, system_entropy)
        word = Claimed.of(other="0" * 64, person="1" * 64, lane=1)
        honest = say(word, b"", (INPUT, 1), vault)
        for wrong in (honest[:-1], honest[:-1] + bytes([honest[-1] ^ 1]), b"lane ", b"lane " + word.to_bytes()):
            await here.tellwise.transport.publish(INPUT, [wrong], partition=1)
        await here.tellwise.transport.publish(INPUT, [honest], partition=2)  # meant for another
        await here.tellwise.settled()

    assert [lane for lane, _ in of_kind(tmp_path, Refusal)] == [1, 1, 1, 1, 2]
