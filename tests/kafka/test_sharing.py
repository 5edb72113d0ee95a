"""Several processes on one Kafka: each lane has one owner, who is not disturbed, and the next one goes on."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from aiokafka.errors import KafkaConnectionError

from broker.errors import Fenced, OutcomeUnknown
from broker.kafka.lane import KafkaLane
from broker.kafka.transport import KafkaTransport
from broker.ports import Assigned, Lane, LaneEvent, Table
from tests.contracts.engine import INBOX, LANE, LOG, frontier, owned, story, turn
from tests.contracts.kafka_engine import SESSION_S, Kafka
from tests.contracts.lane_contract import DANA, ENTRIES, whole_turn

ROOT = Path(__file__).parents[2]
DOORS = [("outbox.http", index) for index in range(4)]


class TestSharing(Kafka):
    """Owners in several processes; here, transports of one."""

    @story
    async def test_whoever_comes_later_waits_and_goes_on_when_the_owner_leaves(self) -> None:
        async with self.opened() as here, self.opened() as there, AsyncExitStack() as until_left:
            lane, _ = await until_left.enter_async_context(owned(here))
            async with there.lanes([(LANE, 0)]) as events:
                coming = asyncio.create_task(anext(events))
                await asyncio.wait([coming], timeout=SESSION_S)
                await turn(lane, whole_turn)
                came_early = coming.done()
                await until_left.aclose()
                event = await coming

                assert not came_early
                assert isinstance(event, Assigned)
                assert event.lane.position == 2
                assert event.lane.get(Table.PERSONS, DANA) is not None
                await turn(event.lane, lambda tx: tx.record(LOG, 3, ENTRIES, frontier(6)))

    @story
    async def test_lanes_are_shared_out_and_those_that_stay_are_not_taken_anew(self) -> None:
        async with self.opened() as here, self.opened() as there, here.lanes(DOORS) as events:
            before = {await lane_of(events) for _ in DOORS}
            async with there.lanes(DOORS) as others:
                moved = [await lane_of(others), await lane_of(others)]
                lost = [await anext(events), await anext(events)]
                stayed = before - {event.lane for event in lost}

                assert {lane.name for lane in moved} == {event.lane.name for event in lost}
                for lane in (*moved, *stayed):
                    await turn(lane, lambda tx: tx.done(1))

    @story
    async def test_a_late_call_from_the_group_is_put_right(self) -> None:
        """A process that slept in the middle of being given a lane takes it long after it was given to another."""
        late, rightful = self.make(self.folder, self.clock), self.make(self.folder, self.clock)
        assert isinstance(late, KafkaTransport)
        async with rightful.lanes([(LANE, 0)]) as events, late.lanes([(LANE, 0)]):
            lane = await lane_of(events)
            await turn(lane, whole_turn)
            taken = await late.take_as_if_late(LANE)
            with pytest.raises(Fenced):
                await turn(lane, lambda tx: tx.done(3))
            await taken.close()
        async with owned(rightful) as (anew, _):
            assert anew.position == 2
            await turn(anew, lambda tx: tx.done(3))
        await asyncio.gather(late.close(), rightful.close())

    @pytest.mark.parametrize("reply_lost", [True, False])
    @story
    async def test_the_next_owner_knows_whether_a_commit_happened(
        self, monkeypatch: pytest.MonkeyPatch, *, reply_lost: bool
    ) -> None:
        async with self.opened() as here:
            with pytest.raises(OutcomeUnknown):
                async with owned(here) as (lane, _):
                    assert isinstance(lane, KafkaLane)
                    client = lane.producer.client
                    send_really = client.send

                    async def cut(node: int, request: object, **more: object) -> object:
                        if type(request).__name__.startswith("EndTxn"):
                            if reply_lost:
                                await send_really(node, request, **more)
                            raise KafkaConnectionError
                        return await send_really(node, request, **more)

                    monkeypatch.setattr(client, "send", cut)
                    await turn(lane, whole_turn)
            async with owned(here) as (anew, _):
                happened = anew.position == 2
                letters = await here.read(INBOX, 0, 10, 0)

                assert happened is reply_lost
                assert len(letters) == (2 if happened else 0)
                assert anew.frontier(LOG) == (frontier(3) if happened else None)
                await turn(anew, lambda tx: tx.done(3))

    @story
    async def test_an_owner_that_is_stopped_past_its_session_writes_nothing_when_it_wakes(self) -> None:
        async with self.opened() as here:
            with self.another_process() as owner:
                assert owner.said() == "owned"
                os.kill(owner.pid, signal.SIGSTOP)
                async with owned(here) as (lane, _):
                    await turn(lane, lambda tx: tx.send(INBOX, b"of the new owner"), lambda tx: tx.done(3))
                    before = self.contents(self.folder)
                    os.kill(owner.pid, signal.SIGCONT)
                    said = await asyncio.to_thread(owner.said)

                    assert said == "fenced"
                    assert self.contents(self.folder) == before


async def lane_of(events: AsyncIterator[LaneEvent]) -> Lane:
    """The next lane that we are given."""
    event = await anext(events)
    assert isinstance(event, Assigned)
    return event.lane
