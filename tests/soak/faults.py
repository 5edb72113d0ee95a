"""`python -m tests.soak.faults WHAT COUNT SEED`: that many faults of one sort, other ones for each seed.

Each line but the last is something that did not hold. Then it ends with 1.
"""

import logging
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.faults import test_flipped_bits, test_hub_kills, test_kills_at_system_calls, test_power_cuts
from tests.faults.summary import Summary

FAULTS: dict[str, Callable[[int, int, Path], Summary]] = {
    "kills": test_kills_at_system_calls.soak,
    "moments": test_hub_kills.soak,
    "cuts": test_power_cuts.soak,
    "bits": test_flipped_bits.soak,
}
"""All sorts: kills at exact system calls and at any moment, power cuts, flipped bits."""


def main(what: str, count: str, seed: str) -> int:
    """Make them, and say what came of them."""
    logging.disable()  # what a hub says of what it refuses is a line each time
    with TemporaryDirectory() as folder:
        summary = FAULTS[what](int(count), int(seed), Path(folder))
    for failure in summary.failures:
        sys.stdout.write(f"{failure}\n")
    sys.stdout.write(f"{what}: {summary}\n")
    return 1 if summary.failures else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
