"""What a desk's file of settings names: its folder, keys, trust file and store, and the hub that it talks to."""

from pathlib import Path
from typing import NoReturn

from broker.client import Sending, Trust
from broker.client.keys import load_desk_keys
from broker.client.store import DDL
from broker.errors import KeyUnavailable, OpeningRefused
from broker.health.clocks import against_files, against_hub
from broker.health.database import database, opened
from broker.health.findings import Finding, looked, ok, problem, warning
from broker.health.folder import folder
from broker.ports import Clock
from broker.settings import DeskSettings, beside
from broker.transport.database import faults_of_the_folder


def desk(settings: DeskSettings, path: Path, clock: Clock) -> list[Finding]:
    """Everything about one desk. The hub is asked for the time, and not told who asks.

    Args:
        settings: The desk's.
        path: Where they stand; relative paths begin there.
        clock: The time.
    """
    home = beside(path, settings.folder)
    authorities = None if settings.authorities is None else beside(path, settings.authorities)
    return [
        *looked(lambda: folder(home)),
        *looked(lambda: keys(home / "keys.json")),
        *looked(lambda: trust(home / "trust.json")),
        *looked(lambda: store(home / "desk.db", clock)),
        *looked(lambda: against_hub(settings.hub_url, authorities, clock)),
    ]


def keys(path: Path) -> list[Finding]:
    """Whether the desk's keys are there and its owner's alone. None are made.

    Raises:
        KeyUnavailable: they are not there, or not a desk's.
        FolderUnusable: they cannot be read.
    """
    load_desk_keys(path, _make_none)
    bits = path.stat().st_mode & 0o777
    if bits & 0o077:
        what = f"others than its owner may read or change `{path}` ({bits:04o})"
        return [
            problem(what, "Have the hub's operator revoke this desk, and make a new one: these keys are not secret.")
        ]
    return [ok(f"the desk's keys `{path}` are its owner's alone")]


def trust(path: Path) -> list[Finding]:
    """Whether the desk knows by which key it would know its hub.

    Raises:
        FolderUnusable: no such file, or not one of ours.
    """
    if not path.exists():
        return [problem(f"no trust file `{path}`", "Ask the hub's operator for `trust.json`, and put it there.")]
    return [ok(f"`{path}` is the trust file of `{Trust.load(path).hub}`")]


def store(path: Path, clock: Clock) -> list[Finding]:
    """Whether the desk's store is ours and whole, and what waits in it: counts, and nothing of what was said.

    Raises:
        FolderUnusable: it cannot be read, or is not one of ours.
    """
    if not path.exists():
        return [ok(f"`{path}` is not there yet: this desk was never at work")]
    found = [*against_files(clock.now(), path, path.with_name("desk.db-wal")), *database(path, DDL)]
    with faults_of_the_folder(path), opened(path, DDL) as connection:
        rows = connection.execute("SELECT state, count(*) FROM outbox GROUP BY state").fetchall()
        incidents: int = connection.execute("SELECT count(*) FROM incident").get
    counts = {str(state): count for state, count in rows}
    waiting = counts.get(Sending.WAITING, 0)
    found.append(ok(f"outbox: {waiting} notifications wait, and {counts.get(Sending.SENT, 0)} wait for an answer"))
    if expired := counts.get(Sending.EXPIRED, 0):
        what = f"{expired} notifications expired before the hub took them: nobody was told"
        found.append(warning(what, "Say them anew, if they still hold."))
    if refused := counts.get(Sending.REFUSED, 0):
        found.append(
            warning(f"the hub refused {refused} notifications: nobody was told", "Ask the hub's operator why.")
        )
    if incidents:
        found.append(warning(f"{incidents} items were refused as not genuine", OpeningRefused.next_step))
    return found


def _make_none(_size: int) -> NoReturn:
    raise KeyUnavailable("the folder holds no desk's keys")
