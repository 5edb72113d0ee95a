"""A bit is flipped in a file that the hub or a desk has stored: it is noticed, or it changes nothing; it is never served.

A disk that returns what it was not given says nothing. Here one bit of one file is turned, and then everything is
looked at: SQLite's own check, the checker, `tellwise ledger verify`; and the hub is started on the file, with desks that
hear all of their letters anew. What they then have must be what was said to them, letter by letter. A small file must
be refused when it is read, or mean what it meant.
"""

import asyncio
import os
import random
import shutil
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from broker.app import desk_folder, hub_folder
from broker.cli.verify_folder import verify_folder
from broker.client import Trust
from broker.client.keys import load_desk_keys
from broker.client.store import DeskStore
from broker.errors import TellwiseError
from broker.sealing.entropy import system_entropy
from broker.sealing.rejection import Rejected
from schemas import DeskId
from schemas.strict import NotStrict
from tests.contracts.clock import MovedClock
from tests.faults.checker import check
from tests.faults.county import county, desk_db, hub_db, live_a_quiet_day
from tests.faults.stored import hub_keys
from tests.faults.summary import Summary
from tests.personas import BLACKBURN_CHILDREN, POLICE

TWO = (POLICE, BLACKBURN_CHILDREN)
FLIPS, SEED = 40, 20261125
PATIENCE_S = 20

Letters = dict[tuple[DeskId, str, int], tuple[object, object]]
"""What a desk was told: publisher, kind, cover and compartments, by desk, notification and part."""


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


def letters_of(folder: Path) -> Letters:
    """All letters that the desks of a folder have."""
    found: Letters = {}
    for desk in TWO:
        with closing(DeskStore(desk_db(folder, desk.name))) as store:
            for letter in store.letters():
                told = (letter.publisher, letter.kind), (letter.cover, letter.compartments)
                found[desk.name, letter.id, letter.part] = told
    return found


def rows_of(path: Path) -> dict[str, Counter[tuple[object, ...]]]:
    """All that a database holds, table by table, whatever its pages look like."""
    with closing(apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)) as database:
        tables = [str(name) for (name,) in database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        return {
            table: Counter(database.execute(f'SELECT * FROM "{table}"'))  # noqa: S608 - a name out of the schema
            for table in tables
        }


def is_noticed(folder: Path, path: Path) -> bool:
    """Whether one of those who look at a folder finds something."""
    try:
        with closing(apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)) as database:
            if list(database.execute("PRAGMA integrity_check")) != [("ok",)]:
                return True
        return bool(verify_folder(folder).findings or check(folder))
    except Exception:  # noqa: BLE001 - whatever it is, it is noticed
        return True


async def hear_all_anew(folder: Path) -> str:
    """Start the hub, with desks that have forgotten what they heard. Why it did not start; empty if it did."""
    for desk in TWO:
        for path in desk_folder(folder, desk.name).glob("desk.db*"):
            path.unlink()
    try:
        async with asyncio.timeout(PATIENCE_S), county(folder, MovedClock(), TWO) as here:
            for desk in here.desks.values():
                try:
                    await desk.hear()
                except TellwiseError as error:
                    return type(error).__name__
    except (TellwiseError, TimeoutError) as error:
        return type(error).__name__
    return ""


def served_wrongly(was: Letters, now: Letters) -> list[str]:
    """Letters that a desk has otherwise than they were said; which of them come is another matter."""
    return [f"letter {letter[1]} is not what was said" for letter, told in now.items() if was.get(letter) != told]


def flipped_in_the_hub(lived: Path, home: Path, chance: random.Random) -> tuple[bool, list[str]]:
    """Whether it was noticed, and what is wrong."""
    shutil.copytree(lived, home)
    was, path = letters_of(lived), hub_db(home)
    bit = flip(path, chance)
    noticed = is_noticed(home, path)
    wrong = [] if noticed or rows_of(path) == rows_of(hub_db(lived)) else _unnoticed(lived, home)
    asyncio.run(hear_all_anew(home))
    try:
        wrong += served_wrongly(was, letters_of(home))
    except TellwiseError:  # the desk never began
        pass
    shutil.rmtree(home)
    return noticed, [f"bit {bit} of hub.db: {what}" for what in wrong]


def _unnoticed(lived: Path, home: Path) -> list[str]:
    before, after = rows_of(hub_db(lived)), rows_of(hub_db(home))
    changed = {table for table in before if before[table] != after.get(table)}
    return [f"table {table} changed, and nobody noticed" for table in sorted(changed - MAY_CHANGE)]


MAY_CHANGE = {"lease"}
"""Who owned the lane last: whoever takes it compares it with nothing but the clock and a lock."""


def soak(points: int, seed: int, folder: Path) -> Summary:
    """Flip so many bits of a hub's file, one at a time, drawn from *seed*, in an empty *folder*."""
    lived, chance, failures = live_a_quiet_day(folder / "lived"), random.Random(seed), list[str]()
    noticed = 0
    for _ in range(points):
        was_noticed, wrong = flipped_in_the_hub(lived, folder / "flipped", chance)
        noticed += was_noticed
        failures += [f"{what} (seed {seed})" for what in wrong]
    return Summary(
        f"bits flipped in the hub's file, {noticed} noticed and the others of no meaning", points, tuple(failures)
    )


def test_a_flipped_bit_of_the_hubs_file_is_noticed_or_means_nothing(tmp_path: Path) -> None:
    summary = soak(FLIPS, SEED, tmp_path)

    assert summary.failures == ()


def test_a_flipped_bit_of_a_desks_file_is_noticed_or_means_nothing(lived: Path, tmp_path: Path) -> None:
    chance, whole = random.Random(SEED), rows_of(desk_db(lived, BLACKBURN_CHILDREN.name))
    for _ in range(FLIPS):
        home = tmp_path / "flipped"
        shutil.copytree(lived, home)
        path = desk_db(home, BLACKBURN_CHILDREN.name)
        bit = flip(path, chance)

        assert is_noticed(home, path) or rows_of(path) == whole, f"bit {bit}"
        shutil.rmtree(home)


READ: dict[str, tuple[Callable[[Path], Path], Callable[[Path], object]]] = {
    "trust.json": (lambda folder: hub_folder(folder) / "trust.json", lambda path: Trust.load(path)),
    "keyring.json": (lambda folder: hub_folder(folder) / "keyring.json", lambda path: hub_keys(path.parents[1])),
    "a key": (
        lambda folder: next(hub_folder(folder).joinpath("keys").iterdir()),
        lambda path: hub_keys(path.parents[1]),
    ),
    "a desk's keys": (
        lambda folder: desk_folder(folder, POLICE.name) / "keys.json",
        lambda path: load_desk_keys(path, system_entropy),
    ),
}
"""The small files, and who reads them."""


def _plain(read: object) -> str:
    return repr(read)


@pytest.mark.parametrize("which", READ)
def test_each_byte_of_a_small_file_is_refused_when_it_changed(which: str, lived: Path, tmp_path: Path) -> None:
    find, read = READ[which]
    path = find(shutil.copytree(lived, tmp_path / "data"))
    whole = path.read_bytes()
    taken = []
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << place % 8]) + whole[place + 1 :])
        try:
            read(path)
        except (TellwiseError, Rejected, NotStrict):
            continue
        taken.append(place)

    assert taken == [], [whole[max(place - 20, 0) : place + 1] for place in taken[:5]]


assert os
