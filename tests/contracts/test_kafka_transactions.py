"""What aiokafka's transactions do on a real Kafka: the facts on which an engine can rest, and those that it must know.

Seen first by hand; docs/decisions/0020 says what follows from each.
"""

import asyncio
import sys
import time

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import (
    IllegalOperation,
    KafkaConnectionError,
    MessageSizeTooLargeError,
    OutOfOrderSequenceNumber,
    ProducerFenced,
)

from broker.dev import KafkaCluster
from tests.contracts.kafka_clients import committed, of_its_own, owner, reader, run, send, topic, until, written

UNTIL_KILLED = """
import asyncio, sys
from aiokafka import AIOKafkaProducer
async def main(bootstrap, lane, topic):
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, transactional_id=lane, transaction_timeout_ms=60_000)
    await producer.start()
    await producer.begin_transaction()
    await producer.send_and_wait(topic, b"of the dead")
    print("sent", flush=True)
    await asyncio.sleep(60)
asyncio.run(main(*sys.argv[1:]))
"""


def test_what_is_committed_is_read_and_what_is_aborted_is_not(kafka_cluster: KafkaCluster) -> None:
    async def story() -> tuple[list[bytes], list[bytes], list[bytes]]:
        inbox = await topic(kafka_cluster, "inbox")
        async with owner(kafka_cluster, of_its_own("hub")) as lane:
            await lane.begin_transaction()
            await send(lane, inbox, b"one", b"two")
            before = await committed(kafka_cluster, inbox)
            await lane.commit_transaction()
            await lane.begin_transaction()
            await send(lane, inbox, b"never")
            await lane.abort_transaction()
        return before, await committed(kafka_cluster, inbox), await written(kafka_cluster, inbox)

    before, after, everything = run(story)

    assert before == []
    assert after == [b"one", b"two"]
    assert everything == [b"one", b"two", b"never"]


def test_a_reader_is_at_the_end_though_the_last_offsets_have_no_record(kafka_cluster: KafkaCluster) -> None:
    async def story() -> tuple[list[int], int, int]:
        changelog = await topic(kafka_cluster, "changelog", cleanup_policy="compact")
        async with owner(kafka_cluster, of_its_own("hub")) as lane:
            for value in (b"one", b"two"):
                async with lane.transaction():
                    await (await lane.send(changelog.topic, value, key=b"row"))
            await lane.begin_transaction()
            await (await lane.send(changelog.topic, b"never", key=b"row"))
            await lane.abort_transaction()
        async with reader(kafka_cluster, changelog, "read_committed") as restoring:
            end = (await restoring.end_offsets([changelog]))[changelog]
            offsets = []
            while await restoring.position(changelog) < end:
                batches = await restoring.getmany(changelog, timeout_ms=100)
                offsets += [record.offset for records in batches.values() for record in records]
            return offsets, await restoring.position(changelog), end

    offsets, position, end = run(story)

    assert offsets == [0, 2]
    assert position == end == 6


def test_a_new_owner_ends_the_old_ones_transaction_before_it_has_started(kafka_cluster: KafkaCluster) -> None:
    async def story() -> list[bytes]:
        inbox, lane = await topic(kafka_cluster, "inbox"), of_its_own("hub")
        async with owner(kafka_cluster, lane) as old:
            await old.begin_transaction()
            await send(old, inbox, b"of the old one")
            async with owner(kafka_cluster, lane) as new:
                with pytest.raises(ProducerFenced):
                    await send(old, inbox, b"of the old one, late")
                with pytest.raises(ProducerFenced):
                    await old.commit_transaction()
                async with new.transaction():
                    await send(new, inbox, b"of the new one")
        return await committed(kafka_cluster, inbox)

    assert run(story) == [b"of the new one"]


