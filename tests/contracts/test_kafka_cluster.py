"""`tellwise dev kafka` starts a real Kafka, and says truly what is up, what is down, and why it could not be done."""

import asyncio
import json
import os
import pty
import shutil
import ssl
import stat
import subprocess
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaConnectionError, TopicAuthorizationFailedError

from broker.dev import ADMIN, KafkaCluster, State
from broker.dev.jars import PINNED, VERSION, jars
from broker.errors import FolderUnusable, KafkaNotFetched, KafkaNotUp, NoCluster, NotRegistered, ToolMissing
from tests.conftest import MISSED_SOON
from tests.contracts.kafka_clients import committed, owner, reached, run, send, topic
from tests.processes import TELLWISE, environment, tellwise

LANE = "hub.lane.0"
MAILBOX = "mQ3_-abcDEFghijklmnopQ"
NOTICED_SOON = {
    **MISSED_SOON,
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "500",
}


def test_a_cluster_is_seen_to_die_and_comes_up_again_as_what_it_was(
    kafka_cluster: KafkaCluster, tmp_path: Path
) -> None:
    folder = tmp_path / "cluster"  # the shared one is only asked for so that this is skipped where it is
    cluster = KafkaCluster.up(folder, tls=True, settings=NOTICED_SOON)
    try:
        up = json.loads(tellwise("dev", "kafka", "status", "--folder", folder, "--json", cwd=tmp_path).stdout)
        inbox = run(lambda: killed_in_a_transaction(cluster))
        killed = tellwise("dev", "kafka", "status", "--folder", folder, "--json", cwd=tmp_path, expect=1)
        tellwise("dev", "kafka", "up", "--folder", folder, cwd=tmp_path)
        read = run(lambda: taken_over(cluster, inbox))
        refused = run(lambda: refusals(cluster, inbox.topic))
        tellwise("dev", "kafka", "down", "--folder", folder, cwd=tmp_path)
        down = KafkaCluster(folder).status()
    finally:
        cluster.down(remove=True)

    assert (up["serves"], up["bootstrap"]) == (True, cluster.bootstrap)
    assert [node["state"] for node in up["nodes"]] == ["serves"]
    assert [(node["state"], node["process"]) for node in json.loads(killed.stdout)["nodes"]] == [("down", None)]
    assert read == [b"before", b"after"]  # a Kafka with KAFKA-20734 may put `never` between them
    assert refused == [None, TopicAuthorizationFailedError, KafkaConnectionError]
    assert [node.state for node in down.nodes] == [State.DOWN]
    with pytest.raises(NoCluster):
        KafkaCluster(folder)


def test_what_is_up_already_is_left_as_it_is(kafka_cluster: KafkaCluster) -> None:
    before = kafka_cluster.status()

    again = KafkaCluster.up(kafka_cluster.folder)

    assert again.status() == before
    assert before.serves


def test_a_folder_holds_one_cluster_and_never_becomes_another(kafka_cluster: KafkaCluster) -> None:
    with pytest.raises(KafkaNotUp, match="made otherwise: 1 node without TLS"):
        KafkaCluster.up(kafka_cluster.folder, nodes=3)
    with pytest.raises(KafkaNotUp, match="made otherwise"):
        KafkaCluster.up(kafka_cluster.folder, tls=True)
    with pytest.raises(NoCluster, match="asks for no certificates"):
        kafka_cluster.client(MAILBOX)


def test_a_node_that_cannot_start_is_named_with_its_log_and_nothing_stays_behind(
    kafka_cluster: KafkaCluster, tmp_path: Path
) -> None:
    with pytest.raises(KafkaNotUp, match=r"node 1 .*node\.log`"):
        KafkaCluster.up(tmp_path / "cluster", settings={"log.segment.bytes": "a lot"})

    assert [node.state for node in KafkaCluster(tmp_path / "cluster").status().nodes] == [State.DOWN]


def test_a_jar_that_is_not_the_one_that_is_pinned_is_not_run(kafka_cluster: KafkaCluster, tmp_path: Path) -> None:
    whole = jars().files
    cache = tmp_path / whole[0].parent.name
    cache.mkdir()
    for jar in whole:
        (cache / jar.name).symlink_to(jar)
    (cache / whole[0].name).unlink()
    shutil.copy(whole[1], cache / whole[0].name)

    with pytest.raises(KafkaNotFetched, match=f"`{whole[0].name}` in .* is not the file that is pinned"):
        jars(tmp_path)


def test_a_missing_or_old_java_is_named_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolMissing, match="Java is missing") as missing:
        KafkaCluster.up(tmp_path / "cluster")
    program(tmp_path / "java", "echo 'openjdk version \"11.0.2\" 2019-01-15' >&2")
    with pytest.raises(ToolMissing, match="is 11, and Kafka needs Java 17"):
        KafkaCluster.up(tmp_path / "cluster")

    assert "Install Java 17" in missing.value.next_step
    assert not (tmp_path / "cluster").exists()


