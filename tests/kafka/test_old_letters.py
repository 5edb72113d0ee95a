"""Many desks come back at once to letters that lie among those of others: all of them are served, each its own."""

import asyncio
from typing import Any

import pytest

from broker.errors import RecordsGone
from broker.kafka.reading import PartitionReader
from tests.contracts.kafka_clients import run
from tests.kafka.test_shared_inboxes import HOUSING, PROBATION, Here, hear, here, hub_says, neighbours, say

__all__ = ["here"]

LETTERS = 10
TEXT = b"long enough that a broker gives some of them at once, and not all: " + bytes(5_000)


def test_desks_that_come_back_at_once_are_read_for_together(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    back, asked = neighbours(60), 0
    read = PartitionReader.read

    async def counted(*arguments: Any) -> Any:
        nonlocal asked
        asked += 1
        return await read(*arguments)

    async def story() -> dict[str, list[bytes]]:
        async with here.hub() as hub:
            for number in range(LETTERS):
                await asyncio.gather(*(say(hub, who, who.encode() + b" %d" % number + TEXT) for who in back))
            await hear(hub, back[0])
        async with here.hub() as hub:  # nothing of it came a moment ago
            monkeypatch.setattr(PartitionReader, "read", counted)
            found = await asyncio.gather(*(hear(hub, who) for who in back))
        return {who: [value for _, value in letters] for who, letters in zip(back, found, strict=True)}

    heard = run(story)

    assert heard == {who: [who.encode() + b" %d" % number + TEXT for number in range(LETTERS)] for who in back}
    assert asked < len(back) * LETTERS / 4


def test_what_was_removed_of_one_desk_s_keeps_nothing_from_another(here: Here) -> None:
    async def story() -> tuple[object, list[tuple[int, bytes]]]:
        async with here.hub() as hub:
            await say(hub, PROBATION, *(b"letter %d" % number for number in range(20)))
            await say(hub, HOUSING, b"to housing")
            await hear(hub, HOUSING)
        await here.remove_before(10)
        async with here.hub() as hub:
            gone, heard = await asyncio.gather(hear(hub, PROBATION), hear(hub, HOUSING), return_exceptions=True)
        assert not isinstance(heard, BaseException)
        return gone, heard

    gone, heard = run(story)

    assert isinstance(gone, RecordsGone)
    assert gone.first == 10
    assert heard == [(20, b"to housing")]


def test_who_walks_away_keeps_nothing_from_who_comes_next(here: Here) -> None:
    async def story() -> list[bytes]:
        for number in range(LETTERS):
            await hub_says(here, b"letter %d" % number)
        async with here.hub() as hub:
            await hear(hub, PROBATION)
        async with here.hub() as hub:
            await hear(hub, PROBATION)
            for _ in range(5):
                leaving = [asyncio.create_task(hear(hub, HOUSING)) for _ in range(3)]
                await asyncio.wait(leaving, timeout=0.005)
                for task in leaving:
                    task.cancel()
                await asyncio.gather(*leaving, return_exceptions=True)
            return [value for _, value in await hear(hub, HOUSING)]

    assert run(story) == [b"letter %d" % number for number in range(LETTERS)]
