"""What holds for every test: the same examples each time in CI, and no time limit on one that a busy machine slows; and
what is slow to make and that many look at."""

import logging
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from tests.processes import tellwise

if TYPE_CHECKING:
    from broker.dev import KafkaCluster

settings.register_profile("developer", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "developer")


@pytest.fixture(autouse=True)
def _as_loud_as_before() -> Iterator[None]:
    """Some commands say less, and are run in this process: what the next test listens for does not depend on it."""
    loggers = [logging.getLogger(name) for name in (None, "tellwise")]
    levels = [logger.level for logger in loggers]
    yield
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)
    logging.disable(logging.NOTSET)


@pytest.fixture(scope="session")
def demo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a demo leaves that was played once; beside it lies what it said. Whoever writes to it takes a copy."""
    folder = tmp_path_factory.mktemp("demo") / "kept"
    played = tellwise("demo", "--once", "--data", folder, cwd=tmp_path_factory.getbasetemp())
    for name, said in (("stdout", played.stdout), ("stderr", played.stderr)):
        folder.with_suffix(f".{name}").write_text(said, encoding="utf-8")
    return folder


# Kafka looks for transactions that have timed out every 10 s, and no test wants to wait that long. Never for a cluster
# whose nodes are killed: docs/decisions/0020 says what came of that.
OFTEN = {
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "500",
    "group.min.session.timeout.ms": "500",  # how soon a process is missed
}

MISSED_SOON = {
    "broker.session.timeout.ms": "3000",  # how soon a node is missed; one that was killed may join again only after it
    "broker.heartbeat.interval.ms": "500",
}


@pytest.fixture(scope="session")
def kafka_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator["KafkaCluster"]:
    """A Kafka of one node, in plain text. Shared: use names of your own, and let it live.

    Skips where Java or Maven are missing; in CI that is a failure.
    """
    yield from _kafka(tmp_path_factory.mktemp("kafka"), tls=False)


@pytest.fixture(scope="session")
def kafka_with_rights(tmp_path_factory: pytest.TempPathFactory) -> Iterator["KafkaCluster"]:
    """A Kafka of one node that knows everybody by a certificate, and lets nobody do what was not given to them.

    Shared by stories that each begin with `laid_bare` of tests/kafka/stories.py. Skips as `kafka_cluster` does.
    """
    yield from _kafka(tmp_path_factory.mktemp("kafka"), tls=True)


def kafka_of_its_own(folder: Path) -> Iterator["KafkaCluster"]:
    """For a fixture: a Kafka of one node whose node may be killed, so with Kafka's own time-outs for transactions."""
    yield from _kafka(folder, tls=False, settings=MISSED_SOON | {"group.min.session.timeout.ms": "500"})


def _kafka(folder: Path, *, tls: bool, settings: Mapping[str, str] = OFTEN) -> Iterator["KafkaCluster"]:
    from broker.dev import KafkaCluster
    from broker.errors import KafkaNotFetched, ToolMissing

    try:
        cluster = KafkaCluster.up(folder, tls=tls, settings=settings)
    except (ToolMissing, KafkaNotFetched) as missing:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"NOT TESTED: whatever needs a real Kafka; {missing}")
    yield cluster
    cluster.down(remove=True)
