"""The disk is full, answers with an error, or may only be read; the hub's, and then a desk's. And then it is back.

What must hold: the hub pauses with an alarm and says so to whoever asks; nothing is taken that is not durable, so that
publishers keep what they have; nothing is refused, lost or doubled; and both go on by themselves.
"""

import asyncio
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import apsw
import httpx2
import pytest

import broker.client.store
import broker.transport.embedded
from broker.client import Desk, Sending
from broker.errors import FolderUnusable, HubUnreachable
from broker.listening.exchange import exchange
from broker.transport.database import open_database
from tests.contracts.clock import MovedClock
from tests.contracts.engine import story
from tests.faults.checker import check
from tests.faults.county import ONYX, case_opened, county, moved
from tests.faults.failing_disk import NAME, Failure, failing_disk
from tests.personas import BLACKBURN, BLACKBURN_CHILDREN, POLICE, PRESTON
from tests.served import served

TWO = (POLICE, BLACKBURN_CHILDREN)
LONGEST_S = 20


async def becomes(holds: Callable[[], object]) -> None:
    """Wait until something that the hub or a desk does has happened; fail if it does not."""
    async with asyncio.timeout(LONGEST_S):
        while not holds():  # noqa: ASYNC110 - what is waited for tells nobody
            await asyncio.sleep(0.01)


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What was logged, by name."""
    return [json.loads(record.message)["event"] for record in caplog.records if record.name == "tellwise"]


@story
@pytest.mark.parametrize("failure", Failure, ids=lambda failure: failure.value)
@pytest.mark.parametrize("after_syncs", [1, 2], ids=["deciding", "delivering"])
async def test_a_hub_whose_disk_fails_pauses_and_goes_on_by_itself(
    failure: Failure,
    after_syncs: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO", "tellwise")
    with failing_disk(tmp_path / "hub") as disk:
        monkeypatch.setattr(broker.transport.embedded, "open_database", partial(open_database, vfs=NAME))
        async with served(tmp_path, MovedClock(), TWO) as here, httpx2.AsyncClient(base_url=here.url) as http:
            police, children = (here.desks[desk.name] for desk in TWO)
            await police.publish(case_opened(ONYX, team=()))
            await here.tellwise.settled()
            await children.hear()

            disk.fail(failure, after_syncs=after_syncs)
            await police.publish(moved(ONYX, to=BLACKBURN, old=PRESTON))  # the first sync: this is durable
            await becomes(lambda: here.tellwise.hub.is_paused)
            ready = await http.get("/ready")
            with pytest.raises(HubUnreachable, match="503"):
                await police.publish(moved(ONYX, to=BLACKBURN, old=PRESTON))
            kept = [one.state for one in police.store.outgoing(Sending.WAITING)]
            heard_meanwhile = len((await children.hear()).letters)
            disk.mend()
            await becomes(lambda: not here.tellwise.hub.is_paused)
            await police.flush()
            await here.tellwise.settled()
            await children.hear()
            await police.hear()
            ready_again = await http.get("/ready")

            assert (ready.status_code, ready.headers["content-type"]) == (503, "application/problem+json")
            assert kept == [Sending.WAITING]
            assert heard_meanwhile == 0
            assert ready_again.status_code == 200
            assert [one.state for one in police.store.outgoing(*Sending)] == [Sending.ACCEPTED] * 3
            assert len(children.store.letters()) == 2
    events = said(caplog)
    assert events.count("lane.paused") >= 1
    assert events.count("lane.resumed") == 1
    assert check(tmp_path) == []


@story
async def test_a_hub_that_is_stopped_while_its_disk_fails_ends_and_the_next_one_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with failing_disk(tmp_path / "hub") as disk, monkeypatch.context() as patch:
        patch.setattr(broker.transport.embedded, "open_database", partial(open_database, vfs=NAME))
        async with county(tmp_path, MovedClock(), TWO) as here:
            await here.say(POLICE.name, case_opened(ONYX, team=()))
            disk.fail(Failure.FULL, after_syncs=1)
            await here.desks[POLICE.name].publish(moved(ONYX, to=BLACKBURN, old=PRESTON))
            await becomes(lambda: here.tellwise.hub.is_paused)
    async with county(tmp_path, MovedClock(), TWO) as here:
        heard = await here.hear()

        assert len(heard[BLACKBURN_CHILDREN.name]) == 1
    assert check(tmp_path) == []


@story
@pytest.mark.parametrize("failure", Failure, ids=lambda failure: failure.value)
async def test_a_desk_whose_disk_fails_keeps_its_place_and_goes_on_by_itself(
    failure: Failure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "tellwise")
    with failing_disk(tmp_path / "desks" / BLACKBURN_CHILDREN.name) as disk, monkeypatch.context() as patch:
        patch.setattr(broker.client.store, "open_database", partial(open_database, vfs=NAME))
        async with county(tmp_path, MovedClock(), TWO) as here:
            await here.say(POLICE.name, case_opened(ONYX, team=()))
            await here.hear()
            children, stop = here.desks[BLACKBURN_CHILDREN.name], asyncio.Event()

            disk.fail(failure)
            await here.say(POLICE.name, moved(ONYX, to=BLACKBURN, old=PRESTON))
            talking = asyncio.create_task(exchange(children, lambda _: None, stop))
            await becomes(lambda: "store.failed" in said(caplog))
            with pytest.raises(FolderUnusable):
                await children.publish(moved(ONYX, to=BLACKBURN, old=PRESTON))
            while_it_failed = len(children.store.letters()), len(children.store.outgoing(*Sending))
            disk.mend()
            await becomes(children.store.letters)
            stop.set()
            await talking
            (letter,) = children.store.letters()
            await children.acknowledge(letter.id, "duty social worker")
            await here.tellwise.settled()
            await here.hear()

            assert while_it_failed == (0, 0)
            assert children.store.incidents() == []
    assert check(tmp_path) == []


def keeps_until_it_is_full(police: Desk) -> int:
    """How many notifications fit into its outbox."""
    for kept in range(100):
        try:
            police.keep(moved(ONYX, to=BLACKBURN, old=PRESTON))
        except FolderUnusable:
            return kept
    raise AssertionError("it is never full")


@story
async def test_a_desk_with_no_room_for_another_page_refuses_what_it_cannot_keep(tmp_path: Path) -> None:
    async with county(tmp_path, MovedClock(), TWO) as here:
        police = here.desks[POLICE.name]
        await here.say(POLICE.name, case_opened(ONYX, team=()))
        database = police.store._db
        database.pragma("max_page_count", database.pragma("page_count"))

        kept = keeps_until_it_is_full(police)
        database.pragma("max_page_count", 2**31 - 1)
        police.keep(moved(ONYX, to=BLACKBURN, old=PRESTON))
        await police.flush()
        await here.tellwise.settled()
        heard = await here.hear()

        assert len(heard[BLACKBURN_CHILDREN.name]) == kept + 1
    assert check(tmp_path) == []


def test_a_disk_fails_for_the_named_folder_and_no_other(tmp_path: Path) -> None:
    with failing_disk(tmp_path / "hub") as disk:
        ours, other = (open_database(tmp_path / name / "x.db", _DDL, vfs=NAME) for name in ("hub", "desk"))
        disk.fail(Failure.FULL)

        assert _writes(other)
        assert not _writes(ours)
        disk.mend()
        assert _writes(ours)
        ours.close()
        other.close()


_DDL = "CREATE TABLE note(text TEXT NOT NULL) STRICT;"


def _writes(database: apsw.Connection) -> bool:
    try:
        database.execute("INSERT INTO note VALUES ('Dana moves')")
    except apsw.FullError:
        return False
    return True
