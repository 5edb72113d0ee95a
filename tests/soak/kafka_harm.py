"""The faults that a hub on Kafka meets in a soak: each is made, put right again, and the time is taken until the next
letter came."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from aiokafka.protocol.metadata import MetadataRequest

from broker.dev import KafkaCluster
from broker.dev.node import Node, send
from broker.topics import INPUT, inbox
from tests.faults.stored import directory_of
from tests.soak.kafka_hub import PHASES, TAKING, TRANSACTION_S
from tests.soak.kafka_load import ANSWERS_S, KafkaLoad
from tests.soak.kafka_world import HubProcess, KafkaWorld

RECOVERS_S = 150
"""Until a letter must have come, on a machine that does other things."""
SLEEPS_S = TRANSACTION_S + 10 + 3
"""Longer than a session and a transaction: the cluster looks for those that have timed out every 10 s."""
_DARK_S = 8
_LOOK_S = 0.05


class Harm:
    """Makes faults, and watches the inboxes."""

    def __init__(self, world: KafkaWorld, load: KafkaLoad) -> None:
        """Against the processes of *world*."""
        self.world, self._load = world, load
        self._last_ms = 0
        self.failures: list[str] = []

    @asynccontextmanager
    async def watching(self) -> AsyncIterator["Harm"]:
        """Notice every letter, by the time at which the cluster got it, until the block ends."""
        watch = asyncio.create_task(self._watch())
        try:
            yield self
        finally:
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)

    async def _watch(self) -> None:
        while True:
            with suppress(KafkaError):  # so many nodes are away that it gives up: another begins anew
                await self._watch_by_one_client()
            await asyncio.sleep(_LOOK_S)

    async def _watch_by_one_client(self) -> None:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self.world.cluster.bootstrap,
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="latest",
        )
        try:
            await consumer.start()
            desks = directory_of(self.world.data).desks.values()
            consumer.assign([TopicPartition(inbox(desk.mailbox), 0) for desk in desks])
            while True:
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    self._last_ms = max(self._last_ms, records[-1].timestamp)
        finally:
            await consumer.stop()

    async def recovered(self, since_s: float) -> str:
        """Wait for a letter that is younger, and say how long it took."""
        until = time.monotonic() + RECOVERS_S
        while self._last_ms <= since_s * 1_000:
            if time.monotonic() > until:
                self.failures.append(f"no letter came within {RECOVERS_S} s")
                return "no letter came"
            await asyncio.sleep(_LOOK_S)
        return f"the next letter after {self._last_ms / 1_000 - since_s:.1f} s"

    async def met(self, phase: str, number: signal.Signals) -> tuple[HubProcess, float]:
        """Send whoever owns the lane a signal in this phase. Returns who it was, and when."""
        self.world.arm(phase, number)
        await until(lambda: self.world.met() is not None)
        hub = self.world.met()
        assert hub is not None
        at_s = time.time()
        gone = hub.is_stopped if number is signal.SIGSTOP else hub.is_dead
        await until(gone)
        return hub, at_s

    async def all_live(self) -> None:
        """Nobody but we may have ended a hub."""
        for hub in self.world.hubs:
            if hub.is_dead():
                self.failures.append(f"hub {hub.number} has ended by itself")
                await begin_again(hub)

    async def leads(self, place: TopicPartition) -> int:
        """The node that leads a partition."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.world.cluster.bootstrap)
        await admin.start()
        try:
            (topic,) = await admin.describe_topics([place.topic])
        finally:
            await admin.close()
        return int(next(each["leader"] for each in topic["partitions"] if each["partition"] == place.partition))

    async def up(self) -> None:
        """Start the nodes that are down."""
        await asyncio.to_thread(KafkaCluster.up, self.world.cluster.folder)
        await self.whole()

    async def whole(self) -> None:
        """Wait until each node has all that it missed: the end of the only one that has it would stop everything, and
        rightly. All of them must say so: one that has just come back says what was so before."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.world.cluster.bootstrap)
        await admin.start()
        try:
            async with asyncio.timeout(RECOVERS_S):
                for node in self.world.cluster.nodes:
                    while await _lagging(admin, node):  # noqa: ASYNC110 - no event tells it
                        await asyncio.sleep(_LOOK_S)
        finally:
            await admin.close()

    async def end_nodes(self, nodes: Iterable[int], number: signal.Signals) -> float:
        """End some nodes. Returns when the signal was sent."""
        chosen: list[Node] = [node for node in self.world.cluster.nodes if node.id in set(nodes)]
        at_s = time.time()
        send(chosen, number)
        await until(lambda: all(node.process() is None for node in chosen))
        return at_s

    async def in_the_dark(self) -> str:
        """Look on while the cluster cannot write: what was on its way may still be taken, and nothing else."""
        began = len(self._load.taken)
        await asyncio.sleep(ANSWERS_S)
        settled, failed = len(self._load.taken), self._load.failed()
        await asyncio.sleep(_DARK_S)
        if taken := len(self._load.taken) - settled:
            self.failures.append(f"{taken} notifications were taken while nothing could be written")
        said = self._load.failed() - failed
        wrong = [why for why in said if "503" not in why and "does not answer" not in why]
        self.failures += [f"while nothing could be written, a hub said: {why}" for why in wrong]
        return f"{settled - began} taken at the beginning, then none; {sum(said.values())} turned away"


async def _lagging(admin: AIOKafkaAdminClient, node: Node) -> bool:
    """Whether a copy of something lags behind, as far as this node knows, or it does not say: it has just come back."""
    try:
        topics = (await admin._send_request_to_node(node.id, MetadataRequest(None))).to_object()["topics"]
    except (KafkaError, TimeoutError):
        return True
    partitions = [partition for topic in topics for partition in topic["partitions"]]
    whole = [set(each["isr"]) == set(each["replicas"]) and each["leader"] >= 0 for each in partitions]
    return not whole or not all(whole)


async def until(holds: Callable[[], object]) -> None:
    """Wait until something that another process does has happened.

    Raises:
        TimeoutError: it does not.
    """
    async with asyncio.timeout(RECOVERS_S):
        while not holds():  # noqa: ASYNC110 - no event tells it
            await asyncio.sleep(_LOOK_S)


async def ready(hub: HubProcess, since: int = 0) -> None:
    """Wait until a hub that was started is ready.

    Raises:
        RuntimeError: it ended.
    """
    async with asyncio.timeout(RECOVERS_S):
        while b'"ready"' not in hub.log.read_bytes()[since:]:
            if hub.is_dead():
                raise RuntimeError(f"a hub ended: {hub.log.read_text(errors='replace')[-2_000:]}")
            await asyncio.sleep(_LOOK_S)


async def begin_again(hub: HubProcess) -> None:
    """Start a hub that has ended, and wait until it is ready."""
    since = hub.log.stat().st_size
    hub.start()
    await ready(hub, since)


def _killed(phase: str) -> Callable[[Harm], Awaitable[str]]:
    async def make(harm: Harm) -> str:
        hub, at_s = await harm.met(phase, signal.SIGKILL)
        after = await harm.recovered(at_s)
        await begin_again(hub)
        return after

    return make


async def _all_hubs_killed(harm: Harm) -> str:
    at_s = time.time()
    for hub in harm.world.hubs:
        hub.kill()
    for hub in harm.world.hubs:
        hub.start()
    return await harm.recovered(at_s)


async def _leader_killed(harm: Harm) -> str:
    return await _node_killed(harm, TopicPartition(INPUT, 0))


async def _coordinator_killed(harm: Harm) -> str:
    return await _node_killed(harm, TopicPartition("__transaction_state", 0))


async def _node_killed(harm: Harm, place: TopicPartition) -> str:
    at_s = await harm.end_nodes([await harm.leads(place)], signal.SIGKILL)
    after = await harm.recovered(at_s)
    await harm.up()
    return after


async def _rolling_restart(harm: Harm) -> str:
    said = []
    for node in harm.world.cluster.nodes:
        at_s = await harm.end_nodes([node.id], signal.SIGTERM)
        await harm.up()
        said.append(await harm.recovered(at_s))
    return "; ".join(said)


async def _two_of_three_down(harm: Harm) -> str:
    await harm.end_nodes([node.id for node in harm.world.cluster.nodes[:2]], signal.SIGKILL)
    dark = await harm.in_the_dark()
    await harm.up()
    return f"{dark}; {await harm.recovered(time.time())} of their return"


def _slept(phase: str) -> Callable[[Harm], Awaitable[str]]:
    async def make(harm: Harm) -> str:
        hub, at_s = await harm.met(phase, signal.SIGSTOP)
        after = await harm.recovered(at_s)
        await asyncio.sleep(max(0.0, at_s + SLEEPS_S - time.time()))
        woken_s = time.time()
        hub.send(signal.SIGCONT)
        return f"{after}; {await harm.recovered(woken_s)} of its waking"

    return make


async def _slept_while_taking(harm: Harm) -> str:
    """The owner dies; the next one falls asleep on its way to the lane, a third takes it, and the sleeper wakes."""
    killed, at_s = await harm.met(PHASES[2], signal.SIGKILL)
    sleeper, _ = await harm.met(TAKING, signal.SIGSTOP)
    await begin_again(killed)
    after = await harm.recovered(at_s)
    woken_s = time.time()
    sleeper.send(signal.SIGCONT)
    return f"{after}; {await harm.recovered(woken_s)} of its waking"


FAULTS: dict[str, Callable[[Harm], Awaitable[str]]] = {
    **{f"the owner is killed {phase}": _killed(phase) for phase in PHASES},
    "all hubs are killed": _all_hubs_killed,
    "the leader of the input is killed": _leader_killed,
    "the coordinator of transactions is killed": _coordinator_killed,
    "the nodes are restarted one by one": _rolling_restart,
    "two of three nodes are killed": _two_of_three_down,
    "the owner sleeps before send": _slept("before send"),
    "the owner sleeps before commit": _slept("before commit"),
    "an owner sleeps while it takes the lane": _slept_while_taking,
}
"""All of them, by what happens."""
