"""A hub's and a desk's file: ours, whole, and left exactly as it was."""

import os
import subprocess
import sys
from itertools import count
from pathlib import Path

import apsw
import pytest

from broker.errors import FolderUnusable
from broker.health import Severity
from broker.health.database import LOOK_S, WAL_BYTES_WARNING, database, opened, wal
from broker.transport.database import open_database
from tests.house.tree import ROOT

DDL = "CREATE TABLE letter(id TEXT PRIMARY KEY, opened BLOB) STRICT; CREATE TABLE note(size INTEGER) STRICT;"
LETTERS = 2_000


def made(path: Path) -> Path:
    """A file with letters in it, closed."""
    connection = open_database(path, DDL)
    with connection:
        for number in range(LETTERS):
            connection.execute("INSERT INTO letter VALUES (?, zeroblob(500))", (f"letter {number}",))
    connection.close()
    return path


def test_a_whole_file_is_well_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = made(tmp_path / "hub.db")
    before = path.read_bytes()

    (found,) = database(path, DDL)

    assert (found.severity, "is whole" in found.what) == (Severity.OK, True)
    assert [file.name for file in tmp_path.iterdir()] == ["hub.db"]
    assert path.read_bytes() == before


def test_a_file_that_is_at_work_is_looked_at_with_what_was_just_committed(tmp_path: Path) -> None:
    path = made(tmp_path / "hub.db")
    writer = open_database(path, DDL)
    writer.execute("INSERT INTO note VALUES (1)")

    found = database(path, DDL)
    with opened(path, DDL) as looking:
        committed = looking.execute("SELECT size FROM note").fetchall()

    assert [each.severity for each in found] == [Severity.OK]
    assert committed == [(1,)]
    writer.execute("INSERT INTO note VALUES (2)")  # nobody holds it up
    writer.close()


def test_what_a_killed_writer_left_is_looked_at_and_kept(tmp_path: Path) -> None:
    path = made(tmp_path / "hub.db")
    program = (
        "import os, sys; from pathlib import Path; from broker.transport.database import open_database\n"
        "kept = open_database(Path(sys.argv[1]), sys.argv[2])\n"
        "kept.execute('INSERT INTO note VALUES(7)'); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", program, str(path), DDL], cwd=ROOT, check=False)
    before = path.with_name("hub.db-wal").read_bytes()

    found = database(path, DDL)

    assert [each.severity for each in found] == [Severity.OK]
    assert path.with_name("hub.db-wal").read_bytes() == before
    assert before


def test_a_damaged_page_is_a_problem(tmp_path: Path) -> None:
    path = made(tmp_path / "hub.db")
    with path.open("r+b") as file:
        file.seek(10 * 4_096)
        file.write(b"\xff" * 4_096)

    (found,) = database(path, DDL)

    assert (found.severity, "is damaged" in found.what) == (Severity.PROBLEM, True)


def test_a_stranger_s_file_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    stranger = apsw.Connection(str(tmp_path / "hub.db"))
    stranger.execute("CREATE TABLE invoice(total)")
    stranger.close()

    with pytest.raises(FolderUnusable, match="not a database of this version of Tellwise"):
        database(tmp_path / "hub.db", DDL)

    assert [file.name for file in tmp_path.iterdir()] == ["hub.db"]


def test_a_file_with_other_tables_is_refused(tmp_path: Path) -> None:
    path = made(tmp_path / "hub.db")

    with pytest.raises(FolderUnusable, match="not a database of this version of Tellwise"):
        database(path, DDL + "CREATE TABLE more(size INTEGER) STRICT;")


def test_what_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "hub.db").write_text("Dear sir or madam, " * 300)

    with pytest.raises(FolderUnusable, match="file is not a database"):
        database(tmp_path / "hub.db", DDL)


def test_the_look_ends_in_time_and_says_that_it_did_not_see_everything(tmp_path: Path) -> None:
    path = made(tmp_path / "hub.db")
    ticks = count(step=LOOK_S * 0.6)

    (found,) = database(path, DDL, monotonic_s=lambda: float(next(ticks)))

    assert (found.severity, "not looked through to its end" in found.what) == (Severity.WARNING, True)


def test_a_file_that_others_may_read_is_a_problem(tmp_path: Path) -> None:
    path = made(tmp_path / "desk.db")
    path.chmod(0o640)

    found = database(path, DDL)

    assert f"others than its owner may read or change `{path}` (0640)" in {
        each.what for each in found if each.severity is Severity.PROBLEM
    }


def test_a_write_ahead_log_that_grows_is_a_warning(tmp_path: Path) -> None:
    path = made(tmp_path / "hub.db")
    writer = open_database(path, DDL)
    writer.execute("INSERT INTO note VALUES (1)")
    os.truncate(path.with_name("hub.db-wal"), WAL_BYTES_WARNING + 1)  # a hole, which takes no room

    found = database(path, DDL)

    assert [each.severity for each in found] == [Severity.OK, Severity.WARNING]
    assert wal(path, WAL_BYTES_WARNING) == []
    writer.close()
