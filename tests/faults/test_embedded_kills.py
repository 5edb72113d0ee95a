"""A hub's process is killed at any moment, again and again, and nothing is lost, doubled or half done.

SIGKILL says nothing about the disk's honesty; tests/units/test_embedded_disk.py looks at what the disk is asked to do.
Run as a program this file is the process that is killed.
"""

import asyncio
import os
import random
import subprocess
import sys
import time
from collections.abc import Sequence
from itertools import count
from pathlib import Path

from broker.clock import SystemClock
from broker.ports import Lane, Leaf, Record, RowKey, SealedRow, Table, Transport
from broker.transport.database import open_database
from broker.transport.embedded import EmbeddedTransport
from broker.transport.tables import TABLES
from broker.transport.turn import ledger_size
from tests.contracts.engine import INBOX, LANE, LOG, frontier, owned

ROOT = Path(__file__).parents[2]
KILLS = 20


async def publish_on_and_on(transport: Transport, notes: int) -> None:
    """Publish in handfuls, and note what was acknowledged."""
    for n in count():
        values = [f"{os.getpid()}:{n}:{k}".encode() for k in range(1 + n % 7)]
        offsets = await transport.publish(LANE, values)
        os.write(notes, b"".join(b"%d %s\n" % pair for pair in zip(offsets, values, strict=True)))


async def route(lane: Lane, records: Sequence[Record]) -> None:
    """One turn: a letter, an entry and a row for each record."""
    size = ledger_size(lane.frontier(LOG))
    async with lane.transaction() as tx:
        for record in records:
            tx.send(INBOX, record.value)
            tx.put(Table.SEEN, RowKey(b"%d" % record.offset), SealedRow(record.value))
        tx.record(LOG, size, [Leaf(record.value, record.value) for record in records], frontier(size + len(records)))
        tx.sign(LOG, size, b"signed: what the turn before committed")
        tx.done(records[-1].offset + 1)


async def hub(path: Path, notes: Path) -> None:
    """Publish and route until killed."""
    transport = EmbeddedTransport(path, SystemClock())
    async with owned(transport) as (lane, _), asyncio.TaskGroup() as both:
        descriptor = os.open(notes, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        both.create_task(publish_on_and_on(transport, descriptor))
        os.write(1, b"begun\n")
        while True:
            if records := await lane.poll(40, 50):
                await route(lane, records)


async def finish(path: Path) -> None:
    """Route what is left, as the next owner."""
    transport = EmbeddedTransport(path, SystemClock())
    async with owned(transport) as (lane, _):
        while records := await lane.poll(500, 0):
            await route(lane, records)
    await transport.close()


def test_nothing_is_lost_doubled_or_half_done_when_the_hub_is_killed(tmp_path: Path) -> None:
    path, notes = tmp_path / "data" / "hub.db", tmp_path / "acknowledged"
    chance = random.Random(20260302)
    for _ in range(KILLS):
        command = [sys.executable, "-m", "tests.faults.test_embedded_kills", str(path), str(notes)]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"begun\n"  # so it took the lane from a dead owner, without waiting
            time.sleep(chance.uniform(0, 0.25))
            process.kill()
    asyncio.run(finish(path))

    file = open_database(path, TABLES)
    of_topic = "SELECT offset, value FROM record JOIN topic ON topic.id = topic WHERE name = ? ORDER BY offset"
    said = file.execute(of_topic, (LANE,)).fetchall()
    assert [offset for offset, _ in said] == list(range(len(said)))
    lines = [line.split(b" ") for line in notes.read_bytes().splitlines()]
    acknowledged = {(int(offset), value) for offset, value in lines}
    assert len(acknowledged) > KILLS
    assert acknowledged <= set(said)

    assert file.execute(of_topic, (INBOX,)).fetchall() == said  # each once, in order
    assert file.execute("SELECT i, entry FROM ledger_entry ORDER BY i").fetchall() == said
    assert file.execute("SELECT i, sealed FROM ledger_detail ORDER BY i").fetchall() == said
    assert file.execute("SELECT frontier FROM ledger_frontier").fetchall() == [(frontier(len(said)),)]
    assert file.execute("SELECT count(*) FROM state").fetchall() == [(len(said),)]
    assert file.execute("SELECT offset FROM position").fetchall() == [(len(said),)]
    assert file.pragma("integrity_check") == "ok"


if __name__ == "__main__":
    asyncio.run(hub(*(Path(argument) for argument in sys.argv[1:])))
