"""`python -m tests.soak.histories COUNT SEED`: that many histories of fifty steps, other ones for each seed."""

import logging
import sys

from tests.faults.any_history import STEPS, live_histories

if __name__ == "__main__":
    count, seed = map(int, sys.argv[1:])
    logging.disable()  # what a hub says of what it refuses is a line each time
    live_histories(count, seed)
    sys.stdout.write(f"histories: {count} histories of {STEPS} steps, 0 violations\n")
