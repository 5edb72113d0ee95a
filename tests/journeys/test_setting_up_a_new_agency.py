"""The page "Setting up a new agency", done word for word as a newcomer would."""

import json
import re
import shlex
import shutil
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.processes import ROOT, free_port, running, tellwise, until

PAGE = ROOT / "agency_adapters" / "README.md"
EXAMPLES = ROOT / "agency_adapters" / "examples"


def blocks(language: str) -> list[str]:
    """The page's code blocks in one language, in order, up to the list of adapters."""
    page = PAGE.read_text(encoding="utf-8").partition("# The adapters")[0]
    return [
        body for found, body in re.findall(r"^```(\w+)\n(.*?)^```", page, re.MULTILINE | re.DOTALL) if found == language
    ]


def commands() -> list[list[str]]:
    return [shlex.split(line) for block in blocks("sh") for line in block.splitlines()]


class Newcomer:
    """Somebody who does what the page says, in a folder of their own."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder, self._stack = folder, stack
        self._port = free_port()
        self._fingerprint = ""
        self.letter = ""

    def do(self, command: list[str]) -> None:
        """One line of the page."""
        told = [word.replace(":8400", f":{self._port}").replace("LETTER", self.letter or "LETTER") for word in command]
        match told:
            case ["tellwise", "run", *_]:
                settings = self.folder / "hub" / "tellwise.toml"
                settings.write_text(settings.read_text().replace("# port = 8400", f"port = {self._port}"))
                self._keep_open(told, "is at work")
            case ["tellwise", "adapter", "run", *_]:
                self._keep_open(told, "at work with adapter")
            case ["cp", what, to]:
                shutil.copy(EXAMPLES / what, self.folder / to)
                until((self.folder / "police" / "done" / what).exists)
            case ["tellwise", "desk", "new", *_]:
                printed = tellwise(*told[1:], cwd=self.folder).stdout
                (self._fingerprint,) = re.findall(r"^ +((?:[0-9a-f]{4} ){7}[0-9a-f]{4})$", printed, re.MULTILINE)
            case ["tellwise", "desk", "add", *_]:
                tellwise(*told[1:], cwd=self.folder, keyboard=self._fingerprint + "\n")
            case ["tellwise", "inbox", *_]:
                until(self._heard)
                printed = tellwise(*told[1:], cwd=self.folder).stdout
                self.letter = printed.split()[0]
            case ["tellwise", *words]:
                tellwise(*words, cwd=self.folder)
            case _:
                pytest.fail(f"the page says something that is not understood here: {command}")

    def _heard(self) -> str:
        return tellwise("inbox", "--config", "children/desk.toml", "--json", cwd=self.folder).stdout

    def _keep_open(self, told: list[str], ready: str) -> None:
        log = self.folder / f"{told[1]}.log"
        self._stack.enter_context(running(told[1:], self.folder, log, ready=ready))


def test_two_desks_are_set_up_and_a_letter_is_acknowledged_by_doing_what_the_page_says(tmp_path: Path) -> None:
    with ExitStack() as stack:
        newcomer = Newcomer(tmp_path, stack)
        for command in commands():
            if command[:3] == ["tellwise", "adapter", "run"]:
                (mapping,) = blocks("toml")
                with (tmp_path / "police" / "desk.toml").open("a", encoding="utf-8") as settings:
                    settings.write("\n" + mapping)
                shutil.copy(EXAMPLES / "register_changes.toml", tmp_path / "police")
            newcomer.do(command)
        left = tellwise("inbox", "--config", "children/desk.toml", "--json", cwd=tmp_path).stdout
        all_of_them = tellwise("inbox", "--all", "--config", "children/desk.toml", "--json", cwd=tmp_path).stdout

    letters = [json.loads(line) for line in all_of_them.splitlines()]
    assert newcomer.letter in {letter["id"] for letter in letters if letter["acknowledged"]}
    assert newcomer.letter not in left
    assert letters[0]["identity"]["names"][0]["family"] == "Synthetic-Onyx"
    assert tellwise("ledger", "verify", "--data", "hub/data", cwd=tmp_path).stdout.endswith("all is as it was signed\n")
