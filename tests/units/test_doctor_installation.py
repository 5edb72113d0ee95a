"""The installed files against RECORD, on a small installation that is made for each test and damaged in one way."""

import csv
import hashlib
from importlib.metadata import Distribution, PathDistribution
from pathlib import Path

import pytest

import broker
from broker.errors import EngineUnsafe, InstallationAltered
from broker.health import Finding, Severity, check_installation
from broker.health.installation import (
    ROOMS,
    claims,
    compared,
    installed_in_place,
    origins,
    read_record,
    surplus,
)
from schemas.strict import b64u_encode
from tests.house.tree import ROOMS as ROOMS_OF_THE_TREE

CLONE = Path(broker.__file__).parents[1]


def install(site: Path, name: str = "tellwise", *, rooms: tuple[str, ...] = ROOMS) -> Distribution:
    """An installation as pip leaves it: files, bytecode, and a RECORD of them."""
    info = site / f"{name}-0.1.0.dist-info"
    files = [site / room / "__init__.py" for room in rooms]
    files += [info / "METADATA", site / "policies" / "grounds.cedar"]
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"Name: {name}\nVersion: 0.1.0\n")
    with (info / "RECORD").open("w", newline="") as record:
        rows = csv.writer(record)
        for file in files:
            data = file.read_bytes()
            digest = b64u_encode(hashlib.sha256(data).digest())
            rows.writerow((file.relative_to(site).as_posix(), f"sha256={digest}", len(data)))
        rows.writerow((f"{name}-0.1.0.dist-info/RECORD", "", ""))
        rows.writerow(("schemas/__pycache__/__init__.cpython-311.pyc", "", ""))
    return PathDistribution(info)


def compare(installed: Distribution) -> list[Finding]:
    """What is wrong with the files of an installation."""
    rows = read_record(installed)
    found = [*compared(installed, rows), *surplus(installed, rows)]
    return [each for each in found if each.severity is not Severity.OK]


def test_the_rooms_are_those_of_the_tree() -> None:
    assert set(ROOMS) == set(ROOMS_OF_THE_TREE)


def test_what_was_installed_and_left_alone_is_as_it_must_be(tmp_path: Path) -> None:
    installed = install(tmp_path)
    (tmp_path / "schemas" / "__pycache__").mkdir()
    for name in ("__init__.cpython-311.pyc", "made-here-and-listed-nowhere.pyc"):
        (tmp_path / "schemas" / "__pycache__" / name).touch()

    found = compare(installed)

    assert found == []


@pytest.mark.parametrize("room", ROOMS)
def test_one_changed_byte_is_found_in_every_room(tmp_path: Path, room: str) -> None:
    installed = install(tmp_path)
    file = tmp_path / room / "__init__.py"
    file.write_bytes(file.read_bytes().replace(b"Name", b"name"))

    (found,) = compare(installed)

    assert found.severity is Severity.PROBLEM
    assert found.what == f"1 installed files are not those of the wheel: `{room}/__init__.py`"
    assert found.next_step == InstallationAltered.next_step


def test_a_missing_file_is_found(tmp_path: Path) -> None:
    installed = install(tmp_path)
    (tmp_path / "policies" / "grounds.cedar").unlink()

    (found,) = compare(installed)

    assert (found.severity, "`policies/grounds.cedar`" in found.what) == (Severity.PROBLEM, True)


@pytest.mark.parametrize(
    ("written", "instead"),
    [("sha256=", "md5="), ("sha256=", ""), (",30\n", ",31\n")],
    ids=["another algorithm", "no algorithm", "another size"],
)
def test_a_line_that_cannot_be_trusted_counts_as_a_changed_file(tmp_path: Path, written: str, instead: str) -> None:
    installed = install(tmp_path)
    record = tmp_path / "tellwise-0.1.0.dist-info" / "RECORD"
    lines = record.read_text().splitlines(keepends=True)
    assert written in lines[0]
    record.write_text(lines[0].replace(written, instead) + "".join(lines[1:]))

    (found,) = compare(installed)

    assert (found.severity, "`schemas/__init__.py`" in found.what) == (Severity.PROBLEM, True)


