"""An operator provisions a Kafka: before the hub ever ran, after its desks were registered, and when one is gone."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from broker.app import running
from broker.clock import SystemClock
from broker.dev import ADMIN, KafkaCluster
from broker.kafka.administration import administered
from broker.kafka.layout import DeskOnKafka
from broker.kafka.rights import desk_rights, hub_rights, principal
from broker.topics import DIRECTORY, INPUT, LEDGER, QUARANTINE, changelog, inbox, outbox
from schemas import DeskId, Mailbox
from tests.contracts.kafka_clients import run
from tests.faults.county import HUB as HUB_NAME
from tests.kafka.stories import HUB, NAMES, as_admin, as_somebody, laid_bare, producing
from tests.personas import DESKS
from tests.processes import tellwise

HUBS_OWN = {INPUT, changelog(INPUT), LEDGER, DIRECTORY, QUARANTINE}
WRITER, READER, GONE = DESKS[:3]


def test_an_operator_provisions_a_kafka_before_the_first_run_and_with_each_desk(
    kafka_with_rights: KafkaCluster, tmp_path: Path
) -> None:
    settings = settled(tmp_path, kafka_with_rights)
    run(lambda: bare(kafka_with_rights))

    before = provision(settings, kafka_with_rights, "--plan", expect=1)
    first = provision(settings, kafka_with_rights, "--apply", expect=1)
    again = provision(settings, kafka_with_rights, "--apply", expect=1)
    mailboxes = run(lambda: desks_come_and_one_goes(tmp_path / "data", kafka_with_rights))
    writer, reader, gone = (mailboxes[desk.name] for desk in (WRITER, READER, GONE))
    planned = provision(settings, kafka_with_rights, "--plan", expect=1)
    applied = provision(settings, kafka_with_rights, "--apply")
    settled_now = provision(settings, kafka_with_rights, "--plan")

    not_there = [f"desk `{WRITER.name}` should write to Kafka itself, and is not in the directory"]
    assert made(before) == made(first) == HUBS_OWN
    assert len(first["give"]) == len(hub_rights(HUB, NAMES))
    assert first["by_hand"] == again["by_hand"] == not_there
    assert again["changes"] == 0
    assert planned == applied | {"done": False}
    assert made(applied) == {inbox(writer), outbox(writer), changelog(outbox(writer)), inbox(reader)}
    assert {right["principal"] for right in applied["give"]} == {principal(writer), principal(reader)}
    assert [right["principal"] for right in applied["take"]] == [principal(gone)]
    assert settled_now["changes"] == 0


def test_a_directory_that_another_key_signed_is_refused(kafka_with_rights: KafkaCluster, tmp_path: Path) -> None:
    settings = settled(tmp_path, kafka_with_rights)
    run(lambda: bare(kafka_with_rights))
    provision(settings, kafka_with_rights, "--apply", expect=1)
    run(lambda: desks_come_and_one_goes(tmp_path / "another", kafka_with_rights))

    without_trust = refused(settings, kafka_with_rights)
    run(lambda: a_hub_has_run(tmp_path / "data"))
    with_another = refused(settings, kafka_with_rights)

    assert "no trust file" in without_trust
    assert "holds what its key did not sign" in with_another


def test_a_person_reads_a_line_a_change_and_a_sum(kafka_with_rights: KafkaCluster, tmp_path: Path) -> None:
    settings = settled(tmp_path, kafka_with_rights)
    run(lambda: bare(kafka_with_rights))

    told = tellwise(*command(settings, kafka_with_rights), "--plan", cwd=tmp_path, expect=1).stdout.splitlines()

    changes = len(HUBS_OWN) + len(hub_rights(HUB, NAMES))
    assert f"make     topic `{INPUT}`: partitions 1, copies 1" in told
    assert "give     Write on transactional ids that begin with `hub.` for `User:hub`" in told
    assert told[-1] == f"{changes} changes to make; 1 left to a person"
    assert len(told) == changes + 2


def test_what_cannot_be_done_is_told_with_its_next_step(kafka_with_rights: KafkaCluster, tmp_path: Path) -> None:
    settings = settled(tmp_path, kafka_with_rights)
    run(lambda: bare(kafka_with_rights))
    (tmp_path / "without.toml").write_text('hub = "hub.example"\n')

    careful = tellwise("kafka", "provision", "--config", settings, "--plan", cwd=tmp_path, expect=2).stderr
    hubs_own = ("kafka", "provision", "--config", settings, "--apply", "--allow-unsafe-topics")
    powerless = tellwise(*hubs_own, cwd=tmp_path, expect=2).stderr
    without = tellwise("kafka", "provision", "--config", "without.toml", "--plan", cwd=tmp_path, expect=2).stderr
    halved = tellwise(*hubs_own, "--certificate", "x.pem", cwd=tmp_path, expect=2).stderr

    assert "1 node is at work, and there must be 3" in careful
    assert "--allow-unsafe-topics" in careful
    assert "the rights: " in powerless
    assert "Use a certificate that may do it" in powerless
    assert "`kafka` is missing" in without
    assert "certificate without private_key" in halved
    assert {text.count("\n") for text in (careful, powerless, without, halved)} == {2}


def settled(folder: Path, cluster: KafkaCluster) -> Path:
    """A hub's settings, with its own certificate for the Kafka."""
    hub = cluster.client(HUB)
    path = folder / "tellwise.toml"
    path.write_text(
        f'hub = "{HUB_NAME}"\n[kafka]\nlanes = 1\nbootstrap = "{cluster.bootstrap}"\n'
        f'certificate = "{hub.certificate}"\nprivate_key = "{hub.key}"\nauthorities = "{hub.ca}"\n'
        f'writing_desks = ["{WRITER.name}"]\n'
    )
    return path


