"""A hub's settings, credential, keys, address and data, before it was ever at work, while it is, and after."""

import asyncio
import os
import socket
import ssl
from datetime import timedelta
from pathlib import Path
from threading import Thread

import pytest
import trustme

from broker.app import hub_folder, running
from broker.clock import SystemClock
from broker.errors import KeyUnavailable
from broker.health import Finding, Severity, examine
from broker.health.hub import credential, file, keys, name
from broker.health.listening import address
from broker.sealing.entropy import system_entropy
from broker.sealing.keystore_file import make_credential, read_credential
from broker.service import edge_open
from broker.settings import Http, HubSettings, load_settings
from schemas import AgencyId

HUB = "hub.northbury.example"
ANSWER_S = 20


@pytest.fixture
def port() -> int:
    """A port that is free."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        found: int = free.getsockname()[1]
    return found


@pytest.fixture
def config(tmp_path: Path, port: int) -> Path:
    """A hub's settings and credential as `tellwise new` makes them."""
    home = tmp_path / "tellwise"
    home.mkdir(mode=0o700)
    make_credential(home / "hub.key", os.urandom)
    path = home / "tellwise.toml"
    path.write_text(f'hub = "{HUB}"\n[http]\nport = {port}\n')
    return path


def look(config: Path) -> list[Finding]:
    """What the doctor finds."""
    return examine(config, SystemClock(), system_entropy)


def problems(findings: list[Finding]) -> list[str]:
    """Those that say what is wrong."""
    return [each.what for each in findings if each.severity is Severity.PROBLEM]


def whats(findings: list[Finding]) -> str:
    """All of them as one text."""
    return "\n".join(each.what for each in findings)


async def at_work(config: Path) -> list[Finding]:
    """What the doctor finds while the hub is at work."""
    settings = load_settings(config, HubSettings)
    held = read_credential(config.parent / settings.credential)
    clock = SystemClock()
    data = config.parent / settings.data
    async with (
        running(data, settings.hub, demo=False, clock=clock, credential=held) as tellwise,
        edge_open(tellwise, settings.http, config.parent, clock),
    ):
        return await asyncio.to_thread(look, config)


def test_a_new_hub_is_well_and_looking_makes_nothing(config: Path, port: int) -> None:
    before = sorted(config.parent.rglob("*"))

    found = look(config)

    assert problems(found) == []
    assert f"127.0.0.1 port {port} is free" in whats(found)
    assert sorted(config.parent.rglob("*")) == before


def test_a_hub_at_work_is_well(config: Path, port: int) -> None:
    found = asyncio.run(at_work(config))

    assert problems(found) == []
    assert f"127.0.0.1 port {port}: a hub is at work there" in whats(found)
    assert "hub.db` is whole" in whats(found)


def test_a_hub_that_was_stopped_is_well_and_left_as_it_is(config: Path) -> None:
    asyncio.run(at_work(config))
    before = {path: path.stat().st_mtime_ns for path in config.parent.rglob("*")}

    found = look(config)

    assert problems(found) == []
    assert {path: path.stat().st_mtime_ns for path in config.parent.rglob("*")} == before


def test_a_clock_that_went_back_is_found(config: Path) -> None:
    asyncio.run(at_work(config))
    database = hub_folder(config.parent / "data") / "hub.db"

    found = file(database.parent, SystemClock().now() - timedelta(hours=1))

    assert [each.severity for each in found] == [Severity.PROBLEM, Severity.OK]
    assert "the clock went back" in found[0].what


def test_a_lost_database_is_a_problem(config: Path) -> None:
    asyncio.run(at_work(config))
    for path in hub_folder(config.parent / "data").glob("hub.db*"):
        path.unlink()

    found = look(config)

    assert ["no `hub.db`" in what for what in problems(found)] == [True]


def test_a_stranger_s_database_is_a_problem_and_the_rest_is_looked_at(config: Path) -> None:
    asyncio.run(at_work(config))
    (hub_folder(config.parent / "data") / "hub.db").write_text("Dear sir or madam, " * 300)

    found = look(config)

    assert ["file is not a database" in what for what in problems(found)] == [True]
    assert "can be written to" in whats(found)