def test_after_it_was_fenced_a_producer_gives_errors_of_another_kind(kafka_cluster: KafkaCluster) -> None:
    async def story() -> None:
        inbox, lane = await topic(kafka_cluster, "inbox"), of_its_own("hub")
        async with owner(kafka_cluster, lane) as old, owner(kafka_cluster, lane):
            await old.begin_transaction()
            with pytest.raises(ProducerFenced):
                await send(old, inbox, b"late")
            with pytest.raises(IllegalOperation):
                await send(old, inbox, b"later")
            with pytest.raises(AssertionError, match="FATAL_ERROR"):
                await old.commit_transaction()
            with pytest.raises(AssertionError, match="FATAL_ERROR"):
                await old.abort_transaction()

    run(story)


def test_an_old_owner_that_sends_nothing_is_not_told(kafka_cluster: KafkaCluster) -> None:
    async def story() -> str:
        lane = of_its_own("hub")
        async with owner(kafka_cluster, lane) as old, owner(kafka_cluster, lane):
            async with old.transaction():
                pass
            return "committed"

    assert run(story) == "committed"  # so an empty transaction proves nothing


def test_a_transaction_that_takes_too_long_ends_like_a_take_over(kafka_cluster: KafkaCluster) -> None:
    async def story() -> tuple[float, list[bytes], list[bytes]]:
        inbox, lane = await topic(kafka_cluster, "inbox"), of_its_own("hub")
        async with (
            owner(kafka_cluster, lane, timeout_ms=1_000) as slow,
            owner(kafka_cluster, of_its_own("hub")) as other,
        ):
            await slow.begin_transaction()
            await send(slow, inbox, b"slow")
            began = time.monotonic()
            async with other.transaction():
                await send(other, inbox, b"of a neighbour")
            meanwhile = await committed(kafka_cluster, inbox)

            async def let_through() -> bool:
                return await committed(kafka_cluster, inbox) == [b"of a neighbour"]

            await until(let_through)
            waited_s = time.monotonic() - began
            with pytest.raises(ProducerFenced):
                await slow.commit_transaction()
        return waited_s, meanwhile, await committed(kafka_cluster, inbox)

    waited_s, meanwhile, after = run(story)

    assert meanwhile == []  # an open transaction holds up whoever reads the same inbox
    assert 1 <= waited_s < 10
    assert after == [b"of a neighbour"]


def test_a_commit_goes_through_without_a_record_that_nobody_waited_for(kafka_cluster: KafkaCluster) -> None:
    async def story() -> tuple[list[bytes], list[bytes]]:
        ledger = await topic(kafka_cluster, "ledger")
        inbox = await topic(kafka_cluster, "inbox", max_message_bytes="1000")
        async with owner(kafka_cluster, of_its_own("hub")) as lane:
            async with lane.transaction():
                entry = await lane.send(ledger.topic, b"entry")
                letter = await lane.send(inbox.topic, b"letter" * 1_000)
            await entry
            with pytest.raises(MessageSizeTooLargeError):
                await letter
        return await committed(kafka_cluster, ledger), await committed(kafka_cluster, inbox)

    entries, letters = run(story)

    assert (entries, letters) == ([b"entry"], [])  # half of it: so every send is waited for before the commit


def test_a_record_that_was_waited_for_and_refused_takes_all_with_it(kafka_cluster: KafkaCluster) -> None:
    async def story() -> list[bytes]:
        ledger = await topic(kafka_cluster, "ledger")
        inbox = await topic(kafka_cluster, "inbox", max_message_bytes="1000")
        async with owner(kafka_cluster, of_its_own("hub")) as lane:

            async def turn(letter: bytes) -> None:
                async with lane.transaction():
                    await send(lane, ledger, b"entry")
                    await send(lane, inbox, letter)

            with pytest.raises(MessageSizeTooLargeError):
                await turn(b"letter" * 1_000)
            with pytest.raises(OutOfOrderSequenceNumber):  # this producer can never write there again
                await turn(b"letter")
        return await committed(kafka_cluster, ledger)

    assert run(story) == []


