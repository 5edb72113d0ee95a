"""Somebody who answers for the rules writes a story, plays it, and is shown each difference from what they expect.

Four of the stories are those of the project's domain study, which says how many comparisons each makes: so nothing is
skipped. The others are ours, for what the four do not touch; their expectations were derived by hand from the rules.
"""

import asyncio
import errno
import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml

from broker.rehearsal import Difference, Result, read_scenario, rehearse
from policies import Bundle

STORIES = Path(__file__).resolve().parents[1] / "stories"

# The domain study, format of stories, section 9.
STUDY = {
    "case_a_normal_agency_management": (15, 106),
    "case_b_panel_and_potential_victims": (15, 104),
    "case_c_control_and_supervision": (11, 40),
    "case_g_moves_and_a_correction": (9, 75),
}


def the_story(name: str) -> Any:
    return yaml.safe_load((STORIES / f"{name}.yaml").read_text("utf-8"))


def event(story: Any, name: str) -> Any:
    return next(one for one in story["events"] if one["id"] == name)


def written(folder: Path, story: Any) -> Path:
    path = folder / "story.yaml"
    path.write_text(yaml.safe_dump(story, sort_keys=False), "utf-8")
    return path


def played(path: Path) -> Result:
    return asyncio.run(rehearse(read_scenario(path)))


