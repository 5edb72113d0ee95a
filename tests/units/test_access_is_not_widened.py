"""A desk cannot widen its own access by what it says: for each fact, it says it, and is told no more afterwards.

What a publisher states holds for that one notification, of which it is told nothing itself. What is true of a case is
changed by case events alone, and those only by a responsible authority on the team.
"""

from pathlib import Path
from typing import Any

import pytest

from broker.cli.demo_people import DESKS, PEOPLE
from broker.client.compose import Draft, compose
from broker.ledger.entries import Disclosure, Refusal
from policies import Bundle, Engine
from schemas import AreaCode, DeskId, Facts, Label, PersonKey, PersonScheme, Purpose, Said, Tag
from schemas.kinds.case import CaseAssessed, CaseOpened, CaseTagged, ConsentRecorded, PersonLinked, TeamChanged
from schemas.vocabulary import Category, Consent, Level, Risk
from tests.personas import compartments
from tests.units.test_plan import CONTACT, World, a_move, entries

HOUSING = DeskId("blackburn-housing")
EDUCATION = DeskId("lancashire-education")
PERSON = PEOPLE[0].key
BLACKBURN, PRESTON = AreaCode("E06000008"), AreaCode("E07000123")


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(Bundle.load())


def told(world: World) -> dict[str, frozenset[Label]]:
    """Who is told what of the same move, as things stand now."""
    planned = world.lane.plan(world.said(a_move()))
    return {entry.to: frozenset(entry.cmp) for entry in entries(planned) if isinstance(entry, Disclosure)}


def danger(**facts: Any) -> Draft:
    """What any agency in standing may say of anybody: that they threaten somebody."""
    said: dict[Label, Said] = compartments(Label.IDENTITY, Label.STATUS, Label.RISK_SUMMARY)
    said[Label.CONTACT] = CONTACT
    said[Label.IDENTITY] = said[Label.IDENTITY].model_copy(update={"identifiers": ()})
    return compose("threat.reported", facts.pop("person", PERSON), Purpose.SAFEGUARDING, said, **facts)


FACTS: dict[str, list[dict[str, Any]]] = {
    "person": [{}, {"person": PersonKey.of(scheme=PersonScheme.CRN, identifier="X-INVENTED-77")}],
    "purpose": [{}],
    "seq": [{}],
    "area": [{"area": BLACKBURN}, {"area": PRESTON}],
    "area_old": [],  # no kind that this desk may publish has it
    "addressed": [{"addressed": (HOUSING,)}, {"addressed": (HOUSING, EDUCATION)}],
    "attendees": [{"attendees": (HOUSING, EDUCATION)}],
    "corrects": [],  # only a correction has it, and only of what the desk said itself
    "flags": [{"flags": (tag,)} for tag in Tag] + [{"flags": tuple(Tag)}],
    "risk_rises": [{"risk_rises": True}],
    "urgency": [],  # a wish that nothing reads
    "traceparent": [{}],  # every notification has one
}
CASES = [(name, facts) for name, cases in FACTS.items() for facts in cases]


def test_each_fact_that_a_publisher_states_is_tried() -> None:
    assert set(FACTS) == set(Facts.model_fields)


@pytest.mark.parametrize("desk", [HOUSING, EDUCATION])
@pytest.mark.parametrize(("name", "facts"), CASES, ids=[f"{name}-{number}" for number, (name, _) in enumerate(CASES)])
def test_whatever_a_desk_states_it_is_told_no_more_afterwards(
    name: str, facts: dict[str, Any], desk: DeskId, tmp_path: Path, engine: Engine
) -> None:
    world = World(tmp_path, engine)
    before = told(world)

    planned = world.lane.turn(world.said(danger(**facts), desk))

    assert desk not in {entry.to for entry in entries(planned) if isinstance(entry, Disclosure)}, (
        "told of its own words"
    )
    assert told(world) == before


CONTROLS: dict[str, Said] = {
    "case.opened": CaseOpened.of(
        team=(HOUSING,),
        tags=tuple(Tag),
        risk=Risk.VERY_HIGH,
        level=Level.SENIOR_MULTI_AGENCY,
        category=Category.REGISTERED_SEXUAL,
        forces=(AreaCode("E23000003"),),
    ),
    "case.team_changed": TeamChanged.of(add=(HOUSING,)),
    "case.tagged": CaseTagged.of(add=(Tag.HOUSING_CASE,)),
    "case.assessed": CaseAssessed.of(risk=Risk.VERY_HIGH, level=Level.SENIOR_MULTI_AGENCY),
    "consent.recorded": ConsentRecorded.of(patient=Consent.GIVEN, caldicott_authority=True),
    "person.linked": PersonLinked.of(other=PersonKey.of(scheme=PersonScheme.CRN, identifier="X-INVENTED-78")),
}
OUTSIDERS = [desk.id for desk in DESKS if desk.id not in ("lancashire-police", "lancashire-probation")]


@pytest.mark.parametrize("kind", CONTROLS)
@pytest.mark.parametrize("desk", OUTSIDERS)
def test_nobody_outside_the_team_changes_a_case(kind: str, desk: DeskId, tmp_path: Path, engine: Engine) -> None:
    """Every desk of the demo that is not on the team tries to put itself there, or to make the case what it is not."""
    world = World(tmp_path, engine)
    before = told(world)
    draft = compose(kind, PERSON, Purpose.SAFEGUARDING, {Label.CONTACT: CONTACT, Label.CONTROL: CONTROLS[kind]})

    planned = world.lane.turn(world.said(draft, desk))

    assert sum(isinstance(entry, Refusal) for entry in entries(planned)) == 1
    assert told(world) == before