def test_a_line_without_a_digest_excuses_no_file_of_ours(tmp_path: Path) -> None:
    installed = install(tmp_path)
    record = tmp_path / "tellwise-0.1.0.dist-info" / "RECORD"
    lines = [line for line in record.read_text().splitlines() if not line.startswith("policies/grounds")]
    record.write_text("\n".join(["policies/grounds.cedar,,", *lines]))

    (found,) = compare(installed)

    assert (found.severity, "`policies/grounds.cedar`" in found.what) == (Severity.PROBLEM, True)


def test_a_room_that_record_does_not_list_is_a_problem(tmp_path: Path) -> None:
    installed = install(tmp_path, rooms=("schemas", "policies", "broker"))

    (found,) = compare(installed)

    assert (found.severity, "`agency_adapters/__init__.py`" in found.what) == (Severity.PROBLEM, True)


@pytest.mark.parametrize("record", [None, b"", b"schemas/__init__.py,sha256=abc\n", b"schemas/\xff.py,sha256=abc,3\n"])
def test_without_a_whole_record_nothing_is_believed(tmp_path: Path, record: bytes | None) -> None:
    installed = install(tmp_path)
    path = tmp_path / "tellwise-0.1.0.dist-info" / "RECORD"
    path.unlink()
    if record is not None:
        path.write_bytes(record)

    with pytest.raises(InstallationAltered):
        read_record(installed)


@pytest.mark.parametrize("name", ["schemas/facts.py", "policies/everybody.cedar", "broker/strict.abi3.so"])
def test_a_file_too_many_that_would_be_read_is_a_problem(tmp_path: Path, name: str) -> None:
    installed = install(tmp_path)
    (tmp_path / name).touch()

    (found,) = compare(installed)

    assert (found.severity, f"`{name}`" in found.what) == (Severity.PROBLEM, True)


def test_a_folder_that_is_linked_into_ours_is_a_problem(tmp_path: Path) -> None:
    installed = install(tmp_path / "site")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "site" / "broker" / "health").symlink_to(tmp_path / "elsewhere")

    (found,) = compare(installed)

    assert (found.severity, "`broker/health/`" in found.what) == (Severity.PROBLEM, True)


def test_a_file_too_many_that_nobody_reads_is_a_warning(tmp_path: Path) -> None:
    installed = install(tmp_path)
    (tmp_path / "schemas" / "__init__.py.orig").touch()

    (found,) = compare(installed)

    assert (found.severity, "`schemas/__init__.py.orig`" in found.what) == (Severity.WARNING, True)


def test_a_long_list_is_cut_and_counted(tmp_path: Path) -> None:
    installed = install(tmp_path)
    for room in ROOMS:
        (tmp_path / room / "__init__.py").unlink()

    (found,) = compare(installed)

    assert found.what.endswith(" and 1 more")


def test_packages_from_elsewhere_are_found(tmp_path: Path) -> None:
    install(tmp_path)

    (here,), (elsewhere,) = origins(CLONE), origins(tmp_path)

    assert (here.severity, elsewhere.severity) == (Severity.OK, Severity.PROBLEM)
    assert f"`schemas` from `{CLONE / 'schemas' / '__init__.py'}`" in elsewhere.what


def test_a_package_that_is_nowhere_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("broker.health.installation.ROOMS", (*ROOMS, "a_room_that_nobody_built"))

    (found,) = origins(CLONE)

    assert (found.severity, "`a_room_that_nobody_built` from `nowhere`" in found.what) == (Severity.PROBLEM, True)


