"""`tellwise run` where a hub cannot run: one line that says why, the next step, exit code 2, and nothing harmed."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

AS_ANYBODY = () if os.geteuid() else ("setpriv", "--bounding-set=-dac_override,-dac_read_search")
"""What makes permissions count for root as well, as whom tests may run."""


def settings(folder: Path, port: int = 0) -> Path:
    """A hub's settings, beside the folder of its data."""
    path = folder / "tellwise.toml"
    path.write_text(f'hub = "hub.invented.example"\n[http]\nport = {port}\n')
    return path


def command(path: Path) -> list[str]:
    return [sys.executable, "-m", "broker.cli.main", "run", "--demo", "--json", "--until-end", "--config", str(path)]


@contextmanager
def at_work(path: Path) -> Iterator[dict[str, Any]]:
    """A hub in a process of its own; gives what it says when it is ready."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command(path), text=True, **pipes) as process:  # type: ignore[call-overload]
        yield json.loads(process.stdout.readline())
        _, said = process.communicate(timeout=30)  # its input ends, and so does it
    assert (process.returncode, "Traceback" in said) == (0, False)


def cannot(path: Path, *through: str) -> str:
    """Run a hub that cannot start, while whoever started it waits; what it says."""
    ours, its = os.pipe()[::-1]
    try:
        ended = subprocess.run(
            [*through, *command(path)], text=True, capture_output=True, timeout=60, stdin=its, check=False
        )
    finally:
        os.close(ours)
        os.close(its)
    lines = [line for line in ended.stderr.splitlines() if not line.startswith("{")]  # the log's are JSON
    assert (ended.returncode, ended.stdout) == (2, "")
    assert len(lines) == 2, ended.stderr  # what is wrong, and the next step
    return "\n".join(lines)


def test_a_second_hub_on_one_folder_does_not_start_and_the_first_goes_on(tmp_path: Path) -> None:
    path = settings(tmp_path)
    with at_work(path) as first:
        said = cannot(path)
        host, _, port = first["url"].removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port)), timeout=20) as asked:
            asked.sendall(b"GET /ready HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n\r\n")
            answer = asked.recv(65_536)

    assert "Stop the other hub, or give this one a folder of its own." in said
    assert answer.startswith(b"HTTP/1.1 200 ")


def test_a_port_that_is_taken_is_said_and_the_folder_is_free_for_the_next_try(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = cannot(settings(tmp_path, port))

    assert f"cannot listen on 127.0.0.1 port {port}" in said
    assert "Choose another host or port" in said
    with at_work(settings(tmp_path)) as ready:
        assert ready["ready"]


@pytest.mark.parametrize("place", ["data", "data/hub", "data/hub/hub.db"])
def test_what_is_no_folder_of_ours_is_left_as_it_is(tmp_path: Path, place: str) -> None:
    path, file = settings(tmp_path), tmp_path / place
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"somebody else's, for years")

    said = cannot(path)

    assert str(tmp_path / "data") in said
    assert file.read_bytes() == b"somebody else's, for years"


@pytest.mark.parametrize("closed", ["data", "data/hub"])
def test_a_folder_that_may_only_be_read_is_said(tmp_path: Path, closed: str) -> None:
    path = settings(tmp_path)
    with at_work(path):
        pass
    all_of_it = [tmp_path / closed, *(tmp_path / closed).rglob("*")]
    for each in all_of_it:
        each.chmod(0o500 if each.is_dir() else 0o400)

    said = cannot(path, *AS_ANYBODY)

    for each in all_of_it:
        each.chmod(0o700 if each.is_dir() else 0o600)
    assert str(tmp_path / "data" / "hub") in said
    assert "Check the path, its owner and its permissions." in said
