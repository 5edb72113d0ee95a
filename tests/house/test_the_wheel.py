"""`pip install` of a clone gives a working command: all that it needs is inside the wheel.

The wheel is built from a copy of what git tracks, so a file that only this machine has cannot help, and without the
network. It goes into an empty environment that borrows the packages installed here through a .pth file; such a file is
not followed from there to this clone, so what runs is what the wheel brought.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.house.tree import ROOMS, ROOT, files, files_in_rooms

SECONDS_MAX = 120
EPOCH = "1700000000"


def run(command: Sequence[str | Path], folder: Path, **environment: str) -> str:
    """Run *command* to its end with no input, and return what it printed."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        command,
        cwd=folder,
        env=inherited | environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def copy(folder: Path) -> Path:
    """Copy what git tracks into *folder*."""
    for path in files():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / path, folder / path)
    return folder


def build(clone: Path, **environment: str) -> Path:
    """Build the wheel of *clone*."""
    run([sys.executable, "-m", "hatchling", "build", "-t", "wheel"], clone, **environment)
    (wheel,) = (clone / "dist").glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(copy(tmp_path_factory.mktemp("clone")), SOURCE_DATE_EPOCH=EPOCH)


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel and what it depends on, and nothing else of ours."""
    place = tmp_path_factory.mktemp("installed") / "env"
    run([sys.executable, "-m", "venv", "--without-pip", place], place.parent)
    pip: list[str | Path] = [sys.executable, "-m", "pip", "--python", place / "bin" / "python", "install"]
    run([*pip, "--quiet", "--disable-pip-version-check", "--no-deps", "--no-index", wheel], place.parent)
    (site_packages,) = place.glob("lib/python*/site-packages")
    borrowed = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (site_packages / "borrowed.pth").write_text("".join(f"{path}\n" for path in sorted(borrowed)))
    return place


def test_the_wheel_holds_the_four_rooms_and_nothing_else(wheel: Path) -> None:
    names = {name.partition("/")[0] for name in zipfile.ZipFile(wheel).namelist()}

    assert {name for name in names if not name.endswith(".dist-info")} == set(ROOMS)
    assert len(names) == len(ROOMS) + 1


def test_the_wheel_holds_every_file_of_the_rooms(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())

    assert [str(path) for path in files_in_rooms() if path.as_posix() not in names] == []


def test_the_same_tree_gives_the_same_wheel_elsewhere_and_later(wheel: Path, tmp_path: Path) -> None:
    clone = copy(tmp_path / "another folder")
    for path in clone.rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)  # as under a umask of 077
        os.utime(path, (1_000_000_000, 1_000_000_000))

    again = build(clone, SOURCE_DATE_EPOCH=EPOCH, TZ="Pacific/Auckland")

    assert hashlib.sha256(again.read_bytes()).digest() == hashlib.sha256(wheel.read_bytes()).digest()


def test_what_is_imported_there_is_what_the_wheel_brought(environment: Path, tmp_path: Path) -> None:
    show = f"import {', '.join(ROOMS)}; print(*(room.__file__ for room in ({', '.join(ROOMS)})), sep='\\n')"

    origins = run([environment / "bin" / "python", "-c", show], tmp_path).split("\n")[:-1]

    assert [Path(origin).parent.name for origin in origins] == list(ROOMS)
    assert [origin for origin in origins if not Path(origin).is_relative_to(environment)] == []


def test_the_installed_command_answers_from_another_folder(environment: Path, tmp_path: Path) -> None:
    assert "demo" in run([environment / "bin" / "tellwise", "--help"], tmp_path, HOME=str(tmp_path))


def test_the_installed_demo_needs_nothing_from_the_clone(environment: Path, tmp_path: Path) -> None:
    assert run([environment / "bin" / "tellwise", "demo", "--once"], tmp_path, HOME=str(tmp_path))
