"""When readers are shown what a transaction wrote.

A commit returns when it is decided. The marks that let committed readers past come to each partition after that, within
milliseconds; who reads before they came is told that nothing is there.
"""

import asyncio
from collections import defaultdict
from collections.abc import Mapping

from aiokafka import TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.offset import OffsetRequest

_LOOK_S = 0.002

# Kafka's protocol guide, "ListOffsets".
_NOBODY, _COMMITTED, _LATEST = -1, 1, -1


async def shown(client: AIOKafkaClient, written: Mapping[TopicPartition, int]) -> None:
    """Return when committed readers are shown all of it. Whoever calls bounds the time.

    Args:
        client: One that asks for nothing else meanwhile, since a broker answers a client's questions in their order.
        written: The offset of the last record in each partition, of one transaction that is committed.

    Raises:
        KafkaError: a node does not answer. That says nothing of the transaction.
    """
    waiting = dict(written)
    while waiting:
        for place, end in (await _ends(client, waiting)).items():
            if end > waiting.get(place, end):
                del waiting[place]
        if waiting:
            await asyncio.sleep(_LOOK_S)  # no event tells it


async def _ends(client: AIOKafkaClient, places: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
    """The offset before which everything is decided, of those that can be asked now."""
    asked: dict[int, dict[str, list[tuple[int, int]]]] = defaultdict(lambda: defaultdict(list))
    for place in places:
        leader = client.cluster.leader_for_partition(place)
        if leader is not None and leader >= 0:
            asked[leader][place.topic].append((place.partition, _LATEST))
    ends: dict[TopicPartition, int] = {}
    for node, topics in asked.items():
        answer = await client.send(node, OffsetRequest(_NOBODY, _COMMITTED, list(topics.items())))
        for topic, partitions in answer.topics:
            ends |= {TopicPartition(topic, index): offset for index, error, _, offset in partitions if not error}
    return ends
