"""The Kafka on which `rehearse` and `bench` make topics that go again: in plain text, on this machine."""

import logging
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from broker.kafka.connection import Connection

_NEXT_STEP = "Start one with `tellwise dev kafka up`, or name another in plain text: `--kafka HOST:PORT`."


def spare_kafka(engine: str, address: str | None) -> "Connection | None":
    """The Kafka that is meant, or None: `embedded`, no Kafka.

    Args:
        engine: As given to `--engine`.
        address: As given to `--kafka`; None for the one that `tellwise dev kafka up` made.

    Raises:
        BadParameter: there is no such engine, or a Kafka is named and not asked for.
        ClusterUnfit: that one is not up, or asks for certificates.
        SettingsRefused: the address is none, or beyond this machine.
    """
    from broker.cli.hub import EngineName
    from broker.kafka.connection import Connection
    from broker.settings import Kafka, check_settings

    if engine not in set(EngineName):
        raise typer.BadParameter("`embedded` or `kafka`", param_hint="--engine")
    if engine == EngineName.EMBEDDED:
        if address is not None:
            raise typer.BadParameter("only with `--engine kafka`", param_hint="--kafka")
        return None
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what it cannot do is raised, and told once
    if address is None:
        return Connection(_developers())
    return Connection(check_settings({"bootstrap": address}, Kafka, "--kafka").bootstrap)


def _developers() -> str:
    from broker.cli.dev import default_folder
    from broker.dev import KafkaCluster
    from broker.errors import ClusterUnfit, NoCluster

    try:
        cluster = KafkaCluster(default_folder())
    except NoCluster:
        raise ClusterUnfit("no Kafka for trying out was made on this machine", _NEXT_STEP) from None
    if cluster.tls:
        raise ClusterUnfit(f"the Kafka of `{cluster.folder}` asks for certificates", _NEXT_STEP)
    if not cluster.status().serves:
        raise ClusterUnfit(f"the Kafka of `{cluster.folder}` is not up", _NEXT_STEP)
    return cluster.bootstrap
