"""The copy of the ledgers on a hub's machine: whole, of nothing that is not committed, and not behind for who asks."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiokafka import AIOKafkaProducer

from broker.errors import FolderUnusable
from broker.kafka import coding
from broker.kafka.coding import growth_to_records
from broker.kafka.ledger_copy import LedgerCopy
from broker.ports import Leaf, Tx
from broker.transport.embedded import EmbeddedTransport
from broker.transport.ledger_file import LedgerFile
from broker.transport.tables import DATABASE
from broker.transport.turn import Growth
from tests.contracts.engine import LANE, LOG, frontier, owned, story, turn
from tests.contracts.kafka_engine import Kafka
from tests.contracts.lane_contract import ENTRIES, whole_turn


def more(tx: Tx) -> None:
    """Three more entries."""
    tx.record(LOG, 3, ENTRIES, frontier(6))


class TestLedgerCopy(Kafka):
    """One lane's ledger."""

    @story
    async def test_whoever_asks_is_shown_what_is_committed_and_no_reader_is_shown_yet(self) -> None:
        """A desk may have its letter before a reader of the ledger's topic is shown the entry."""
        growth = Growth(LOG, 0, tuple(ENTRIES), frontier(3))
        place = self.names.ledger((LANE, 0))
        assert place is not None
        async with self.copying() as copy, self.writing() as writer:
            await writer.begin_transaction()
            for record in growth_to_records(growth):
                await writer.send_and_wait(place.topic, record, partition=place.partition)
            asking = asyncio.create_task(copy.catch_up())
            await asyncio.wait([asking], timeout=0.5)
            answered_early = asking.done()
            await writer.commit_transaction()
            await asking

            assert not answered_early
            assert self.copied(copy) == ENTRIES

    @story
    async def test_a_copy_that_is_started_waits_for_nothing_that_is_not_decided(self) -> None:
        """Else no hub could start after one that died in the middle of a turn, and nobody would end that."""
        place = self.names.ledger((LANE, 0))
        assert place is not None
        async with self.writing() as writer:
            await writer.begin_transaction()
            await writer.send_and_wait(place.topic, b"who knows", partition=place.partition)
            async with self.copying() as copy:
                assert self.copied(copy) == []
            await writer.abort_transaction()

    @story
    async def test_entries_that_were_cut_into_records_are_whole(self) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(coding, "CHUNK_BYTES", 1)
            async with self.opened() as transport, owned(transport) as (lane, _), self.copying() as copy:
                await turn(lane, whole_turn)
                await turn(lane, more)
                await copy.catch_up()

                assert self.copied(copy) == ENTRIES * 2

    @story
    async def test_a_copy_goes_on_where_it_was_and_another_process_has_one_of_its_own(self) -> None:
        async with self.opened() as transport, owned(transport) as (lane, _):
            await turn(lane, whole_turn)
            async with self.copying() as copy:
                first = copy.path
            await turn(lane, more)
            async with self.copying() as again, self.copying() as beside:
                assert again.path == first
                assert beside.path != first
                assert self.copied(again) == self.copied(beside) == ENTRIES * 2

    @story
    async def test_the_file_of_a_hub_that_runs_without_kafka_is_left_alone(self) -> None:
        async with asyncio.timeout(10):
            embedded = EmbeddedTransport(self.folder / DATABASE, self.clock)
            await embedded.publish(LANE, [b"Dana moves"])
            await embedded.close()

        with pytest.raises(FolderUnusable):
            LedgerCopy(self.folder, self.connection, self.names, 1)

    @asynccontextmanager
    async def copying(self) -> AsyncIterator[LedgerCopy]:
        copy = LedgerCopy(self.folder, self.connection, self.names, 1)
        try:
            await copy.start()
            yield copy
        finally:
            await copy.close()

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AIOKafkaProducer]:
        """As an owner of the lane writes."""
        producer = AIOKafkaProducer(
            **self.connection.arguments(), transactional_id=self.names.transactional_id((LANE, 0))
        )
        await producer.start()
        try:
            yield producer
        finally:
            await producer.stop()

    def copied(self, copy: LedgerCopy) -> list[Leaf]:
        with LedgerFile(copy.path) as ledgers:
            details = dict(ledgers.details(LOG))
            return [Leaf(entry, details.get(index)) for index, entry in ledgers.entries(LOG)]
