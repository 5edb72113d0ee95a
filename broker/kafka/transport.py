"""The engine for many machines: topics, lanes and sealed state on Apache Kafka.

Who owns a lane is agreed in a consumer group; that nobody else writes for it is kept by its producer's epoch. The group
may be late or wrong, and nothing comes of it but a lane that is taken once more.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import chain
from pathlib import Path

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from aiokafka.errors import IllegalStateError, KafkaError
from aiokafka.protocol.group import LeaveGroupRequest
from aiokafka.structs import OffsetAndMetadata

from broker import telemetry
from broker.errors import Fenced, TellwiseError
from broker.kafka.connection import ANSWERS_WITHIN_S, STOPS_WITHIN_S, Connection, answers, begun, within
from broker.kafka.home import Home
from broker.kafka.lane import KafkaLane
from broker.kafka.names import Names
from broker.kafka.publishing import Publisher
from broker.kafka.reading import Readers
from broker.kafka.shared_inboxes import SharedInboxes
from broker.ports import Assigned, LaneEvent, Partition, Record
from broker.transport.events import Events

SESSION_S = 10.0
"""After which the group gives away the lanes of a process that is silent."""
_SESSIONS_JOINING = 3
"""So many may pass until the group has let somebody in: one for each member that died meanwhile."""
_AGAIN_S = 0.5
_TOLD_EVERY_S = 1.0
_NEVER_MS = 2**31 - 1


class KafkaTransport:
    """`Transport` on Kafka. Any number of processes; each lane has one owner among them.

    Its topics must be there: see provisioning.py.
    """

    def __init__(self, connection: Connection, names: Names | None = None, *, session_s: float = SESSION_S) -> None:
        """Nothing is reached before the first question.

        Args:
            connection: How the cluster is reached.
            names: What things are called there.
            session_s: How long a process may be silent before another is given its lanes.
        """
        self._connection, self._names, self._session_s = connection, names or Names(), session_s
        self._publisher = Publisher(connection)
        self._readers = Readers(connection)
        self._inboxes = SharedInboxes(connection, self._names)
        self._home = Home()
        self._shares: list[_Share] = []
        self._admin: AIOKafkaAdminClient | None = None
        self._asking = asyncio.Lock()

    def keep_index(self, path: Path) -> None:
        """Keep in this file what is whose where inboxes share a topic, also for the next start; no other process uses
        it. Before the first of them is read. Otherwise it goes with us."""
        self._inboxes.path = path

    async def publish(self, topic: str, values: Sequence[bytes], *, partition: int = 0) -> Sequence[int]:
        """See `Transport.publish`. Raises EngineAway and OutcomeUnknown, too."""
        if not values:
            return ()
        place, headers = self._names.place((topic, partition)), self._names.headers(topic)
        return await self._home.of(self._publisher.publish(place, values, headers))

    async def read(
        self, topic: str, start: int, records_max: int, wait_ms: int, *, partition: int = 0
    ) -> Sequence[Record]:
        """See `Transport.read`. Raises EngineAway, too; of an inbox that shares a topic also what its index raises."""
        return await self._home.of(self._read((topic, partition), start, records_max, wait_ms))

    async def _read(self, partition: Partition, start: int, records_max: int, wait_ms: int) -> Sequence[Record]:
        mailbox = self._names.sharing(partition[0])
        if mailbox is not None:
            ours = await self._inboxes.read(mailbox, start, records_max, wait_ms)
            return [Record(*partition, number, value) for number, value in ours]
        async with self._readers.one(self._names.place(partition)) as reader:
            found = await reader.read(start, records_max, wait_ms)
        return [Record(*partition, record.offset, record.value) for record in found]

    @asynccontextmanager
    async def lanes(self, topics: Sequence[tuple[str, int]]) -> AsyncIterator[AsyncIterator[LaneEvent]]:
        """See `Transport.lanes`. All of one kind: over the input, over doors, or over desks' outboxes. Nobody is
        refused: who comes later is given its share, or waits until one is free."""
        self._home.begin()
        (group,) = {self._names.group(topic) for topic, _ in topics}
        events = Events()
        share = _Share(self._connection, self._names, topics, events)
        consumer = AIOKafkaConsumer(
            **self._connection.arguments(),
            group_id=group,
            enable_auto_commit=False,
            auto_offset_reset="latest",
            isolation_level="read_committed",
            session_timeout_ms=int(self._session_s * 1_000),
            heartbeat_interval_ms=int(self._session_s * 1_000 / 4),
            partition_assignment_strategy=[_assignor()],
            max_poll_interval_ms=_NEVER_MS,  # it reads nothing: it is there to be a member
            # The group answers who wants to join when those that died have timed out. Whoever asked again just then
            # would have everybody join once more, and the next one who died would be waited for: for ever.
            request_timeout_ms=int((ANSWERS_WITHIN_S + self._session_s) * 1_000),
        )
        share.consumer = consumer
        self._shares.append(share)
        consumer.subscribe(sorted({self._names.topic(topic) for topic, _ in topics}), listener=share)
        telling = asyncio.create_task(share.tell_positions())
        try:
            joining_s = _SESSIONS_JOINING * self._session_s
            async with answers(joining_s):
                await begun(consumer.start(), ANSWERS_WITHIN_S + joining_s)
            yield events
        finally:
            telling.cancel()
            events.end()
            self._shares.remove(share)
            await share.give_up()
            await _left(consumer)

    def owned(self, topic: str, partition: int = 0) -> KafkaLane | None:
        """The lane over this partition, if it is ours now."""
        lanes = (share.lane(self._names.place((topic, partition))) for share in self._shares)
        return next((lane for lane in lanes if lane is not None and not lane.is_lost), None)

    async def behind(self, partitions: Sequence[Partition]) -> int | None:
        """About how many records the lanes over these partitions have yet to deal with, whoever owns them; None if one
        never had an owner. What the group holds of it is a second old at most, and no lane ever goes by it.

        Raises:
            EngineAway: the cluster does not answer.
        """
        of_groups: dict[str, list[TopicPartition]] = {}
        for partition in partitions:
            of_groups.setdefault(self._names.group(partition[0]), []).append(self._names.place(partition))
        async with self._asking:
            try:
                async with answers():
                    if self._admin is None:
                        self._admin = AIOKafkaAdminClient(**self._connection.arguments())
                        await begun(self._admin.start())
                    positions: dict[TopicPartition, OffsetAndMetadata] = {}
                    for group, members in of_groups.items():
                        positions |= await self._admin.list_consumer_group_offsets(group, partitions=members)
            except BaseException:
                await self._let_go_of_admin()  # the next question begins anew
                raise
        behind = 0
        for place in chain.from_iterable(of_groups.values()):
            found = positions.get(place)  # absent while the group's coordinator is not ready
            if found is None or found.offset < 0:
                return None
            async with self._readers.one(place) as reader:
                behind += max(0, await reader.end() - int(found.offset))
        return behind

    async def close(self) -> None:
        """See `Transport.close`."""
        await self._let_go_of_admin()
        await self._publisher.close()
        await self._inboxes.close()
        await self._readers.close()

    async def _let_go_of_admin(self) -> None:
        admin, self._admin = self._admin, None
        if admin is not None:
            await within(STOPS_WITHIN_S, admin.close())


async def _left(consumer: AIOKafkaConsumer) -> None:
    """Stop being a member of the group.

    Whoever is still being let in is a member already, and on its own connection nothing is heard before it is let in.
    The group must hear of it all the same, or it waits for that one until it has timed out.
    """
    if await within(STOPS_WITHIN_S, consumer.stop()):
        return
    member = consumer._coordinator
    if member is not None and member.member_id and member.coordinator_id is not None:
        leaving = LeaveGroupRequest(member.group_id, member.member_id)
        await within(STOPS_WITHIN_S, consumer._client.send(member.coordinator_id, leaving))
    await within(STOPS_WITHIN_S, consumer._client.close())


def _assignor() -> type[StickyPartitionAssignor]:
    """Keeps lanes where they are, as long as the shares are even. A class of its own, since classes remember."""
    return type("Sticky", (StickyPartitionAssignor,), {})


class _Share(ConsumerRebalanceListener):  # type: ignore[misc]
    """The lanes that the group has given to this process. aiokafka calls it, and swallows whatever it raises."""

    consumer: AIOKafkaConsumer

    def __init__(self, connection: Connection, names: Names, wanted: Iterable[Partition], events: Events) -> None:
        self._connection, self._names, self._events = connection, names, events
        self._wanted = {names.place(partition): partition for partition in wanted}
        self._taking: dict[TopicPartition, asyncio.Task[None]] = {}
        self._lanes: dict[TopicPartition, KafkaLane] = {}
        self._begun: set[asyncio.Task[None]] = set()
        self._is_over = False

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        """Let nothing be in flight: the group is being rearranged, and says afterwards whose they are."""
        await asyncio.gather(*(lane.pause() for place, lane in self._lanes.items() if place in revoked))

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """Go on with what is still ours, give up what is not, and begin to take what is new.

        The group waits for this to return and does not hear of us meanwhile, so nothing is waited for here.
        """
        if self._is_over:  # we are leaving, and the group does not know it yet
            return
        with suppress(IllegalStateError):  # the group has changed its mind meanwhile
            self.consumer.pause(*assigned)
        for place in list(self._taking):
            if place not in assigned:
                self._begin(self._released(place))
        for place in sorted(assigned & set(self._wanted)):
            lane = self._lanes.get(place)
            if lane is not None and lane.is_lost:
                self._begin(self._released(place))
                lane = None
            if lane is not None:
                lane.resume()
            elif place not in self._taking:
                self._taking[place] = asyncio.create_task(self._take(place))

    async def give_up(self) -> None:
        """Give all up, for good."""
        self._is_over = True
        await asyncio.gather(*self._begun, *(self._released(place) for place in list(self._taking)))

    def lane(self, place: TopicPartition) -> KafkaLane | None:
        """The lane over this partition, if it was taken."""
        return self._lanes.get(place)

    async def tell_positions(self) -> None:
        """Let the group know now and then how far the lanes are: for whoever watches, and nothing rests on it."""
        told: dict[TopicPartition, int] = {}
        while True:
            await asyncio.sleep(_TOLD_EVERY_S)
            reached = {place: lane.position for place, lane in self._lanes.items() if not lane.is_lost}
            if reached and reached != told:
                with suppress(KafkaError, OSError):  # the group is being rearranged, or away
                    async with asyncio.timeout(ANSWERS_WITHIN_S):
                        await self.consumer.commit(reached)
                        told = reached

    def _begin(self, ending: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(ending)
        self._begun.add(task)
        task.add_done_callback(self._begun.discard)

    async def _take(self, place: TopicPartition) -> None:
        lane = None
        while lane is None:
            lane = await self._tried(place)
        self._lanes[place] = lane
        self._events.tell(Assigned(lane))

    async def _tried(self, place: TopicPartition) -> KafkaLane | None:
        """The lane, if it can be taken now."""
        try:
            return await KafkaLane.taken(self._wanted[place], self._names, self._connection, self._events)
        except Fenced:  # whoever was quicker knows no better than we: the group will say
            telemetry.emit(telemetry.Event.LANE_FENCED, level=logging.WARNING)
        except TellwiseError:
            telemetry.emit(telemetry.Event.LANE_PAUSED, level=logging.ERROR, lane=place.topic)
        await asyncio.sleep(_AGAIN_S)
        return None

    def _released(self, place: TopicPartition) -> Coroutine[None, None, None]:
        """Have it no longer from now on; what is returned lets go of all that it held."""
        return _closed(self._taking.pop(place, None), self._lanes.pop(place, None))


async def _closed(taking: asyncio.Task[None] | None, lane: KafkaLane | None) -> None:
    if lane is not None:
        await lane.close()
    elif taking is not None:
        taking.cancel()
        await asyncio.gather(taking, return_exceptions=True)
