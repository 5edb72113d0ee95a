"""The directory as it lies in its topic: for whoever does not own the lane, and writes to it through the lane."""

import asyncio
from hashlib import sha256

from broker.directory.directory import Directory
from broker.directory.records import with_record
from broker.errors import HubStopped, StateUnreadable
from broker.ports import Transport
from broker.sealing.rejection import Rejected
from broker.sealing.signatures import VerifyKey
from broker.topics import DIRECTORY, INPUT

_AT_ONCE = 500
_TAKEN_WITHIN = 500
"""Looks before we say that nobody takes what we put in."""
_LOOK_MS = 20


class DirectoryTopic:
    """Every event is checked against the directory key; checkpoints are for desks, who trust the hub less."""

    def __init__(self, transport: Transport, key: VerifyKey) -> None:
        """Nothing is read yet."""
        self._transport, self._key = transport, key
        self._directory, self._next = Directory(), 0
        self._taken: set[bytes] = set()
        """Digests of the records that are there."""
        self._reading = asyncio.Lock()

    async def standing(self) -> Directory:
        """The directory as it stands now.

        Raises:
            StateUnreadable: an event that the directory key did not sign, or that does not follow.
        """
        await self._read(0)
        return self._directory

    async def enter(self, event: bytes) -> None:
        """Hand a signed event to the lane, and return when it is taken.

        Raises:
            HubStopped: nobody takes it.
        """
        await self._transport.publish(INPUT, [event])
        for _ in range(_TAKEN_WITHIN):
            await self._read(_LOOK_MS)
            if sha256(event).digest() in self._taken:
                return
        raise HubStopped("it is entered, and takes effect when the hub runs: it does not seem to run now")

    async def _read(self, wait_ms: int) -> None:
        """Read on to the end; if there is nothing more, wait for it."""
        async with self._reading:
            while records := await self._transport.read(DIRECTORY, self._next, _AT_ONCE, wait_ms):
                wait_ms = 0
                for record in records:
                    try:
                        self._directory = with_record(self._directory, record.value, self._key)
                    except Rejected:
                        raise StateUnreadable("the directory's topic holds what its key did not sign") from None
                    self._taken.add(sha256(record.value).digest())
                    self._next = record.offset + 1