def test_a_wrong_setting_is_named(config: Path) -> None:
    config.write_text(f'hub = "{HUB}"\ndatta = "data"\n')

    found = look(config)

    assert ["`datta`" in what for what in problems(found)] == [True]


def test_a_missing_credential_is_a_problem(config: Path) -> None:
    (config.parent / "hub.key").unlink()

    found = look(config)

    assert ["there is no credential" in what for what in problems(found)] == [True]


def test_a_credential_that_others_may_read_is_a_problem(config: Path) -> None:
    (config.parent / "hub.key").chmod(0o644)

    with pytest.raises(KeyUnavailable, match="others than its owner"):
        credential(config.parent / "hub.key", config.parent / "data")


def test_a_credential_in_the_data_folder_is_a_warning_whichever_way_it_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "data")
    make_credential(tmp_path / "data" / "hub.key", os.urandom)
    make_credential(tmp_path / "hub.key", os.urandom)

    inside = [credential(tmp_path / place / "hub.key", tmp_path / "data") for place in ("data", "link", "data/../data")]
    beside = credential(tmp_path / "hub.key", tmp_path / "data")

    assert [found.severity for (found,) in inside] == [Severity.WARNING] * 3
    assert [found.severity for found in beside] == [Severity.OK]


def test_keys_that_others_may_use_are_a_problem(config: Path) -> None:
    asyncio.run(at_work(config))
    home = hub_folder(config.parent / "data")
    sealed = keys(home)
    next((home / "keys").glob("*.key")).chmod(0o640)

    (found,) = keys(home)

    assert [each.severity for each in sealed] == [Severity.OK]
    assert (found.severity, "1 files of keys" in found.what) == (Severity.PROBLEM, True)


def test_keys_of_a_demonstration_are_a_warning(tmp_path: Path) -> None:
    async def play() -> None:
        async with running(tmp_path, AgencyId(HUB), demo=True, clock=SystemClock()):
            pass

    asyncio.run(play())

    (found,) = keys(hub_folder(tmp_path))

    assert (found.severity, "demonstration" in found.what) == (Severity.WARNING, True)


def test_another_hub_s_data_is_a_problem(config: Path) -> None:
    asyncio.run(at_work(config))
    home = hub_folder(config.parent / "data")

    (ours,), (theirs,) = name(HUB, home), name("hub.southbury.example", home)

    assert (ours.severity, theirs.severity) == (Severity.OK, Severity.PROBLEM)


def test_a_port_that_another_program_has_is_a_problem(port: int) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        thread = Thread(target=_answer_once, args=(other, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"))
        thread.start()

        (found,) = address(Http(port=port), None)

        thread.join()
    assert (found.severity, f"port {port}" in found.what) == (Severity.PROBLEM, True)


@pytest.mark.parametrize("is_ours", [True, False])
def test_who_has_the_port_is_known_by_our_certificate_s_key(tmp_path: Path, port: int, is_ours: bool) -> None:
    authority = trustme.CA()
    leaf, other = authority.issue_cert("hub.northbury.example"), authority.issue_cert("hub.northbury.example")
    leaf.cert_chain_pems[0].write_to_path(str(tmp_path / "hub.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    (leaf if is_ours else other).configure_cert(context)
    settings = Http(host="0.0.0.0", port=port, certificate=Path("hub.pem"), private_key=Path("hub.key"))  # noqa: S104
    with socket.socket() as listening:
        listening.bind(("0.0.0.0", port))  # noqa: S104
        listening.listen()
        thread = Thread(target=_shake_hands_once, args=(listening, context))
        thread.start()

        (found,) = address(settings, tmp_path / "hub.pem")

        thread.join()
    assert found.severity is (Severity.OK if is_ours else Severity.PROBLEM)


def _answer_once(listening: socket.socket, answer: bytes) -> None:
    listening.settimeout(ANSWER_S)
    connection, _ = listening.accept()
    with connection:
        connection.recv(4_096)
        connection.sendall(answer)


def _shake_hands_once(listening: socket.socket, context: ssl.SSLContext) -> None:
    listening.settimeout(ANSWER_S)
    connection, _ = listening.accept()
    try:
        with context.wrap_socket(connection, server_side=True) as secure:
            secure.recv(1)
    except OSError:
        connection.close()
