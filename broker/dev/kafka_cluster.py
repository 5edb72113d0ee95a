"""A Kafka of one or three nodes on this machine's loopback: started, looked at, stopped; its folder is all there is.

The folder holds `cluster.json` (what it was made with, for ever), `node-N/` (data, settings, log and process id of each
node) and `tls/` (keys). Data and ports stay when it is stopped, so it comes up again as what it was.
"""

import fcntl
import re
import secrets
import shutil
import signal
import socket
import ssl
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from broker.dev.certificates import ADMIN, ClientFiles, client_files, make_authority
from broker.dev.jars import Jars, Progress, jars
from broker.dev.node import HOST, Node, State, forget_process, format_data, send, start, write_settings
from broker.dev.programs import java
from broker.dev.serving import serving
from broker.errors import FolderUnusable, KafkaNotUp, NoCluster
from broker.files import private_folder, read_whole, write_whole
from schemas.strict import NotStrict, b64u_encode, json_decode

NODES = (1, 3)
"""How many nodes there can be: with two, the loss of one stops both."""

SERVES_WITHIN_S = 120
_ENDS_WITHIN_S = 30
_LOOK_S = 0.1
# Below the range from which Linux, macOS and the BSDs take the ports of outgoing connections, so that none of those
# takes a node's port while the node is down.
_PORTS = range(20_000, 32_000)


# A file of Java properties is read as Latin-1, `log.dirs` is split at commas, and a backslash is an escape.
_KEEPABLE = re.compile(r"[A-Za-z0-9 /._~@+=-]+")


