"""A soak says what it found: a job that fails, hangs or says nothing is not one that passed."""

import sys
from pathlib import Path

import pytest

from tests.fuzz.decoders import NAMES
from tests.soak.parts import HISTORIES_A_JOB, KILLS_A_JOB, LONG, SHORT, Job, Length, jobs
from tests.soak.running import Done, Tally, run, run_all

FINE = "print('histories: 3 of 50 steps')"


def job(code: str, *, part: str = "histories", longest_s: float = 60) -> Job:
    return Job(part, f"{part}-0", (sys.executable, "-c", code), longest_s)


@pytest.mark.parametrize(
    ("code", "longest_s", "is_passed", "words"),
    [
        (FINE, 60, True, "histories: 3 of 50 steps"),
        (FINE + "; raise SystemExit(1)", 60, False, "ended with 1"),
        ("raise AssertionError('I3')", 60, False, "ended with 1"),
        ("pass", 60, False, "ended with 0"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", 60, False, "ended with -9"),
        ("input() if 0 else __import__('threading').Event().wait()", 0.3, False, "did not end"),
    ],
)
def test_a_job_passes_if_it_ends_well_and_says_so(
    code: str, longest_s: float, is_passed: bool, words: str, tmp_path: Path
) -> None:
    done = run(job(code, longest_s=longest_s), tmp_path / ".soak")

    assert done.is_passed is is_passed
    assert words in done.last_line
    assert (tmp_path / ".soak" / "histories-0.log").exists() is not is_passed


def test_the_last_line_says_how_many_passed() -> None:
    tally = Tally([Done(job(FINE), True, "fine", 1), Done(job(FINE, part="fuzz"), False, "fuzz-json ended with 1", 2)])

    lines = tally.lines()

    assert lines == [
        "histories: 1 of 1 jobs passed, 1 s",
        "fuzz: 0 of 1 jobs passed, 2 s",
        "fuzz-0 FAILED: fuzz-json ended with 1",
        "1 passed, 1 failed",
    ]


def test_each_job_is_heard_of_as_it_ends() -> None:
    said: list[str] = []

    tally = run_all([job(FINE), job(FINE)], said.append, at_a_time=2)

    assert len(said) == 2
    assert tally.lines()[-1] == "2 passed, 0 failed"


@pytest.mark.parametrize("length", [SHORT, LONG])
def test_a_soak_holds_all_that_it_promises(length: Length) -> None:
    made = list(jobs(length, 7))

    parts = [job.part for job in made]
    assert parts.count("histories") * HISTORIES_A_JOB == length.histories
    assert parts.count("kills") * KILLS_A_JOB >= length.kills
    assert parts.count("fuzz") == len(NAMES)
    assert len({job.name for job in made}) == len(made)


def test_histories_are_a_job(tmp_path: Path) -> None:
    done = run(Job("histories", "histories-0", (sys.executable, "-m", "tests.soak.histories", "2", "1"), 100), tmp_path)

    assert done.last_line == "histories: 2 of 50 steps from seed 1, 0 violations"
