"""The format of a story: every key of it is read, and all else is refused, with the file, the event and the key named.

A story that is misread passes for the wrong reason, so what is almost right is refused too: a key with a letter wrong,
a desk that is not there, `signed: "no"`, an area that does not exist.
"""

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from broker.cli.main import app
from broker.rehearsal import Scenario, ScenarioRefused, StatisticsFile, read_scenario
from broker.rehearsal.scenario import LONDON
from schemas import Label, Urgency

STORY: dict[str, Any] = {
    "scenario": "everything",
    "title": "Every key that there is",
    "synthetic": True,
    "source": "invented",
    "from_the_report": "nothing",
    "our_choices": "all of it",
    "subject": {
        "key": "SYN-ALL",
        "sex": "F",
        "age_band": "20-29",
        "category": 2,
        "level": 2,
        "risk": "very high",
        "tags": ["child_related", "a_free_one"],
    },
    "agencies": [
        {"id": "police", "type": "police", "serves": ["E23000003"]},
        {"id": "abroad", "type": "police", "serves": ["international"], "signed": True},
        {"id": "jail", "type": "prison"},
        {"id": "housing", "type": "housing_authority", "serves": ["E07000123", "E07000026"], "signed": False},
        {"id": "landlord", "type": "third_party"},
    ],
    "team": ["police"],
    "events": [
        {
            "id": "E1",
            "at": "2025-03-03T09:00",
            "by": "police",
            "type": "rso.address_changed",
            "carries": ["identity", "address"],
            "area": "E07000123",
            "area_old": "E07000026",
            "addressed": ["abroad", "landlord"],
            "attendees": ["jail"],
            "flags": ["child_in_danger", "another_free_one"],
            "risk_rises": True,
            "consent_health": "caldicott",
            "team_add": ["housing"],
            "team_remove": ["jail"],
            "tags_add": ["supervised"],
            "tags_remove": ["child_related"],
            "risk": "low",
            "level": 3,
            "deliver": {"abroad": ["identity"]},
            "never": ["landlord"],
            "never_compartments": {"abroad": ["address"]},
            "ack": {"urgency": "urgent", "due": "2025-03-03T13:00"},
            "assumption": True,
            "note": "for people",
            "check": "for people too",
        },
        {
            "id": "E2",
            "at": "2025-03-03T09:00",
            "by": "police",
            "type": "correction.issued",
            "corrects": "E1",
            "consent_health": "given",
            "carries": ["correction"],
            "disclosure": {
                "to": "landlord",
                "count": 2,
                "consent": "raises_risk",
                "authority": "chief superintendent",
                "imminent": True,
                "csc_consulted": True,
                "content": ["identity"],
                "reasons": "a life is in danger",
                "expect": "allow, confirm by ACC within 24 h",
            },
        },
    ],
    "final": {"counted_in": {"i": 1}, "archived": "2025-04-01"},
}
E1, E2 = ("events", 0), ("events", 1)
Place = tuple[str | int, ...]


def the_part(story: Any, place: Place) -> Any:
    for step in place:
        story = story[step]
    return story


def changed(place: Place, value: Any) -> dict[str, Any]:
    story = copy.deepcopy(STORY)
    the_part(story, place[:-1])[place[-1]] = value
    return story


def without(place: Place) -> dict[str, Any]:
    story = copy.deepcopy(STORY)
    del the_part(story, place[:-1])[place[-1]]
    return story


def read(folder: Path, story: object) -> Scenario:
    path = folder / "story.yaml"
    if isinstance(story, bytes):
        path.write_bytes(story)
    else:
        path.write_text(story if isinstance(story, str) else yaml.safe_dump(story, sort_keys=False), "utf-8")
    return read_scenario(path)


