"""Who may ask for what: every operation that the application has, asked by everybody who could ask.

The list of operations is the application's own, so one that is added tomorrow is asked tomorrow; and one that does not
say who may ask for it is not served at all.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute

from broker.api import make_app
from broker.api.access import PERMISSION, Caller, Permission, PermissionUndeclared, check_declared
from broker.api.parts import Parts
from broker.api.routes import add_operations
from broker.errors import NotThere
from broker.ledger.entries import Filler, read_entry
from broker.sealing.entropy import system_entropy
from broker.settings import Http
from schemas import DeskId
from tests.contracts.clock import MovedClock
from tests.faults.county import LANE, ONYX, case_opened, moved
from tests.faults.edge_at_work import Answer, AtWork, at_work
from tests.personas import (
    BLACKBURN,
    BLACKBURN_CHILDREN,
    LANCASHIRE_CHILDREN,
    POLICE,
    PRESTON,
    PROBATION,
)
from tests.served import Served

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "TELLWISE")

US, OTHERS, GONE = BLACKBURN_CHILDREN.name, LANCASHIRE_CHILDREN.name, PROBATION.name


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the application."""

    method: str
    path: str
    permission: Permission

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def an_app(served: Served | None = None) -> FastAPI:
    """The application, as it is served; without a hub it can say what it has, and nothing else."""
    tellwise: Any = None if served is None else served.tellwise
    parts = Parts(
        getattr(tellwise, "edge", tellwise),
        getattr(tellwise, "ledgers", tellwise),
        lambda: tellwise.directory,
        lambda: 0,
        Http(),
        url="http://127.0.0.1",
        clock=MovedClock(),
        entropy=system_entropy,
        monotonic_s=lambda: 0.0,
    )
    return make_app(parts)


ROUTES = [route for route in an_app().routes if isinstance(route, APIRoute)]
OPERATIONS = [
    Operation(method, route.path, Permission((route.openapi_extra or {})[PERMISSION]))
    for route in ROUTES
    for method in sorted(route.methods or ())
]
OF_ANYBODY = [operation for operation in OPERATIONS if operation.permission is Permission.ANYBODY]
OF_DESKS = [operation for operation in OPERATIONS if operation.permission is Permission.DESK]


@dataclass
class World:
    """A hub at work, and what everybody who may ask has in hand."""

    here: AtWork
    tokens: dict[str, str | None] = field(default_factory=dict)
    """By who it is; None is no token."""
    places: dict[str, int] = field(default_factory=dict)
    """Entries of the lane's ledger, by whose they are."""

    def path(self, path: str, **changed: str) -> str:
        """An address that we may ask for, with its parameters filled in."""
        hub, _, lane = LANE.partition("/")
        known = {"hub": hub, "lane": lane, "mailbox": self.here.mailbox(US), "index": str(self.places["ours"])}
        filled = re.sub(r"\{(\w+)\}", lambda found: (known | changed)[found[1]], path)
        return filled + ("?sizes=1,2" if path.endswith("/consistency") else "")

    def ask(self, operation: Operation, who: str) -> Answer:
        """Ask for an operation on what is ours."""
        return self.here.ask(operation.method, self.path(operation.path), token=self.tokens[who])


def whose(here: AtWork) -> dict[str, int]:
    """The place of an entry that is ours, of another's, and of a filler."""
    found: dict[str, int] = {}
    for index in range(10_000):
        try:
            entry = read_entry(here.here.tellwise.ledgers.any_entry(LANE, index)[0])
        except NotThere:
            break
        to = getattr(entry, "to", None)
        else_ = "filler" if isinstance(entry, Filler) else "nobody's"
        name = {US: "ours", OTHERS: "another's"}.get(DeskId(str(to)), else_)
        found.setdefault(name, index)
        found["beyond"] = index + 1
    return found


