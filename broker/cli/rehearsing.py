"""`tellwise rehearse`: reading stories, playing them, and telling what differed."""

import asyncio
import contextlib
import json
import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import typer

from broker.cli.telling import say
from broker.rehearsal import Difference, Result, StatisticsFile, read_scenario, rehearse


def play_all(files: Sequence[Path], *, as_json: bool) -> bool:
    """Read every file, then play every story. Returns whether anything differed.

    Raises:
        ScenarioRefused: a file cannot be read; nothing is played then.
    """
    logging.getLogger("tellwise").setLevel(logging.CRITICAL)  # a story's refusals are its own affair
    scenarios = []
    for path in files:
        try:
            scenarios.append(read_scenario(path))
        except StatisticsFile as statistics:
            print(f"tellwise: {statistics}\n          {statistics.next_step}", file=sys.stderr)
    results = []
    for scenario in scenarios:
        with _progress(scenario.scenario, len(scenario.events)) as step:
            results.append(asyncio.run(rehearse(scenario, step)))
    if as_json:
        print(json.dumps({"files": [_as_json(result) for result in results]}, sort_keys=True))
    else:
        for result in results:
            _tell(result)
    return any(result.differences for result in results)


@contextlib.contextmanager
def _progress(name: str, events: int) -> Iterator[Callable[[], None]]:
    if not sys.stderr.isatty():
        yield lambda: None
        return
    with typer.progressbar(length=events, label=name, file=sys.stderr) as bar:
        yield lambda: bar.update(1)


def _tell(result: Result) -> None:
    acks = f", {result.acks} deadlines" if result.acks else ""
    say(
        f"{result.scenario}: {result.events} events, {result.comparisons} comparisons{acks}, "
        f"{len(result.differences)} differences"
    )
    for difference in result.differences:
        say(_difference(difference), 2)
    if result.not_compared:
        say("not compared: " + "; ".join(result.not_compared), 2)


def _difference(difference: Difference) -> str:
    parts = [f"{difference.event} {difference.kind}, {difference.desk}:"]
    if difference.extra:
        parts.append(f"too much: {', '.join(difference.extra)};")
    if difference.missing:
        parts.append(f"missing: {', '.join(difference.missing)};")
    parts.append(
        f"because of {', '.join(difference.policies)}" if difference.policies else "no ground told it anything"
    )
    return " ".join(parts)


def _as_json(result: Result) -> dict[str, Any]:
    return {
        "scenario": result.scenario,
        "events": result.events,
        "comparisons": result.comparisons,
        "acks": result.acks,
        "differences": [asdict(difference) for difference in result.differences],
        "not_compared": result.not_compared,
    }
