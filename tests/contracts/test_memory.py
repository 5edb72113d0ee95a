"""The engine in memory keeps the contracts, except that it ends with its process; so what is driven over it tells
something of the engines that are used."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import pytest

from broker.errors import FolderUnusable, OutcomeUnknown
from broker.ports import Clock, Leaf, Table, Transport
from tests.contracts.engine import INBOX, LANE, LOG, Engine, frontier, owned, story, turn
from tests.contracts.lane_contract import DANA, SEALED, LaneContract, whole_turn
from tests.contracts.memory import Break, MemoryDisk, MemoryTransport
from tests.contracts.ownership_contract import LeaseContract
from tests.contracts.transport_contract import TransportContract


class Memory(Engine):
    """A disk in memory for each folder. The folder itself stays empty."""

    disks: ClassVar[defaultdict[Path, MemoryDisk]] = defaultdict(MemoryDisk)

    def make(self, folder: Path, clock: Clock) -> Transport:
        return MemoryTransport(self.disks[folder], clock)

    def contents(self, folder: Path) -> object:
        return self.disks[folder].contents()

    def ledger(self, folder: Path, log: str) -> Sequence[Leaf]:
        return list(self.disks[folder].ledgers[log])

    def checkpoints(self, folder: Path, log: str) -> Mapping[int, bytes]:
        return dict(self.disks[folder].notes[log])


class TestMemoryTransport(Memory, TransportContract):
    """Topics and records."""


class TestMemoryLane(Memory, LaneContract):
    """Turns, and how they can be made to fail."""

    @story
    async def test_a_turn_that_fails_before_it_took_effect_leaves_no_trace(self) -> None:
        async with self.opened() as transport, owned(transport) as (lane, _):
            before = self.contents(self.folder)
            self.disks[self.folder].next_turn = Break.BEFORE

            with pytest.raises(FolderUnusable):
                await turn(lane, whole_turn)

            assert self.contents(self.folder) == before
            await turn(lane, whole_turn)  # and the next one does not fail

    @story
    async def test_a_turn_that_fails_after_it_took_effect_is_there_as_a_whole(self) -> None:
        async with self.opened() as transport, owned(transport) as (lane, _):
            self.disks[self.folder].next_turn = Break.AFTER

            with pytest.raises(OutcomeUnknown):
                await turn(lane, whole_turn)

            assert lane.position == 2
            assert lane.get(Table.PERSONS, DANA) == SEALED
            assert lane.frontier(LOG) == frontier(3)
            assert len(await transport.read(INBOX, 0, 100, 0)) == 2

    @story
    async def test_a_copy_of_a_disk_goes_its_own_way(self) -> None:
        async with self.opened() as transport, owned(transport) as (lane, _):
            await turn(lane, whole_turn)
        disk = self.disks[self.folder]
        before = disk.contents()
        copy = disk.copy()

        async with owned(MemoryTransport(copy, self.clock)) as (lane, _):
            await turn(lane, lambda tx: tx.put(Table.PERSONS, DANA, None), lambda tx: tx.send(INBOX, b"one more"))

        assert disk.contents() == before
        assert copy.contents() != before


class Gappy(Memory):
    """A disk on which numbers have gaps."""

    disks: ClassVar[defaultdict[Path, MemoryDisk]] = defaultdict(lambda: MemoryDisk(leaves_gaps=True))


class TestGappyTransport(Gappy, TransportContract):
    """Topics and records, and numbers that no record has."""


class TestGappyLane(Gappy, LaneContract):
    """Turns, and numbers that no record has."""


class TestMemoryOwnership(Memory, LeaseContract):
    """Owners, all of them in one process."""

    @story
    async def test_a_second_process_is_refused_while_the_owner_lives(self) -> None:
        """It is not: another process has a memory of its own, and so nothing to be refused."""
        async with self.opened() as transport, owned(transport) as (lane, _):
            with self.another_process() as (_, said):
                assert said == "owned"

                assert lane.position == 0

    @story
    async def test_after_a_kill_another_process_goes_on_from_the_committed_position(self) -> None:
        """It does not: what was committed is gone with the process that committed it."""
        with self.another_process() as (owner, said):
            assert said == "owned"
            owner.kill()
            owner.wait()

            async with self.opened() as transport, owned(transport) as (lane, _):
                assert lane.position == 0
                assert list(await transport.read(LANE, 0, 100, 0)) == []
