"""A quiet day at a hub, which operators and courts look back on."""

from pathlib import Path

import pytest

from broker.ledger.entries import Disclosure
from tests.faults.county import live_a_quiet_day
from tests.faults.stored import read_stored
from tests.personas import BLACKBURN_CHILDREN


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder after a quiet day, and nobody running on it."""
    return live_a_quiet_day(tmp_path_factory.mktemp("day") / "data")


@pytest.fixture(scope="module")
def told_at(day: Path) -> int:
    """Where it stands in the ledger that Blackburn's children's services were told."""
    ((index, _),) = [
        (index, entry)
        for index, (_, entry) in read_stored(day).entries.items()
        if isinstance(entry, Disclosure) and entry.to == BLACKBURN_CHILDREN.name
    ]
    return index
