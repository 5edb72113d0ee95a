"""A process that died is a member of the group until it has timed out, and everybody who comes waits for that: once."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from broker.kafka import transport as engine
from broker.kafka.transport import KafkaTransport
from tests.contracts.engine import LANE, owned, story
from tests.contracts.kafka_engine import Kafka
from tests.kafka.test_sharing import until

LONG_S = 60.0
"""A session that does not end within a story."""


class TestAMemberThatDied(Kafka):
    """Here it is one of this process, of which the cluster hears nothing any more."""

    @story
    async def test_who_goes_before_it_is_let_in_is_no_member_any_more(self) -> None:
        async with self.silent(LONG_S) as dead, self.process(LONG_S) as newcomer:
            waiting = asyncio.create_task(self.owning(newcomer))
            await until(lambda: newcomer._shares and member_of(newcomer))
            gone = member_of(newcomer)
            while gone not in await self.members():  # noqa: ASYNC110 - no event tells it
                await asyncio.sleep(0.02)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)

            assert await self.members() == {member_of(dead)}

    @story
    async def test_who_waits_for_its_end_does_not_ask_the_group_again(
        self, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(engine, "ANSWERS_WITHIN_S", 1.0)
        async with self.silent(4.0), self.process(4.0) as newcomer, owned(newcomer) as (lane, _):
            position = lane.position

        assert position == 0
        asked_again = [record for record in caplog.records if "JoinGroup" in record.getMessage()]
        assert [record for record in asked_again if record.levelno >= logging.ERROR] == []

    @asynccontextmanager
    async def process(self, session_s: float) -> AsyncIterator[KafkaTransport]:
        transport = KafkaTransport(self.connection, self.names, session_s=session_s)
        try:
            yield transport
        finally:
            await transport.close()

    @asynccontextmanager
    async def silent(self, session_s: float) -> AsyncIterator[KafkaTransport]:
        """An owner of the lane that says nothing more to the group."""
        async with self.process(session_s) as transport, owned(transport):
            await transport._shares[0].consumer._coordinator._stop_heartbeat_task()
            yield transport

    async def owning(self, transport: KafkaTransport) -> None:
        async with owned(transport):
            pass

    async def members(self) -> set[str]:
        """Whom the group knows."""
        admin = AIOKafkaAdminClient(**self.connection.arguments())
        await admin.start()
        try:
            (answer,) = await admin.describe_consumer_groups([self.names.group(LANE)])
        finally:
            await admin.close()
        return {member[0] for member in answer.groups[0][5]}


def member_of(transport: KafkaTransport) -> str:
    """What the group calls its member; empty before it has said so."""
    coordinator = transport._shares[0].consumer._coordinator
    return "" if coordinator is None else str(coordinator.member_id)
