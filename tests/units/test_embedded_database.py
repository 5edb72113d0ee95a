"""How a file is opened, and what is refused."""

import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import apsw
import pytest

from broker.errors import EngineUnsafe, FolderUnusable
from broker.transport.database import has_wal_reset_bug, open_database
from broker.transport.tables import TABLES

ROOT = Path(__file__).parents[2]
DDL = "CREATE TABLE letter(id TEXT PRIMARY KEY, opened BLOB) STRICT; CREATE TABLE note(size INTEGER) STRICT;"


@pytest.mark.parametrize(
    ("version", "is_unsafe"),
    [
        ((3, 6, 23), False),
        ((3, 7, 0), True),
        ((3, 40, 1), True),
        ((3, 44, 5), True),
        ((3, 44, 6), False),
        ((3, 44, 7), True),
        ((3, 50, 6), True),
        ((3, 50, 7), False),
        ((3, 51, 0), True),
        ((3, 51, 2), True),
        ((3, 51, 3), False),
        ((3, 54, 1), False),
        ((4, 0, 0), False),
    ],
)
def test_an_sqlite_that_can_lose_what_was_committed_is_known(version: tuple[int, ...], is_unsafe: bool) -> None:
    assert has_wal_reset_bug(version) == is_unsafe


def test_an_unsafe_sqlite_is_refused_before_anything_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apsw, "sqlite_lib_version", lambda: "3.51.2")

    with pytest.raises(EngineUnsafe, match=r"^sqlite 3\.51\.2 has the WAL-reset bug"):
        open_database(tmp_path / "new" / "hub.db", DDL)

    assert list(tmp_path.iterdir()) == []


def test_the_writer_s_settings_are_really_in_force(tmp_path: Path) -> None:
    connection = open_database(tmp_path / "hub.db", DDL)

    for name, value in [
        ("journal_mode", "wal"),
        ("synchronous", 2),
        ("page_size", 4096),
        ("foreign_keys", 0),
        ("secure_delete", 1),
        ("fullfsync", 1),
        ("cache_size", -16_384),
        ("busy_timeout", 5000),
    ]:
        assert connection.execute(f"PRAGMA {name}").fetchall() == [(value,)], name


def test_they_are_in_force_again_when_the_file_is_opened_again(tmp_path: Path) -> None:
    open_database(tmp_path / "hub.db", DDL).close()
    connection = open_database(tmp_path / "hub.db", DDL)

    assert connection.pragma("synchronous") == 2
    assert connection.pragma("journal_mode") == "wal"


def test_a_setting_that_does_not_hold_is_refused(tmp_path: Path) -> None:
    made_by_hand = apsw.Connection(str(tmp_path / "hub.db"))
    made_by_hand.pragma("page_size", 8192)  # cannot be changed once there is a table or a WAL
    made_by_hand.pragma("journal_mode", "wal")
    made_by_hand.close()

    with pytest.raises(EngineUnsafe, match="keeps page_size at `8192`"):
        open_database(tmp_path / "hub.db", DDL)


def test_every_table_is_made_and_strict(tmp_path: Path) -> None:
    connection = open_database(tmp_path / "hub.db", TABLES)

    tables = connection.execute("SELECT name, strict FROM pragma_table_list WHERE name NOT LIKE 'sqlite_%'").fetchall()
    assert {name for name, _ in tables} == {
        "topic", "record", "state", "position", "lease", "day", "day_reached",
        "ledger_entry", "ledger_detail", "ledger_checkpoint", "ledger_frontier",
    }  # fmt: skip
    assert all(strict for _, strict in tables)


def test_the_hub_s_tables_are_those_that_files_were_made_with(tmp_path: Path) -> None:
    connection = open_database(tmp_path / "hub.db", TABLES)

    # Another number means other tables: then say first how older files are brought along.
    assert connection.pragma("user_version") == 1_952_394_690


def test_comments_and_line_breaks_make_no_other_tables(tmp_path: Path) -> None:
    open_database(tmp_path / "desk.db", DDL).close()

    open_database(tmp_path / "desk.db", "-- what a desk keeps\n" + DDL.replace(" ", "\n  "))


def test_the_file_is_its_owner_s_alone(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        connection = open_database(tmp_path / "council" / "data" / "hub.db", DDL)
        connection.execute("INSERT INTO note VALUES(1)")
    finally:
        os.umask(old)

    files = sorted((tmp_path / "council" / "data").iterdir())
    assert [(path.name, oct(path.stat().st_mode & 0o777)) for path in files] == [
        ("hub.db", "0o600"), ("hub.db-shm", "0o600"), ("hub.db-wal", "0o600"),
    ]  # fmt: skip
    for folder in (tmp_path / "council", tmp_path / "council" / "data"):
        assert oct(folder.stat().st_mode & 0o777) == "0o700"


def test_a_folder_that_was_there_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o750)
    (tmp_path / "data").chmod(0o750)

    open_database(tmp_path / "data" / "hub.db", DDL)

    assert oct((tmp_path / "data").stat().st_mode & 0o777) == "0o750"


