"""The hub's edge has an event loop of its own, and asks there for what lives in the hub's."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from broker.kafka.ledger_copy import LedgerCopy
from broker.transport.ledger_file import LedgerFile
from tests.contracts.engine import INBOX, LANE, LOG, owned, story, turn
from tests.contracts.kafka_engine import Kafka
from tests.contracts.lane_contract import whole_turn

_T = TypeVar("_T")


async def elsewhere(work: Coroutine[Any, Any, _T]) -> _T:
    """Do it in a thread with a loop of its own."""
    return await asyncio.to_thread(asyncio.run, work)


class TestHomes(Kafka):
    """What is reached from two loops."""

    @story
    async def test_records_are_written_and_read_from_another_loop_too(self) -> None:
        async with self.opened() as transport, owned(transport) as (lane, _):
            here = await transport.publish(LANE, [b"Dana moves"])
            there = await elsewhere(transport.publish(LANE, [b"Dana moves again"]))
            await turn(lane, whole_turn)
            read_here = await transport.read(INBOX, 0, 10, 0)
            read_there = await elsewhere(transport.read(INBOX, 0, 10, 0))

            assert here[0] < there[0]
            assert len(read_here) == 2
            assert read_there == read_here

    @story
    async def test_whoever_waits_in_another_loop_is_told(self) -> None:
        async with self.opened() as transport:
            await transport.read(INBOX, 0, 10, 0)
            waiting = asyncio.create_task(elsewhere(transport.read(INBOX, 0, 10, 20_000)))
            await transport.publish(INBOX, [b"a letter"])

            assert [record.value for record in await waiting] == [b"a letter"]

    @story
    async def test_the_ledgers_catch_up_for_another_loop_too(self) -> None:
        async with self.opened() as transport, owned(transport) as (lane, _):
            copy = LedgerCopy(self.folder, self.connection, self.names, 1)
            try:
                await copy.start()
                await turn(lane, whole_turn)
                await asyncio.gather(elsewhere(copy.catch_up()), copy.catch_up(), elsewhere(copy.catch_up()))

                with LedgerFile(copy.path) as ledgers:
                    assert len(list(ledgers.entries(LOG))) == 3
            finally:
                await copy.close()
