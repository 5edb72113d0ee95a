"""What `Transport` promises of topics and records."""

import asyncio

import pytest

from tests.contracts.engine import INBOX, LANE, Engine, owned, still_waits, story

MOVES = [f"Dana moves for the {n}. time".encode() for n in range(12)]


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
    async def test_offsets_count_from_0_without_gaps_in_each_partition(self) -> None:
        async with self.opened() as transport:
            first = await transport.publish(LANE, MOVES[:3])
            second = await transport.publish(LANE, MOVES[3:5])
            elsewhere = await transport.publish(LANE, MOVES[:1], partition=1)

            found = await transport.read(LANE, 0, 100, 0)
            found_elsewhere = await transport.read(LANE, 0, 100, 0, partition=1)

        assert [*first, *second] == [0, 1, 2, 3, 4]
        assert list(elsewhere) == [0]
        assert [tuple(record) for record in found] == [(LANE, 0, n, MOVES[n]) for n in range(5)]
        assert [tuple(record) for record in found_elsewhere] == [(LANE, 1, 0, MOVES[0])]

    @story
    async def test_numbering_goes_on_after_a_restart(self) -> None:
        async with self.opened() as transport:
            await transport.publish(LANE, MOVES[:3])

        async with self.opened() as transport:
            offsets = await transport.publish(LANE, MOVES[3:5])

        assert list(offsets) == [3, 4]

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

        assert sorted(offset for own in offsets for offset in own) == list(range(60))
        for move, own in zip(MOVES, offsets, strict=True):
            assert list(own) == list(range(own[0], own[0] + 5))
            assert [found[offset].value for offset in own] == [move] * 5

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

    @pytest.mark.parametrize("start", [0, 1, 7, 11, 12, 500])
    @story
    async def test_records_are_read_again_from_any_offset(self, start: int) -> None:
        async with self.opened() as transport:
            await transport.publish(LANE, MOVES)

            once = await transport.read(LANE, start, 100, 0)
            again = await transport.read(LANE, start, 100, 0)

        assert [(record.offset, record.value) for record in once] == list(enumerate(MOVES))[start:]
        assert once == again

    @story
    async def test_no_more_records_are_read_than_asked_for(self) -> None:
        async with self.opened() as transport:
            await transport.publish(LANE, MOVES)

            found = await transport.read(LANE, 2, 4, 0)

        assert [record.offset for record in found] == [2, 3, 4, 5]

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
    async def test_two_processes_publish_to_one_topic_without_a_gap_or_an_overlap(self) -> None:
        async with self.opened() as here, self.opened() as there:
            offsets = []
            for move in MOVES:
                offsets += [*await here.publish(LANE, [move]), *await there.publish(LANE, [move])]

        assert offsets == list(range(24))

    @story
    async def test_closing_finishes_what_is_being_written(self) -> None:
        transport = self.make(self.folder, self.clock)
        publishing = [asyncio.create_task(transport.publish(LANE, [move])) for move in MOVES]
        await asyncio.sleep(0)
        await transport.close()

        assert sorted(offset for own in await asyncio.gather(*publishing) for offset in own) == list(range(12))
        async with self.opened() as reopened:
            assert len(await reopened.read(LANE, 0, 100, 0)) == 12

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

        assert all(isinstance(outcome, asyncio.CancelledError) for outcome in gone)
        assert sorted(offset for own in offsets for offset in own) == list(range(12))
        assert [record.value for record in half][: later[0]] == MOVES[:2] * (later[0] // 2)

    @story
    async def test_a_lane_s_input_may_be_published_and_read_while_it_is_owned(self) -> None:
        async with self.opened() as transport, owned(transport) as (lane, _):
            await transport.publish(LANE, MOVES)

            assert await transport.read(LANE, 0, 100, 0) == await lane.poll(100, 0)
