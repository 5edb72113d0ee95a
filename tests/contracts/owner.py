"""Another process: tries to own the lane, says whether it does, and if so holds on after one turn until it is killed.

Usage: python -m tests.contracts.owner <module> <class of the engine's tests> <folder>
"""

import asyncio
import sys
from importlib import import_module
from pathlib import Path

from broker.errors import LaneTaken
from broker.ports import Transport
from tests.contracts.clock import MovedClock
from tests.contracts.engine import LANE, Engine, owned, turn
from tests.contracts.lane_contract import whole_turn


async def hold(transport: Transport) -> None:
    """Take the lane, do one turn of three records, and keep it."""
    try:
        async with owned(transport) as (lane, _):
            await transport.publish(LANE, [b"Dana moves", b"Dana moves again", b"Reed is on leave"])
            await turn(lane, whole_turn)
            sys.stdout.write("owned\n")
            sys.stdout.flush()
            await asyncio.Event().wait()
    except LaneTaken:
        sys.stdout.write("taken\n")


async def main(module: str, name: str, folder: str) -> None:
    engine: Engine = getattr(import_module(module), name)()
    transport = engine.make(Path(folder), MovedClock())
    await hold(transport)
    await transport.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
