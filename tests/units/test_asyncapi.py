"""The AsyncAPI document of a desk's topics is that of the application, true of what lies there, and served as it is."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi.routing import APIRoute
from jsonschema_rs import Draft202012Validator

from broker.api.app import make_app
from broker.client import Sending
from broker.listening.document import document, write
from broker.topics import inbox
from schemas.publish import ASYNCAPI_FILE, PUBLISHED
from tests.contracts.clock import MovedClock
from tests.contracts.engine import story
from tests.faults.county import ONYX, case_opened, county, moved
from tests.personas import BLACKBURN, BLACKBURN_CHILDREN, CANARIES, POLICE, PRESTON
from tests.served import served

TWO = (POLICE, BLACKBURN_CHILDREN)
DOCUMENT: dict[str, Any] = json.loads(document())
PUBLISHING = {"POST", "PUT", "PATCH", "DELETE"}


def fits(form: str, data: bytes) -> bool:
    """Whether these bytes have a form of the document."""
    schema = {"$ref": f"#/components/schemas/{form}", "components": DOCUMENT["components"]}
    return bool(Draft202012Validator(schema).is_valid(json.loads(data)))


def references(value: Any) -> Iterator[str]:
    """Every reference in a part of the document."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name in {"$ref", "x-opens-to"}:
                yield inner
            else:
                yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def found(reference: str) -> Any:
    """What a reference refers to."""
    file, _, pointer = reference.partition("#")
    value = json.loads((PUBLISHED / file).read_text()) if file else DOCUMENT
    for part in pointer.split("/")[1:]:
        value = value[part]
    return value


def test_the_published_document_is_that_of_the_application(tmp_path: Path) -> None:
    write(tmp_path)

    stale = (tmp_path / ASYNCAPI_FILE).read_bytes() != (PUBLISHED / ASYNCAPI_FILE).read_bytes()
    assert not stale, "stale: run `python -m broker.listening.document`"


def test_it_says_what_a_desk_hears_and_says_and_names_nobody() -> None:
    addresses = {name: channel["address"] for name, channel in DOCUMENT["channels"].items()}
    actions = {name: operation["action"] for name, operation in DOCUMENT["operations"].items()}

    assert DOCUMENT["asyncapi"] == "3.0.0"
    assert addresses == {"hear": "inbox.{mailbox}", "say": "outbox.{mailbox}"}
    assert actions == {"hear": "receive", "say": "send"}
    assert "servers" not in DOCUMENT
    assert "example" not in document()
    assert [canary for canary in CANARIES if canary in document()] == []


def test_all_that_it_refers_to_is_there() -> None:
    told = list(references(DOCUMENT))

    assert [reference for reference in told if not found(reference)] == []
    assert {"facts.json", "compartments.json#/properties/address"} < set(told)


@story
async def test_what_lies_in_an_inbox_and_in_an_outbox_has_the_forms_of_the_document(tmp_path: Path) -> None:
    async with county(tmp_path, MovedClock(), TWO) as here:
        await here.say(POLICE.name, case_opened(ONYX, team=()), moved(ONYX, to=BLACKBURN, old=PRESTON))
        mailboxes = [here.tellwise.directory.desk(desk.name).mailbox for desk in TWO]
        records = [await here.tellwise.transport.read(inbox(mailbox), 0, 100, 0) for mailbox in mailboxes]
        items = [record.value for listed in records for record in listed]
        said = [one.sealed for one in here.desks[POLICE.name].store.outgoing(*Sending)]

    kinds = {kind for item in items for kind in json.loads(item).keys() - {"entry", "proof"}}
    assert kinds == {"letter", "package", "receipt"}
    assert [item for item in items if not fits("item", item)] == []
    assert len(said) == 2
    assert [one for one in said if not fits("notification", one)] == []


@pytest.mark.parametrize("form", ["item", "notification"])
@pytest.mark.parametrize(
    "data",
    [
        b"[]",
        b"{}",
        b'{"person":"in clear"}',
        b'{"entry":"","proof":"","letter":{}}',
        b'{"entry":"","proof":"","receipt":{"payload":"","sig":{"protected":"","signature":""}},"note":""}',
        b'{"head":"","sig":{"protected":"","signature":""},"mk":{},"c":{"weather":{}}}',
        b'{"head":"","sig":{"protected":"","signature":""},"mk":{},"c":{}}',
    ],
)
def test_other_things_do_not(form: str, data: bytes) -> None:
    assert not fits(form, data)


@story
async def test_the_hub_serves_the_document_and_a_page_of_it_with_nothing_from_elsewhere(tmp_path: Path) -> None:
    async with served(tmp_path, MovedClock(), ()) as here, httpx2.AsyncClient(base_url=here.url) as http:
        told = await http.get("/asyncapi.json")
        page = await http.get("/topics")

        assert (told.status_code, told.headers["content-type"]) == (200, "application/json")
        assert told.content == (PUBLISHED / ASYNCAPI_FILE).read_bytes()
        assert page.status_code == 200
        assert page.headers["content-security-policy"].startswith("default-src 'none'")
        assert "<script" not in page.text
        assert "://" not in page.text
        assert all(f"form-{name}" in page.text for name in DOCUMENT["components"]["schemas"])


@story
async def test_no_route_publishes_but_those_that_the_edge_says_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import broker.service

    apps: list[Any] = []

    def noted(parts: Any) -> Any:
        apps.append(make_app(parts))
        return apps[-1]

    monkeypatch.setattr(broker.service, "make_app", noted)
    async with served(tmp_path, MovedClock(), ()) as here, httpx2.AsyncClient(base_url=here.url) as http:
        tried = [await http.post(f"{path}/try", json={}) for path in ("/asyncapi", "/topics", "/asyncapi.json")]

        (app,) = apps
        assert {answer.status_code for answer in tried} == {404}
        assert {type(route) for route in app.routes} == {APIRoute}
        assert {(method, route.path) for route in app.routes for method in route.methods & PUBLISHING} == {
            ("POST", "/v1/notifications"),
            ("POST", "/oauth/token"),
            ("POST", "/v1/ledgers/{hub}/{lane}/seen"),
        }
