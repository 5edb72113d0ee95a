"""Where the steps of the fault table are broken, each once.

What breaks at a desk, and between it and the hub, is the same whatever the hub stands on, and is broken here. What
breaks between the hub and its engine is broken by whoever plays the table on that engine.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import pytest

import broker.client.outbox
import tests.faults.county
from broker.client import compose
from broker.client.sealer import seal_draft
from broker.client.store import DeskStore
from schemas import DeskId
from tests.faults.fault_table import Fault
from tests.faults.test_replies_lost import Breaker
from tests.personas import BLACKBURN_CHILDREN, POLICE


class Lost(Exception):
    """The step broke; who asked for it does not know whether it happened."""


class Seams:
    """Where the steps are broken. A fault breaks its step once, when its turn comes; before one is armed, none does."""

    def __init__(self) -> None:
        self._fault: Fault | None = None
        self._has_broken = False
        self.commits = Breaker(turn=0, took_effect=False)
        """Of the hub's turns."""
        self._touched: set[str] = set()

    def arm(self, fault: Fault) -> None:
        """From now on it is this that breaks."""
        self._fault, self._has_broken = fault, False
        self.commits.turn, self.commits.took_effect, self.commits.broke = 0, fault.took_effect, False

    @property
    def fault(self) -> Fault:
        """What is armed."""
        assert self._fault is not None
        return self._fault

    @property
    def has_broken(self) -> bool:
        """Whether it has."""
        return self._has_broken or self.commits.broke

    def turn_of_the_hub(self, what: str, commits_from_now: int) -> None:
        """From now on the hub's commits are counted; that one is where this leaves, or what is written before it."""
        if self.fault.step in (f"commit of {what}", f"records of {what}"):
            self.commits.turn = self.commits.seen + commits_from_now

    def is_due(self, step: str) -> bool:
        """Whether this is the step, and it has not broken yet. It breaks now."""
        if self._fault is None or step != self._fault.step or self._has_broken:
            return False
        self._has_broken = True
        return True

    def install(self, patch: pytest.MonkeyPatch) -> None:
        """Put the breaks where compose, seal and the desks' commits are called."""
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
            if self.fault.took_effect:
                await (await send(request, **how)).aclose()
                raise httpx2.ReadError("the reply is lost")
            raise httpx2.ConnectError("the request is lost")

        return sent

    def _call(self, step: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def called(*args: Any, **how: Any) -> Any:
            if not self.is_due(step):
                return real(*args, **how)
            if self.fault.took_effect:
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
                if breaks and not self.fault.took_effect:
                    raise Lost(self.fault.step)
            if breaks:
                raise Lost(self.fault.step)

        return transaction
