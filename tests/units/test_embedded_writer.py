"""The writer: groups, neighbours, and answers."""

import asyncio
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import apsw
import pytest

from broker.errors import FolderUnusable
from broker.ports import Partition
from broker.transport import writer
from broker.transport.database import open_database
from broker.transport.records import Publication
from broker.transport.tables import TABLES
from broker.transport.writer import Writer

LANE: Partition = ("lane.0", 0)


@dataclass
class Act:
    """A write of the test's own."""

    size_bytes: ClassVar = 0
    partitions: ClassVar[Iterable[Partition]] = ()

    def apply(self, connection: apsw.Connection) -> object:
        return None


@dataclass
class Ask(Act):
    """Asks the writer's live connection."""

    query: str

    def apply(self, connection: apsw.Connection) -> object:
        return connection.execute(self.query).get


@dataclass
class Hold(Act):
    """Keeps the writer busy, so that what comes meanwhile is one group."""

    begun: threading.Event = field(default_factory=threading.Event)
    let_go: threading.Event = field(default_factory=threading.Event)

    def apply(self, connection: apsw.Connection) -> object:
        self.begun.set()
        return self.let_go.wait(20)


@dataclass
class Stumble(Act):
    """Writes something, and then fails in a way of its own."""

    error: type[Exception]

    def apply(self, connection: apsw.Connection) -> object:
        connection.execute("INSERT INTO position(lane, offset) VALUES('stumbled', 1)")
        raise self.error


