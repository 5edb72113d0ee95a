"""The locks pin exactly what pyproject.toml asks for, each package by its hashes, and hold no address."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.house.tree import ROOT, files, text

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LOCKS = ("run", "build", "dev")


def asked(lock: str) -> dict[str, Requirement]:
    """What pyproject.toml asks for directly, by name, of all that *lock* serves."""
    groups = PROJECT["dependency-groups"]
    lines: list[object] = {
        "run": PROJECT["project"]["dependencies"],
        "build": groups["build"],
        "dev": [*PROJECT["project"]["dependencies"], *groups["build"], *groups["dev"]],
    }[lock]
    requirements = [Requirement(line) for line in lines if isinstance(line, str)]
    return {canonicalize_name(requirement.name): requirement for requirement in requirements}


def entries(lock_text: str) -> dict[str, str]:
    """Each pinned package with its version and all that follows, as one logical line."""
    logical = re.sub(r" \\\n", " ", lock_text)
    lines = [line for line in logical.splitlines() if line and not line.lstrip().startswith("#")]
    return {canonicalize_name(line.partition("==")[0]): line.partition("==")[2] for line in lines}


def direct(lock_text: str) -> set[str]:
    """The packages that a lock says the project itself asked for."""
    blocks = re.split(r"\n(?=[^ #\n])", lock_text)
    return {canonicalize_name(block.partition("==")[0]) for block in blocks if "tellwise (pyproject.toml" in block}


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_pins_exactly_what_is_asked_for(lock: str) -> None:
    lock_text = text(Path("requirements", f"{lock}.txt")) or ""
    pinned = {name: Version(line.split()[0]) for name, line in entries(lock_text).items()}

    assert direct(lock_text) == set(asked(lock)), "pyproject.toml has changed: run `make lock`"
    assert [name for name, requirement in asked(lock).items() if pinned[name] not in requirement.specifier] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_has_a_hash_for_every_package_and_no_address(lock: str) -> None:
    lock_text = text(Path("requirements", f"{lock}.txt")) or ""

    assert [name for name, line in entries(lock_text).items() if "--hash=sha256:" not in line] == []
    assert [line for line in lock_text.splitlines() if re.search(r"://|@|(^|[ =])/|^-", line)] == []


def test_what_runs_is_tested_in_the_same_versions() -> None:
    dev = entries(text(Path("requirements/dev.txt")) or "")

    for lock in ("run", "build"):
        for name, line in entries(text(Path("requirements", f"{lock}.txt")) or "").items():
            assert dev[name].split()[0] == line.split()[0]


def test_the_lock_with_addresses_in_it_stays_out() -> None:
    assert Path("uv.lock") not in files()
    assert "/uv.lock" in (text(Path(".gitignore")) or "").splitlines()
