"""The command as a process, driven and killed like any other; and waiting for what it does, with a bound."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

TELLWISE = (sys.executable, "-m", "broker.cli.main")
ROOT = Path(__file__).parents[1]
LONGEST_S = 90
_LOOK_S = 0.05


def tellwise(*arguments: object, cwd: Path, keyboard: str = "", expect: int = 0) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; *cwd* is where its paths begin."""
    done = subprocess.run(
        [*TELLWISE, *map(str, arguments)],
        cwd=cwd,
        env=environment(),
        input=keyboard,
        capture_output=True,
        text=True,
        timeout=LONGEST_S,
        check=False,
    )
    assert done.returncode == expect, f"{arguments}: {done.stdout}\n{done.stderr}"
    return done


def environment() -> dict[str, str]:
    """Ours, so that the command is that of this tree wherever it runs."""
    return os.environ | {"PYTHONPATH": str(ROOT)}


@contextmanager
def running(arguments: Sequence[object], cwd: Path, log: Path, *, ready: str = "") -> Iterator[subprocess.Popen[bytes]]:
    """A command that goes on and on, until the block ends.

    Args:
        arguments: Of `tellwise`.
        cwd: Where its paths begin.
        log: Where all that it prints goes.
        ready: What it prints when it is ready; the block begins then.
    """
    start = log.stat().st_size if log.exists() else 0
    with log.open("ab") as told:
        process = subprocess.Popen(
            [*TELLWISE, *map(str, arguments)],
            cwd=cwd,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=told,
            stderr=subprocess.STDOUT,
        )
    try:
        until(lambda: process.poll() is not None or ready.encode() in log.read_bytes()[start:])
        assert process.poll() is None, log.read_text(errors="replace")[start:]
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def until(holds: Callable[[], object], longest_s: float = LONGEST_S) -> None:
    """Wait until something that another process does has happened; fail if it does not."""
    end = time.monotonic() + longest_s
    while not holds():
        assert time.monotonic() < end, "it did not come to be"
        time.sleep(_LOOK_S)


def free_port() -> int:
    """A port of this machine that nobody listens on now."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
    return port
