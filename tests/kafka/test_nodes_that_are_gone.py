"""A client that last heard of nodes that are gone finds those that are there."""

import asyncio

import pytest
from aiokafka.client import AIOKafkaClient
from aiokafka.structs import BrokerMetadata

from broker.dev import KafkaCluster
from broker.kafka.connection import Connection
from tests.processes import free_port

GONE = 9
ANSWERS_S = 60


@pytest.mark.parametrize("topics", [set(), {"__consumer_offsets"}])
def test_it_asks_the_addresses_that_it_was_given(kafka_cluster: KafkaCluster, topics: set[str]) -> None:
    """It heard while others were down, and the one that was alive has died since."""

    async def tale() -> tuple[bool, set[int]]:
        client = AIOKafkaClient(**Connection(kafka_cluster.bootstrap).arguments())
        await client.bootstrap()
        try:
            there = nodes_known(client)
            client.cluster._brokers = {GONE: BrokerMetadata(GONE, "127.0.0.1", free_port(), None)}
            client._topics = topics
            has_heard = await client.force_metadata_update()
            return has_heard and nodes_known(client) == there, nodes_known(client)
        finally:
            await client.close()

    has_found, known = asyncio.run(asyncio.wait_for(tale(), ANSWERS_S))

    assert has_found
    assert GONE not in known


def nodes_known(client: AIOKafkaClient) -> set[int]:
    """By their numbers."""
    return {node.nodeId for node in client.cluster.brokers()}
