"""A soak says what it found: a job that fails, hangs or says nothing is not one that passed."""

import sys
from pathlib import Path

import pytest

from tests.faults.summary import Summary
from tests.fuzz.decoders import NAMES
from tests.soak import faults
from tests.soak.parts import FAULTS_A_JOB, HISTORIES_A_JOB, LONG, SHORT, Job, Length, jobs
from tests.soak.running import Done, Tally, run, run_all

FINE = "print('histories: 3 histories of 50 steps')"


def job(code: str, *, part: str = "histories", longest_s: float = 60) -> Job:
    return Job(part, f"{part}-0", (sys.executable, "-c", code), longest_s)


@pytest.mark.parametrize(
    ("code", "longest_s", "is_passed", "words"),
    [
        (FINE, 60, True, "histories: 3 histories of 50 steps"),
        (FINE + "; raise SystemExit(1)", 60, False, "ended with 1"),
        ("raise AssertionError('I3')", 60, False, "ended with 1, AssertionError: I3: "),
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


def test_the_last_lines_say_what_was_done_and_how_to_repeat_what_failed() -> None:
    cuts, bits, fuzz = job(FINE, part="cuts"), job(FINE, part="bits"), job(FINE, part="fuzz, 60 s each")
    tally = Tally(
        [
            Done(fuzz, True, "fuzz json: 700 inputs by mutator, 0 findings", 62),
            Done(cuts, True, f"cuts: {Summary('power cuts', 600, (), ((9, 'of them at night'),))}", 2),
            Done(cuts, True, f"cuts: {Summary('power cuts', 600, (), ((1, 'of them at night'),))}", 2),
            Done(bits, False, "ended with 1, bits: 9 flipped bits, 1 failures: /tmp/bits-0.log", 3),
        ]
    )

    lines = tally.lines()

    assert lines == [
        "fuzz, 60 s each: 700 inputs by mutator, 0 findings, 1 of 1 jobs passed, 62 s",
        "cuts: 1,200 power cuts, 10 of them at night, 0 failures, 2 of 2 jobs passed, 4 s",
        "bits: 0 of 1 jobs passed, 3 s",
        "bits-0 FAILED: ended with 1, bits: 9 flipped bits, 1 failures: /tmp/bits-0.log; repeat it: python -c " + FINE,
        "3 passed, 1 failed",
    ]


def test_each_job_is_heard_of_as_it_ends() -> None:
    said: list[str] = []

    tally = run_all([job(FINE), job(FINE)], said.append, at_a_time=2)

    assert len(said) == 2
    assert tally.lines()[-1] == "2 passed, 0 failed"


def test_what_a_job_says_that_finds_something_is_shown() -> None:
    said: list[str] = []

    run_all([job("print('I3 is broken'); print('cuts: 3 power cuts, 1 failures'); raise SystemExit(1)")], said.append)

    assert said[-1] == "I3 is broken\ncuts: 3 power cuts, 1 failures"


@pytest.mark.parametrize("length", [SHORT, LONG])
def test_a_soak_holds_all_that_it_promises(length: Length) -> None:
    made = list(jobs(length, 7))

    counts = {what: parts_of(made, what) * at_once for what, at_once in FAULTS_A_JOB.items()}
    assert counts.keys() == faults.FAULTS.keys()
    assert all(counts[what] >= getattr(length, what) for what in counts)
    assert parts_of(made, "histories") * HISTORIES_A_JOB == length.histories
    assert parts_of(made, f"fuzz, {length.fuzz_s} s each") == len(NAMES)
    assert [job.command[-1] for job in made if job.part == "load"] == [str(length.load_s)]
    on_kafka = [job.command[-2:] for job in made if job.part == "kafka"]
    assert on_kafka == [(str(length.on_kafka), "7")]
    assert len({job.name for job in made}) == len(made)


def parts_of(made: list[Job], part: str) -> int:
    return sum(job.part == part for job in made)


def test_each_form_does_what_it_must() -> None:
    assert SHORT.kills >= 300
    assert SHORT.cuts >= 1_000
    assert SHORT.bits >= 3_000
    assert SHORT.histories >= 2_000
    assert SHORT.fuzz_s >= 60
    assert SHORT.on_kafka
    assert LONG.on_kafka >= 20_000


def test_histories_are_a_job(tmp_path: Path) -> None:
    done = run(Job("histories", "histories-0", (sys.executable, "-m", "tests.soak.histories", "2", "1"), 100), tmp_path)

    assert done.last_line == "histories: 2 histories of 50 steps, 0 violations"


@pytest.mark.parametrize(("what", "words"), [("cuts", "cuts: 5 power cuts, "), ("bits", "bits: 5 flipped bits, ")])
def test_faults_are_a_job(what: str, words: str, tmp_path: Path) -> None:
    done = run(Job(what, f"{what}-0", (sys.executable, "-m", "tests.soak.faults", what, "5", "1"), 300), tmp_path)

    assert done.last_line.startswith(words)
    assert done.last_line.endswith(" 0 failures")
    assert done.is_passed


def test_a_fault_that_something_does_not_withstand_fails_its_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(faults.FAULTS, "cuts", lambda count, seed, _: Summary("power cuts", count, (f"lost {seed}",)))

    ended = faults.main("cuts", "3", "7")

    assert ended == 1
    assert capsys.readouterr().out == "lost 7\ncuts: 3 power cuts, 1 failures\n"
