"""The operator's hand on a hub that runs in another process: the directory is read from its file, and events are put
into its input, where the hub takes them like everything else."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

from broker.app import hub_folder, hub_keys
from broker.client import Trust
from broker.directory import Directory, directory_of
from broker.directory.topic import DirectoryTopic
from broker.ports import Clock
from broker.registrar import Registrar
from broker.sealing.entropy import Entropy
from broker.sealing.keystore_file import read_credential
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
    transport = EmbeddedTransport(hub_folder(folder) / DATABASE, clock)
    directory = DirectoryTopic(transport, trust.key)
    try:
        yield Registrar(directory.standing, directory.enter, keys.directory, clock, entropy)
    finally:
        await transport.close()


def read_directory(settings: HubSettings, path: Path) -> Directory:
    """The directory of a hub, whether it runs or not. Needs none of its keys.

    Raises:
        FolderUnusable: no hub ever ran on this folder, or it cannot be read.
    """
    home = hub_folder(beside(path, settings.data))
    key = Trust.load(home / "trust.json").key
    with closing(Reader(home / DATABASE)) as reader:
        return directory_of([record.value for record in reader.records((DIRECTORY, 0), 0, _ALL)], key)
