"""FastStream's own settings lose what fails, publish for whoever asks, and tell of keys: each of its places is looked
at here."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from inspect import iscoroutinefunction
from typing import Any

import pytest
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.kafka.subscriber.usecase import BatchSubscriber

from broker.listening.application import QUIET, application, as_they_came, without_headers
from schemas import Mailbox
from tests.house.tree import ROOT, files_in_rooms, text

WHERE = "broker/listening/application.py"
TAKEN = {
    "faststream.AckPolicy",
    "faststream.FastStream",
    "faststream.kafka.KafkaBroker",
    "faststream.kafka.KafkaMessage",
    "faststream.kafka.TopicPartition",
    "faststream.security.BaseSecurity",
    "faststream.specification.AsyncAPI",
}
"""All that is used of it: none of its telemetry, its routes, its pages or its test broker."""


MEASURED = "broker/bench/hops.py"
"""The bench runs FastStream's plain hop beside the hub, on topics of its own, as its users would write it."""


def sources() -> list[tuple[str, str]]:
    """What is installed and carries what was said, with its path."""
    return [(str(path), text(path) or "") for path in files_in_rooms(".py") if str(path) != MEASURED]


def subscribers(source: str) -> Iterator[str]:
    """Calls in *source* that make a subscriber of FastStream's."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == "subscriber":
            yield ast.unparse(node.func)


def taken(source: str) -> Iterator[str]:
    """What *source* imports of FastStream."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.ImportFrom(module=str(module), names=names) if module.partition(".")[0] == "faststream":
                yield from (f"{module}.{name.name}" for name in names)
            case ast.Import(names=names):
                yield from (name.name for name in names if name.name.partition(".")[0] == "faststream")


async def nobody(*_: Any) -> None:
    """Hears for no desk."""


def made() -> BatchSubscriber:
    """The one subscriber, as the application makes it."""
    broker = KafkaBroker(**QUIET)
    application(broker, Mailbox("elm-ward"), nobody)
    (subscriber,) = broker.subscribers
    assert isinstance(subscriber, BatchSubscriber)
    return subscriber


def test_there_is_one_subscriber_in_the_tree() -> None:
    assert [(path, call) for path, source in sources() for call in subscribers(source)] == [
        (WHERE, "broker.subscriber")
    ]


def test_the_subscriber_takes_raw_batches_of_what_is_committed_and_acknowledges_by_hand() -> None:
    subscriber = made()
    parser, decoder = subscriber._call_options.parser, subscriber._call_options.decoder

    assert subscriber.ack_policy is AckPolicy.MANUAL
    assert subscriber.max_records == 100
    assert subscriber.group_id == "elm-ward.desk"
    assert [(each.topic, each.partition) for each in subscriber.partitions] == [("inbox.elm-ward", 0)]
    assert subscriber._connection_args["isolation_level"] == "read_committed"
    assert subscriber._connection_args["enable_auto_commit"] is False
    assert subscriber._connection_args["auto_offset_reset"] == "none"
    assert subscriber._no_reply
    assert (parser, decoder) == (without_headers, as_they_came)
    assert iscoroutinefunction(parser)
    assert iscoroutinefunction(decoder)


def test_no_broker_of_its_has_a_producer_a_logger_a_middleware_or_a_reading_of_its_own() -> None:
    config: Any = KafkaBroker(**QUIET).config

    assert config.broker_config.consumer_only
    assert not config.broker_config.allow_auto_create_topics
    assert config.broker_config.broker_middlewares == ()
    assert not config.broker_config.fd_config.use_fastdepends
    assert made()._outer_config.logger.logger.logger is None


def test_nothing_else_of_it_is_used() -> None:
    found = {(path, name) for path, source in sources() for name in taken(source)}

    assert {name for _, name in found} == TAKEN
    assert {path for path, _ in found if not path.startswith("broker/listening/")} == set()


@pytest.mark.parametrize(
    "source", ["@router.subscriber('x')\nasync def f(): ...", "KafkaBroker().subscriber('x')(f)", "subscriber('x')"]
)
def test_a_subscriber_elsewhere_is_noticed(source: str) -> None:
    assert list(subscribers(source))


@pytest.mark.parametrize(
    "source", ["import faststream.kafka.fastapi", "from faststream.kafka.opentelemetry import KafkaTelemetryMiddleware"]
)
def test_something_else_of_it_is_noticed(source: str) -> None:
    assert not set(taken(source)) <= TAKEN


@pytest.mark.parametrize(
    "module",
    ["broker.cli.main", "broker.cli.hub", "broker.cli.speaking", "broker.service", "agency_adapters.webhook"],
)
def test_only_a_desk_that_hears_on_and_on_waits_for_it_to_be_imported(module: str) -> None:
    command = f"import sys, {module}; raise SystemExit('faststream' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", command], cwd=ROOT, check=False).returncode == 0
