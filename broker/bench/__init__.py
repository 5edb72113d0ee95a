"""What `make bench` measures, each against its limit in the same run: machines are noisy, and only ratios travel."""

import asyncio
import tempfile
from pathlib import Path

from broker.bench.floor import crypto_floor_us
from broker.bench.path import measure_path

__all__ = ["measure"]


def measure(seconds: float) -> dict[str, float]:
    """Measure the whole path for about *seconds*, then the cryptography alone.

    Returns:
        `notifications`, `letters`, `desks`, `compartments`: what was done. `notifications_per_second`,
        `letters_per_second`, `us_per_notification`: the hub. `floor_us_per_notification`: its cryptography alone.
        `floor_ratio`: floor over hub, 0 to 1.
    """
    with tempfile.TemporaryDirectory(prefix="tellwise-bench-") as folder:
        path = asyncio.run(measure_path(Path(folder), seconds))
    floor_us = crypto_floor_us(path.desks, path.compartments, seconds / 5)
    hub_us = 1e6 * path.hub_s / path.notifications
    return {
        "notifications": path.notifications,
        "letters": path.letters,
        "desks": path.desks,
        "compartments": path.compartments,
        "notifications_per_second": round(1e6 / hub_us, 1),
        "letters_per_second": round(path.letters / path.hub_s, 1),
        "us_per_notification": round(hub_us, 1),
        "floor_us_per_notification": round(floor_us, 1),
        "floor_ratio": round(floor_us / hub_us, 3),
    }
