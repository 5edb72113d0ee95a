"""The operator's hand on a hub that runs in another process: the directory is read from its file, and events are put
into its input, where the hub takes them like everything else."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

from broker.app import hub_folder, hub_keys
from broker.client import Trust
from broker.clock import SystemClock
from broker.directory import Directory, directory_of
from broker.directory.topic import DirectoryTopic
from broker.engines import ON_KAFKA, MakeRoom
from broker.kafka.engine import transport_as_set
from broker.ports import Clock, Transport
from broker.registrar import Registrar
from broker.sealing.entropy import Entropy
from broker.sealing.keystore_file import read_credential
from broker.sealing.signatures import VerifyKey
from broker.settings import HubSettings, beside
from broker.topics import DIRECTORY
from broker.transport.embedded import EmbeddedTransport
from broker.transport.reader import Reader
from broker.transport.tables import DATABASE

_ALL = 2**31


@asynccontextmanager
async def registrar_beside(
    settings: HubSettings, path: Path, clock: Clock, entropy: Entropy, *, demo: bool
) -> AsyncIterator[Registrar]:
    """Write into the directory of a hub that runs on the same data folder.

    Args:
        settings: Of the hub.
        path: Where they stand.
        clock: The time.
        entropy: Makes mailboxes.
        demo: Whether the hub is a demonstration.

    Raises:
        TellwiseError: the folder or its keys cannot be used, as the parts say.
    """
    folder = beside(path, settings.data)
    credential = None if demo else read_credential(beside(path, settings.credential))
    trust = Trust.load(hub_folder(folder) / "trust.json")  # first: it says whether a hub ever ran here
    keys = hub_keys(folder, settings.hub, entropy, demo=demo, credential=credential)
    transport, make_room = _engine_of(settings, path, clock)
    directory = DirectoryTopic(transport, trust.key)
    try:
        yield Registrar(directory.standing, directory.enter, keys.directory, clock, entropy, make_room)
    finally:
        await transport.close()


def read_directory(settings: HubSettings, path: Path) -> Directory:
    """The directory of a hub, whether it runs or not. Needs none of its keys.

    Raises:
        FolderUnusable: no hub ever ran on this folder, or it cannot be read.
    """
    home = hub_folder(beside(path, settings.data))
    key = Trust.load(home / "trust.json").key
    if (home / ON_KAFKA).exists():
        return asyncio.run(_directory_on_kafka(settings, path, key))
    with closing(Reader(home / DATABASE)) as reader:
        return directory_of([record.value for record in reader.records((DIRECTORY, 0), 0, _ALL)], key)


def _engine_of(settings: HubSettings, path: Path, clock: Clock) -> tuple[Transport, MakeRoom | None]:
    """Where the hub's records are, and what makes place for a new desk there."""
    home = hub_folder(beside(path, settings.data))
    if not (home / ON_KAFKA).exists():
        return EmbeddedTransport(home / DATABASE, clock), None
    return transport_as_set(settings, path)


async def _directory_on_kafka(settings: HubSettings, path: Path, key: VerifyKey) -> Directory:
    transport, _ = _engine_of(settings, path, SystemClock())
    try:
        return await DirectoryTopic(transport, key).standing()
    finally:
        await transport.close()
