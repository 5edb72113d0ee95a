"""A door whose engine fails for a moment goes on: nothing that a desk wrote lies there for good."""

import asyncio
from types import SimpleNamespace
from typing import cast

from broker.directory import Directory
from broker.doors import Doors
from broker.topics import INPUT, outbox
from schemas import DeskId, Mailbox
from tests.contracts.clock import MovedClock
from tests.contracts.engine import story
from tests.contracts.memory import Break, MemoryDisk, MemoryTransport

POLICE, MAILBOX = DeskId("elm-police"), Mailbox("pOl1ce_in_the_north-01")
DIRECTORY = cast(Directory, SimpleNamespace(desks={POLICE: SimpleNamespace(mailbox=MAILBOX)}))


@story
async def test_a_turn_that_fails_is_done_again_and_each_record_is_carried_once() -> None:
    disk = MemoryDisk()
    transport = MemoryTransport(disk, MovedClock())
    await transport.publish(outbox(MAILBOX), [b"Dana moves", b"Dana moves again"])
    disk.next_turn = Break.BEFORE

    doors = asyncio.create_task(Doors(transport, lambda: DIRECTORY, [POLICE], lambda: True).keep())
    try:
        carried = await transport.read(INPUT, 0, 10, 20_000)
        again = await transport.read(INPUT, 2, 10, 200)
    finally:
        doors.cancel()
        await asyncio.gather(doors, return_exceptions=True)

    assert [record.value for record in carried] == [b"Dana moves", b"Dana moves again"]
    assert list(again) == []
