"""What people do with Tellwise is the same on Kafka: journeys that are told elsewhere, with it below."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import tests.faults.checker
from broker import engines
from broker.app import hub_folder
from broker.dev import KafkaCluster
from broker.engines import Engine
from broker.ports import Clock
from broker.settings import Inboxes
from tests.faults.stored import Stored
from tests.faults.stored_on_kafka import read_stored_on_kafka
from tests.journeys import test_desks_over_http as over_http
from tests.journeys import test_police_publish_a_registration_change as police
from tests.journeys.test_a_desk_speaks_while_the_link_is_down import *  # noqa: F403
from tests.journeys.test_desks_over_http import *  # noqa: F403
from tests.journeys.test_police_publish_a_registration_change import *  # noqa: F403
from tests.journeys.test_social_care_hears_of_a_move import *  # type: ignore[assignment]  # noqa: F403
from tests.kafka.hubs import Place, place_on


@pytest.fixture(autouse=True)
def _on_kafka(kafka_cluster: KafkaCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each hub's folder has a place of its own on the cluster, for as long as the test lasts."""
    hubs_on(kafka_cluster, monkeypatch, "topics")


def hubs_on(kafka_cluster: KafkaCluster, monkeypatch: pytest.MonkeyPatch, inboxes: Inboxes) -> None:
    """Let every hub run on Kafka, with inboxes of this kind."""
    places: dict[Path, Place] = {}

    async def opened(home: Path, clock: Clock) -> Engine:
        if home not in places:
            places[home] = await place_on(kafka_cluster, inboxes=inboxes)
        return await places[home].engine(home, clock)

    def stored(folder: Path) -> Stored:
        place = places[hub_folder(folder)]
        reading = read_stored_on_kafka(folder, place.connection, 1, place.names)
        with ThreadPoolExecutor(1) as beside:  # whoever asks may be in an event loop
            return beside.submit(asyncio.run, reading).result().lanes[0]

    monkeypatch.setattr(engines, "embedded", opened)
    for module in (tests.faults.checker, over_http, police):
        monkeypatch.setattr(module, "read_stored", stored)
