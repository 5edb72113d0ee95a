"""A hub that ran in one file goes on on Kafka: nobody is told twice, nobody misses anything, and it is one history."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import apsw
import pytest

from broker.app import hub_folder
from broker.care.leaving import ARRIVING, begin_to_put_in, take_out
from broker.care.verification import verify_hub
from broker.client import OpenedLetter
from broker.dev import KafkaCluster
from broker.errors import BackupRefused, FolderUnusable, LaneTaken, MoveRefused
from broker.files import remove
from broker.kafka.moving import put_in, topics_in
from broker.kafka.publishing import Publisher
from broker.kafka.transport import KafkaTransport
from broker.topics import INPUT, inbox
from broker.transport.tables import DATABASE
from schemas import DeskId, Mailbox
from tests.contracts.clock import MovedClock
from tests.faults.county import HUB, case_opened, county, live_a_quiet_day, moved, resides
from tests.kafka.hubs import Place, place_on
from tests.personas import BLACKBURN, CHORLEY, PEOPLE, POLICE, PRESTON, PROBATION

ONYX, BASALT, QUARTZ = PEOPLE
INBOXES = inbox(Mailbox(""))
Lying = dict[str, list[tuple[int, bytes]]]
_T = TypeVar("_T")


def test_a_hub_goes_on_on_kafka_and_each_desk_hears_everything_once(
    kafka_cluster: KafkaCluster, tmp_path: Path
) -> None:
    before, after, clock = tmp_path / "before", tmp_path / "after", MovedClock()

    async def story() -> tuple[list[OpenedLetter], list[OpenedLetter], list[OpenedLetter]]:
        async with county(before, clock) as here:
            for persona in PEOPLE:
                await here.say(POLICE.name, case_opened(persona))
            await here.say(POLICE.name, moved(ONYX, to=BLACKBURN, old=PRESTON))
            heard = letters_of(await here.hear())
            await here.say(PROBATION.name, resides(BASALT, PRESTON))  # lies in the inboxes, and nobody has looked
        place = await place_on(kafka_cluster)
        await move(before, after, place)
        async with county(after, clock, engine=place.engine) as here:
            waiting = letters_of(await here.hear())
            await here.say(POLICE.name, moved(QUARTZ, to=CHORLEY, old=BLACKBURN))
            new = letters_of(await here.hear())
            await here.hear()
            await here.tellwise.engine.catch_up()
        return heard, waiting, new

    heard, waiting, new = run(story())
    report = verify_hub(hub_folder(after))

    told = [(letter.cover.desk, letter.head.id, letter.cover.part) for letter in (*heard, *waiting, *new)]
    assert heard
    assert waiting
    assert new
    assert len(set(told)) == len(told)
    assert numbers_of((*heard, *waiting, *new)) == {
        desk: list(range(1, len(numbers) + 1)) for desk, numbers in numbers_of((*heard, *waiting, *new)).items()
    }
    assert report.findings == []
    assert refused(before, clock)


def test_what_broke_off_goes_on_where_it_was(kafka_cluster: KafkaCluster, tmp_path: Path) -> None:
    before, clock = live_a_quiet_day(tmp_path / "before"), MovedClock()

    async def story() -> tuple[Lying, Lying]:
        place = await place_on(kafka_cluster)
        begun = begin(before, tmp_path / "after", clock)
        database = begun / DATABASE
        for topic in topics_in(database):
            if topic.startswith(INBOXES):
                await place.make_inbox(Mailbox(topic.removeprefix(INBOXES)))
        for done in range(1, len(topics_in(database)) + 1):
            with pytest.raises(PowerCut):
                await put_in(database, place.connection, place.names, cut_after(done))
        await put_in(database, place.connection, place.names)
        first = await everything(place, database)
        await put_in(database, place.connection, place.names)
        return first, await everything(place, database)

    first, again = run(story())

    assert first == again == lying_in(tmp_path / "taken" / DATABASE)


def test_records_keep_their_numbers_though_older_ones_were_removed(kafka_cluster: KafkaCluster, tmp_path: Path) -> None:
    before = live_a_quiet_day(tmp_path / "before")
    database = hub_folder(before) / DATABASE
    connection = apsw.Connection(str(database))
    connection.execute("UPDATE topic SET first = 2 WHERE name = ?", (INPUT,))
    connection.execute(
        "DELETE FROM record WHERE offset < 2 AND topic = (SELECT id FROM topic WHERE name = ?)", (INPUT,)
    )
    connection.close()

    async def story() -> list[int]:
        place = await place_on(kafka_cluster)
        await move(before, tmp_path / "after", place)
        transport = KafkaTransport(place.connection, place.names)
        try:
            return [record.offset for record in await transport.read(INPUT, 2, 1_000, 0)]
        finally:
            await transport.close()

    numbers = run(story())

    assert numbers == [record[0] for record in lying_in(tmp_path / "taken" / DATABASE)[INPUT]]
    assert numbers[0] == 2


def test_nothing_is_mixed_with_what_is_there(kafka_cluster: KafkaCluster, tmp_path: Path) -> None:
    before = live_a_quiet_day(tmp_path / "before")

    async def story() -> None:
        place = await place_on(kafka_cluster)
        publisher = Publisher(place.connection)
        await publisher.publish(place.names.place((INPUT, 0)), [b"of another hub"])
        await publisher.close()
        await move(before, tmp_path / "after", place)

    with pytest.raises(MoveRefused, match="has another record 0"):
        run(story())


def test_a_hub_at_work_gives_nothing_away_and_one_that_moved_does_not_start(tmp_path: Path) -> None:
    folder, clock = tmp_path / "before", MovedClock()

    async def story() -> None:
        async with county(folder, clock, [POLICE]):
            with pytest.raises(LaneTaken):
                take_out(hub_folder(folder), tmp_path / "taken", clock.now(), credential=None)

    run(story())
    started = not refused(folder, clock)
    begin(folder, tmp_path / "after", clock)

    assert started
    assert refused(folder, clock)
    assert refused(tmp_path / "after", clock)


def test_only_what_was_taken_out_is_put_in(tmp_path: Path) -> None:
    folder, clock = live_a_quiet_day(tmp_path / "before"), MovedClock()
    begin(folder, tmp_path / "after", clock)
    with (tmp_path / "taken" / DATABASE).open("r+b") as file:
        file.seek(8_192)
        file.write(b"something else")

    with pytest.raises(BackupRefused):
        begin_to_put_in(tmp_path / "taken", hub_folder(tmp_path / "after"), HUB, clock.now())
    with pytest.raises(BackupRefused):
        begin_to_put_in(tmp_path / "taken", hub_folder(tmp_path / "elsewhere"), HUB, clock.now())


def begin(before: Path, after: Path, clock: MovedClock) -> Path:
    """Take the data out, and make the new folder. Returns where the data is."""
    taken = before.with_name("taken")
    later = clock.now() + timedelta(days=1)
    take_out(hub_folder(before), taken, later, credential=None)
    begin_to_put_in(taken, hub_folder(after), HUB, later)
    return taken


async def move(before: Path, after: Path, place: Place) -> None:
    """All of `tellwise export` and `tellwise import`, and the desks' own folders."""
    taken = begin(before, after, MovedClock())
    for topic in topics_in(taken / DATABASE):
        if topic.startswith(INBOXES):
            await place.make_inbox(Mailbox(topic.removeprefix(INBOXES)))
    await put_in(taken / DATABASE, place.connection, place.names)
    remove(hub_folder(after) / ARRIVING)
    shutil.copytree(before / "desks", after / "desks", dirs_exist_ok=True)


