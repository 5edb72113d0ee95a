"""What a hub's file of settings names: credential, certificate, address, data folder, file."""

from datetime import datetime
from pathlib import Path

from broker.app import hub_folder
from broker.client import Trust
from broker.health.certificate import certificate
from broker.health.clocks import against_files
from broker.health.database import database
from broker.health.findings import Finding, looked, ok, problem, warning
from broker.health.folder import folder
from broker.health.listening import address
from broker.sealing.keystore_file import MARKER, read_credential
from broker.settings import HubSettings, beside
from broker.transport.tables import DATABASE, TABLES

_APART = "Move it, name its place in `credential`, and look whether backups hold both."


def hub(settings: HubSettings, path: Path, now: datetime) -> list[Finding]:
    """Everything about one hub.

    Args:
        settings: The hub's.
        path: Where they stand; relative paths begin there.
        now: The time.
    """
    data, http = beside(path, settings.data), settings.http
    pem = None if http.certificate is None else beside(path, http.certificate)
    key = None if http.private_key is None else beside(path, http.private_key)
    found = looked(lambda: credential(beside(path, settings.credential), data))
    if pem is not None and key is not None:
        found += looked(lambda: certificate(pem, key, now))
    found += looked(lambda: address(http, pem))
    found += looked(lambda: folder(data))
    found += looked(lambda: keys(hub_folder(data)))
    found += looked(lambda: name(settings.hub, hub_folder(data)))
    found += looked(lambda: file(hub_folder(data), now))
    return found


def credential(path: Path, data: Path) -> list[Finding]:
    """Whether the credential can be read, by its owner alone, and lies apart from what is sealed under it.

    Raises:
        KeyUnavailable: it cannot be used.
    """
    read_credential(path)
    if path.resolve().is_relative_to(data.resolve()):
        return [warning(f"the credential `{path}` lies in the data folder, and goes into its backups", _APART)]
    return [ok(f"the credential `{path}` is its owner's alone")]


def keys(home: Path) -> list[Finding]:
    """Whether the hub's keys are sealed, and nobody else may read or change them.

    Args:
        home: The hub's own folder.

    Raises:
        OSError: it cannot be looked at.
    """
    store = home / "keys"
    if not store.is_dir():
        return []
    open_to_others = [file.name for file in (store, *store.iterdir()) if file.stat().st_mode & 0o077]
    found = []
    if open_to_others:
        what = f"others than their owner may use {len(open_to_others)} files of keys in `{store}`"
        found.append(problem(what, f"chmod -R go= {store}, and find out who read them."))
    if (store / MARKER).exists():
        what = f"the keys in `{store}` lie in clear: they are those of a demonstration"
        found.append(warning(what, "Never tell this hub of a real person."))
    return found or [ok(f"the keys in `{store}` are sealed, and their owner's alone")]


def name(hub_name: str, home: Path) -> list[Finding]:
    """Whether the data is that of the hub that the settings name.

    Raises:
        FolderUnusable: the trust file is damaged.
    """
    path = home / "trust.json"
    if not path.exists():
        return []
    if Trust.load(path).hub != hub_name:
        what = f"`{path}` is another hub's than `{hub_name}`"
        return [problem(what, "Give the hub its own name, or its own data folder.")]
    return [ok(f"`{path}` is that of `{hub_name}`")]


def file(home: Path, now: datetime) -> list[Finding]:
    """Whether the hub's database is ours and whole, and the clock has not gone back behind it.

    Raises:
        FolderUnusable: it cannot be read, or is not one of ours.
    """
    path = home / DATABASE
    if not path.exists():
        # A hub that was at work has all of them. Keys without the file are what is left when somebody lost it.
        if (home / "keyring.json").exists():
            return [
                problem(f"`{home}` holds a hub's keys and no `hub.db`", "Restore the folder together with its keys.")
            ]
        return []
    return [*against_files(now, path, path.with_name("hub.db-wal")), *database(path, TABLES)]
