"""Another process: takes the lane and makes a turn, sleeps when it is stopped, and tries a turn once it is awake again.

Usage: python -m tests.kafka.sleeper <folder>
"""

import asyncio
import sys
from pathlib import Path

from broker.errors import Fenced, OutcomeUnknown
from tests.contracts.clock import MovedClock
from tests.contracts.engine import owned, turn
from tests.contracts.kafka_engine import Kafka
from tests.contracts.lane_contract import whole_turn
from tests.contracts.ownership_contract import what_the_sleeper_thinks

_TICK_S = 0.1


async def main(folder: Path) -> None:
    """Say "owned" after the first turn, and what became of the second."""
    transport = Kafka().make(folder, MovedClock())
    async with owned(transport) as (lane, _):
        await turn(lane, whole_turn)
        loop = asyncio.get_running_loop()
        before_s = loop.time()  # whoever hears us may stop us at once
        _say("owned")
        while loop.time() - before_s < 10 * _TICK_S:  # else we have slept: it is long since the last tick
            before_s = loop.time()
            await asyncio.sleep(_TICK_S)
        try:
            await turn(lane, what_the_sleeper_thinks)
            _say("written")
        except Fenced:
            _say("fenced")
        except OutcomeUnknown:
            _say("in doubt")
    await transport.close()


def _say(word: str) -> None:
    sys.stdout.write(word + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
