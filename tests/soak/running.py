"""Runs the jobs of a soak, as many at a time as there are processors, and says what became of each part."""

import os
import re
import subprocess
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from tests.soak.parts import Job

ROOT = Path(__file__).parents[2]
LOGS = ROOT / ".soak"
"""Where the whole output of a job lies that found something."""
_LINES_SHOWN = 30
_COUNT = re.compile(r"(?:^|, )(\d+) ([^,]+)")
"""What a job did, out of its last line."""


@dataclass(frozen=True, slots=True)
class Done:
    """What became of one job."""

    job: Job
    is_passed: bool
    last_line: str
    took_s: float
    said: str = ""
    """The end of what it said, if it found something."""


@dataclass
class Tally:
    """What became of all of them."""

    done: list[Done] = field(default_factory=list)

    @property
    def failed(self) -> int:
        """Jobs that found something, or did not end."""
        return sum(not done.is_passed for done in self.done)

    def lines(self) -> list[str]:
        """One line for each part with all that its jobs did; for each job that found something one, with how to repeat
        it; and how many passed on the last."""
        parts: dict[str, list[Done]] = {}
        for done in self.done:
            parts.setdefault(done.job.part, []).append(done)
        lines = [_line(part, ended) for part, ended in parts.items()]
        for done in self.done:
            if not done.is_passed:
                again = " ".join(("python", *done.job.command[1:]))
                lines.append(f"{done.job.name} FAILED: {done.last_line}; repeat it: {again}")
        return [*lines, f"{len(self.done) - self.failed} passed, {self.failed} failed"]


def _line(part: str, ended: Sequence[Done]) -> str:
    did: Counter[str] = Counter()
    for done in ended:
        for count, words in _COUNT.findall(done.last_line.partition(": ")[2]) if done.is_passed else ():
            did[words] += int(count)
    passed, took_s = sum(done.is_passed for done in ended), sum(done.took_s for done in ended)
    counts = "".join(f"{count:,} {words}, " for words, count in did.items())
    return f"{part}: {counts}{passed} of {len(ended)} jobs passed, {took_s:.0f} s"


def run_all(jobs: Iterable[Job], say: Callable[[str], None], *, at_a_time: int | None = None) -> Tally:
    """Run them; *say* is told the last line of each as it ends, and more of one that found something."""
    tally = Tally()
    with ThreadPoolExecutor(at_a_time or os.cpu_count() or 1) as workers:
        for ended in as_completed([workers.submit(run, job) for job in jobs]):
            done = ended.result()
            tally.done.append(done)
            say(f"[{done.took_s:5.0f} s] {done.job.name}: {done.last_line}")
            if done.said:
                say(done.said)
    return tally


def run(job: Job, logs: Path = LOGS) -> Done:
    """Run one job. It passed if it ended with 0 in time, and said something."""
    began = monotonic()
    with subprocess.Popen(job.command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        try:
            output, _ = process.communicate(timeout=job.longest_s)
            code: int | None = process.returncode
        except subprocess.TimeoutExpired:
            process.kill()
            output, _ = process.communicate()
            code = None
    lines = output.decode("utf-8", "replace").rstrip().split("\n")
    last = lines[-1]
    if code == 0 and last:
        return Done(job, True, last, monotonic() - began)
    logs.mkdir(exist_ok=True)
    (logs / ".gitignore").write_text("*\n", encoding="ascii")
    log = logs / f"{job.name}.log"
    log.write_bytes(output)
    why = "did not end" if code is None else f"ended with {code}"
    said = "\n".join(lines[-_LINES_SHOWN:])
    return Done(job, False, f"{why}, {last or 'said nothing'}: {log}", monotonic() - began, said)