def refusal(folder: Path, story: object) -> str:
    """What is said of a story that cannot be read, by the reader and, with exit code 2, by the command."""
    with pytest.raises(ScenarioRefused) as refused:
        read(folder, story)
    done = CliRunner().invoke(app, ["rehearse", str(folder / "story.yaml")])
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.splitlines()[0] == f"tellwise: {refused.value}"
    start, _, said = str(refused.value).partition("`story.yaml`, ")
    assert start == ""
    return said


# --- what is read -----------------------------------------------------------------------------------------------------


def test_every_key_is_read(tmp_path: Path) -> None:
    story = read(tmp_path, STORY)

    first, second = story.events
    assert (story.subject.level, story.subject.risk, story.subject.tags) == (
        2,
        "very high",
        ("child_related", "a_free_one"),
    )
    assert [agency.signed for agency in story.agencies] == [True, True, True, False, True]
    assert story.agencies[2].serves is None
    assert (first.at.isoformat(), first.at.tzinfo) == ("2025-03-03T09:00:00+00:00", LONDON)
    assert first.deliver == {"abroad": (Label.IDENTITY,)}
    assert first.ack is not None
    assert (first.ack.urgency, first.ack.due.hour) == (Urgency.URGENT, 13)
    assert second.corrects == "E1"
    assert second.disclosure is not None
    assert (second.disclosure.count, second.disclosure.imminent) == (2, True)


NEEDED: list[tuple[Place, str]] = [
    (("scenario",), "the file, key `scenario`"),
    (("title",), "the file, key `title`"),
    (("synthetic",), "the file, key `synthetic`"),
    (("subject",), "the file, key `subject`"),
    (("agencies",), "the file, key `agencies`"),
    (("team",), "the file, key `team`"),
    (("subject", "key"), "the file, key `subject.key`"),
    (("agencies", 0, "id"), "the file, key `agencies.0.id`"),
    (("agencies", 0, "type"), "the file, key `agencies.0.type`"),
    ((*E1, "id"), "event `number 1`, key `id`"),
    ((*E1, "at"), "event `E1`, key `at`"),
    ((*E1, "by"), "event `E1`, key `by`"),
    ((*E1, "ack", "urgency"), "event `E1`, key `ack.urgency`"),
    ((*E1, "ack", "due"), "event `E1`, key `ack.due`"),
    ((*E2, "disclosure", "to"), "event `E2`, key `disclosure.to`"),
    ((*E2, "disclosure", "consent"), "event `E2`, key `disclosure.consent`"),
    ((*E2, "disclosure", "authority"), "event `E2`, key `disclosure.authority`"),
    ((*E2, "disclosure", "content"), "event `E2`, key `disclosure.content`"),
    ((*E2, "disclosure", "expect"), "event `E2`, key `disclosure.expect`"),
]
PARTS: list[Place] = [(), ("subject",), ("agencies", 0), E1, E2, (*E1, "ack"), (*E2, "disclosure")]


@pytest.mark.parametrize(("place", "where"), NEEDED)
def test_what_is_needed_and_missing_is_named(place: Place, where: str, tmp_path: Path) -> None:
    assert refusal(tmp_path, without(place)) == f"{where}: is missing"


@pytest.mark.parametrize(
    "place",
    [
        (*part, key)
        for part in PARTS
        for key in the_part(STORY, part)
        if (*part, key) not in dict(NEEDED) and key not in {"id", "at", "by", "events", "type", "corrects"}
    ],
)
def test_what_is_not_needed_may_be_missing(place: Place, tmp_path: Path) -> None:
    read(tmp_path, without(place))


@pytest.mark.parametrize(
    "key", ["strange", "enum", "function-wrap", "literal", "Title", "carry", "events_", "2025-01-01"]
)
@pytest.mark.parametrize("part", PARTS)
def test_an_unknown_key_is_refused_wherever_it_stands(part: Place, key: str, tmp_path: Path) -> None:
    story = changed((*part, key), "x")

    if part[:1] == ("events",):
        name, below = the_part(STORY, part[:2])["id"], (*part[2:], key)
        assert refusal(tmp_path, story) == f"event `{name}`, key `{'.'.join(map(str, below))}`: is unknown"
    else:
        assert refusal(tmp_path, story) == f"the file, key `{'.'.join(map(str, (*part, key)))}`: is unknown"


