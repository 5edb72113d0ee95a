"""A letter goes to a public address, or where the settings allow: whatever a name stands for, now or a moment later."""

from collections.abc import Sequence
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
import trustme

from agency_adapters.webhook import Webhook, WebhookSettings
from agency_adapters.webhook.adapter import OUTLET
from agency_adapters.webhook.addresses import AddressRefused, is_permitted, look_up, permitted_addresses
from broker.client import Desk
from broker.clock import SystemClock
from broker.errors import SettingsRefused
from tests.contracts.engine import story
from tests.units.desk_at_work import at_work, met, police_folder, put_letter, until
from tests.units.endpoint import HOST, SECRET, Endpoint, serving
from tests.units.test_webhook import keep_secret


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """The folder of a hub, with the desk's own beside it; its secret is in a file there."""
    folder = met(tmp_path / "world")
    keep_secret(police_folder(folder) / "webhook.key", SECRET)
    return folder


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def settings(world: Path, authority: trustme.CA, endpoint: Endpoint, **changes: Any) -> WebhookSettings:
    authority.cert_pem.write_to_path(str(police_folder(world) / "authorities.pem"))
    given = {
        "url": f"https://{HOST}:{endpoint.port}/letters",
        "secret_file": "webhook.key",
        "authorities": "authorities.pem",
        "allow_networks": ["127.0.0.0/8"],
        "retry_first_ms": 10,
        "retry_longest_ms": 20,
    }
    return WebhookSettings.model_validate(given | changes)


