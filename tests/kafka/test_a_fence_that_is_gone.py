"""What the fence is there for: without it two owners of a lane are found out, and so is whoever writes beside an owner.

Each story is told with the fence, too, so that it is the fence that makes the difference.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from broker.app import running
from broker.cli.verify_folder import verify_folder
from broker.dev import KafkaCluster
from broker.errors import StateUnreadable
from broker.kafka.names import Names
from broker.kafka.producing import LaneProducer, Outgoing
from broker.ports import Partition
from broker.topics import INPUT, LEDGER, changelog
from tests.contracts.clock import MovedClock
from tests.contracts.kafka_engine import RivalNames
from tests.faults.county import HUB, LANE, ONYX, case_opened, county, moved
from tests.faults.stored_on_kafka import committed, read_stored_on_kafka
from tests.kafka.hubs import Place, place_on
from tests.kafka.stories import producing
from tests.personas import BLACKBURN, BLACKBURN_CHILDREN, POLICE, PRESTON

HERE = (POLICE, BLACKBURN_CHILDREN)
LONGEST_S = 120
ENTRIES, LETTERS = 1, 2
"""Which turn after a notification was said records what is decided, and which delivers."""
LEDGERS, ROWS = (LEDGER, 0), (changelog(INPUT), 0)
"""Where only the lane's owner writes."""


class UnfencedNames(RivalNames):
    """Of a process that is given every lane, and fences nobody when it takes one."""

    def transactional_id(self, lane: Partition) -> str:
        return super().transactional_id(lane) + ".of-its-own"


class Sleeper:
    """The owner of a lane, who falls asleep when it is about to write a turn."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        commit = LaneProducer.commit
        self._left = 0
        self.sleeps, self._wakes, self._has_written = asyncio.Event(), asyncio.Event(), asyncio.Event()

        async def committed(producer: LaneProducer, records: Sequence[Outgoing]) -> None:
            self._left -= 1
            if self._left != 0:
                return await commit(producer, records)
            self.sleeps.set()
            await self._wakes.wait()
            try:
                await commit(producer, records)
            finally:
                self._has_written.set()

        patch.setattr(LaneProducer, "commit", committed)

    def sleep_at(self, turn: int) -> None:
        """At that turn, counted from now and from 1."""
        self._left = turn

    async def wake(self) -> None:
        """Go on where it was, and return when the turn is over."""
        self._wakes.set()
        await self._has_written.wait()


@pytest.mark.parametrize("turn", [ENTRIES, LETTERS])
def test_an_owner_that_wakes_beside_the_next_one_changes_nothing(
    turn: int, kafka_cluster: KafkaCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = told(kafka_cluster, lambda place: two_owners(place, tmp_path, RivalNames, turn, monkeypatch))

    assert found == []


def test_two_owners_that_nothing_fences_are_refused_by_the_copy_of_their_ledger(
    kafka_cluster: KafkaCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(StateUnreadable, match="the ledger on Kafka does not continue its copy"):
        told(kafka_cluster, lambda place: two_owners(place, tmp_path, UnfencedNames, ENTRIES, monkeypatch))


def test_two_owners_that_nothing_fences_and_that_deliver_the_same_are_found_by_the_checker(
    kafka_cluster: KafkaCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = told(kafka_cluster, lambda place: two_owners(place, tmp_path, UnfencedNames, LETTERS, monkeypatch))

    assert any(what.startswith("I2: ") and what.endswith("is 2 times in the inbox") for what in found), found


@pytest.mark.parametrize(
    ("there", "begins", "says"),
    [
        (LEDGERS, b"E", "the ledger on Kafka does not continue its copy"),
        (ROWS, b"frontier/" + LANE.encode(), "does not end where this hub left it"),
    ],
    ids=["ledger", "frontier"],
)
def test_no_hub_begins_where_somebody_wrote_a_ledger_s_end_again(
    there: Partition, begins: bytes, says: str, kafka_cluster: KafkaCluster, tmp_path: Path
) -> None:
    with pytest.raises(StateUnreadable, match=says):
        told(kafka_cluster, lambda place: second_writer(place, tmp_path, there, begins))


def test_a_lane_whose_position_somebody_set_back_is_found_by_the_checker(
    kafka_cluster: KafkaCluster, tmp_path: Path
) -> None:
    found = told(kafka_cluster, lambda place: second_writer(place, tmp_path, ROWS, b"position"))

    assert any(what.startswith("I1: ") and what.endswith("1 outcomes and 1 repeats in the ledger") for what in found)


def test_a_hub_that_begins_where_nobody_else_wrote_changes_nothing(kafka_cluster: KafkaCluster, tmp_path: Path) -> None:
    found = told(kafka_cluster, lambda place: second_writer(place, tmp_path, ROWS, b"nothing begins with this"))

    assert found == []


async def two_owners(
    place: Place, folder: Path, next_one: type[Names], turn: int, patch: pytest.MonkeyPatch
) -> list[str]:
    """Somebody moves; the owner of the lane falls asleep at a turn, the next one does all, and the first one wakes.

    Returns what the checker finds.
    """
    sleeper, clock = Sleeper(patch), MovedClock()
    beside = replace(place, names=next_one(place.names.prefix))
    async with county(folder, clock, HERE, engine=place.engine) as here:
        await here.say(POLICE.name, case_opened(ONYX, team=()))
        sleeper.sleep_at(turn)
        await here.desks[POLICE.name].publish(moved(ONYX, to=BLACKBURN, old=PRESTON))
        await sleeper.sleeps.wait()
        async with running(folder, HUB, demo=True, clock=clock, engine=beside.engine) as other:
            await other.hub.until_caught_up()
        await sleeper.wake()
        await here.tellwise.settled()
        await here.hear()
    return await found_wrong(place, folder)


async def second_writer(place: Place, folder: Path, there: Partition, begins: bytes) -> list[str]:
    """Somebody moves; a stranger writes to a partition of the lane's what stood there before, of the records whose key,
    or value if they have none, begins so: the last but one; and the hub begins anew.

    Returns what the checker finds.
    """
    async with county(folder, MovedClock(), HERE, engine=place.engine) as here:
        await here.say(POLICE.name, case_opened(ONYX, team=()))
        await here.say(POLICE.name, moved(ONYX, to=BLACKBURN, old=PRESTON))
        await here.hear()
    records = [(key, value) for _, key, value in await committed(place.connection, place.names, there)]
    again = [(key, value) for key, value in records if (key or value or b"").startswith(begins)][-2:-1]
    async with producing(place.connection) as stranger:
        for key, value in again:
            await stranger.send_and_wait(place.names.topic(there[0]), value, key=key, partition=there[1])
    async with county(folder, MovedClock(), HERE, engine=place.engine) as here:
        await here.hear()
    return await found_wrong(place, folder)


async def found_wrong(place: Place, folder: Path) -> list[str]:
    left = await read_stored_on_kafka(folder, place.connection, 1, place.names)
    faults = [f"{fault.invariant}: {fault.what}" for fault in left.faults()]
    return faults + [f"I4: {found.where}: {found.what}" for found in verify_folder(folder).findings]


def told(cluster: KafkaCluster, story: Callable[[Place], Awaitable[list[str]]]) -> list[str]:
    async def bounded() -> list[str]:
        async with asyncio.timeout(LONGEST_S):
            return await story(await place_on(cluster))

    return asyncio.run(bounded())