def run(folder: Path, *words: object, **more: Any) -> "subprocess.CompletedProcess[str]":
    """The real command, in an empty working directory, with an empty place for what is temporary."""
    for name in ("here", "temporary"):
        (folder / name).mkdir(exist_ok=True)
    return subprocess.run(
        [sys.executable, "-m", "broker.cli.main", "rehearse", *map(str, words)],
        cwd=folder / "here",
        env={**os.environ, "TMPDIR": str(folder / "temporary"), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
        **more,
    )


# --- the stories agree ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [path.stem for path in sorted(STORIES.glob("*.yaml"))])
def test_a_story_plays_as_it_is_written(name: str) -> None:
    result = played(STORIES / f"{name}.yaml")

    assert result.differences == []
    assert result.comparisons >= len(the_story(name)["events"])
    assert result.acks == sum("ack" in one for one in the_story(name)["events"])
    if name in STUDY:
        assert (result.events, result.comparisons) == STUDY[name]


def test_the_four_stories_of_the_study_are_here() -> None:
    assert set(STUDY) <= {path.stem for path in STORIES.glob("*.yaml")}
    assert sum(comparisons for _, comparisons in STUDY.values()) == 325  # the study, section 3.1


# --- and would not, if a rule were missing ----------------------------------------------------------------------------


def bundle_without(ground: str) -> Bundle:
    """The policies in force, with one ground cut out of its text."""
    package, cut = (
        files("policies"),
        re.compile(rf'^@id\("{re.escape(ground)}"\)\n.*?^[}})];\n', re.DOTALL | re.MULTILINE),
    )
    texts = {
        f"{folder}/{file.name}": file.read_text("utf-8")
        for folder in ("grounds", "guards")
        for file in package.joinpath(folder).iterdir()
        if file.name.endswith(".cedar")
    }
    shorter = {name: cut.sub("", text) for name, text in texts.items()}
    bundle = Bundle.from_texts(package.joinpath("tellwise.cedarschema").read_text("utf-8"), shorter)
    assert set(Bundle.load().policy_ids) - set(bundle.policy_ids) == {ground}
    return bundle


@pytest.mark.parametrize(
    ("ground", "name", "first"),
    [
        ("children.registered_in_area", "case_a_normal_agency_management", ("A08", "lcc_csc")),
        ("told.correction_issued", "case_g_moves_and_a_correction", ("G08", "cumbria_probation")),
        ("board.half_yearly", "counts_with_a_name_attached", ("N01", "board")),
        ("education.resides_in_area", "school_places_at_high_risk_and_level_two", ("S02", "schools")),
        ("provider.risk_changed", "risk_that_rises", ("R02", "provider")),
        ("police.em_alert", "tag_reports_at_high_risk", ("T02", "police")),
        ("nspcc.order_made", "order_with_flags", ("O01", "nspcc")),
        ("housing.no_fixed_abode", "former_district_code", ("F01", "old_housing")),
        ("youth_offending.resides_in_area", "person_under_eighteen", ("Y01", "youth")),
        ("prison.hospital_status", "hospital_consent_withdrawn", ("H02", "jail")),
        ("housing.address_changed_out_of_area", "move_out_of_the_county", ("M01", "preston_housing")),
    ],
)
def test_a_story_notices_a_ground_that_it_rests_on(
    ground: str, name: str, first: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = bundle_without(ground)
    monkeypatch.setattr(Bundle, "load", lambda: bundle)
    result = played(STORIES / f"{name}.yaml")

    missed = result.differences[0]
    assert (missed.event, missed.desk) == first
    assert missed.missing == tuple(sorted(event(the_story(name), missed.event)["deliver"][missed.desk]))
    assert (missed.extra, missed.policies) == ((), ())


# --- a wrong expectation is reported ----------------------------------------------------------------------------------


def wrong_deliver(story: Any) -> None:
    event(story, "T01")["deliver"]["probation"] = ["identity", "status", "conditions", "description"]


def nobody(story: Any) -> None:
    event(story, "T02")["deliver"].pop("police")


def somebody(story: Any) -> None:
    event(story, "T04")["deliver"]["tagging"] = ["status", "identity"]


def wrong_never(story: Any) -> None:
    event(story, "T03")["never"] = ["police"]


def wrong_compartment(story: Any) -> None:
    event(story, "T04")["never_compartments"] = {"police": ["address", "victim"]}


def late(story: Any) -> None:
    event(story, "T01")["ack"]["due"] = "2025-11-04T02:11"


def too_urgent(story: Any) -> None:
    event(story, "T01")["ack"] = {"urgency": "flash", "due": "2025-11-03T22:25"}


ALERT = ("conditions", "identity", "location_hint", "status")
LICENCE = ("address", "conditions", "identity", "risk_summary", "status")


@pytest.mark.parametrize(
    ("plant", "found"),
    [
        (
            wrong_deliver,
            [Difference("T01", "em.alert", "probation", ("location_hint",), ("description",), ("probation.em_alert",))],
        ),
        (nobody, [Difference("T02", "em.alert", "police", ALERT, (), ("police.em_alert",))]),
        (somebody, [Difference("T04", "licence.set", "tagging", (), ("identity", "status"), ())]),
        (
            wrong_never,
            [
                Difference("T03", "licence.set", "police", LICENCE, (), ()),  # were every compartment filled
                Difference("T03", "licence.set", "police", LICENCE, (), ("police.licence_set",)),
            ],
        ),
        (
            wrong_compartment,
            [
                Difference("T04", "licence.set", "police", ("address",), (), ()),
                Difference("T04", "licence.set", "police", ("address",), (), ("police.licence_set",)),
            ],
        ),
    ],
)
def test_a_wrong_expectation_is_reported(plant: Callable[[Any], None], found: list[Difference], tmp_path: Path) -> None:
    story = the_story("tag_reports_at_high_risk")
    plant(story)

    assert played(written(tmp_path, story)).differences == found


@pytest.mark.parametrize("plant", [late, too_urgent])
def test_a_wrong_deadline_is_reported(plant: Callable[[Any], None], tmp_path: Path) -> None:
    story = the_story("tag_reports_at_high_risk")
    plant(story)
    [difference] = played(written(tmp_path, story)).differences

    assert (difference.event, difference.kind, difference.desk) == ("T01", "ack", "tagging")
    assert difference.extra == ("urgent by 2025-11-04 02:10:00+00:00",)
    assert difference.missing[0].startswith(event(story, "T01")["ack"]["urgency"])


def test_a_wrong_decision_to_tell_somebody_outside_is_reported(tmp_path: Path) -> None:
    story = the_story("landlord_is_never_a_desk")
    event(story, "D8")["disclosure"]["expect"] = "allow"
    [difference] = played(written(tmp_path, story)).differences

    assert difference == Difference("D8", "disclosure", "police", ("allow, confirm by ACC within 24 h",), ("allow",))


def test_a_kind_that_does_not_exist_and_is_expected_somewhere_is_reported(tmp_path: Path) -> None:
    story = the_story("kind_that_does_not_exist")
    event(story, "K01")["deliver"] = {"probation": ["identity"]}
    [difference] = played(written(tmp_path, story)).differences

    assert difference == Difference("K01", "parole.considered", "probation", (), ("identity",), ())


# --- the command ------------------------------------------------------------------------------------------------------

A_TAG = STORIES / "tag_reports_at_high_risk.yaml"
COUNTS = STORIES / "counts_with_a_name_attached.yaml"


def test_without_a_difference_the_exit_code_is_0_and_nothing_is_left_behind(tmp_path: Path) -> None:
    done = run(tmp_path, A_TAG)

    assert (done.returncode, done.stdout, done.stderr) == (
        0,
        "em-alert: 4 events, 14 comparisons, 2 deadlines, 0 differences\n",
        "",
    )
    assert list((tmp_path / "here").iterdir()) == []
    assert list((tmp_path / "temporary").iterdir()) == []


def test_with_a_difference_the_exit_code_is_1_and_it_is_said(tmp_path: Path) -> None:
    story = the_story("tag_reports_at_high_risk")
    wrong_deliver(story)
    done = run(tmp_path, written(tmp_path, story))

    assert (done.returncode, done.stderr) == (1, "")
    assert " ".join(done.stdout.split()) == (
        "em-alert: 4 events, 14 comparisons, 2 deadlines, 1 differences T01 em.alert, probation: "
        "too much: location_hint; missing: description; because of probation.em_alert"
    )


def test_a_file_that_cannot_be_read_is_named_with_exit_code_2_and_nothing_is_played(tmp_path: Path) -> None:
    story = the_story("tag_reports_at_high_risk")
    event(story, "T03")["carrys"] = ["identity"]
    done = run(tmp_path, A_TAG, written(tmp_path, story))

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[0] == "tellwise: `story.yaml`, event `T03`, key `carrys`: is unknown"
    assert len(done.stderr.splitlines()) == 2  # the next step; no traceback
    assert run(tmp_path, tmp_path / "nowhere.yaml").returncode == 2
    assert run(tmp_path).returncode == 2


def test_as_json_it_has_exactly_the_documented_keys(tmp_path: Path) -> None:
    story = the_story("tag_reports_at_high_risk")
    wrong_deliver(story)
    done = run(tmp_path, "--json", COUNTS, written(tmp_path, story))

    assert done.returncode == 1
    assert json.loads(done.stdout) == {
        "files": [
            {
                "scenario": "counts",
                "events": 2,
                "comparisons": 14,
                "acks": 0,
                "differences": [],
                "not_compared": [],
            },
            {
                "scenario": "em-alert",
                "events": 4,
                "comparisons": 14,
                "acks": 2,
                "differences": [
                    {
                        "event": "T01",
                        "kind": "em.alert",
                        "desk": "probation",
                        "extra": ["location_hint"],
                        "missing": ["description"],
                        "policies": ["probation.em_alert"],
                    }
                ],
                "not_compared": [],
            },
        ]
    }


def test_a_statistics_file_is_named_and_not_played(tmp_path: Path) -> None:
    table = tmp_path / "table.yaml"
    table.write_text("{scenario: S, title: counts, synthetic: true, expected: {i: 3}}", "utf-8")
    alone, beside = run(tmp_path, table), run(tmp_path, table, COUNTS)

    assert (alone.returncode, alone.stdout) == (0, "")
    assert "`table.yaml` holds statistics and no events" in alone.stderr
    assert (beside.returncode, beside.stdout) == (0, "counts: 2 events, 14 comparisons, 0 differences\n")


def test_on_a_terminal_it_shows_how_far_it_is(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "broker.cli.main", "rehearse", str(A_TAG)],
        stdout=subprocess.PIPE,
        stderr=theirs,
        cwd=tmp_path,
        env={**os.environ, "TERM": "xterm"},
    ) as playing:
        os.close(theirs)
        shown = everything_on(ours)
        said = playing.communicate()[0]

    assert "em-alert" in shown
    assert "100%" in shown
    assert said == b"em-alert: 4 events, 14 comparisons, 2 deadlines, 0 differences\n"


def everything_on(terminal: int) -> str:
    shown = b""
    try:
        while some := os.read(terminal, 4096):
            shown += some
    except OSError as error:
        if error.errno != errno.EIO:  # on Linux, the end of a terminal
            raise
    finally:
        os.close(terminal)
    return shown.decode("utf-8", "replace")


def test_a_long_story_with_many_desks_plays(tmp_path: Path) -> None:
    others = [f"provider_{number}" for number in range(38)]
    story: dict[str, Any] = {
        "scenario": "long",
        "title": "Eighty events among forty desks",
        "synthetic": True,
        "subject": {"key": "SYN-LONG", "tags": ["housing_case"]},
        "agencies": [
            {"id": "police", "type": "police", "serves": ["E23000003"]},
            {"id": "probation", "type": "probation", "serves": ["E23000003"]},
            *({"id": name, "type": "registered_provider", "serves": ["E07000123"]} for name in others),
        ],
        "team": ["police", "probation", *others[:9]],
        "events": [
            {
                "id": f"E{number:02}",
                "at": f"2025-03-{number // 8 + 1:02}T{number % 8 + 9:02}:00",
                "by": "police",
                "type": "risk.changed",
                "risk_rises": number % 2 == 0,
                "carries": ["identity", "risk_summary"],
                "deliver": {
                    name: ["identity", "risk_summary"]
                    for name in ("probation", *(others[:9] if number % 2 == 0 else ()))
                },
                "never": others[9:],
            }
            for number in range(80)
        ],
    }
    result = played(written(tmp_path, story))

    assert result.differences == []
    assert (result.events, result.comparisons) == (80, 80 * 29 + 2 * (40 * 10 + 40))
