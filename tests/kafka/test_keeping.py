"""What a hub on Kafka removes by itself: ids that are used up, between two turns, wherever the lane is owned."""

import asyncio
from pathlib import Path

import pytest

from broker.dev import KafkaCluster
from broker.errors import SettingsRefused
from broker.kafka.lane import KafkaLane
from broker.kafka.transport import KafkaTransport
from broker.ports import Table
from broker.sealing.entropy import system_entropy
from broker.settings import Retention
from broker.state.vault import Vault
from broker.telemetry import Event
from broker.topics import INPUT
from tests.contracts.clock import MovedClock
from tests.faults.county import ONYX, County, case_opened, county, moved
from tests.faults.listening import listening
from tests.kafka.hubs import place_on
from tests.personas import BLACKBURN, BLACKBURN_CHILDREN, POLICE, PRESTON

HERE = (POLICE, BLACKBURN_CHILDREN)
DAY_S = 24 * 3_600


def test_a_used_up_id_is_forgotten_when_its_time_refuses_it_anyway(kafka_cluster: KafkaCluster, tmp_path: Path) -> None:
    clock = MovedClock()

    async def story() -> tuple[int, int, int]:
        place = await place_on(kafka_cluster)
        async with county(tmp_path, clock, HERE, engine=place.engine) as here:
            await here.say(POLICE.name, case_opened(ONYX, team=()))
            first = (await here.tellwise.transport.read(INPUT, here.tellwise.edge.taken_to - 1, 1, 0))[0].value
            before = seen(here)
            clock.move(seconds=40 * DAY_S)
        async with county(tmp_path, clock, HERE, engine=place.engine) as here:
            await here.say(POLICE.name, moved(ONYX, to=BLACKBURN, old=PRESTON))
            await until_kept(here, before)
            after = seen(here)
            with listening() as told:
                await here.put(first)
        return before, after, told.events()[Event.NOTIFICATION_QUARANTINED]

    before, after, refused = asyncio.run(asyncio.wait_for(story(), 120))

    assert (before, after) == (1, 1)  # of the case; of the move
    assert refused == 1


def test_details_cannot_be_removed_from_a_ledger_on_kafka_so_nobody_is_told_that_they_are(
    kafka_cluster: KafkaCluster, tmp_path: Path
) -> None:
    async def story() -> None:
        place = await place_on(kafka_cluster)
        async with county(tmp_path, MovedClock(), HERE, engine=place.engine) as here:
            with pytest.raises(SettingsRefused):
                keeping(here, Retention(detail_days=90))

    asyncio.run(asyncio.wait_for(story(), 120))


def keeping(here: County, retention: Retention) -> object:
    """What removes, of the hub that is here."""
    tellwise = here.tellwise
    vault = Vault(tellwise.hub.premises.keys, system_entropy)
    return tellwise.engine.keeping(vault, tellwise.standing, retention)


async def until_kept(here: County, rows: int) -> None:
    """Let it make rounds until there are no more rows than that."""
    tellwise = here.tellwise
    vault = Vault(tellwise.hub.premises.keys, system_entropy)
    rounds = asyncio.create_task(tellwise.engine.keeping(vault, tellwise.standing, Retention()).keep())
    try:
        while seen(here) > rows:
            await asyncio.wait([rounds], timeout=0.05)
            assert not rounds.done()
    finally:
        rounds.cancel()
        await asyncio.gather(rounds, return_exceptions=True)


def seen(here: County) -> int:
    """How many ids the lane remembers."""
    transport = here.tellwise.transport
    assert isinstance(transport, KafkaTransport)
    lane = transport.owned(INPUT)
    assert isinstance(lane, KafkaLane)
    return len(list(lane.rows(Table.SEEN)))
