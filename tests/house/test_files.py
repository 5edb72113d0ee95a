"""What a file is called and how long it is, so that a newcomer finds the room in a minute."""

import re
from pathlib import Path

import pytest

from tests.house.tree import ROOMS, ROOT, files, text

LINES_MAX = 400
SOURCE = {".cedar", ".cedarschema", ".py", ".sh"}
NO_NOUN = {"common", "helper", "helpers", "misc", "util", "utils"}


def is_source(path: Path) -> bool:
    return path.suffix in SOURCE or path.name in {"Makefile", "run"}


def has_no_noun(path: Path) -> bool:
    return any(NO_NOUN & set(re.split(r"[^a-z]+", part.lower())) for part in (*path.parent.parts, path.stem))


def hides_a_room(tests: Path) -> list[Path]:
    """Folders below *tests* that an import would take for a room."""
    return [
        folder
        for room in ROOMS
        for folder in tests.rglob(room)
        if folder.is_dir() and (folder.parent == tests or (folder / "__init__.py").exists())
    ]


@pytest.mark.parametrize("path", [path for path in files() if is_source(path)], ids=str)
def test_a_file_is_about_one_noun(path: Path) -> None:
    lines = (text(path) or "").splitlines()

    assert len(lines) <= LINES_MAX, f"{path} has {len(lines)} lines: perhaps it is two files"


def test_every_file_is_named_after_what_it_is_about() -> None:
    assert [str(path) for path in files() if is_source(path) and has_no_noun(path)] == []


def test_a_name_without_a_noun_is_noticed() -> None:
    assert has_no_noun(Path("broker/utils.py"))
    assert has_no_noun(Path("broker/date_helpers.py"))
    assert has_no_noun(Path("schemas/common/dates.py"))
    assert not has_no_noun(Path("broker/state/commons_clause.py"))


def test_no_test_folder_hides_a_room(tmp_path: Path) -> None:
    (tmp_path / "broker").mkdir()
    (tmp_path / "units" / "schemas").mkdir(parents=True)
    (tmp_path / "units" / "schemas" / "__init__.py").touch()
    (tmp_path / "units" / "policies").mkdir()

    assert hides_a_room(ROOT / "tests") == []
    assert hides_a_room(tmp_path) == [tmp_path / "broker", tmp_path / "units" / "schemas"]


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_says_that_it_is_typed(room: str) -> None:
    assert Path(room, "py.typed") in files()
    assert Path(room, "__init__.py") in files()
