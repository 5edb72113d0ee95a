"""Inboxes that share a topic: each desk is given its own, and a hub that looks for it does not read all of the rest."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import apsw
import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from broker.dev import KafkaCluster
from broker.errors import EngineAway, RecordsGone
from broker.kafka.connection import Connection
from broker.kafka.inbox_index import InboxIndex
from broker.kafka.inboxes import SHARDS, headers_to, shard_of
from broker.kafka.names import Names
from broker.kafka.shards import Shards
from broker.kafka.transport import KafkaTransport
from broker.topics import INBOXES, inbox
from schemas import Mailbox
from tests.contracts.kafka_clients import of_its_own, run
from tests.contracts.kafka_engine import make_topics
from tests.kafka.stories import a_mailbox


def neighbours(count: int) -> list[Mailbox]:
    """Mailboxes of desks whose inboxes lie in one partition."""
    first = a_mailbox()
    found = [first]
    while len(found) < count:
        if shard_of(another := a_mailbox()) == shard_of(first):
            found.append(another)
    return found


HOUSING, PROBATION = neighbours(2)
SHARD = shard_of(HOUSING)
ELSEWHERE = next(mailbox for mailbox in iter(a_mailbox, None) if shard_of(mailbox) != SHARD)


@dataclass(frozen=True, slots=True)
class Here:
    """A topic of its own on the cluster, and where its index lies."""

    names: Names
    connection: Connection
    index: Path

    @asynccontextmanager
    async def hub(self) -> AsyncIterator[KafkaTransport]:
        """What one process of the hub reads and writes with."""
        transport = KafkaTransport(self.connection, self.names)
        transport.keep_index(self.index)
        try:
            yield transport
        finally:
            await transport.close()

    @property
    def place(self) -> TopicPartition:
        """The partition in which the two neighbours' inboxes lie."""
        return TopicPartition(self.names.topic(INBOXES), SHARD)

    async def remove_before(self, number: int) -> None:
        """Kafka removes what lies before this number, as it does when it was there for long enough."""
        admin = AIOKafkaAdminClient(**self.connection.arguments())
        await admin.start()
        try:
            await admin.delete_records({self.place: RecordsToDelete(number)})
        finally:
            await admin.close()

    async def write(self, value: bytes, *headers: tuple[str, bytes]) -> None:
        """A record in that partition, whosever it says that it is."""
        producer = AIOKafkaProducer(**self.connection.arguments())
        await producer.start()
        try:
            await producer.send_and_wait(self.place.topic, value, partition=SHARD, headers=[*headers])
        finally:
            await producer.stop()


@pytest.fixture
def here(kafka_cluster: KafkaCluster, tmp_path: Path) -> Here:
    names = Names(of_its_own("hub") + ".", "shared")
    asyncio.run(make_topics(kafka_cluster.bootstrap, names.prefix, {INBOXES: SHARDS}))
    return Here(names, Connection(kafka_cluster.bootstrap), tmp_path / "hub.inboxes")


async def say(hub: KafkaTransport, mailbox: Mailbox, *letters: bytes) -> Sequence[int]:
    return await hub.publish(inbox(mailbox), letters)


async def hear(hub: KafkaTransport, mailbox: Mailbox, start: int = 0, wait_ms: int = 0) -> list[tuple[int, bytes]]:
    return [(record.offset, record.value) for record in await hub.read(inbox(mailbox), start, 1_000, wait_ms)]


def test_each_desk_is_given_its_own_and_nothing_of_its_neighbours(here: Here) -> None:
    async def story() -> tuple[list[bytes], list[bytes], list[bytes]]:
        async with here.hub() as hub:
            for number in range(20):
                await say(hub, HOUSING, b"to housing %d" % number)
                await say(hub, PROBATION, b"to probation %d" % number)
            await say(hub, ELSEWHERE, b"to somebody else")
            for who in (HOUSING, ELSEWHERE):
                await hear(hub, who)
        async with here.hub() as hub:  # nothing of it came a moment ago
            heard = [[value for _, value in await hear(hub, who)] for who in (HOUSING, PROBATION, ELSEWHERE)]
        return heard[0], heard[1], heard[2]

    housing, probation, elsewhere = run(story)

    assert housing == [b"to housing %d" % number for number in range(20)]
    assert probation == [b"to probation %d" % number for number in range(20)]
    assert elsewhere == [b"to somebody else"]


def test_a_record_that_does_not_say_just_once_whose_it_is_is_given_to_nobody(here: Here) -> None:
    [ours], [theirs], [far] = headers_to(HOUSING), headers_to(PROBATION), headers_to(ELSEWHERE)

    async def story() -> dict[Mailbox, list[bytes]]:
        await here.write(b"to nobody")
        await here.write(b"to both", ours, theirs)
        await here.write(b"to another under its name", ("from", ours[1]))
        await here.write(b"to one who is not here", far)
        await here.write(b"to nobody who could be", ("to", b"\xff\xfe"))
        async with here.hub() as hub:
            await say(hub, HOUSING, b"to housing")
            heard = {who: await hear(hub, who) for who in (HOUSING, PROBATION, ELSEWHERE)}
        async with here.hub() as hub:
            again = {who: await hear(hub, who) for who in (HOUSING, PROBATION, ELSEWHERE)}
        assert again == heard
        return {who: [value for _, value in found] for who, found in heard.items()}

    assert run(story) == {HOUSING: [b"to housing"], PROBATION: [], ELSEWHERE: []}


