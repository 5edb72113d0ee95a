"""Whether a folder can keep what it is given: whose it is, who may enter, what disk it is on, and how full that is."""

import os
import re
import stat
import tempfile
from pathlib import Path

from broker.health.findings import Finding, ok, problem, warning

FREE_WARNING_SHARE = 0.10
"""Below a tenth a disk fills within days rather than months, and file systems become slow."""
FREE_PROBLEM_SHARE = 0.01
FREE_PROBLEM_BYTES = 256 * 2**20
"""The ledger never shrinks, and a WAL may grow as large as this before it is folded in: with less, a busy hour can stop
the hub."""

_MOUNTS = Path("/proc/self/mounts")

# SQLite's shared memory and locks do not work across machines.
# Source: https://sqlite.org/wal.html#noshm, https://sqlite.org/faq.html#q5
# fmt: off
_NETWORK = frozenset({
    "9p", "afs", "beegfs", "ceph", "cifs", "coda", "davfs", "fuse.ceph", "fuse.cephfs", "fuse.davfs2", "fuse.glusterfs",
    "fuse.rclone", "fuse.s3fs", "fuse.sshfs", "gfs2", "glusterfs", "gpfs", "lustre", "ncpfs", "nfs", "nfs4", "ocfs2",
    "smb", "smb3", "smbfs",
})
# fmt: on
_LOCAL = frozenset({"bcachefs", "btrfs", "ext2", "ext3", "ext4", "f2fs", "jfs", "xfs", "zfs"})
_PASSING = {
    "overlay": "a container's own layer, which is gone with the container",
    "ramfs": "memory, which is gone with the power",
    "tmpfs": "memory, which is gone with the power",
}

_NEXT_DISK = "Put the folder on a local disk that lasts."


def folder(path: Path) -> list[Finding]:
    """All that can be said about a data folder, or about where it will be made.

    Args:
        path: Absolute; it need not be there yet.

    Raises:
        OSError: it cannot be looked at.
    """
    there = path
    while not there.exists():
        there = there.parent
    if there != path:
        found = [ok(f"`{path}` is not there yet: it is made at the first start")]
    elif not path.is_dir():
        return [problem(f"`{path}` is not a folder", "Name another folder in the settings, or move what is there.")]
    else:
        status = path.stat()
        found = [*owner(path, status.st_uid, os.geteuid()), *mode(path, stat.S_IMODE(status.st_mode))]
    room = os.statvfs(there)
    return [
        *found,
        *disk(path, filesystem_of(there.resolve(), _mounts())),
        *space(path, room.f_bavail * room.f_frsize, room.f_blocks * room.f_frsize),
        *writing(there),
    ]


def owner(path: Path, uid: int, ours: int) -> list[Finding]:
    """Whether the folder is that of the user who looks; else what this user may do says nothing about the service."""
    if uid == ours:
        return []
    what = f"`{path}` belongs to user {uid}, and this runs as user {ours}"
    return [problem(what, "Run this, and Tellwise, as the user whom the folder belongs to.")]


def mode(path: Path, bits: int) -> list[Finding]:
    """Whether others than the owner may enter.

    Args:
        path: The folder.
        bits: Its permissions.
    """
    if bits & 0o022:
        what = f"others than its owner may change what is in `{path}` ({bits:04o})"
        return [problem(what, f"chmod 700 {path}")]
    if bits & 0o077:
        return [warning(f"others than its owner may enter `{path}` ({bits:04o})", f"chmod 700 {path}")]
    if bits & 0o700 != 0o700:
        return [problem(f"its owner may not use `{path}` ({bits:04o})", f"chmod 700 {path}")]
    return [ok(f"only its owner may enter `{path}`")]


def filesystem_of(path: Path, mounts: str) -> str:
    """The type of file system that a path is on; empty if that is not known.

    Args:
        path: Absolute, without links.
        mounts: The text of `/proc/self/mounts`. Source: proc_pid_mounts(5), fstab(5).
    """
    longest, found = -1, ""
    for line in mounts.splitlines():
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        at = Path(re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), fields[1]))
        # Of two at one place the later one hides the earlier.
        if path.is_relative_to(at) and len(at.parts) >= longest:
            longest, found = len(at.parts), fields[2]
    return found


def disk(path: Path, kind: str) -> list[Finding]:
    """Whether the folder is on a disk of this machine.

    Args:
        path: The folder.
        kind: Its type of file system; empty if that is not known.
    """
    if kind in _LOCAL:
        return [ok(f"`{path}` is on a local disk ({kind})")]
    if kind in _NETWORK:
        what = f"`{path}` is on a network file system ({kind}), which does not keep SQLite's promises"
        return [problem(what, _NEXT_DISK)]
    if kind in _PASSING:
        return [warning(f"`{path}` is in {_PASSING[kind]} ({kind})", _NEXT_DISK)]
    return [warning(f"whether `{path}` is on a local disk is not known ({kind or 'no type'})", _NEXT_DISK)]


def space(path: Path, free: int, size: int) -> list[Finding]:
    """Whether there is room.

    Args:
        path: The folder.
        free: Bytes that we may still write.
        size: Bytes of the whole file system.
    """
    share = free / size if size > 0 else 0.0
    what = f"{free // 2**20} MiB are free for `{path}` ({share:.0%})"
    if free < FREE_PROBLEM_BYTES or share < FREE_PROBLEM_SHARE:
        return [problem(what, "Make room now: a hub that cannot write stops.")]
    if share < FREE_WARNING_SHARE:
        return [warning(what, "Make room.")]
    return [ok(what)]


def writing(path: Path) -> list[Finding]:
    """Whether a file can be written there and brought to the disk. The file has no name, or loses it at once.

    Args:
        path: A folder that is there.
    """
    try:
        with tempfile.TemporaryFile(dir=path) as file:
            file.write(bytes(4_096))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        why = (error.strerror or "refused").lower()
        return [problem(f"`{path}` cannot be written to: {why}", "Check its owner, its permissions and its disk.")]
    return [ok(f"`{path}` can be written to")]


def _mounts() -> str:
    try:
        return _MOUNTS.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
