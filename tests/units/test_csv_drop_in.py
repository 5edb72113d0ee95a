"""A folder of a desk's own CSV: each row is said or listed with its line and reason, and nothing of a file that is not
whole."""

import asyncio
import io
import os
import random
import sys
from pathlib import Path
from typing import Any

import pytest

from agency_adapters.csv_drop import CsvDrop, CsvDropSettings
from agency_adapters.csv_drop.rows import ROW_BYTES_MAX, Malformed, Row, read_rows
from broker.errors import SettingsRefused
from tests.contracts.clock import MovedClock
from tests.contracts.engine import story
from tests.units.desk_at_work import at_work, police_folder, stays, until
from tests.units.dropping import HEADER, drop, dropping, names, person, rejected, said, settings, taken, written


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """The folder of a hub, with the police desk's own beside it."""
    return dropping(tmp_path / "world")


@story
async def test_a_good_row_is_said_and_a_bad_one_is_listed_with_its_line_and_reason(world: Path) -> None:
    rows = [person(1), person(2, DOB="soon"), person(3), person(4, SURNAME=""), person(5)]
    drop(world, written(*rows))

    assert await taken(world) == 3
    assert rejected(world) == [
        (3, "`identity.date_of_birth`, column `DOB`: not spelt `%d/%m/%Y`"),
        (5, "`identity.names.0.family`, column `SURNAME`: empty"),
    ]
    assert names(world, "done") == ["moves.csv"]


@story
async def test_a_thousand_rows_of_which_37_are_bad_are_963_notifications_and_37_rejects(world: Path) -> None:
    spoil: list[dict[str, str]] = [
        {"DOB": "31/02/1999"},
        {"STATE": "?"},
        {"NEW_DISTRICT": "Atlantis"},
        {"PNC_ID": ""},
        {"SURNAME": "x" * 300},
        {"CHILD": "maybe"},
    ]
    rows = [person(number) for number in range(1000)]
    bad = sorted(random.Random(7).sample(range(1000), 37))
    for place, number in enumerate(bad):
        rows[number] |= spoil[place % len(spoil)]
    drop(world, written(*rows))

    assert await taken(world) == 963
    assert [line for line, _ in rejected(world)] == [number + 2 for number in bad]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (b"1,2\r\n", "2 cells, and the header has 17 columns"),
        (b",".join([b"x"] * 18) + b"\r\n", "18 cells"),
        (b'"99/0000009A,Synthetic\r\n', "a quote that is not closed"),
        (b'"99/00"00009A,Synthetic\r\n', "not CSV"),
        (b"99/0000009A,Synth\x00etic\r\n", "a NUL byte"),
        (b"99/0000009A,Synth\xffetic\r\n", "not in the encoding"),
        (b'"' + b"x" * (ROW_BYTES_MAX + 5) + b'"\r\n', "too long"),
        (b"x\ry\r\n", "not CSV"),
        (b'"99/0000009A","two\nlines, and\nthree",z\r\n', "3 cells"),
    ],
)
def test_a_malformed_row_costs_itself_and_no_other(bad: bytes, reason: str, world: Path) -> None:
    lines = written(person(1), person(2), person(3)).splitlines(keepends=True)
    drop(world, b"".join([*lines[:2], bad, *lines[2:]]))

    count = asyncio.run(taken(world))

    assert count == 3
    ((line, why),) = rejected(world)
    assert line == 3
    assert reason in why


def test_the_line_of_a_row_is_the_one_on_which_an_editor_shows_it() -> None:
    text = b'a,b\r\n"1\n2",3\r\n\r\n4,5\n6,"7'

    rows = list(read_rows(io.BytesIO(text), "utf-8", ","))

    assert [row.line for row in rows] == [1, 2, 5, 6]
    assert rows[-1] == Malformed(6, "a quote that is not closed")


def test_what_stands_inside_a_long_cell_is_never_read_as_a_row() -> None:
    inner = b"99/0000001A,Synthetic,Row\r\n"
    too_long, long = (b'1,"' + inner * (size // len(inner)) + b'",3\r\n' for size in (2 * ROW_BYTES_MAX, 500_000))
    text = b"a,b,c\r\n" + too_long + b"4,5,6\r\n" + long + b"7,8,9\r\n"

    _, refused, between, whole, last = read_rows(io.BytesIO(text), "utf-8", ",")

    assert isinstance(refused, Malformed)
    assert refused.line == 2
    assert isinstance(whole, Row)
    assert len(whole.cells) == 3
    assert [row.cells for row in (between, last) if isinstance(row, Row)] == [("4", "5", "6"), ("7", "8", "9")]


def test_a_quote_that_nobody_closes_leaves_the_rows_after_it_readable() -> None:
    text = b'a,b\r\n1,"x\r\n2,y\r\n3,"z"\r\n4,"u\r\n5,v\r\n'

    rows = list(read_rows(io.BytesIO(text), "utf-8", ","))

    assert [(row.line, isinstance(row, Malformed)) for row in rows] == [
        (1, False),
        (2, True),
        (3, False),
        (4, False),
        (5, True),
        (6, False),
    ]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not even a header"),
        (b"\r\n\r\n", "not even a header"),
        (written(person(1), header=[name for name in HEADER if name != "DOB"]), "column `DOB` missing"),
        (written(person(1), header=[*HEADER, "DOB"]), "column `DOB` twice"),
        (b'"' + written(person(1)), "its header"),
    ],
)
def test_a_file_whose_header_does_not_fit_is_put_aside_and_nothing_of_it_is_said(
    data: bytes, reason: str, world: Path
) -> None:
    drop(world, data)

    count = asyncio.run(taken(world))

    assert count == 0
    assert names(world, "rejects") == ["moves.csv", "moves.csv.rejects.csv"]
    assert names(world, "done") == []
    ((line, why),) = rejected(world)
    assert (line, reason in why) == (0, True)


