"""The plainest adapter: a line of JSON becomes a notification that fits its schema, or an error names the field."""

import json
from typing import Any

import pytest

from agency_adapters.jsonl import JsonLines
from broker.client.adapter import find_adapter
from broker.errors import NotSent, UnknownAdapter
from schemas import Label, Tag

CANARY = "Synthetic-Onyx"


def line(**changes: Any) -> bytes:
    """A line that can be sent, with members changed; None takes one out."""
    members: dict[str, Any] = {
        "kind": "rso.address_changed",
        "person": {"scheme": "pnc", "identifier": "00/0000001X"},
        "purpose": "public_protection",
        "area": "Blackburn with Darwen",
        "area_old": "E07000123",
        "contact": {"role": "duty officer", "telephone": "01632 960001"},
        "identity": {"names": [{"given": "Zed", "family": CANARY}], "date_of_birth": "1971-01-01"},
        "address": {
            "lines": ["7 Nonesuch Row"],
            "district": "E06000008",
            "lives_there_from": "2026-11-20",
            "kind": "home",
        },
        "status": {"event": "has left the area", "state": "licence", "effective_on": "2026-11-20"},
    }
    members |= changes
    return json.dumps({name: value for name, value in members.items() if value is not None}).encode()


def test_a_line_becomes_a_notification_with_places_by_name_or_by_code() -> None:
    draft = JsonLines().said(line(flags=["child_related"]))

    assert (draft.area, draft.area_old) == ("E06000008", "E07000123")
    assert set(draft.compartments) == {Label.CONTACT, Label.IDENTITY, Label.ADDRESS, Label.STATUS}
    assert draft.flags == (Tag.CHILD_RELATED,)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"kind": "rso.flew_away"}, "rso.flew_away"),
        ({"kind": None}, "kind"),
        ({"person": None}, "PersonKey"),
        ({"person": {"scheme": "passport", "identifier": "1"}}, "scheme"),
        ({"purpose": "curiosity"}, "purpose"),
        ({"area": "Atlantis"}, "Atlantis"),
        ({"area_old": None}, "area_old"),
        ({"address": None}, "address"),
        ({"weather": {}}, "weather"),
        ({"facts": {}}, "facts"),
        ({"control": {"add": ["under_18"]}}, "control"),
        ({"cover": {"urgency": "flash"}}, "cover"),
        ({"location_hint": {"district": "E06000009"}}, "location_hint.district"),
        ({"correction": {"was_wrong": CANARY, "is_right": CANARY}}, "delete"),
        ({"victim": {"people": []}}, "people"),
        ({"corrects": "CCCCCCCCCCCCCCCCCCCCCA"}, "corrects"),
        ({"attendees": "blackburn-housing"}, "attendees"),
        ({"kind": "correction.issued", "area_old": None}, "compartment `correction` missing"),
        ({"kind": "rso.registered", "area_old": None}, "`status.next_due_on` missing"),
        ({"kind": "threat.reported", "area_old": None}, "`status.threat` missing"),
        ({"team": ["a-desk"]}, "team"),
        ({"flags": ["innocent"]}, "flags"),
        ({"flags": "child_related"}, "flags"),
        ({"addressed": [1]}, "addressed"),
        ({"identity": {"names": [{"given": "Zed", "family": CANARY, "nick": CANARY}]}}, "nick"),
        ({"status": {"event": CANARY, "state": "loose", "effective_on": "2026-11-20"}}, "state"),
        (
            {"address": {"lines": [CANARY], "district": "E06000009", "lives_there_from": "2026-11-20", "kind": "home"}},
            "address.district",
        ),
    ],
)
def test_what_cannot_be_said_is_named_and_nothing_of_it_quoted(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(NotSent) as refused:
        JsonLines().said(line(**changes))

    assert named in str(refused.value)
    assert CANARY not in str(refused.value)


def test_the_key_facts_of_a_kind_are_asked_for_where_their_compartment_is_carried() -> None:
    nowhere = {"lines": ["7 Nonesuch Row"], "district": "E06000008", "lives_there_from": "2026-11-20"}

    with pytest.raises(NotSent, match=r"`address\.kind` missing"):
        JsonLines().said(line(address=nowhere))
    registered = JsonLines().said(line(kind="rso.registered", area_old=None, status=None))
    assert Label.STATUS not in registered.compartments


def test_a_publisher_may_fill_more_than_anybody_is_told() -> None:
    draft = JsonLines().said(line(location_hint={"district": "E06000008"}, health={"summary": f"{CANARY} sneezes."}))

    assert {Label.LOCATION_HINT, Label.HEALTH} <= set(draft.compartments)


@pytest.mark.parametrize("record", [b"", b"[]", b"{", b'{"kind": 1, "kind": 2}', b"\xff", b'"text"'])
def test_a_line_that_is_no_json_object_is_refused(record: bytes) -> None:
    with pytest.raises(NotSent):
        JsonLines().said(record)


def test_an_adapter_is_found_by_the_name_of_its_entry_point() -> None:
    assert isinstance(find_adapter("jsonl"), JsonLines)
    with pytest.raises(UnknownAdapter):
        find_adapter("telepathy")
