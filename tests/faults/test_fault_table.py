"""Each of the seven steps, broken twice: its effect is lost, or it took effect and only the reply is lost.

Reading the table down is reading the design. The story is always the same: police say that somebody moved, social care
hear of it, and a person there acknowledges. Whoever was broken does what its process does after a crash: it starts
again, looks at what it has stored, and tries again. However it was broken, it must end the same.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

import broker.client.outbox
import broker.engines
import tests.faults.county
from broker.app import desk_folder, hub_folder
from broker.client import Desk, Sending, Trust, compose
from broker.client.sealer import seal_draft
from broker.client.store import DeskStore
from broker.errors import HubUnreachable
from broker.sealing.entropy import system_entropy
from broker.sealing.letters import ItemKind
from schemas import DeskId
from tests.contracts.clock import MovedClock
from tests.contracts.engine import story
from tests.faults.checker import check
from tests.faults.county import ONYX, case_opened
from tests.faults.stored import read_stored
from tests.faults.test_replies_lost import Breaker, BrokenTransport
from tests.personas import BLACKBURN, BLACKBURN_CHILDREN, POLICE, PRESTON
from tests.sayings import CONTACT
from tests.served import Served, served

TRIES = 3
SOURCE = "source"
"""The mark of the police's own system that it has said this; stands in one transaction with what it said."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to break one step, and how the story must end all the same."""

    step: str
    took_effect: bool
    letters: int
    """Letters about the move in the inbox of social care."""
    effects: int
    """Letters about the move that social care have."""

    def __str__(self) -> str:
        return f"{self.step}, {'reply' if self.took_effect else 'effect'} lost"


FAULTS = (
    # 1. nothing was kept, so it is said anew
    Fault("compose", took_effect=False, letters=1, effects=1),
    Fault("compose", took_effect=True, letters=1, effects=1),
    # 2. sealed inside the outbox's transaction: what was sealed, and its number, go with it
    Fault("seal", took_effect=False, letters=1, effects=1),
    Fault("seal", took_effect=True, letters=1, effects=1),
    Fault("commit of the outbox", took_effect=False, letters=1, effects=1),
    Fault("commit of the outbox", took_effect=True, letters=1, effects=1),  # the mark says so; it is not said twice
    # 3. the same bytes go again, and the hub knows them by their id
    Fault("submit", took_effect=False, letters=1, effects=1),
    Fault("submit", took_effect=True, letters=1, effects=1),
    # 3 to 5. accepted, decided and recorded in one commit: the committed position says whether it happened
    Fault("commit of the entries", took_effect=False, letters=1, effects=1),
    Fault("commit of the entries", took_effect=True, letters=1, effects=1),  # nothing is decided twice
    # 6. until they have left they are among the pending letters, in the same commit
    Fault("commit of the letters", took_effect=False, letters=1, effects=1),
    Fault("commit of the letters", took_effect=True, letters=1, effects=1),
    # 7. reading takes nothing away; the place in the inbox is stored together with what stood there
    Fault("inbox read", took_effect=False, letters=1, effects=1),
    Fault("inbox read", took_effect=True, letters=1, effects=1),
    Fault("store at the desk", took_effect=False, letters=1, effects=1),  # read a second time
    Fault("store at the desk", took_effect=True, letters=1, effects=1),  # not read a second time
    # and back: an acknowledgement is a notification, and goes the way of every other
    Fault("commit of the acknowledgement", took_effect=False, letters=1, effects=1),
    Fault("commit of the acknowledgement", took_effect=True, letters=1, effects=1),
    Fault("submit of the acknowledgement", took_effect=False, letters=1, effects=1),
    Fault("submit of the acknowledgement", took_effect=True, letters=1, effects=1),
    Fault("commit of the acknowledgement's entry", took_effect=False, letters=1, effects=1),
    Fault("commit of the acknowledgement's entry", took_effect=True, letters=1, effects=1),
)


class Lost(Exception):
    """The step broke; who asked for it does not know whether it happened."""


