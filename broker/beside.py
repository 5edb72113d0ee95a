"""The operator's hand on a hub that runs in another process: the directory is read from its file, and events are put
into its input, where the hub takes them like everything else."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path

from broker.app import hub_folder, hub_keys
from broker.client import Trust
from broker.directory import Directory, read_event
from broker.errors import HubStopped
from broker.ports import Clock, Transport
from broker.registrar import Registrar
from broker.sealing.entropy import Entropy
from broker.sealing.keystore_file import read_credential
from broker.sealing.signatures import VerifyKey
from broker.settings import HubSettings, beside
from broker.topics import DIRECTORY, INPUT
from broker.transport.embedded import EmbeddedTransport
from broker.transport.reader import Reader
from schemas.strict import NotStrict, json_decode

_ALL = 2**31
_TAKEN_WITHIN = 500
"""Looks, 20 ms each, before we say that nobody takes what we put in."""
_LOOK_MS = 20


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
    transport = EmbeddedTransport(hub_folder(folder) / "hub.db", clock)

    async def standing() -> Directory:
        return _standing(await _all(transport), trust.key)

    async def enter(event: bytes) -> None:
        await transport.publish(INPUT, [event])
        for _ in range(_TAKEN_WITHIN):
            there = await _all(transport)
            if event in there:
                return
            await transport.read(DIRECTORY, len(there), 1, _LOOK_MS)
        raise HubStopped("it is entered, and takes effect when the hub runs: it does not seem to run now")

    try:
        yield Registrar(standing, enter, keys.directory, clock, entropy)
    finally:
        await transport.close()


def read_directory(settings: HubSettings, path: Path) -> Directory:
    """The directory of a hub, whether it runs or not. Needs none of its keys.

    Raises:
        FolderUnusable: no hub ever ran on this folder, or it cannot be read.
    """
    home = hub_folder(beside(path, settings.data))
    key = Trust.load(home / "trust.json").key
    with closing(Reader(home / "hub.db")) as reader:
        return _standing([record.value for record in reader.records((DIRECTORY, 0), 0, _ALL)], key)


def _standing(records: Sequence[bytes], key: VerifyKey) -> Directory:
    directory = Directory()
    for record in records:
        if not _is_checkpoint(record):
            directory = directory.after(read_event(record, key))
    return directory


async def _all(transport: Transport) -> list[bytes]:
    return [record.value for record in await transport.read(DIRECTORY, 0, _ALL, 0)]


def _is_checkpoint(record: bytes) -> bool:
    try:
        return "checkpoint" in json_decode(record)
    except (NotStrict, TypeError):
        return False
