"""`tellwise dev kafka` starts a real Kafka, and says truly what is up, what is down, and why it could not be done."""

import json
import shutil
import ssl
import stat
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaConnectionError, TopicAuthorizationFailedError

from broker.dev import ADMIN, KafkaCluster, State
from broker.dev.jars import jars
from broker.errors import KafkaNotFetched, KafkaNotUp, NoCluster, NotRegistered, ToolMissing
from tests.contracts.kafka_clients import run
from tests.processes import tellwise

MAILBOX = "mQ3_-abcDEFghijklmnopQ"
QUICKLY_MISSED = {"broker.session.timeout.ms": "3000", "broker.heartbeat.interval.ms": "500"}
"""With Kafka's own 9 s a node that was killed may join again only after that."""


def test_a_cluster_comes_up_is_seen_to_die_and_comes_up_again_as_what_it_was(
    kafka_cluster: KafkaCluster, tmp_path: Path
) -> None:
    folder = tmp_path / "cluster"  # the shared one is only asked for what it skips for
    cluster = KafkaCluster.up(folder, tls=True, settings=QUICKLY_MISSED)
    try:
        up = json.loads(tellwise("dev", "kafka", "status", "--folder", folder, "--json", cwd=tmp_path).stdout)
        run(lambda: make_topic(cluster, "inbox.of-a-desk"))
        cluster.kill(1)
        killed = json.loads(
            tellwise("dev", "kafka", "status", "--folder", folder, "--json", cwd=tmp_path, expect=1).stdout
        )
        tellwise("dev", "kafka", "up", "--folder", folder, cwd=tmp_path)
        topics = run(lambda: topics_of(cluster))
        refused = run(lambda: refusals(cluster))
        tellwise("dev", "kafka", "down", "--folder", folder, cwd=tmp_path)
        down = KafkaCluster(folder).status()
        cluster.down(remove=True)
    finally:
        if folder.exists():
            cluster.down(remove=True)

    assert up["serves"]
    assert up["bootstrap"] == cluster.bootstrap
    assert [node["state"] for node in up["nodes"]] == ["serves"]
    assert [(node["state"], node["process"]) for node in killed["nodes"]] == [("down", None)]
    assert topics == ["inbox.of-a-desk"]
    assert refused == [None, TopicAuthorizationFailedError, KafkaConnectionError]
    assert [node.state for node in down.nodes] == [State.DOWN]
    assert not folder.exists()
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
    assert told == [(0, 45)]


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


async def refusals(cluster: KafkaCluster) -> list[type[BaseException] | None]:
    """How a write is refused to the one who may do everything, to a mailbox that was given nothing, and to nobody."""
    nobody = ssl.create_default_context(cafile=cluster.client(ADMIN).ca)
    known = [cluster.client(name).context() for name in (ADMIN, MAILBOX)]
    return [await refusal(cluster, context) for context in (*known, nobody)]


async def refusal(cluster: KafkaCluster, context: ssl.SSLContext) -> type[BaseException] | None:
    """How a write is refused, if it is."""
    producer = AIOKafkaProducer(
        bootstrap_servers=cluster.bootstrap, security_protocol="SSL", ssl_context=context, request_timeout_ms=3_000
    )
    try:
        await producer.start()
        await producer.send_and_wait("inbox.of-a-desk", b"sealed")
    except (KafkaConnectionError, TopicAuthorizationFailedError) as refused:
        return type(refused)
    finally:
        await producer.stop()
    return None


async def make_topic(cluster: KafkaCluster, name: str) -> None:
    """Make one, as the one who may."""
    admin = AIOKafkaAdminClient(
        bootstrap_servers=cluster.bootstrap, security_protocol="SSL", ssl_context=cluster.client(ADMIN).context()
    )
    await admin.start()
    answer = await admin.create_topics([NewTopic(name, 1, 1)])
    await admin.close()
    assert answer.topic_errors[0][1] == 0


async def topics_of(cluster: KafkaCluster) -> list[str]:
    """The topics that there are."""
    admin = AIOKafkaAdminClient(
        bootstrap_servers=cluster.bootstrap, security_protocol="SSL", ssl_context=cluster.client(ADMIN).context()
    )
    await admin.start()
    names = await admin.list_topics()
    await admin.close()
    return sorted(name for name in names if not name.startswith("__"))
