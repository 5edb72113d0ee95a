"""Where the time of the path goes, by part of the program, as the interpreter's own profiler sees it.

LIMIT: the profiler makes calls dearer, so what calls much looks larger than it is. Compare parts, not times.
"""

import cProfile
import pstats
from pathlib import Path

import broker
from broker.bench.path import measure_path, world

_ROOT = Path(broker.__file__).parents[1]
_SHOWN = 30


async def profile_path(folder: Path, seconds: float) -> list[tuple[str, float]]:
    """The parts of the program with their share of the hub's time, themselves and what libraries do for them."""
    async with world(folder) as here:
        profiler = cProfile.Profile()
        await measure_path(here, seconds, lambda: profiler)
    return _shares(pstats.Stats(profiler))


def _shares(stats: pstats.Stats) -> list[tuple[str, float]]:
    """A function of ours has its own time and that of the libraries' functions that it calls."""
    table = stats.stats  # type: ignore[attr-defined]
    own: dict[str, float] = {}
    for (file, _, name), (_, _, itself, _, callers) in table.items():
        if _is_ours(file):
            own[_part(file, name)] = own.get(_part(file, name), 0.0) + itself
            continue
        for (caller_file, _, caller), (_, _, _, for_caller) in callers.items():
            if _is_ours(caller_file):
                part = _part(caller_file, caller)
                own[part] = own.get(part, 0.0) + for_caller
    total = sum(own.values()) or 1.0
    return [(part, time / total) for part, time in sorted(own.items(), key=lambda each: -each[1])[:_SHOWN]]


def _is_ours(file: str) -> bool:
    path = Path(file)
    return path.is_relative_to(_ROOT) and "site-packages" not in path.relative_to(_ROOT).parts


def _part(file: str, name: str) -> str:
    return f"{Path(file).relative_to(_ROOT).with_suffix('')}:{name}"
