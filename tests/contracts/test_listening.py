"""The application of a desk on each engine: what is told is heard once, in order, whatever fails on the way."""

import asyncio
import signal
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import broker.client.store
from broker.client import Heard, OpenedLetter
from broker.client.inbox import Inbox
from broker.dev import KafkaCluster
from broker.errors import DeskBusy
from broker.listening.application import Batch, Hearing
from broker.listening.exchange import exchange
from broker.numbered import Numbered
from broker.sealing.rejection import Reason
from broker.telemetry import Span
from broker.transport.database import open_database
from schemas.strict import json_encode
from tests.contracts.clock import MovedClock
from tests.contracts.engine import story
from tests.contracts.inboxes import CARRIERS, LONGEST_S, Carrier, instead, told, until
from tests.faults.canaries import canaries_in
from tests.faults.county import ONYX, open_desk
from tests.faults.failing_disk import NAME, Failure, failing_disk
from tests.faults.listening import listening
from tests.personas import BLACKBURN_CHILDREN, CANARIES
from tests.processes import ROOT

NOTHING_OF_OURS = {
    b"": Reason.FORM,
    b"\xff\x00": Reason.FORM,
    b"{}": Reason.FORM,
    b'{"letter":{}}': Reason.FORM,
    b"[" * 5_000: Reason.FORM,
    b'{"entry":"","letter":{},"proof":""}': Reason.PROOF,
}


@pytest.fixture(params=CARRIERS)
def carrier(request: pytest.FixtureRequest) -> Carrier:
    """Each of them."""
    found: Carrier = request.getfixturevalue("kafka_cluster") if request.param == "kafka" else request.param
    return found


@story
async def test_what_is_told_is_heard_once_and_in_order(carrier: Carrier, tmp_path: Path) -> None:
    async with told(tmp_path, carrier) as here:
        await here.move(3)
        heard: list[OpenedLetter] = []
        async with here.hearing(lambda brought: heard.extend(brought.letters)):
            await until(lambda: len(here.letters()) == 3)
            await here.move(2)
            await until(lambda: len(here.letters()) == 5)
        await here.move()
        await here.hear_all()

        assert here.letters() == here.said
        assert [letter.head.id for letter in heard] == here.said[:5]
        assert here.children.store.incidents() == []


@story
async def test_what_cannot_be_read_is_an_incident_and_what_lies_around_it_is_heard(
    carrier: Carrier, tmp_path: Path
) -> None:
    async with told(tmp_path, carrier) as here:
        await here.move()
        await here.put(*NOTHING_OF_OURS)
        await here.move()
        await here.hear_all()

        assert here.letters() == here.said
        assert [reason for _, reason in here.children.store.incidents()] == list(NOTHING_OF_OURS.values())


