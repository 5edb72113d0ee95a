"""What an engine promises of owners: one at a time, the next one soon, and no word from an old one."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path

import pytest

from broker.errors import Fenced, LaneTaken
from broker.ports import Assigned, Lane, LaneEvent, Revoked, SealedRow, Table, Tx
from tests.contracts.engine import INBOX, LANE, LEASE_S, LOG, Engine, frontier, owned, story, turn
from tests.contracts.lane_contract import DANA, ENTRIES, whole_turn

ROOT = Path(__file__).parents[2]


class OwnershipContract(Engine):
    """Inherited by each engine's tests."""

    @story
    async def test_different_lanes_may_have_different_owners(self) -> None:
        async with AsyncExitStack() as stack:
            here, there = [await stack.enter_async_context(self.opened()) for _ in range(2)]
            lane, _ = await stack.enter_async_context(owned(here, "lane.0"))
            other, _ = await stack.enter_async_context(owned(there, "lane.1"))
            for own in (lane, other):
                await turn(own, lambda tx: tx.done(1))

            assert (lane.position, other.position) == (1, 1)

    @story
    async def test_each_lane_is_announced(self) -> None:
        async with self.opened() as transport, transport.lanes([("lane.0", 0), ("outbox.http", 3)]) as events:
            announced = [await anext(events), await anext(events)]

            assert all(isinstance(event, Assigned) for event in announced)
            assert {event.lane.name for event in announced} == {"lane.0/0", "outbox.http/3"}

    @story
    async def test_the_announcements_end_with_the_block(self) -> None:
        heard: list[LaneEvent] = []
        begun = asyncio.Event()

        async def listen(events: AsyncIterator[LaneEvent]) -> None:
            async for event in events:
                heard.append(event)
                begun.set()

        async with self.opened() as transport:
            async with transport.lanes([(LANE, 0)]) as events:
                listening = asyncio.create_task(listen(events))
                await begun.wait()

            await listening
            assert [type(event) for event in heard] == [Assigned]

    @story
    async def test_a_lane_that_was_given_up_is_free_and_its_old_owner_is_fenced(self) -> None:
        async with self.opened() as here, self.opened() as there:
            async with owned(here) as (old, _):
                await turn(old, lambda tx: tx.done(1))

            async with owned(there) as (lane, _):
                assert lane.position == 1
                await assert_fenced(old)

    @story
    async def test_leaving_the_block_fences_what_is_in_flight(self) -> None:
        async with self.opened() as transport:
            before = self.contents(self.folder)
            in_flight = AsyncExitStack()
            async with owned(transport) as (lane, _):
                whole_turn(await in_flight.enter_async_context(lane.transaction()))

            with pytest.raises(Fenced):
                await in_flight.aclose()

            assert self.contents(self.folder) == before

    @story
    async def test_a_turn_in_flight_while_the_lane_changes_hands_is_fenced(self) -> None:
        async with self.opened() as here, owned(here) as (old, _):
            in_flight = AsyncExitStack()
            whole_turn(await in_flight.enter_async_context(old.transaction()))
            async with self.rival() as there, owned(there) as (lane, _):
                await turn(lane, lambda tx: tx.send(INBOX, b"the new owner's letter"))

                with pytest.raises(Fenced):
                    await in_flight.aclose()

                assert lane.get(Table.PERSONS, DANA) is None
            assert [record.value for record in await here.read(INBOX, 0, 9, 0)] == [b"the new owner's letter"]
            assert list(self.ledger(self.folder, LOG)) == []

    @story
    async def test_an_owner_that_slept_past_its_lease_is_fenced_when_it_wakes(self) -> None:
        async with self.opened() as sleeper, owned(sleeper) as (old, events):
            await turn(old, whole_turn)
            async with self.rival() as there, owned(there) as (lane, _):
                await turn(lane, lambda tx: tx.record(LOG, 3, ENTRIES, frontier(6)), lambda tx: tx.done(5))
                after = self.contents(self.folder)

                with pytest.raises(Fenced):
                    await turn(old, what_the_sleeper_thinks)

                assert self.contents(self.folder) == after
                async with asyncio.timeout(1):
                    assert await anext(events) == Revoked(old)
                await assert_fenced(old)

    @story
    async def test_after_a_fenced_turn_the_lane_is_taken_anew(self) -> None:
        async with self.opened() as transport:
            async with owned(transport) as (lane, events):
                with pytest.raises(Fenced):
                    await turn(lane, lambda tx: tx.record(LOG, 7, ENTRIES, frontier(10)))

                async with asyncio.timeout(1):
                    assert await anext(events) == Revoked(lane)
                await assert_fenced(lane)

            async with owned(transport) as (anew, _):
                await turn(anew, whole_turn)

    @story
    async def test_neighbours_survive_a_fenced_turn(self) -> None:
        async with (
            self.opened() as here,
            owned(here) as (old, _),
            self.rival() as there,
            owned(there) as (lane, _),
            owned(here, "lane.1") as (neighbour, _),
        ):
            outcomes = await asyncio.gather(
                here.publish("outbox.http", [b"said before"]),
                turn(old, whole_turn),
                turn(neighbour, whole_turn),
                here.publish("outbox.http", [b"said after"]),
                return_exceptions=True,
            )

            before, after = await here.read("outbox.http", 0, 100, 0)
            assert [outcomes[0], type(outcomes[1]), *outcomes[2:]] == [[before.offset], Fenced, None, [after.offset]]
            assert [before.value, after.value] == [b"said before", b"said after"]
            assert neighbour.position == 2
            assert lane.get(Table.PERSONS, DANA) is None

    @story
    async def test_a_lane_that_was_cancelled_while_it_was_taken_is_free(self) -> None:
        async def take() -> None:
            async with owned(transport):
                await asyncio.Event().wait()

        async with self.opened() as transport:
            for turns in range(6):
                taking = asyncio.create_task(take())
                for _ in range(turns):
                    await asyncio.sleep(0)
                taking.cancel()
                await asyncio.gather(taking, return_exceptions=True)

                async with owned(transport):
                    pass

    @story
    async def test_after_a_kill_another_process_goes_on_from_the_committed_position(self) -> None:
        with self.another_process() as (owner, said):
            assert said == "owned"
            owner.kill()
            owner.wait()
            async with self.opened() as transport, owned(transport) as (lane, _):
                assert lane.position == 2
                left = await lane.poll(100, 0)
                assert left == await transport.read(LANE, 2, 100, 0)
                assert left[-1].value == b"Reed is on leave"
                assert lane.get(Table.PERSONS, DANA) is not None
                assert lane.frontier(LOG) == frontier(3)
                await turn(lane, lambda tx: tx.done(3))

    @contextmanager
    def another_process(self) -> Iterator[tuple["subprocess.Popen[str]", str]]:
        """A process that tries to own the lane of the same folder, and what it says of it; see owner.py."""
        command = [sys.executable, "-m", "tests.contracts.owner", type(self).__module__, type(self).__qualname__]
        with subprocess.Popen([*command, self.folder], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            try:
                yield process, process.stdout.readline().strip()
            finally:
                process.kill()


class LeaseContract(OwnershipContract):
    """Of engines whose owners hold a lease by the clock, and that refuse whoever comes while it holds."""

    @story
    async def test_a_lane_has_one_owner_at_a_time(self) -> None:
        async with self.opened() as here, self.opened() as there, owned(here) as (lane, _):
            for transport in (there, here):
                with pytest.raises(LaneTaken):
                    async with owned(transport):
                        pass

            await turn(lane, whole_turn)  # and its owner is not disturbed

    @story
    async def test_lanes_are_taken_all_or_none(self) -> None:
        async with self.opened() as here, self.opened() as there, owned(here, "lane.1"):
            with pytest.raises(LaneTaken):
                async with there.lanes([("lane.0", 0), ("lane.1", 0), ("lane.2", 0)]):
                    pass

            async with owned(here, "lane.0"), owned(here, "lane.2"):
                pass

    @story
    async def test_a_sleeper_is_told_when_it_polls(self) -> None:
        async with self.opened() as sleeper, owned(sleeper) as (old, events), self.rival() as there, owned(there):
            with pytest.raises(Fenced):
                await old.poll(100, 0)

            assert await anext(events) == Revoked(old)

    @story
    async def test_an_owner_s_lease_is_respected_until_it_has_run_out(self) -> None:
        async with self.opened() as here, self.opened() as there, owned(here):
            self.clock.move(seconds=LEASE_S - 1)

            with pytest.raises(LaneTaken):
                async with owned(there):
                    pass

    @story
    async def test_each_turn_renews_the_lease(self) -> None:
        async with self.opened() as here, self.opened() as there, owned(here) as (lane, _):
            for _ in range(5):
                self.clock.move(seconds=LEASE_S * 0.8)
                await turn(lane, lambda tx: tx.done(1))

            self.clock.move(seconds=LEASE_S * 0.8)
            with pytest.raises(LaneTaken):
                async with owned(there):
                    pass

    @story
    async def test_a_sleeper_whom_nobody_replaced_goes_on(self) -> None:
        async with self.opened() as transport, owned(transport) as (lane, _):
            self.clock.move(seconds=3_600)
            await turn(lane, whole_turn)

            assert lane.position == 2

    @story
    async def test_a_second_process_is_refused_while_the_owner_lives(self) -> None:
        async with self.opened() as transport, owned(transport):
            with self.another_process() as (_, said):
                assert said == "taken"


async def assert_fenced(lane: Lane) -> None:
    """It can neither read on nor write."""
    with pytest.raises(Fenced):
        await lane.poll(100, 0)
    with pytest.raises(Fenced):
        await turn(lane, lambda tx: tx.done(99))


def what_the_sleeper_thinks(tx: Tx) -> None:
    """A whole turn, planned before somebody else took over."""
    tx.send(INBOX, b"a letter from a sleeper")
    tx.put(Table.PERSONS, DANA, SealedRow(b"what the sleeper knows"))
    tx.record(LOG, 3, ENTRIES, frontier(6))
    tx.sign(LOG, 6, b"a fork")
    tx.done(9)