def test_a_fence_at_the_commit_does_not_say_that_nothing_happened(
    kafka_cluster: KafkaCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> list[bytes]:
        inbox, lane = await topic(kafka_cluster, "inbox"), of_its_own("hub")
        async with owner(kafka_cluster, lane) as old:
            send_really = old.client.send

            async def reply_lost_and_taken_over(node: int, request: object, **more: object) -> object:
                answer = await send_really(node, request, **more)
                if type(request).__name__.startswith("EndTxn"):
                    monkeypatch.undo()
                    async with owner(kafka_cluster, lane):
                        raise KafkaConnectionError
                return answer

            monkeypatch.setattr(old.client, "send", reply_lost_and_taken_over)
            await old.begin_transaction()
            await send(old, inbox, b"letter")
            with pytest.raises(ProducerFenced):
                await old.commit_transaction()
        return await committed(kafka_cluster, inbox)

    assert run(story) == [b"letter"]


def test_positions_move_with_the_transaction_that_they_are_in(kafka_cluster: KafkaCluster) -> None:
    async def story() -> list[int | None]:
        inputs, group = await topic(kafka_cluster, "outbox"), of_its_own("hub")
        positions = []
        async with owner(kafka_cluster, of_its_own("hub")) as lane:
            for offset, commits in ((7, True), (9, False)):
                await lane.begin_transaction()
                await lane.send_offsets_to_transaction({inputs: offset}, group)
                positions.append(await position(group, inputs))
                await (lane.commit_transaction() if commits else lane.abort_transaction())
                positions.append(await position(group, inputs))
        return positions

    async def position(group: str, partition: TopicPartition) -> int | None:
        consumer = AIOKafkaConsumer(bootstrap_servers=kafka_cluster.bootstrap, group_id=group, enable_auto_commit=False)
        await consumer.start()
        try:
            offset: int | None = await consumer.committed(partition)
            return offset
        finally:
            await consumer.stop()

    assert run(story) == [None, 7, 7, 7]


def test_readers_go_on_at_once_when_somebody_takes_over_from_the_dead(kafka_cluster: KafkaCluster) -> None:
    async def story() -> tuple[list[bytes], list[bytes]]:
        inbox, lane = await topic(kafka_cluster, "inbox"), of_its_own("hub")
        arguments = ["-c", UNTIL_KILLED, kafka_cluster.bootstrap, lane, inbox.topic]
        process = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdout=asyncio.subprocess.PIPE)
        assert process.stdout is not None
        assert await process.stdout.readline() == b"sent\n"
        process.kill()
        await process.wait()
        async with owner(kafka_cluster, of_its_own("hub")) as other, other.transaction():
            await send(other, inbox, b"of a neighbour")
        held_up = await committed(kafka_cluster, inbox)
        async with owner(kafka_cluster, lane):  # 60 s before the transaction of the dead would have timed out
            return held_up, await committed(kafka_cluster, inbox)

    assert run(story) == ([], [b"of a neighbour"])


def test_a_topic_has_the_settings_it_was_made_with_and_a_refusal_is_no_exception(kafka_cluster: KafkaCluster) -> None:
    async def story() -> tuple[dict[str, str], int]:
        changelog = await topic(kafka_cluster, "changelog", cleanup_policy="compact", max_message_bytes="262144")
        admin = AIOKafkaAdminClient(bootstrap_servers=kafka_cluster.bootstrap)
        await admin.start()
        try:
            again = await admin.create_topics([NewTopic(changelog.topic, 1, 1)])
            described = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, changelog.topic)])
        finally:
            await admin.close()
        settings = {entry[0]: entry[1] for entry in described[0].resources[0][4]}
        return settings, again.topic_errors[0][1]

    settings, refused = run(story)

    assert (settings["cleanup.policy"], settings["max.message.bytes"]) == ("compact", "262144")
    assert refused == 36  # Kafka's protocol, error codes: TOPIC_ALREADY_EXISTS