class Committing:
    """A writer on a new file, and how many writes each of its commits took together."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.connection = open_database(path, TABLES)
        self.rung: list[set[Partition]] = []
        self.writer = Writer(self.connection, path, lambda partitions: self.rung.append(set(partitions)))

    async def as_one_group(self, *writes: Act | Publication) -> list[object]:
        hold = Hold()
        holding = asyncio.create_task(self.writer.commit(hold))
        assert await asyncio.to_thread(hold.begun.wait, 20)
        tasks = [asyncio.create_task(self.writer.commit(write)) for write in writes]
        await asyncio.sleep(0)  # each of them gets into the queue
        hold.let_go.set()
        await holding
        return list(await asyncio.gather(*tasks, return_exceptions=True))

    def values(self) -> list[bytes]:
        reader = open_database(self.path, TABLES, readonly=True)
        found = reader.execute("SELECT value FROM record ORDER BY topic, offset").fetchall()
        reader.close()
        return [bytes(value) for (value,) in found]  # type: ignore[arg-type]


@pytest.fixture
def committing(tmp_path: Path) -> Iterator[Committing]:
    made = Committing(tmp_path / "hub.db")
    yield made
    made.writer.close()


def said(*values: bytes) -> Publication:
    return Publication(LANE, values)


def test_the_live_connection_syncs_in_full(committing: Committing) -> None:
    assert asyncio.run(committing.writer.commit(Ask("PRAGMA synchronous"))) == 2
    assert asyncio.run(committing.writer.commit(Ask("PRAGMA journal_mode"))) == "wal"


def test_what_waits_is_committed_together(committing: Committing) -> None:
    outcomes = asyncio.run(committing.as_one_group(*(said(b"move %d" % n) for n in range(20))))

    committing.writer.finish()  # whoever waited is told before whoever is rung for
    assert outcomes == [[n] for n in range(20)]
    assert committing.rung == [set(), {LANE}]  # two commits: that of the write that held the others up, and theirs


def test_a_group_has_its_limits(committing: Committing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "GROUP_WRITES_MAX", 3)
    monkeypatch.setattr(writer, "GROUP_BYTES_MAX", 1_000)

    outcomes = asyncio.run(
        committing.as_one_group(*(said(b"moved") for _ in range(7)), said(bytes(2_000)), said(b"on"))
    )

    committing.writer.finish()  # whoever waited is told before whoever is rung for
    assert outcomes == [[n] for n in range(9)]
    assert committing.rung == [set(), *[{LANE}] * 5]  # 3, 3, 1, the large one, the last


def test_one_that_fails_does_not_take_its_neighbours_down(committing: Committing) -> None:
    outcomes = asyncio.run(committing.as_one_group(said(b"before"), Stumble(ZeroDivisionError), said(b"after")))

    assert [outcomes[0], type(outcomes[1]), outcomes[2]] == [[0], ZeroDivisionError, [1]]
    assert committing.values() == [b"before", b"after"]
    assert asyncio.run(committing.writer.commit(Ask("SELECT count(*) FROM position"))) == 0


def test_one_that_fails_alone_leaves_nothing(committing: Committing) -> None:
    with pytest.raises(ZeroDivisionError):
        asyncio.run(committing.writer.commit(Stumble(ZeroDivisionError)))

    assert asyncio.run(committing.writer.commit(Ask("SELECT count(*) FROM position"))) == 0
    assert asyncio.run(committing.writer.commit(said(b"after"))) == [0]


def test_one_that_sqlite_refuses_does_not_take_its_neighbours_down(committing: Committing) -> None:
    of_another_type = Publication(LANE, ["not bytes"])  # type: ignore[list-item]

    outcomes = asyncio.run(committing.as_one_group(said(b"before"), of_another_type, said(b"after")))

    assert [outcomes[0], type(outcomes[1]), outcomes[2]] == [[0], apsw.ConstraintError, [1]]
    assert committing.values() == [b"before", b"after"]


def test_one_that_fills_the_disk_does_not_take_its_neighbours_down(committing: Committing) -> None:
    pages = asyncio.run(committing.writer.commit(Ask("PRAGMA page_count")))
    asyncio.run(committing.writer.commit(Ask(f"PRAGMA max_page_count = {int(str(pages)) + 8}")))

    # SQLite takes the whole group back here, not only the one that did not fit.
    outcomes = asyncio.run(committing.as_one_group(said(b"before"), said(bytes(200_000)), said(b"after")))

    assert [outcomes[0], type(outcomes[1]), outcomes[2]] == [[0], FolderUnusable, [1]]
    assert str(outcomes[1]) == f"cannot use `{committing.path}`: database or disk is full"
    assert committing.values() == [b"before", b"after"]


def test_offsets_that_were_taken_back_are_given_again(committing: Committing) -> None:
    @dataclass
    class SayAndFail(Act):
        def apply(self, connection: apsw.Connection) -> object:
            said(b"taken back", b"taken back").apply(connection)
            raise ZeroDivisionError

    outcomes = asyncio.run(committing.as_one_group(said(b"before"), SayAndFail(), said(b"after")))

    assert [outcomes[0], outcomes[2]] == [[0], [1]]


def test_a_lone_caller_is_not_kept_waiting_for_company(committing: Committing) -> None:
    async def quickest() -> float:
        loop = asyncio.get_running_loop()
        times = []
        for n in range(200):
            started = loop.time()
            await committing.writer.commit(said(b"move %d" % n))
            times.append(loop.time() - started)
        return min(times)

    assert asyncio.run(quickest()) < 0.005  # as long as it would be worth waiting for others


def test_callers_in_several_loops_get_their_answers(committing: Committing) -> None:
    offsets: list[int] = []

    def talk() -> None:
        async def say() -> None:
            for _ in range(25):
                offsets.extend(await committing.writer.commit(said(b"moved")))

        asyncio.run(say())

    threads = [threading.Thread(target=talk) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert sorted(offsets) == list(range(100))


def test_a_caller_whose_loop_is_gone_stops_nobody(committing: Committing) -> None:
    hold = Hold()

    async def walk_away() -> None:
        leaving = [asyncio.create_task(committing.writer.commit(write)) for write in (hold, said(b"early"))]
        await asyncio.sleep(0)
        for task in leaving:
            task.cancel()

    asyncio.run(walk_away())
    hold.let_go.set()
    offsets = asyncio.run(committing.writer.commit(said(b"late")))

    assert list(offsets) == [1]
    assert committing.values() == [b"early", b"late"]


def test_each_loop_is_told_once_for_each_group(committing: Committing) -> None:
    async def count_calls() -> int:
        loop = asyncio.get_running_loop()
        calls: list[Any] = []
        real = loop.call_soon_threadsafe

        def counted(*args: object, **kwargs: object) -> object:
            calls.append(args)
            return real(*args, **kwargs)  # type: ignore[arg-type]

        loop.call_soon_threadsafe = counted  # type: ignore[method-assign, assignment]
        await committing.as_one_group(*(said(b"move") for _ in range(50)))
        return len([call for call in calls if call[0].__module__ == Writer.__module__])

    assert asyncio.run(count_calls()) == 2  # one for what held the others up, one for all of them


def test_closing_finishes_what_is_queued(committing: Committing) -> None:
    async def close_meanwhile() -> list[object]:
        hold = Hold()
        tasks = [asyncio.create_task(committing.writer.commit(hold))]
        assert await asyncio.to_thread(hold.begun.wait, 20)
        tasks += [asyncio.create_task(committing.writer.commit(said(b"move %d" % n))) for n in range(5)]
        await asyncio.sleep(0)
        closing = asyncio.create_task(asyncio.to_thread(committing.writer.close))
        while not committing.writer._is_closing:  # noqa: ASYNC110 - nobody is told
            await asyncio.sleep(0)
        hold.let_go.set()
        await closing
        return list(await asyncio.gather(*tasks, return_exceptions=True))

    assert asyncio.run(close_meanwhile())[1:] == [[0], [1], [2], [3], [4]]


def test_after_closing_nothing_is_taken(committing: Committing) -> None:
    committing.writer.close()
    committing.writer.close()

    with pytest.raises(RuntimeError, match="is closed"):
        asyncio.run(committing.writer.commit(said(b"too late")))


def test_a_closed_file_stands_alone(committing: Committing) -> None:
    asyncio.run(committing.writer.commit(said(b"moved")))
    committing.writer.close()

    assert [path.name for path in committing.path.parent.iterdir()] == ["hub.db"]
