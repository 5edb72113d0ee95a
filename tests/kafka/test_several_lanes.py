"""Processes share the lanes of one hub: each decides about some of the persons, and what one leaves another takes."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from itertools import groupby
from pathlib import Path
from typing import TypeVar

import pytest

from broker.app import Tellwise, running
from broker.care.verification import verify_hub
from broker.dev import KafkaCluster
from broker.elsewhere import LOOK_S, Elsewhere
from broker.errors import ClusterUnfit, SettingsRefused
from broker.kafka.layout import inputs
from broker.kafka.producing import LaneProducer
from broker.topics import DOORS, INPUT
from tests.contracts.clock import MovedClock
from tests.faults.a_days_work import Told, a_day, as_told, sayings
from tests.faults.county import HUB, County, county
from tests.kafka.hubs import Place, place_on

LANES = 4
_T = TypeVar("_T")


def test_two_processes_share_the_persons_and_tell_what_one_of_one_lane_tells(
    kafka_cluster: KafkaCluster, tmp_path: Path
) -> None:
    async def tale() -> tuple[Told, Told, Told, Told, list[set[int]]]:
        async with county(tmp_path / "one", MovedClock()) as here:
            by_one = await a_day(here)
            by_one_again = await a_day(here)
        place = await place_on(kafka_cluster, LANES)
        async with AsyncExitStack() as second:
            async with county(tmp_path / "shared", MovedClock(), engine=place.engine) as here:
                there = await second.enter_async_context(process(tmp_path / "shared", place))
                await until(lambda: len(owned(here.tellwise, INPUT)) == len(owned(there, INPUT)) == LANES / 2)
                shared = [owned(here.tellwise, INPUT), owned(there, INPUT)]
                by_two = await told_in_all(here, there)
            await until(lambda: len(owned(there, INPUT)) == len(owned(there, DOORS)) == LANES)
            async with county(tmp_path / "shared", MovedClock(), engine=place.engine) as here:
                by_the_next = await told_in_all(here, there)
            await there.engine.catch_up()
        return by_one, by_two, by_one_again, by_the_next, shared

    by_one, by_two, by_one_again, by_the_next, shared = asyncio.run(bounded(tale()))

    report = verify_hub(tmp_path / "shared" / "hub")
    assert by_one
    assert by_two == by_one
    assert by_the_next == by_one_again
    assert set.union(*shared) == set(range(LANES))
    assert not set.intersection(*shared)
    assert not report.findings
    assert {f"{HUB}/lane-{index}" for index in range(LANES)} <= report.sizes.keys()


def test_a_hub_has_the_lanes_that_it_was_founded_with(kafka_cluster: KafkaCluster, tmp_path: Path) -> None:
    async def tale() -> int:
        place = await place_on(kafka_cluster, 2)
        async with county(tmp_path, MovedClock(), (), engine=place.engine):
            pass
        unsaid = Place(place.connection, place.names, None)
        async with county(tmp_path, MovedClock(), (), engine=unsaid.engine) as here:
            lanes = here.tellwise.engine.lanes
        with pytest.raises(SettingsRefused, match="founded with 2"):
            await Place(place.connection, place.names, 3).engine(tmp_path / "hub", MovedClock())
        return lanes

    assert asyncio.run(bounded(tale())) == 2


def test_nobody_is_let_in_before_the_policies_at_hand_are_in_force(kafka_cluster: KafkaCluster, tmp_path: Path) -> None:
    async def tale() -> bool:
        place = await place_on(kafka_cluster, LANES)
        async with county(tmp_path, MovedClock(), (), engine=place.engine) as here:
            engine, premises = here.tellwise.engine, here.tellwise.hub.premises
            elsewhere = Elsewhere(engine, premises.keys.directory_key)
            with_others = asyncio.create_task(elsewhere.founded("sha256:" + "0" * 64))
            await elsewhere.founded(premises.policies.bundle.digest)
            await asyncio.wait([with_others], timeout=2 * LOOK_S)
            is_let_in = with_others.done()
            with_others.cancel()
            return is_let_in

    assert not asyncio.run(bounded(tale()))


def test_a_cluster_with_too_few_partitions_is_refused(kafka_cluster: KafkaCluster, tmp_path: Path) -> None:
    async def tale() -> None:
        place = await place_on(kafka_cluster, 1)
        more = Place(place.connection, place.names, 2)
        with pytest.raises(ClusterUnfit, match="has 1 partitions, and the hub has 2 lanes"):
            async with county(tmp_path, MovedClock(), (), engine=more.engine):
                pass

    asyncio.run(bounded(tale()))


def test_a_lane_of_which_another_made_itself_owner_is_taken_back(kafka_cluster: KafkaCluster, tmp_path: Path) -> None:
    """It is fenced, and the group has given it to nobody: so whoever had it must find out, and go on."""

    async def tale() -> Told:
        place = await place_on(kafka_cluster, LANES)
        async with county(tmp_path, MovedClock(), engine=place.engine) as here:
            for topic in inputs(LANES):
                lane = (topic, 1)
                another = LaneProducer(place.connection, place.names.transactional_id(lane))
                await another.take([place.names.changelog(lane)])
                await another.close()
            return await told_in_all(here)

    assert asyncio.run(bounded(tale()))
    assert not verify_hub(tmp_path / "hub").findings


# --- how ---


def process(folder: Path, place: Place) -> AbstractAsyncContextManager[Tellwise]:
    return running(folder, HUB, demo=True, clock=MovedClock(), engine=place.engine)


def owned(tellwise: Tellwise, topic: str) -> set[int]:
    """Which lanes or doors a process has."""
    return {index for of, index in tellwise.hub.owned if of == topic}


async def told_in_all(here: County, *others: Tellwise) -> Told:
    """All of a day's sayings, and what was told of them. What one desk says is in order; of what two say, the one is
    dealt with before the other speaks: they come in by two doors."""
    for who, together in groupby(sayings(), key=lambda saying: saying[0]):
        for _, draft in together:
            await here.desks[who].publish(draft)
        await quiet(here.tellwise, *others)
    return as_told(await here.hear())


async def quiet(*processes: Tellwise) -> None:
    """Wait until nothing lies in the input of any lane or door, whoever has it. One may have passed on to another what
    was looked at before, and so it must be so three times in a row: doors, lanes, and lanes that answer lanes."""
    times = 0
    while times < 3:
        is_quiet = [await each.hub.is_quiet() for each in processes]
        owned_by_all = sum(len(each.hub.owned) for each in processes)
        times = times + 1 if all(is_quiet) and owned_by_all == 2 * LANES else 0
        await asyncio.sleep(0.05)


async def until(holds: Callable[[], object]) -> None:
    while not holds():  # noqa: ASYNC110 - no event tells it
        await asyncio.sleep(0.02)


async def bounded(tale: Awaitable[_T]) -> _T:
    async with asyncio.timeout(180):
        return await tale
