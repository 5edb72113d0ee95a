"""The fault table on Kafka: the same steps, broken in the same two ways, and the same end.

The hub has several lanes, so that what desks say comes to them by doors.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from broker.cli.verify_folder import verify_folder
from broker.dev import KafkaCluster
from broker.ledger.entries import Repeat
from tests.faults.fault_table import FAULTS, Fault
from tests.faults.one_move import one_move
from tests.faults.seams import Seams
from tests.faults.stored_on_kafka import OnKafka, read_stored_on_kafka
from tests.kafka import breaks
from tests.kafka.hubs import place_on

LONGEST_S = 120
LANES = 2
AT_ONCE = 8
"""Faults that one hub meets, one after the other."""
PARTS = [FAULTS[start : start + AT_ONCE] for start in range(0, len(FAULTS), AT_ONCE)]


@pytest.mark.parametrize("faults", PARTS, ids=lambda faults: f"{faults[0]} to {faults[-1]}")
def test_however_a_step_breaks_on_kafka_there_is_one_letter_and_one_effect(
    faults: Sequence[Fault], kafka_cluster: KafkaCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> tuple[list[tuple[str, bool, int, int, list[str]]], OnKafka]:
        async with asyncio.timeout(LONGEST_S):
            place, seams = await place_on(kafka_cluster, LANES), Seams()
            seams.install(monkeypatch)
            breaks.install(seams, place.names, monkeypatch)
            found = []
            async with one_move(tmp_path, seams, place.engine) as move:
                for fault in faults:
                    ended = await move.broken_by(fault)
                    found.append((str(fault), seams.has_broken, *ended, move.waiting()))
            return found, await read_stored_on_kafka(tmp_path, place.connection, 1, place.names)

    found, left = asyncio.run(story())

    assert found == [(str(fault), True, fault.letters, fault.effects, []) for fault in faults]
    assert sum(len(lane.of(Repeat)) for lane in left.lanes) == sum(fault.repeats for fault in faults)
    assert left.faults() == []
    assert verify_folder(tmp_path).findings == []
