"""What desks write to topics of their own is carried to the hub's doors: each record once, and in order. A hub of one
lane has no doors but these, and it comes to its lane at once.

A door decides nothing. What it carries is believed no more than what comes by the hub's edge: whose it is says the
signature inside, and what is in no form of ours is refused, recorded and kept by the lane, like everything else.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import suppress

from broker import telemetry
from broker.directory import Directory
from broker.errors import Fenced, TellwiseError
from broker.ports import Assigned, Lane, LaneEvent, Partition, Revoked, Transport
from broker.sealing.notification import SealedNotification
from broker.sealing.rejection import Rejected
from broker.topics import DOORS, INPUT, door_of, outbox
from schemas import DeskId

LOOK_S = 5.0
"""How often one looks whether there are other desks with a topic of their own."""
RECORDS_MAX = 500
_IDLE_MS = 500
_AGAIN_S = 1.0


class Doors:
    """The doors of all desks that write to the engine themselves; shared among the hub's processes."""

    def __init__(
        self,
        transport: Transport,
        directory: Callable[[], Directory],
        writing: Iterable[DeskId],
        may_carry: Callable[[], bool],
        lanes: int = 1,
    ) -> None:
        """Join the parts.

        Args:
            transport: Where the topics are.
            directory: As last committed: a desk that is revoked has no door.
            writing: The desks that have a topic of their own.
            may_carry: Whether the hub takes anything in now; while it does not, records lie where they are.
            lanes: How many the hub has.
        """
        self._transport, self._directory, self._writing = transport, directory, frozenset(writing)
        self._may_carry, self._lanes = may_carry, lanes

    async def keep(self) -> None:
        """Carry until cancelled. What fails is tried again."""
        while True:
            topics = self._topics()
            try:
                if topics:
                    await self._own(topics)
            except TellwiseError as error:
                _say(error)
            except ExceptionGroup as errors:  # of the doors that were served
                for each in errors.exceptions:
                    _say(each)
            await asyncio.sleep(_AGAIN_S if topics else LOOK_S)

    def _topics(self) -> list[str]:
        desks = self._directory().desks
        return sorted(outbox(desks[desk].mailbox) for desk in self._writing & desks.keys())

    async def _own(self, topics: list[str]) -> None:
        """Serve the doors that are ours, until there are others, or one is lost: then all are taken anew."""
        async with self._transport.lanes([(topic, 0) for topic in topics]) as events, asyncio.TaskGroup() as serving:
            doors: list[asyncio.Task[None]] = []
            event: LaneEvent | None = None
            while topics == self._topics() and not isinstance(event, Revoked):
                event = await _within(LOOK_S, events)
                if isinstance(event, Assigned):
                    doors.append(serving.create_task(self._serve(event.lane)))
            for door in doors:
                door.cancel()

    async def _serve(self, lane: Lane) -> None:
        with suppress(Fenced):  # it is another's now; the group says whose
            while True:
                if not self._may_carry():
                    await asyncio.sleep(_AGAIN_S)
                    continue
                records = await lane.poll(RECORDS_MAX, _IDLE_MS)
                if records:
                    async with lane.transaction() as tx:
                        for record in records:
                            topic, index = self._way(record.value)
                            tx.send(topic, record.value, partition=index)
                        tx.done(records[-1].offset + 1)

    def _way(self, record: bytes) -> Partition:
        if self._lanes == 1:
            return INPUT, 0
        try:
            publisher = SealedNotification.from_bytes(record).head.fields.iss
        except Rejected:
            return DOORS, 0  # nobody's: it is refused, whatever lane it comes to
        return DOORS, door_of(publisher, self._lanes)


def _say(error: Exception) -> None:
    telemetry.emit(telemetry.Event.DOORS_CLOSED, level=logging.ERROR, reason=type(error).__name__)


async def _within(seconds: float, events: AsyncIterator[LaneEvent]) -> LaneEvent | None:
    """The next event, if it comes soon."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            return await anext(events)
    return None
