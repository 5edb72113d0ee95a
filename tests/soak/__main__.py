"""`python -m tests.soak short|long [SEED]`: faults, any history and fuzzing, for longer than a test may take.

The seed is said first, so that the same can be had again. The last lines say what each part did, how to repeat each
job that found something, and how many jobs passed and failed.
"""

import random
import sys

from tests.soak.parts import LONG, SHORT, jobs
from tests.soak.running import run_all


def main(length: str, seed: str = "") -> int:
    """Run everything."""
    number = int(seed) if seed else random.SystemRandom().randrange(2**31)
    _say(f"soak: {length}, seed {number}")
    tally = run_all(jobs({"short": SHORT, "long": LONG}[length], number), _say)
    *lines, last = tally.lines()
    if tally.failed:
        lines.append(f"repeat all of it: make soak SEED={number}{' LONG=1' if length == 'long' else ''}")
    for line in (*lines, last):
        _say(line)
    return 1 if tally.failed else 0


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