class PowerCut(Exception):
    """The machine goes dark in the middle."""


def cut_after(topics: int) -> Callable[[str, int], None]:
    """Something that is told of each topic, and goes dark at one of them."""
    told: list[str] = []

    def said(topic: str, _count: int) -> None:
        told.append(topic)
        if len(told) == topics:
            raise PowerCut

    return said


async def everything(place: Place, database: Path) -> Lying:
    """The records on Kafka of each topic that a file has."""
    transport = KafkaTransport(place.connection, place.names)
    found: Lying = {}
    try:
        for topic in topics_in(database):
            found[topic] = []
            while records := await transport.read(topic, len(found[topic]), 1_000, 0):
                found[topic] += [(record.offset, record.value) for record in records]
    finally:
        await transport.close()
    return found


def lying_in(database: Path) -> Lying:
    """The records of each topic of a file."""
    found: Lying = {topic: [] for topic in topics_in(database)}
    connection = apsw.Connection(str(database))
    sql = "SELECT name, offset, value FROM record JOIN topic ON topic.id = record.topic ORDER BY record.id"
    rows: list[Any] = connection.execute(sql).fetchall()
    for name, number, value in rows:
        found[name].append((number, value))
    connection.close()
    return found


def letters_of(heard: dict[DeskId, list[OpenedLetter]]) -> list[OpenedLetter]:
    """All letters that were heard."""
    return [letter for letters in heard.values() for letter in letters]


def numbers_of(letters: Iterable[OpenedLetter]) -> dict[DeskId, list[int]]:
    """The number in the cover of each letter, by desk, in the order in which they were heard."""
    numbers: dict[DeskId, list[int]] = {}
    for letter in letters:
        numbers.setdefault(letter.cover.desk, []).append(letter.cover.n)
    return numbers


def refused(folder: Path, clock: MovedClock) -> bool:
    """Whether no hub starts in one file there."""

    async def start() -> bool:
        try:
            async with county(folder, clock, [POLICE]):
                return False
        except FolderUnusable:
            return True

    return run(start())


def run(story: Awaitable[_T]) -> _T:
    """Run it to its end, within a bound."""

    async def bounded() -> _T:
        async with asyncio.timeout(120):
            return await story

    return asyncio.run(bounded())
