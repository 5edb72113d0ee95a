"""A hub whose lanes are taken from it again and again says so louder."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from broker.errors import Fenced
from broker.hub import FENCED_WITHIN_S, Hub
from broker.lifecycle import Premises
from broker.ports import LaneEvent
from broker.sealing.entropy import system_entropy
from broker.sealing.keyring import load_hub_keys
from broker.sealing.keystore_file import FileKeyStore
from broker.state.vault import Vault
from policies import Bundle, Engine
from schemas import AgencyId
from tests.contracts.clock import MovedClock
from tests.contracts.memory import MemoryDisk, MemoryTransport

HUB = AgencyId("hub.invented.example")


class Contested(MemoryTransport):
    """Somebody else has the lanes a moment after we took them."""

    def __init__(self, clock: MovedClock, taken: Callable[[], None]) -> None:
        super().__init__(MemoryDisk(), clock)
        self._taken = taken

    @asynccontextmanager
    async def lanes(self, topics: Sequence[tuple[str, int]]) -> AsyncIterator[AsyncIterator[LaneEvent]]:
        async with super().lanes(topics):
            self._taken()
            raise Fenced("another has it")
            yield


@pytest.mark.parametrize(("apart_s", "loudest"), [(1.0, logging.CRITICAL), (FENCED_WITHIN_S, logging.WARNING)])
def test_three_fences_within_a_minute_are_an_alarm(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, apart_s: float, loudest: int
) -> None:
    clock, times = MovedClock(), list[int]()

    def taken() -> None:
        clock.move(seconds=apart_s)
        times.append(1)
        if len(times) == 3:
            hub.stop()

    keys = load_hub_keys(
        tmp_path / "keyring.json", FileKeyStore(tmp_path / "keys", system_entropy, demo=True), HUB, system_entropy
    )
    premises = Premises(HUB, (f"{HUB}/lane-0",), f"{HUB}/directory", keys, Engine(Bundle.load()), system_entropy)
    hub = Hub(Contested(clock, taken), premises, Vault(keys, system_entropy), clock)
    asyncio.run(hub.run())

    said = [record.levelno for record in caplog.records if "lane.fenced" in record.getMessage()]
    assert said == [logging.WARNING, logging.WARNING, loudest]