class Seams:
    """Where the steps are broken: each once, when its turn comes."""

    def __init__(self, fault: Fault) -> None:
        self._fault = fault
        self.has_broken = False
        self.commits = Breaker(turn=0, took_effect=fault.took_effect)
        self._touched: set[str] = set()

    def commit_of_the_hub(self, step: str, commits_from_now: int) -> None:
        """From now on the hub's commits are counted; that one is the step's."""
        if step == self._fault.step:
            self.commits.turn = self.commits.seen + commits_from_now

    def is_due(self, step: str) -> bool:
        """Whether this is the step, and it has not broken yet. It breaks now."""
        if step != self._fault.step or self.has_broken:
            return False
        self.has_broken = True
        return True

    def install(self, patch: pytest.MonkeyPatch) -> None:
        """Put the breaks where compose, seal and the desks' commits are called."""
        BrokenTransport.breaker = self.commits
        patch.setattr(broker.engines, "EmbeddedTransport", BrokenTransport)
        patch.setattr(tests.faults.county, "compose", self._call("compose", compose))
        patch.setattr(broker.client.outbox, "seal_draft", self._call("seal", seal_draft))
        for name, step in (
            ("put_out", "commit of the outbox"),
            ("put_letter", "store at the desk"),
            ("acknowledged", "commit of the acknowledgement"),
        ):
            patch.setattr(DeskStore, name, self._touching(step, getattr(DeskStore, name)))
        patch.setattr(DeskStore, "transaction", self._transaction(DeskStore.transaction))

    def requests(self, desk: DeskId, send: Any) -> Any:
        """A desk's requests; the first of those that matter here is broken."""

        async def sent(request: httpx2.Request, **how: Any) -> httpx2.Response:
            step = {"/v1/notifications": "submit"}.get(request.url.path, "")
            if "/inboxes/" in request.url.path:
                step = "inbox read"
            if step == "submit" and desk == BLACKBURN_CHILDREN.name:
                step = "submit of the acknowledgement"
            if step == "inbox read" and desk == POLICE.name:
                step = ""
            if not self.is_due(step):
                return await send(request, **how)  # type: ignore[no-any-return]
            if self._fault.took_effect:
                await (await send(request, **how)).aclose()
                raise httpx2.ReadError("the reply is lost")
            raise httpx2.ConnectError("the request is lost")

        return sent

    def _call(self, step: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def called(*args: Any, **how: Any) -> Any:
            if not self.is_due(step):
                return real(*args, **how)
            if self._fault.took_effect:
                real(*args, **how)
            raise Lost(step)

        return called

    def _touching(self, step: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def called(*args: Any, **how: Any) -> Any:
            self._touched.add(step)
            return real(*args, **how)

        return called

    def _transaction(self, real: Callable[[DeskStore], Any]) -> Callable[[DeskStore], Any]:
        @contextmanager
        def transaction(store: DeskStore) -> Iterator[None]:
            self._touched.clear()
            with real(store):
                yield
                breaks = any(self.is_due(step) for step in sorted(self._touched))
                if breaks and not self._fault.took_effect:
                    raise Lost(self._fault.step)
            if breaks:
                raise Lost(self._fault.step)

        return transaction


class Post:
    """A desk on its own machine, reached over HTTP, that is started again whenever something broke."""

    def __init__(self, here: Served, name: DeskId, seams: Seams) -> None:
        self._here, self._name, self._seams = here, name, seams
        self.start()

    def start(self) -> None:
        home, trust = desk_folder(self._here.tellwise.folder, self._name), hub_folder(self._here.tellwise.folder)
        self.link = self._here.link(self._name)
        self.link._http.send = self._seams.requests(self._name, self.link._http.send)  # type: ignore[method-assign]
        self.desk = Desk(
            home, self._name, CONTACT, Trust.load(trust / "trust.json"), self.link, self._here.clock, system_entropy
        )

    async def stop(self) -> None:
        self.desk.close()
        await self.link.close()

    async def do(self, work: Callable[[Desk], Any]) -> None:
        """Do it, and if it breaks start again and do it again: *work* looks at what is stored."""
        for _ in range(TRIES):
            try:
                await work(self.desk)
            except (Lost, HubUnreachable):
                await self.stop()
                self.start()
            else:
                return
        raise AssertionError("it broke more than once")


async def open_a_case(police: Desk) -> None:
    await police.publish(case_opened(ONYX, team=()))


async def say_that_they_moved(police: Desk) -> None:
    if not police.store.position(SOURCE):
        moved = tests.faults.county.moved(ONYX, to=BLACKBURN, old=PRESTON)
        police.keep(moved, lambda _: police.store.move(SOURCE, 1))
    await police.flush()


async def hear(desk: Desk) -> None:
    await desk.hear()


async def acknowledge(children: Desk) -> None:
    for letter in children.store.letters():
        if letter.acknowledged is None:
            await children.acknowledge(letter.id, "duty social worker")
    await children.flush()


@asynccontextmanager
async def posts(here: Served, seams: Seams) -> AsyncIterator[tuple[Post, Post]]:
    both = Post(here, POLICE.name, seams), Post(here, BLACKBURN_CHILDREN.name, seams)
    try:
        yield both
    finally:
        for post in both:
            await post.stop()


@story
@pytest.mark.parametrize("fault", FAULTS, ids=str)
async def test_however_a_step_breaks_there_is_one_letter_and_one_effect(
    fault: Fault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seams, quiet = Seams(fault), Seams(Fault("nothing", took_effect=False, letters=1, effects=1))
    BrokenTransport.breaker = seams.commits
    monkeypatch.setattr(broker.engines, "EmbeddedTransport", BrokenTransport)
    async with served(tmp_path, MovedClock(), (POLICE, BLACKBURN_CHILDREN)) as here:
        async with posts(here, quiet) as (police, children):
            await police.do(open_a_case)
            await here.tellwise.settled()
            await police.do(hear)
            await children.do(hear)
        seams.install(monkeypatch)
        async with posts(here, seams) as (police, children):
            seams.commit_of_the_hub("commit of the entries", 1)
            seams.commit_of_the_hub("commit of the letters", 2)
            await police.do(say_that_they_moved)
            await here.tellwise.settled()
            await children.do(hear)
            seams.commit_of_the_hub("commit of the acknowledgement's entry", 1)
            await children.do(acknowledge)
            await here.tellwise.settled()
            await police.do(hear)
            await children.do(hear)
    stored = read_stored(tmp_path)

    assert seams.has_broken or seams.commits.broke
    items = [item for item in stored.inboxes[BLACKBURN_CHILDREN.name] if item.kind is ItemKind.LETTER]
    assert len(items) == fault.letters
    assert len(stored.desks[BLACKBURN_CHILDREN.name].letters) == fault.effects
    states = [state for desk in stored.desks.values() for _, state in desk.outbox]
    assert states == [Sending.ACCEPTED] * 3
    assert check(tmp_path) == []


def test_every_step_is_broken_both_ways() -> None:
    ways = {(fault.step, fault.took_effect) for fault in FAULTS}

    assert len(ways) == len(FAULTS)
    assert all((step, not took_effect) in ways for step, took_effect in ways)
