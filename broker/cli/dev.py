"""`tellwise dev`: what who works on Tellwise, or tries it out, needs beside it. Nothing here is for production."""

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from broker.cli.ending import carefully

if TYPE_CHECKING:
    from broker.dev import ClusterStatus, KafkaCluster
    from broker.dev.jars import Progress

dev = typer.Typer(help="For who works on Tellwise or tries it out; never for production.", no_args_is_help=True)
kafka = typer.Typer(
    help="A real Kafka on this machine alone. Needs Java 17 and Maven, no Docker.", no_args_is_help=True
)
dev.add_typer(kafka, name="kafka")

_BAR = 30

_FOLDER = Annotated[
    Path | None, typer.Option("--folder", help="Where it keeps data, ports and logs. Else: below the user's state.")
]
_JSON = Annotated[bool, typer.Option("--json", help="Print JSON for a program to read.")]


@kafka.command()
def up(
    nodes: Annotated[int | None, typer.Option(help="One or three. Else: as it was made, or one.")] = None,
    tls: Annotated[
        bool | None, typer.Option("--tls/--plain", help="Certificates, and rights by name. Else: as it was made.")
    ] = None,
    folder: _FOLDER = None,
    as_json: _JSON = False,
) -> None:
    """Start it, and return when every node serves. The first time, Kafka is fetched into the user's cache.

    Exit code 2: it does not serve, and it is said why; what was started is stopped.
    """
    cluster, status = carefully(lambda: _up(folder, nodes, tls))
    _say(cluster, status, as_json=as_json)


@kafka.command()
def status(folder: _FOLDER = None, as_json: _JSON = False) -> None:
    """Look at each node.

    Exit code 0: all serve. 1: one or more do not. 2: there is no cluster in the folder.
    """
    cluster, seen = carefully(lambda: _seen(folder))
    _say(cluster, seen, as_json=as_json)
    if not seen.serves:
        raise typer.Exit(1)


@kafka.command()
def down(
    remove: Annotated[bool, typer.Option("--remove", help="Remove its folder too, with all data.")] = False,
    folder: _FOLDER = None,
    as_json: _JSON = False,
) -> None:
    """Stop every node, and return when all have ended. Data and ports stay for the next `up`.

    Exit code 0: none runs now, whether or not one did. 2: there is no cluster in the folder.
    """
    cluster = carefully(lambda: _down(folder, remove=remove))
    if as_json:
        print(json.dumps({"folder": str(cluster.folder), "removed": remove}))
    else:
        print(f"Kafka is down. {'Its folder is gone' if remove else 'Its data stays'}: {cluster.folder}")


@kafka.command()
def client(
    name: Annotated[str, typer.Argument(help="A mailbox, or `hub-admin`, who may do everything.")],
    folder: _FOLDER = None,
    as_json: _JSON = False,
) -> None:
    """Make the files with which a client proves its name to a cluster that was made with `--tls`.

    Exit code 2: nothing was made, and it is said why.
    """
    files = carefully(lambda: _cluster(folder).client(name))
    named = {"ca": str(files.ca), "certificate": str(files.certificate), "key": str(files.key)}
    print(json.dumps(named) if as_json else "\n".join(f"{what:<12}{path}" for what, path in named.items()))


def default_folder() -> Path:
    """Where it is if no folder is named."""
    state = os.environ.get("XDG_STATE_HOME", "")  # XDG Base Directory Specification
    return (Path(state) if Path(state).is_absolute() else Path.home() / ".local" / "state") / "tellwise" / "kafka"


def _cluster(folder: Path | None) -> "KafkaCluster":
    from broker.dev import KafkaCluster

    return KafkaCluster(folder or default_folder())


def _up(folder: Path | None, nodes: int | None, tls: bool | None) -> "tuple[KafkaCluster, ClusterStatus]":
    from broker.dev import KafkaCluster

    cluster = KafkaCluster.up(folder or default_folder(), nodes=nodes, tls=tls, said=_progress())
    return cluster, cluster.status()


def _seen(folder: Path | None) -> "tuple[KafkaCluster, ClusterStatus]":
    cluster = _cluster(folder)
    return cluster, cluster.status()


def _down(folder: Path | None, *, remove: bool) -> "KafkaCluster":
    cluster = _cluster(folder)
    cluster.down(remove=remove)
    return cluster


def _progress() -> "Progress":
    """Tells how far the download is: a bar on a terminal, elsewhere a line at the start, each third, and the end."""
    from broker.dev.jars import VERSION

    what = f"fetching Kafka {VERSION}"

    def bar(done: int, of: int) -> None:
        filled = _BAR * done // of
        end = "\n" if done == of else ""
        print(f"\r{what} [{'#' * filled}{'.' * (_BAR - filled)}] {done}/{of}", end=end, file=sys.stderr, flush=True)

    def line(done: int, of: int) -> None:
        if done % (of // 3) == 0 or done == of:
            print(f"{what}: {done} of {of} files", file=sys.stderr, flush=True)

    return bar if sys.stderr.isatty() else line


def _say(cluster: "KafkaCluster", seen: "ClusterStatus", *, as_json: bool) -> None:
    from broker.cli.telling import bold, say

    if as_json:
        listed = [
            {"id": node.id, "address": node.address, "state": node.state, "process": node.process}
            for node in seen.nodes
        ]
        told = {
            "serves": seen.serves,
            "bootstrap": cluster.bootstrap,
            "tls": cluster.tls,
            "folder": str(cluster.folder),
        }
        print(json.dumps({**told, "nodes": listed}))
        return
    print(bold(f"bootstrap: {cluster.bootstrap}"))
    for node in seen.nodes:
        say(f"node {node.id} at {node.address}: {node.state}", 2)
    say(f"folder: {cluster.folder}", 2)
    if cluster.tls:
        say("clients prove their name: `tellwise dev kafka client NAME`", 2)
