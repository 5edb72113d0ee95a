"""`tellwise kafka`: what a hub needs of the Kafka that it is to run on, shown first, and then made."""

import asyncio
import json
import logging
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from broker.cli.ending import carefully

if TYPE_CHECKING:
    from broker.kafka.connection import Connection
    from broker.kafka.provisioning import Plan
    from broker.kafka.rights import Right
    from broker.settings import Kafka

kafka = typer.Typer(help="A hub on Kafka: topics and rights.", no_args_is_help=True)


@kafka.callback()
def _group() -> None:
    """Keeps `provision` a command of its own, though it is the only one."""


@kafka.command()
def provision(
    config: Annotated[Path, typer.Option("--config", help="The hub's settings; the table `kafka` says where.")],
    do_it: Annotated[bool, typer.Option("--apply/--plan", help="Do what is to be done; or show it.")],
    certificate: Annotated[
        Path | None, typer.Option(help="PEM: an administrator's, instead of the hub's own, which may change nothing.")
    ] = None,
    private_key: Annotated[Path | None, typer.Option(help="PEM: the key of that certificate.")] = None,
    allow_unsafe: Annotated[
        bool, typer.Option("--allow-unsafe-topics", help="One copy of everything, where there are no three nodes.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a program to read.")] = False,
) -> None:
    """Topics and rights of a hub and of the desks in its directory. Nothing is removed but rights.

    Exit code 0: all is as it must be. 1: with --plan, something is to be done; with either, something is left that only
    a person can do. 2: it could not be looked at, or not be done to its end; done again, it goes on from there.
    """
    planned, left = carefully(lambda: _provisioned(config, certificate, private_key, allow_unsafe, do_it=do_it))
    if as_json:
        print(json.dumps(_shown(planned, left, done=do_it)))
    else:
        _say(planned, left, done=do_it)
    if left.changes or left.by_hand:
        raise typer.Exit(1)


def _provisioned(
    path: Path, certificate: Path | None, private_key: Path | None, allow_unsafe: bool, *, do_it: bool
) -> "tuple[Plan, Plan]":
    """What was planned, and what of it is left."""
    from broker.errors import SettingsRefused
    from broker.kafka.needs import needs_of
    from broker.kafka.provisioning import apply, plan
    from broker.settings import HubSettings, load_settings

    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what it cannot do is raised, and told once
    settings = load_settings(path, HubSettings)
    if settings.kafka is None:
        raise SettingsRefused(f"`{path}`: `kafka` is missing")
    kafka = settings.kafka
    connection = connection_as(kafka, path, certificate, private_key)

    async def work() -> "tuple[Plan, Plan]":
        needs = await needs_of(settings, kafka, path, connection, allow_unsafe=allow_unsafe)
        if do_it:
            return await apply(connection, needs)
        planned = await plan(connection, needs)
        return planned, planned

    return asyncio.run(work())


def connection_as(kafka: "Kafka", path: Path, certificate: Path | None, private_key: Path | None) -> "Connection":
    """How the Kafka of these settings, which stand in *path*, is reached: with the certificate that was given, or as
    the hub.

    Raises:
        SettingsRefused: a certificate cannot be used.
    """
    from broker.kafka.connection import Connection
    from broker.settings import Kafka, check_settings

    if certificate is not None or private_key is not None:
        given = {"certificate": certificate, "private_key": private_key}
        ours = {name: file and file.absolute() for name, file in given.items()}
        kafka = check_settings(kafka.model_dump() | ours, Kafka, "options")
    return Connection.of(kafka, path)


def _say(planned: "Plan", left: "Plan", *, done: bool) -> None:
    from broker.cli.telling import bold

    for line in _lines(planned):
        print(line)
    for sentence in left.by_hand:
        print(bold(f"BY HAND  {sentence}"))
    if not planned.knows_rights:
        print("this Kafka asks nobody for rights: whoever reaches it may do everything")
    counted = f"{planned.changes} changes {'made' if done else 'to make'}" if planned.changes else "nothing to do"
    print(bold(f"{counted}; {len(left.by_hand)} left to a person"))


def _lines(planned: "Plan") -> Iterator[str]:
    """A line a change, in the order in which they are made."""
    for right in planned.take:
        yield f"take     {right}"
    for topic in planned.make:
        yield f"make     topic `{topic.name}`: partitions {topic.partitions}, copies {topic.copies}"
    for name, (before, after) in planned.widen.items():
        yield f"widen    topic `{name}`: partitions {before} → {after}"
    for name, settings in planned.configure.items():
        for setting, (was, becomes) in settings.items():
            what = f"{was} → {becomes}" if was != becomes else f"{becomes}, so far by default"
            yield f"set      topic `{name}`: `{setting}` {what}"
    for right in planned.give:
        yield f"give     {right}"


def _shown(planned: "Plan", left: "Plan", *, done: bool) -> dict[str, Any]:
    return {
        "done": done,
        "changes": planned.changes,
        "take": [_right(right) for right in planned.take],
        "make": [asdict(topic) for topic in planned.make],
        "widen": {name: {"from": before, "to": after} for name, (before, after) in planned.widen.items()},
        "set": {
            name: {setting: {"from": was, "to": becomes} for setting, (was, becomes) in settings.items()}
            for name, settings in planned.configure.items()
        },
        "give": [_right(right) for right in planned.give],
        "by_hand": list(left.by_hand),
        "knows_rights": planned.knows_rights,
    }


def _right(right: "Right") -> dict[str, str]:
    return {
        "principal": right.principal,
        "resource": right.resource.name.lower(),
        "name": right.name,
        "pattern": right.pattern.name.lower(),
        "operation": right.operation.name.lower(),
        "host": right.host,
    }
