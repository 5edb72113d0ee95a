"""One node of a cluster on this machine: its settings, and its process.

The settings are Kafka's own names (its documentation, "Broker Configs"). What differs from a cluster for production is
said beside it.
"""

import os
import signal
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from broker.dev.certificates import ADMIN, node_name, node_pem
from broker.dev.jars import Jars
from broker.errors import KafkaNotUp
from broker.files import private_folder, read_whole, remove, write_whole

HOST = "127.0.0.1"
# The log cleaner's buffer is made small below, else this heap is too little for it.
_JAVA = ("-Xms256m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dlog4j2.level=WARN")
_FORMAT_S = 60


class State(StrEnum):
    """What a node does."""

    SERVES = "serves"
    SILENT = "silent"
    """Its process lives, and the cluster does not count it among those that serve: it begins, ends or hangs, or so many
    others are down that nothing can be decided."""
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Node:
    """One broker and controller in one process."""

    id: int
    """Counted from 1."""
    port: int
    controller_port: int
    directory_id: str
    """22 characters of base64url: 16 random bytes, by which the controllers know its data."""
    folder: Path
    """Its own, absolute."""

    @property
    def address(self) -> str:
        """Where its clients reach it."""
        return f"{HOST}:{self.port}"

    @property
    def log(self) -> Path:
        """All that it prints."""
        return self.folder / "node.log"

    @property
    def settings_file(self) -> Path:
        """What it is started with."""
        return self.folder / "server.properties"

    def process(self) -> int | None:
        """Its process id, if that process lives and is this node."""
        written = read_whole(self.folder / "pid")
        if written is None or not written.isdigit():
            return None
        process = int(written)
        with suppress(ChildProcessError):  # if we started it, its end must be noticed by us
            os.waitpid(process, os.WNOHANG)
        # The number may have been given to somebody else since, so its command line is asked as well.
        return process if str(self.settings_file) in _command_line(process) else None


def write_settings(node: Node, nodes: Sequence[Node], tls: Path | None, more: Mapping[str, str]) -> None:
    """Write what *node* of *nodes* is started with.

    Args:
        node: One of *nodes*.
        nodes: One or three.
        tls: The folder of keys, for mutual TLS and rights by name; None for neither.
        more: Settings that come last, and so win.
    """
    private_folder(node.folder)
    settings = settings_of(node, nodes) | (_tls(node, nodes, tls) if tls else {}) | dict(more)
    write_whole(node.settings_file, "".join(f"{name}={value}\n" for name, value in settings.items()).encode())


def format_data(node: Node, nodes: Sequence[Node], cluster_id: str, java: Path, jars: Jars) -> None:
    """Make its data folder, if it is not there yet.

    Raises:
        KafkaNotUp: Kafka refused; its log says why.
    """
    if (node.folder / "data" / "meta.properties").exists():
        return
    one = len(nodes) == 1
    voters = ",".join(f"{each.id}@{HOST}:{each.controller_port}:{each.directory_id}" for each in nodes)
    command = [java, "-XX:TieredStopAtLevel=1", "-cp", jars.classpath, "kafka.tools.StorageTool", "format"]
    command += ["-t", cluster_id, "-c", node.settings_file]
    command += ["--standalone"] if one else ["--initial-controllers", voters]
    try:
        with node.log.open("ab") as told:
            subprocess.run(  # noqa: S603 - ours, and the Java that the user chose
                [str(each) for each in command],
                stdin=subprocess.DEVNULL,
                stdout=told,
                stderr=subprocess.STDOUT,
                timeout=_FORMAT_S,
                check=True,
            )
    except subprocess.SubprocessError as error:
        raise KafkaNotUp(f"node {node.id} has no data folder; why stands in `{node.log}`") from error


def start(node: Node, java: Path, jars: Jars) -> None:
    """Start its process, which outlives this one. It does not serve yet."""
    arguments = [str(java), *_JAVA, "-cp", jars.classpath, "kafka.Kafka", str(node.settings_file)]
    # Not subprocess.Popen, which warns of a process that is still there when it is forgotten. A session of its own, so
    # that Ctrl-C at the terminal is not for it.
    append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    process = os.posix_spawn(
        arguments[0],
        arguments,
        os.environ,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(node.log), append, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
        setsigmask=[],
    )
    write_whole(node.folder / "pid", str(process).encode())


def send(nodes: Iterable[Node], number: signal.Signals) -> None:
    """Send a signal to each that lives."""
    for node in nodes:
        process = node.process()
        if process is not None:
            with suppress(ProcessLookupError):
                os.kill(process, number)


def forget_process(node: Node) -> None:
    """Say that it has ended, once it has."""
    remove(node.folder / "pid")


def settings_of(node: Node, nodes: Sequence[Node]) -> dict[str, str]:
    """What *node* of *nodes* is started with, in plain text, by Kafka's own names."""
    copies, in_sync = (1, 1) if len(nodes) == 1 else (3, 2)
    return {
        "process.roles": "broker,controller",  # for production they are apart
        "node.id": str(node.id),
        "controller.quorum.bootstrap.servers": ",".join(f"{HOST}:{each.controller_port}" for each in nodes),
        "listeners": f"PLAINTEXT://{HOST}:{node.port},CONTROLLER://{HOST}:{node.controller_port}",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{node.port}",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
        "log.dirs": str(node.folder / "data"),
        "auto.create.topics.enable": "false",
        "default.replication.factor": str(copies),
        "min.insync.replicas": str(in_sync),
        "unclean.leader.election.enable": "false",
        "group.initial.rebalance.delay.ms": "0",
        "offsets.topic.replication.factor": str(copies),
        "offsets.topic.num.partitions": "1",
        "transaction.state.log.replication.factor": str(copies),
        "transaction.state.log.min.isr": str(in_sync),
        "transaction.state.log.num.partitions": "1",
        "share.coordinator.state.topic.replication.factor": str(copies),
        "share.coordinator.state.topic.min.isr": str(in_sync),
        "log.cleaner.dedupe.buffer.size": "4194304",
    }


def _tls(node: Node, nodes: Sequence[Node], folder: Path) -> dict[str, str]:
    # The principal is the name in the certificate, and a subject of any other form is nobody: there is no DEFAULT rule.
    return {
        "listeners": f"SSL://{HOST}:{node.port},CONTROLLER://{HOST}:{node.controller_port}",
        "advertised.listeners": f"SSL://{HOST}:{node.port}",
        "listener.security.protocol.map": "CONTROLLER:SSL,SSL:SSL",
        "security.inter.broker.protocol": "SSL",
        "ssl.client.auth": "required",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(node_pem(folder, node.id)),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(folder / "ca.pem"),
        "ssl.enabled.protocols": "TLSv1.3",
        "ssl.principal.mapping.rules": "RULE:^CN=([A-Za-z0-9_-]+)$/$1/",
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "allow.everyone.if.no.acl.found": "false",
        "super.users": ";".join(f"User:{name}" for name in [*(node_name(each.id) for each in nodes), ADMIN]),
    }


def _command_line(process: int) -> str:
    """What a process was started with; empty if there is no such process, or only its exit code is left of it."""
    with suppress(OSError):
        return Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
    with suppress(OSError):
        command = ["ps", "-ww", "-p", str(process), "-o", "command="]  # where there is no /proc
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout  # noqa: S603
    return ""
