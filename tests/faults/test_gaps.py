"""The numbers of an inbox and of the directory may have gaps, as where transactions leave markers among the records: a
desk takes everything there is, once, wherever it ends and begins again."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from broker.client import Link
from broker.client.store import DIRECTORY, INBOX, DeskStore
from broker.numbered import Numbered
from broker.sealing.rejection import Reason
from broker.topics import INPUT, inbox
from schemas import Mailbox
from tests.contracts.clock import MovedClock
from tests.contracts.engine import story
from tests.faults.checker import check, check_stored
from tests.faults.county import ONYX, County, case_opened, county, moved, open_desk
from tests.faults.memory_county import MemoryCounty, origin
from tests.links import Passing
from tests.personas import BLACKBURN, BLACKBURN_CHILDREN, CHORLEY, POLICE, PRESTON

HERE = (POLICE, BLACKBURN_CHILDREN)
US = BLACKBURN_CHILDREN.name
APART = 7
FIRST = 4


class Spread(Passing):
    """A way to the hub on which the numbers are `FIRST`, `FIRST + APART`, …"""

    def __init__(self, link: Link) -> None:
        super().__init__(link)
        self.given: dict[str, list[int]] = {INBOX: [], DIRECTORY: []}
        """The numbers of what was handed over, in order."""

    async def inbox(self, mailbox: Mailbox, start: int, items_max: int, wait_ms: int) -> Sequence[Numbered]:
        """See `Link.inbox`."""
        return self._spread(INBOX, await self.link.inbox(mailbox, place_from(start), items_max, wait_ms))

    async def directory(self, start: int, items_max: int) -> Sequence[Numbered]:
        """See `Link.directory`."""
        return self._spread(DIRECTORY, await self.link.directory(place_from(start), items_max))

    def _spread(self, what: str, items: Sequence[Numbered]) -> list[Numbered]:
        spread = [Numbered(FIRST + APART * place, data) for place, data in items]
        self.given[what] += [item.number for item in spread]
        return spread


def place_from(start: int) -> int:
    """The place of the first item whose number is not before *start*."""
    return max(0, -((FIRST - start) // APART))


def numbers(count: int) -> list[int]:
    return [FIRST + APART * place for place in range(count)]


async def a_week(here: County) -> None:
    """Onyx moves there and back, and there again."""
    await here.say(POLICE.name, case_opened(ONYX, team=()))
    for to, old in ((BLACKBURN, PRESTON), (CHORLEY, BLACKBURN), (BLACKBURN, CHORLEY)):
        await here.say(POLICE.name, moved(ONYX, to=to, old=old))


@pytest.mark.parametrize(("start", "place"), [(0, 0), (3, 0), (4, 0), (5, 1), (10, 1), (11, 1), (12, 2)])
def test_the_way_of_these_tests_goes_on_with_the_next_that_is_there(start: int, place: int) -> None:
    assert place_from(start) == place


@story
async def test_a_desk_takes_everything_once_whatever_the_numbers(tmp_path: Path) -> None:
    ways: list[Spread] = []

    def way(edge: Link) -> Spread:
        ways.append(Spread(edge))
        return ways[-1]

    async with county(tmp_path, MovedClock(), HERE, way=way) as here:
        await a_week(here)
        heard = [len((await here.hear()).get(US, ())) for _ in range(2)]
        await here.say(POLICE.name, moved(ONYX, to=PRESTON, old=BLACKBURN))
        heard.append(len((await here.hear()).get(US, ())))

        assert heard == [3, 0, 1]
        for desk, spread in zip(here.desks.values(), ways, strict=True):
            for what, given in spread.given.items():
                assert given == numbers(len(given))
                assert desk.store.position(what) == given[-1] + 1
            assert desk.store.incidents() == []
    assert check(tmp_path) == []


class Ended(Exception):
    """Somebody pulled the plug of the desk's machine."""


def plug(which: str, after: int, *, took_effect: bool) -> Any:
    """`DeskStore.move`, until that place has been moved *after* times. It is the last act of a transaction."""
    real, left = DeskStore.move, [after]

    def move(store: DeskStore, name: str, position: int) -> None:
        real(store, name, position)
        if name == which:
            left[0] -= 1
            if left[0] < 0:
                if took_effect:
                    store._db.execute("COMMIT")
                raise Ended

    return move


@pytest.mark.parametrize("took_effect", [False, True])
@pytest.mark.parametrize("which", [INBOX, DIRECTORY])
@story
async def test_a_desk_that_ended_after_any_item_goes_on_with_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, which: str, took_effect: bool
) -> None:
    async with county(tmp_path, MovedClock(), (POLICE,)) as here:
        await a_week(here)
    async with county(tmp_path, MovedClock(), HERE) as here:
        for _ in range(2):
            await here.say(POLICE.name, moved(ONYX, to=PRESTON, old=BLACKBURN), moved(ONYX, to=BLACKBURN, old=PRESTON))
        away = Spread(here.tellwise.edge)
        ends = 0
        while True:
            desk = open_desk(tmp_path, US, away, MovedClock())
            with monkeypatch.context() as patch:
                patch.setattr(DeskStore, "move", plug(which, 1, took_effect=took_effect))
                try:
                    await desk.hear()
                    break
                except Ended:
                    ends += 1
                finally:
                    desk.close()
        us = here.desks[US]

        assert ends > 1
        assert us.store.incidents() == []
        assert len(us.store.letters()) == 4
        for what, given in away.given.items():
            assert sorted(set(given)) == numbers(len(set(given)))
            assert us.store.position(what) == given[-1] + 1
    assert check(tmp_path, settled=False) == []


@story
async def test_an_incident_keeps_the_number_of_its_item(tmp_path: Path) -> None:
    async with county(tmp_path, MovedClock(), HERE, way=Spread) as here:
        await a_week(here)
        await here.hear()
        desk = here.desks[US]
        before = desk.store.position(INBOX)
        assert desk.mailbox is not None
        await here.tellwise.transport.publish(inbox(desk.mailbox), [b"no item", b"no item either"])
        await here.hear()

        first = before - 1 + APART
        assert desk.store.incidents() == [(first, Reason.FORM), (first + APART, Reason.FORM)]
        assert desk.store.position(INBOX) == first + APART + 1


def test_a_hub_over_an_engine_that_leaves_gaps_tells_and_is_believed() -> None:
    here = MemoryCounty(origin())
    police, children = here.desk(POLICE.name), here.desk(US)
    here.run(police.publish(case_opened(ONYX, team=())))
    for to, old in ((BLACKBURN, PRESTON), (CHORLEY, BLACKBURN)):
        here.run(police.publish(moved(ONYX, to=to, old=old)))
        here.settle()
        here.restart()
    heard = [len(here.run(children.hear()).letters) for _ in range(2)]
    here.run(police.hear())
    mailbox, taken = children.mailbox, here.disk.numbers[INPUT, 0][-1] + 1
    stored, position = here.stored(), children.store.position(INBOX)
    here.close()

    assert heard == [2, 0]
    assert check_stored(stored) == []
    assert mailbox is not None
    assert position == here.disk.numbers[inbox(mailbox), 0][-1] + 1 > len(here.disk.topics[inbox(mailbox), 0])
    assert here.edge.taken_to == taken > len(here.disk.topics[INPUT, 0])
