"""Desks over HTTP notice nothing of inboxes that share a topic: their journeys, told elsewhere, with those below."""

import pytest

from broker.dev import KafkaCluster
from tests.journeys.test_desks_over_http import *  # noqa: F403
from tests.kafka.test_journeys import hubs_on


@pytest.fixture(autouse=True)
def _on_kafka(kafka_cluster: KafkaCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    hubs_on(kafka_cluster, monkeypatch, "shared")