async def a_move(here: Served) -> None:
    """Both offices for children are told, so each has entries of its own."""
    await here.desks[POLICE.name].publish(case_opened(ONYX))
    await here.desks[POLICE.name].publish(moved(ONYX, to=BLACKBURN, old=PRESTON))
    await here.tellwise.settled()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with at_work(tmp_path_factory.mktemp("edge") / "data", before=a_move) as here:
        expired = here.log_in(US)
        here.clock.move(seconds=301)
        revoked = here.log_in(GONE)
        here.do(here.here.tellwise.registrar.revoke(GONE))
        here.settle()
        tokens = {
            "without a token": None,
            "with a token that is none": "A" * 43,
            "with a token that is over": expired,
            "with a revoked desk's token": revoked,
            "us": here.log_in(US),
            "another desk": here.log_in(OTHERS),
        }
        yield World(here, tokens, whose(here))


STRANGERS = ["without a token", "with a token that is none", "with a token that is over", "with a revoked desk's token"]


# --- the matrix -------------------------------------------------------------------------------------------------------


def test_there_is_something_to_ask_for() -> None:
    assert len(OF_DESKS) >= 6
    assert {operation.path for operation in OF_ANYBODY} >= {"/health", "/ready", "/oauth/token", "/openapi.json"}


@pytest.mark.parametrize("who", [*STRANGERS, "us", "another desk"])
@pytest.mark.parametrize("operation", OF_ANYBODY, ids=str)
def test_what_is_anybodys_is_not_refused_to_anybody(world: World, operation: Operation, who: str) -> None:
    answer = world.ask(operation, who)

    assert answer.status in ({400} if operation.method == "POST" else {200})


@pytest.mark.parametrize("who", STRANGERS)
@pytest.mark.parametrize("operation", OF_DESKS, ids=str)
def test_what_is_a_desks_is_refused_to_whoever_is_none(world: World, operation: Operation, who: str) -> None:
    answer = world.ask(operation, who)

    assert (answer.status, answer.problem) == (401, "unauthenticated")
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("operation", OF_DESKS, ids=str)
def test_every_stranger_is_refused_in_the_same_words(world: World, operation: Operation) -> None:
    answers = [world.ask(operation, who).without_date for who in STRANGERS]

    assert all(answer == answers[0] for answer in answers)


@pytest.mark.parametrize("operation", OF_DESKS, ids=str)
def test_a_desk_may_ask_for_what_is_its_own(world: World, operation: Operation) -> None:
    answer = world.ask(operation, "us")

    assert answer.status in ({415} if operation.method == "POST" else {200})


@pytest.mark.parametrize(
    "spelt",
    [
        "Basic {}",
        "bearer",
        "Bearer",
        "{}",
        "Bearer  {}",
        "Token {}",
        "Bearer {}, Bearer {}",
        'Bearer "{}"',
    ],
)
def test_a_token_in_another_form_is_none(world: World, spelt: str) -> None:
    token = world.tokens["us"]

    answer = world.here.ask("GET", "/v1/directory/items", headers={"Authorization": spelt.format(token, token)})

    assert answer.status == 401


def test_a_token_elsewhere_than_in_its_header_is_none(world: World) -> None:
    token = world.tokens["us"]
    answer = world.here.ask("GET", f"/v1/directory/items?access_token={token}", headers={"Cookie": f"token={token}"})

    assert answer.status == 401


# --- what is another desk's is not there ------------------------------------------------------------------------------

