"""What a real desk says at the door and may not say, or not so: `SIGNED`, with the check that must stop it."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from broker.sealing.entropy import system_entropy
from broker.sealing.jwe import seal_key_package
from broker.sealing.notification import release_extra
from broker.sealing.rejection import Reason
from schemas import AreaCode, DeskId, NotificationId, Tag
from schemas.kinds.letter import LetterAcknowledged
from schemas.strict import json_decode, json_encode
from tests.faults.county import BASALT, HUB, ONYX, QUARTZ, case_opened, control, moved, resides
from tests.faults.door import Door
from tests.faults.hostile_publisher import Words
from tests.personas import (
    BLACKBURN,
    BLACKBURN_CHILDREN,
    CONTROLS,
    LANCASHIRE_CHILDREN,
    POLICE,
    PRESTON,
    PRESTON_HOUSING,
    PROBATION,
)

NOBODY = DeskId("invented-nobody")

By = tuple[DeskId, Words | dict[str, Any]]
"""Who says it, and what: words to be sealed, or what was sealed already."""


def a_move(door: Door, **facts: Any) -> Words:
    """A move that police may say, and that is in order."""
    return door.words(POLICE.name, moved(ONYX, to=BLACKBURN, old=PRESTON), **facts)


def by_police(door: Door, said: Words) -> bytes:
    """Sealed and signed with the real keys of police."""
    return json_encode(door.sealed(POLICE.name, said))


def expired(door: Door) -> By:
    said = a_move(door)
    return POLICE.name, replace(said, said_at=said.said_at - timedelta(days=14))


def from_the_future(door: Door) -> By:
    said = a_move(door)
    return POLICE.name, replace(said, said_at=said.said_at + timedelta(seconds=121))


def of_too_long_a_life(door: Door) -> By:
    return POLICE.name, replace(a_move(door), life=timedelta(days=15))


def of_too_short_a_life(door: Door) -> By:
    return POLICE.name, replace(a_move(door), life=timedelta(days=13))


def a_kind_that_the_desk_may_not_say(door: Door) -> By:
    return PRESTON_HOUSING.name, door.words(PRESTON_HOUSING.name, moved(ONYX, to=BLACKBURN, old=PRESTON))


def a_kind_that_nobody_knows(door: Door) -> By:
    return POLICE.name, replace(a_move(door), kind="rso.has_been_rude")


def a_case_event_of_a_desk_that_is_not_responsible(door: Door) -> By:
    who = BLACKBURN_CHILDREN.name
    return who, door.words(who, control(ONYX, "case.assessed"))


def a_case_event_about_somebody_without_a_case(door: Door) -> By:
    return PROBATION.name, door.words(PROBATION.name, control(QUARTZ, "case.assessed"))


def a_case_that_is_open(door: Door) -> By:
    """Without its tags nobody would hear of the person any more."""
    return PROBATION.name, door.words(PROBATION.name, case_opened(BASALT, tags=()))


def a_case_with_a_team_that_nobody_knows(door: Door) -> By:
    return POLICE.name, door.words(POLICE.name, case_opened(QUARTZ, team=(NOBODY,)))


def facts_that_name_a_risk(door: Door) -> By:
    return POLICE.name, a_move(door, risk="low")


def facts_that_name_a_team(door: Door) -> By:
    return POLICE.name, a_move(door, team=[PRESTON_HOUSING.name])


def facts_that_say_that_all_have_signed(door: Door) -> By:
    return POLICE.name, a_move(door, signed=True)


def facts_that_name_a_reach(door: Door) -> By:
    return POLICE.name, a_move(door, reach={"all": True})


def facts_with_a_flag_that_nobody_knows(door: Door) -> By:
    return POLICE.name, a_move(door, flags=["everybody"])


def facts_with_a_flag_twice(door: Door) -> By:
    return POLICE.name, a_move(door, flags=[Tag.CHILD_RELATED.value] * 2)


def facts_without_an_area(door: Door) -> By:
    return POLICE.name, a_move(door, area=None)


def facts_with_an_area_that_is_none(door: Door) -> By:
    nowhere = AreaCode("E07999999")
    return POLICE.name, door.words(POLICE.name, resides(ONYX, PRESTON), area=nowhere)


def facts_that_address_a_desk_that_nobody_knows(door: Door) -> By:
    return POLICE.name, a_move(door, addressed=[NOBODY])


def facts_that_are_none(door: Door) -> By:
    said = a_move(door)
    return POLICE.name, replace(said, plain={**said.plain, "facts": b"[]"})


def no_facts(door: Door) -> By:
    said = a_move(door)
    return POLICE.name, replace(said, plain={label: data for label, data in said.plain.items() if label != "facts"})


def a_cover_of_the_publishers_own(door: Door) -> By:
    said = a_move(door)
    return POLICE.name, replace(said, plain={**said.plain, "cover": b"{}"})


def a_district_that_the_facts_do_not_name(door: Door) -> By:
    """The hub would decide by one place, and the desks would be told another."""
    said = door.words(POLICE.name, resides(ONYX, PRESTON))
    hint = json_encode({"district": BLACKBURN})
    return POLICE.name, replace(said, plain={**said.plain, "location_hint": hint})


def a_person_whom_the_facts_do_not_name(door: Door) -> By:
    other = moved(BASALT, to=BLACKBURN, old=PRESTON)
    facts = {"person": json_decode(ONYX.key.to_bytes())}
    return POLICE.name, door.words(POLICE.name, other, **facts)


def a_compartment_that_the_kind_does_not_have(door: Door) -> By:
    said = a_move(door)
    return POLICE.name, replace(said, plain={**said.plain, "control": CONTROLS["case.assessed"].to_bytes()})


def a_compartment_less_than_the_kind_needs(door: Door) -> By:
    said = a_move(door)
    return POLICE.name, replace(said, plain={label: data for label, data in said.plain.items() if label != "identity"})


def a_compartment_with_another_ones_content(door: Door) -> By:
    said = a_move(door)
    return POLICE.name, replace(said, plain={**said.plain, "status": said.plain["offence"]})


def a_compartment_under_another_label(door: Door) -> By:
    """Sealed and signed as a description, sent as the offence: who may hear the one may not hear the other."""
    return POLICE.name, replace(a_move(door), sealed_as={"offence": "description"})


def a_commitment_to_another_key(door: Door) -> By:
    return POLICE.name, replace(a_move(door), committed_wrongly=frozenset({"address"}))


def a_compartment_of_another_notification(door: Door) -> By:
    true, other = (door.sealed(POLICE.name, a_move(door)) for _ in range(2))
    true["c"]["offence"] = other["c"]["offence"]
    return POLICE.name, true


def a_compartment_taken_out_on_the_way(door: Door) -> By:
    true = door.sealed(POLICE.name, a_move(door))
    del true["c"]["household"]
    return POLICE.name, true


def the_message_key_of_another_notification(door: Door) -> By:
    true, other = (door.sealed(POLICE.name, a_move(door)) for _ in range(2))
    return POLICE.name, true | {"mk": other["mk"]}


def a_message_key_for_another_desks_use(door: Door) -> By:
    true = door.sealed(POLICE.name, a_move(door))
    hub = door.here.tellwise.directory.hub
    extra = release_extra(HUB, PROBATION.name, hub.entry.release.kid)
    mk = seal_key_package(system_entropy(32), hub.release_key, hub.entry.release.kid, extra, system_entropy)
    return POLICE.name, true | {"mk": mk}


def a_message_key_for_another_hub(door: Door) -> By:
    true = door.sealed(POLICE.name, a_move(door))
    true["mk"]["header"]["kid"] = "A" * 22
    return POLICE.name, true


def an_acknowledgement(door: Door, who: DeskId, letter: str, part: int = 1) -> By:
    said = LetterAcknowledged.of(letter=NotificationId(letter), part=part, by="A" * 22)
    return who, door.words(who, control(ONYX, "letter.acknowledged", said))


def letter_about_onyx(door: Door) -> str:
    return door.here.desks[BLACKBURN_CHILDREN.name].store.letters()[0].id


def acknowledging_a_letter_that_never_was(door: Door) -> By:
    return an_acknowledgement(door, BLACKBURN_CHILDREN.name, "A" * 22)


def acknowledging_another_desks_letter(door: Door) -> By:
    return an_acknowledgement(door, PRESTON_HOUSING.name, letter_about_onyx(door))


def acknowledging_a_part_that_never_was(door: Door) -> By:
    return an_acknowledgement(door, BLACKBURN_CHILDREN.name, letter_about_onyx(door), part=2)


def naming_a_person_by_another_desks_pseudonym(door: Door) -> By:
    theirs = door.here.desks[LANCASHIRE_CHILDREN.name].store.letters()[0].cover["person"]
    who, said = acknowledging_a_letter_that_never_was(door)
    assert isinstance(said, Words)
    facts = json_decode(said.plain["facts"]) | {"person": {"scheme": "ref", "identifier": theirs}}
    return who, replace(said, plain={**said.plain, "facts": json_encode(facts)})


SIGNED: Sequence[tuple[Callable[[Door], By], set[Reason]]] = [
    (expired, {Reason.FRESHNESS}),
    (from_the_future, {Reason.FRESHNESS}),
    (of_too_long_a_life, {Reason.FRESHNESS}),
    (of_too_short_a_life, {Reason.FRESHNESS}),
    (a_kind_that_the_desk_may_not_say, {Reason.PUBLISHER}),
    (a_kind_that_nobody_knows, {Reason.KIND}),
    (a_case_event_of_a_desk_that_is_not_responsible, {Reason.PUBLISHER}),
    (a_case_event_about_somebody_without_a_case, {Reason.PUBLISHER}),
    (a_case_that_is_open, {Reason.STATE}),
    (a_case_with_a_team_that_nobody_knows, {Reason.SIGNER}),
    (facts_that_name_a_risk, {Reason.SCHEMA}),
    (facts_that_name_a_team, {Reason.SCHEMA}),
    (facts_that_say_that_all_have_signed, {Reason.SCHEMA}),
    (facts_that_name_a_reach, {Reason.SCHEMA}),
    (facts_with_a_flag_that_nobody_knows, {Reason.SCHEMA}),
    (facts_with_a_flag_twice, {Reason.SCHEMA}),
    (facts_without_an_area, {Reason.SCHEMA}),
    (facts_with_an_area_that_is_none, {Reason.AREA, Reason.SCHEMA}),
    (facts_that_address_a_desk_that_nobody_knows, {Reason.SIGNER}),
    (facts_that_are_none, {Reason.SCHEMA}),
    (no_facts, {Reason.LABEL}),
    (a_cover_of_the_publishers_own, {Reason.LABEL}),
    (a_district_that_the_facts_do_not_name, {Reason.SCHEMA}),
    (a_person_whom_the_facts_do_not_name, {Reason.SCHEMA}),
    (a_compartment_that_the_kind_does_not_have, {Reason.SCHEMA}),
    (a_compartment_less_than_the_kind_needs, {Reason.SCHEMA}),
    (a_compartment_with_another_ones_content, {Reason.SCHEMA}),
    (a_compartment_under_another_label, {Reason.LABEL}),
    (a_commitment_to_another_key, {Reason.COMMITMENT}),
    (a_compartment_of_another_notification, {Reason.DIGEST}),
    (a_compartment_taken_out_on_the_way, {Reason.DIGEST}),
    (the_message_key_of_another_notification, {Reason.KEY, Reason.DIGEST}),
    (a_message_key_for_another_desks_use, {Reason.KEY}),
    (a_message_key_for_another_hub, {Reason.KEY}),
    (acknowledging_a_letter_that_never_was, {Reason.STATE}),
    (acknowledging_another_desks_letter, {Reason.STATE}),
    (acknowledging_a_part_that_never_was, {Reason.STATE}),
    (naming_a_person_by_another_desks_pseudonym, {Reason.PERSON}),
]
