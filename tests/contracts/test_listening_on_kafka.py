"""What only Kafka can do to the application of a desk: headers, places of a group, records that are removed."""

import asyncio
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.errors import IllegalOperation, KafkaError
from faststream.exceptions import IncorrectState

from broker.app import desk_folder, hub_folder
from broker.cli.settings_file import desk_settings_text
from broker.client import Desk
from broker.client.inbox import Inbox
from broker.clock import SystemClock
from broker.dev import KafkaCluster
from broker.errors import SettingsRefused
from broker.kafka.administration import administered
from broker.kafka.connection import Connection
from broker.listening import by_kafka
from broker.listening.application import Batch, Hearing
from broker.listening.by_kafka import InboxBroker
from broker.listening.by_link import LinkBroker
from broker.sealing.rejection import Reason
from broker.topics import INBOXES, inbox
from tests.contracts.clock import MovedClock
from tests.contracts.engine import story
from tests.contracts.inboxes import Told, instead, told, until
from tests.contracts.kafka_clients import made, reached
from tests.faults.county import open_desk
from tests.personas import BLACKBURN_CHILDREN
from tests.processes import running


async def group_place(cluster: KafkaCluster, here: Told) -> int | None:
    """How far the desk's group is, as whoever watches sees it."""
    consumer = AIOKafkaConsumer(**reached(cluster), group_id=f"{here.mailbox}.desk", enable_auto_commit=False)
    await consumer.start()
    try:
        place: int | None = await consumer.committed(TopicPartition(inbox(here.mailbox), 0))
        return place
    finally:
        await consumer.stop()


async def put_with_headers(cluster: KafkaCluster, here: Told, *headers: tuple[str, bytes]) -> None:
    """A record of the inbox that says more than its value."""
    producer = AIOKafkaProducer(**reached(cluster))
    await producer.start()
    try:
        await producer.send_and_wait(inbox(here.mailbox), b"nothing of ours", key=b"a key", headers=[*headers])
    finally:
        await producer.stop()


@story
async def test_how_far_a_desk_is_is_said_once_its_store_has_it(kafka_cluster: KafkaCluster, tmp_path: Path) -> None:
    async with told(tmp_path, kafka_cluster) as here:
        await here.move(2)
        take = Inbox.take

        def breaks_at_the_second(inbox: Inbox, *arguments: Any) -> None:
            if here.letters():
                raise ZeroDivisionError
            take(inbox, *arguments)

        with instead(Inbox, "take", breaks_at_the_second), pytest.raises(ZeroDivisionError):
            await here.hear_all()
        before, letters = await group_place(kafka_cluster, here), here.letters()
        await here.hear_all()
        after = await group_place(kafka_cluster, here)

        assert letters == here.said[:1]
        assert before is None
        assert after is not None
        assert after >= here.children.inbox.place


@story
async def test_what_a_record_says_beside_its_value_keeps_nothing_from_the_desk_and_is_not_answered(
    kafka_cluster: KafkaCluster, tmp_path: Path
) -> None:
    async with told(tmp_path, kafka_cluster) as here:
        await here.move()
        await put_with_headers(kafka_cluster, here, ("kind", b"\xff"))
        await put_with_headers(kafka_cluster, here, ("reply_to", inbox(here.mailbox).encode()), ("correlation_id", b""))
        await here.move()
        await here.hear_all()
        await here.move()
        await here.hear_all()

        assert here.letters() == here.said
        assert [reason for _, reason in here.children.store.incidents()] == [Reason.FORM] * 2  # and no answer of ours


@story
async def test_a_desk_that_was_put_back_to_an_older_copy_hears_again_what_that_copy_lacks(
    kafka_cluster: KafkaCluster, tmp_path: Path
) -> None:
    async with told(tmp_path, kafka_cluster) as here:
        await here.move()
        await here.hear_all()
        home = tmp_path / "desks" / BLACKBURN_CHILDREN.name
        here.children.close()
        shutil.copytree(home, tmp_path / "copy")
        here.children = reopened(tmp_path, here)
        await here.move(2)
        await here.hear_all()
        here.children.close()
        shutil.rmtree(home)
        shutil.copytree(tmp_path / "copy", home)
        here.children = reopened(tmp_path, here)
        lacking = here.letters()
        await here.hear_all()
        letters = here.letters()
        here.children.close()

        assert lacking == here.said[:1]
        assert letters == here.said


@story
async def test_a_desk_that_was_away_until_kafka_removed_what_it_had_not_read_says_so_and_hears_the_rest(
    kafka_cluster: KafkaCluster, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "tellwise")
    async with told(tmp_path, kafka_cluster) as here:
        await here.move()
        await here.hear_all()
        place = here.children.inbox.place
        await here.move()
        first = await removed_up_to_here(kafka_cluster, here)
        await here.move()
        async with here.hearing():
            await until(lambda: here.letters()[-1] == here.said[-1])

        assert here.letters() == [here.said[0], here.said[2]]
        assert here.children.store.incidents() == [(place, Reason.GONE)]
        assert f'"expected": {place}' in caplog.text
        assert f'"found": {first}' in caplog.text