@pytest.mark.parametrize("failure", [Failure.FULL, Failure.SYNC], ids=lambda failure: failure.value)
@story
async def test_a_disk_that_fails_in_the_middle_of_a_batch_loses_and_doubles_nothing(
    carrier: Carrier,
    failure: Failure,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO", "tellwise")
    with failing_disk(tmp_path / "desks" / BLACKBURN_CHILDREN.name) as disk, monkeypatch.context() as patch:
        patch.setattr(broker.client.store, "open_database", partial(open_database, vfs=NAME))
        async with told(tmp_path, carrier) as here:
            await here.move(4)
            take = Inbox.take

            def fails_at_the_third(inbox: Inbox, *arguments: Any) -> None:
                if len(here.letters()) == 2 and not failed:
                    failed.append(True)
                    disk.fail(failure)
                take(inbox, *arguments)

            failed: list[bool] = []
            heard: list[OpenedLetter] = []
            with instead(Inbox, "take", fails_at_the_third):
                async with here.hearing(lambda brought: heard.extend(brought.letters)):
                    await until(lambda: "store.failed" in caplog.text)
                    while_it_failed = len(here.letters())
                    disk.mend()
                    await until(lambda: len(here.letters()) == 4)

            assert while_it_failed == 2
            assert here.letters() == here.said
            assert [letter.head.id for letter in heard] == here.said
            assert here.children.store.incidents() == []


@story
async def test_a_fault_of_our_own_ends_the_application_with_nothing_lost_and_nothing_taken_after_it(
    carrier: Carrier, tmp_path: Path
) -> None:
    async with told(tmp_path, carrier) as here:
        await here.move(3)
        take = Inbox.take

        def breaks_at_the_second(inbox: Inbox, *arguments: Any) -> None:
            if len(here.letters()) == 1:
                raise ZeroDivisionError
            take(inbox, *arguments)

        with instead(Inbox, "take", breaks_at_the_second):
            async with here.hearing() as talking:
                await until(talking.done)
            with pytest.raises(ZeroDivisionError):
                await talking
        before = here.letters()
        await here.hear_all()

        assert before == here.said[:1]
        assert here.letters() == here.said
        assert here.children.store.incidents() == []


@story
async def test_nothing_is_taken_or_acknowledged_once_something_went_wrong(tmp_path: Path) -> None:
    async with told(tmp_path, "log") as here:
        await here.move(2)
        await here.children.meet()
        items = tuple(await here.tellwise.edge.inbox(here.mailbox, 0, 100, 0))
        acknowledged: list[bool] = []

        async def acknowledge() -> None:
            acknowledged.append(True)

        hearing = Hearing(here.children, lambda _: None)
        hearing.fail(ZeroDivisionError())
        with instead(Inbox, "receive", received_at_once):
            await hearing.take(Batch(items, acknowledge))

        assert here.letters() == []
        assert acknowledged == []
        assert here.children.inbox.place == 0


async def received_at_once(inbox: Inbox, items: Sequence[Numbered], heard: Heard) -> None:
    """As `Inbox.receive`, on a link that answers before anybody else has a turn."""
    for item in items:
        inbox.take(item, heard)


@story
async def test_a_desk_at_which_another_process_hears_is_told_so(carrier: Carrier, tmp_path: Path) -> None:
    async with told(tmp_path, carrier) as here:
        await here.move()
        other = open_desk(tmp_path, BLACKBURN_CHILDREN.name, here.tellwise.edge, MovedClock())
        await other.hear()
        try:
            with pytest.raises(DeskBusy):
                await exchange(here.children, lambda _: None, asyncio.Event(), here.way)
        finally:
            other.close()


@story
async def test_what_is_handed_over_again_is_not_heard_again(tmp_path: Path) -> None:
    async with told(tmp_path, "log") as here:
        await here.move(2)
        await here.children.meet()
        items = await here.tellwise.edge.inbox(here.mailbox, 0, 100, 0)
        await here.hear_all()

        heard = Heard()
        await here.children.inbox.receive(items, heard)
        await here.children.inbox.receive([items[-1]._replace(data=b"{}"), *items[:1]], heard)

        assert here.letters() == here.said
        assert (heard.letters, heard.refused, here.children.store.incidents()) == ([], 0, [])


@pytest.mark.parametrize("carrier", ["http", "kafka"], indirect=True)  # the hub's own process is no desk's to kill
@story
async def test_a_desk_that_is_killed_between_its_own_commit_and_the_acknowledgement_hears_everything_once(
    carrier: Carrier, tmp_path: Path
) -> None:
    async with told(tmp_path, carrier) as here:
        await here.move(3)
        here.children.close()
        kafka = [carrier.bootstrap] if isinstance(carrier, KafkaCluster) else []
        command = [sys.executable, "-m", "tests.faults.killed_before_it_acknowledges", tmp_path, here.url, *kafka]

        async with asyncio.timeout(LONGEST_S):
            process = await asyncio.create_subprocess_exec(*map(str, command), cwd=ROOT)
            ended = await process.wait()
        here.children = open_desk(tmp_path, BLACKBURN_CHILDREN.name, here.tellwise.edge, MovedClock())
        when_killed = here.letters()
        await here.move(2)
        await here.hear_all()
        letters, incidents = here.letters(), here.children.store.incidents()
        here.children.close()

        assert ended == -signal.SIGKILL
        assert when_killed == here.said[: len(when_killed)]
        assert letters == here.said
        assert incidents == []


@story
async def test_no_log_span_or_metric_names_who_is_spoken_of_or_a_mailbox(carrier: Carrier, tmp_path: Path) -> None:
    with listening() as watched:
        async with told(tmp_path, carrier) as here:
            asyncio.get_running_loop().set_debug(True)  # asyncio says whom it ran, and for how long
            await here.move(2)
            await here.put(*NOTHING_OF_OURS, json_encode({"letter": {"about": ONYX.family}}))
            await here.move()
            await here.hear_all()
            mailbox = here.mailbox

        spans = [span for span in watched.exported.spans if span.name == Span.INBOX_HEAR]
        assert canaries_in(watched.in_log(), [*CANARIES, mailbox]) == []
        assert canaries_in(watched.in_spans(), [*CANARIES, mailbox, BLACKBURN_CHILDREN.name]) == []
        assert canaries_in(watched.in_metrics(), [*CANARIES, mailbox, BLACKBURN_CHILDREN.name]) == []
        assert sum(int(str((span.attributes or {})["letters"])) for span in spans) == 3
        assert {span.name for span in watched.exported.spans} <= set(Span)
        assert watched.measured("incident.noted") == len(NOTHING_OF_OURS) + 1
