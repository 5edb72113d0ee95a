"""The words of public protection, their order, and by when somebody must have acknowledged.

Classes, orders, times and words are copied by hand from the study, sections 2.2, 2.4, 2.7, 2.8, 3.3 and 3.6.
"""

import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from enum import Enum

import pytest
from hypothesis import given
from hypothesis import strategies as st

import schemas.vocabulary
from schemas import DESK_TYPES, AgencyClass, Category, DeskType, Level, Purpose, Retention, Risk, ServedBy, Tag, Urgency
from schemas.vocabulary import (
    AddressKind,
    ChairRole,
    Consent,
    LegalState,
    MeetingKind,
    OrderType,
    ReturnGround,
    TermKind,
)

CLASSES = {
    AgencyClass.RA: "police probation prison victim_liaison recall_unit",
    AgencyClass.DTC: "youth_offending dwp education_authority children_social_care adult_social_care nhs_provider"
    " housing_authority registered_provider electronic_monitoring immigration",
    AgencyClass.ASSOCIATE: "nspcc victim_support",
    AgencyClass.OVERSIGHT: "smb lay_adviser safeguarding_partnership",
}
SERVED = {
    ServedBy.HOUSING: "housing_authority",
    ServedBy.SOCIAL_SERVICES: "children_social_care adult_social_care",
    ServedBy.EDUCATION: "education_authority",
    ServedBy.FORCE: "police",
}
TAGS = (
    "child_related sexual_or_violent sentence_12m_up in_custody victim_scheme supervised housing_case staff_at_risk"
    " detained_patient em_condition under_18 adult_at_risk child_in_danger violent_record"
)
WORDS: dict[type[Enum], str] = {
    Tag: TAGS,
    Retention: "case area tenancy short victim police health order minutes",
    Purpose: "public_protection safeguarding offender_management",
    Consent: "given refused withdrawn not_sought",
    LegalState: "community licence order custody hospital",
    AddressKind: "home other approved_premises",
    ReturnGround: "licence_breach order_breach new_offence",
    MeetingKind: "initial review",
    ChairRole: "assistant_chief_officer senior_probation_officer police_inspector_or_above",
    OrderType: "soo sopo fto rsho shpo sro no ro co cro pss ho restr asbo cbo spo voo dapo",
    TermKind: "exclude_area no_contact reside curfew no_devices travel notify programme tag other",
}


def test_every_desk_type_has_the_class_that_the_law_gives_its_agency() -> None:
    assert {desk_type: row.agency_class for desk_type, row in DESK_TYPES.items()} == {
        DeskType(name): agency_class for agency_class, names in CLASSES.items() for name in names.split()
    }
    assert set(DESK_TYPES) == set(DeskType)


def test_every_desk_type_is_served_by_the_authority_of_its_function_or_by_any() -> None:
    of_one = {DeskType(name): served_by for served_by, names in SERVED.items() for name in names.split()}

    assert {name: row.served_by for name, row in DESK_TYPES.items()} == {
        name: of_one.get(name, ServedBy.ANY) for name in DeskType
    }


@pytest.mark.parametrize("third_party", ["landlord", "head_teacher", "employer", "victim", "parent", "third_party", ""])
def test_a_third_party_is_no_desk(third_party: str) -> None:
    with pytest.raises(ValueError, match="is not a valid DeskType"):
        DeskType(third_party)


def test_risk_rises_from_low_to_very_high_and_there_is_no_level_none() -> None:
    assert [risk.value for risk in sorted(Risk, key=lambda risk: risk.rank)] == ["low", "medium", "high", "very high"]
    assert [risk.rank for risk in (Risk.LOW, Risk.MEDIUM, Risk.HIGH, Risk.VERY_HIGH)] == [0, 1, 2, 3]


def test_the_most_urgent_comes_first() -> None:
    by_rank = sorted(Urgency, key=lambda urgency: urgency.rank)

    assert [urgency.value for urgency in by_rank] == ["flash", "urgent", "priority", "routine", "record"]
    assert [urgency.rank for urgency in by_rank] == [0, 1, 2, 3, 4]


