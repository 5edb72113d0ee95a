"""A desk opens what the hub's ledger says is its own, and of everything else not one byte.

Against it stands whoever carries its inbox, and has no key. Every refusal looks the same from outside; which check
failed stands in the desk's own incident list, and is named here so that the test knows that it was this check and no
other. What an operator with the hub's own keys can try is in test_hostile_hub.py.
"""

import asyncio
import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from broker.client import Heard
from broker.client.keys import load_desk_keys
from broker.client.opening import OpenedKey, OpenedLetter, open_letter, open_package, open_receipt, prove
from broker.errors import OpeningRefused
from broker.sealing.entropy import system_entropy
from broker.sealing.letters import ITEM_BYTES_MAX, Item, ItemKind
from broker.sealing.packages import Receipt
from broker.sealing.rejection import Reason, Rejected
from schemas import DeskId
from schemas.strict import json_encode
from tests.contracts.clock import MovedClock
from tests.faults.canaries import canaries_under
from tests.faults.county import open_desk
from tests.faults.forged_items import FORGED, US, Parts, World, live_in_a_world
from tests.faults.hostile_hub import HostileLink, Listened, numbered
from tests.faults.stored import directory_of, directory_topic
from tests.faults.tampering import with_byte
from tests.personas import CANARIES, DESKS, PRESTON_HOUSING

SEED = 20260302


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """What an ordinary day left."""
    return live_in_a_world(tmp_path_factory.mktemp("day") / "data")


# --- the wrong desk ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("desk", [desk.name for desk in DESKS])
def test_every_item_of_every_other_inbox_opens_no_byte(world: World, desk: DeskId, tmp_path: Path) -> None:
    own = world.inboxes[desk]
    others = [item for other, items in world.inboxes.items() if other != desk for item in items]
    honest = world.listen(tmp_path / "honest", *own, desk=desk)

    wrong = world.listen(tmp_path / "wrong", *own, *others, desk=desk)

    assert honest.heard.refused == 0
    assert wrong.heard.refused == len(others) > 10
    assert wrong.letters == honest.letters
    assert set(wrong.reasons) == {Reason.ENTRY}
    assert names_in(wrong) == names_in(honest)


def test_a_desk_that_is_told_nothing_has_nobodys_name_in_its_files(world: World, tmp_path: Path) -> None:
    everything = [item for items in world.inboxes.values() for item in items]

    listened = world.listen(tmp_path, *everything, desk=PRESTON_HOUSING.name)

    assert listened.letters == []
    assert names_in(listened) == set()


def names_in(listened: Listened) -> set[str]:
    return {found.split(" in ")[0] for found in canaries_under(listened.folder, CANARIES)}


# --- a carrier without a key ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("forge", "reason"), FORGED, ids=[forge.__name__ for forge, _ in FORGED])
def test_an_item_that_was_tampered_with_opens_no_byte(
    world: World, forge: Callable[[World], Parts], reason: Reason, tmp_path: Path
) -> None:
    forged = json_encode(forge(world))

    alone = world.listen(tmp_path / "alone", world.package, forged)
    assert (alone.heard.letters, alone.heard.refused, alone.letters) == ([], 1, [])
    assert alone.reasons == [reason]
    assert names_in(alone) == set()

    before = world.listen(tmp_path / "before", world.package, forged, *world.inboxes[US][1:])
    assert before.heard.refused == 1  # and what is in order is heard all the same
    assert len(before.letters) == len(world.items(US, "letter"))


RAW = {
    "nothing": b"",
    "a null byte": b"\x00",
    "no JSON": b"{",
    "a list": b"[]",
    "another spelling of a member": b'{"Letter":{},"entry":"","proof":""}',
    "two letters": b'{"letter":{},"letter":{},"entry":"","proof":""}',
    "nested deeply": b'{"letter":' + b"[" * 5_000 + b"]" * 5_000 + b',"entry":"","proof":""}',
    "no UTF-8": b'{"letter":"\xff","entry":"","proof":""}',
    "half a character": b'{"letter":"\\ud800","entry":"","proof":""}',
    "too much": b'{"letter":"' + b"A" * ITEM_BYTES_MAX + b'","entry":"","proof":""}',
}


@pytest.mark.parametrize("name", RAW)
def test_what_is_no_item_is_refused(world: World, name: str, tmp_path: Path) -> None:
    listened = world.listen(tmp_path, world.package, RAW[name], *world.inboxes[US][1:])

    assert listened.reasons == [Reason.FORM]
    assert len(listened.letters) == len(world.items(US, "letter"))


def test_a_letter_that_comes_again_has_no_second_effect(world: World, tmp_path: Path) -> None:
    once = world.listen(tmp_path / "once", *world.inboxes[US])
    again = [json_encode(letter) for letter in world.items(US, "letter")]

    twice = world.listen(tmp_path / "twice", *world.inboxes[US], *again, *again)

    assert again
    assert twice.letters == once.letters
    assert twice.reasons == [Reason.REPLAY] * 2 * len(again)


