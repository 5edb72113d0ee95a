"""A story plays on Kafka as it plays in one file, letter by letter, and nothing of it stays on the cluster."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from broker.app import desk_folders, running
from broker.client import DeskStore, Sending
from broker.dev import KafkaCluster
from broker.engines import OpenEngine, embedded
from broker.kafka.administration import administered
from broker.kafka.connection import Connection
from broker.kafka.throwaway import engine_of, throwaway
from broker.rehearsal import Result, read_scenario
from broker.rehearsal.play import Player, StoryClock
from schemas import AgencyId

STORIES = Path(__file__).resolve().parents[1] / "stories"
HUB = AgencyId("hub.rehearsal.example")
MINUTE_S = 60


@pytest.mark.parametrize("name", ["case_g_moves_and_a_correction", "tag_reports_at_high_risk", "order_with_flags"])
def test_every_desk_holds_the_same_letters_as_if_there_were_no_kafka(
    name: str, kafka_cluster: KafkaCluster, tmp_path: Path
) -> None:
    story = STORIES / f"{name}.yaml"

    here = asyncio.run(played(story, tmp_path / "here", embedded))
    there = asyncio.run(on_kafka(kafka_cluster, lambda engine: played(story, tmp_path / "there", engine)))

    assert there == here
    assert here.differences == []
    assert held(tmp_path / "there") == held(tmp_path / "here")
    assert sum(len(desk["letters"]) for desk in held(tmp_path / "here").values()) >= here.events


def test_the_command_says_the_same_and_leaves_no_topic(kafka_cluster: KafkaCluster, tmp_path: Path) -> None:
    here = rehearse(tmp_path, "--json")
    there = rehearse(tmp_path, "--json", "--engine", "kafka", "--kafka", kafka_cluster.bootstrap)

    assert (there.returncode, there.stdout, there.stderr) == (here.returncode, here.stdout, here.stderr)
    assert json.loads(here.stdout)["files"][0]["comparisons"] == 14
    assert left(kafka_cluster) == set()


def test_a_story_that_is_broken_off_leaves_no_topic(kafka_cluster: KafkaCluster, tmp_path: Path) -> None:
    stories = [str(story) for story in STORIES.glob("*.yaml")]  # so many that it never is done before it is told to end
    words = [*command("case_a_normal_agency_management"), *stories]
    words += ["--engine", "kafka", "--kafka", kafka_cluster.bootstrap]
    with subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as playing:
        end = time.monotonic() + MINUTE_S
        while not any(".inbox." in topic for topic in left(kafka_cluster)):
            assert time.monotonic() < end, "it never began"
        playing.send_signal(signal.SIGINT)
        playing.communicate(timeout=MINUTE_S)

    assert playing.returncode == 130
    assert left(kafka_cluster) == set()


def test_one_that_is_told_to_end_while_a_client_closes_ends(kafka_cluster: KafkaCluster) -> None:
    async def told() -> None:
        async with administered(Connection(kafka_cluster.bootstrap)):
            told_to_end = asyncio.current_task()
            assert told_to_end is not None
            told_to_end.cancel()  # it hears of it where it waits next

    async def waits() -> bool:
        telling = asyncio.create_task(told())
        await asyncio.wait([telling])
        return telling.cancelled()

    assert asyncio.run(waits())


def test_a_story_that_fails_leaves_no_topic(kafka_cluster: KafkaCluster) -> None:
    async def fail(_engine: OpenEngine) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        asyncio.run(on_kafka(kafka_cluster, fail))

    assert left(kafka_cluster) == set()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--engine", "kafka"], "no Kafka for trying out was made on this machine"),
        (["--engine", "kafka", "--kafka", "127.0.0.1:1"], "no node of the Kafka answers"),
        (["--engine", "kafka", "--kafka", "kafka.example:9092"], "plain text beyond this machine"),
        (["--engine", "paper"], "`embedded` or `kafka`"),
        (["--kafka", "127.0.0.1:1"], "only with `--engine kafka`"),
    ],
)
def test_without_a_kafka_it_says_what_to_do(options: list[str], said: str, tmp_path: Path) -> None:
    done = rehearse(tmp_path, *options)

    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr


def test_a_kafka_of_ours_that_is_down_is_named_with_the_next_step(kafka_cluster: KafkaCluster, tmp_path: Path) -> None:
    folder = tmp_path / "tellwise" / "kafka"
    folder.mkdir(parents=True)
    (folder / "cluster.json").write_bytes((kafka_cluster.folder / "cluster.json").read_bytes())

    done = rehearse(tmp_path, "--engine", "kafka")

    assert (done.returncode, done.stdout) == (2, "")
    assert "is not up" in done.stderr
    assert "Start one with `tellwise dev kafka up`" in done.stderr


async def played(path: Path, folder: Path, engine: OpenEngine) -> Result:
    """Play a story as `rehearse` does, in a folder that stays."""
    scenario = read_scenario(path)
    clock = StoryClock(scenario.events[0].at - timedelta(hours=1))
    async with running(folder, HUB, demo=True, clock=clock, engine=engine) as tellwise:
        player = await Player.set_up(scenario, tellwise, clock)
        for event in scenario.events:
            await player.play(event)
    return player.result


async def on_kafka(cluster: KafkaCluster, act: Callable[[OpenEngine], Awaitable[Any]]) -> Any:
    connection = Connection(cluster.bootstrap)
    async with throwaway(connection) as names:
        return await act(engine_of(connection, names))


def held(folder: Path) -> dict[str, dict[str, Any]]:
    """All that each desk holds. What is random by design has a name instead that says what it stands for."""
    stores = {path.name: DeskStore(path / "desk.db") for path in desk_folders(folder)}
    try:
        said = {
            outgoing.id: f"{desk} {number}"
            for desk, store in stores.items()
            for number, outgoing in enumerate(store.outgoing(*Sending))
        }
        return {
            desk: {
                "letters": [_named(letter.as_json(), said) for letter in store.letters()],
                "answers": [outgoing.state for outgoing in store.outgoing(*Sending)],
                "incidents": store.incidents(),
            }
            for desk, store in stores.items()
        }
    finally:
        for store in stores.values():
            store.close()


def _named(letter: dict[str, Any], said: dict[Any, str]) -> Any:
    del letter["recorded"]["size"], letter["recorded"]["entry"]  # entries of one moment are in any order, among fillers
    assert letter["cover"].pop("traceparent")
    text = json.dumps(letter).replace(letter["cover"]["person"], "the person as this desk knows them")
    for notification, name in said.items():
        text = text.replace(notification, name)
    return json.loads(text)


def command(name: str) -> list[str]:
    return [sys.executable, "-m", "broker.cli.main", "rehearse", str(STORIES / f"{name}.yaml")]


def rehearse(folder: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*command("tag_reports_at_high_risk"), *options],
        cwd=folder,
        env={**os.environ, "XDG_STATE_HOME": str(folder), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )


def left(cluster: KafkaCluster) -> set[str]:
    """The topics of throwaway hubs that are there."""

    async def seen() -> set[str]:
        async with administered(Connection(cluster.bootstrap)) as administration:
            return {topic for topic in await administration.topics() if topic.startswith("throwaway-")}

    return asyncio.run(seen())