def test_levels_and_categories_are_the_numbers_of_the_guidance() -> None:
    assert {level.name: int(level) for level in Level} == {
        "ORDINARY": 1,
        "MULTI_AGENCY": 2,
        "SENIOR_MULTI_AGENCY": 3,
    }
    assert {category.name: int(category) for category in Category} == {
        "REGISTERED_SEXUAL": 1,
        "VIOLENT_AND_OTHER_SEXUAL": 2,
        "OTHER_DANGEROUS": 3,
        "TERRORIST": 4,
    }


@pytest.mark.parametrize("words", WORDS, ids=lambda words: words.__name__)
def test_the_words_of_the_study_are_these(words: type[Enum]) -> None:
    assert [word.value for word in words] == WORDS[words].split()
    assert all(word.name.lower() == word.value for word in words)


def test_every_list_of_words_has_its_words_checked() -> None:
    spelt = {
        value for value in vars(schemas.vocabulary).values() if isinstance(value, type) and issubclass(value, Enum)
    }
    by_hand_above = {AgencyClass, Category, DeskType, Level, Risk, ServedBy, Urgency}

    assert {words for words in spelt if words.__module__ == "schemas.vocabulary"} == {*WORDS, *by_hand_above}


@pytest.mark.parametrize("past", ["soo", "sopo", "fto", "rsho", "asbo", "cro"])
def test_an_order_that_courts_no_longer_make_stays_readable(past: str) -> None:
    assert OrderType(past) == past


@pytest.mark.parametrize("word", ["", "yes", "GIVEN", "assumed", "given ", "true"])
def test_nothing_else_is_taken_for_a_consent(word: str) -> None:
    with pytest.raises(ValueError, match="is not a valid Consent"):
        Consent(word)


# --- by when ----------------------------------------------------------------------------------------------------------

# 2026-01-05 is a Monday.
DEADLINES = [
    (Urgency.FLASH, "Monday morning", "2026-01-05T09:00", "2026-01-05T09:15"),
    (Urgency.FLASH, "Friday before midnight", "2026-01-09T23:50", "2026-01-10T00:05"),
    (Urgency.FLASH, "Sunday night", "2026-01-11T03:00", "2026-01-11T03:15"),
    (Urgency.URGENT, "Monday morning", "2026-01-05T09:00", "2026-01-05T13:00"),
    (Urgency.URGENT, "Friday evening", "2026-01-09T22:00", "2026-01-10T02:00"),
    (Urgency.URGENT, "Saturday", "2026-01-10T12:00", "2026-01-10T16:00"),
    (Urgency.PRIORITY, "Monday morning", "2026-01-05T09:00", "2026-01-06T09:00"),
    (Urgency.PRIORITY, "Thursday evening", "2026-01-08T18:30", "2026-01-09T18:30"),
    (Urgency.PRIORITY, "Friday morning", "2026-01-09T09:00", "2026-01-12T09:00"),
    (Urgency.PRIORITY, "Friday evening", "2026-01-09T18:30", "2026-01-12T18:30"),
    (Urgency.PRIORITY, "Friday, the last second", "2026-01-09T23:59:59", "2026-01-12T23:59:59"),
    (Urgency.PRIORITY, "Saturday, the first", "2026-01-10T00:00", "2026-01-13T00:00"),
    (Urgency.PRIORITY, "Saturday", "2026-01-10T12:00", "2026-01-13T00:00"),
    (Urgency.PRIORITY, "Sunday evening", "2026-01-11T23:00", "2026-01-13T00:00"),
    (Urgency.PRIORITY, "Monday, the first second", "2026-01-12T00:00", "2026-01-13T00:00"),
    (Urgency.PRIORITY, "the last day of February", "2028-02-29T10:00", "2028-03-01T10:00"),
    (Urgency.PRIORITY, "the turn of a year", "2027-12-31T10:00", "2028-01-03T10:00"),
    (Urgency.ROUTINE, "Monday morning", "2026-01-05T09:00", "2026-01-12T09:00"),
    (Urgency.ROUTINE, "Wednesday", "2026-01-07T09:00", "2026-01-14T09:00"),
    (Urgency.ROUTINE, "Friday evening", "2026-01-09T18:30", "2026-01-16T18:30"),
    (Urgency.ROUTINE, "Saturday", "2026-01-10T12:00", "2026-01-19T00:00"),
    (Urgency.ROUTINE, "Sunday", "2026-01-11T12:00", "2026-01-19T00:00"),
]


