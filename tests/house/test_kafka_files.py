"""The Kafka that is pinned is one Kafka: in both poms, in the digests of its jars, and in what Docker runs."""

import re
from pathlib import Path

import yaml

from broker.dev.jars import POM, VERSION
from broker.dev.node import Node, settings_of
from tests.house.tree import ROOT

COMPOSE = ROOT / "deploy" / "compose.yaml"
HERE = {"process.roles", "node.id", "controller.listener.names", "log.dirs"}
"""What each node has, and what depends on the machine; the names of listeners and addresses are apart as well."""


def test_the_pom_in_deploy_is_the_one_that_the_command_uses() -> None:
    assert (ROOT / "deploy" / "kafka" / "pom.xml").read_bytes() == POM.read_bytes()


def test_the_jars_that_are_pinned_are_of_the_version_that_the_pom_asks_for() -> None:
    asked = re.search(r"<artifactId>kafka_2\.13</artifactId>\s*<version>([^<]+)</version>", POM.read_text("utf-8"))

    assert asked is not None
    assert asked[1] == VERSION


def test_no_kafka_is_pinned_that_may_read_out_what_was_aborted() -> None:
    assert VERSION not in {"4.3.0", "4.3.1", "4.4.0"}  # KAFKA-20734; docs/decisions/0020


def test_docker_runs_the_same_kafka_with_the_same_settings() -> None:
    composed = yaml.safe_load(COMPOSE.read_text("utf-8"))
    nodes = [Node(number, 0, 0, "", Path("/nowhere")) for number in (1, 2, 3)]
    ours = {
        name: value
        for name, value in settings_of(nodes[0], nodes).items()
        if name not in HERE and "listener" not in name and "controller.quorum" not in name
    }

    for service in composed["services"].values():
        assert service["image"] == f"apache/kafka:{VERSION}"
        theirs = {
            name.removeprefix("KAFKA_").replace("_", ".").lower(): value
            for name, value in service["environment"].items()
        }
        assert {name: theirs.get(name) for name in ours} == ours
