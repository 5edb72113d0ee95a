"""The embedded engine keeps the contracts."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from broker.ports import Clock, Leaf, Transport
from broker.transport.database import open_database
from broker.transport.embedded import EmbeddedTransport
from broker.transport.tables import TABLES
from tests.contracts.engine import INBOX, Engine, owned, story, turn
from tests.contracts.lane_contract import LaneContract, break_off, whole_turn
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
    """Topics and records, and that a record which is lost shows: broker/care/soundness.py rests on it."""

    @story
    async def test_numbers_are_counted_from_0_without_a_gap_whoever_writes_and_whatever_fails(self) -> None:
        async with self.opened() as here, self.opened() as there, owned(here) as (lane, _):
            before = [*await here.publish(INBOX, [b"a letter"]), *await there.publish(INBOX, [b"a letter"] * 2)]
            with pytest.raises(ZeroDivisionError):
                await turn(lane, whole_turn, break_off)
            await turn(lane, whole_turn)
        async with self.opened() as again:
            after = await again.publish(INBOX, [b"a letter"])

            assert before == [0, 1, 2]
            assert [record.offset for record in await again.read(INBOX, 0, 100, 0)] == [0, 1, 2, 3, 4, *after]
            assert list(after) == [5]


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
