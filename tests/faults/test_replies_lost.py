"""Every commit of a hub's turn, broken in each of two ways: it did not happen, or it did and only the reply was lost.

The hub cannot tell which. It reads the committed position again, and the story must end the same: one letter a desk,
one effect a letter, a ledger without a gap.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import broker.engines
from broker.app import running
from broker.cli.demo_people import DESKS, HUB, PEOPLE, POLICE, case_opened, moved
from broker.cli.verify_folder import verify_folder
from broker.client import Sending
from broker.clock import SystemClock
from broker.errors import OutcomeUnknown
from broker.ports import Assigned, Lane, LaneEvent, Tx
from broker.sealing.rejection import Reason
from broker.transport.embedded import EmbeddedTransport
from schemas import AreaCode

TURNS = 26
"""More turns than the story takes, so that the last ones break nothing; the test says how many it took."""


@dataclass
class Breaker:
    """Breaks the commit of one turn, once."""

    turn: int
    took_effect: bool
    seen: int = 0
    broke: bool = False

    @asynccontextmanager
    async def commit(self, lane: Lane) -> AsyncIterator[Tx]:
        self.seen += 1
        if self.seen != self.turn:
            async with lane.transaction() as tx:
                yield tx
            return
        self.broke = True
        if self.took_effect:
            async with lane.transaction() as tx:
                yield tx
        else:
            with suppress(ConnectionResetError):
                async with lane.transaction() as tx:
                    yield tx
                    raise ConnectionResetError
        raise OutcomeUnknown("the reply was lost")


class BrokenLane:
    """A real lane whose commit is broken; all else goes through."""

    def __init__(self, lane: Lane, breaker: Breaker) -> None:
        self._lane, self._breaker = lane, breaker

    def __getattr__(self, name: str) -> Any:
        return getattr(self._lane, name)

    def transaction(self) -> Any:
        return self._breaker.commit(self._lane)


class BrokenTransport(EmbeddedTransport):
    """The real engine, with such lanes."""

    breaker: Breaker

    @asynccontextmanager
    async def lanes(self, topics: Sequence[tuple[str, int]]) -> AsyncIterator[AsyncIterator[LaneEvent]]:
        async with super().lanes(topics) as events:

            async def broken() -> AsyncIterator[LaneEvent]:
                async for event in events:
                    yield Assigned(BrokenLane(event.lane, self.breaker)) if isinstance(event, Assigned) else event

            yield broken()


async def story(folder: Path) -> dict[str, list[str]]:
    """Six desks are registered, a case is opened, somebody moves, whoever was told acknowledges. Who heard how much?"""
    async with running(folder, HUB, demo=True, clock=SystemClock()) as tellwise:
        for one in DESKS[:6]:
            await tellwise.register(
                one.id, agency=one.agency, desk_type=one.desk_type, patch=one.patch, signed=one.signed
            )
        desks = {one.id: tellwise.desk(one.id, one.contact) for one in DESKS[:6]}
        police = desks[POLICE]
        contact = DESKS[0].contact
        await police.publish(case_opened(PEOPLE[0], contact))
        today = SystemClock().now().date()
        await police.publish(moved(PEOPLE[0], AreaCode("E07000123"), AreaCode("E06000008"), today, contact))
        await tellwise.settled()
        for desk in desks.values():
            for letter in (await desk.hear()).letters:
                await desk.acknowledge(letter.head.id, "somebody")
        await tellwise.settled()
        for desk in desks.values():
            await desk.hear()
        return {
            name: [
                *sorted(",".join(sorted(letter.compartments)) for letter in desk.store.letters()),
                *(state.state.value for state in desk.store.outgoing(*Sending)),
                *(reason.value for _, reason in desk.store.incidents() if reason is not Reason.REPLAY),
            ]
            for name, desk in desks.items()
        }


def played(folder: Path, breaker: Breaker, monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    BrokenTransport.breaker = breaker
    monkeypatch.setattr(broker.engines, "EmbeddedTransport", BrokenTransport)
    return asyncio.run(story(folder))


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, list[str]], int]:
    """How the story ends when nothing breaks, and how many turns it takes."""
    with pytest.MonkeyPatch.context() as patch:
        breaker = Breaker(turn=0, took_effect=False)
        return played(tmp_path_factory.mktemp("unbroken"), breaker, patch), breaker.seen


@pytest.mark.parametrize("took_effect", [False, True], ids=["effect lost", "reply lost"])
@pytest.mark.parametrize("turn", range(1, TURNS + 1))
def test_a_broken_commit_changes_nothing_of_how_the_story_ends(
    turn: int,
    took_effect: bool,
    unbroken: tuple[dict[str, list[str]], int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ending, _ = unbroken
    breaker = Breaker(turn, took_effect)

    found = played(tmp_path, breaker, monkeypatch)

    assert found == ending
    assert verify_folder(tmp_path).findings == []


def test_every_turn_of_the_story_was_broken(unbroken: tuple[dict[str, list[str]], int]) -> None:
    _, turns = unbroken

    assert 5 <= turns <= TURNS
