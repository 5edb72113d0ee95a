"""One attempt to hand a letter to the other side.

Source: Standard Webhooks, https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import asyncio
import contextlib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from math import floor
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx2
import standardwebhooks

from agency_adapters.webhook.addresses import Address, AddressRefused, Resolve, permitted_addresses
from agency_adapters.webhook.settings import WebhookSettings
from broker.errors import SettingsRefused
from broker.ports import Clock

_ANSWER_BYTES_MAX = 16_384
"""How much of an answer's body is read, so that the connection can be used again. It says nothing to us."""
_DRAIN_S = 2.0
_GONE = 410


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of an attempt."""

    is_taken: bool
    why: str
    """A word or a status code; never anything that the other side wrote."""
    retry_after_s: float | None = None
    is_gone: bool = False
    """The other side says that it will never take letters here again."""


class Post:
    """The way to the other side."""

    def __init__(
        self, settings: WebhookSettings, secrets: Sequence[bytes], folder: Path, clock: Clock, resolve: Resolve
    ) -> None:
        """Get ready; nothing is connected yet.

        Raises:
            SettingsRefused: the authorities cannot be read.
        """
        self._url = httpx2.URL(settings.url)
        self._settings, self._clock, self._resolve = settings, clock, resolve
        self._signers = [standardwebhooks.Webhook(secret) for secret in secrets]
        # Nothing of the environment decides where a letter goes: no proxy, no .netrc. No redirect is followed, since it
        # would lead to an address that nobody checked.
        self._client = httpx2.AsyncClient(
            verify=_context(settings, folder), trust_env=False, follow_redirects=False, timeout=None
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def send(self, message: str, body: bytes) -> Answer:
        """Make one attempt.

        Args:
            message: Names what is sent, the same in every attempt; without a full stop.
            body: UTF-8, the same in every attempt.
        """
        try:
            async with asyncio.timeout(self._settings.answer_ms / 1_000):
                response = await self._first_answer(message, body)
        except TimeoutError:
            return Answer(False, "timeout")
        except AddressRefused:
            return Answer(False, "address")
        except (httpx2.HTTPError, OSError, UnicodeError):  # the last from a name that DNS cannot hold
            return Answer(False, "connection")
        try:
            return self._read(response)
        finally:
            await self._drain(response)

    async def _first_answer(self, message: str, body: bytes) -> httpx2.Response:
        port = self._url.port or (443 if self._url.scheme == "https" else 80)
        host = self._url.raw_host.decode("ascii").strip("[]")
        addresses = await permitted_addresses(
            host, port, self._settings.allow_networks, self._resolve, plain=self._url.scheme == "http"
        )
        headers = {**self._signed(message, body), "content-type": "application/json", "accept-encoding": "identity"}
        for address in addresses[:-1]:
            try:
                return await self._client.send(self._request(address, host, headers, body), stream=True)
            except httpx2.ConnectError:
                continue  # the next one may answer
        return await self._client.send(self._request(addresses[-1], host, headers, body), stream=True)

    def _request(self, address: Address, host: str, headers: dict[str, str], body: bytes) -> httpx2.Request:
        """A request to the very address that was checked; the certificate is still that of the host's name."""
        return self._client.build_request(
            "POST",
            self._url.copy_with(host=str(address)),
            content=body,
            headers={**headers, "host": self._url.netloc.decode("ascii")},
            extensions={"sni_hostname": host},
        )

    def _signed(self, message: str, body: bytes) -> dict[str, str]:
        now = self._clock.now().astimezone(UTC)  # the library takes any moment for one in UTC
        signatures = [signer.sign(message, now, body.decode("utf-8")) for signer in self._signers]
        return {
            "webhook-id": message,
            "webhook-timestamp": str(floor(now.timestamp())),
            "webhook-signature": " ".join(signatures),
        }

    def _read(self, response: httpx2.Response) -> Answer:
        status = response.status_code
        return Answer(
            is_taken=200 <= status < 300,
            why=str(status),
            retry_after_s=_seconds(response.headers.get("retry-after"), self._clock.now()),
            is_gone=status == _GONE,
        )

    async def _drain(self, response: httpx2.Response) -> None:
        self._client.cookies.clear()
        read = 0
        with contextlib.suppress(httpx2.HTTPError, OSError, TimeoutError):
            async with asyncio.timeout(_DRAIN_S):
                async for piece in response.aiter_raw():
                    read += len(piece)
                    if read > _ANSWER_BYTES_MAX:
                        break
        with contextlib.suppress(httpx2.HTTPError, OSError):
            await response.aclose()


def _context(settings: WebhookSettings, folder: Path) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(
            cafile=None if settings.authorities is None else str(folder / settings.authorities)
        )
    except OSError as error:  # ssl.SSLError is one
        raise SettingsRefused(f"`authorities`: {error.strerror or 'not a file of certificates'}") from None


def _seconds(named: str | None, now: datetime) -> float | None:
    """How long the other side asks us to wait; None if it does not, or not in a form of RFC 9110, section 10.2.3."""
    if named is None:
        return None
    if named.isascii() and named.isdecimal():
        return float(named[:9])
    try:
        moment = parsedate_to_datetime(named)
    except ValueError:
        return None
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - now).total_seconds())