def at(written: str) -> datetime:
    return datetime.fromisoformat(written).replace(tzinfo=UTC)


@pytest.mark.parametrize(("urgency", "told", "told_at", "due"), DEADLINES, ids=str)
def test_what_is_told_then_is_acknowledged_by_then(urgency: Urgency, told: str, told_at: str, due: str) -> None:
    assert urgency.acknowledge_by(at(told_at)) == at(due)


def test_what_is_only_for_the_record_needs_no_acknowledgement() -> None:
    assert Urgency.RECORD.acknowledge_by(at("2026-01-05T09:00")) is None


@pytest.fixture(params=["UTC", "Pacific/Auckland", "America/Los_Angeles"])
def machine_somewhere(request: pytest.FixtureRequest) -> Iterator[None]:
    """The test runs on a machine whose own clock is set to another place."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = request.param
    time.tzset()
    yield
    if before is None:
        del os.environ["TZ"]
    else:
        os.environ["TZ"] = before
    time.tzset()


@pytest.mark.usefixtures("machine_somewhere")
def test_a_deadline_does_not_depend_on_where_the_machine_stands() -> None:
    assert Urgency.PRIORITY.acknowledge_by(at("2026-01-09T23:30")) == at("2026-01-12T23:30")


@pytest.mark.usefixtures("machine_somewhere")
@pytest.mark.parametrize("urgency", Urgency)
def test_a_moment_without_a_time_zone_is_refused(urgency: Urgency) -> None:
    with pytest.raises(ValueError, match="without a time zone"):
        urgency.acknowledge_by(datetime(2026, 1, 9, 23, 30))  # noqa: DTZ001


@pytest.mark.parametrize("hours", [-11, -5, 0, 1, 13])
@pytest.mark.parametrize("urgency", [urgency for urgency in Urgency if urgency is not Urgency.RECORD])
def test_a_moment_is_the_same_moment_in_every_time_zone(urgency: Urgency, hours: int) -> None:
    told_at = at("2026-01-09T23:30")

    assert urgency.acknowledge_by(told_at.astimezone(timezone(timedelta(hours=hours)))) == urgency.acknowledge_by(
        told_at
    )


moments = st.datetimes(datetime(2026, 1, 1), datetime(2029, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


def working_time(start: datetime, end: datetime) -> timedelta:
    """How much of Monday to Friday lies between two moments."""
    total = timedelta()
    while start < end:
        midnight = datetime(start.year, start.month, start.day, tzinfo=UTC) + timedelta(days=1)
        if start.weekday() < 5:
            total += min(midnight, end) - start
        start = midnight
    return total


@given(told_at=moments)
def test_a_working_day_is_24_hours_of_monday_to_friday_whenever_it_begins(told_at: datetime) -> None:
    for urgency, days in ((Urgency.PRIORITY, 1), (Urgency.ROUTINE, 5)):
        due = urgency.acknowledge_by(told_at)

        assert due is not None
        assert working_time(told_at, due) == timedelta(days=days)


@given(told_at=moments, later=st.timedeltas(timedelta(), timedelta(days=10)))
def test_what_is_told_later_is_never_due_earlier(told_at: datetime, later: timedelta) -> None:
    for urgency in set(Urgency) - {Urgency.RECORD}:
        first, second = urgency.acknowledge_by(told_at), urgency.acknowledge_by(told_at + later)

        assert first is not None
        assert second is not None
        assert told_at < first <= second


@given(told_at=moments)
def test_what_is_more_urgent_is_due_earlier(told_at: datetime) -> None:
    due = [urgency.acknowledge_by(told_at) for urgency in sorted(Urgency, key=lambda one: one.rank)]

    assert due[-1] is None
    known = [moment for moment in due if moment is not None]
    assert len(known) == 4
    assert known == sorted(set(known))
