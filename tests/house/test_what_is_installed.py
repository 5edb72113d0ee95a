"""The wheel as it is installed is looked over by `tellwise doctor` and by each service start, down to one byte.

It is built and installed as in test_the_wheel.py, and damaged in one way at a time.
"""

import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.house.test_the_wheel import SECONDS_MAX, build, copy, run

DOCTOR = "import typer; from broker.cli.doctor import doctor; typer.run(doctor)"
START = "from broker.health import check_installation; check_installation()"


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel, and what it depends on borrowed from this one."""
    wheel = build(copy(tmp_path_factory.mktemp("clone")))
    place = tmp_path_factory.mktemp("installed") / "env"
    run([sys.executable, "-m", "venv", "--without-pip", place], place.parent)
    pip: list[str | Path] = [sys.executable, "-m", "pip", "--python", place / "bin" / "python", "install"]
    run([*pip, "--quiet", "--disable-pip-version-check", "--no-deps", "--no-index", wheel], place.parent)
    borrowed = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (packages(place) / "borrowed.pth").write_text("".join(f"{path}\n" for path in sorted(borrowed)))
    return place


def packages(place: Path) -> Path:
    """The folder of an environment's packages."""
    (found,) = place.glob("lib/python*/site-packages")
    return found


def program(place: Path, folder: Path, text: str, words: Sequence[str] = (), **more: str) -> tuple[int, str]:
    """Run a program of the environment: its exit code, and all that it says."""
    done = subprocess.run(
        [place / "bin" / "python", "-c", text, *words],
        cwd=folder,
        env={"HOME": str(folder), "PATH": "/usr/bin:/bin", **more},
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@contextmanager
def altered(file: Path) -> Iterator[None]:
    """Change one byte of a file, a letter of its first comment, and put it back."""
    whole = file.read_bytes()
    at = next(index for index, byte in enumerate(whole) if chr(byte).isalpha())
    file.write_bytes(whole[:at] + bytes([whole[at] ^ 0x20]) + whole[at + 1 :])
    try:
        yield
    finally:
        file.write_bytes(whole)


def test_the_wheel_as_installed_is_well(environment: Path, tmp_path: Path) -> None:
    looked, starting = program(environment, tmp_path, DOCTOR), program(environment, tmp_path, START)

    assert looked[0] == 0, looked[1]
    assert "installed files are those of the wheel" in looked[1]
    assert f"packages are imported from `{packages(environment)}`" in looked[1]
    assert starting == (0, "")


@pytest.mark.parametrize("name", ["schemas/vocabulary.py", "policies/tellwise.cedarschema"])
def test_one_changed_byte_is_a_problem_for_the_doctor_and_stops_a_start(
    environment: Path, tmp_path: Path, name: str
) -> None:
    with altered(packages(environment) / name):
        looked, starting = program(environment, tmp_path, DOCTOR), program(environment, tmp_path, START)

    assert looked[0] == 1, looked[1]
    assert f"1 installed files are not those of the wheel: `{name}`" in looked[1]
    assert starting[0] != 0
    assert f"InstallationAltered: 1 installed files are not those of the wheel: `{name}`" in starting[1]


def test_a_hub_does_not_start_on_a_changed_byte(environment: Path, tmp_path: Path) -> None:
    tellwise = "from broker.cli.main import app; app()"
    made = program(environment, tmp_path, tellwise, ["new", "hub", "--name", "hub.northbury.example"])
    settings = tmp_path / "hub" / "tellwise.toml"
    settings.write_text(settings.read_text().replace("# port = 8400", "port = 0"))

    with altered(packages(environment) / "schemas" / "vocabulary.py"):
        started = program(environment, tmp_path, tellwise, ["run", "--config", "hub/tellwise.toml"])

    assert made[0] == 0, made[1]
    assert started[0] == 2, started[1]
    assert "not those of the wheel: `schemas/vocabulary.py`" in started[1]
    assert not (tmp_path / "hub" / "data").exists()


def test_a_package_of_our_name_that_stands_before_ours_stops_a_start(environment: Path, tmp_path: Path) -> None:
    (tmp_path / "theirs" / "agency_adapters").mkdir(parents=True)
    (tmp_path / "theirs" / "agency_adapters" / "__init__.py").touch()

    starting = program(environment, tmp_path, START, PYTHONPATH=str(tmp_path / "theirs"))

    assert starting[0] != 0
    assert "InstallationAltered: packages are not imported from" in starting[1]


def test_another_distribution_that_brings_a_package_called_schemas_is_named(environment: Path, tmp_path: Path) -> None:
    info = packages(environment) / "openapi_models-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Name: openapi-models\nVersion: 1.0\n")
    (info / "RECORD").write_text("schemas/pet.py,sha256=abc,3\n")
    (packages(environment) / "schemas" / "pet.py").touch()
    try:
        looked, starting = program(environment, tmp_path, DOCTOR), program(environment, tmp_path, START)
    finally:
        (packages(environment) / "schemas" / "pet.py").unlink()
        (info / "METADATA").unlink()
        (info / "RECORD").unlink()
        info.rmdir()

    assert looked[0] == 1, looked[1]
    assert "`openapi-models`" in looked[1]
    assert "`schemas/pet.py`" in looked[1]
    assert starting[0] != 0
