"""Whether the lane's producer slows down when what it sends is for many inboxes, of either kind."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from aiokafka.client import AIOKafkaClient

from broker.errors import EngineAway
from broker.kafka.administration import administered
from broker.kafka.connection import Connection
from broker.kafka.layout import DeskOnKafka, Shape, desk_topics
from broker.kafka.names import Names
from broker.kafka.producing import LaneProducer, Outgoing
from broker.kafka.showing import shown
from broker.settings import Retention
from broker.topics import INPUT, inbox
from schemas import Mailbox

FEW = 10
_LOOK_S = 0.1
_SHOWN_WITHIN_S = 60.0


@dataclass(frozen=True, slots=True)
class Spread:
    """What one producer does for few inboxes, and for many."""

    warm_up_s: float
    """From when it takes the lane until readers of all the inboxes are shown its first turn, a letter for each."""
    few_per_second: float
    """Letters, over ten inboxes."""
    many_per_second: float
    """Letters, over all."""


async def measure_inboxes(
    connection: Connection, names: Names, letter: bytes, *, inboxes: int, letters: int, seconds: float
) -> Spread:
    """Commit turns of a lane without a hub: one record a letter, and nothing else.

    Args:
        connection: The Kafka.
        names: With the topics of a hub. Inboxes that are topics are made, and go with them.
        letter: What each letter is.
        inboxes: How many there are.
        letters: How many go in one turn.
        seconds: How long to measure each.

    Raises:
        EngineAway, KafkaRefused, Fenced, OutcomeUnknown: it cannot be measured.
    """
    mailboxes = [Mailbox(f"bench-{number}") for number in range(inboxes)]
    shape = Shape(Retention(), copies=1, names=names)
    async with administered(connection) as cluster:
        made = [topic for mailbox in mailboxes for topic in desk_topics(DeskOnKafka(mailbox), shape)]
        await cluster.make(made)
        for topic in {names.place((inbox(mailbox), 0)).topic for mailbox in mailboxes}:
            while not await cluster.has_leaders(topic):  # noqa: ASYNC110
                await asyncio.sleep(_LOOK_S)  # no event tells it
    lane = (INPUT, 0)
    began_s = time.perf_counter()
    producer = LaneProducer(connection, names.transactional_id(lane))
    try:
        await producer.take([names.changelog(lane), names.ledger(lane)])
        first = _turn(names, mailboxes, letter, inboxes)
        await producer.commit(first)
        await _shown(connection, first)
        warm_up_s = time.perf_counter() - began_s
        few_per_second = await _rate(producer, _turn(names, mailboxes[:FEW], letter, letters), seconds)
        many_per_second = await _rate(producer, _turn(names, mailboxes, letter, letters), seconds)
    finally:
        await producer.close()
    return Spread(warm_up_s, few_per_second, many_per_second)


async def _shown(connection: Connection, turn: Sequence[Outgoing]) -> None:
    """Wait for a Kafka that is slow with inboxes in which nothing lay before: the next turn would wait for it too."""
    client = AIOKafkaClient(**connection.arguments())
    try:
        async with asyncio.timeout(_SHOWN_WITHIN_S):
            await client.bootstrap()
            await client.set_topics([letter.place.topic for letter in turn])
            await shown(client, {letter.place: 0 for letter in turn})
    except TimeoutError as error:
        raise EngineAway("Kafka: the first turn is not shown to readers") from error
    finally:
        await client.close()


def _turn(names: Names, mailboxes: Sequence[Mailbox], letter: bytes, letters: int) -> list[Outgoing]:
    inboxes = [inbox(mailbox) for mailbox in mailboxes]
    places = [(names.place((topic, 0)), names.headers(topic)) for topic in inboxes]
    return [
        Outgoing(place, letter, headers=headers)
        for place, headers in (places[number % len(places)] for number in range(letters))
    ]


async def _rate(producer: LaneProducer, turn: Sequence[Outgoing], seconds: float) -> float:
    await producer.commit(turn)  # what the turn before left to be done is done then
    count, began_s = 0, time.perf_counter()
    while not count or time.perf_counter() - began_s < seconds:
        await producer.commit(turn)
        count += len(turn)
    return count / (time.perf_counter() - began_s)
