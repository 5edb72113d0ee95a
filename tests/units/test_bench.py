"""The bench measures the real path, and says all that it promises to say."""

import asyncio
from pathlib import Path

from broker.bench import measure, profile
from broker.bench.growth import grown_desks, grown_ledger
from broker.bench.ledger import measure_ledger

PROMISED = {
    "notifications_per_second",
    "letters_per_second",
    "letters_per_cpu_second",
    "floor_ratio",
    "p50_ms",
    "p99_ms",
    "fsync_ms",
}


def test_it_says_what_it_promises_and_each_figure_against_its_limit() -> None:
    said: list[str] = []

    figures = measure(0.1, growth=False, said=said.append)

    assert figures.keys() >= PROMISED
    assert all(figure > 0 for figure in figures.values())
    assert figures["floor_ratio"] < 1
    assert figures["p50_ms"] <= figures["p99_ms"]
    assert len(said) == 3


def test_a_hub_that_begins_with_a_large_ledger_delivers_and_is_verified(tmp_path: Path) -> None:
    rate = asyncio.run(grown_ledger(tmp_path, 2_000, 0))

    times = measure_ledger(tmp_path)

    assert rate.notifications > 0
    assert times.entries > 2_000
    assert min(times.hashed_s, times.verified_s, times.proof_us) > 0


def test_a_hub_with_many_desks_that_nothing_concerns_delivers(tmp_path: Path) -> None:
    rate = asyncio.run(grown_desks(tmp_path, 20, 0))

    assert rate.notifications > 0
    assert rate.letters_per_cpu_second > 0


def test_the_profile_names_parts_of_the_program_largest_first() -> None:
    parts = profile(0.1)

    shares = [share for _, share in parts]
    assert shares == sorted(shares, reverse=True)
    assert all(0 < share <= 1 for share in shares)
    assert any(name.startswith("broker/") for name, _ in parts)
