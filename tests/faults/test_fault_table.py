"""Each of the seven steps, broken twice, on one file: its effect is lost, or it took effect and only the reply is lost.

The table is in fault_table.py, the story in one_move.py.
"""

from collections.abc import Sequence
from pathlib import Path

import pytest

import broker.engines
from broker.errors import OutcomeUnknown
from broker.ledger.entries import Repeat
from broker.topics import INPUT
from tests.contracts.engine import story
from tests.faults.checker import check
from tests.faults.fault_table import FAULTS, Fault
from tests.faults.one_move import one_move
from tests.faults.seams import Seams
from tests.faults.stored import read_stored
from tests.faults.test_replies_lost import BrokenTransport

HERE = [fault for fault in FAULTS if not fault.not_in_a_file]


class BrokenFile(BrokenTransport):
    """The real engine, of which a commit breaks, or what is appended to the input."""

    seams: Seams

    async def publish(self, topic: str, values: Sequence[bytes], *, partition: int = 0) -> Sequence[int]:
        if topic != INPUT or not self.seams.is_due("append to the input"):
            return await super().publish(topic, values, partition=partition)
        if self.seams.fault.took_effect:
            await super().publish(topic, values, partition=partition)
        raise OutcomeUnknown("the reply was lost")


@story
@pytest.mark.parametrize("fault", HERE, ids=str)
async def test_however_a_step_breaks_there_is_one_letter_and_one_effect(
    fault: Fault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seams = Seams()
    seams.install(monkeypatch)
    BrokenFile.seams, BrokenFile.breaker = seams, seams.commits
    monkeypatch.setattr(broker.engines, "EmbeddedTransport", BrokenFile)

    async with one_move(tmp_path, seams) as move:
        ended = await move.broken_by(fault)
        waiting = move.waiting()

    assert seams.has_broken
    assert ended == (fault.letters, fault.effects)
    assert waiting == []
    assert len(read_stored(tmp_path).of(Repeat)) == fault.repeats
    assert check(tmp_path) == []


def test_every_step_is_broken_both_ways() -> None:
    ways = {(fault.step, fault.took_effect) for fault in FAULTS}

    assert len(ways) == len(FAULTS)
    assert all((step, not took_effect) in ways for step, took_effect in ways)