async def tell_both(hub: KafkaTransport) -> None:
    """Something for each of the neighbours, which the hub has looked at."""
    await say(hub, HOUSING, b"to housing")
    await say(hub, PROBATION, b"to probation")
    await hear(hub, HOUSING)


def exchange(index: Path) -> None:
    """Let an index say of what is for housing that it is for probation, and the other way round."""
    file = apsw.Connection(str(index))
    file.execute("UPDATE mailbox SET name = CASE name WHEN ? THEN 'x' ELSE ? END", (HOUSING, HOUSING)).fetchall()
    file.execute("UPDATE mailbox SET name = ? WHERE name = 'x'", (PROBATION,)).fetchall()
    file.close()


def test_an_index_that_says_another_s_record_is_ours_is_not_believed(here: Here) -> None:
    async def story() -> tuple[list[bytes], list[bytes]]:
        async with here.hub() as hub:
            await tell_both(hub)
        exchange(here.index)
        async with here.hub() as hub:
            with pytest.raises(EngineAway, match="made anew"):
                await hear(hub, HOUSING)
            return [value for _, value in await hear(hub, HOUSING)], [value for _, value in await hear(hub, PROBATION)]

    assert run(story) == ([b"to housing"], [b"to probation"])


def test_it_is_not_believed_either_of_what_came_a_moment_ago(here: Here) -> None:
    async def story() -> tuple[list[bytes], list[bytes]]:
        async with here.hub() as hub:
            await tell_both(hub)
            index: Any = hub._inboxes._index
            await index.keep()
            exchange(here.index)
            with pytest.raises(EngineAway, match="made anew"):
                await hear(hub, HOUSING)
            return [value for _, value in await hear(hub, HOUSING)], [value for _, value in await hear(hub, PROBATION)]

    assert run(story) == ([b"to housing"], [b"to probation"])


def test_what_is_read_again_is_kept_once(here: Here) -> None:
    async def story() -> list[int]:
        async with here.hub() as hub:
            await say(hub, HOUSING, b"to housing")
            await hear(hub, HOUSING)
            shards: Any = hub._inboxes._shards
            for _ in range(3):
                shards.distrust(SHARD)
                await hear(hub, HOUSING)
            return [shards._recent_bytes, len(shards._recent)]

    assert run(story) == [len(b"to housing"), 1]


def test_an_index_of_another_topic_is_not_believed_and_made_anew(here: Here, kafka_cluster: KafkaCluster) -> None:
    other = replace(here, names=Names(of_its_own("hub") + ".", "shared"))

    async def story() -> tuple[list[bytes], list[bytes]]:
        await make_topics(kafka_cluster.bootstrap, other.names.prefix, {INBOXES: SHARDS})
        async with here.hub() as hub:
            await say(hub, HOUSING, b"one", b"two", b"three")
            await hear(hub, HOUSING)
        async with other.hub() as hub:
            await say(hub, PROBATION, b"an older one", b"a later one")
            await say(hub, HOUSING, b"another one")
            there = [value for _, value in await hear(hub, HOUSING)]
        async with here.hub() as hub:
            return there, [value for _, value in await hear(hub, HOUSING)]

    assert run(story) == ([b"another one"], [b"one", b"two", b"three"])


def test_whoever_has_no_index_any_more_is_given_the_same(here: Here) -> None:
    async def story() -> list[list[tuple[int, bytes]]]:
        found: list[list[tuple[int, bytes]]] = []
        for _ in range(3):
            async with here.hub() as hub:
                if not found:
                    await say(hub, HOUSING, *(b"letter %d" % number for number in range(10)))
                found.append(await hear(hub, HOUSING, 3))
            if len(found) == 1:
                for file in here.index.parent.glob(f"{here.index.name}*"):
                    file.unlink()
        return found

    first, without, again = run(story)

    assert first == without == again
    assert [number for number, _ in first] == list(range(3, 10))


def test_a_hub_that_starts_again_reads_no_more_than_what_came_meanwhile(here: Here) -> None:
    async def story() -> tuple[list[int], list[tuple[int, bytes]]]:
        async with here.hub() as hub:
            await say(hub, PROBATION, *(b"letter %d" % number for number in range(500)))
            await hear(hub, PROBATION)
            await say(hub, HOUSING, b"one more")
        async with here.hub() as hub:
            await hear(hub, HOUSING)
            await say(hub, HOUSING, b"and another")
            heard = await hear(hub, HOUSING)
        index = InboxIndex(here.index)
        places = [TopicPartition(here.names.topic(INBOXES), shard) for shard in range(SHARDS)]
        shards = Shards(here.connection, places, index)
        try:
            await shards.start()
            await hub_says(here, b"the last")
            await shards.catch_up(SHARD)
            whose = (HOUSING, PROBATION)
            return [n for n in range(503) if any(shards.recent(mailbox, n) is not None for mailbox in whose)], heard
        finally:
            await shards.close()
            await index.close()

    read, heard = run(story)

    assert heard == [(500, b"one more"), (501, b"and another")]
    assert read == [502]


