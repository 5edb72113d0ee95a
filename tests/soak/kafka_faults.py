"""`python -m tests.soak.kafka_faults NOTIFICATIONS [SEED [PER_SECOND]]`: three nodes, two hubs of four lanes, load, and
one fault after another.

Each fault at least once, in an order drawn from the seed, and again until so many notifications were said. After each
it is measured how long the next letter took to come. At the end nothing may be lost or doubled, the order per
person must be kept, every ledger must verify, and each letter must have its line of disclosure, and each line its
letter. Each line but the last is something that was done, or that did not hold. Then it ends with 1.
"""

import asyncio
import logging
import os
import random
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic

from broker.app import hub_folder
from broker.cli.verify_folder import verify_folder
from broker.errors import HubForked, KafkaNotFetched, StateUnreadable, ToolMissing
from tests.faults.stored_on_kafka import read_stored_on_kafka
from tests.faults.summary import Summary
from tests.soak.kafka_harm import FAULTS, Harm, ready
from tests.soak.kafka_load import KafkaLoad, open_load
from tests.soak.kafka_world import KafkaWorld, found, kafka_world

PER_SECOND = 8.0
_QUIET_S = 300
"""How long after the last fault everything may take to be delivered, on a machine that does other things."""


class Soak:
    """A load, and the faults that it meets."""

    def __init__(self, world: KafkaWorld, load: KafkaLoad, chance: random.Random, least: int) -> None:
        """Stand ready to have *least* notifications said."""
        self._world, self._load, self._chance, self._least = world, load, chance, least
        self.done = 0
        self.failures: list[str] = []

    async def run(self, per_second: float, faults: Iterable[str]) -> None:
        """Make them under load, wait until all is delivered, and end the hubs."""
        async with asyncio.timeout(_QUIET_S):
            await self._load.begin()
        working = asyncio.create_task(self._load.go_on(per_second, self._chance))
        try:
            async with Harm(self._world, self._load).watching() as harm:
                for fault in self._order(list(faults)):
                    self._say(f"{fault}: {await self._made(harm, fault, working)}")
                    await harm.all_live()
                    await harm.whole()  # again: right after their return nobody has noticed yet what nodes missed
                self.failures += harm.failures
        finally:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
        self._say(f"hubs turned somebody away: {dict(self._load.failed())}")
        try:
            async with asyncio.timeout(_QUIET_S):
                await self._load.until_quiet()
        except (TimeoutError, HubForked) as error:
            self.failures.append(f"it never was quiet again: {type(error).__name__}")
        for hub in self._world.hubs:
            await asyncio.to_thread(hub.stop)

    async def _made(self, harm: Harm, fault: str, working: "asyncio.Task[None]") -> str:
        """Make one, unless the load has failed, which is said."""
        making = asyncio.ensure_future(FAULTS[fault](harm))
        await asyncio.wait([making, working], return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            making.cancel()
            await asyncio.gather(making, return_exceptions=True)
            working.result()
        self.done += 1
        return await making

    def _order(self, faults: list[str]) -> Iterable[str]:
        """Each once; and then again, until all is said."""
        while True:
            self._chance.shuffle(faults)
            for fault in faults:
                if self.done >= len(faults) and self._load.said >= self._least:
                    return
                yield fault

    def _say(self, line: str) -> None:
        sys.stdout.write(f"{self._load.said} said, {self._load.letters} letters; {line}\n")
        sys.stdout.flush()


async def found_wrong(world: KafkaWorld, load: KafkaLoad) -> list[str]:
    """What does not hold of what is left when all is delivered and the hubs have ended."""
    try:
        stored = await read_stored_on_kafka(world.data, world.connection, len(world.hubs))
    except StateUnreadable as error:  # two owners at once: their ledgers do not go together
        return [f"I4: {error}"]
    wrong = [f"{fault.invariant}: {fault.what}" for fault in stored.faults(load.taken)]
    home = hub_folder(world.data)
    for number, copy in enumerate(stored.copies):
        if number:  # the other hub's: verified in the place of the first
            shutil.copyfile(copy, home / "hub.db")
        wrong += [f"I4: copy {number}: {found.where}: {found.what}" for found in verify_folder(world.data).findings]
    return wrong


def soak(
    folder: Path,
    notifications: int,
    seed: int,
    *,
    faults: Iterable[str] = tuple(FAULTS),
    per_second: float = PER_SECOND,
    planted: str = "",
) -> Summary:
    """Do all of it in an empty *folder*; *planted* is a mistake of the hubs' that must be found: see kafka_hub.py."""
    began_s = monotonic()
    with kafka_world(folder, planted=planted) as world:
        load, done, wrong = asyncio.run(_soak(world, notifications, random.Random(seed), list(faults), per_second))
    of_them = (
        (len(load.taken), "handed over"),
        (load.letters, "letters"),
        (done, "faults"),
        (int(monotonic() - began_s), "seconds"),
    )
    return Summary("notifications on Kafka", load.said, tuple(f"{what} (seed {seed})" for what in wrong), of_them)


async def _soak(
    world: KafkaWorld, notifications: int, chance: random.Random, faults: list[str], per_second: float
) -> tuple[KafkaLoad, int, list[str]]:
    await found(world)
    for hub in world.hubs:
        hub.start()
    for hub in world.hubs:
        await ready(hub)
    load = open_load(world)
    running = Soak(world, load, chance, notifications)
    try:
        await running.run(per_second, faults)
    finally:
        await load.close()
    return load, running.done, [*running.failures, *await found_wrong(world, load)]


def main(notifications: str, seed: str = "1", per_second: str = str(PER_SECOND)) -> int:
    """Do it, and say what came of it."""
    logging.disable()
    try:
        with TemporaryDirectory() as folder:
            summary = soak(Path(folder), int(notifications), int(seed), per_second=float(per_second))
    except (ToolMissing, KafkaNotFetched) as missing:
        sys.stdout.write(f"kafka: NOT SOAKED: {missing}\n")
        return 1 if os.environ.get("CI") else 0
    for failure in summary.failures:
        sys.stdout.write(f"{failure}\n")
    sys.stdout.write(f"kafka: {summary}\n")
    return 1 if summary.failures else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
