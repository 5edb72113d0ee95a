"""What a soak is made of. Each part is a number of jobs, and each job a process of its own.

A job is told a seed, ends with 0 if nothing was found, and says on its last line what it did: a name, a colon, and
counts, each with its words (`cuts: 250 power cuts, 0 failures`). Whoever has something else to soak adds a part here.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass

from tests.fuzz.decoders import NAMES

HISTORIES_A_JOB = 250
FAULTS_A_JOB = {"kills": 150, "moments": 30, "cuts": 250, "bits": 1_500}
"""Of kills so many that it is no matter of luck at how many of them something was at stake."""
FAULT_S_MAX = {"kills": 60, "moments": 60, "cuts": 20, "bits": 5}
"""For one of them, on the slowest machine."""


LATER = ("directory_page", "changelog", "ledger_record", "word", "word_said")
"""Decoders that came later have later seeds, so that the others keep those that they had."""


@dataclass(frozen=True, slots=True)
class Length:
    """How long it goes on."""

    kills: int
    """Of a hub and its desks, at exact system calls."""
    moments: int
    """Kills of a loaded hub at any moment."""
    cuts: int
    """Of the power."""
    bits: int
    """Flipped in databases."""
    histories: int
    """Of fifty steps each."""
    load_s: int
    """Seconds of a steady load of 200 notifications a second."""
    fuzz_s: int
    """For each decoder."""
    on_kafka: int
    """Notifications while nodes and hubs of a Kafka are killed, at least, and each fault at least once."""


SHORT = Length(kills=300, moments=60, cuts=1_000, bits=3_000, histories=2_000, load_s=30, fuzz_s=60, on_kafka=300)
"""In CI."""
LONG = Length(
    kills=10_000,
    moments=10_000,
    cuts=100_000,
    bits=300_000,
    histories=100_000,
    load_s=600,
    fuzz_s=3_600,
    on_kafka=20_000,
)
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
    yield from _faults("kills", length.kills, seed)
    for number in range(-(-length.histories // HISTORIES_A_JOB)):
        counts = (str(HISTORIES_A_JOB), str(seed + number))
        yield _job("histories", f"histories-{number}", 3_600, "tests.soak.histories", *counts)
    counts = (str(length.on_kafka), str(seed))
    yield _job("kafka", "kafka", length.on_kafka + 1_800, "tests.soak.kafka_faults", *counts)
    yield _job("load", "load", length.load_s * 20 + 600, "tests.soak.load", str(length.load_s))
    yield from _faults("moments", length.moments, seed)
    yield from _faults("cuts", length.cuts, seed)
    yield from _faults("bits", length.bits, seed)
    for number, name in enumerate([*(name for name in NAMES if name not in LATER), *LATER]):
        longest_s = length.fuzz_s * 3 + 120
        fuzzed = (name, str(length.fuzz_s), str(seed + number))
        yield _job(f"fuzz, {length.fuzz_s} s each", f"fuzz-{name}", longest_s, "tests.fuzz", *fuzzed)


def _faults(what: str, count: int, seed: int) -> Iterator[Job]:
    at_once = FAULTS_A_JOB[what]
    for number in range(-(-count // at_once)):
        counts = (what, str(at_once), str(seed + number))
        yield _job(what, f"{what}-{number}", at_once * FAULT_S_MAX[what], "tests.soak.faults", *counts)


def _job(part: str, name: str, longest_s: float, module: str, *arguments: str) -> Job:
    return Job(part, name, (sys.executable, "-m", module, *arguments), longest_s)