NOT_THERE: dict[str, Callable[[World], str]] = {
    "another's mailbox": lambda world: world.path("/v1/inboxes/{mailbox}/items", mailbox=world.here.mailbox(OTHERS)),
    "no mailbox": lambda world: world.path("/v1/inboxes/{mailbox}/items", mailbox="A" * 22),
    "a mailbox in another spelling": lambda world: world.path(
        "/v1/inboxes/{mailbox}/items", mailbox=world.here.mailbox(US).swapcase()
    ),
    "a desk's name for its mailbox": lambda world: world.path("/v1/inboxes/{mailbox}/items", mailbox=US),
    **{
        name: lambda world, name=name: world.path(  # type: ignore[misc]
            "/v1/ledgers/{hub}/{lane}/entries/{index}", index=str(world.places[name])
        )
        for name in ("another's", "filler", "nobody's", "beyond")
    },
    "far beyond": lambda world: world.path("/v1/ledgers/{hub}/{lane}/entries/{index}", index=str(2**53 - 1)),
    "an entry of no ledger": lambda world: world.path("/v1/ledgers/{hub}/{lane}/entries/{index}", lane="lane-7"),
    "another hub's ledger": lambda world: world.path("/v1/ledgers/{hub}/{lane}/checkpoint", hub="other.example"),
    "no ledger": lambda world: world.path("/v1/ledgers/{hub}/{lane}/checkpoint", lane="lane-7"),
    "growth of no ledger": lambda world: world.path("/v1/ledgers/{hub}/{lane}/consistency", lane="lane-7"),
    "growth beyond the end": lambda world: _sizes(world, f"1,{world.places['beyond'] + 1}"),
    "growth far beyond the end": lambda world: _sizes(world, f"1,{10**19 - 1}"),
    "growth that shrinks": lambda world: _sizes(world, "2,1"),
    "growth that stands still": lambda world: _sizes(world, "2,2"),
    "no address of ours": lambda _world: "/v1/nothing",
    "the root of what is ours": lambda _world: "/v1/",
    "ours with a slash": lambda _world: "/v1/directory/items/",
    "ours in capitals": lambda _world: "/V1/directory/items",
    "a way out": lambda _world: "/v1/directory/%2e%2e/%2e%2e/etc/passwd",
    "a documentation that is not ours": lambda _world: "/docs",
}


def _sizes(world: World, sizes: str) -> str:
    return world.path("/v1/ledgers/{hub}/{lane}/consistency").replace("1,2", sizes)


@pytest.mark.parametrize("path", NOT_THERE.values(), ids=NOT_THERE.keys())
def test_what_is_not_ours_looks_like_what_is_not_there(world: World, path: Callable[[World], str]) -> None:
    nothing = world.here.ask(
        "GET", world.path("/v1/inboxes/{mailbox}/items", mailbox="B" * 22), token=world.tokens["us"]
    )

    answer = world.here.ask("GET", path(world), token=world.tokens["us"])

    assert answer.without_date == nothing.without_date
    assert (answer.status, answer.problem) == (404, "not-there")


def test_the_same_entry_is_there_for_the_desk_that_was_told(world: World) -> None:
    ours, theirs = (
        world.path("/v1/ledgers/{hub}/{lane}/entries/{index}", index=str(world.places[name]))
        for name in ("ours", "another's")
    )

    statuses = [
        [world.here.ask("GET", path, token=world.tokens[who]).status for path in (ours, theirs)]
        for who in ("us", "another desk")
    ]

    assert statuses == [[200, 404], [404, 200]]


def test_the_directorys_entries_are_everybodys(world: World) -> None:
    path = world.path("/v1/ledgers/{hub}/{lane}/entries/{index}", lane="directory", index="0")

    assert {world.here.ask("GET", path, token=world.tokens[who]).status for who in ("us", "another desk")} == {200}


# --- other methods, other paths ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["without a token", "us"])
@pytest.mark.parametrize("path", sorted({operation.path for operation in OPERATIONS}))
def test_a_method_that_an_address_does_not_have_is_a_problem(world: World, path: str, who: str) -> None:
    has = {operation.method for operation in OPERATIONS if operation.path == path}

    for method in METHODS:
        answer = world.here.ask(method, world.path(path), token=world.tokens[who])
        if method not in has:
            assert (answer.status, answer.headers["allow"]) == (405, ", ".join(sorted(has)))
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.body == b"" if method == "HEAD" else answer.problem == "no-such-method"


@pytest.mark.parametrize("method", METHODS)
def test_an_address_that_is_none_is_a_problem_in_every_method(world: World, method: str) -> None:
    answer = world.here.ask(method, "/v1/nothing", token=world.tokens["us"])

    assert (answer.status, answer.headers["content-type"]) == (404, "application/problem+json")


