"""Several processes on one Kafka: each lane has one owner, who is not disturbed, and the next one goes on."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from broker.errors import Fenced, OutcomeUnknown, StateUnreadable
from broker.kafka.lane import KafkaLane
from broker.kafka.transport import KafkaTransport
from broker.ports import Assigned, Lane, LaneEvent, Table
from broker.topics import changelog
from broker.transport.events import Events
from tests.contracts.engine import INBOX, LANE, LOG, frontier, owned, still_waits, story, turn
from tests.contracts.kafka_engine import SESSION_S, Kafka
from tests.contracts.lane_contract import DANA, ENTRIES, whole_turn
from tests.kafka.breaks import lost

ROOT = Path(__file__).parents[2]
DOORS = [("outbox.http", index) for index in range(4)]


class TestSharing(Kafka):
    """Owners in several processes; here, transports of one."""

    @story
    async def test_whoever_comes_later_waits_and_goes_on_when_the_owner_leaves(self) -> None:
        async with self.opened() as here, self.opened() as there, AsyncExitStack() as until_left:
            lane, _ = await until_left.enter_async_context(owned(here))
            async with there.lanes([(LANE, 0)]) as events:
                coming = asyncio.ensure_future(anext(events))
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
    async def test_an_owner_is_not_disturbed_by_whoever_comes_later(self) -> None:
        async with self.opened() as here, self.opened() as there, owned(here) as (lane, events):
            async with there.lanes([(LANE, 0)]):
                await turn(lane, whole_turn)
            await turn(lane, lambda tx: tx.done(3))
            ended = asyncio.ensure_future(anext(events))
            await still_waits(ended)
            ended.cancel()

            assert lane.position == 3

    @story
    async def test_a_late_call_from_the_group_is_put_right(self) -> None:
        """A process that slept in the middle of being given a lane takes it long after it was given to another."""
        async with self.opened() as here, self.opened() as late, late.lanes([("lane.1", 0)]):
            owning = asyncio.create_task(self.own_until(here, 5))
            await until(lambda: (lane := here.owned(LANE)) is not None and lane.position >= 1)
            (share,) = late._shares
            place = self.names.place((LANE, 0))
            share._wanted[place] = (LANE, 0)
            await share.on_partitions_assigned({place})
            await until(lambda: late.owned(LANE) is not None)
            positions = await owning

            assert positions == [1, 2, 3, 4, 5]
            letters = [record.value for record in await here.read(INBOX, 0, 100, 0)]
            assert letters == [b"letter %d" % n for n in positions]
            assert late.owned(LANE) is None

    async def own_until(self, transport: KafkaTransport, last: int) -> list[int]:
        """A hub in small: take the lane, turn by turn, and take it anew when it was lost. Returns what was committed,
        as each owner found it and went on."""
        committed: list[int] = []
        while not committed or committed[-1] < last:
            with suppress(Fenced, OutcomeUnknown):
                async with owned(transport) as (lane, _):
                    committed = list(range(1, lane.position + 1))
                    while lane.position < last:
                        position = lane.position + 1
                        async with lane.transaction() as tx:
                            tx.send(INBOX, b"letter %d" % position)
                            tx.done(position)
                        committed.append(lane.position)
                        await asyncio.sleep(0.3)
        return committed

    @pytest.mark.parametrize("reply_lost", [True, False])
    @story
    async def test_the_next_owner_knows_whether_a_commit_happened(self, *, reply_lost: bool) -> None:
        async with self.opened() as here:
            async with owned(here) as (lane, _):
                assert isinstance(lane, KafkaLane)
                client = lane._producer._producer.client
                with lost(client, "EndTxnRequest", took_effect=reply_lost), pytest.raises(OutcomeUnknown):
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
            with another_process(self.folder) as owner:
                assert said(owner) == "owned"
                owner.send_signal(signal.SIGSTOP)
                async with owned(here) as (lane, _):
                    await turn(lane, lambda tx: tx.send(INBOX, b"of the new owner"), lambda tx: tx.done(3))
                    owner.send_signal(signal.SIGCONT)
                    woken = await asyncio.to_thread(said, owner)
                letters = [record.value for record in await here.read(INBOX, 0, 10, 0)]

                assert woken == "fenced"
                assert letters == [b"a letter", b"the next letter", b"of the new owner"]

    @story
    async def test_a_changelog_with_a_stranger_s_record_is_not_taken(self) -> None:
        async with self.opened() as here:
            async with owned(here) as (lane, _):
                await turn(lane, whole_turn)
            await self.stranger_writes(changelog(LANE))
            with pytest.raises(StateUnreadable):
                await KafkaLane.taken((LANE, 0), self.names, self.connection, Events())

    async def stranger_writes(self, topic: str) -> None:
        """Somebody who may write there, and is no lane."""
        producer = AIOKafkaProducer(**self.connection.arguments())
        await producer.start()
        try:
            await producer.send_and_wait(self.names.topic(topic), b"sealed", key=b"no such table/key", partition=0)
        finally:
            await producer.stop()


@contextmanager
def another_process(folder: Path) -> Iterator["subprocess.Popen[str]"]:
    """A process that owns the lane, makes a turn, and when it was woken makes another: see sleeper.py."""
    command = [sys.executable, "-m", "tests.kafka.sleeper", str(folder)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def said(process: "subprocess.Popen[str]") -> str:
    """The next that it says."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


async def until(holds: Callable[[], object]) -> None:
    """Wait until it is so; the story has the bound."""
    while not holds():  # noqa: ASYNC110 - no event tells it
        await asyncio.sleep(0.02)


async def lane_of(events: AsyncIterator[LaneEvent]) -> Lane:
    """The next lane that we are given."""
    event = await anext(events)
    assert isinstance(event, Assigned)
    return event.lane
