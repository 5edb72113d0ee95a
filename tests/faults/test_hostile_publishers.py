"""Who brings something to the door that is not in order is told one word, or nothing, and nobody else is told at all.

Each attempt comes in one turn with a notification that is in order, which is delivered all the same. Why it was refused
stands in the ledger's sealed detail, which the tests open with the hub's key, and in nothing that a publisher can see.
"""

import random
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from broker.client import Sending
from broker.ledger.entries import Acknowledgement, Collection, Refusal, Repeat
from broker.sealing.rejection import Reason, Rejected
from schemas import DeskId
from schemas.kinds.letter import LetterAcknowledged
from schemas.strict import b64u_encode, json_decode, json_encode
from tests.contracts.engine import story
from tests.faults.checker import check
from tests.faults.county import BASALT, HUB, ONYX, QUARTZ, control, moved
from tests.faults.door import Door, live_an_evening, morning_after
from tests.faults.hostile_bytes import UNSIGNED, Bring
from tests.faults.hostile_words import SIGNED, By, a_move, by_police
from tests.faults.tampering import with_byte
from tests.personas import (
    BLACKBURN,
    BLACKBURN_CHILDREN,
    CANARIES,
    LANCASHIRE_CHILDREN,
    POLICE,
    PRESTON,
    PRESTON_HOUSING,
    PROBATION,
)

SEED = 20260302
TOLD_OF_THE_GOOD_ONE = {PROBATION.name, BLACKBURN_CHILDREN.name, LANCASHIRE_CHILDREN.name}


