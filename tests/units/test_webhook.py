"""Letters are pushed to a desk's own system until it has them: signed, in order for each person, and never dropped."""

import base64
import logging
import random
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import standardwebhooks

from agency_adapters.webhook import Webhook, WebhookSettings
from agency_adapters.webhook.adapter import OUTLET
from agency_adapters.webhook.post import _seconds
from agency_adapters.webhook.settings import load_secrets
from agency_adapters.webhook.turns import Turns
from broker.client import Desk, StoredLetter
from broker.clock import SystemClock
from broker.errors import SettingsRefused
from schemas import NotificationId
from schemas.strict import json_decode
from tests.contracts.engine import story
from tests.units.desk_at_work import at_work, met, police_folder, put_letter, until
from tests.units.endpoint import SECRET, Endpoint, Request, serving

CANARY = "Synthetic-Onyx"
SOME = NotificationId("CCCCCCCCCCCCCCCCCCCCCA")


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """The folder of a hub, with the desk's own beside it; its secret is in a file there."""
    folder = met(tmp_path / "world")
    keep_secret(police_folder(folder) / "webhook.key", SECRET)
    return folder


def keep_secret(path: Path, *secrets: bytes) -> Path:
    path.write_text("".join(f"whsec_{base64.b64encode(secret).decode()}\n" for secret in secrets), encoding="ascii")
    path.chmod(0o600)
    return path


def settings(endpoint: Endpoint, **changes: Any) -> WebhookSettings:
    given = {
        "url": f"http://127.0.0.1:{endpoint.port}/letters?from=tellwise",
        "secret_file": "webhook.key",
        "allow_networks": ["127.0.0.0/8"],
        "retry_first_ms": 10,
        "retry_longest_ms": 50,
    }
    return WebhookSettings.model_validate(given | changes)


def refuse(status: str, *, whose: str | None = None, times: int = 10**9) -> Any:
    """An answer that refuses the letters of a person, or of all, so many times."""
    refused = Counter[str]()

    def answer(request: Request) -> str:
        person = request.data["cover"]["person"]
        if (whose is None or whose == person) and refused[person] < times:
            refused[person] += 1
            return status
        return "200 OK"

    return answer


def handed_on(desk: Desk) -> bool:
    return not desk.store.unhanded(OUTLET, 1)


@story
async def test_a_letter_is_pushed_signed_and_once(world: Path) -> None:
    async with (
        serving(Endpoint()) as endpoint,
        at_work(world, Webhook(), settings(endpoint), SystemClock()) as work,
    ):
        letter = put_letter(work.desk, identity={"names": [{"given": "Zed", "family": CANARY}]})
        work.news.set()
        await until(lambda: handed_on(work.desk))

    (request,) = endpoint.requests
    assert request.path == "/letters?from=tellwise"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["webhook-id"] == f"{letter.id}_1"
    assert (request.data["id"], request.data["part"], request.data["kind"]) == (letter.id, 1, letter.kind)
    assert request.data["identity"] == letter.compartments["identity"]
    assert json_decode(request.body)["type"] == "tellwise.letter.opened"


@pytest.mark.parametrize(
    "status", ["500 No", "429 Slow", "400 Bad", "404 Not", "410 Gone", "301 Moved", "304 Same", "307 Moved"]
)
@story
async def test_whatever_is_no_success_is_tried_again_with_the_same_id_and_body(status: str, world: Path) -> None:
    async with (
        serving(Endpoint(refuse(f"{status}\nLocation: /elsewhere", times=3))) as endpoint,
        at_work(world, Webhook(), settings(endpoint), SystemClock()) as work,
    ):
        put_letter(work.desk)
        await until(lambda: handed_on(work.desk))

    assert len(endpoint.requests) == 4
    assert {request.path for request in endpoint.requests} == {"/letters?from=tellwise"}
    assert len({(request.headers["webhook-id"], request.body) for request in endpoint.requests}) == 1
    assert all(request.data for request in endpoint.requests)


@story
async def test_a_letter_keeps_its_id_and_body_across_a_restart(world: Path) -> None:
    async with serving(Endpoint(refuse("503 No", times=2))) as endpoint:
        for clock in (SystemClock(), _Ahead(), _Ahead()):
            async with at_work(world, Webhook(), settings(endpoint, retry_first_ms=60_000), clock) as work:
                if not endpoint.requests:
                    put_letter(work.desk)
                    work.news.set()
                before = len(endpoint.requests)
                await until(lambda: len(endpoint.requests) > before)  # noqa: B023 - awaited at once
                with work.desk.store.transaction():  # a person has read it meanwhile
                    work.desk.store.acknowledged(NotificationId(endpoint.requests[0].data["id"]), 1, SOME)
        await until(lambda: len(endpoint.requests) == 3)

    assert len({(request.headers["webhook-id"], request.body) for request in endpoint.requests}) == 1
    assert len({request.headers["webhook-timestamp"] for request in endpoint.requests}) > 1


