"""Topics of a hub that lives once, on a Kafka that may hold others: a rehearsal's, or a bench's. They go with it."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from broker.engines import OpenEngine
from broker.errors import EngineAway, KafkaRefused, TopicsLeft
from broker.kafka.administration import administered
from broker.kafka.connection import Connection
from broker.kafka.engine import on_kafka
from broker.kafka.names import Names
from broker.kafka.needs import Needs
from broker.kafka.provisioning import apply
from broker.settings import Inboxes, Retention

_REMOVED_WITHIN_S = 20


@asynccontextmanager
async def throwaway(connection: Connection, lanes: int = 1, inboxes: Inboxes = "topics") -> AsyncIterator[Names]:
    """Names that nobody has, with the topics of a hub that has no desks yet. All topics of these names are removed in
    the end, also after a failure or Ctrl-C.

    Args:
        connection: To a Kafka for trying out, in plain text: one copy of everything will do.
        lanes: How many the hub has.
        inboxes: Where the hub's inboxes lie.

    Raises:
        ClusterUnfit, EngineAway, KafkaRefused: they cannot be made.
        TopicsLeft: they cannot be removed.
    """
    names = Names(f"throwaway-{secrets.token_hex(8)}.", inboxes)
    # Rights, where the Kafka knows any, are given to a principal that nobody is: nobody else's are looked at.
    needs = Needs((), Retention(), principal=names.lanes, lanes=lanes, allow_unsafe=True, names=names)
    async with administered(connection):
        pass  # somebody answers; else there would be nothing to remove
    try:
        await apply(connection, needs)
        yield names
    finally:
        await _remove(connection, names)


def engine_of(connection: Connection, names: Names, lanes: int = 1) -> OpenEngine:
    """What opens a hub of so many lanes on topics that `throwaway` made."""
    return on_kafka(connection, Retention(), allow_unsafe_topics=True, names=names, lanes=lanes)


async def _remove(connection: Connection, names: Names) -> None:
    # LIMIT: the group's positions go with its topics; the transactional id stays until Kafka forgets it, in a week.
    try:
        async with asyncio.timeout(_REMOVED_WITHIN_S), administered(connection) as cluster:
            await cluster.remove([name for name in await cluster.topics() if name.startswith(names.prefix)])
    except (TimeoutError, EngineAway, KafkaRefused) as error:
        raise TopicsLeft(f"topics are left behind whose names begin with `{names.prefix}`") from error
