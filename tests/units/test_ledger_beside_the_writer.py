"""A window on a ledger beside its writer: what was altered is not shown, and what grows is shown as it grows.

The file is the hub's own, and is changed as somebody would change it who can write to it.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from broker.errors import FolderUnusable, StateUnreadable
from broker.ledger import entries
from broker.ledger.checkpoint import open_note
from broker.ledger.merkle import EMPTY, extend, leaf_hash
from broker.ledger.proofs import check_proof
from broker.transport.ledger_reader import LedgerReader
from tests.books import (
    BYSTANDER,
    DIRECTORY,
    KEY,
    KINDS,
    LANE,
    ONE_OF_EACH,
    STRANGER,
    TOLD,
    books,
    entry_of,
    fillers,
    note_of,
    refused,
    window,
)
from tests.contracts.engine import story

CHANGE = "UPDATE ledger_entry SET entry = ? WHERE log = ? AND i = ?"


@pytest.mark.parametrize(
    "tampering",
    [
        (CHANGE, fillers(1, 9_999)[0], LANE, 3),
        (CHANGE, fillers(1, 9_999)[0], LANE, 399),
        ("DELETE FROM ledger_entry WHERE log = ? AND i = 3", LANE),
        ("DELETE FROM ledger_entry WHERE log = ? AND i = 399", LANE),
        ("UPDATE ledger_checkpoint SET size = 399 WHERE log = ?", LANE),
        ("UPDATE ledger_checkpoint SET size = 401 WHERE log = ?", LANE),
        ("UPDATE ledger_checkpoint SET note = x'' WHERE log = ?", LANE),
        ("UPDATE ledger_checkpoint SET log = ? WHERE log = ?", LANE, DIRECTORY),
        (
            "UPDATE ledger_checkpoint SET note = ? WHERE log = ?",
            note_of(LANE, extend(EMPTY, [leaf_hash(line) for line in fillers(400)]), STRANGER),
            LANE,
        ),
        (
            "UPDATE ledger_checkpoint SET note = ? WHERE log = ?",
            note_of(LANE, extend(EMPTY, [leaf_hash(line) for line in fillers(400, 1)])),
            LANE,
        ),
    ],
)
@story
async def test_of_a_ledger_that_is_not_what_was_signed_nothing_is_shown(
    tmp_path: Path, tampering: tuple[str | int | bytes, ...]
) -> None:
    async with books(tmp_path) as ledger:
        for log in (LANE, DIRECTORY):
            await ledger.append(log, [*fillers(399), entry_of(entries.Disclosure)])
        if DIRECTORY in tampering:
            ledger.tamper("DELETE FROM ledger_checkpoint WHERE log = ?", LANE)
        sql, *values = tampering
        ledger.tamper(str(sql), *values)
        pane = window(ledger.path)

        for _ in range(2):  # and it stays so
            for asked in (
                lambda: pane.checkpoint(LANE),
                lambda: pane.consistency(LANE, [1, 2]),
                lambda: pane.own_entry(LANE, 399, TOLD),
                lambda: pane.any_entry(LANE, 0),
            ):
                with pytest.raises(StateUnreadable):
                    asked()


@pytest.mark.parametrize("place", [3, 399])
@story
async def test_an_entry_that_is_changed_while_the_window_is_open_is_not_shown(tmp_path: Path, place: int) -> None:
    """In a run that is complete, and in the last."""
    lines = fillers(400)
    lines[3] = lines[399] = entry_of(entries.Disclosure)
    async with books(tmp_path) as ledger:
        await ledger.append(LANE, lines)
        pane = window(ledger.path)
        pane.checkpoint(LANE)
        ledger.tamper(CHANGE, entry_of(entries.Disclosure, to=BYSTANDER), LANE, place)

        for desk in (TOLD, BYSTANDER):
            with pytest.raises(StateUnreadable):
                pane.own_entry(LANE, place, desk)


@story
async def test_an_entry_that_is_lost_while_the_window_is_open_is_not_shown(tmp_path: Path) -> None:
    async with books(tmp_path) as ledger:
        await ledger.append(LANE, ONE_OF_EACH)
        pane = window(ledger.path)
        pane.checkpoint(LANE)
        ledger.tamper("DELETE FROM ledger_entry WHERE log = ? AND i = ?", LANE, KINDS.index(entries.Disclosure))

        with pytest.raises(StateUnreadable):
            pane.own_entry(LANE, KINDS.index(entries.Disclosure), TOLD)


@pytest.mark.parametrize("left", [10, 0])
@story
async def test_a_ledger_that_is_rolled_back_while_the_window_is_open_is_not_shown(tmp_path: Path, left: int) -> None:
    async with books(tmp_path) as ledger:
        await ledger.append(LANE, fillers(10))
        await ledger.append(LANE, fillers(20, 10))
        pane = window(ledger.path)
        pane.checkpoint(LANE)
        ledger.tamper("DELETE FROM ledger_checkpoint WHERE log = ? AND size > ?", LANE, left)

        with pytest.raises(StateUnreadable):
            pane.checkpoint(LANE)


@story
async def test_one_ledger_that_was_altered_does_not_hide_the_other(tmp_path: Path) -> None:
    async with books(tmp_path) as ledger:
        await ledger.append(LANE, fillers(10))
        await ledger.append(DIRECTORY, fillers(10))
        ledger.tamper(CHANGE, b"{}", LANE, 3)
        pane = window(ledger.path)

        with pytest.raises(StateUnreadable):
            pane.checkpoint(LANE)
        assert open_note(pane.checkpoint(DIRECTORY), KEY, DIRECTORY).size == 10


# --- beside the writer ------------------------------------------------------------------------------------------------


@story
async def test_many_ask_at_once_while_the_ledger_grows(tmp_path: Path) -> None:
    """Each of eight threads asks until it has seen the ledger grow five times."""
    wanted = KINDS.index(entries.Disclosure)
    async with books(tmp_path) as ledger:
        await ledger.append(LANE, ONE_OF_EACH)
        pane = window(ledger.path)

        def ask() -> list[int]:
            sizes: list[int] = []
            while len(set(sizes)) < 6:
                entry, proof = pane.own_entry(LANE, wanted, TOLD)
                sizes.append(check_proof(proof, entry, KEY, LANE)[0].size)
                pane.consistency(LANE, [1, wanted, sizes[-1]])
                refused(pane.own_entry, LANE, wanted, BYSTANDER)
            return sizes

        with ThreadPoolExecutor(8) as pool:
            asking = [asyncio.get_running_loop().run_in_executor(pool, ask) for _ in range(8)]
            rounds = 0
            while not all(one.done() for one in asking):
                await ledger.append(LANE, fillers(100, rounds * 100))
                rounds += 1
            seen = await asyncio.gather(*asking)

    assert all(sizes == sorted(sizes) for sizes in seen)  # and never an older one again


@story
async def test_looking_leaves_nothing_open_that_the_writer_would_wait_for(tmp_path: Path) -> None:
    """The write-ahead log can be emptied to its end: no look is still at an older moment."""
    async with books(tmp_path) as ledger:
        await ledger.append(LANE, fillers(2_000))
        with closing(LedgerReader(ledger.path)) as reader:
            reader.newest(LANE)
            reader.entries(LANE, 0, 2_000)
            reader.entries(LANE, 5, 1)
            reader.size(LANE)
            await ledger.append(LANE, fillers(16, 2_000))
            with closing(apsw.Connection(str(ledger.path))) as other:
                (busy, _, _) = other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()[0]

            assert busy == 0
            assert reader.size(LANE) == 2_016


@story
async def test_entries_are_read_up_to_the_first_that_is_missing(tmp_path: Path) -> None:
    lines = fillers(10)
    async with books(tmp_path) as ledger:
        await ledger.append(LANE, lines)
        ledger.tamper("DELETE FROM ledger_entry WHERE i = 6")
        with closing(LedgerReader(ledger.path)) as reader:
            read = [
                reader.entries(LANE, *asked) for asked in ((0, 3), (4, 9), (6, 2), (9, 5), (10, 5), (0, 0), (0, -1))
            ]

    assert read == [lines[:3], lines[4:6], [], lines[9:], [], [], []]


@story
async def test_a_reader_that_was_closed_does_not_look(tmp_path: Path) -> None:
    async with books(tmp_path) as ledger:
        reader = LedgerReader(ledger.path)
        reader.close()

        with pytest.raises(RuntimeError):
            reader.newest(LANE)


def test_where_there_is_no_hub_nothing_can_be_looked_at(tmp_path: Path) -> None:
    with pytest.raises(FolderUnusable):
        LedgerReader(tmp_path / "hub.db")

    assert list(tmp_path.iterdir()) == []
