"""System calls that fail, or end the process, exactly when a test says so: what stands in faulty_calls.c, from Python.

A process that is started with `preloaded()` in its environment can arm them. Without a C compiler those tests are
skipped with one loud line; in CI that is a failure.
"""

import ctypes
import errno
import os
import shutil
import subprocess
from enum import IntEnum
from pathlib import Path

import pytest

SOURCE = Path(__file__).with_suffix(".c")
_EVERY = 2**31 - 1


class Call(IntEnum):
    """What is counted."""

    FDATASYNC = 0
    """SQLite has a commit on the disk."""
    PWRITE = 1
    """SQLite writes a page, or the head of one in the WAL."""
    WRITE = 2
    """Python writes a file: keys, trust."""
    FSYNC = 3
    """Python has a file, or a folder, on the disk."""
    RENAME = 4
    """A file gets its name."""
    REPLY = 5
    """The edge sends a part of an answer."""


class How(IntEnum):
    """What is done to the call."""

    BEFORE = 1
    """The process is killed, and the call has not begun."""
    HALF = 2
    """The process is killed, and half of it was written or sent."""
    AFTER = 3
    """The process is killed, and the call has done all."""
    FAIL = 4
    """It does nothing, and says that it failed."""


def built(folder: Path) -> Path:
    """The library, compiled into *folder*. Skips the test if there is no compiler, and fails it in CI."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        missing = "NOT TESTED: kills at exact system calls need a C compiler (`cc`), and there is none"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(missing)
    library = folder / "faulty_calls.so"
    command = [compiler, "-shared", "-fPIC", "-O1", "-Wall", "-Werror", str(SOURCE), "-o", str(library), "-ldl"]
    subprocess.run(command, check=True, timeout=60)
    return library


def preloaded(library: Path) -> dict[str, str]:
    """The environment of a process that can arm them."""
    return os.environ | {"LD_PRELOAD": str(library)}


def arm(call: Call, number: int, how: How, *, port: int = 0) -> None:
    """Kill this process at a call, counted from now and from 1.

    Args:
        call: Which.
        number: The how-manieth of them.
        how: Before it, in its midst, or after it.
        port: For replies: where the edge listens.
    """
    ctypes.CDLL(None).faulty_arm(call, number, number, how, 0, port)


def break_from_now_on(call: Call, number: int = errno.EIO, *, times: int = _EVERY) -> None:
    """Let the next calls fail, as many as *times*, with this error."""
    ctypes.CDLL(None).faulty_arm(call, 1, times, How.FAIL, number, 0)


def mend() -> None:
    """Let all calls succeed again."""
    ctypes.CDLL(None).faulty_disarm()


def seen(call: Call) -> int:
    """How many of them there were, since the start or the last time that they were armed."""
    return int(ctypes.CDLL(None).faulty_seen(call))