def test_who_heard_nothing_for_long_is_not_told_that_something_is_gone(here: Here) -> None:
    async def story() -> tuple[list[tuple[int, bytes]], int, list[tuple[int, bytes]]]:
        async with here.hub() as hub:
            await say(hub, HOUSING, b"long ago")
            await say(hub, PROBATION, *(b"letter %d" % number for number in range(50)))
            await say(hub, HOUSING, b"a moment ago")
            quiet = await hear(hub, HOUSING, 1)
            await here.remove_before(40)
        async with here.hub() as hub:
            assert await hear(hub, HOUSING, 1) == quiet
            with pytest.raises(RecordsGone) as gone:
                await hear(hub, PROBATION, 5)
        async with here.hub() as hub:
            rest = await hear(hub, PROBATION, gone.value.first)
        return quiet, gone.value.first, rest

    quiet, first, rest = run(story)

    assert quiet == [(51, b"a moment ago")]
    assert first == 40
    assert [number for number, _ in rest] == list(range(40, 51))


def test_what_was_removed_while_no_hub_was_at_work_is_told_to_those_who_had_it(here: Here) -> None:
    async def story() -> tuple[list[tuple[int, bytes]], int]:
        async with here.hub() as hub:
            await say(hub, HOUSING, b"long ago")
            await say(hub, PROBATION, *(b"letter %d" % number for number in range(50)))
            await hear(hub, HOUSING)
        await hub_says(here, b"to housing, while no hub was at work")
        await here.remove_before(51)
        async with here.hub() as hub:
            with pytest.raises(RecordsGone) as gone:
                await hear(hub, PROBATION, 5)
            assert await hear(hub, PROBATION, gone.value.first) == []
            return await hear(hub, HOUSING, 1), gone.value.first

    quiet, first = run(story)

    assert [value for _, value in quiet] == [b"to housing, while no hub was at work"]
    assert first == 51


def test_an_index_that_knows_not_what_was_before_it_says_so_to_whoever_was_there(here: Here) -> None:
    async def story() -> tuple[int, list[tuple[int, bytes]], list[tuple[int, bytes]]]:
        async with here.hub() as hub:
            await say(hub, PROBATION, *(b"letter %d" % number for number in range(50)))
            await say(hub, HOUSING, b"to housing")
        await here.remove_before(30)
        async with here.hub() as hub:  # without an index
            with pytest.raises(RecordsGone) as gone:
                await hear(hub, HOUSING, 7)
            return gone.value.first, await hear(hub, HOUSING, gone.value.first), await hear(hub, HOUSING, 0)

    first, rest, new = run(story)

    assert first == 30
    assert rest == new == [(50, b"to housing")]


def test_many_desks_wait_at_once_by_the_same_few_connections(here: Here) -> None:
    waiting = neighbours(200)

    async def story() -> tuple[int, dict[Mailbox, list[bytes]]]:
        async with here.hub() as hub:
            await say(hub, ELSEWHERE, b"the first")
            await hear(hub, ELSEWHERE)
            before = open_files()
            asking = {who: asyncio.create_task(hear(hub, who, wait_ms=20_000)) for who in waiting}
            _, still = await asyncio.wait(asking.values(), timeout=1)
            more = open_files() - before
            assert len(still) == len(waiting)
            for who in waiting:
                await say(hub, who, who.encode())
            async with asyncio.timeout(5):
                return more, {who: [value for _, value in await task] for who, task in asking.items()}

    more, heard = run(story)

    assert heard == {who: [who.encode()] for who in waiting}
    assert more < 10


def test_nobody_is_given_what_a_turn_took_back(here: Here) -> None:
    async def story() -> tuple[list[bytes], list[bytes]]:
        producer = AIOKafkaProducer(**here.connection.arguments(), transactional_id=of_its_own("lane"))
        headers = [*headers_to(HOUSING)]
        await producer.start()
        try:
            async with here.hub() as hub:
                await producer.begin_transaction()
                await producer.send_and_wait(here.place.topic, b"taken back", partition=SHARD, headers=headers)
                undecided = await hear(hub, HOUSING)
                await producer.abort_transaction()
                await say(hub, HOUSING, b"said")
                heard = await hear(hub, HOUSING, wait_ms=5_000)  # until the mark of what was taken back is written
        finally:
            await producer.stop()
        return [value for _, value in undecided], [value for _, value in heard]

    assert run(story) == ([], [b"said"])


async def hub_says(here: Here, letter: bytes) -> None:
    """A hub elsewhere, which has nothing to do with our index, tells housing something."""
    hub = KafkaTransport(here.connection, here.names)
    try:
        await say(hub, HOUSING, letter)
    finally:
        await hub.close()


def open_files() -> int:
    """What this process has open, connections above all."""
    return len(list(Path("/dev/fd").iterdir()))
