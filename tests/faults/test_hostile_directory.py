"""A desk reads the directory whole, and believes of it what the directory key signed and a checkpoint covers, in order.

Whoever changes an event, leaves one out or adds one is refused, and everything that would rest on it with it.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from broker.client.keys import load_desk_keys
from broker.directory import sign_event
from broker.directory.events import PolicyActivated
from broker.errors import OpeningRefused
from broker.ledger.checkpoint import Checkpoint, sign_note
from broker.ledger.merkle import leaf_hash, root_of
from broker.sealing.entropy import system_entropy
from broker.sealing.rejection import Reason
from schemas.strict import json_decode, json_encode
from tests.contracts.clock import MovedClock
from tests.faults.county import DIRECTORY_LOG, open_desk
from tests.faults.forged_items import US, World, live_in_a_world
from tests.faults.hostile_hub import HostileLink
from tests.faults.stored import directory_topic
from tests.personas import POLICE


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """What an ordinary day left."""
    return live_in_a_world(tmp_path_factory.mktemp("day") / "data")


def is_event(record: bytes) -> bool:
    return b'"directory"' in record[:20]


def covered(world: World, events: list[bytes]) -> bytes:
    """A checkpoint over these events, signed with the hub's real ledger key."""
    keys = world.operator.keys
    checkpoint = Checkpoint(DIRECTORY_LOG, len(events), root_of(leaf_hash(event) for event in events))
    return json_encode({"checkpoint": sign_note(checkpoint, keys.ledger, keys.sign_ledger).decode()})


def with_an_event_that_a_desk_signed(world: World, topic: list[bytes]) -> list[bytes]:
    keys = load_desk_keys(world.day / "desks" / POLICE.name / "keys.json", system_entropy)
    events = [record for record in topic if is_event(record)]
    event = PolicyActivated.of(n=len(events), at=MovedClock().now(), digest=f"sha256:{'0' * 64}")
    forged = sign_event(event, keys.signer)
    return [*topic, forged, covered(world, [*events, forged])]


def with_a_changed_event(world: World, topic: list[bytes]) -> list[bytes]:
    event = json_decode(topic[-2])
    changed = json_encode(event | {"directory": event["directory"][:-8] + "AAAAAAAA"})
    return [*topic[:-2], changed, topic[-1]]


def with_an_event_left_out(world: World, topic: list[bytes]) -> list[bytes]:
    return [*topic[:-4], *topic[-2:]]


def with_an_event_twice(world: World, topic: list[bytes]) -> list[bytes]:
    return [*topic[:-1], *topic[-2:]]


def with_two_events_in_another_order(world: World, topic: list[bytes]) -> list[bytes]:
    return [*topic[:-4], *topic[-2:], *topic[-4:-2]]


def with_a_checkpoint_of_another_tree(world: World, topic: list[bytes]) -> list[bytes]:
    events = [record for record in topic if is_event(record)]
    return [*topic[:-1], covered(world, [*events[:-1], b"another event"])]


def with_a_checkpoint_that_nobody_signed(world: World, topic: list[bytes]) -> list[bytes]:
    note = json_decode(topic[-1])["checkpoint"]
    return [*topic[:-1], json_encode({"checkpoint": note[:-10] + "AAAAAAAA=\n"})]


FORGED: list[tuple[Callable[[World, list[bytes]], list[bytes]], set[Reason]]] = [
    (with_an_event_that_a_desk_signed, {Reason.SIGNER}),
    (with_a_changed_event, {Reason.SIGNATURE}),
    (with_an_event_left_out, {Reason.FORK, Reason.REPLAY}),
    (with_an_event_twice, {Reason.STATE, Reason.REPLAY}),
    (with_two_events_in_another_order, {Reason.FORK, Reason.REPLAY}),
    (with_a_checkpoint_of_another_tree, {Reason.FORK}),
    (with_a_checkpoint_that_nobody_signed, {Reason.PROOF}),
]


@pytest.mark.parametrize(("forge", "reasons"), FORGED, ids=[forge.__name__ for forge, _ in FORGED])
def test_a_directory_that_was_tampered_with_is_not_believed(
    world: World, forge: Callable[[World, list[bytes]], list[bytes]], reasons: set[Reason], tmp_path: Path
) -> None:
    link = HostileLink(world.day, forge(world, directory_topic(world.day)), world.inboxes[US])

    async def hear() -> tuple[list[tuple[int, Reason]], int]:
        desk = open_desk(world.prepared(tmp_path, US), US, link, MovedClock())
        with pytest.raises(OpeningRefused, match=r"^refused$"):
            await desk.hear()
        incidents, letters = desk.store.incidents(), desk.store.letters()
        desk.close()
        return incidents, len(letters)

    noted, letters = asyncio.run(hear())

    assert {reason for _, reason in noted} <= reasons
    assert noted
    assert [is_event(link.events[number]) for number, _ in noted] == [False] * len(noted)  # the checkpoints' own
    assert letters == 0


@pytest.mark.parametrize(("forge", "reasons"), FORGED, ids=[forge.__name__ for forge, _ in FORGED])
def test_what_a_desk_has_read_of_the_directory_it_goes_on_believing(
    world: World, forge: Callable[[World, list[bytes]], list[bytes]], reasons: set[Reason], tmp_path: Path
) -> None:
    honest = directory_topic(world.day)
    link = HostileLink(world.day, honest, world.inboxes[US])

    async def hear() -> None:
        desk = open_desk(world.prepared(tmp_path, US), US, link, MovedClock())
        await desk.hear()
        known = desk.mailbox
        link.events = [*honest, *forge(world, honest)[len(honest) :], covered(world, [b"another history"])]
        with pytest.raises(OpeningRefused, match=r"^refused$"):
            await desk.hear()
        assert desk.mailbox == known
        assert len(desk.store.letters()) == len(world.items(US, "letter"))
        desk.close()

    asyncio.run(hear())