@story
async def test_a_server_that_is_away_is_waited_for(world: Path) -> None:
    async with serving(Endpoint()) as endpoint:
        pass

    async with at_work(world, Webhook(), settings(endpoint), SystemClock()) as work:
        put_letter(work.desk)
        work.news.set()
        await until(lambda: work.desk.store.position("webhook:1"))
        assert not handed_on(work.desk)
        async with serving(endpoint):
            await until(lambda: handed_on(work.desk))


@story
async def test_a_server_that_does_not_answer_is_not_waited_for_long(world: Path) -> None:
    async with (
        serving(Endpoint()) as endpoint,
        at_work(world, Webhook(), settings(endpoint, answer_ms=150), SystemClock()) as work,
    ):
        endpoint.gate.clear()
        put_letter(work.desk)
        await until(lambda: len(endpoint.requests) == 3)

        assert not handed_on(work.desk)


@story
async def test_the_letters_of_one_person_arrive_in_order_and_wait_for_one_another(world: Path) -> None:
    chance = random.Random(5)

    async with (
        serving(Endpoint(lambda _: chance.choice(["500 No", "200 OK"]))) as endpoint,
        at_work(world, Webhook(), settings(endpoint), SystemClock()) as work,
    ):
        letters = [put_letter(work.desk, f"person-{number % 3}") for number in range(18)]
        work.news.set()
        await until(lambda: handed_on(work.desk))

    for person in range(3):
        seen = [r.data["id"] for r in endpoint.requests if r.data["cover"]["person"] == f"person-{person}"]
        assert list(dict.fromkeys(seen)) == [letter.id for letter in letters[person::3]]
        assert seen == sorted(seen, key=seen.index)  # never back to an earlier one


@story
async def test_a_letter_that_is_always_refused_holds_up_one_person_and_nobody_else(world: Path) -> None:
    async with (
        serving(Endpoint(refuse("422 No", whose="onyx"))) as endpoint,
        at_work(world, Webhook(), settings(endpoint, parallel_max=2), SystemClock()) as work,
    ):
        stuck = [put_letter(work.desk, "onyx") for _ in range(3)]
        for number in range(150):
            put_letter(work.desk, f"person-{number % 50}")
        work.news.set()
        await until(lambda: work.desk.store.unhanded(OUTLET, 9)[3:] == [])

        assert [letter.id for letter in work.desk.store.unhanded(OUTLET, 9)] == [letter.id for letter in stuck]
        assert {r.data["id"] for r in endpoint.requests if r.data["cover"]["person"] == "onyx"} == {stuck[0].id}


@story
async def test_no_more_persons_than_the_settings_say_go_side_by_side(world: Path) -> None:
    async with (
        serving(Endpoint()) as endpoint,
        at_work(world, Webhook(), settings(endpoint, parallel_max=3), SystemClock()) as work,
    ):
        endpoint.gate.clear()
        for number in range(10):
            put_letter(work.desk, f"person-{number}")
        work.news.set()
        await until(lambda: endpoint.together == 3)
        endpoint.gate.set()
        await until(lambda: handed_on(work.desk))

    assert endpoint.together_most == 3


@story
async def test_while_a_secret_is_changed_both_sign(world: Path) -> None:
    old, new = SECRET, bytes(range(32, 64))
    keep_secret(police_folder(world) / "webhook.key", new, old)

    async with (
        serving(Endpoint()) as endpoint,
        at_work(world, Webhook(), settings(endpoint), SystemClock()) as work,
    ):
        put_letter(work.desk)
        await until(lambda: handed_on(work.desk))

    (request,) = endpoint.requests
    for secret in (old, new):
        standardwebhooks.Webhook(secret).verify(request.body, request.headers)
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        standardwebhooks.Webhook(bytes(32)).verify(request.body, request.headers)


@story
async def test_the_log_says_that_a_push_was_refused_and_nothing_of_the_letter_or_the_answer(
    world: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "tellwise"):
        async with (
            serving(Endpoint(refuse(f"410 {CANARY}\nX-Said: {CANARY}", times=1))) as endpoint,
            at_work(world, Webhook(), settings(endpoint), SystemClock()) as work,
        ):
            put_letter(work.desk, identity={"names": [{"given": "Zed", "family": CANARY}]})
            await until(lambda: handed_on(work.desk))

    ours = [record for record in caplog.records if "endpoint.closed" in record.getMessage()]
    assert [record.levelno for record in ours] == [logging.ERROR]
    assert CANARY not in caplog.text


