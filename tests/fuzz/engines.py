"""Who makes up the inputs: atheris, which sees which lines an input reaches; where it is missing, our mutator alone.

Both are given the same seeds and words, and change inputs with the same mutator.
"""

import os
import random
import time
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.fuzz.mutator import BYTES_MAX, Mutator
from tests.fuzz.target import Finding, Target, examine

ROOMS = ["agency_adapters", "broker", "policies", "schemas"]
FINDINGS = Path(__file__).parents[2] / ".fuzz"
"""Where the inputs lie that were findings."""

HANGS_AFTER_S = 60
"""An input that is not dealt with by then never will be."""


@dataclass(frozen=True, slots=True)
class Ran:
    """What became of some fuzzing."""

    by: str
    inputs: int
    findings: list[Finding]


def has_atheris() -> bool:
    """Whether there is a fuzzer that sees what it reaches."""
    return find_spec("atheris") is not None


def fuzz_plainly(target: Target, seconds: float, seed: int, *, inputs_max: int | None = None) -> Ran:
    """Give a decoder one changed input after another, until the time is up, the inputs are, or one is a finding."""
    mutator = Mutator(target.seeds, target.words, random.Random(seed))
    until, inputs = time.monotonic() + seconds, 0
    for data in target.seeds:
        if (found := examine(target, data)) is not None:
            return Ran("seeds", inputs, [found])
    while time.monotonic() < until and inputs != inputs_max:
        inputs += 1
        if (found := examine(target, mutator.next())) is not None:
            return Ran("mutator", inputs, [found])
    return Ran("mutator", inputs, [])


def fuzz_with_atheris(name: str, seconds: float, seed: int) -> None:
    """The same by atheris, which takes the whole process. Ends it: `end` is called with what became of it."""
    atheris: Any = import_module("atheris")  # on some machines only
    with atheris.instrument_imports(include=ROOMS):
        decoders = import_module("tests.fuzz.decoders")
    target: Target = decoders.decoders()[name]
    mutator = Mutator(target.seeds, target.words, random.Random(seed))
    until, inputs = time.monotonic() + seconds, 0

    def one_input(data: bytes) -> None:
        nonlocal inputs
        inputs += 1
        found = examine(target, data)
        if found is not None or time.monotonic() > until:
            end(name, Ran("atheris", inputs, [] if found is None else [found]))

    def change(data: bytes, size_max: int, _seed: int) -> bytes:
        if random.random() < 0.3:
            return bytes(atheris.Mutate(data, size_max))
        return mutator.change(data or mutator.next())[:size_max]

    with TemporaryDirectory() as folder:
        for number, data in enumerate(target.seeds):
            Path(folder, str(number)).write_bytes(data)
        arguments = [
            *("tests.fuzz", folder, f"-seed={seed or 1}", f"-max_len={BYTES_MAX}", f"-timeout={HANGS_AFTER_S}"),
            *(f"-artifact_prefix={folder}/", "-print_final_stats=0", "-verbosity=0", "-rss_limit_mb=0"),
        ]
        atheris.Setup(arguments, one_input, custom_mutator=change)
        atheris.Fuzz()


def end(name: str, ran: Ran) -> None:
    """Say in one line what became of it, and end the process: with 1 if there is a finding."""
    os.write(1, (summary(name, ran) + "\n").encode())
    os._exit(1 if ran.findings else 0)


def summary(name: str, ran: Ran, folder: Path = FINDINGS) -> str:
    """One line. Of a finding it says where its input lies, and shows nothing of it."""
    said = f"fuzz {name}: {ran.inputs} inputs by {ran.by}, {len(ran.findings)} findings"
    return "; ".join([said, *(f"{found.what}: {found.keep(name, folder)}" for found in ran.findings)])
