"""The bench on Kafka measures the hub, what it is held against, and many inboxes; and leaves nothing behind."""

import asyncio

from broker.bench.on_kafka import measure_on_kafka
from broker.dev import KafkaCluster
from broker.kafka.administration import administered
from broker.kafka.connection import Connection

PROMISED = {
    "letters_per_second",
    "letters_per_cpu_second",
    "transactions_records_per_second",
    "faststream_records_per_second",
    "against_plain_transactions",
    "against_faststream",
    "warm_up_s",
    "letters_per_second_10_inboxes",
    "letters_per_second_12_inboxes",
    "against_10_inboxes",
    "one_process_letters_per_cpu_second",
    "two_processes_letters_per_cpu_second",
    "two_against_one_process",
    "shared_warm_up_s",
    "shared_letters_per_second_10_inboxes",
    "shared_letters_per_second_12_inboxes",
    "shared_against_10_inboxes",
}


def test_it_says_what_it_promises_and_leaves_no_topic(kafka_cluster: KafkaCluster) -> None:
    connection, said = Connection(kafka_cluster.bootstrap), list[str]()

    figures = measure_on_kafka(connection, 0.1, said.append, inboxes=12)

    assert figures.keys() >= PROMISED
    assert all(figure > 0 for figure in figures.values())
    assert figures["letter_bytes"] > 1_000  # a letter, and no receipt or key
    assert len(said) == 7
    assert not [topic for topic in asyncio.run(topics(connection)) if topic.startswith("throwaway-")]


async def topics(connection: Connection) -> list[str]:
    async with administered(connection) as cluster:
        return list(await cluster.topics())
