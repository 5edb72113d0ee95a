"""A Kafka that goes away in the middle of something and comes back: nothing is lost or doubled, and nobody waits for
ever."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import TypeVar

import pytest
from aiokafka.client import AIOKafkaClient

from broker.app import running
from broker.clock import SystemClock
from broker.dev import KafkaCluster
from broker.errors import EngineAway, Fenced, OutcomeUnknown, TellwiseError
from broker.kafka.connection import Connection
from broker.kafka.engine import on_kafka
from broker.kafka.names import Names
from broker.kafka.needs import Needs
from broker.kafka.provisioning import apply
from broker.kafka.transport import KafkaTransport
from broker.settings import Inboxes, Retention
from tests.conftest import kafka_of_its_own
from tests.contracts.engine import INBOX, LANE, LOG, frontier, owned, turn
from tests.contracts.kafka_engine import SESSION_S, SHARED, TOPICS, make_topics
from tests.contracts.lane_contract import whole_turn
from tests.faults.county import HUB

_T = TypeVar("_T")
ANSWERS_S = 2
ENDS_S = 30
"""For everything that waits for a Kafka that is away, on a machine that does other things."""
_COMES_BACK_S = 120


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaCluster]:
    """One whose node is killed, and may soon come back."""
    yield from kafka_of_its_own(tmp_path_factory.mktemp("kafka"))


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who does not answer is given up soon."""
    for module in ("connection", "producing", "publishing", "shards", "transport"):
        monkeypatch.setattr(f"broker.kafka.{module}.ANSWERS_WITHIN_S", ANSWERS_S)


class Away:
    """The cluster, and topics of a test's own."""

    def __init__(self, cluster: KafkaCluster, inboxes: Inboxes) -> None:
        self.cluster, self.names = cluster, Names(f"{secrets.token_hex(6)}.", inboxes)

    def transport(self) -> KafkaTransport:
        return KafkaTransport(Connection(self.cluster.bootstrap), self.names, session_s=SESSION_S)

    async def goes(self) -> None:
        await asyncio.to_thread(self.cluster.kill, 1)

    async def comes_back(self) -> None:
        await asyncio.to_thread(KafkaCluster.up, self.cluster.folder)


def told(cluster: KafkaCluster, story: Callable[[Away], Awaitable[None]], inboxes: Inboxes = "topics") -> None:
    """Run a story with a bound; the node is up again afterwards, whatever happened."""

    async def bounded() -> None:
        async with asyncio.timeout(_COMES_BACK_S + 2 * ENDS_S):
            await story(Away(cluster, inboxes))

    try:
        asyncio.run(bounded())
    finally:
        KafkaCluster.up(cluster.folder)


@pytest.mark.parametrize("inboxes", ["topics", "shared"])
def test_nobody_waits_for_ever_for_a_kafka_that_is_away_and_all_goes_on_when_it_is_back(
    cluster: KafkaCluster, inboxes: Inboxes
) -> None:
    async def story(away: Away) -> None:
        await make_topics(cluster.bootstrap, away.names.prefix, SHARED)
        here, beside = away.transport(), away.transport()
        async with asyncio.timeout(_COMES_BACK_S):
            await beside.publish(LANE, [b"Dana moves"])
            async with owned(here) as (lane, _):
                await turn(lane, lambda tx: tx.send(INBOX, b"a letter"), lambda tx: tx.done(1))
                assert len(await beside.read(INBOX, 0, 10, 0)) == 1
                await away.goes()
                async with asyncio.timeout(ENDS_S):
                    with pytest.raises((EngineAway, Fenced)):
                        await turn(lane, lambda tx: tx.send(INBOX, b"a letter that is not sent"))
                    with pytest.raises((EngineAway, OutcomeUnknown)):
                        await beside.publish(LANE, [b"nobody knows"])
                    with pytest.raises((EngineAway, OutcomeUnknown)):
                        await beside.publish(LANE, [b"nobody knows"])
                    with pytest.raises(EngineAway):
                        await beside.read(INBOX, 0, 10, 0)
                began_s = monotonic()
            await here.close()
            left_s = monotonic() - began_s
            await away.comes_back()
            after = await persistently(lambda: beside.publish(LANE, [b"Dana moves again"]))
            async with owned(beside) as (anew, _):
                said = [record.value for record in await anew.poll(10, 2_000)]
                await turn(anew, lambda tx: tx.send(INBOX, b"the next letter"), lambda tx: tx.done(after[0] + 1))
                letters = [record.value for record in await beside.read(INBOX, 0, 10, 0)]
            await beside.close()

            assert left_s < ENDS_S
            assert said[-1] == b"Dana moves again"
            assert set(said[:-1]) <= {b"nobody knows"}
            assert letters == [b"a letter", b"the next letter"]

    told(cluster, story, inboxes)


@pytest.mark.parametrize("asked", [False, True])
def test_a_kafka_that_goes_away_at_a_commit_has_all_of_the_turn_or_nothing(
    cluster: KafkaCluster, monkeypatch: pytest.MonkeyPatch, *, asked: bool
) -> None:
    ask = AIOKafkaClient.send

    async def story(away: Away) -> None:
        await make_topics(cluster.bootstrap, away.names.prefix, TOPICS)

        async def cut(client: AIOKafkaClient, node: int, request: object, **more: object) -> object:
            ends = type(request).__name__ == "EndTxnRequest"
            answer = await ask(client, node, request, **more) if asked or not ends else None
            if ends:
                monkeypatch.setattr(AIOKafkaClient, "send", ask)
                await away.goes()
            return answer or await ask(client, node, request, **more)

        here = away.transport()
        async with owned(here) as (lane, _):
            monkeypatch.setattr(AIOKafkaClient, "send", cut)
            with suppress(OutcomeUnknown):
                await turn(lane, whole_turn)
        await away.comes_back()
        async with owned(here) as (anew, _):
            happened = anew.position == 2
            letters = await here.read(INBOX, 0, 10, 0)

            assert happened or not asked
            assert len(letters) == (2 if happened else 0)
            assert anew.frontier(LOG) == (frontier(3) if happened else None)
            await turn(anew, lambda tx: tx.done(3))
        await here.close()

    told(cluster, story)


def test_a_hub_stops_while_its_kafka_is_away(cluster: KafkaCluster, tmp_path: Path) -> None:
    async def story(away: Away) -> None:
        connection = Connection(cluster.bootstrap)
        await apply(connection, Needs((), Retention(), "hub", allow_unsafe=True, names=away.names))
        engine = on_kafka(connection, Retention(), allow_unsafe_topics=True, names=away.names, lanes=1)
        async with running(tmp_path, HUB, demo=True, clock=SystemClock(), engine=engine) as tellwise:
            await away.goes()
            with pytest.raises(TellwiseError):
                await tellwise.edge.put([b"{}"])
            began_s = monotonic()

        assert monotonic() - began_s < ENDS_S

    told(cluster, story)


async def persistently(act: Callable[[], Awaitable[_T]]) -> _T:
    """Do it as often as it takes; the story has the bound."""
    while True:
        with suppress(EngineAway, OutcomeUnknown):
            return await act()
        await asyncio.sleep(0.2)
