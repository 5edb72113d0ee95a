"""What an engine promises of owners: one at a time, the next one soon, and no word from an old one."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from broker.errors import Fenced, LaneTaken
from broker.ports import Assigned, Lane, Revoked, SealedRow, Table
from tests.contracts.engine import INBOX, LANE, LOG, Engine, frontier, owned, story
from tests.contracts.lane_contract import DANA, ENTRIES, whole_turn

ROOT = Path(__file__).parents[2]


class OwnershipContract(Engine):
    """Inherited by each engine's tests."""

    lease_seconds = 10.0
    """How long an owner may be silent before another takes its lanes."""

    @story
    async def test_a_lane_has_one_owner_at_a_time(self) -> None:
        async with self.opened() as here, self.opened() as there, owned(here) as (lane, _):
            with pytest.raises(LaneTaken):
                async with owned(there):
                    pass
            with pytest.raises(LaneTaken):
                async with owned(here):
                    pass

            async with lane.transaction() as tx:  # and its owner is not disturbed
                whole_turn(tx)

    @story
    async def test_lanes_are_taken_all_or_none(self) -> None:
        async with self.opened() as here, self.opened() as there, owned(here, "lane.1"):
            with pytest.raises(LaneTaken):
                async with there.lanes([("lane.0", 0), ("lane.1", 0), ("lane.2", 0)]):
                    pass

            async with owned(here, "lane.0"), owned(here, "lane.2"):
                pass

    @story
    async def test_different_lanes_have_different_owners(self) -> None:
        async with self.opened() as here, self.opened() as there:
            async with owned(here, "lane.0") as (lane, _), owned(there, "lane.1") as (other, _):
                for own in (lane, other):
                    async with own.transaction() as tx:
                        tx.done(1)

                assert (lane.position, other.position) == (1, 1)

    @story
    async def test_each_lane_is_announced(self) -> None:
        async with self.opened() as transport, transport.lanes([("lane.0", 0), ("outbox.http", 3)]) as events:
            announced = [await anext(events), await anext(events)]

            assert all(isinstance(event, Assigned) for event in announced)
            assert [event.lane.name for event in announced] == ["lane.0/0", "outbox.http/3"]

    @story
    async def test_the_announcements_end_with_the_block(self) -> None:
        async with self.opened() as transport:
            async with transport.lanes([(LANE, 0)]) as events:
                listening = asyncio.create_task(_names(events))
                await asyncio.sleep(0.01)

            assert await listening == ["lane.0/0"]

    @story
    async def test_a_lane_that_was_given_up_is_free_and_its_old_owner_fenced(self) -> None:
        async with self.opened() as here, self.opened() as there:
            async with owned(here) as (old, _):
                async with old.transaction() as tx:
                    tx.done(1)

            with pytest.raises(Fenced):
                await old.poll(100, 0)
            async with owned(there) as (lane, _):
                assert lane.position == 1
                await self._assert_fenced(old)

    @story
    async def test_leaving_the_block_fences_what_is_in_flight(self) -> None:
        async with self.opened() as transport:
            with pytest.raises(Fenced):
                async with owned(transport) as (lane, _):
                    turn = lane.transaction()
                    tx = await turn.__aenter__()
                    whole_turn(tx)
                    raise _Left(turn)
            # `_fence_what_is_left` ended the turn after the block
    """