@story
async def test_a_desk_that_would_hear_where_inboxes_share_a_topic_is_told_where_it_can(
    kafka_cluster: KafkaCluster, tmp_path: Path
) -> None:
    async with told(tmp_path, kafka_cluster) as here:
        await made(kafka_cluster, INBOXES)
        try:
            async with here.hearing() as talking:
                await until(talking.done)
            with pytest.raises(SettingsRefused, match=r"`kafka.hears`: .* are heard at `hub_url`"):
                await talking
        finally:
            async with administered(Connection(kafka_cluster.bootstrap)) as cluster:  # others have theirs there
                await cluster.remove([INBOXES])
                while INBOXES in await cluster.topics():  # noqa: ASYNC110
                    await asyncio.sleep(0.05)  # what happens, happens in another process


@story
async def test_a_desk_whose_place_is_beyond_the_end_waits_and_passes_nothing_over(
    kafka_cluster: KafkaCluster, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "tellwise")
    async with told(tmp_path, kafka_cluster) as here:
        await here.move()
        with here.children.store.transaction():
            here.children.store.move("inbox", 1_000)
        async with here.hearing():
            await until(lambda: "hub.unreachable" in caplog.text)

        assert here.children.inbox.place == 1_000
        assert here.children.store.incidents() == []


@story
async def test_a_cluster_that_does_not_let_us_say_how_far_we_are_takes_nothing_from_us(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "tellwise")
    async with told(tmp_path, "log") as here:
        await here.move()
        await here.children.meet()
        hearing = Hearing(here.children, lambda _: None)
        items = tuple(await here.tellwise.edge.inbox(here.mailbox, 0, 100, 0))

        async def refused() -> None:
            raise KafkaError

        await hearing.take(Batch(items, refused))

        assert here.letters() == here.said
        assert not hearing.over.is_set()
        assert "KafkaError" in caplog.text


@pytest.mark.parametrize("bootstrap", ["127.0.0.1:9", None], ids=["no cluster", "no such topic"])
@story
async def test_a_cluster_that_is_not_there_or_has_no_inbox_for_us_is_waited_for_and_said(
    bootstrap: str | None,
    kafka_cluster: KafkaCluster,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO", "tellwise")
    monkeypatch.setattr(by_kafka, "_STARTS_WITHIN_S", 1.0)
    async with told(tmp_path, "log") as here:
        await here.move()
        here.way = partial(InboxBroker, Connection(bootstrap or kafka_cluster.bootstrap))
        async with here.hearing() as talking:
            await until(lambda: caplog.text.count("hub.unreachable") == 2)
            still_waiting = not talking.done()
        await talking
        here.way = LinkBroker
        await here.hear_all()

        assert still_waiting
        assert len(caplog.records) < 200  # it is not asked for without a pause
        assert here.letters() == here.said


@pytest.mark.parametrize(
    ("more", "strange"),
    [("", [Reason.FORM]), ("hears = false\nwrites = true\n", [])],
    ids=["that its settings name", "only if its settings say so"],
)
@story
async def test_an_adapter_hears_at_the_kafka(
    more: str, strange: list[Reason], kafka_cluster: KafkaCluster, tmp_path: Path
) -> None:
    async with told(tmp_path, kafka_cluster, SystemClock()) as here:
        await here.move(2)
        await put_with_headers(kafka_cluster, here)
        await here.move()
        here.children.close()
        home = desk_folder(tmp_path, BLACKBURN_CHILDREN.name)
        shutil.copy(hub_folder(tmp_path) / "trust.json", home)
        text = desk_settings_text(BLACKBURN_CHILDREN.name, here.url, "duty social worker", "01632 960001")
        (home / "desk.toml").write_text(f'{text}\n[kafka]\nbootstrap = "{kafka_cluster.bootstrap}"\n{more}')
        log = tmp_path / "adapter.log"

        with running(("adapter", "run", "jsonl", "--config", home / "desk.toml"), tmp_path, log):
            await until(lambda: log.read_text().count('{"letter":') == 3)
        here.children = reopened(tmp_path, here)
        letters, incidents = here.letters(), here.children.store.incidents()
        here.children.close()

        assert letters == here.said
        assert [reason for _, reason in incidents] == strange  # what lies on Kafka alone


@story
async def test_the_application_cannot_publish(kafka_cluster: KafkaCluster, tmp_path: Path) -> None:
    async with told(tmp_path, kafka_cluster) as here:
        await here.move()
        broker = InboxBroker(Connection(kafka_cluster.bootstrap), Hearing(here.children, lambda _: None))
        await broker.start()
        try:
            with pytest.raises((IncorrectState, IllegalOperation)):
                await broker.publish(b"said by nobody", inbox(here.mailbox))
        finally:
            await broker.stop()


async def removed_up_to_here(cluster: KafkaCluster, here: Told) -> int:
    """Kafka removes all that lies in the inbox, as it does with what is old. Returns the first number that is left."""
    partition = TopicPartition(inbox(here.mailbox), 0)
    consumer = AIOKafkaConsumer(**reached(cluster))
    admin = AIOKafkaAdminClient(**reached(cluster))
    await consumer.start()
    await admin.start()
    try:
        end: int = (await consumer.end_offsets([partition]))[partition]
        await admin.delete_records({partition: RecordsToDelete(before_offset=end)})
        async with asyncio.timeout(10):
            while (await consumer.beginning_offsets([partition]))[partition] < end:  # noqa: ASYNC110 - Kafka does it
                await asyncio.sleep(0.05)
    finally:
        await admin.close()
        await consumer.stop()
    return end


def reopened(folder: Path, here: Told) -> Desk:
    """The desk as it is in its folder now."""
    return open_desk(folder, BLACKBURN_CHILDREN.name, here.tellwise.edge, MovedClock())