def test_letters_that_come_in_another_order_are_not_all_believed(world: World, tmp_path: Path) -> None:
    """Their count goes back, and a desk cannot tell that from a replay."""
    onyx, quartz = json_encode(world.onyx), json_encode(world.quartz)

    listened = world.listen(tmp_path, world.package, quartz, onyx)

    assert [letter.id for letter in listened.letters] == [letter_id(world, world.quartz)]
    assert listened.reasons == [Reason.REPLAY]


def test_a_letter_before_its_key_is_refused(world: World, tmp_path: Path) -> None:
    assert world.listen(tmp_path, json_encode(world.onyx), world.package).reasons == [Reason.KEY]


# --- one error --------------------------------------------------------------------------------------------------------


def test_outside_every_refusal_is_the_same(world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    forged = [json_encode(forge(world)) for forge, _ in FORGED]

    listened = world.listen(tmp_path, world.package, *forged, *RAW.values())

    refused = [json.loads(record.message) for record in caplog.records if "item.refused" in record.message]
    assert listened.heard.refused == len(refused) == len(FORGED) + len(RAW)
    assert {tuple(line) for line in refused} == {("desk", "event", "item")}
    assert [line["item"] for line in refused] == list(range(1, 1 + len(refused)))
    assert len(set(listened.reasons)) > 8  # inside, the desk knows
    outside = caplog.text + repr(listened.heard)
    assert not [reason for reason in set(listened.reasons) - {"key"} if f'"{reason}"' in outside]


def test_what_a_caller_is_given_is_one_class_and_one_text(world: World, tmp_path: Path) -> None:
    forged = [json_encode(forge(world)) for forge, _ in FORGED]
    link = HostileLink(world.day, directory_topic(world.day), [world.package])
    seen = set()

    async def take_each() -> None:
        desk = open_desk(world.prepared(tmp_path, US), US, link, MovedClock())
        await desk.hear()
        for item in numbered([world.package, *forged, *RAW.values()])[1:]:
            with pytest.raises(OpeningRefused) as refused:
                desk._inbox.take(item, Heard())
            seen.add((type(refused.value), refused.value.args, refused.value.__cause__, repr(vars(refused.value))))
        desk.close()

    asyncio.run(take_each())

    assert seen == {(OpeningRefused, ("refused",), None, "{}")}


# --- every byte -------------------------------------------------------------------------------------------------------


class Opener:
    """Opens an item as the desk does, without its store."""

    def __init__(self, world: World) -> None:
        self._directory = directory_of(world.day)
        self._keys = load_desk_keys(world.day / "desks" / US / "keys.json", system_entropy)
        epoch = world.operator.epoch(US)
        self._epochs: dict[str, bytes] = {epoch.kid: epoch.secret}

    def open(self, data: bytes) -> OpenedLetter | OpenedKey | Receipt | None:
        """What is in it; None if it is refused. Nothing else may happen."""
        try:
            item = Item.from_bytes(data)
            proven = prove(item, self._directory)
            match item.kind:
                case ItemKind.LETTER:
                    return open_letter(item, proven, US, self._directory, self._epochs)
                case ItemKind.PACKAGE:
                    keys = self._keys
                    return open_package(item, proven, US, self._directory, keys.sealing, keys.sealing_kid)
                case ItemKind.RECEIPT:
                    return open_receipt(item, proven, US, self._directory)
        except Rejected:
            return None


@pytest.mark.parametrize("kind", ["letter", "package", "receipt"])
def test_an_item_with_any_byte_changed_or_its_end_missing_is_refused(world: World, kind: str) -> None:
    opener, chance = Opener(world), random.Random(SEED)
    item = json_encode(world.items(US, kind)[-1])
    assert opener.open(item) is not None

    masks = [(chance.randrange(1, 256), 1 << chance.randrange(8))[place % 2] for place in range(len(item))]
    changed = [with_byte(item, place, byte ^ masks[place]) for place, byte in enumerate(item)]
    shorter = [item[:end] for end in range(len(item))]

    assert [other for other in (*changed, *shorter) if opener.open(other) is not None] == []


def test_a_letter_with_any_byte_changed_leaves_nothing_in_the_desks_file(world: World, tmp_path: Path) -> None:
    chance = random.Random(SEED)
    item = json_encode(world.onyx)
    some = sorted(chance.sample(range(len(item)), 300))

    listened = world.listen(tmp_path, world.package, *(with_byte(item, place, item[place] ^ 1) for place in some))

    assert listened.heard.refused == len(some)
    assert listened.letters == []
    assert names_in(listened) == set()


def letter_id(world: World, parts: Parts) -> str:
    opened = Opener(world).open(json_encode(parts))
    assert isinstance(opened, OpenedLetter)
    return opened.head.id
