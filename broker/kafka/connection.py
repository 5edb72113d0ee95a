"""How a Kafka is reached: its addresses, and the certificate that says who we are there."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.client import AIOKafkaClient
from aiokafka.cluster import ClusterMetadata
from aiokafka.errors import KafkaError, OffsetOutOfRangeError
from aiokafka.structs import BrokerMetadata

from broker.errors import EngineAway, SettingsRefused
from broker.settings import Cluster, beside

ANSWERS_WITHIN_S = 10.0
"""How long a question to the cluster may take. aiokafka waits for ever in places, so each is bounded."""
STOPS_WITHIN_S = 2.0
MESSAGE_BYTES_MAX = 16 * 2**20
"""What one record, or several that are written as one, may have. Topics are made for as much."""

_FIRST_GIVEN = -100
"""What the addresses that a client was given are called among the nodes, downwards; -1 is nobody's number."""
_ask_the_known = AIOKafkaClient._metadata_update


async def _ask_everybody(client: AIOKafkaClient, cluster: ClusterMetadata, topics: set[str]) -> bool:
    """Have a client hear of the nodes and leaders there are, also if all of those that it knows are gone.

    aiokafka 0.14 asks the nodes of which it heard last, and no others. A client that heard when one was alive is lost
    for good when that one dies, whoever is back by then. So the addresses that it was given are asked after them, as
    Java's clients do (KIP-899).
    """
    if await _ask_the_known(client, cluster, topics):
        return True
    for place, (host, port, _) in enumerate(client.hosts):
        node = _FIRST_GIVEN - place
        client.cluster._brokers[node] = BrokerMetadata(node, host, port, None)
    return bool(await _ask_the_known(client, cluster, topics))


AIOKafkaClient._metadata_update = _ask_everybody


@dataclass(frozen=True, slots=True)
class Connection:
    """What every client of one cluster is made with."""

    bootstrap: str
    """`HOST:PORT`, several with commas; one that answers is enough."""
    context: ssl.SSLContext | None = None
    """TLS as ourselves; None for plain text, on this machine alone."""

    @classmethod
    def of(cls, settings: Cluster, path: Path) -> "Connection":
        """How *settings*, which stand in the file *path*, say that it is reached.

        Raises:
            SettingsRefused: a certificate cannot be used.
        """
        if settings.certificate is None or settings.private_key is None:
            return cls(settings.bootstrap)
        authorities = None if settings.authorities is None else beside(path, settings.authorities)
        try:
            context = ssl.create_default_context(cafile=authorities)
            context.load_cert_chain(beside(path, settings.certificate), beside(path, settings.private_key))
        except (OSError, ssl.SSLError) as error:
            raise SettingsRefused(f"`{path}`: `kafka`: a certificate cannot be used: {error.strerror}") from error
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        return cls(settings.bootstrap, context)

    def arguments(self) -> dict[str, Any]:
        """What aiokafka's clients take."""
        if self.context is None:
            return {"bootstrap_servers": self.bootstrap}
        return {"bootstrap_servers": self.bootstrap, "security_protocol": "SSL", "ssl_context": self.context}


@asynccontextmanager
async def answers(beyond_s: float = 0) -> AsyncIterator[None]:
    """Say in our words that the cluster does not answer in time, or refuses.

    Args:
        beyond_s: Seconds that what is asked may take by itself.

    Raises:
        EngineAway: so it is.
    """
    try:
        async with asyncio.timeout(ANSWERS_WITHIN_S + beyond_s):
            yield
    except OffsetOutOfRangeError:  # an answer
        raise
    except (KafkaError, OSError) as error:  # a time-out is an OSError
        raise EngineAway(f"Kafka: {type(error).__name__}") from error


async def begun(starting: Coroutine[Any, Any, object], seconds: float = ANSWERS_WITHIN_S) -> None:
    """Start a client, but wait for no longer. It goes on a little if whoever asks is cancelled meanwhile: one that is
    cancelled while it connects leaves its connection behind.

    Raises:
        TimeoutError: it took too long.
        KafkaError, OSError: as it says.
    """
    task = asyncio.ensure_future(starting)
    await _waited(task, seconds)
    if not task.done() or task.cancelled():
        raise TimeoutError
    task.result()


async def within(seconds: float, ending: Coroutine[Any, Any, object]) -> bool:
    """Wait for a client to end, but not for longer. Returns whether it did.

    In a task of its own: a client whose own tasks were cancelled says so to whoever stops it, as if that one were; and
    it takes for one of these what tells whoever stops it to end, which would be forgotten.
    """
    task = asyncio.ensure_future(ending)
    await _waited(task, seconds)
    if not task.done() or task.cancelled() or isinstance(error := task.exception(), KafkaError | OSError):
        return False
    if error is not None:
        raise error
    return True


async def _waited(task: asyncio.Future[Any], seconds: float) -> None:
    """Wait until it is done, and cut it off after that time. Who is cancelled meanwhile is so shortly afterwards."""
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    cancelled: asyncio.CancelledError | None = None
    while not task.done() and (left := until - loop.time()) > 0:
        try:
            await asyncio.wait([task], timeout=left)
        except asyncio.CancelledError as error:
            cancelled = error
            until = min(until, loop.time() + STOPS_WITHIN_S)
    if not task.done():
        task.cancel()
        try:
            await asyncio.wait([task], timeout=seconds)
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        if task.done() and not task.cancelled():
            task.exception()
        raise cancelled


async def let_go(consumer: AIOKafkaConsumer) -> None:
    """Stop a consumer, and cut its connections if that takes too long."""
    if not await within(STOPS_WITHIN_S, consumer.stop()):
        await within(STOPS_WITHIN_S, consumer._client.close())


async def cut_off(producer: AIOKafkaProducer) -> None:
    """Let go of a producer that may have something to send, without sending it: `stop` alone would wait for that."""
    sender, accumulator = producer._sender.sender_task, producer._message_accumulator
    if sender is not None:
        sender.cancel()  # it waits for what is on its way; at the second time for nothing
        if not (await asyncio.wait([sender], timeout=STOPS_WITHIN_S))[0]:
            sender.cancel()
            await asyncio.wait([sender], timeout=STOPS_WITHIN_S)
    producer._closed = False  # a stop that was given up halfway is done to its end
    await within(STOPS_WITHIN_S, producer.stop())
    for task in asyncio.all_tasks():  # `stop` leaves one behind that waits for the sender
        frame = getattr(task.get_coro(), "cr_frame", None)
        if frame is not None and frame.f_locals.get("self") is accumulator:
            task.cancel()
    waiting = [batch for batches in accumulator._batches.values() for batch in batches] + [
        *accumulator._pending_batches
    ]
    futures = [batch._drain_waiter for batch in waiting] + [getattr(producer._txn_manager, "_transaction_waiter", None)]
    for future in futures:  # they say once more what our caller was told; and aloud, if nobody asks them
        if future is not None and future.done() and not future.cancelled():
            future.exception()
