"""A desk as its file of settings describes it, opened for one command or one adapter."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from broker.client import Desk, Trust
from broker.client.http_link import HttpLink
from broker.client.keys import load_desk_keys
from broker.clock import SystemClock
from broker.errors import FolderUnusable, SettingsRefused
from broker.sealing.entropy import system_entropy
from broker.settings import DeskSettings, beside


def desk_home(settings: DeskSettings, path: Path) -> Path:
    """The desk's folder."""
    return beside(path, settings.folder)


@asynccontextmanager
async def open_desk(settings: DeskSettings, path: Path) -> AsyncIterator[Desk]:
    """The desk, with its way to the hub, until the block ends.

    Args:
        settings: Of the desk.
        path: Where they stand; relative paths begin there.

    Raises:
        FolderUnusable: the folder has no keys or no trust file, or cannot be used.
        SettingsRefused: the authorities cannot be read.
    """
    home = desk_home(settings, path)
    if not (home / "keys.json").exists():  # never made in passing: others know this desk by those that it has
        raise FolderUnusable(f"`{home}` holds no desk's keys")
    trust = Trust.load(home / "trust.json")
    keys = load_desk_keys(home / "keys.json", system_entropy)
    link = HttpLink(
        settings.hub_url,
        settings.desk,
        keys.signer,
        SystemClock(),
        system_entropy,
        authorities=None if settings.authorities is None else _authorities(beside(path, settings.authorities)),
    )
    try:
        desk = Desk(home, settings.desk, settings.contact, trust, link, SystemClock(), system_entropy)
        try:
            yield desk
        finally:
            desk.close()
    finally:
        await link.close()


def _authorities(path: Path) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=str(path))
    except (OSError, ssl.SSLError) as error:
        raise SettingsRefused(f"`authorities`: `{path}` does not hold certificates in PEM") from error
