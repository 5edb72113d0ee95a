"""The hub and its desks are killed exactly at a system call: before it, in its midst, after it.

Each write and sync of a commit is a moment at which the power of a process can end, and so is each part of an HTTP
answer. A random moment hits the short ones seldom; here they are counted off. See kill_points.py for what lives and
dies, and test_hub_kills.py for random moments.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.faults.faulty_calls import built, preloaded
from tests.faults.summary import Summary

ROOT = Path(__file__).parents[2]
POINTS, SEED = 20, 20261125
UNDER_WAY = 0.8
"""At how many of the kills letters of accepted notifications must be on their way: else too little was at stake."""
_LONGEST_S = 60
"""For one point, on the slowest machine."""


def killed(folder: Path, points: int, seed: int, *planted: str) -> list[dict[str, Any]]:
    """What came of each point."""
    folder.mkdir(parents=True)
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.kill_points", str(folder), str(seed), str(points), *planted],
        cwd=ROOT,
        env=preloaded(built(folder)),
        capture_output=True,
        text=True,
        timeout=_LONGEST_S * (points + 1),
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def soak(points: int, seed: int, folder: Path) -> Summary:
    """Kill at so many different points, drawn from *seed*, in an empty *folder*."""
    told = killed(folder / "kills", points, seed)
    failures = [f"{one['point']} (seed {seed}): {fault}" for one in told for fault in one["faults"]]
    failures += [f"{one['point']} (seed {seed}): never reached" for one in told if not one["was_killed"]]
    if len({one["point"] for one in told}) != points:
        failures.append(f"{len(told)} points of {points}")
    under_way = sum(one["pending"] > 0 for one in told)
    if under_way < UNDER_WAY * points:
        failures.append(f"letters were under way at {under_way} of {points} kills only")
    of_them = ((under_way, "of them with accepted notifications undelivered"),)
    return Summary("kills at exact system calls", len(told), tuple(failures), of_them)


def test_nothing_is_lost_or_doubled_when_hub_and_desks_are_killed_at_exact_system_calls(tmp_path: Path) -> None:
    summary = soak(POINTS, SEED, tmp_path)

    assert summary.failures == ()
    assert summary.done == POINTS


def test_a_hub_that_answers_before_it_is_durable_is_found_out(tmp_path: Path) -> None:
    told = killed(tmp_path / "kills", 10, SEED, "planted")

    assert any("is lost" in fault for one in told for fault in one["faults"])
