"""`python -m tests.soak.kills SEED`: `kill -9` at thirty random moments of a loaded hub, other ones for each seed."""

import logging
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.faults import test_hub_kills as hub_kills


def main(seed: int) -> None:
    """Run the test of that name as it stands, with another seed."""
    logging.disable()
    hub_kills.SEED = seed
    with TemporaryDirectory() as folder:
        hub_kills.test_nothing_is_lost_doubled_or_shown_when_a_loaded_hub_is_killed_thirty_times(Path(folder))
    sys.stdout.write(f"kills: {hub_kills.KILLS} from seed {seed}, nothing lost or doubled\n")


if __name__ == "__main__":
    main(int(sys.argv[1]))
