"""`tellwise new` and `tellwise run`: a hub's folder, and the hub as a service."""

import asyncio
import json
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from broker.app import Tellwise
from broker.cli.settings_file import hub_settings_text
from broker.cli.telling import bold, say
from broker.cli.watching import watched
from broker.clock import SystemClock
from broker.engines import OpenEngine, embedded
from broker.errors import FolderUnusable, SettingsRefused
from broker.files import private_folder, write_whole
from broker.health.installation import check_installation
from broker.sealing.entropy import system_entropy
from broker.sealing.keystore_file import make_credential
from broker.service import serve
from broker.settings import Http, HubSettings, beside, check_settings, is_loopback, load_settings

SETTINGS = "tellwise.toml"


def new_hub(folder: Path, name: str) -> None:
    """Make a folder with the settings of a new hub and its credential.

    Raises:
        SettingsRefused: no hub can have this name.
        FolderUnusable: there are settings already, or the folder cannot be made.
    """
    settings = check_settings({"hub": name}, HubSettings, "name")
    private_folder(folder)
    if (folder / SETTINGS).exists():
        raise FolderUnusable(f"`{folder / SETTINGS}` is there already")
    make_credential(folder / settings.credential, system_entropy)
    write_whole(folder / SETTINGS, hub_settings_text(name).encode())
    say(f"A hub's settings: {folder / SETTINGS}. Read them: each says what it is for.")
    say(f"Its credential: {folder / settings.credential}. Keep a copy apart from the data: without it nothing opens.")
    say(f"Now: tellwise run --config {folder / SETTINGS}")


class EngineName(StrEnum):
    """What a hub stands on."""

    EMBEDDED = "embedded"
    KAFKA = "kafka"


@dataclass(frozen=True, slots=True)
class Running:
    """How a hub is run, beside its settings."""

    demo: bool = False
    """Whether its keys lie in clear."""
    as_json: bool = False
    """Whether a program reads what is printed."""
    until_end: bool = False
    """Whether it also stops when its standard input ends: for a program that runs it."""
    engine: EngineName = EngineName.EMBEDDED
    allow_unsafe_topics: bool = False
    port: int | None = None
    """Instead of the one in the settings, for several on one machine."""


def run_hub(path: Path, how: Running) -> None:
    """Run the hub that a file of settings describes, until it is told to stop.

    Args:
        path: The settings.
        how: What is said beside them.

    Raises:
        TellwiseError: it cannot be started, or cannot go on.
    """
    settings = load_settings(path, HubSettings)
    if how.port is not None:
        http = settings.http.model_dump() | {"port": how.port}
        settings = settings.model_copy(update={"http": check_settings(http, Http, "--port")})
    engine = _engine(settings, path, how)
    if how.demo and not is_loopback(settings.http.host):
        raise SettingsRefused("a demonstration's keys lie in clear: it stays on this machine (`http.host`)")
    check_installation()

    def opened(url: str, tellwise: Tellwise) -> None:
        if how.as_json:
            print(json.dumps({"hub": settings.hub, "url": url, "ready": True}), flush=True)
            return
        say(bold(f"{settings.hub} is at work: {url}"))
        desks = len(tellwise.directory.desks)
        say(f"{desks} desks. What desks are given out of band: {beside(path, settings.data) / 'hub' / 'trust.json'}", 2)
        say(f"What it offers to programs: {url}/ . Stop it with Ctrl-C.", 2)

    with watched(settings.telemetry, "tellwise-hub", settings.hub):
        asyncio.run(
            serve(
                settings,
                path,
                SystemClock(),
                demo=how.demo,
                until_end=how.until_end,
                engine=engine,
                opened=opened,
            )
        )


def _engine(settings: HubSettings, path: Path, how: Running) -> OpenEngine:
    if how.engine is EngineName.EMBEDDED:
        if how.allow_unsafe_topics:
            raise SettingsRefused("`--allow-unsafe-topics` says nothing without `--engine kafka`")
        return embedded
    from broker.kafka.engine import as_set  # slow to import, and few need it

    return as_set(settings, path, allow_unsafe_topics=how.allow_unsafe_topics)
