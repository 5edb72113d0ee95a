"""Whether the clock can be right: against the calendar, against our own files, and against the hub's."""

import ssl
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urlsplit

import httpx2

from broker.assertions import APART_MAX_S
from broker.health.findings import Finding, ok, problem, warning
from broker.ports import Clock
from broker.settings import is_loopback

FIRST = datetime(2026, 1, 1, tzinfo=UTC)
"""Tellwise did not exist before: a clock that says so was never set."""
LAST = datetime(2100, 1, 1, tzinfo=UTC)
BACK_MAX = timedelta(minutes=5)
"""As for the lane, which pauses when a reading is further from the last one."""
APART_WARNING_S = 10
"""A machine that asks a time server is within a second; from `APART_MAX_S` on the hub refuses."""

_ASK_S = 5.0
_SET = "Set the clock, and let a time server keep it."


def calendar(now: datetime) -> list[Finding]:
    """Whether the year can be right."""
    if FIRST <= now < LAST:
        return [ok(f"clock: {now:%Y-%m-%d %H:%M:%S}Z")]
    return [problem(f"the clock says {now:%Y-%m-%d}, which cannot be", _SET)]


def against_files(now: datetime, *paths: Path) -> list[Finding]:
    """Whether the clock went back behind what was written here before.

    Args:
        now: The time.
        paths: Files that the hub or the desk writes; those that are not there do not count.
    """
    written = [path.stat().st_mtime for path in paths if path.exists()]
    if not written or datetime.fromtimestamp(max(written), UTC) - now <= BACK_MAX:
        return []
    minutes = (datetime.fromtimestamp(max(written), UTC) - now) // timedelta(minutes=1)
    return [problem(f"the clock went back: `{paths[0]}` was written {minutes} minutes after what it says now", _SET)]


def against_hub(url: str, authorities: Path | None, clock: Clock) -> list[Finding]:
    """Whether the hub answers, and its clock and ours agree. Says nothing of who asks.

    Args:
        url: The hub.
        authorities: PEM, who may vouch for its certificate; None for those of this machine.
        clock: Ours.
    """
    try:
        vouching = None if authorities is None else ssl.create_default_context(cafile=str(authorities))
    except OSError:  # ssl.SSLError is one
        return [problem(f"`{authorities}` does not hold certificates in PEM", "Correct `authorities` in the settings.")]
    host = urlsplit(url).hostname or ""
    try:
        with (
            httpx2.Client(
                base_url=url,
                verify=True if vouching is None else vouching,
                timeout=_ASK_S,
                follow_redirects=False,
                trust_env=not is_loopback(host),
            ) as client,
            client.stream("GET", "/health") as answer,  # its body is not needed, however long it is
        ):
            earliest = clock.now()
            status, date = answer.status_code, answer.headers.get("date", "")
    except (httpx2.HTTPError, httpx2.InvalidURL, ssl.SSLError) as error:
        what = f"the hub at {url} cannot be reached: {_plain(error)}"
        return [problem(what, "Check the network and `hub_url`, and ask the hub's operator whether it is at work.")]
    if status not in (200, 503):
        return [problem(f"what answers at {url} is no hub: {status}", "Correct `hub_url` in the settings.")]
    return apart(earliest, date)


def apart(ours: datetime, date: str) -> list[Finding]:
    """Whether the two clocks agree.

    Args:
        ours: The time here as the answer came.
        date: The hub's, as in an HTTP `Date` header, in whole seconds.
    """
    try:
        seconds = (ours - parsedate_to_datetime(date)).total_seconds()
    except (ValueError, TypeError):
        return [warning("the hub does not say what time it has", "Compare the two clocks by hand.")]
    what = f"this machine's clock is {abs(seconds):.0f} s {'ahead of' if seconds > 0 else 'behind'} the hub's"
    if abs(seconds) > APART_MAX_S:
        return [problem(what, _SET)]
    if abs(seconds) > APART_WARNING_S:
        return [warning(what, _SET)]
    return [ok(f"the hub answers, and the two clocks are within {APART_WARNING_S} s")]


def _plain(error: Exception) -> str:
    """Why, in our own words: the library's may quote addresses."""
    match error:
        case httpx2.TimeoutException():
            return "it does not answer in time"
        case ssl.SSLError():
            return "its certificate is not vouched for"
        case httpx2.ConnectError() if "certificate" in str(error).lower():
            return "its certificate is not vouched for"
    return "no connection"