def test_no_problem_repeats_what_was_sent(world: World) -> None:
    asked = "Synthetic-Onyx"
    answers = [
        world.here.ask("GET", f"/{asked}"),
        world.here.ask("GET", f"/v1/inboxes/{asked}/items?start={asked}", token=world.tokens["us"]),
        world.here.ask("GET", f"/v1/ledgers/{asked}/{asked}/checkpoint", token=world.tokens["us"]),
        world.here.ask("GET", f"/v1/ledgers/a/b/entries/{asked}", token=world.tokens["us"]),
        world.here.ask("POST", "/oauth/token", data={asked: asked}),
        world.here.ask("GET", "/v1/directory/items", token=asked),
        world.here.ask(asked.upper(), "/health"),
    ]

    assert [answer.status for answer in answers] == [404, 422, 422, 422, 400, 401, 405]
    assert not any(asked.lower() in json.dumps([answer.headers, answer.body.decode()]).lower() for answer in answers)


# --- what is not declared is not served -------------------------------------------------------------------------------


async def nothing() -> None:
    """An operation that does nothing."""


async def for_a_caller(caller: Caller) -> None:
    """An operation that asks who it is."""


async def with_a_caller_below(caller: Caller) -> str:
    """Something that an operation could stand on, and that asks who it is."""
    return caller.id


UNDECLARED: dict[str, Callable[[APIRouter], None]] = {
    "says nothing": lambda router: router.add_api_route("/planted", nothing),
    "says nothing and asks": lambda router: router.add_api_route("/planted", for_a_caller),
    "says what is none": lambda router: router.add_api_route("/planted", nothing, openapi_extra={PERMISSION: "all"}),
    "is a desk's and does not ask": lambda router: router.add_api_route(
        "/planted", nothing, openapi_extra={PERMISSION: "desk"}
    ),
    "is anybody's and asks": lambda router: router.add_api_route(
        "/planted", for_a_caller, openapi_extra={PERMISSION: "anybody"}
    ),
    "is no operation": lambda router: router.add_route("/planted", nothing),  # type: ignore[arg-type]
    "is a connection that stays": lambda router: router.add_websocket_route("/planted", nothing),  # type: ignore[arg-type]
    "is another application": lambda router: router.mount("/planted", FastAPI()),
}


@pytest.mark.parametrize("plant", UNDECLARED.values(), ids=UNDECLARED.keys())
def test_an_operation_that_does_not_say_who_may_ask_is_not_served(
    plant: Callable[[APIRouter], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def with_one_more(router: APIRouter, parts: Parts) -> None:
        add_operations(router, parts)
        plant(router)

    monkeypatch.setattr("broker.api.app.add_operations", with_one_more)

    with pytest.raises(PermissionUndeclared, match="planted"):
        an_app()


def test_one_that_says_so_is_served() -> None:
    app = an_app()
    app.add_api_route("/planted", for_a_caller, openapi_extra={PERMISSION: "desk"})
    app.add_api_route("/planted-too", nothing, openapi_extra={PERMISSION: "anybody"})

    check_declared(app)

    assert len(app.routes) == len(ROUTES) + 2


def test_nothing_can_be_tried_out_and_nothing_is_hidden_from_the_matrix() -> None:
    app = an_app()

    assert len(app.routes) == len(ROUTES)
    assert not [route.path for route in ROUTES if route.path.endswith("/try")]
    documented = {(method.upper(), path) for path, methods in app.openapi()["paths"].items() for method in methods}
    assert {(operation.method, operation.path) for operation in OF_DESKS} <= documented


def test_the_document_says_of_every_operation_who_may_ask(world: World, tmp_path: Path) -> None:
    document = json.loads(world.here.ask("GET", "/openapi.json").body)

    for methods in document["paths"].values():
        for operation in methods.values():
            assert (operation[PERMISSION] == "desk") == bool(operation.get("security"))
            assert (operation[PERMISSION] == "desk") == ("401" in operation["responses"] and "security" in operation)
