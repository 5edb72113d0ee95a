"""Requests to a Kafka that get lost, or whose replies do, until whoever asks gives up.

A reply that is lost once is asked for again by aiokafka itself, and nobody above it is told. So it is lost for as long
as the one that asks goes on asking.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaConnectionError

from broker.kafka.names import Names
from broker.kafka.producing import LaneProducer, Outgoing
from broker.kafka.publishing import Publisher
from broker.kafka.reading import PartitionReader
from broker.topics import DOORS, INPUT
from tests.faults.seams import Seams

WAITS_S = 1.0
"""So long whoever asks waits while its replies are lost."""
_WRITE, _END, _READ = "ProduceRequest", "EndTxnRequest", "FetchRequest"


def install(seams: Seams, names: Names, patch: pytest.MonkeyPatch) -> None:
    """Put the breaks between a hub and its Kafka."""
    commit, append, read = LaneProducer.commit, Publisher._append, PartitionReader.read

    async def committed(producer: LaneProducer, records: Sequence[Outgoing]) -> None:
        request = of_this_turn(producer._producer._txn_manager.transactional_id)
        if request is None:
            return await commit(producer, records)
        with lost(producer._producer.client, request, took_effect=seams.fault.took_effect):
            return await commit(producer, records)

    def of_this_turn(lane: str) -> str | None:
        """What of it gets lost, if anything."""
        if lane.startswith(f"{names.lanes}{DOORS}."):
            return _END if seams.is_due("commit of the door") else None
        seams.commits.seen += 1
        if seams.commits.seen != seams.commits.turn:
            return None
        seams.commits.broke = True
        return _WRITE if seams.fault.step.startswith("records of") else _END

    async def appended(publisher: Publisher, place: TopicPartition, values: Sequence[Any]) -> int:
        if place.topic not in (names.topic(INPUT), names.topic(DOORS)) or not seams.is_due("append to the input"):
            return await append(publisher, place, values)
        producer = await publisher._reached()
        with lost(producer.client, _WRITE, took_effect=seams.fault.took_effect):
            return await append(publisher, place, values)

    async def fetched(reader: PartitionReader, *how: Any) -> list[ConsumerRecord[Any, Any]]:
        is_inbox = reader.partition.topic.startswith(names.topic("inbox"))
        if not is_inbox or not seams.is_due("fetch of the inbox"):
            return await read(reader, *how)
        with lost(reader._consumer._client, _READ, took_effect=seams.fault.took_effect):
            return await read(reader, *how)

    patch.setattr(LaneProducer, "commit", committed)
    patch.setattr(Publisher, "_append", appended)
    patch.setattr(PartitionReader, "read", fetched)


@contextmanager
def lost(client: AIOKafkaClient, request: str, *, took_effect: bool) -> Iterator[None]:
    """Whatever *client* asks for by such a request gets lost until the block ends: before it reaches the Kafka, or, if
    it is to take effect, its reply. Something must."""
    count, ask = 0, client.send

    async def sent(node: int, asked: object, **how: object) -> object:
        nonlocal count
        if type(asked).__name__ != request:
            return await ask(node, asked, **how)
        if took_effect:
            await ask(node, asked, **how)
        count += 1
        raise KafkaConnectionError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(client, "send", sent)
        for module in ("connection", "producing", "publishing"):
            patch.setattr(f"broker.kafka.{module}.ANSWERS_WITHIN_S", WAITS_S)
        try:
            yield
        finally:
            assert count, f"no {request} was lost"
