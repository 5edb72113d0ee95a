"""The clock: against the calendar, against our own files, and against a hub that says what time it has."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
import trustme

from broker.health import Severity
from broker.health.clocks import against_files, against_hub, calendar
from tests.contracts.clock import MovedClock

NOW = MovedClock().now()


class _Hub(BaseHTTPRequestHandler):
    """Answers as a hub does, with the time that the test gives it, and remembers what it was asked."""

    date: str | None = None
    status = 200
    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(f"{self.requestline}\n{self.headers}")
        self.send_response_only(self.status)
        if self.date is not None:
            self.send_header("Date", self.date)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_said: object) -> None:
        """Say nothing."""


@contextmanager
def a_hub(
    date: str | None, status: int = 200, certificate: trustme.LeafCert | None = None
) -> Iterator[tuple[str, list[str]]]:
    """A hub on this machine: its address, and what it is asked."""
    asked: list[str] = []
    handler = type("Hub", (_Hub,), {"date": date, "status": status, "asked": asked})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        if certificate is not None:
            import ssl

            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            certificate.configure_cert(context)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            scheme = "http" if certificate is None else "https"
            yield f"{scheme}://127.0.0.1:{server.server_address[1]}", asked
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("year", "severity"),
    [(1970, Severity.PROBLEM), (2025, Severity.PROBLEM), (2026, Severity.OK), (2100, Severity.PROBLEM)],
)
def test_a_year_that_cannot_be_is_a_problem(year: int, severity: Severity) -> None:
    (found,) = calendar(NOW.replace(year=year))

    assert found.severity is severity


@pytest.mark.parametrize(("minutes", "is_well"), [(-60, True), (5, True), (6, False), (600, False)])
def test_a_clock_that_went_back_behind_our_own_files_is_a_problem(tmp_path: Path, minutes: int, is_well: bool) -> None:
    written = (NOW + timedelta(minutes=minutes)).timestamp()
    for name, at in (("hub.db", NOW.timestamp() - 9_000), ("hub.db-wal", written)):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (at, at))

    found = against_files(NOW, tmp_path / "hub.db", tmp_path / "hub.db-wal", tmp_path / "never-made")

    assert [each.severity for each in found] == ([] if is_well else [Severity.PROBLEM])


@pytest.mark.parametrize(
    ("seconds", "severity"),
    [
        (0, Severity.OK),
        (10, Severity.OK),
        (-10, Severity.OK),
        (11, Severity.WARNING),
        (-120, Severity.WARNING),
        (121, Severity.PROBLEM),
        (-86_400, Severity.PROBLEM),
    ],
)
def test_a_hub_with_another_time_is_found(seconds: int, severity: Severity) -> None:
    with a_hub(format_datetime(NOW + timedelta(seconds=seconds), usegmt=True)) as (url, _):
        (found,) = against_hub(url, None, MovedClock())

    assert found.severity is severity


@pytest.mark.parametrize("date", [None, "", "yesterday", "Mon, 02 Mar 2026 09:30:00 -0000"])
def test_a_hub_that_does_not_say_its_time_is_a_warning(date: str | None) -> None:
    with a_hub(date) as (url, _):
        (found,) = against_hub(url, None, MovedClock())

    assert found.severity is Severity.WARNING


def test_the_hub_is_not_told_who_asks() -> None:
    with a_hub(format_datetime(NOW, usegmt=True)) as (url, asked):
        against_hub(url, None, MovedClock())

    (request,) = asked
    assert request.startswith("GET /health HTTP/1.1\n")
    names = {line.partition(":")[0].lower() for line in request.splitlines()[1:] if line}
    assert names <= {"host", "accept", "accept-encoding", "connection", "user-agent"}


def test_a_hub_that_has_its_hands_full_still_says_its_time() -> None:
    with a_hub(format_datetime(NOW, usegmt=True), status=503) as (url, _):
        (found,) = against_hub(url, None, MovedClock())

    assert found.severity is Severity.OK


@pytest.mark.parametrize("status", [204, 301, 404, 500])
def test_what_answers_otherwise_is_no_hub(status: int) -> None:
    with a_hub(format_datetime(NOW, usegmt=True), status=status) as (url, _):
        (found,) = against_hub(url, None, MovedClock())

    assert (found.severity, str(status) in found.what) == (Severity.PROBLEM, True)


def test_a_hub_that_is_not_there_is_a_problem_with_a_next_step() -> None:
    with a_hub(None) as (url, _):
        pass

    (found,) = against_hub(url, None, MovedClock())

    assert (found.severity, found.what) == (Severity.PROBLEM, f"the hub at {url} cannot be reached: no connection")
    assert "hub_url" in found.next_step


def test_a_certificate_is_believed_only_if_it_is_vouched_for(tmp_path: Path) -> None:
    ours, stranger = trustme.CA(), trustme.CA()
    authorities = tmp_path / "authorities.pem"
    ours.cert_pem.write_to_path(str(authorities))
    date = format_datetime(NOW, usegmt=True)

    with a_hub(date, certificate=ours.issue_cert("127.0.0.1")) as (url, _):
        (vouched,) = against_hub(url, authorities, MovedClock())
    with a_hub(date, certificate=stranger.issue_cert("127.0.0.1")) as (url, asked):
        (refused,) = against_hub(url, authorities, MovedClock())

    assert vouched.severity is Severity.OK
    assert refused.severity is Severity.PROBLEM
    assert refused.what.endswith("its certificate is not vouched for")
    assert asked == []


def test_authorities_that_are_none_are_a_problem(tmp_path: Path) -> None:
    (tmp_path / "authorities.pem").write_text("none\n")

    for name in ("authorities.pem", "not-there.pem"):
        (found,) = against_hub("https://127.0.0.1:9", tmp_path / name, MovedClock())

        assert (found.severity, name in found.what) == (Severity.PROBLEM, True)
