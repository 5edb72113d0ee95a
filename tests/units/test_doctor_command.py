"""`tellwise doctor`: what a person and a program are told, and with which exit code."""

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from broker.cli.doctor import doctor
from broker.health import Finding, Severity
from broker.health.findings import looked, ok, problem, warning

app = typer.Typer()
app.command()(doctor)


def run(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def told(result: Result) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(result.stdout)
    return read


@pytest.fixture
def three(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with one problem, found first; one warning; and one thing that is well."""

    def examine(*_given: object) -> list[Finding]:
        return [
            problem("`da\x1b[2Jta` is not a folder", "Name another."),
            ok("Python 3.11.7"),
            warning("the disk is filling", "Make room."),
        ]

    monkeypatch.setattr("broker.health.examine", examine)


def test_this_machine_has_no_problem_and_that_is_exit_code_0() -> None:
    done = run()

    assert done.exit_code == 0, done.output
    assert "a key was sealed and opened" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("0 problems, ")


def test_a_program_is_told_the_same() -> None:
    done = run("--json")

    assert done.exit_code == 0, done.output
    assert told(done)["problems"] == 0
    assert {frozenset(each) for each in told(done)["findings"]} == {frozenset({"severity", "what", "next_step"})}


@pytest.mark.usefixtures("three")
def test_problems_come_last_with_their_next_step_and_obey_nobody() -> None:
    done = run()

    assert done.exit_code == 1
    assert done.stdout.splitlines() == [
        "ok       Python 3.11.7",
        "warning  the disk is filling",
        "         Make room.",
        "problem  `da?[2Jta` is not a folder",
        "         Name another.",
        "1 problems, 1 warnings",
    ]


@pytest.mark.usefixtures("three")
def test_a_program_is_told_how_many() -> None:
    done = run("--json")

    assert done.exit_code == 1
    assert (told(done)["problems"], told(done)["warnings"]) == (1, 1)
    assert told(done)["findings"][1] == {"severity": "ok", "what": "Python 3.11.7", "next_step": None}


@pytest.mark.parametrize(
    "text",
    ["", 'hub = "hub.northbury.example"\ndesk = "northbury-housing"\n', 'name = "hub"\n', "hub = [\n"],
    ids=["empty", "both", "neither", "no TOML"],
)
def test_settings_that_are_nobody_s_cannot_be_looked_at(tmp_path: Path, text: str) -> None:
    (tmp_path / "tellwise.toml").write_text(text)

    done = run("--config", str(tmp_path / "tellwise.toml"))

    assert done.exit_code == 2
    assert done.stdout == ""
    assert done.stderr.startswith("tellwise: ")


def test_settings_that_are_not_there_cannot_be_looked_at(tmp_path: Path) -> None:
    assert run("--config", str(tmp_path / "tellwise.toml")).exit_code == 2


def test_a_check_that_cannot_look_is_a_problem(tmp_path: Path) -> None:
    (found,) = looked(lambda: [ok((tmp_path / "never-made").read_text())])

    assert (found.severity, "never-made" in found.what) == (Severity.PROBLEM, True)
    assert found.next_step
