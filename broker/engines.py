"""What a hub stands on: its topics and lanes, and a file of its ledgers. Chosen once; the one for many machines is in
broker/kafka/engine.py."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol

from broker.care.leaving import refuse_if_moving
from broker.care.retention import Keeper
from broker.care.standing import Standing
from broker.errors import FolderUnusable
from broker.ports import Clock, Transport
from broker.settings import Retention
from broker.state.vault import Vault
from broker.transport.embedded import EmbeddedTransport
from broker.transport.ledger_reader import LedgerReader
from broker.transport.tables import DATABASE
from schemas import Mailbox

ON_KAFKA = "on-kafka"
"""The mark in a hub's folder that its records are on Kafka: what lies in its file is a copy of the ledgers."""


MakeRoom = Callable[[Mailbox], Awaitable[None]]
"""Makes what a desk of a mailbox needs of the engine."""


class Keeping(Protocol):
    """Removes what need not be kept."""

    async def keep(self) -> None:
        """Make rounds until cancelled."""


class Engine(Protocol):
    """Opened for one hub."""

    is_shared: bool
    """Whether lanes may be another process's."""

    lanes: int
    """How many the hub has, for its whole life."""

    @property
    def transport(self) -> Transport:
        """Topics and lanes."""

    @property
    def ledgers(self) -> LedgerReader:
        """The ledgers, as they lie in `file`."""

    @property
    def file(self) -> Path:
        """Where the ledgers lie on this machine."""

    async def catch_up(self) -> None:
        """Return when `file` holds all that is committed now.

        Raises:
            EngineAway: it cannot be known.
        """

    async def behind(self) -> int | None:
        """About how many records of all inputs nobody has dealt with yet; None if nobody can say."""

    async def make_room(self, mailbox: Mailbox) -> None:
        """Make what a desk of this mailbox needs, before it is in the directory.

        Raises:
            TellwiseError: it cannot be made, as the engine says.
        """

    def keeping(self, vault: Vault, standing: Standing, retention: Retention) -> Keeping:
        """What removes, as the settings say. *vault* is its own: it works in other threads."""

    async def close(self) -> None:
        """Finish what is being written, and let go."""


OpenEngine = Callable[[Path, Clock], Awaitable[Engine]]
"""Opens the engine of the hub whose own folder this is."""


class EmbeddedEngine:
    """One machine, one file."""

    is_shared = False
    lanes = 1

    def __init__(self, home: Path, clock: Clock) -> None:
        """Open the file in the hub's folder.

        Raises:
            FolderUnusable, EngineUnsafe: as `EmbeddedTransport`; or the hub's records are on Kafka.
        """
        if (home / ON_KAFKA).exists():
            raise FolderUnusable(f"the records of the hub in `{home}` are on Kafka: start it with `--engine kafka`")
        refuse_if_moving(home)
        self._clock = clock
        self.file = home / DATABASE
        self.transport = EmbeddedTransport(self.file, clock)
        self.ledgers = LedgerReader(self.file)

    async def catch_up(self) -> None:
        """See `Engine.catch_up`: it is the same file."""

    async def behind(self) -> int | None:
        """See `Engine.behind`: the only process is the one that knows."""
        return None

    async def make_room(self, mailbox: Mailbox) -> None:
        """See `Engine.make_room`: an inbox comes to be with its first item."""

    def keeping(self, vault: Vault, standing: Standing, retention: Retention) -> Keeping:
        """See `Engine.keeping`."""
        return Keeper(self.file, self.transport, vault, standing, retention, self._clock)

    async def close(self) -> None:
        """See `Engine.close`."""
        self.ledgers.close()
        await self.transport.close()


async def embedded(home: Path, clock: Clock) -> Engine:
    """The default: `OpenEngine` for one machine."""
    return EmbeddedEngine(home, clock)