def test_a_fetch_that_fails_says_where_maven_said_why_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "programs"))
    (tmp_path / "programs").mkdir()
    with pytest.raises(ToolMissing, match="Maven is missing"):
        jars(tmp_path / "cache")
    program(tmp_path / "programs" / "mvn", "echo 'no repository answers'; exit 1")
    told: list[tuple[int, int]] = []

    with pytest.raises(KafkaNotFetched, match=r"maven\.log`"):
        jars(tmp_path / "cache", said=lambda done, of: told.append((done, of)))

    assert sorted(path.name for path in (tmp_path / "cache").iterdir()) == ["fetching.lock", "maven.log"]
    assert (tmp_path / "cache" / "maven.log").read_text() == "no repository answers\n"
    assert told == [(0, len(PINNED))]


@pytest.mark.parametrize("name", ["josé", "one,two", "back\\slash"])
def test_a_folder_that_kafka_would_misread_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(FolderUnusable, match="is not plain"):
        KafkaCluster.up(tmp_path / name)

    assert not (tmp_path / name).exists()


@pytest.mark.parametrize(
    ("terminal", "begins"),
    [(True, f"fetching Kafka {VERSION} [{'.' * 30}] 0/{len(PINNED)}"), (False, f"0 of {len(PINNED)} files")],
)
def test_a_download_shows_a_bar_on_a_terminal_and_plain_lines_elsewhere(
    terminal: bool, begins: str, kafka_cluster: KafkaCluster, tmp_path: Path
) -> None:
    program(tmp_path / "mvn", "exit 1")
    ours, theirs = pty.openpty() if terminal else os.pipe()

    process = subprocess.run(
        [*TELLWISE, "dev", "kafka", "up", "--folder", str(tmp_path / "cluster")],
        env=environment() | {"PATH": f"{tmp_path}:{os.environ['PATH']}", "XDG_CACHE_HOME": str(tmp_path / "cache")},
        stderr=theirs,
        check=False,
    )
    os.close(theirs)
    said = os.read(ours, 4096).decode()
    os.close(ours)

    assert process.returncode == 2
    assert begins in said


@pytest.mark.parametrize(
    "name", ["", "broker-1", "Broker-9", "Hub-Admin", "hub-admin-2", "a,CN=hub-admin", "../ca", "a" * 65]
)
def test_no_client_is_called_as_those_are_who_may_do_everything(name: str, tmp_path: Path) -> None:
    from broker.dev.certificates import client_files, make_authority

    make_authority(tmp_path)

    with pytest.raises(NotRegistered):
        client_files(tmp_path, name)


def test_keys_are_for_their_owner_alone(tmp_path: Path) -> None:
    from broker.dev.certificates import client_files, make_authority, node_pem

    make_authority(tmp_path / "tls")
    client_files(tmp_path / "tls", MAILBOX)
    node_pem(tmp_path / "tls", 1)

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "tls").iterdir()}

    assert set(modes.values()) == {0o600}
    assert stat.S_IMODE((tmp_path / "tls").stat().st_mode) == 0o700


def program(path: Path, does: str) -> None:
    """Make a program of *does*, in the shell's words."""
    path.write_text(f"#!/bin/sh\n{does}\n")
    path.chmod(0o755)


async def killed_in_a_transaction(cluster: KafkaCluster) -> TopicPartition:
    """Kill the node while a transaction is open that has timed out when it is there again."""
    inbox = await topic(cluster, "inbox")
    async with owner(cluster, LANE, timeout_ms=1_000) as lane:
        async with lane.transaction():
            await send(lane, inbox, b"before")
        await lane.begin_transaction()
        await send(lane, inbox, b"never")
        await asyncio.to_thread(cluster.kill, 1)
    return inbox


async def taken_over(cluster: KafkaCluster, inbox: TopicPartition) -> list[bytes]:
    """What is committed once somebody else has the lane and has said something."""
    async with owner(cluster, LANE) as lane, lane.transaction():
        await send(lane, inbox, b"after")
    return await committed(cluster, inbox)


async def refusals(cluster: KafkaCluster, name: str) -> list[type[BaseException] | None]:
    """How a write is refused to the one who may do everything, to a mailbox that was given nothing, and to nobody."""
    nobody = ssl.create_default_context(cafile=cluster.client(ADMIN).ca)
    known = [cluster.client(client).context() for client in (ADMIN, MAILBOX)]
    return [await refusal(cluster, name, context) for context in (*known, nobody)]


async def refusal(cluster: KafkaCluster, name: str, context: ssl.SSLContext) -> type[BaseException] | None:
    producer = AIOKafkaProducer(**reached(cluster) | {"ssl_context": context}, request_timeout_ms=3_000)
    try:
        await producer.start()
        await producer.send_and_wait(name, b"sealed")
    except (KafkaConnectionError, TopicAuthorizationFailedError) as refused:
        return type(refused)
    finally:
        await producer.stop()
    return None