# --- settings ---


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_secret_that_others_may_read_is_refused(mode: int, tmp_path: Path) -> None:
    path = keep_secret(tmp_path / "webhook.key", SECRET)
    path.chmod(mode)

    with pytest.raises(SettingsRefused, match="others may read it"):
        load_secrets(path)


@pytest.mark.parametrize("text", ["", "whsec_", "secret", "whsec_AAAA", "whsec_" + "A" * 30, "whsec_é" + "A" * 43])
def test_a_file_that_holds_no_secret_is_refused_and_not_quoted(text: str, tmp_path: Path) -> None:
    path = tmp_path / "webhook.key"
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)

    with pytest.raises(SettingsRefused) as refused:
        load_secrets(path)
    assert len(text) <= len("whsec_") or text not in str(refused.value)


def test_a_secret_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsRefused, match="No such file"):
        load_secrets(tmp_path / "webhook.key")


@pytest.mark.parametrize(
    "url",
    [
        "http://case-system.invented.example/letters",
        "ftp://case-system.invented.example/letters",
        "https://",
        "https://user:secret@case-system.invented.example/",
        "https://case-system.invented.example/#part",
    ],
)
def test_an_address_that_would_tell_others_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="url"):
        WebhookSettings(url=url, secret_file="webhook.key")


def test_a_secret_has_no_place_in_the_settings() -> None:
    with pytest.raises(ValueError, match="secret"):
        WebhookSettings.model_validate({"url": "https://h.example/", "secret_file": "k", "secret": "whsec_AAAA"})


# --- turns ---


def letter(row: int, person: str) -> StoredLetter:
    return StoredLetter(
        row=row,
        id=NotificationId(f"{row:022}"),
        part=1,
        kind="rso.address_changed",
        publisher="lancashire-police",
        cover={"person": person},
        compartments={},
        recorded={},
        acknowledged=None,
    )


def test_waits_double_up_to_the_longest_and_a_named_wait_is_honoured_within_it() -> None:
    turns, now, waits = Turns(4, 1, 8), 0.0, []
    turns.add([letter(1, "onyx")])
    for named in (None, None, None, None, None, 5.0, 1_000.0):
        one = turns.next(now)
        assert one is not None
        turns.refused(one, now, named)
        due = turns.due()
        assert due is not None
        assert turns.next(due - 0.01) is None
        waits.append(due - now)
        now = due

    assert waits == [1, 2, 4, 8, 8, 8, 8]


def test_a_named_wait_is_longer_than_our_own() -> None:
    turns = Turns(4, 1, 60)
    turns.add([letter(1, "onyx")])
    one = turns.next(0)
    assert one is not None

    turns.refused(one, 0, 30)

    assert turns.due() == 30


def test_a_server_that_refuses_everybody_is_asked_once_at_a_time_until_it_takes_something() -> None:
    turns, now = Turns(3, 1, 64), 0.0
    turns.add([letter(row, f"person-{row}") for row in range(1, 31)])
    for _ in range(3):
        one = turns.next(now)
        assert one is not None
        turns.refused(one, now, None)
    attempts = 0
    while now < 200:
        while (one := turns.next(now)) is not None:
            assert turns.next(now) is None
            attempts += 1
            turns.refused(one, now, None)
        due = turns.due()
        assert due is not None
        now = max(due, now)

    assert attempts < 12
    one = turns.next(now)
    assert one is not None
    turns.taken(one, now)
    assert [turns.next(now) is not None for _ in range(4)] == [True, True, True, False]


def test_a_server_that_is_down_is_tried_at_once_with_somebody_new() -> None:
    turns = Turns(1, 60, 600)
    turns.add([letter(1, "onyx")])
    one = turns.next(0)
    assert one is not None
    turns.refused(one, 0, None)
    assert turns.next(1) is None

    turns.add([letter(2, "basalt")])

    assert turns.next(1) == letter(2, "basalt")


@pytest.mark.parametrize(
    ("named", "seconds"),
    [
        (None, None),
        ("120", 120),
        ("-1", None),
        ("soon", None),
        ("²", None),
        ("Mon, 02 Mar 2026 09:31:00 GMT", 60),
        ("Mon, 02 Mar 2026 09:00:00 GMT", 0),
    ],
)
def test_a_wait_that_the_other_side_names_is_read(named: str | None, seconds: float | None) -> None:
    assert _seconds(named, datetime(2026, 3, 2, 9, 30, tzinfo=UTC)) == seconds


class _Ahead(SystemClock):
    """Four minutes later: within what a receiver tolerates."""

    def now(self) -> datetime:
        return datetime.fromtimestamp(super().now().timestamp() + 240, UTC)
