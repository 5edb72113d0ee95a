"""A bit is flipped in a file that the hub or a desk has stored: it is noticed, and nothing of it is served.

A disk that gives back other bytes than it was given says nothing of it. Each page of our databases has a checksum, so
that every way to them is refused; and the small files are refused when they are read, or mean what they meant.
"""

import asyncio
import random
import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from broker.app import desk_folder, hub_folder
from broker.client import Trust
from broker.client.keys import load_desk_keys
from broker.client.store import DDL
from broker.errors import TellwiseError
from broker.sealing.entropy import system_entropy
from broker.sealing.keystore_file import MARKER
from broker.transport.database import faults_of_the_folder, open_database
from broker.transport.tables import TABLES
from tests.contracts.clock import MovedClock
from tests.contracts.engine import story
from tests.faults.county import county, desk_db, hub_db, live_a_quiet_day
from tests.faults.page_checksums import with_checksums
from tests.faults.stored import hub_keys
from tests.faults.summary import Summary
from tests.personas import BLACKBURN_CHILDREN, POLICE

TWO = (POLICE, BLACKBURN_CHILDREN)
FLIPS, SEED = 300, 20261125

Rows = dict[str, list[tuple[object, ...]]]


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return live_a_quiet_day(tmp_path_factory.mktemp("lived") / "data")


def flip(path: Path, chance: random.Random) -> int:
    """Turn one bit of a file. Which, counted from 0."""
    data = bytearray(path.read_bytes())
    bit = chance.randrange(len(data) * 8)
    data[bit // 8] ^= 1 << bit % 8
    path.write_bytes(data)
    return bit


def read_whole(path: Path, ddl: str) -> Rows:
    """All that a database holds, read as our own parts read it, by table and then by each of its indexes.

    Raises:
        FolderUnusable: as they would.
    """
    with faults_of_the_folder(path), closing(open_database(path, ddl, readonly=True)) as database:
        schema = list(database.execute("SELECT type, name, tbl_name FROM sqlite_schema"))
        rows: Rows = {}
        for what, name, table in schema:
            by = "NOT INDEXED" if what == "table" else f'INDEXED BY "{name}"'
            wanted = "*" if what == "table" else "count(*)"
            if not str(name).startswith("sqlite_autoindex"):
                rows[str(name)] = list(database.execute(f'SELECT {wanted} FROM "{table}" {by}'))  # noqa: S608 - out of the schema
        database.execute("PRAGMA integrity_check").fetchall()  # reads the rest, also what SQLite made by itself
        return rows


def flipped(whole: Path, ddl: str, folder: Path, times: int, seed: int) -> tuple[int, list[str]]:
    """Flip a bit of a copy of a database, so many times. How often it was refused, and what was read otherwise."""
    chance, refused, wrong = random.Random(seed), 0, list[str]()
    before = read_whole(whole, ddl)
    folder.mkdir(parents=True, exist_ok=True)
    for _ in range(times):
        path = Path(shutil.copy(whole, folder))
        bit = flip(path, chance)
        try:
            after = read_whole(path, ddl)
        except TellwiseError:
            refused += 1
        else:
            wrong += [] if after == before else [f"bit {bit} of {path.name} changed what is read"]
    return refused, wrong


def soak(points: int, seed: int, folder: Path) -> Summary:
    """Flip so many bits of a hub's and of a desk's file, one at a time, drawn from *seed*, in an empty *folder*."""
    lived = live_a_quiet_day(folder / "lived")
    hubs, wrong = flipped(hub_db(lived), TABLES, folder / "hub", points // 2, seed)
    desks, more = flipped(desk_db(lived, BLACKBURN_CHILDREN.name), DDL, folder / "desk", points - points // 2, seed)
    failures = tuple(f"{failure} (seed {seed})" for failure in (*wrong, *more))
    refused = hubs + desks
    meaningless = points - refused - len(failures)
    return Summary("flipped bits", points, failures, ((refused, "refused"), (meaningless, "without a meaning")))


def test_a_flipped_bit_of_a_database_is_refused_or_means_nothing(tmp_path: Path) -> None:
    summary = soak(FLIPS, SEED, tmp_path)

    assert summary.failures == ()
    assert summary.done == FLIPS


def test_without_checksums_flipped_bits_are_read_as_if_nothing_were(lived: Path, tmp_path: Path) -> None:
    whole, chance = desk_db(lived, BLACKBURN_CHILDREN.name), random.Random(SEED)
    before, otherwise = read_whole(whole, DDL), 0
    for _ in range(100):
        path = Path(shutil.copy(whole, tmp_path))
        flip(path, chance)
        path.write_bytes(with_checksums(path.read_bytes()))  # as if it had been so when it was written
        try:
            otherwise += read_whole(path, DDL) != before
        except (TellwiseError, apsw.Error, ValueError):
            continue

    assert otherwise > 3


@story
async def test_a_letter_that_the_disk_has_altered_is_not_handed_on(lived: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(lived, tmp_path / "data")
    path = desk_db(folder, BLACKBURN_CHILDREN.name)
    data = path.read_bytes()
    place = data.index(b"Invented-Onyx Street")
    path.write_bytes(data[:place] + b"J" + data[place + 1 :])  # another bit than before in one letter of an address

    with pytest.raises(TellwiseError):
        async with county(folder, MovedClock(), TWO) as here:
            here.desks[BLACKBURN_CHILDREN.name].store.letters()


SMALL: dict[str, tuple[Callable[[Path], Path], Callable[[Path], object]]] = {
    "trust.json": (lambda folder: hub_folder(folder) / "trust.json", Trust.load),
    "keyring.json": (lambda folder: hub_folder(folder) / "keyring.json", lambda path: hub_keys(path.parents[1])),
    "a desk's keys": (
        lambda folder: desk_folder(folder, POLICE.name) / "keys.json",
        lambda path: load_desk_keys(path, system_entropy),
    ),
}
"""The small files, and who reads them."""


async def starts(folder: Path) -> None:
    """Start the hub, and let a desk read its directory anew.

    Raises:
        TellwiseError: one of them refuses.
    """
    async with county(folder, MovedClock(), TWO) as here:
        await here.desks[POLICE.name].hear()


def is_refused(folder: Path) -> bool:
    """Whether the hub refuses to start on a folder."""
    try:
        asyncio.run(starts(folder))
    except TellwiseError:
        return True
    return False


@pytest.mark.parametrize("which", SMALL)
def test_a_small_file_that_changed_is_refused(which: str, lived: Path, tmp_path: Path) -> None:
    find, read = SMALL[which]
    folder = shutil.copytree(lived, tmp_path / "data")
    path = find(folder)
    whole, chance = path.read_bytes(), random.Random(SEED)
    taken = []
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << place % 8]) + whole[place + 1 :])
        try:
            read(path)
        except TellwiseError:
            continue
        taken.append(path.read_bytes())

    for data in chance.sample(taken, min(len(taken), 6)):  # a well-formed other value: whoever knows better refuses it
        path.write_bytes(data)
        assert is_refused(folder), data


def test_a_key_of_the_hub_that_changed_is_refused(lived: Path, tmp_path: Path) -> None:
    for key in sorted(hub_folder(lived).joinpath("keys").iterdir()):
        if key.name == MARKER:
            continue
        folder = shutil.copytree(lived, tmp_path / key.name)
        path = hub_folder(folder) / "keys" / key.name
        flip(path, random.Random(SEED))

        assert is_refused(folder), key.name
