"""The embedded engine keeps the contracts."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from broker.ports import Clock, Leaf, Transport
from broker.transport.database import open_database
from broker.transport.embedded import EmbeddedTransport
from broker.transport.tables import TABLES
from tests.contracts.engine import Engine
from tests.contracts.lane_contract import LaneContract
from tests.contracts.ownership_contract import LeaseContract
from tests.contracts.transport_contract import TransportContract


class Embedded(Engine):
    """`hub.db` in the folder."""

    def make(self, folder: Path, clock: Clock) -> Transport:
        return EmbeddedTransport(folder / "hub.db", clock)

    def contents(self, folder: Path) -> object:
        tables = rows_of(
            folder, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'lease' ORDER BY name"
        )
        return {name: rows_of(folder, f"SELECT * FROM {name} ORDER BY 1, 2") for (name,) in tables}  # noqa: S608

    def ledger(self, folder: Path, log: str) -> Sequence[Leaf]:
        rows = rows_of(
            folder,
            "SELECT i, entry, sealed FROM ledger_entry LEFT JOIN ledger_detail USING (log, i) WHERE log = ? ORDER BY i",
            log,
        )
        assert [row[0] for row in rows] == list(range(len(rows)))
        return [Leaf(entry, sealed) for _, entry, sealed in rows]

    def checkpoints(self, folder: Path, log: str) -> Mapping[int, bytes]:
        return dict(rows_of(folder, "SELECT size, note FROM ledger_checkpoint WHERE log = ?", log))


class TestEmbeddedTransport(Embedded, TransportContract):
    """Topics and records."""


class TestEmbeddedLane(Embedded, LaneContract):
    """Turns."""


class TestEmbeddedOwnership(Embedded, LeaseContract):
    """Owners."""


def rows_of(folder: Path, query: str, *values: str) -> list[tuple]:  # type: ignore[type-arg]
    """The answer to a query on the committed file."""
    connection = open_database(folder / "hub.db", TABLES, readonly=True)
    try:
        return connection.execute(query, values).fetchall()
    finally:
        connection.close()