def test_another_distribution_with_files_in_our_packages_is_named(tmp_path: Path) -> None:
    ours, theirs = install(tmp_path), install(tmp_path, "openapi-models", rooms=("schemas",))
    other = install(tmp_path / "other", "schemas-and-more", rooms=("schemas_and_more",))
    (tmp_path / "other" / "schemas_and_more-0.1.0.dist-info").mkdir()
    record = tmp_path / "other" / "schemas-and-more-0.1.0.dist-info" / "RECORD"
    record.write_text(record.read_text().replace("policies/", "p/").replace("schemas/_", "s/_"))

    alone, (found,) = claims([ours, other]), claims([ours, theirs, other])

    assert [each.severity for each in alone] == [Severity.OK]
    assert found.severity is Severity.PROBLEM
    assert found.what == "other distributions have files in our packages: `openapi-models`"


def test_a_distribution_that_is_broken_hides_no_other(tmp_path: Path) -> None:
    theirs = install(tmp_path, "openapi-models", rooms=("schemas",))
    broken = tmp_path / "broken-1.0.dist-info"
    broken.mkdir()
    (broken / "METADATA").write_text("Version: 1.0\n")
    (broken / "RECORD").write_bytes(b"\xff")

    (found,) = claims([PathDistribution(broken), theirs])

    assert found.what == "other distributions have files in our packages: `openapi-models`"


def test_a_second_installation_on_the_path_is_a_warning(tmp_path: Path) -> None:
    (found,) = claims([install(tmp_path / "venv"), install(tmp_path / "user")])

    assert (found.severity, "installed 2 times" in found.what) == (Severity.WARNING, True)


@pytest.mark.parametrize(
    ("told", "is_in_place"),
    [
        ('{"dir_info": {"editable": true}, "url": "file:///srv/a%20clone"}', True),
        ('{"dir_info": {"editable": false}, "url": "file:///srv/a%20clone"}', False),
        ('{"dir_info": {"editable": "true"}, "url": "file:///srv/a%20clone"}', False),
        ('{"dir_info": {}, "url": "file:///srv/a%20clone"}', False),
        ('{"url": "file:///srv/a%20clone"}', False),
        ('["editable"]', False),
        ("editable", False),
        (None, False),
    ],
)
def test_an_installation_in_place_is_one_only_if_it_says_so(
    tmp_path: Path, told: str | None, is_in_place: bool
) -> None:
    installed = install(tmp_path)
    if told is not None:
        (tmp_path / "tellwise-0.1.0.dist-info" / "direct_url.json").write_text(told)

    assert installed_in_place(installed) == (Path("/srv/a clone") if is_in_place else None)


def put_first(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Let *folder* be where Python looks for distributions first."""
    monkeypatch.syspath_prepend(folder)


def test_a_service_does_not_start_on_changed_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path)
    (tmp_path / "broker" / "__init__.py").write_text("")
    put_first(monkeypatch, tmp_path)

    with pytest.raises(InstallationAltered, match=r"not those of the wheel: `broker/__init__\.py`"):
        check_installation()


def test_a_service_does_not_start_on_packages_from_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path)
    put_first(monkeypatch, tmp_path)

    with pytest.raises(InstallationAltered, match="packages are not imported from"):
        check_installation()


def test_saying_that_it_is_in_place_does_not_excuse_listed_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path)
    told = '{"dir_info": {"editable": true}, "url": "file:///srv/clone"}'
    (tmp_path / "tellwise-0.1.0.dist-info" / "direct_url.json").write_text(told)
    (tmp_path / "broker" / "__init__.py").write_text("")
    put_first(monkeypatch, tmp_path)

    with pytest.raises(InstallationAltered, match="not those of the wheel"):
        check_installation()


def test_a_service_does_not_start_on_an_unsafe_sqlite(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apsw.sqlite_lib_version", lambda: "3.51.2")

    with pytest.raises(EngineUnsafe, match=r"3\.51\.2 has the WAL-reset bug"):
        check_installation()
