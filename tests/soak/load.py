"""`python -m tests.soak.load SECONDS [PER_SECOND]`: notifications at a steady rate, and five desks are told of each.

In an open model: they come when they are due, whether the hub is done with those before or not. All of them are sealed
beforehand, so that the processor is the hub's. At the end each desk must have been told of each of them once, in the
order in which they came, the files must pass `data check`, and in a long run memory must not have grown over its second
half. Each line but the last is something that did not hold. Then it ends with 1.
"""

import asyncio
import logging
import resource
import struct
import sys
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic

from broker.app import hub_folder, hub_keys
from broker.bench.path import DESKS, HUB, World, world
from broker.care.soundness import inspect
from broker.sealing.entropy import system_entropy
from broker.sealing.head import Head
from broker.sealing.letters import Item, ItemKind
from broker.sealing.notification import SealedNotification
from schemas import Mailbox
from schemas.strict import b64u_decode
from tests.faults.summary import Summary

PER_SECOND = 200
GROWN_MAX = 0.05
"""By how much of itself memory may grow over the second half of a long run."""
LONG_S = 300
"""A shorter run says nothing of memory: what the hub remembers of the last rows is still filling."""
_BATCH = 500
_BEHIND_S_MAX = 600
"""How long after the last is due the hub may take to deliver what is left, on a machine that does other things."""


def _numbers() -> "array[int]":
    return array("Q")


@dataclass
class Told:
    """What one desk found in its inbox."""

    mailbox: Mailbox
    ids: "array[int]" = field(default_factory=_numbers)
    """Of each letter the first eight bytes of its notification's id: what we keep of it must not look like a leak."""
    end: int = 0


@dataclass
class Load:
    """A load and what came of it."""

    here: World
    sent: "array[int]" = field(default_factory=_numbers)
    memory_kb: list[int] = field(default_factory=list)
    """At half of the time, and at the end."""

    async def run(self, sealed: Path, count: int, per_second: float) -> list[str]:
        """Hand them over as they are due; return what does not hold when the last has been delivered."""
        desks = [Told(mailbox, end=await self._end(mailbox)) for mailbox in self.here.told]
        reading = asyncio.create_task(self._read_all(desks, count))
        began_s = monotonic()
        handed: set[asyncio.Task[None]] = set()
        for number, notification in enumerate(_read(sealed)):
            await asyncio.sleep(max(0.0, number / per_second - (monotonic() - began_s)))
            task = asyncio.create_task(self.here.tellwise.edge.submit(notification))
            handed.add(task)
            task.add_done_callback(handed.discard)
            self.sent.append(number_of(SealedNotification.from_bytes(notification).head.fields.id))
            if number in (count // 2, count - 1):
                self.memory_kb.append(_resident_kb())
        await asyncio.gather(*handed)
        await asyncio.wait_for(reading, _BEHIND_S_MAX)
        return [wrong for desk in desks for wrong in self.wrong_with(desk)]

    def wrong_with(self, desk: Told) -> Iterator[str]:
        """How what a desk found is not what was sent."""
        place = self.here.told.index(desk.mailbox)
        if lost := len(set(self.sent) - set(desk.ids)):
            yield f"desk {place}: {lost} lost"
        if doubled := len(desk.ids) - len(set(desk.ids)):
            yield f"desk {place}: {doubled} doubled"
        if desk.ids != self.sent:
            yield f"desk {place}: not in the order in which they came"

    async def _read_all(self, desks: list[Told], count: int) -> None:
        """Read until every desk has *count* letters and nothing more comes."""
        while True:
            found = [await self._read_on(desk) for desk in desks]
            if not any(found) and all(len(desk.ids) >= count for desk in desks):
                return
            await asyncio.sleep(0.5)  # the hub's processor is for the hub; whoever waits for a letter is not measured

    async def _read_on(self, desk: Told) -> int:
        items = await self.here.tellwise.edge.inbox(desk.mailbox, desk.end, 1_000, 0)
        for number, data in items:
            desk.end = number + 1
            item = Item.from_bytes(data)
            if item.kind is ItemKind.LETTER:
                desk.ids.append(number_of(Head.parse(item.content["head"]).fields.id))
        return len(items)

    async def _end(self, mailbox: Mailbox) -> int:
        desk = Told(mailbox)
        while await self._read_on(desk):
            pass
        return desk.end


def number_of(notification: str) -> int:
    """A short name for a notification. Of a million, two have the same one once in forty million runs."""
    return int.from_bytes(b64u_decode(notification)[:8], "big")


def memory_grew(seconds: float, half_kb: int, end_kb: int) -> list[str]:
    """Whether memory grew over the second half of a run that was long enough to tell."""
    if seconds < LONG_S or end_kb <= half_kb * (1 + GROWN_MAX):
        return []
    return [f"memory grew from {half_kb} kB to {end_kb} kB"]


def _seal(here: World, count: int, to: Path) -> None:
    with to.open("wb") as file:
        for first in range(0, count, _BATCH):
            for notification in here.sealed(min(_BATCH, count - first)):
                file.write(struct.pack(">I", len(notification)) + notification)


def _read(sealed: Path) -> Iterator[bytes]:
    with sealed.open("rb") as file:
        while size := file.read(4):
            yield file.read(struct.unpack(">I", size)[0])


def _resident_kb() -> int:
    """What is in memory now; where nobody says that, the most that ever was."""
    try:
        fields = Path("/proc/self/statm").read_text(encoding="ascii").split()
    except FileNotFoundError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(fields[1]) * resource.getpagesize() // 1_024


async def _run(folder: Path, seconds: float, per_second: float) -> Summary:
    count = max(2, int(seconds * per_second))
    async with world(folder) as here:
        _seal(here, count, folder / "sealed")
        load = Load(here)
        wrong = await load.run(folder / "sealed", count, per_second)
    half, end = load.memory_kb
    wrong += memory_grew(seconds, half, end)
    keys = hub_keys(folder, HUB, system_entropy, demo=True, credential=None)
    wrong += [finding.what for finding in inspect(hub_folder(folder), keys, ()) if finding.next_step]
    of_them = ((count * DESKS, "letters"), (half // 1_024, "MB at half"), (end // 1_024, "MB at the end"))
    return Summary("notifications", count, tuple(wrong), of_them)


def main(seconds: str, per_second: str = str(PER_SECOND)) -> int:
    """Load a hub, and say what came of it."""
    logging.disable()
    with TemporaryDirectory() as folder:
        summary = asyncio.run(_run(Path(folder), float(seconds), float(per_second)))
    for failure in summary.failures:
        sys.stdout.write(f"{failure}\n")
    sys.stdout.write(f"load: {summary}\n")
    return 1 if summary.failures else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
