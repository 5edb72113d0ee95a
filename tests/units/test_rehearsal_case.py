"""The case of a story: where it belongs, who opens it, and what is said where the story leaves that open."""

import asyncio
from pathlib import Path
from typing import Any

import yaml

from broker.rehearsal import Result, read_scenario, rehearse

Desk = dict[str, Any]


def played(folder: Path, desks: list[Desk], team: list[str], told: list[str]) -> Result:
    """One alert of a tag, at medium risk."""
    alert = {
        "id": "T1",
        "at": "2025-11-03T22:10",
        "by": "tagging",
        "type": "em.alert",
        "carries": ["identity", "status"],
        "deliver": {desk: ["identity", "status"] for desk in told},
    }
    tagging = {"id": "tagging", "type": "electronic_monitoring", "serves": ["E23000003"]}
    story = {
        "scenario": "case",
        "title": "A tag reports",
        "synthetic": True,
        "subject": {"key": "SYN-CASE", "risk": "medium"},
        "agencies": [tagging, *desks],
        "team": team,
        "events": [alert],
    }
    path = folder / "story.yaml"
    path.write_text(yaml.safe_dump(story), "utf-8")
    return asyncio.run(rehearse(read_scenario(path)))


def test_without_a_police_desk_the_case_belongs_nowhere_and_that_is_said(tmp_path: Path) -> None:
    probation: Desk = {"id": "probation", "type": "probation", "serves": ["E23000003"]}
    result = played(tmp_path, [probation], ["probation"], [])

    assert (result.comparisons, result.differences) == (0, [])
    assert result.not_compared == ["the case: no police or probation desk with a police force area opens it"]


def test_a_desk_that_opens_the_case_without_being_on_the_team_is_named(tmp_path: Path) -> None:
    desks: list[Desk] = [
        {"id": "police", "type": "police", "serves": ["E23000003"]},
        {"id": "probation", "type": "probation"},
    ]

    assert played(tmp_path, desks, [], []).not_compared == ["the team: `police` opens the case, and is on it for that"]
    assert played(tmp_path, desks, ["probation"], ["probation"]).not_compared == []


def test_a_name_as_long_as_a_desk_may_have_is_played(tmp_path: Path) -> None:
    name = "p" * 64
    desks: list[Desk] = [{"id": "police", "type": "police", "serves": ["E23000003"]}, {"id": name, "type": "probation"}]

    assert played(tmp_path, desks, ["police", name], [name]).differences == []
