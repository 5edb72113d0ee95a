"""Every decision note says what was decided, why, what hurts, and what would change our mind."""

from pathlib import Path

import pytest

from tests.house.tree import files, text

SECTIONS = ["Status", "Context", "Decision", "Because", "Consequences", "What would change our mind"]
NOTES = [path for path in files() if path.parent == Path("docs/decisions") and path.suffix == ".md"]


def sections(note: str) -> list[str]:
    return [line.removeprefix("## ").strip() for line in note.splitlines() if line.startswith("## ")]


@pytest.mark.parametrize("note", [path for path in NOTES if path.name != "README.md"], ids=str)
def test_a_decision_note_has_its_six_sections(note: Path) -> None:
    found = sections(text(note) or "")

    assert [name for name in found if name in SECTIONS] == SECTIONS


@pytest.mark.parametrize("note", [path for path in NOTES if path.name != "README.md"], ids=str)
def test_a_decision_note_is_numbered(note: Path) -> None:
    number, _, title = note.stem.partition("-")

    assert number.isdigit()
    assert len(number) == 4
    assert title
