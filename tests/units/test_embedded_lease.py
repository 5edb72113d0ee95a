"""Leases: who is provably dead, and who keeps them."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from broker.errors import Fenced, LaneTaken
from broker.ports import Assigned, Leaf, Revoked
from broker.transport import embedded
from broker.transport.database import open_database
from broker.transport.embedded import EmbeddedTransport
from broker.transport.lease import Owner, OwnerLock
from broker.transport.tables import TABLES
from broker.transport.turn import CollectedTx
from tests.contracts.clock import MovedClock
from tests.contracts.engine import owned, still_waits, story, turn

WITH = Owner("9f3a", 1, has_lock=True)
WITHOUT = Owner("9f3a", 1, has_lock=False)


@pytest.mark.parametrize(
    ("owner", "other", "is_dead"),
    [
        (WITH, Owner("77c0", 1, has_lock=True), True),
        (WITH, Owner("77c0", 1, has_lock=False), False),  # took over from a sleeper: nothing says that it died
        (WITH, Owner("9f3a", 2, has_lock=True), False),  # ourselves, in another block
        (WITH, Owner("9f3a", 2, has_lock=False), False),
        (WITHOUT, Owner("77c0", 1, has_lock=True), False),
        (WITHOUT, Owner("77c0", 1, has_lock=False), False),
    ],
)
def test_only_a_lock_that_was_held_and_is_ours_now_proves_a_death(owner: Owner, other: Owner, is_dead: bool) -> None:
    assert owner.knows_dead(str(other)) == is_dead


def test_the_lock_has_one_holder_and_is_free_when_it_lets_go(tmp_path: Path) -> None:
    one, other = OwnerLock(tmp_path / "hub.db"), OwnerLock(tmp_path / "hub.db")

    assert one.take()
    assert one.take()
    assert not other.take()
    one.release()
    assert other.take()
    other.close()
    assert one.take()
    one.close()


def test_a_child_does_not_keep_the_lock_of_its_parent(tmp_path: Path) -> None:
    one, other = OwnerLock(tmp_path / "hub.db"), OwnerLock(tmp_path / "hub.db")
    assert one.take()
    command = [sys.executable, "-c", "print('up', flush=True); input()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, close_fds=False) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"up\n"  # only then has the kernel closed what it was to close
        one.close()

        assert other.take()
        child.communicate(b"\n")
    other.close()


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def until_ms(path: Path) -> int:
    reader = open_database(path, TABLES, readonly=True)
    found: int = reader.execute("SELECT until_ms FROM lease").get
    reader.close()
    return found


@story
async def test_an_idle_owner_renews_its_lease(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "RENEWED_AFTER_MS", 5)
    clock = MovedClock()
    transport = EmbeddedTransport(tmp_path / "hub.db", clock)
    async with owned(transport):
        before = until_ms(tmp_path / "hub.db")
        clock.move(seconds=60)
        while until_ms(tmp_path / "hub.db") == before:  # noqa: ASYNC110 - the file tells nobody
            await asyncio.sleep(0.005)

        assert until_ms(tmp_path / "hub.db") == before + 60_000
    await transport.close()


@story
async def test_an_idle_owner_that_was_replaced_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "RENEWED_AFTER_MS", 5)
    clock = MovedClock()
    sleeper, other = (EmbeddedTransport(tmp_path / "hub.db", clock) for _ in range(2))
    async with sleeper.lanes([("lane.0", 0)]) as events:
        assigned = await anext(events)
        assert isinstance(assigned, Assigned)
        polling = asyncio.create_task(assigned.lane.poll(100, 20_000))
        await still_waits(polling)
        take_by_force(tmp_path / "hub.db")

        async with asyncio.timeout(10):
            assert await anext(events) == Revoked(assigned.lane)
            with pytest.raises(Fenced):
                await polling
    await sleeper.close()
    await other.close()


def take_by_force(path: Path) -> None:
    """As another process does after the lease ran out, between two looks of its owner."""
    connection = open_database(path, TABLES)
    connection.execute("UPDATE lease SET epoch = epoch + 1, owner = 'time:77c0:1'")
    connection.close()


@story
async def test_who_took_over_from_a_sleeper_is_waited_for_when_it_dies(tmp_path: Path) -> None:
    clock = MovedClock()
    sleeper, successor, third = (EmbeddedTransport(tmp_path / "hub.db", clock) for _ in range(3))
    async with owned(sleeper):
        clock.move(seconds=11)
        async with owned(successor):
            await successor.close()  # as if it died: it gives nothing up any more
        await sleeper.close()

        with pytest.raises(LaneTaken):
            async with owned(third):
                pass
        clock.move(seconds=11)
        async with owned(third):
            pass
    await third.close()


@story
async def test_a_lane_is_free_after_a_transport_is_closed_under_it(tmp_path: Path) -> None:
    clock = MovedClock()
    first, second = (EmbeddedTransport(tmp_path / "hub.db", clock) for _ in range(2))
    async with owned(first):
        await first.close()

        async with owned(second) as (next_lane, _):
            await turn(next_lane, lambda tx: tx.done(1))
    await second.close()


@story
async def test_waiting_for_the_next_event_may_be_given_up_and_begun_again(tmp_path: Path) -> None:
    transport = EmbeddedTransport(tmp_path / "hub.db", MovedClock())
    async with owned(transport) as (lane, events):
        for _ in range(2):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(events), 0.01)
        take_by_force(tmp_path / "hub.db")
        with pytest.raises(Fenced):
            await lane.poll(1, 0)

        assert await anext(events) == Revoked(lane)
    await transport.close()


@story
async def test_the_lock_is_let_go_with_the_last_block(tmp_path: Path) -> None:
    transport, lock = EmbeddedTransport(tmp_path / "hub.db", MovedClock()), OwnerLock(tmp_path / "hub.db")
    async with owned(transport, "lane.0"):
        async with owned(transport, "lane.1"):
            assert not lock.take()
        assert not lock.take()

    assert lock.take()
    lock.close()
    await transport.close()


@story
async def test_the_lock_is_let_go_even_if_giving_up_is_cancelled(tmp_path: Path) -> None:
    async def own() -> None:
        async with owned(transport):
            taken.set()
            await asyncio.Event().wait()

    taken = asyncio.Event()
    transport, lock = EmbeddedTransport(tmp_path / "hub.db", MovedClock()), OwnerLock(tmp_path / "hub.db")
    owning = asyncio.create_task(own())
    await taken.wait()
    for _ in range(2):  # once out of the block, once out of giving up
        owning.cancel()
        await asyncio.sleep(0)
    await asyncio.gather(owning, return_exceptions=True)

    assert lock.take()
    lock.close()
    async with owned(transport):  # and the lane is free
        pass
    await transport.close()


@story
async def test_a_closed_transport_leaves_one_file_and_its_lock(tmp_path: Path) -> None:
    transport = EmbeddedTransport(tmp_path / "hub.db", MovedClock())
    async with owned(transport) as (lane, _):
        await turn(lane, lambda tx: tx.send("inbox.elm-ward-housing", b"a letter"))
        await transport.read("inbox.elm-ward-housing", 0, 10, 0)
    await transport.close()
    await transport.close()

    assert names_in(tmp_path) == ["hub.db", "hub.db.owner"]


def test_a_frontier_that_does_not_fit_its_entries_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="not that of `hub"):
        CollectedTx().record("hub.example/ledger/lane.0", 3, [Leaf(b"entry 3", None)], (3).to_bytes(8, "big"))
