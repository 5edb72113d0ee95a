"""What the pages say is true: code on the README runs, its commands exist, and no link leads nowhere."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#\s]+)(?:#[^)]*)?\)")


def _pages() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    return [ROOT / name for name in sorted(set(listed))]


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", _pages(), ids=lambda page: page.relative_to(ROOT).as_posix())
def test_no_link_leads_nowhere(page: Path) -> None:
    targets = _LINK.findall(page.read_text("utf-8"))

    missing = [target for target in targets if not (page.parent / target).exists()]

    assert missing == []


def test_the_python_on_the_readme_runs() -> None:
    blocks = _blocks("python")

    for block in blocks:
        subprocess.run([sys.executable, "-c", block], cwd=ROOT, check=True)

    assert blocks


def test_each_step_of_the_readme_links_to_the_function_that_does_it() -> None:
    text = (ROOT / "README.md").read_text("utf-8")

    steps = re.findall(r"^\d\. \*\*.*\[`(\w+)`\]\(([^)]+)\)$", text, re.MULTILINE)

    assert len(steps) == 7
    for function, path in steps:
        assert re.search(rf"^(?:async )?def {function}\(", (ROOT / path).read_text("utf-8"), re.MULTILINE), function


def test_every_make_target_on_the_readme_exists() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")

    found = re.findall(r"(?:^|`)make ([a-z]+)", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE)
    targets = set(found)

    assert targets >= {"demo", "bench"}
    assert {target for target in targets if not re.search(rf"^{target}:", makefile, re.MULTILINE)} == set()


def test_the_glossary_has_every_noun_of_the_rooms() -> None:
    text = (ROOT / "README.md").read_text("utf-8")

    words = re.search(r"## Glossary\n(.*?)\n## ", text, re.DOTALL)

    assert words is not None
    for word in (
        "desk",
        "patch",
        "compartment",
        "facts",
        "reach",
        "letter",
        "cover",
        "ledger",
        "lane",
        "door",
        "adapter",
    ):
        assert re.search(rf"^\| .*\b{word}\b.* \|", words.group(1), re.MULTILINE), word
