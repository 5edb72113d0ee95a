"""A desk whose process is killed once its store has a batch, and before that is acknowledged.

`python -m tests.faults.killed_before_it_acknowledges FOLDER URL [BOOTSTRAP]`: children's social care, of the hub in
FOLDER that is reached at URL, hears by its link, or by the Kafka at BOOTSTRAP.
"""

import asyncio
import os
import signal
import sys
from functools import partial
from pathlib import Path

from broker.app import desk_folder
from broker.client.http_link import HttpLink
from broker.client.keys import load_desk_keys
from broker.kafka.connection import Connection
from broker.listening.by_kafka import InboxBroker, PlacedConsumer
from broker.listening.by_link import LinkBroker, LinkConsumer
from broker.listening.exchange import exchange
from broker.sealing.entropy import system_entropy
from tests.contracts.clock import MovedClock
from tests.faults.county import open_desk
from tests.personas import BLACKBURN_CHILDREN


async def killed(*_: object) -> None:
    """Instead of an acknowledgement."""
    os.kill(os.getpid(), signal.SIGKILL)


async def main(folder: Path, url: str, bootstrap: str = "") -> None:
    """Hear until the first batch is stored."""
    PlacedConsumer.commit = LinkConsumer.commit = killed  # type: ignore[assignment, method-assign]
    name = BLACKBURN_CHILDREN.name
    keys = load_desk_keys(desk_folder(folder, name) / "keys.json", system_entropy)
    link = HttpLink(url, name, keys.signer, MovedClock(), system_entropy)
    desk = open_desk(folder, name, link, MovedClock())
    way = partial(InboxBroker, Connection(bootstrap)) if bootstrap else LinkBroker
    await exchange(desk, lambda _: None, asyncio.Event(), way)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), *sys.argv[2:]))
