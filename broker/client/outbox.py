"""Steps 1 and 2 at the desk, and the way out: what is said lies here before it is sent, and goes until it is taken.

The same bytes go on every attempt, so that the hub can tell a retry from a second saying. They survive a restart and a
week without a link; what the hub did not take in fourteen days has expired, and must be said anew.
"""

import asyncio
import logging
from collections.abc import Callable

from broker import telemetry
from broker.client.compose import Draft
from broker.client.keys import DeskKeys
from broker.client.link import Link
from broker.client.sealer import seal_draft
from broker.client.store import SEQ, DeskStore, Outgoing, Sending
from broker.directory import Hub
from broker.errors import NotSent
from broker.ports import Clock
from broker.sealing.entropy import Entropy
from broker.sealing.rejection import Rejected
from schemas import DeskId, NotificationId

_PAGE = 100
"""Notifications that are held in memory at once while they are sent."""


class Outbox:
    """What one desk says, in the order in which it says it."""

    def __init__(
        self, name: DeskId, keys: DeskKeys, store: DeskStore, link: Link, clock: Clock, entropy: Entropy
    ) -> None:
        """Serve the outbox of the desk's *store*."""
        self._name, self._keys, self._store = name, keys, store
        self._link, self._clock, self._entropy = link, clock, entropy
        self._sending = asyncio.Lock()
        """Two at once would each send what the other sends."""

    def keep(self, draft: Draft, hub: Hub, also: Callable[[NotificationId], None] | None = None) -> NotificationId:
        """Seal a draft and keep it; `flush` hands it over.

        Args:
            draft: What is said.
            hub: To whom.
            also: Done in the same transaction, given the notification's id: a mark in the source that the record came
                from, say, so that no restart says it twice or not at all.

        Raises:
            NotSent: a compartment is too long. Nothing is kept.
        """
        try:
            with self._store.transaction():
                seq = self._store.position(SEQ) + 1
                notification, sealed = seal_draft(
                    draft,
                    desk=self._name,
                    keys=self._keys,
                    hub=hub,
                    seq=seq,
                    now=self._clock.now(),
                    entropy=self._entropy,
                )
                self._store.move(SEQ, seq)
                self._store.put_out(notification, seq, sealed.to_bytes(), sealed.head.fields.exp)
                if also is not None:
                    also(notification)
        except Rejected as error:
            raise NotSent("cannot be sealed: a compartment is too long") from error
        return notification

    async def flush(self) -> int:
        """Hand over what waits, in order; returns how many were taken. What has expired is marked.

        Raises:
            HubUnreachable, NotAdmitted, ClockApart: the rest waits for the next time.
        """
        async with self._sending:
            return await self._flush()

    async def _flush(self) -> int:
        taken = 0
        while waiting := self._store.outgoing(Sending.WAITING, most=_PAGE):
            with telemetry.span(telemetry.Span.OUTBOX_FLUSH, notifications=len(waiting)):
                for one in waiting:
                    taken += await self._send(one)
        return taken

    async def _send(self, waiting: Outgoing) -> bool:
        if self._clock.now().timestamp() >= waiting.exp:
            self._set_state(waiting, Sending.EXPIRED)
            return False
        try:
            await self._link.submit(waiting.sealed)
        except Rejected as rejected:
            # It never will be taken, and what is said after it must not wait for it.
            telemetry.emit(
                telemetry.Event.SENDING_REFUSED, level=logging.ERROR, desk=self._name, reason=rejected.reason.value
            )
            self._set_state(waiting, Sending.REFUSED)
            return False
        self._set_state(waiting, Sending.SENT)
        return True

    def _set_state(self, waiting: Outgoing, state: Sending) -> None:
        with self._store.transaction():
            self._store.set_state(waiting.id, state)
