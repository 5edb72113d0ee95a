"""Nobody who is spoken of, rightly or by mistake, stands anywhere that whoever runs the edge can look: not in its log,
its spans, its metrics or its answers, nor in the hub's files.

A system that is set up wrongly sends what it should have sealed, and sends it anywhere: in the address, in a header, as
a user name. So all of these are tried here, at the most verbose level.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from broker import telemetry
from broker.app import hub_folder
from broker.assertions import ASSERTION_TYPE
from broker.envelope import MEDIA_TYPE
from broker.sealing.entropy import system_entropy
from broker.telemetry import Count, Event, Span
from schemas.strict import b64_encode, b64u_encode, json_encode
from tests.faults.canaries import canaries_in, canaries_under
from tests.faults.county import BASALT, ONYX, QUARTZ, case_opened, moved, resides
from tests.faults.edge_at_work import Answer, AtWork, at_work
from tests.faults.hostile_publisher import sealed, words
from tests.faults.listening import Told, listening
from tests.personas import BLACKBURN, BLACKBURN_CHILDREN, CANARIES, CHORLEY, POLICE, PRESTON, everything
from tests.served import Served

US, NAME, STREET = POLICE.name, ONYX.family, ONYX.street
PLAIN = {label.value: said.model_dump(mode="json") for label, said in everything().items()}
"""What should have been sealed."""


async def a_day(here: Served) -> None:
    """Police say what is theirs to say about three people, social care hears it, and says what is not."""
    police, children = here.desks[US], here.desks[BLACKBURN_CHILDREN.name]
    for persona in (ONYX, BASALT, QUARTZ):
        await police.publish(case_opened(persona))
    said = await police.publish(moved(ONYX, to=BLACKBURN, old=PRESTON))
    await police.publish(moved(QUARTZ, to=CHORLEY, old=BLACKBURN))
    await here.tellwise.settled()
    await children.hear()
    await children.acknowledge(said, f"{NAME}, duty social worker")
    await children.publish(resides(ONYX, BLACKBURN))
    await here.tellwise.settled()
    for desk in here.desks.values():
        await desk.hear()


def in_bodies(here: AtWork, token: str) -> Iterator[Answer]:
    """What should have been sealed, in bodies of every sort."""
    event = {
        "specversion": "1.0",
        "type": "tellwise.notification.v1",
        "source": f"urn:{NAME}",
        "id": f"{NAME}, {STREET}",
        "subject": NAME,
    }
    said = words(moved(ONYX, to=BLACKBURN, old=PRESTON), 50, here.clock.now(), area=NAME)
    by_hand: dict[str, Any] = sealed(said, US, here.here.keys(US), here.here.tellwise.directory.hub)
    for body in (
        PLAIN,
        event,
        {**event, "data": PLAIN},
        {**event, "data_base64": b64_encode(json_encode(PLAIN))},
        {**event, "data": {**by_hand, "head": PLAIN}},
        {**event, "data": {**by_hand, "head": b64u_encode(json_encode(PLAIN))}},
        {**event, "data": {**by_hand, "c": {NAME: PLAIN}}},
        {**event, "data": {**by_hand, "sig": PLAIN}},
        {**event, "data": {**by_hand, NAME: NAME}},
        {**event, "data": by_hand},  # in order, but for an area of that name under the seal
        {**event, "datacontenttype": NAME, "data": by_hand},
        {**event, NAME: NAME, "time": NAME},
        [PLAIN],
        NAME,
    ):
        yield here.publish(token, json_encode(body))
    for spoilt in (
        NAME.encode(),
        f'{{"a":"{NAME}"'.encode(),
        f'{{"{NAME}":1,"{NAME}":2}}'.encode(),
        NAME.encode("utf-16"),
    ):
        yield here.publish(token, spoilt)
    yield here.publish(token, NAME.encode() * 200_000)
    yield here.ask("PUT", "/v1/notifications", content=json_encode(PLAIN))


def in_addresses_and_headers(here: AtWork, token: str) -> Iterator[Answer]:
    """The same where nobody would look for it."""
    name = quote(f"{NAME} {STREET}")
    for path in (
        f"/{name}",
        f"/v1/{name}/{name}",
        f"/v1/inboxes/{name}/items?start={name}",
        f"/v1/inboxes/{NAME}/items",
        f"/v1/ledgers/{name}/{name}/checkpoint",
        f"/v1/ledgers/a/b/entries/{name}",
        f"/v1/ledgers/a/b/consistency?sizes={name}",
        f"/v1/directory/items?start={name}&{name}={name}",
        f"/health?{name}={name}",
        f"/ready?person={name}",
        f"/?{name}",
    ):
        yield here.ask("GET", path, token=token)
        yield here.ask("GET", path)
    named = {"X-Person": NAME, "User-Agent": NAME, "Referer": f"https://x/{name}", "Cookie": f"person={NAME}"}
    traced = {"traceparent": f"00-{NAME}", "tracestate": f"a={NAME}", "baggage": f"person={NAME}", "Forwarded": NAME}
    yield here.ask("GET", "/health", token=token, headers=named)
    yield here.ask("GET", "/v1/directory/items", token=token, headers={**traced, "X-Forwarded-For": NAME})
    yield here.ask("GET", "/v1/directory/items", token=NAME)
    yield here.ask("GET", "/v1/directory/items", headers={"Authorization": f"{NAME} {NAME}"})
    yield here.publish(token, b"{}", {"Content-Type": f"{NAME}/{NAME}"})
    yield here.publish(token, b"{}", {"Content-Type": f"{MEDIA_TYPE}; charset={NAME}"})
    yield here.publish(token, b"{}", {"Content-Encoding": NAME})
    yield here.ask(NAME.upper(), "/health")


def in_log_ins(here: AtWork) -> Iterator[Answer]:
    """The same from somebody who tries to log in."""
    signer, now = here.here.keys(US).signer, int(here.clock.now().timestamp())
    header = {"alg": "Ed25519", "kid": signer.kid, "typ": "client-authentication+jwt"}
    said = {
        "iss": US,
        "sub": US,
        "aud": here.here.url,
        "jti": b64u_encode(system_entropy(16)),
        "iat": now,
        "exp": now + 60,
    }
    for told, claims in (
        (header, {**said, "iss": NAME}),
        (header, {**said, "sub": NAME}),
        (header, {**said, "aud": NAME}),
        (header, {**said, "jti": NAME}),
        (header, {**said, NAME: NAME}),
        ({**header, "kid": NAME}, said),
        ({**header, "alg": NAME}, said),
        (header, PLAIN),
    ):
        parts = ".".join(b64u_encode(json_encode(part)) for part in (told, claims))
        assertion = f"{parts}.{b64u_encode(signer.sign(parts.encode()))}"
        yield here.ask("POST", "/oauth/token", data={**here.form(US), "client_assertion": assertion})
    for form in (
        {NAME: NAME},
        {"grant_type": NAME},
        {"grant_type": "password", "username": NAME, "password": STREET},
        {"grant_type": "client_credentials", "client_id": NAME, "client_secret": STREET},
        {"grant_type": "client_credentials", "client_assertion_type": NAME, "client_assertion": NAME},
        {"grant_type": "client_credentials", "client_assertion_type": ASSERTION_TYPE, "client_assertion": NAME},
        {**here.form(US), "scope": NAME, "state": STREET},
    ):
        yield here.ask("POST", "/oauth/token", data=form)
    yield here.ask("POST", "/oauth/token", content=json_encode(PLAIN), headers={"Content-Type": "application/json"})
    yield here.ask("POST", f"/oauth/token?{urlencode({NAME: NAME})}", content=NAME.encode())


def byte_by_byte(here: AtWork, token: str) -> Iterator[bytes]:
    """The same as what is no HTTP, or breaks off."""
    lines = (f"Host: {NAME}", f"Authorization: Bearer {token}", f"Content-Type: {MEDIA_TYPE}")
    head = "\r\n".join(("POST /v1/notifications HTTP/1.1", *lines))
    for data in (
        f"{NAME} /{NAME} {NAME}\r\n\r\n",
        f"GET /{NAME} HTTP/1.1\r\n{NAME}\r\n\r\n",
        f"GET /{NAME} HTTP/1.1\r\nHost: {NAME}\r\nX: {NAME * 3_000}\r\n\r\n",
        f"{head}\r\nContent-Length: {NAME}\r\n\r\n",
        f"{head}\r\nTransfer-Encoding: {NAME}\r\n\r\n",
        f"{head}\r\nTransfer-Encoding: chunked\r\n\r\n{NAME}\r\n",
        f"{head}\r\nContent-Length: 500\r\n\r\n{NAME}",
    ):
        yield here.raw(data.encode(), ends=True)


def test_nobody_stands_anywhere_at_the_edge(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PYTHONASYNCIODEBUG", "1")  # asyncio says whom it ran, and for how long
    answered: list[bytes] = []
    with listening() as told:
        with at_work(tmp_path / "data", before=a_day) as here:
            token = here.log_in(US)
            answers = [
                *in_bodies(here, token),
                *in_addresses_and_headers(here, token),
                *in_log_ins(here),
            ]
            answered += byte_by_byte(here, token)
            here.settle()
            document = json.loads(here.ask("GET", "/openapi.json").body)
            kept = hub_folder(here.here.tellwise.folder)
        answered += [json.dumps(answer.headers).encode() + answer.body for answer in answers]

        assert canaries_in(told.in_log(), CANARIES) == []
        assert canaries_in(told.in_spans(), CANARIES) == []
        assert canaries_in(told.in_metrics(), CANARIES) == []
        assert canaries_in("".join(capfd.readouterr()).encode(), CANARIES) == []
        assert canaries_in(b"\n".join(answered), CANARIES) == []
        assert canaries_under(kept, CANARIES) == []
        assert len(told.in_log()) > 5_000
        assert told.events()[Event.REQUEST_FAILED] == 0
        assert {answer.status for answer in answers} >= {200, 202, 400, 401, 404, 405, 413, 415, 422}
    assert routes_of(told) <= {"unknown", "/", "/openapi.json", *document["paths"]}
    assert len(routes_of(told)) > 8
    assert len([span for span in told.exported.spans if span.name == Span.REQUEST_SERVE]) > 60


def routes_of(told: Told) -> set[str]:
    """The routes that requests were counted by."""
    (resource,) = json.loads(told.exported.metrics())["resource_metrics"]
    metrics = [one for scope in resource["scope_metrics"] for one in scope["metrics"]]
    counted = next(one for one in metrics if one["name"] == Count.REQUEST_SERVED)
    return {str(point["attributes"]["http.route"]) for point in counted["data"]["data_points"]}


def test_a_fault_of_ours_is_said_without_what_caused_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever goes wrong in there may quote what it was given; none of that leaves."""

    def broken(*_args: object) -> None:
        raise ValueError(f"cannot parse {NAME}, who lives at {STREET}") from KeyError(NAME)

    with listening() as told, at_work(tmp_path / "data") as here:
        token = here.log_in(US)
        monkeypatch.setattr(here.here.tellwise.edge, "put", broken)
        came = here.http.post(
            "/v1/notifications",
            content=here.event(US, case_opened(ONYX)),
            headers={"Authorization": f"Bearer {token}", "Content-Type": MEDIA_TYPE},
        )

    assert (came.status_code, came.json()["type"]) == (500, "urn:tellwise:problem:broken")
    assert came.headers["cache-control"] == "no-store"
    assert told.events()[Event.REQUEST_FAILED] == 1
    assert b"ValueError" in told.in_log()
    everything_told = told.in_log() + told.in_spans() + told.in_metrics() + came.content + repr(came.headers).encode()
    assert canaries_in(everything_told, CANARIES) == []


@pytest.mark.parametrize("where", ["log", "spans", "metrics"])
def test_a_name_that_does_stand_there_is_noticed(tmp_path: Path, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The edge's own log line, span and count, each given an address instead of a route."""
    real = telemetry.span

    def said(scope: Any) -> str:
        telemetry.emit(Event.REQUEST_FAILED, route=scope["path"])
        return "GET"

    with listening() as told, at_work(tmp_path / "data") as here:
        match where:
            case "log":
                monkeypatch.setattr("broker.api.app._method", said)
            case "spans":
                monkeypatch.setattr("broker.telemetry.span", lambda which, **_: real(which, route=f"/{NAME}"))
            case "metrics":
                monkeypatch.setattr("broker.api.app._route", lambda scope: scope["path"])
        here.http.get(f"/{NAME}")

    everywhere = {"log": told.in_log(), "spans": told.in_spans(), "metrics": told.in_metrics()}
    assert {place for place, said in everywhere.items() if canaries_in(said, [NAME])} == {where}