class _NodeMade(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    id: int
    port: int
    controller_port: int
    directory_id: str


class _Made(BaseModel):
    """What a cluster was made with."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cluster_id: str
    tls: bool
    settings: dict[str, str] = Field(default_factory=dict)
    nodes: tuple[_NodeMade, ...]


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """One node, as it was when it was looked at."""

    id: int
    address: str
    state: State
    process: int | None


@dataclass(frozen=True, slots=True)
class ClusterStatus:
    """A cluster, as it was when it was looked at."""

    nodes: tuple[NodeStatus, ...]

    @property
    def serves(self) -> bool:
        """Whether every node does."""
        return all(node.state is State.SERVES for node in self.nodes)


class KafkaCluster:
    """A cluster that was made in a folder, whether it is up or not. For one process at a time: others wait."""

    def __init__(self, folder: Path) -> None:
        """Find the cluster of *folder*.

        Raises:
            NoCluster: there is none.
        """
        self.folder = folder.resolve()
        self._made = _read(self.folder)
        self.nodes = tuple(
            Node(each.id, each.port, each.controller_port, each.directory_id, self.folder / f"node-{each.id}")
            for each in self._made.nodes
        )

    @classmethod
    def up(
        cls,
        folder: Path,
        *,
        nodes: int | None = None,
        tls: bool | None = None,
        settings: Mapping[str, str] | None = None,
        said: Progress = lambda _done, _of: None,
    ) -> "KafkaCluster":
        """Make a cluster in *folder* if there is none, start each node that is down, and wait until all serve.

        Args:
            folder: Its own. Made if it is not there.
            nodes: One of `NODES`; None for as many as it was made with, or 1.
            tls: Whether clients and nodes prove who they are by certificates, and may do only what they were given;
                None for as it was made, or not.
            settings: Kafka's own, beyond or instead of ours; None for those that it was made with, or none.
            said: Told how far the download is, if there is one.

        Raises:
            ToolMissing: no Java 17, or no Maven to fetch Kafka with.
            KafkaNotFetched: Kafka could not be fetched, or is not what is pinned.
            KafkaNotUp: a node ended or does not serve in time, or the folder's cluster is another one. What was started
                for this is stopped.
            FolderUnusable: the folder cannot be written.
        """
        if nodes is not None and nodes not in NODES:
            raise KafkaNotUp(f"a cluster has one node or three, and not {nodes}")
        if not _KEEPABLE.fullmatch(str(folder.resolve())):
            raise FolderUnusable(f"Kafka cannot be told of `{folder.resolve()}`: a letter or sign in it is not plain")
        machine, fetched = java(), jars(said=said)
        private_folder(folder)
        with _alone(folder):
            if not (folder / "cluster.json").exists():
                made = _new(nodes or 1, tls=tls or False, settings=settings or {})
                write_whole(folder / "cluster.json", made.model_dump_json().encode())
            cluster = cls(folder)
            cluster._refuse_others(nodes, tls, settings)
            cluster._start(machine, fetched)
        return cluster

    def _refuse_others(self, nodes: int | None, tls: bool | None, settings: Mapping[str, str] | None) -> None:
        made = self._made
        asked = (len(made.nodes) if nodes is None else nodes, made.tls if tls is None else tls)
        if asked != (len(made.nodes), made.tls) or (settings is not None and settings != made.settings):
            what = f"{len(made.nodes)} node{'s' if len(made.nodes) > 1 else ''} {'with' if made.tls else 'without'} TLS"
            raise KafkaNotUp(f"the cluster of `{self.folder}` was made otherwise: {what}")

    @property
    def bootstrap(self) -> str:
        """`HOST:PORT` of each node, with commas, as clients take it."""
        return ",".join(node.address for node in self.nodes)

    @property
    def tls(self) -> bool:
        """Whether it asks for certificates."""
        return self._made.tls

    def client(self, name: str) -> ClientFiles:
        """The files with which a client proves that it is *name*: a mailbox, or `ADMIN`. Made if they are not there.

        Raises:
            NoCluster: this one asks for no certificates.
            NotRegistered: no client can be called so.
        """
        if not self.tls:
            raise NoCluster(f"the cluster of `{self.folder}` asks for no certificates")
        return client_files(self.folder / "tls", name)

    def status(self) -> ClusterStatus:
        """Look at every node. Takes up to 5 s where nodes hang. Not from within an event loop."""
        processes = {node.id: node.process() for node in self.nodes}
        alive = [node for node in self.nodes if processes[node.id] is not None]
        # Without a majority of controllers nothing can be decided, and a broker goes on to say what it knew last.
        decides = 2 * len(alive) > len(self.nodes)
        listed = serving(",".join(node.address for node in alive), self._context()) if decides else frozenset()

        def state(node: Node) -> State:
            if processes[node.id] is None:
                return State.DOWN
            return State.SERVES if node.id in listed else State.SILENT

        return ClusterStatus(
            tuple(NodeStatus(node.id, node.address, state(node), processes[node.id]) for node in self.nodes)
        )

    def down(self, *, remove: bool = False) -> None:
        """Stop every node, and return when all have ended.

        Args:
            remove: Whether its folder goes too, with all that it holds.
        """
        with _alone(self.folder):
            self._stop(self.nodes)
            if remove:
                shutil.rmtree(self.folder)

    def kill(self, node: int) -> None:
        """End one node at once, as a power cut does, and return when its process is gone. `up` starts it again."""
        chosen = [each for each in self.nodes if each.id == node]
        send(chosen, signal.SIGKILL)
        _wait_for_end(chosen)

    def _start(self, machine: Path, fetched: Jars) -> None:
        tls = self.folder / "tls" if self.tls else None
        if tls:
            make_authority(tls)
        started = [node for node in self.nodes if node.process() is None]
        try:
            for node in started:
                write_settings(node, self.nodes, tls, self._made.settings)
                format_data(node, self.nodes, self._made.cluster_id, machine, fetched)
            for node in started:
                start(node, machine, fetched)
            self._wait_until_it_serves()
        except BaseException:  # Ctrl-C too: nobody else knows yet that they are there
            self._stop(started)
            raise

    def _wait_until_it_serves(self) -> None:
        end = time.monotonic() + SERVES_WITHIN_S
        while not (status := self.status()).serves:
            for node, seen in zip(self.nodes, status.nodes, strict=True):
                if seen.state is State.DOWN:
                    raise KafkaNotUp(f"node {node.id} ended; why stands in `{node.log}`")
            if time.monotonic() > end:
                raise KafkaNotUp(f"it does not serve after {SERVES_WITHIN_S} s; see the logs in `{self.folder}`")
            time.sleep(_LOOK_S)

    def _stop(self, chosen: Sequence[Node]) -> None:
        send(chosen, signal.SIGTERM)
        if not _ended(chosen, _ENDS_WITHIN_S):
            send(chosen, signal.SIGKILL)
        _wait_for_end(chosen)

    def _context(self) -> ssl.SSLContext | None:
        return self.client(ADMIN).context() if self.tls else None


def _wait_for_end(chosen: Sequence[Node]) -> None:
    if not _ended(chosen, _ENDS_WITHIN_S):
        raise KafkaNotUp("a node does not end, though it was killed")
    for node in chosen:
        forget_process(node)


def _ended(chosen: Sequence[Node], within_s: float) -> bool:
    end = time.monotonic() + within_s
    while any(node.process() is not None for node in chosen):
        if time.monotonic() > end:
            return False
        time.sleep(_LOOK_S)
    return True


def _new(count: int, *, tls: bool, settings: Mapping[str, str]) -> _Made:
    ports = _free_ports(2 * count)
    return _Made(
        cluster_id=_uuid(),
        tls=tls,
        settings=dict(settings),
        nodes=tuple(
            _NodeMade(id=index + 1, port=ports[2 * index], controller_port=ports[2 * index + 1], directory_id=_uuid())
            for index in range(count)
        ),
    )


def _uuid() -> str:
    """A random id in Kafka's spelling, which may not begin as an option of a command does."""
    while (spelt := b64u_encode(uuid4().bytes)).startswith("-"):
        pass
    return spelt


def _free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now."""
    free: list[int] = []
    for port in secrets.SystemRandom().sample(_PORTS, len(_PORTS)):
        with socket.socket() as tried:
            try:
                tried.bind((HOST, port))
            except OSError:
                continue
        free.append(port)
        if len(free) == count:
            return free
    raise KafkaNotUp("no port is free")


def _read(folder: Path) -> _Made:
    data = read_whole(folder / "cluster.json")
    if data is None:
        raise NoCluster(f"`{folder}` holds no cluster")
    try:
        return _Made.model_validate(json_decode(data))
    except (NotStrict, ValidationError) as error:
        raise FolderUnusable(f"`{folder / 'cluster.json'}` is not one of ours") from error


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One command at a time."""
    with (folder / "lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
