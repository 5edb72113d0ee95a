"""A desk as its file of settings describes it, opened for one command or one adapter."""

import contextlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

from broker.client import Desk, Link, Trust
from broker.client.http_link import HttpLink
from broker.client.keys import load_desk_keys
from broker.clock import SystemClock
from broker.errors import FolderUnusable, SettingsRefused
from broker.sealing.entropy import system_entropy
from broker.settings import DeskSettings, beside

if TYPE_CHECKING:
    from broker.kafka.connection import Connection


def desk_home(settings: DeskSettings, path: Path) -> Path:
    """The desk's folder."""
    return beside(path, settings.folder)


@contextlib.asynccontextmanager
async def open_desk(settings: DeskSettings, path: Path) -> AsyncIterator[Desk]:
    """The desk, with its way to the hub, until the block ends.

    Args:
        settings: Of the desk.
        path: Where they stand; relative paths begin there.

    Raises:
        FolderUnusable: the folder has no keys or no trust file, or cannot be used.
        SettingsRefused: the authorities or a certificate cannot be read.
    """
    home = desk_home(settings, path)
    if not (home / "keys.json").exists():  # never made in passing: others know this desk by those that it has
        raise FolderUnusable(f"`{home}` holds no desk's keys")
    trust = Trust.load(home / "trust.json")
    keys = load_desk_keys(home / "keys.json", system_entropy)
    async with contextlib.AsyncExitStack() as opened:
        edge = HttpLink(
            settings.hub_url,
            settings.desk,
            keys.signer,
            SystemClock(),
            system_entropy,
            authorities=None if settings.authorities is None else _authorities(beside(path, settings.authorities)),
        )
        opened.push_async_callback(edge.close)
        link: Link = edge
        connection = kafka_of(settings, path)
        if connection is not None and settings.kafka is not None and settings.kafka.writes:
            from broker.client.kafka_link import KafkaLink

            link = KafkaLink(edge, connection, lambda: desk.mailbox)
            opened.push_async_callback(link.close)
        desk = Desk(home, settings.desk, settings.contact, trust, link, SystemClock(), system_entropy)
        opened.callback(desk.close)
        yield desk


def kafka_of(settings: DeskSettings, path: Path) -> "Connection | None":
    """The Kafka at which this desk hears or writes; None if it comes to the hub's edge alone.

    Raises:
        SettingsRefused: a certificate cannot be used.
    """
    if settings.kafka is None:
        return None
    from broker.kafka.connection import Connection

    return Connection.of(settings.kafka, path)


def _authorities(path: Path) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=str(path))
    except (OSError, ssl.SSLError) as error:
        raise SettingsRefused(f"`authorities`: `{path}` does not hold certificates in PEM") from error
