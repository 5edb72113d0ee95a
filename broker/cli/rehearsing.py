"""`tellwise rehearse`: reading stories, playing them, and telling what differed."""

import asyncio
import contextlib
import json
import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from broker.cli.spare_kafka import spare_kafka
from broker.cli.telling import say
from broker.rehearsal import Difference, Result, Scenario, StatisticsFile, read_scenario, rehearse

if TYPE_CHECKING:
    from broker.kafka.connection import Connection


def play_all(files: Sequence[Path], engine: str, kafka: str | None, *, as_json: bool) -> bool:
    """Read every file, then play every story. Returns whether anything differed.

    Args:
        files: One story each.
        engine: What the hubs stand on: see spare_kafka.py, also for *kafka*.
        kafka: Where it is.
        as_json: Whether a program reads what is printed.

    Raises:
        ScenarioRefused: a file cannot be read; nothing is played then.
        ClusterUnfit, SettingsRefused: there is no such Kafka.
        EngineAway, KafkaRefused: it does not answer, or refuses.
    """
    logging.getLogger("tellwise").setLevel(logging.CRITICAL)  # a story's refusals are its own affair
    scenarios = []
    for path in files:
        try:
            scenarios.append(read_scenario(path))
        except StatisticsFile as statistics:
            print(f"tellwise: {statistics}\n          {statistics.next_step}", file=sys.stderr)
    connection = spare_kafka(engine, kafka)
    results = []
    for scenario in scenarios:
        with _progress(scenario.scenario, len(scenario.events)) as step:
            results.append(asyncio.run(_played(scenario, step, connection)))
    if as_json:
        print(json.dumps({"files": [_as_json(result) for result in results]}, sort_keys=True))
    else:
        for result in results:
            _tell(result)
    return any(result.differences for result in results)


async def _played(scenario: Scenario, step: Callable[[], None], connection: "Connection | None") -> Result:
    if connection is None:
        return await rehearse(scenario, step)
    from broker.kafka.throwaway import engine_of, throwaway

    async with throwaway(connection) as names:
        return await rehearse(scenario, step, engine_of(connection, names))


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