def test_the_folder_is_synced_when_the_file_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced = []

    def sync(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").resolve())

    monkeypatch.setattr(os, "fsync", sync)
    open_database(tmp_path / "new" / "hub.db", DDL)

    assert synced == [tmp_path.resolve(), (tmp_path / "new").resolve()]


def test_a_file_with_other_tables_is_refused(tmp_path: Path) -> None:
    open_database(tmp_path / "desk.db", DDL).close()

    with pytest.raises(FolderUnusable, match="those of another part or version of Tellwise"):
        open_database(tmp_path / "desk.db", TABLES)


@pytest.mark.parametrize("readonly", [False, True])
def test_a_stranger_s_database_is_refused_and_left_as_it_is(tmp_path: Path, readonly: bool) -> None:
    stranger = apsw.Connection(str(tmp_path / "hub.db"))
    stranger.execute("CREATE TABLE invoice(total)")
    stranger.close()
    before = (tmp_path / "hub.db").read_bytes()

    with pytest.raises(FolderUnusable, match="it is a database, but not one of Tellwise"):
        open_database(tmp_path / "hub.db", DDL, readonly=readonly)

    assert (tmp_path / "hub.db").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["hub.db"]


def test_what_is_no_database_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "hub.db").write_text("Dear sir or madam, " * 300)

    with pytest.raises(FolderUnusable) as caught:
        open_database(tmp_path / "hub.db", DDL)

    assert str(caught.value) == f"cannot use `{tmp_path / 'hub.db'}`: file is not a database"
    assert isinstance(caught.value.__cause__, apsw.NotADBError)


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    open_database(tmp_path / "hub.db", DDL).close()
    with (tmp_path / "hub.db").open("r+b") as file:
        file.seek(100)  # behind the header: the schema itself
        file.write(b"\xff" * 1_000)

    with pytest.raises(FolderUnusable, match="a page of it is damaged"):
        open_database(tmp_path / "hub.db", DDL)


def test_a_path_that_cannot_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    for path in (tmp_path, tmp_path / "file" / "hub.db", tmp_path / "file" / "data" / "hub.db"):
        with pytest.raises(FolderUnusable, match=r"^cannot use `"):
            open_database(path, DDL)


def test_for_reading_nothing_is_made(tmp_path: Path) -> None:
    for path in (tmp_path / "hub.db", tmp_path / "data" / "hub.db"):
        with pytest.raises(FolderUnusable):
            open_database(path, DDL, readonly=True)

    assert list(tmp_path.iterdir()) == []


def test_a_reader_cannot_write(tmp_path: Path) -> None:
    open_database(tmp_path / "hub.db", DDL).close()
    reader = open_database(tmp_path / "hub.db", DDL, readonly=True)

    with pytest.raises(apsw.ReadOnlyError):
        reader.execute("INSERT INTO note VALUES(1)")


def test_a_reader_finds_what_a_killed_writer_committed(tmp_path: Path) -> None:
    program = (
        "import os, sys; from pathlib import Path; from broker.transport.database import open_database\n"
        "open_database(Path(sys.argv[1]), sys.argv[2]).execute('INSERT INTO note VALUES(7)'); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path / "hub.db"), DDL], cwd=ROOT, check=False)

    reader = open_database(tmp_path / "hub.db", DDL, readonly=True)
    assert reader.execute("SELECT size FROM note").fetchall() == [(7,)]


@pytest.mark.skipif(os.geteuid() == 0, reason="LOUD: root may write what is write-protected; run the tests as a user")
def test_a_write_protected_file_is_refused_at_once(tmp_path: Path) -> None:
    open_database(tmp_path / "hub.db", DDL).close()
    (tmp_path / "hub.db").chmod(0o400)

    with pytest.raises(FolderUnusable, match="readonly"):
        open_database(tmp_path / "hub.db", DDL)


def test_what_was_begun_and_not_finished_is_finished(tmp_path: Path) -> None:
    (tmp_path / "hub.db").touch(mode=0o600)  # where a kill may leave it

    connection = open_database(tmp_path / "hub.db", DDL)

    assert connection.execute("SELECT count(*) FROM letter").fetchall() == [(0,)]


def test_many_processes_may_make_the_same_file_at_once(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from broker.transport.database import open_database\n"
        "print('ready', flush=True); input()\n"
        "open_database(Path(sys.argv[1]), sys.argv[2]).execute('INSERT INTO note VALUES(1)')"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "new" / "hub.db"), DDL]
    with ExitStack() as running:
        processes = [
            running.enter_context(
                subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            )
            for _ in range(8)
        ]
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()

        assert [process.wait(60) for process in processes] == [0] * 8
    connection = open_database(tmp_path / "new" / "hub.db", DDL)
    assert connection.execute("SELECT count(*) FROM note").fetchall() == [(8,)]
