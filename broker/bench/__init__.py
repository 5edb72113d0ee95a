"""What `make bench` measures, each against its limit in the same run: machines are noisy, and only ratios travel.

One process on one core. The limit is the cryptography that the work cannot do without, and for latency one commit that
is durable on this disk.
"""

import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path

from broker.bench.cores import one_core
from broker.bench.floor import crypto_floor_us
from broker.bench.growth import grown_desks, grown_ledger
from broker.bench.latency import measure_latency
from broker.bench.ledger import measure_ledger
from broker.bench.path import COMPARTMENTS, DESKS, Rate, measure_path, world
from broker.bench.profile import profile_path

__all__ = ["measure", "profile"]

LEDGER_SIZES = (1_000, 100_000, 1_000_000)
DESK_COUNTS = (100, 10_000)


def measure(seconds: float, *, growth: bool, said: Callable[[str], None]) -> dict[str, float]:
    """Measure the whole path for about *seconds*, the latency at half of that load, and the cryptography alone.

    Args:
        seconds: For each of the three.
        growth: Whether also with large ledgers and many desks, which takes a minute or two.
        said: Told what is being measured now.

    Returns:
        `notifications_per_second`, `letters_per_second`, `letters_per_cpu_second`: the hub at full load.
        `floor_us_per_notification`: its cryptography alone, and `floor_ratio`: that over what the hub takes, 0 to 1.
        `p50_ms`, `p99_ms`: until the letters lie durable in the last desk's inbox, at half of full load, counted from
        when each notification was due. `fsync_ms`: one commit alone, the median; `p99_in_commits`: how many of them.
        `…_at_N_entries`, `…_at_N_desks`: letters per CPU second with a ledger, a directory of that size, and
        `growth_entries`, `growth_desks`: the largest of each against the smallest. `ledger_verified_in_hashings`: the
        largest ledger verified from its file, against hashing its entries and nodes alone; `ledger_proof_us`: the proof
        of one of 250 neighbouring entries.
    """
    with one_core(), tempfile.TemporaryDirectory(prefix="tellwise-bench-") as name:
        folder = Path(name)
        figures = asyncio.run(_on(folder / "path", seconds, said))
        said("the cryptography alone")
        floor_us = crypto_floor_us(DESKS, COMPARTMENTS, seconds / 2)
        hub_us = 1e6 / figures["notifications_per_second"]
        figures |= {
            "desks": DESKS,
            "compartments": COMPARTMENTS,
            "us_per_notification": round(hub_us, 1),
            "floor_us_per_notification": round(floor_us, 1),
            "floor_ratio": round(floor_us / hub_us, 3),
        }
        if growth:
            figures |= _growth(folder, said)
    return figures


def profile(seconds: float) -> list[tuple[str, float]]:
    """Where the time of the path goes: parts of the program with their share of it, 0 to 1, largest first."""
    with one_core(), tempfile.TemporaryDirectory(prefix="tellwise-bench-") as name:
        return asyncio.run(profile_path(Path(name), seconds))


async def _on(folder: Path, seconds: float, said: Callable[[str], None]) -> dict[str, float]:
    async with world(folder) as here:
        said("the whole path at full load")
        rate = await measure_path(here, seconds)
        said("its latency at half of that load")
        latency = await measure_latency(here, rate.notifications_per_second / 2, seconds)
    return {
        "notifications": rate.notifications,
        "letters": rate.notifications * DESKS,
        "notifications_per_second": round(rate.notifications_per_second, 1),
        "letters_per_second": round(rate.notifications_per_second * DESKS, 1),
        "letters_per_cpu_second": round(rate.letters_per_cpu_second, 1),
        "p50_ms": round(latency.p50_ms, 2),
        "p99_ms": round(latency.p99_ms, 2),
        "fsync_ms": round(latency.commit_ms, 3),
        "p99_in_commits": round(latency.p99_ms / latency.commit_ms, 1),
    }


def _growth(folder: Path, said: Callable[[str], None]) -> dict[str, float]:
    figures: dict[str, float] = {}
    entries: dict[int, Rate] = {}
    desks: dict[int, Rate] = {}
    for size in LEDGER_SIZES:
        said(f"a ledger of {size:,} entries")
        entries[size] = asyncio.run(grown_ledger(folder / f"ledger-{size}", size))
        figures[f"letters_per_cpu_second_at_{size}_entries"] = round(entries[size].letters_per_cpu_second, 1)
    said("its verification, and proofs")
    ledger = measure_ledger(folder / f"ledger-{LEDGER_SIZES[-1]}")
    figures |= {
        "ledger_entries": ledger.entries,
        "ledger_hashed_s": round(ledger.hashed_s, 3),
        "ledger_verified_s": round(ledger.verified_s, 3),
        "ledger_verified_in_hashings": round(ledger.verified_s / ledger.hashed_s, 2),
        "ledger_proof_us": round(ledger.proof_us, 1),
    }
    for count in DESK_COUNTS:
        said(f"a directory of {count:,} desks")
        desks[count] = asyncio.run(grown_desks(folder / f"desks-{count}", count))
        figures[f"letters_per_cpu_second_at_{count}_desks"] = round(desks[count].letters_per_cpu_second, 1)
    return figures | {"growth_entries": _against(entries), "growth_desks": _against(desks)}


def _against(rates: dict[int, Rate]) -> float:
    return round(rates[max(rates)].letters_per_cpu_second / rates[min(rates)].letters_per_cpu_second, 3)