# --- values -----------------------------------------------------------------------------------------------------------

WRONG: list[tuple[Place, list[Any]]] = [
    (("synthetic",), [False, "true", 1, 1.0, None]),
    (("title",), [7, None, ["x"], {}]),
    (("subject",), ["SYN-A", [], None]),
    (("subject", "key"), ["", "a person", 7, "X" * 41]),
    (("subject", "sex"), ["X", 1]),
    (("subject", "category"), [0, 5, "2", True, 2.0]),
    (("subject", "level"), [0, 4, "2", True, 2.0, None]),
    (("subject", "risk"), ["none", "High", 3, None]),
    (("subject", "tags"), ["child_related", [1], None]),
    (("agencies",), [[], {}, "police"]),
    (("agencies", 0, "id"), ["", "Police", "a desk", 7, "x" * 65, "../police"]),
    (("agencies", 0, "type"), ["landlord", "POLICE", ["police"], 1, None]),
    (("agencies", 0, "serves"), ["E23000003", {}]),
    (("agencies", 0, "signed"), ["true", "no", 0, 1, None]),
    (("team",), ["police", None, [["police"]]]),
    (("events",), [[], None, {}, "E1"]),
    ((*E1, "at"), ["soon", "2025-13-01T09:00", "2025-03-03T09:00Z", "2025-03-03T09:00+01:00", "0001-01-01", 20250303]),
    ((*E1, "area"), ["E07999999", "E10000017", "E23000003", "Preston", "", 7]),
    ((*E1, "area_old"), ["E07999999", "W06000000"]),
    ((*E1, "addressed"), ["abroad", {"abroad": 1}]),
    ((*E1, "flags"), ["child_in_danger", [1]]),
    ((*E1, "risk_rises"), ["true", 1, "yes"]),
    ((*E1, "assumption"), ["true", 1]),
    ((*E1, "consent_health"), [True, "refused", "withdrawn"]),
    ((*E1, "risk"), ["higher", 3]),
    ((*E1, "level"), [0, 4, "3", True]),
    ((*E1, "carries"), ["identity", {"identity": 1}]),
    ((*E1, "deliver"), [["abroad"], "abroad", [], None]),
    ((*E1, "never_compartments"), [["abroad"], None]),
    ((*E1, "ack"), ["flash", []]),
    ((*E1, "ack", "urgency"), ["soon", "FLASH"]),
    ((*E1, "ack", "due"), ["soon", None]),
    ((*E2, "disclosure"), ["allow", []]),
    ((*E2, "disclosure", "count"), [0, -1, "2", True, 1.5]),
    ((*E2, "disclosure", "consent"), ["yes", True]),
    ((*E2, "disclosure", "authority"), ["chief", "Inspector", 3, None]),
    ((*E2, "disclosure", "imminent"), ["yes", 1]),
    ((*E2, "disclosure", "csc_consulted"), ["yes", 1]),
    ((*E2, "disclosure", "content"), ["identity", None]),
    (("final",), [[], "x"]),
]  # fmt: skip


@pytest.mark.parametrize(("place", "value"), [(place, value) for place, values in WRONG for value in values])
def test_a_wrong_value_is_refused_and_its_key_named(place: Place, value: Any, tmp_path: Path) -> None:
    event = f"event `{the_part(STORY, place[:2])['id']}`" if place[:1] == ("events",) and len(place) > 1 else "the file"
    key = ".".join(map(str, place[2:] if event != "the file" else place))

    said, _, why = refusal(tmp_path, changed(place, value)).rpartition(": ")
    assert why == "has no such value"
    assert said.startswith(f"{event}, key `{key}")