@pytest.fixture(scope="module")
def evening(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the evening before."""
    return live_an_evening(tmp_path_factory.mktemp("evening") / "data")


@pytest.fixture
def folder(evening: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    shutil.copytree(evening, tmp_path / "data")
    return tmp_path / "data"


def refusal_of(door: Door, raw: bytes) -> tuple[Refusal, str]:
    """The line of what was refused, and the reason in its sealed detail."""
    stored = door.stored()
    digest = b64u_encode(sha256(raw).digest())
    ((index, entry),) = [
        (index, entry)
        for index, (_, entry) in stored.entries.items()
        if isinstance(entry, Refusal) and entry.raw == digest
    ]
    good = [index for index, (_, other) in stored.entries.items() if isinstance(other, Collection)][-1]
    assert index // 16 == good // 16, "not in one turn with the notification that is in order"
    return entry, stored.reason(index) or ""


def answer(desk: DeskId, notification: str, outcome: str) -> dict[str, Any]:
    """All that a publisher is ever told."""
    return {"v": 1, "hub": HUB, "to": desk, "id": notification, "outcome": outcome}


def told_of(good: str) -> dict[DeskId, list[str]]:
    """The letters that the notification in order leads to, and no other."""
    return {desk: [good] for desk in TOLD_OF_THE_GOOD_ONE}


def is_whole(door: Door) -> bool:
    return check(door.folder, canaries=CANARIES, settled=False) == []


@pytest.mark.parametrize(("bring", "reasons"), UNSIGNED, ids=[bring.__name__ for bring, _ in UNSIGNED])
@story
async def test_what_nobody_signed_is_refused_in_silence(bring: Bring, reasons: set[Reason], folder: Path) -> None:
    async with morning_after(folder) as door:
        raw, (good, in_order) = bring(door), door.good()
        seen = await door.put(raw, in_order)

        entry, reason = refusal_of(door, raw)
        assert reason in reasons
        assert (entry.actor, entry.id) == (None, None)
        assert seen.letters == told_of(good)
        assert seen.receipts == {POLICE.name: [answer(POLICE.name, good, "accepted")]}
        assert is_whole(door)


@pytest.mark.parametrize(("bring", "reasons"), SIGNED, ids=[bring.__name__ for bring, _ in SIGNED])
@story
async def test_what_a_desk_may_not_say_is_refused_with_one_word(
    bring: Callable[[Door], By], reasons: set[Reason], folder: Path
) -> None:
    async with morning_after(folder) as door:
        who, said = bring(door)
        members = said if isinstance(said, dict) else door.sealed(who, said)
        raw, (good, in_order) = json_encode(members), door.good()
        seen = await door.put(raw, in_order)

        entry, reason = refusal_of(door, raw)
        assert reason in reasons
        assert entry.actor == who
        assert reason not in entry.to_bytes().decode()
        assert seen.receipts.pop(POLICE.name)[-1] == answer(POLICE.name, good, "accepted")
        assert who == POLICE.name or seen.receipts == {who: [answer(who, str(entry.id), "refused")]}
        assert seen.letters == told_of(good)
        assert is_whole(door)


# --- once, and not twice ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [0, 119, 120])
@story
async def test_a_clock_that_is_two_minutes_ahead_is_forgiven(seconds: int, folder: Path) -> None:
    async with morning_after(folder) as door:
        said = a_move(door)
        seen = await door.put(by_police(door, replace(said, said_at=said.said_at + timedelta(seconds=seconds))))

        assert seen.receipts == {POLICE.name: [answer(POLICE.name, said.id, "accepted")]}


@story
async def test_the_same_bytes_again_have_one_effect_and_the_same_answer(folder: Path) -> None:
    async with morning_after(folder) as door:
        good, in_order = door.good()
        who, said = SIGNED[4][0](door)
        assert not isinstance(said, dict)
        refused = json_encode(door.sealed(who, said))

        at_once = await door.put(in_order, in_order, refused, refused)
        later = await door.put(in_order, refused)

        assert at_once.letters == told_of(good)
        assert later.letters == {}
        assert at_once.receipts[POLICE.name] == [answer(POLICE.name, good, "accepted")] * 2
        assert at_once.receipts[who] == [answer(who, said.id, "refused")] * 2
        assert later.receipts == {
            POLICE.name: [answer(POLICE.name, good, "accepted")],
            who: [answer(who, said.id, "refused")],
        }
        assert len([entry for entry in door.stored().of(Repeat) if entry.id in (good, said.id)]) == 4
        assert is_whole(door)


@story
async def test_a_copy_that_was_spoilt_on_the_way_does_not_use_up_the_notification(folder: Path) -> None:
    """Whoever carries it can change what is not under the signature, and hand that over first."""
    async with morning_after(folder) as door:
        desk = door.here.desks[POLICE.name]
        desk.keep(moved(BASALT, to=BLACKBURN, old=PRESTON))
        (waiting,) = desk.store.outgoing(Sending.WAITING)
        spoilt = json_decode(waiting.sealed)
        spoilt["mk"]["encrypted_key"] = spoilt["mk"]["encrypted_key"][::-1]

        first = await door.put(json_encode(spoilt))
        await desk.flush()
        then = await door.put()
        await desk.hear()

        assert first.receipts == {POLICE.name: [answer(POLICE.name, waiting.id, "refused")]}
        assert then.receipts == {POLICE.name: [answer(POLICE.name, waiting.id, "accepted")]}
        assert then.letters == told_of(waiting.id)
        assert [sent.id for sent in desk.store.outgoing(Sending.ACCEPTED)][-1] == waiting.id
        assert is_whole(door)


@pytest.mark.parametrize("in_one_turn", [True, False])
@story
async def test_another_content_under_a_used_id_is_refused_with_an_alarm_and_the_first_stays(
    in_one_turn: bool, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with morning_after(folder) as door:
        first = a_move(door)
        second = replace(door.words(POLICE.name, moved(BASALT, to=BLACKBURN, old=PRESTON)), id=first.id)
        records = by_police(door, first), by_police(door, second)
        turns = [records] if in_one_turn else [records[:1], records[1:]]
        seen = [await door.put(*turn) for turn in turns]
        again = await door.put(records[0])

        assert seen[0].letters == told_of(first.id)
        assert [letters for each in seen[1:] for letters in each.letters] == []
        answers = [receipt["outcome"] for each in (*seen, again) for receipt in each.receipts[POLICE.name]]
        assert answers == ["accepted", "refused", "accepted"]
        assert f'{{"desk": "{POLICE.name}", "event": "notification.reused", "id": "{first.id}"}}' in caplog.text
        assert [door.stored().reason(index) for index in refusals(door)][-1] == Reason.REUSED_ID
        assert is_whole(door)


def refusals(door: Door) -> list[int]:
    return [index for index, (_, entry) in door.stored().entries.items() if isinstance(entry, Refusal)]


@story
async def test_a_letter_is_acknowledged_once(folder: Path) -> None:
    async with morning_after(folder) as door:
        desk = door.here.desks[BLACKBURN_CHILDREN.name]
        (letter,) = desk.store.letters()
        said = LetterAcknowledged.of(letter=letter.id, part=1, by="A" * 22)
        first, second = (door.words(desk.name, control(ONYX, "letter.acknowledged", said)) for _ in range(2))
        seen = await door.put(*(json_encode(door.sealed(desk.name, each)) for each in (first, second)))

        assert seen.receipts == {
            desk.name: [answer(desk.name, first.id, "accepted"), answer(desk.name, second.id, "refused")]
        }
        assert [entry.id for entry in door.stored().of(Acknowledgement)] == [first.id]


# --- what a publisher learns ------------------------------------------------------------------------------------------


@story
async def test_a_publisher_cannot_tell_whether_somebody_is_managed(folder: Path) -> None:
    """Onyx has a case, with probation on its team; Quartz has none. To police of the county both look the same."""
    async with morning_after(folder) as door:
        seen = []
        for persona in (ONYX, QUARTZ):
            said = door.words(POLICE.name, moved(persona, to=BLACKBURN, old=PRESTON))
            not_theirs = door.words(BLACKBURN_CHILDREN.name, control(persona, "case.assessed"))
            answers = await door.put(
                by_police(door, said), json_encode(door.sealed(BLACKBURN_CHILDREN.name, not_theirs))
            )
            seen.append(
                [
                    {**receipt, "id": None}
                    for desk in (POLICE.name, BLACKBURN_CHILDREN.name)
                    for receipt in answers.receipts[desk]
                ]
            )

        assert seen[0] == seen[1]
        assert [receipt["outcome"] for receipt in seen[0]] == ["accepted", "refused"]


@story
async def test_naming_a_desk_does_not_tell_it(folder: Path) -> None:
    async with morning_after(folder) as door:
        said = a_move(door, addressed=[PRESTON_HOUSING.name])
        seen = await door.put(by_police(door, said))

        assert PRESTON_HOUSING.name not in seen.letters
        assert seen.receipts == {POLICE.name: [answer(POLICE.name, said.id, "accepted")]}


# --- every byte -------------------------------------------------------------------------------------------------------


@story
async def test_a_notification_with_any_byte_changed_is_not_accepted(folder: Path) -> None:
    chance = random.Random(SEED)
    async with morning_after(folder) as door:
        changed = []
        for _ in range(150):
            true = by_police(door, a_move(door))
            place = chance.randrange(len(true))
            changed.append(with_byte(true, place, true[place] ^ chance.randrange(1, 256)))
        good, in_order = door.good()
        seen = await door.put(*changed, in_order)

        assert seen.letters == told_of(good)
        assert {receipt["id"] for receipt in seen.receipts[POLICE.name] if receipt["outcome"] == "accepted"} == {good}
        assert len(refusals(door)) >= len(changed)
        assert is_whole(door)


@pytest.mark.parametrize("bring", [bring for bring, reasons in UNSIGNED if Reason.FORM in reasons][:8])
@story
async def test_the_edge_turns_away_what_is_no_notification_before_it_is_stored(bring: Bring, folder: Path) -> None:
    async with morning_after(folder) as door:
        before = door.stored().done
        with pytest.raises(Rejected, match=r"^refused$"):
            await door.here.tellwise.edge.submit(bring(door))
        await door.here.tellwise.settled()

        assert door.stored().done == before
