"""What `Transport` promises of topics and records."""

import asyncio
from collections.abc import Sequence
from itertools import pairwise

import pytest

from tests.contracts.engine import INBOX, LANE, Engine, owned, still_waits, story

MOVES = [f"Dana moves for the {n}. time".encode() for n in range(12)]


def ascending(offsets: Sequence[int]) -> bool:
    """Whether each is a number, and higher than the one before."""
    return offsets[0] >= 0 and all(one < other for one, other in pairwise(offsets))


class TransportContract(Engine):
    """Inherited by each engine's tests."""

    @story
    async def test_what_was_published_is_there_after_a_restart(self) -> None:
        async with self.opened() as transport:
            await transport.publish(LANE, MOVES)

        async with self.opened() as transport:
            found = await transport.read(LANE, 0, 100, 0)

        assert [record.value for record in found] == MOVES

    @story
    async def test_each_record_has_a_number_of_its_own_higher_than_those_before_it_in_its_partition(self) -> None:
        async with self.opened() as transport:
            first = await transport.publish(LANE, MOVES[:3])
            second = await transport.publish(LANE, MOVES[3:5])
            elsewhere = await transport.publish(LANE, MOVES[:1], partition=1)

            found = await transport.read(LANE, 0, 100, 0)
            found_elsewhere = await transport.read(LANE, 0, 100, 0, partition=1)

        offsets = [*first, *second]
        assert ascending(offsets)
        assert [tuple(record) for record in found] == [
            (LANE, 0, n, move) for n, move in zip(offsets, MOVES[:5], strict=True)
        ]
        assert [tuple(record) for record in found_elsewhere] == [(LANE, 1, *elsewhere, MOVES[0])]

    @story
    async def test_numbering_goes_on_after_a_restart(self) -> None:
        async with self.opened() as transport:
            before = await transport.publish(LANE, MOVES[:3])

        async with self.opened() as transport:
            after = await transport.publish(LANE, MOVES[3:5])

            assert ascending([*before, *after])
            found = await transport.read(LANE, before[-1] + 1, 100, 0)
            assert [(record.offset, record.value) for record in found] == list(zip(after, MOVES[3:5], strict=True))

    @story
    async def test_publishing_nothing_is_no_record(self) -> None:
        async with self.opened() as transport:
            offsets = await transport.publish(LANE, [])

            assert list(offsets) == []
            assert list(await transport.read(LANE, 0, 100, 0)) == []

    @story
    async def test_the_records_of_one_call_stand_together_among_those_of_others(self) -> None:
        async with self.opened() as transport:
            offsets = await asyncio.gather(*(transport.publish(LANE, [move] * 5) for move in MOVES))

            found = await transport.read(LANE, 0, 1_000, 0)

        there = [record.offset for record in found]
        assert ascending(there)
        assert sorted(offset for own in offsets for offset in own) == there
        for move, own in zip(MOVES, offsets, strict=True):
            place = there.index(own[0])
            assert list(own) == there[place : place + 5]
            assert [record.value for record in found[place : place + 5]] == [move] * 5

    @story
    async def test_one_caller_s_records_stand_in_the_order_of_its_calls(self) -> None:
        async def say(transport_topic: str, who: bytes) -> None:
            for n in range(20):
                await transport.publish(transport_topic, [who + b" %d" % n])

        async with self.opened() as transport:
            await asyncio.gather(*(say(LANE, who) for who in (b"police", b"probation", b"housing")))

            found = [record.value for record in await transport.read(LANE, 0, 1_000, 0)]

        for who in (b"police", b"probation", b"housing"):
            assert [value for value in found if value.startswith(who + b" ")] == [who + b" %d" % n for n in range(20)]

    @pytest.mark.parametrize("taken", [1, 2, 7, 11, 12])
    @story
    async def test_whoever_reads_on_from_the_last_number_and_one_gets_the_rest(self, taken: int) -> None:
        async with self.opened() as transport:
            offsets = [(await transport.publish(LANE, [move]))[0] for move in MOVES]

            once = await transport.read(LANE, offsets[taken - 1] + 1, 100, 0)
            again = await transport.read(LANE, offsets[taken - 1] + 1, 100, 0)

        assert [(record.offset, record.value) for record in once] == list(zip(offsets, MOVES, strict=True))[taken:]
        assert once == again

    @story
    async def test_reading_from_any_number_begins_with_the_next_record_that_is_there(self) -> None:
        async with self.opened() as transport:
            offsets = [(await transport.publish(LANE, [move]))[0] for move in MOVES[:4]]

            for start in (*range(offsets[-1] + 2), offsets[-1] + 500):
                found = await transport.read(LANE, start, 100, 0)
                assert [record.offset for record in found] == [offset for offset in offsets if offset >= start]

    @story
    async def test_no_more_records_are_read_than_asked_for(self) -> None:
        async with self.opened() as transport:
            offsets = [(await transport.publish(LANE, [move]))[0] for move in MOVES]

            found = await transport.read(LANE, offsets[2], 4, 0)

        assert [record.offset for record in found] == offsets[2:6]

    @story
    async def test_a_reader_who_waits_is_woken_by_the_next_record(self) -> None:
        async with self.opened() as transport:
            waiting = asyncio.create_task(transport.read(INBOX, 0, 100, 20_000))
            await still_waits(waiting)
            await transport.publish(LANE, [b"a record of another topic wakes nobody"])
            await still_waits(waiting)

            await transport.publish(INBOX, MOVES[:1])

            async with asyncio.timeout(5):
                assert [record.value for record in await waiting] == MOVES[:1]

    @story
    async def test_a_reader_who_waits_in_vain_gets_nothing_after_its_time(self) -> None:
        loop = asyncio.get_running_loop()
        async with self.opened() as transport:
            started = loop.time()
            found = await transport.read(INBOX, 0, 100, 40)

            assert list(found) == []
            assert loop.time() - started >= 0.04

    @story
    async def test_what_another_process_writes_is_seen_when_the_wait_is_over(self) -> None:
        async with self.opened() as here, self.opened() as there:
            waiting = asyncio.create_task(here.read(INBOX, 0, 100, 1_500))
            await still_waits(waiting)
            await there.publish(INBOX, MOVES[:1])

            assert [record.value for record in await waiting] == MOVES[:1]

    @story
    async def test_two_processes_publish_to_one_topic_without_an_overlap(self) -> None:
        async with self.opened() as here, self.opened() as there:
            offsets = []
            for move in MOVES:
                offsets += [*await here.publish(LANE, [move]), *await there.publish(LANE, [move])]
            found = await here.read(LANE, 0, 100, 0)

        assert ascending(offsets)
        assert [(record.offset, record.value) for record in found] == [
            (offset, MOVES[index // 2]) for index, offset in enumerate(offsets)
        ]

    @story
    async def test_closing_finishes_what_is_being_written(self) -> None:
        transport = self.make(self.folder, self.clock)
        publishing = [asyncio.create_task(transport.publish(LANE, [move])) for move in MOVES]
        await asyncio.sleep(0)
        await transport.close()

        offsets = [offset for own in await asyncio.gather(*publishing) for offset in own]
        async with self.opened() as reopened:
            found = {record.offset: record.value for record in await reopened.read(LANE, 0, 100, 0)}
        assert found == dict(zip(offsets, MOVES, strict=True))

    @story
    async def test_a_caller_who_walks_away_leaves_the_others_their_records(self) -> None:
        async with self.opened() as transport:
            leaving = [asyncio.create_task(transport.publish(LANE, MOVES[:2])) for _ in range(10)]
            staying = [asyncio.create_task(transport.publish(INBOX, [move])) for move in MOVES]
            await asyncio.sleep(0)
            for task in leaving:
                task.cancel()
            gone = await asyncio.gather(*leaving, return_exceptions=True)
            offsets = await asyncio.gather(*staying)
            later = await transport.publish(LANE, MOVES[2:3])

            half = await transport.read(LANE, 0, 100, 0)
            stayed = {record.offset: record.value for record in await transport.read(INBOX, 0, 100, 0)}

        assert all(isinstance(outcome, asyncio.CancelledError) for outcome in gone)
        assert stayed == {offset: move for (offset,), move in zip(offsets, MOVES, strict=True)}
        assert (half[-1].offset, half[-1].value) == (later[0], MOVES[2])
        assert [record.value for record in half[:-1]] == MOVES[:2] * (len(half) // 2)

    @story
    async def test_a_lane_s_input_may_be_published_and_read_while_it_is_owned(self) -> None:
        async with self.opened() as transport, owned(transport) as (lane, _):
            await transport.publish(LANE, MOVES)

            assert await transport.read(LANE, 0, 100, 0) == await lane.poll(100, 0)