@pytest.mark.parametrize("area", ["E07999999", "E06999999"])
def test_a_desk_serves_no_area_that_does_not_exist(area: str, tmp_path: Path) -> None:
    said = refusal(tmp_path, changed(("agencies", 3, "serves", 1), area))

    assert said == "the file, key `agencies.3.serves.1`: has no such value"


@pytest.mark.parametrize(
    ("place", "key"),
    [
        ((*E1, "carries"), "carries.0"),
        ((*E1, "deliver", "abroad"), "deliver.abroad.0"),
        ((*E1, "never_compartments", "abroad"), "never_compartments.abroad.0"),
        ((*E2, "disclosure", "content"), "disclosure.content.0"),
    ],
)
@pytest.mark.parametrize(
    "label", ["contact", "facts", "cover", "control", "shoe_size", "Identity", "", 7, None, ["identity"], {}]
)
def test_what_is_no_compartment_that_can_be_told_is_refused(place: Place, key: str, label: Any, tmp_path: Path) -> None:
    assert refusal(tmp_path, changed(place, [label])).endswith(f", key `{key}`: has no such value")


# --- what hangs together ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["by", "addressed", "attendees", "team_add", "team_remove", "deliver", "never"])
def test_a_desk_that_is_not_there_is_named_under_whatever_key(key: str, tmp_path: Path) -> None:
    value = {"by": "polcie", "deliver": {"polcie": ["identity"]}}.get(key, ["polcie"])

    said = refusal(tmp_path, changed((*E1, key), value))
    assert said == f"event `E1`, key `{key}`: names `polcie`, which is no desk here"


def test_a_desk_that_is_not_there_is_named_in_the_rest_too(tmp_path: Path) -> None:
    nobody = "names `polcie`, which is no desk here"

    assert refusal(tmp_path, changed((*E1, "never_compartments"), {"polcie": ["identity"]})) == (
        f"event `E1`, key `never_compartments`: {nobody}"
    )
    assert refusal(tmp_path, changed(("team",), ["police", "polcie"])) == f"key `team`: {nobody}"
    assert refusal(tmp_path, changed(("agencies", 1, "id"), "police")) == "key `agencies`: names a desk twice"


@pytest.mark.parametrize(
    ("story", "said"),
    [
        (changed((*E2, "at"), "2025-03-03T08:59"), "event `E2`, key `at`: is earlier than the event before"),
        (changed((*E2, "id"), "E1"), "event `E1`, key `id`: is there twice"),
        (changed((*E2, "corrects"), "E2"), "event `E2`, key `corrects`: names no event before this one"),
        (changed((*E1, "corrects"), "E2"), "event `E1`, key `corrects`: names no event before this one"),
        (changed((*E2, "corrects"), "E9"), "event `E2`, key `corrects`: names no event before this one"),
        (without((*E1, "type")), "event `E1`, key `type`: is missing, and so is `disclosure`"),
        (changed(("events", 0), "E1"), "event `number 1`, key `itself`: has no such value"),
        (changed((*E1, "id"), ["E1"]), "event `number 1`, key `id`: has no such value"),
        (changed((*E1, "no\nkey"), 1), "event `E1`, key `?`: is unknown"),
    ],
)
def test_events_that_do_not_hang_together_are_refused(story: Any, said: str, tmp_path: Path) -> None:
    assert refusal(tmp_path, story) == said


def test_a_file_without_events_is_a_statistics_file_if_it_is_nothing_else(tmp_path: Path) -> None:
    table = {"scenario": "S", "title": "a table", "synthetic": True, "period": {}, "expected_at_cut_off_2003_06_30": {}}
    with pytest.raises(StatisticsFile):
        read(tmp_path, table)

    assert refusal(tmp_path, table | {"synthetic": 1}) == "key `synthetic`: is not true: real people are not played"
    assert refusal(tmp_path, table | {"subject": {}}) == "key `subject`: is unknown"