@story
async def test_old_systems_are_read_in_their_own_encoding_and_delimiter(world: Path) -> None:
    data = written(person(1, SURNAME="Synthétique")).decode().replace(",", ";").encode("cp1252")
    drop(world, data)

    assert await taken(world, settings(encoding="cp1252", delimiter=";")) == 1


@story
async def test_a_byte_order_mark_and_line_feeds_alone_are_read(world: Path) -> None:
    drop(world, b"\xef\xbb\xbf" + written(person(1), person(2, DOB="soon")).replace(b"\r\n", b"\n"))

    assert await taken(world) == 1
    assert [line for line, _ in rejected(world)] == [3]


@pytest.mark.parametrize("wrong", [{"encoding": "utf-16"}, {"encoding": "klingon"}, {"delimiter": '"'}, {"inn": 1}])
def test_a_setting_that_could_not_work_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        settings(**wrong)


@story
async def test_an_adapter_with_nothing_to_do_says_so(world: Path) -> None:
    with pytest.raises(SettingsRefused, match="nothing to do"):
        async with at_work(world, CsvDrop(), CsvDropSettings()):
            await asyncio.sleep(0)


# --- whole files ---


@story
async def test_a_file_is_waited_for_until_it_has_stayed_as_it_is(world: Path) -> None:
    clock = MovedClock()
    path = drop(world, written(person(1)))

    async with at_work(world, CsvDrop(), settings(settle_ms=5_000), clock) as work:
        await stays(path.exists)  # no time passes
        clock.move(seconds=4)
        path.write_bytes(written(person(1), person(2)))
        await stays(path.exists)
        clock.move(seconds=4)
        await stays(path.exists)  # eight seconds after it was first seen, and it has changed since
        clock.move(seconds=2)
        await until(lambda: not path.exists())
        assert said(work.desk) == 2


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who has a file open")
@story
async def test_a_file_that_somebody_has_open_for_writing_is_waited_for(world: Path) -> None:
    path = police_folder(world) / "in" / "moves.csv"
    whole = written(person(1), person(2))
    half = whole[:-100]

    with path.open("wb") as writer:
        writer.write(half)
        writer.flush()
        async with at_work(world, CsvDrop(), settings()) as work:
            await stays(lambda: path.exists() and said(work.desk) == 0)
            writer.write(whole[len(half) :])
            writer.close()
            await until(lambda: not path.exists())
            assert said(work.desk) == 2
    assert rejected(world) == []


@story
async def test_what_is_no_file_of_ours_is_left_alone(world: Path) -> None:
    place, outside = police_folder(world) / "in", world / "elsewhere.csv"
    outside.write_bytes(written(person(9)))
    (place / "linked.csv").symlink_to(outside)
    (place / "folder.csv").mkdir()
    os.mkfifo(place / "pipe.csv")
    (place / ".hidden.csv").write_bytes(written(person(8)))
    (place / "notes.txt").write_bytes(written(person(7)))
    (place / "large.csv").write_bytes(written(*map(person, range(50))))
    drop(world, written(person(1)))

    assert await taken(world, settings(file_bytes_max=5_000)) == 1
    assert names(world, "done") == ["moves.csv"]
    assert names(world, "in") == [
        ".hidden.csv",
        "folder.csv",
        "large.csv",
        "linked.csv",
        "notes.txt",
        "pipe.csv",
    ]


@story
async def test_files_are_taken_in_the_order_of_their_names(world: Path) -> None:
    drop(world, written(person(1), person(2)), "b.csv")
    drop(world, written(person(3)), "a.csv")

    async with at_work(world, CsvDrop(), settings(waiting_max=1)) as work:  # so the second one is not read to its end
        await until(lambda: names(world, "done"))

        await stays(lambda: (names(world, "done"), names(world, "in"), said(work.desk)) == (["a.csv"], ["b.csv"], 1))
