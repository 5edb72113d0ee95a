"""The data folder: whose it is, who may enter, what disk it is on, how full that is, and whether it takes a file."""

from pathlib import Path

import pytest

from broker.health import Severity
from broker.health.folder import (
    FREE_PROBLEM_BYTES,
    disk,
    filesystem_of,
    folder,
    mode,
    owner,
    space,
    writing,
)

DATA = Path("/srv/tellwise/data")
GIB = 2**30
MOUNTS = """\
/dev/vda1 / ext4 rw,relatime 0 0
proc /proc proc rw 0 0
files.northbury.example:/srv /srv nfs4 rw 0 0
/dev/vdb1 /srv/tellwise xfs rw 0 0
tmpfs /run tmpfs rw 0 0
//files/share /mnt/a\\040share cifs rw 0 0
/dev/vdc1 /over ext4 rw 0 0
overlay /over overlay rw 0 0
damaged
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/srv/tellwise/data", "xfs"),
        ("/srv/tellwise", "xfs"),
        ("/srv/tellwise2", "nfs4"),
        ("/srv", "nfs4"),
        ("/var/lib", "ext4"),
        ("/mnt/a share/data", "cifs"),
        ("/over/data", "overlay"),
    ],
)
def test_the_file_system_is_that_of_the_nearest_mount(path: str, kind: str) -> None:
    assert filesystem_of(Path(path), MOUNTS) == kind


def test_where_nothing_is_known_of_mounts_nothing_is_claimed() -> None:
    (found,) = disk(DATA, filesystem_of(DATA, ""))

    assert found.severity is Severity.WARNING


@pytest.mark.parametrize(
    ("kind", "severity"),
    [
        ("ext4", Severity.OK),
        ("xfs", Severity.OK),
        ("nfs", Severity.PROBLEM),
        ("nfs4", Severity.PROBLEM),
        ("cifs", Severity.PROBLEM),
        ("smb3", Severity.PROBLEM),
        ("9p", Severity.PROBLEM),
        ("fuse.sshfs", Severity.PROBLEM),
        ("tmpfs", Severity.WARNING),
        ("overlay", Severity.WARNING),
        ("fuse.somethingnew", Severity.WARNING),
    ],
)
def test_a_network_file_system_is_a_problem_and_an_unknown_one_a_warning(kind: str, severity: Severity) -> None:
    (found,) = disk(DATA, kind)

    assert (found.severity, kind in found.what) == (severity, True)


@pytest.mark.parametrize(
    ("free", "size", "severity"),
    [
        (50 * GIB, 100 * GIB, Severity.OK),
        (10 * GIB, 100 * GIB, Severity.OK),
        (10 * GIB - 1, 100 * GIB, Severity.WARNING),
        (1 * GIB, 100 * GIB, Severity.WARNING),
        (1 * GIB - 1, 100 * GIB - 1, Severity.PROBLEM),
        (FREE_PROBLEM_BYTES, 1 * GIB, Severity.OK),
        (FREE_PROBLEM_BYTES - 1, 1 * GIB, Severity.PROBLEM),
        (0, 0, Severity.PROBLEM),
    ],
)
def test_a_disk_that_fills_is_a_warning_and_a_full_one_a_problem(free: int, size: int, severity: Severity) -> None:
    (found,) = space(DATA, free, size)

    assert found.severity is severity


@pytest.mark.parametrize(
    ("bits", "severity"),
    [
        (0o700, Severity.OK),
        (0o750, Severity.WARNING),
        (0o701, Severity.WARNING),
        (0o770, Severity.PROBLEM),
        (0o702, Severity.PROBLEM),
        (0o500, Severity.PROBLEM),
    ],
)
def test_who_may_enter_is_looked_at(bits: int, severity: Severity) -> None:
    (found,) = mode(DATA, bits)

    assert found.severity is severity


def test_a_folder_of_another_user_is_a_problem() -> None:
    assert owner(DATA, 1001, 1001) == []
    assert [each.severity for each in owner(DATA, 1001, 0)] == [Severity.PROBLEM]


def test_looking_leaves_the_folder_as_it_was(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    before = tmp_path.stat().st_mtime_ns

    found = folder(tmp_path)

    assert Severity.PROBLEM not in {each.severity for each in found}
    assert {f"`{tmp_path}` can be written to", f"only its owner may enter `{tmp_path}`"} <= {
        each.what for each in found
    }
    assert list(tmp_path.iterdir()) == []
    assert tmp_path.stat().st_mtime_ns == before


def test_the_mode_of_a_real_folder_is_seen(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)

    found = folder(tmp_path)

    assert f"others than its owner may change what is in `{tmp_path}` (0777)" in {each.what for each in found}


def test_a_folder_that_is_not_there_yet_is_not_made(tmp_path: Path) -> None:
    found = folder(tmp_path / "hub" / "data")

    assert found[0].severity is Severity.OK
    assert "made at the first start" in found[0].what
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_place_of_the_folder_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "data").touch()

    (found,) = folder(tmp_path / "data")

    assert (found.severity, "is not a folder" in found.what) == (Severity.PROBLEM, True)


def test_a_folder_that_takes_no_file_is_a_problem(tmp_path: Path) -> None:
    (found,) = writing(tmp_path / "gone")

    assert (found.severity, "cannot be written to" in found.what) == (Severity.PROBLEM, True)
