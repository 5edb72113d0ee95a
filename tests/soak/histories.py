"""`python -m tests.soak.histories COUNT SEED`: that many histories of fifty steps, other ones for each seed."""

import logging
import sys

import hypothesis
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.faults.any_history import AnyHistory

STEPS = 50


def main(count: int, seed: int) -> None:
    """Live them. The first that breaks an invariant is made as short as it can be, and raises."""
    logging.disable()
    run_state_machine_as_test(
        hypothesis.seed(seed)(AnyHistory),
        settings=settings(
            max_examples=count,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
    sys.stdout.write(f"histories: {count} of {STEPS} steps from seed {seed}, 0 violations\n")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
