"""Facts say whom and where it is about and whom the publisher names, and nothing of how the case is managed."""

from typing import Any

import pytest

from schemas import Facts, Purpose, SchemaRefused, Tag, Urgency
from tests.personas import BLACKBURN, PRESTON, facts, person
from tests.units.test_schemas_models import read

LEAST = {"person": {"scheme": "pnc", "identifier": "99/0000001A"}, "purpose": "public_protection", "seq": 1}


def problems(**changed: Any) -> tuple[str, ...]:
    """What is wrong with facts read from JSON."""
    with pytest.raises(SchemaRefused) as refused:
        read(Facts, {**LEAST, **changed})
    return refused.value.problems


def test_facts_that_say_no_more_name_nobody_and_nowhere() -> None:
    said = read(Facts, LEAST)

    assert said == facts()
    assert (said.area, said.area_old, said.corrects, said.urgency) == (None, None, None, None)
    assert (said.addressed, said.attendees, said.flags, said.risk_rises) == ((), (), (), False)


@pytest.mark.parametrize(
    "member",
    [
        "team",
        "tags",
        "risk",
        "level",
        "category",
        "forces",
        "consent",
        "consents",
        "patient",
        "caldicott_authority",
        "other",
        "approvals",
        "case",
        "reach",
        "other_authority",
        "desk",
        "agency",
        "iss",
        "publisher",
        "kind",
        "decided_at",
        "policy",
        "identity",
        "address",
        "model_config",
        "__class__",
    ],
)
def test_a_publisher_cannot_smuggle_in_what_belongs_to_the_case_or_the_hub(member: str) -> None:
    values: list[Any] = [["lancashire-police"], "high", 3, True, None, {}]
    for value in values:
        (problem,) = problems(**{member: value})
        assert problem.endswith("` extra forbidden")
    with pytest.raises(SchemaRefused, match="extra forbidden"):
        facts(**{member: ("lancashire-police",)})


@pytest.mark.parametrize("seq", [0, -1, 2**53, 2**64, 10**30])
def test_a_count_out_of_bounds_is_refused(seq: int) -> None:
    assert problems(seq=seq)[0].startswith("`seq` ")
    with pytest.raises(SchemaRefused, match="`seq`"):
        facts(seq=seq)


@pytest.mark.parametrize("seq", [1, 2, 2**53 - 1])
def test_a_count_within_bounds_is_taken(seq: int) -> None:
    assert read(Facts, {**LEAST, "seq": seq}).to_bytes() == facts(seq=seq).to_bytes()


@pytest.mark.parametrize("field", ["addressed", "attendees"])
def test_a_desk_twice_is_refused(field: str) -> None:
    assert problems(**{field: ["preston-housing", "blackburn-housing", "preston-housing"]}) == ("`value` a desk twice",)


def test_a_desk_may_be_addressed_and_attend() -> None:
    said = read(Facts, {**LEAST, "addressed": ["preston-housing"], "attendees": ["preston-housing"]})

    assert said.addressed == said.attendees


def test_a_flag_twice_is_refused() -> None:
    assert problems(flags=["under_18", "child_related", "under_18"]) == ("`value` a flag twice",)


@pytest.mark.parametrize("flag", ["", "CHILD_RELATED", "child related", "no_such_flag", "child_related ", 1, None])
def test_an_unknown_flag_is_refused(flag: Any) -> None:
    assert problems(flags=["under_18", flag])[0].startswith("`flags.1` ")


@pytest.mark.parametrize(
    "purpose", ["", "any", "Safeguarding", "PUBLIC_PROTECTION", "research", None, 1, ["safeguarding"]]
)
def test_an_unknown_purpose_is_refused(purpose: Any) -> None:
    assert problems(purpose=purpose) == ("`purpose` enum",)


@pytest.mark.parametrize(
    "traceparent",
    [
        "",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
        "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-0AF7651916CD43DD8448EB211C80319C-B7AD6B7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\n",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-04",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        1,
    ],
)
def test_a_trace_that_is_none_is_refused(traceparent: Any) -> None:
    assert problems(traceparent=traceparent)[0].startswith("`traceparent` ")


@pytest.mark.parametrize("flags", ["00", "01", "02", "03"])
def test_a_trace_is_taken_as_it_is_spelt(flags: str) -> None:
    traceparent = f"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-{flags}"

    assert read(Facts, {**LEAST, "traceparent": traceparent}).traceparent == traceparent


def test_facts_of_before_there_were_traces_are_read_and_written_as_they_were() -> None:
    said = read(Facts, LEAST)

    assert said.traceparent is None
    assert b"traceparent" not in said.to_bytes()


@pytest.mark.parametrize("urgency", ["", "now", "FLASH", 1, ["flash"]])
def test_an_unknown_urgency_is_refused(urgency: Any) -> None:
    assert problems(urgency=urgency) == ("`urgency` enum",)


def test_every_word_of_the_vocabulary_is_taken() -> None:
    said = read(Facts, {**LEAST, "flags": list(Tag)})

    assert said.flags == tuple(Tag)
    assert [read(Facts, {**LEAST, "purpose": purpose}).purpose for purpose in Purpose] == list(Purpose)
    assert [read(Facts, {**LEAST, "urgency": urgency}).urgency for urgency in Urgency] == list(Urgency)


@pytest.mark.parametrize("rises", ["true", "yes", 1, 0, None, []])
def test_that_the_risk_rises_is_said_by_true_and_by_nothing_else(rises: Any) -> None:
    assert problems(risk_rises=rises) == ("`risk_rises` bool type",)


def test_facts_need_a_person_by_a_known_scheme() -> None:
    assert problems(person={"scheme": "name", "identifier": "99/0000001A"}) == ("`person.scheme` enum",)
    assert problems(person="99/0000001A") == ("`person` model type",)
    assert problems(person={"scheme": "pnc"}) == ("`person.identifier` missing",)


def test_facts_with_everything_that_a_move_needs_are_read_as_they_were_made() -> None:
    made = facts(person=person(1), area=BLACKBURN, area_old=PRESTON, flags=(Tag.CHILD_RELATED,), risk_rises=True)

    assert Facts.from_bytes(made.to_bytes()) == made
