"""Three nodes of Kafka and two hubs on them, as processes that can be killed, stopped and woken; and the county's desks
in the same folder."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from broker.app import running
from broker.clock import SystemClock
from broker.dev import KafkaCluster
from broker.errors import KafkaNotUp
from broker.kafka.connection import Connection
from broker.kafka.engine import on_kafka
from broker.kafka.layout import LANES
from broker.kafka.needs import Needs
from broker.kafka.provisioning import apply
from broker.settings import Retention
from tests.faults.county import HUB
from tests.personas import DESKS
from tests.processes import ROOT, environment, free_port, until

HUBS = 2
_LINES = 15
"""Of each node's log, if one does not start."""
_SETTINGS = """
hub = "{hub}"
[http]
requests_per_s = 5000
requests_burst = 5000
[kafka]
bootstrap = "{bootstrap}"
"""


@dataclass
class HubProcess:
    """One of the hubs, and where it listens in all of its lives."""

    folder: Path
    number: int
    planted: str = ""
    port: int = field(default_factory=free_port)
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        """Where desks reach it."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        """All that it said in all of its lives."""
        return self.folder / f"hub-{self.number}.log"

    def start(self) -> None:
        """Start it. It is not ready yet."""
        planted = ["--planted", self.planted] if self.planted else []
        how = ["--engine", "kafka", "--demo", "--json", "--port", str(self.port)]
        command = [sys.executable, "-m", "tests.soak.kafka_hub", str(self.folder), *planted, "--", "run"]
        with self.log.open("ab") as told:
            self.process = subprocess.Popen(
                [*command, "--config", str(self.folder / "tellwise.toml"), *how],
                cwd=ROOT,
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=told,
                stderr=subprocess.STDOUT,
            )

    def is_dead(self) -> bool:
        """Whether it has ended, or never began."""
        return self.process is None or self.process.poll() is not None

    def is_stopped(self) -> bool:
        """Whether it sleeps: it was sent SIGSTOP."""
        if self.process is None:
            return False
        with suppress(OSError):
            return b"\nState:\tT" in Path(f"/proc/{self.process.pid}/status").read_bytes()
        return False

    def send(self, number: signal.Signals) -> None:
        """Send it a signal, if it lives."""
        if self.process is not None and self.process.poll() is None:
            os.kill(self.process.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self.send(signal.SIGKILL)
        if self.process is not None:
            self.process.wait()

    def stop(self, longest_s: float = 60) -> None:
        """Let it finish, and wait for its end.

        Raises:
            AssertionError: it does not end.
        """
        self.send(signal.SIGTERM)
        until(self.is_dead, longest_s)


@dataclass
class KafkaWorld:
    """All of it. Use `kafka_world`."""

    folder: Path
    cluster: KafkaCluster
    hubs: list[HubProcess]

    @property
    def data(self) -> Path:
        """The hubs' data folder."""
        return self.folder / "data"

    @property
    def connection(self) -> Connection:
        """How the cluster is reached."""
        return Connection(self.cluster.bootstrap)

    def arm(self, phase: str, number: signal.Signals) -> None:
        """Let whoever owns the lane be sent a signal in this phase of its next turn."""
        for met in self.folder.glob("met-*"):
            met.unlink()
        new = self.folder / "arming"
        new.write_text(f"{phase}:{number.name}", encoding="ascii")
        new.rename(self.folder / "armed")

    def met(self) -> HubProcess | None:
        """Whoever was sent it."""
        numbers = {int(path.name.removeprefix("met-")) for path in self.folder.glob("met-*")}
        return next((hub for hub in self.hubs if hub.process is not None and hub.process.pid in numbers), None)


async def found(world: KafkaWorld) -> None:
    """Make the topics, enter the hub in its directory, and register the desks."""
    needs = Needs(desks=(), retention=Retention(), principal="hub", lanes=LANES)
    _, left = await apply(world.connection, needs)
    assert not left.changes, left
    opened = on_kafka(world.connection, Retention(), allow_unsafe_topics=False, lanes=LANES)
    async with running(world.data, HUB, demo=True, clock=SystemClock(), engine=opened) as tellwise:
        for desk in DESKS:
            await tellwise.register(
                desk.name, agency=desk.agency, desk_type=desk.desk_type, patch=desk.patch, signed=desk.signed
            )


@contextmanager
def kafka_world(folder: Path, *, nodes: int = 3, planted: str = "") -> Iterator[KafkaWorld]:
    """Three nodes, and hubs that are not started; all of them are ended with the block."""
    cluster = KafkaCluster.up(folder / "kafka", nodes=nodes)
    world = KafkaWorld(folder, cluster, [HubProcess(folder, number, planted) for number in range(HUBS)])
    (folder / "tellwise.toml").write_text(_SETTINGS.format(hub=HUB, bootstrap=cluster.bootstrap), encoding="utf-8")
    try:
        yield world
    except KafkaNotUp as error:  # what it says is gone with the folder
        said = ("\n".join(node.log.read_text(errors="replace").splitlines()[-_LINES:]) for node in cluster.nodes)
        raise KafkaNotUp("\n".join([str(error), *said])) from error
    finally:
        for hub in world.hubs:
            hub.kill()
        cluster.down(remove=True)
