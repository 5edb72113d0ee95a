"""The adapter `webhook`: letters go out to the desk's own system, each until it is taken."""

import asyncio
import logging
import secrets
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import ClassVar
from urllib.parse import urlsplit

from pydantic import BaseModel

from agency_adapters.webhook.addresses import Resolve, is_permitted, look_up
from agency_adapters.webhook.post import Answer, Post
from agency_adapters.webhook.settings import WebhookSettings, load_secrets
from agency_adapters.webhook.turns import Turns
from broker import telemetry
from broker.client import DeskStore, StoredLetter
from broker.client.adapter import Work
from broker.errors import SettingsRefused
from broker.telemetry import Event
from schemas.strict import json_encode

OUTLET = "webhook"
EVENT = "tellwise.letter.opened"

_PAGE = 100
_LOOK_S = 1.0


class Webhook:
    """A desk whose own system is told by HTTP.

    The body is {"type": "tellwise.letter.opened", "timestamp": …, "data": {the letter}}. The other side may be told of
    a letter twice, when its answer is lost: `webhook-id` is then the same, and so is every byte of the body.
    """

    settings: ClassVar[type[BaseModel]] = WebhookSettings

    def __init__(self, resolve: Resolve = look_up) -> None:
        """Look names up by *resolve*."""
        self._resolve = resolve

    async def run(self, work: Work, settings: WebhookSettings) -> None:
        """See `Adapter.run`. An attempt that is under way at the stop is finished.

        Raises:
            SettingsRefused: the secret or the authorities cannot be used, or the address is one that is never
                permitted.
        """
        _check_address(settings)
        keys = load_secrets(work.folder / settings.secret_file)
        turns = Turns(
            settings.parallel_max, settings.retry_first_ms / 1_000, settings.retry_longest_ms / 1_000, _chance
        )
        steady = asyncio.get_running_loop().time
        async with Post(settings, keys, work.folder, work.clock, self._resolve) as post:

            async def attempt(letter: StoredLetter) -> None:
                answer = await post.send(f"{letter.id}_{letter.part}", _body(work.desk.store, letter))
                if answer.is_taken:
                    with work.desk.store.transaction():
                        work.desk.store.hand_on(OUTLET, letter)
                    turns.taken(letter, steady())
                else:
                    turns.refused(letter, steady(), answer.retry_after_s)
                    _log(answer)
                work.news.set()

            try:
                async with asyncio.TaskGroup() as attempts:
                    goes_on = True
                    while goes_on:
                        _load(work, turns)
                        while (letter := turns.next(steady())) is not None:
                            attempts.create_task(attempt(letter))
                        due = turns.due()
                        goes_on = await work.pause(_LOOK_S if due is None else min(_LOOK_S, max(0.0, due - steady())))
            except ExceptionGroup as errors:
                raise errors.exceptions[0] from None


def _load(work: Work, turns: Turns) -> None:
    """Let further letters wait, and fix the moment that their bodies name, so that every attempt sends the same."""
    if not turns.wants_more:
        return
    store = work.desk.store
    # What waits already are the first letters that were not handed on.
    letters = store.unhanded(OUTLET, turns.size + _PAGE)[turns.size :]
    fresh = [letter for letter in letters if store.position(_opened_at(letter)) == 0]
    if fresh:
        now_s = int(work.clock.now().timestamp())
        with store.transaction():
            for letter in fresh:
                store.move(_opened_at(letter), now_s)
    turns.add(letters)


def _body(store: DeskStore, letter: StoredLetter) -> bytes:
    moment = datetime.fromtimestamp(store.position(_opened_at(letter)), UTC)
    # Whether a person has acknowledged it may change between two attempts, and no byte of the body may.
    data = {name: value for name, value in letter.as_json().items() if name != "acknowledged"}
    return json_encode({"type": EVENT, "timestamp": moment.strftime("%Y-%m-%dT%H:%M:%SZ"), "data": data})


def _opened_at(letter: StoredLetter) -> str:
    """Where the store keeps when a letter was first offered to the other side, in seconds since 1970."""
    return f"webhook:{letter.row}"


def _check_address(settings: WebhookSettings) -> None:
    """A host that is an address can be refused before the first letter."""
    host = urlsplit(settings.url).hostname or ""
    try:
        address = ip_address(host)
    except ValueError:
        return  # a name: looked up and checked for each attempt
    if not is_permitted(address, settings.allow_networks):
        raise SettingsRefused("`adapter.webhook.url`: not a public address, and in none of `allow_networks`")


def _log(answer: Answer) -> None:
    event = Event.ENDPOINT_CLOSED if answer.is_gone else Event.PUSH_REFUSED
    level = logging.ERROR if answer.is_gone else logging.WARNING
    telemetry.emit(event, level=level, reason=answer.why)


def _chance() -> float:
    return secrets.randbelow(1_000) / 1_000