def command(settings: Path, cluster: KafkaCluster) -> Sequence[object]:
    """As the operator gives it, with an administrator's certificate."""
    admin = cluster.client(ADMIN)
    ours = ("--certificate", admin.certificate, "--private-key", admin.key)
    return ("kafka", "provision", "--config", settings, *ours, "--allow-unsafe-topics")


def provision(settings: Path, cluster: KafkaCluster, what: str, *, expect: int = 0) -> dict[str, Any]:
    """What the command says to a program."""
    told = tellwise(*command(settings, cluster), what, "--json", cwd=settings.parent, expect=expect).stdout
    answer: dict[str, Any] = json.loads(told)
    return answer


def refused(settings: Path, cluster: KafkaCluster) -> str:
    return tellwise(*command(settings, cluster), "--apply", cwd=settings.parent, expect=2).stderr


def made(answer: dict[str, Any]) -> set[str]:
    return {topic["name"] for topic in answer["make"]}


async def bare(cluster: KafkaCluster) -> None:
    async with laid_bare(cluster):
        pass


async def a_hub_has_run(data: Path) -> None:
    async with running(data, HUB_NAME, demo=True, clock=SystemClock()):
        pass


async def desks_come_and_one_goes(data: Path, cluster: KafkaCluster) -> dict[DeskId, Mailbox]:
    """A hub's directory stands in its topic: three desks, of which one had rights and is revoked."""
    async with running(data, HUB_NAME, demo=True, clock=SystemClock()) as hub:
        for desk in (WRITER, READER, GONE):
            await hub.register(
                desk.name, agency=desk.agency, desk_type=desk.desk_type, patch=desk.patch, signed=desk.signed
            )
        mailboxes = {desk.id: desk.mailbox for desk in hub.directory.desks.values()}
        await hub.registrar.revoke(GONE.name)
        records = await hub.transport.read(DIRECTORY, 0, 1_000, 0)
    async with producing(as_somebody(cluster, HUB)) as ours:
        for record in records:
            await ours.send_and_wait(DIRECTORY, record.value, partition=0)
    left_over = sorted(desk_rights(DeskOnKafka(mailboxes[GONE.name]), NAMES))
    async with administered(as_admin(cluster)) as admin:
        await admin.give(left_over[:1])
    return mailboxes
