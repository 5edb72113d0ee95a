"""The index of inboxes that share a topic: the same numbers, whether they are in its file yet or not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from broker.kafka.inbox_index import InboxIndex, Known, digest_of
from broker.kafka.inboxes import shard_of
from schemas import Mailbox
from tests.contracts.engine import story

HOUSING = Mailbox("h0using_of_the_town-02")
PROBATION = Mailbox("pr0bation_of_the_county")
SHARD = shard_of(HOUSING)
OTHER = shard_of(PROBATION)


@asynccontextmanager
async def index_in(folder: Path) -> AsyncIterator[InboxIndex]:
    index = InboxIndex(folder / "hub.inboxes")
    try:
        for shard in {SHARD, OTHER} - index.shards.keys():
            await index.begin_anew(shard, 0, was_ours=False)
        yield index
    finally:
        await index.close()


def add(index: InboxIndex, mailbox: Mailbox, *numbers: int) -> None:
    for number in numbers:
        index.add(mailbox, shard_of(mailbox), number, b"letter %d" % number)


@story
async def test_numbers_are_the_same_before_while_and_after_they_are_put_into_the_file(tmp_path: Path) -> None:
    async with index_in(tmp_path) as index:
        add(index, HOUSING, 1, 4)
        await index.keep()
        add(index, HOUSING, 5, 9)
        keeping = asyncio.create_task(index.keep())
        await asyncio.sleep(0)
        add(index, HOUSING, 12)
        found = [index.numbers(HOUSING, start, most) for start, most in ((0, 9), (4, 3), (5, 1), (12, 9), (13, 9))]
        await keeping
        again = [index.numbers(HOUSING, start, most) for start, most in ((0, 9), (4, 3), (5, 1), (12, 9), (13, 9))]
    async with index_in(tmp_path) as index:
        kept = [index.numbers(HOUSING, start, most) for start, most in ((0, 9), (4, 3), (5, 1), (12, 9), (13, 9))]

    assert found == again == kept == [[1, 4, 5, 9, 12], [4, 5, 9], [5], [12], []]


@story
async def test_the_next_one_knows_how_far_it_came_and_by_what_record(tmp_path: Path) -> None:
    async with index_in(tmp_path) as index:
        add(index, HOUSING, 1, 4)
        index.add(None, SHARD, 7, b"nobody's")
    async with index_in(tmp_path) as index:
        known = index.shards[SHARD]

    assert known == Known(0, 8, digest_of(b"nobody's"))


@story
async def test_of_what_was_removed_it_is_known_only_that_there_was_some_and_of_whom(tmp_path: Path) -> None:
    async with index_in(tmp_path) as index:
        add(index, HOUSING, 1, 4, 6)
        add(index, PROBATION, 20)
        await index.remove_before({SHARD: 5})

        assert index.numbers(HOUSING, 0, 9) == [6]
        assert [index.lost_before(HOUSING, start) for start in (0, 4, 5, 6)] == [5, 5, None, None]
        assert index.lost_before(PROBATION, 0) is None


@story
async def test_whether_something_is_missing_depends_on_how_far_it_was_known(tmp_path: Path) -> None:
    async with index_in(tmp_path) as index:
        add(index, HOUSING, 1, 4)
        await index.begin_anew(SHARD, 5, was_ours=True)
        seamless = index.shards[SHARD], index.lost_before(HOUSING, 5)
        await index.begin_anew(SHARD, 9, was_ours=True)
        gap = index.shards[SHARD], [index.lost_before(HOUSING, start) for start in (0, 2, 5, 9)]
        await index.begin_anew(SHARD, 3, was_ours=False)
        another = index.shards[SHARD], [index.lost_before(HOUSING, start) for start in (0, 2, 3)]

    assert seamless == (Known(0, 5), None)
    assert gap == (Known(9, 9), [9, 9, 9, None])
    assert another == (Known(3, 3), [None, 3, None])


@story
async def test_whoever_adds_is_told_when_too_much_is_not_in_the_file(tmp_path: Path) -> None:
    async with index_in(tmp_path) as index:
        add(index, HOUSING, *range(20_000))
        full = index.is_full
        await index.keep()

        assert full
        assert not index.is_full
        assert index.numbers(HOUSING, 19_998, 9) == [19_998, 19_999]