class Names:
    """Says what a name stands for: each time the next answer, and at last always the same."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers, self.asked = list(answers), 0

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked += 1
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def handed_on(desk: Desk) -> bool:
    return not desk.store.unhanded(OUTLET, 1)


REFUSED = [
    *("0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1"),  # noqa: S104 - refused, not listened on
    *("127.8.9.1", "169.254.169.254", "172.16.0.1", "172.31.255.255"),
    *("192.0.0.8", "192.0.2.1", "192.168.1.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1"),
    *("239.255.255.255", "240.0.0.1", "255.255.255.255"),
    *("::", "::1", "::7f00:1", "fc00::1", "fd12:3456::1", "fe80::1", "fe80::1%1", "ff02::1", "fec0::1"),
    *("::ffff:10.0.0.1", "::ffff:127.0.0.1", "::ffff:0:127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a00:1"),
    *("64:ff9b:1::808:808", "2002:7f00:1::", "2002:a00:1::1", "2002:c0a8:101::", "2001::1", "2001:db8::1", "3fff::1"),
    *("100::1", "5f00::1", "4000::1"),
]


@pytest.mark.parametrize("address", REFUSED)
def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    assert not is_permitted(ip_address(address), ())


@pytest.mark.parametrize(
    "address",
    [
        *("8.8.8.8", "100.63.255.255", "100.128.0.1", "172.15.0.1", "172.32.0.1", "192.169.0.1", "223.255.255.255"),
        *("2606:4700::1", "2a00:1450::1", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"),
    ],
)
def test_a_public_address_is_permitted(address: str) -> None:
    assert is_permitted(ip_address(address), ())


@pytest.mark.parametrize(
    ("address", "network"),
    [("10.20.1.1", "10.20.0.0/16"), ("::ffff:10.20.1.1", "10.20.0.0/16"), ("fd12::1", "fd12::/64"), ("::1", "::1/128")],
)
def test_a_private_network_is_permitted_where_the_settings_list_it(address: str, network: str) -> None:
    assert is_permitted(ip_address(address), (ip_network(network),))
    assert not is_permitted(ip_address(address), (ip_network("10.21.0.0/16"), ip_network("fd13::/64")))


@story
async def test_the_certificate_is_that_of_the_name_and_the_connection_goes_to_the_checked_address(
    world: Path, authority: trustme.CA
) -> None:
    names = Names(["127.0.0.1"])

    async with (
        serving(Endpoint(), authority) as endpoint,
        at_work(world, Webhook(names), settings(world, authority, endpoint), SystemClock()) as work,
    ):
        put_letter(work.desk)
        await until(lambda: handed_on(work.desk))

    (request,) = endpoint.requests
    assert request.headers["host"] == f"{HOST}:{endpoint.port}"
    assert endpoint.names == [HOST]
    assert names.asked == 1


@story
async def test_a_certificate_of_another_name_or_authority_gets_no_letter(world: Path, authority: trustme.CA) -> None:
    stranger = trustme.CA()
    for theirs, name in ((authority, "other.invented.example"), (authority, "127.0.0.1"), (stranger, HOST)):
        names = Names(["127.0.0.1"])
        async with (
            serving(Endpoint(), theirs, name) as endpoint,
            at_work(world, Webhook(names), settings(world, authority, endpoint), SystemClock()) as work,
        ):
            put_letter(work.desk)
            work.news.set()
            await until(lambda: names.asked > 3)  # noqa: B023 - awaited at once

            assert not handed_on(work.desk)
        assert endpoint.requests == []


@pytest.mark.parametrize("answer", [["127.0.0.1"], ["8.8.8.8", "127.0.0.1"], ["::ffff:127.0.0.1"], []])
@story
async def test_a_name_that_stands_for_something_private_gets_no_letter(
    answer: list[str], world: Path, authority: trustme.CA
) -> None:
    names = Names(answer)
    async with serving(Endpoint(), authority) as endpoint:
        given = settings(world, authority, endpoint, allow_networks=[])
        async with at_work(world, Webhook(names), given, SystemClock()) as work:
            put_letter(work.desk)
            await until(lambda: names.asked > 3)

            assert not handed_on(work.desk)

    assert endpoint.connections == 0


@story
async def test_a_name_that_changes_after_it_was_checked_leads_nowhere_else(world: Path, authority: trustme.CA) -> None:
    names = Names(["127.0.0.9"], ["127.0.0.1"])  # the first is allowed, and nobody listens there; the second is not
    async with serving(Endpoint(), authority) as endpoint:
        given = settings(world, authority, endpoint, allow_networks=["127.0.0.9/32"])
        async with at_work(world, Webhook(names), given, SystemClock()) as work:
            put_letter(work.desk)
            await until(lambda: names.asked > 3)

            assert not handed_on(work.desk)

    assert endpoint.connections == 0


@story
async def test_of_several_addresses_the_next_is_tried_where_nobody_listens(world: Path, authority: trustme.CA) -> None:
    async with serving(Endpoint(), authority) as endpoint:
        given = settings(world, authority, endpoint, retry_first_ms=60_000, retry_longest_ms=60_000)
        async with at_work(world, Webhook(Names(["127.0.0.9", "127.0.0.1"])), given, SystemClock()) as work:
            put_letter(work.desk)
            work.news.set()
            await until(lambda: handed_on(work.desk))


@story
async def test_no_proxy_of_the_environment_comes_between(
    world: Path, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(Endpoint()) as between, serving(Endpoint(), authority) as endpoint:
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{between.port}")
        given = settings(world, authority, endpoint)
        async with at_work(world, Webhook(Names(["127.0.0.1"])), given, SystemClock()) as work:
            put_letter(work.desk)
            work.news.set()
            await until(lambda: handed_on(work.desk))

    assert between.connections == 0


@pytest.mark.parametrize("host", ["10.0.0.1", "[::1]", "169.254.169.254"])
def test_a_private_address_in_the_settings_is_refused_before_the_first_letter(host: str, world: Path) -> None:
    given = WebhookSettings(url=f"https://{host}/letters", secret_file="webhook.key")

    @story
    async def begin() -> None:
        async with at_work(world, Webhook(), given):
            pass

    with pytest.raises(SettingsRefused, match="allow_networks"):
        begin()


@story
async def test_plain_http_goes_to_this_machine_alone() -> None:
    names = Names(["10.20.1.1"])  # as if somebody had given localhost another meaning
    allowed = (ip_network("10.20.0.0/16"),)

    assert await permitted_addresses("localhost", 80, allowed, names, plain=False) == [ip_address("10.20.1.1")]
    with pytest.raises(AddressRefused):
        await permitted_addresses("localhost", 80, allowed, names, plain=True)


@story
async def test_a_name_is_looked_up_as_this_machine_does() -> None:
    assert "127.0.0.1" in await look_up("127.0.0.1", 443)
