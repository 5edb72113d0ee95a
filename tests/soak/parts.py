"""What a soak is made of. Each part is a number of jobs, and each job a process of its own.

A job is told a seed, ends with 0 if nothing was found, and says on its last line what it did. Whoever has something
else to soak adds a part here: kills at exact system calls, power cuts.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass

from tests.fuzz.decoders import NAMES

HISTORIES_A_JOB = 250
KILLS_A_JOB = 30
"""As many as tests/faults/test_hub_kills.py makes."""


@dataclass(frozen=True, slots=True)
class Length:
    """How long it goes on."""

    histories: int
    """Of fifty steps each."""
    fuzz_s: int
    """For each decoder."""
    kills: int
    """Of a hub under load."""


SHORT = Length(histories=2_000, fuzz_s=60, kills=60)
"""In CI."""
LONG = Length(histories=100_000, fuzz_s=3_600, kills=10_000)
"""Over a weekend."""


@dataclass(frozen=True, slots=True)
class Job:
    """One process."""

    part: str
    name: str
    command: tuple[str, ...]
    longest_s: float
    """A job that is not done by then never will be."""


def jobs(length: Length, seed: int) -> Iterator[Job]:
    """All of them, those that take longest first; each with another seed, made of this one."""
    for number in range(length.histories // HISTORIES_A_JOB):
        counts = (str(HISTORIES_A_JOB), str(seed + number))
        yield _job("histories", f"histories-{number}", 3_600, "tests.soak.histories", *counts)
    for number in range(-(-length.kills // KILLS_A_JOB)):
        yield _job("kills", f"kills-{number}", 1_800, "tests.soak.kills", str(seed + number))
    for number, name in enumerate(NAMES):
        longest_s = length.fuzz_s * 3 + 120
        yield _job("fuzz", f"fuzz-{name}", longest_s, "tests.fuzz", name, str(length.fuzz_s), str(seed + number))


def _job(part: str, name: str, longest_s: float, module: str, *arguments: str) -> Job:
    return Job(part, name, (sys.executable, "-m", module, *arguments), longest_s)
