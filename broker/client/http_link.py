"""The way to the hub over HTTP: a driver of `Link`.

The desk logs in with its own key and is logged in again by itself. What the hub answers is read within limits and
strictly; nothing of it is believed before the desk has checked it.
"""

import asyncio
import ssl
from collections.abc import Sequence
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import httpx2

from broker.assertions import APART_MAX_S, ASSERTION_TYPE, make_assertion
from broker.envelope import MEDIA_TYPE, NotAnEvent, unwrap_items, wrap_notification
from broker.errors import ClockApart, HubForked, HubUnreachable, NotAdmitted, RecordsGone
from broker.ledger.merkle import DIGEST_BYTES, Digest, Proof
from broker.numbered import Numbered, items_of
from broker.ports import Clock
from broker.sealing.entropy import Entropy
from broker.sealing.notification import SealedNotification
from broker.sealing.rejection import Reason, Rejected
from broker.sealing.signatures import Signer
from broker.settings import is_loopback
from schemas import DeskId, Mailbox
from schemas.strict import NotStrict, b64_decode, json_decode

_ANSWER_BYTES_MAX = 32 * 2**20
_CONNECT_S = 10.0
_ANSWER_S = 30.0
"""Seconds until something comes, and between two parts of it."""
_WHOLE_S = 300.0
"""Seconds until all of it is there. Enough for the longest page of an inbox at 128 kbit/s; without it, a hub that sends
a byte now and then would keep its desk for ever."""
_NOTE_TYPE = "text/plain; charset=utf-8"
_NOWHERE = Mailbox("unregistered")

_NEVER_TAKEN = {"not-a-notification", "bad-signature", "not-yours-to-say", "expired", "too-large", "wrong-media-type"}
"""Problems that the same bytes will always meet."""


class HttpLink:
    """One desk's connection to one hub. Not for two event loops."""

    def __init__(
        self,
        url: str,
        desk: DeskId,
        signer: Signer,
        clock: Clock,
        entropy: Entropy,
        *,
        authorities: ssl.SSLContext | None = None,
    ) -> None:
        """Connect when first asked.

        Args:
            url: The hub, as its operator spells it.
            desk: Who we are.
            signer: Our signing key.
            clock: The time.
            entropy: Makes assertions that are used once.
            authorities: Who may vouch for the hub's certificate; None for those of this machine.
        """
        self._url, self._desk, self._signer, self._clock, self._entropy = url, desk, signer, clock, entropy
        self._http = httpx2.AsyncClient(
            base_url=url,
            verify=True if authorities is None else authorities,
            timeout=httpx2.Timeout(_ANSWER_S, connect=_CONNECT_S),
            follow_redirects=False,
            headers={"Accept-Encoding": "identity"},  # a small answer that unfolds to a large one is not asked for
            trust_env=not is_loopback(urlsplit(url).hostname or ""),  # an agency's way out may be through a proxy
        )
        self._token: str | None = None
        self._mailbox = _NOWHERE
        self.session = 0
        """See `Link.session`: a hub that was started again knows none of its tokens, so each is a session."""

    async def close(self) -> None:
        """Let go of the connection."""
        await self._http.aclose()

    async def submit(self, notification: bytes) -> None:
        """See `Link.submit`."""
        head = SealedNotification.from_bytes(notification).head
        event = wrap_notification(notification, head.fields.id, self._mailbox, self._clock.now())
        status, body = await self._ask("POST", "/v1/notifications", content=event, type=MEDIA_TYPE)
        if status == 202:
            return
        problem = _problem(body)
        if problem == "clock-ahead":
            raise ClockApart("this machine's clock is ahead of the hub's")
        if problem in _NEVER_TAKEN:
            raise Rejected(Reason.FORM)
        raise HubUnreachable(f"it answers {status}")

    async def inbox(self, mailbox: Mailbox, start: int, items_max: int, wait_ms: int) -> Sequence[Numbered]:
        """See `Link.inbox`."""
        self._mailbox = mailbox
        query = {"start": start, "limit": items_max, "wait_s": wait_ms // 1_000}
        path = f"/v1/inboxes/{mailbox}/items"
        status, body = await self._ask("GET", path, query=query, wait_s=wait_ms / 1_000)
        if status == 410:
            raise _gone(body, start)
        if status != 200:
            raise HubUnreachable(f"it answers {status}")
        try:
            return unwrap_items(body, start)
        except NotAnEvent as error:
            raise HubUnreachable("its answer is not the inbox that was asked for") from error

    async def directory(self, start: int, items_max: int) -> Sequence[Numbered]:
        """See `Link.directory`."""
        answer = _members(await self._get("/v1/directory/items", {"start": start, "limit": items_max}))
        try:
            return items_of(answer, start)
        except NotStrict as error:
            raise HubUnreachable("its answer is not the directory that was asked for") from error

    async def consistency(self, log: str, sizes: Sequence[int]) -> Sequence[Proof]:
        """See `Link.consistency`."""
        path = f"/v1/ledgers/{log}/consistency"
        status, body = await self._ask("GET", path, query={"sizes": ",".join(map(str, sizes))})
        if status == 404:
            raise HubForked(f"the hub does not prove that `{log}` only grew")
        if status != 200:
            raise HubUnreachable(f"it answers {status}")
        try:
            return [tuple(_digest(text) for text in proof) for proof in _members(body)["proofs"]]
        except (KeyError, TypeError, NotStrict) as error:
            raise HubUnreachable("its answer is not a proof") from error

    async def seen(self, log: str, note: bytes) -> None:
        """See `Link.seen`."""
        status, body = await self._ask("POST", f"/v1/ledgers/{log}/seen", content=note, type=_NOTE_TYPE)
        if status != 200:
            raise HubUnreachable(f"it answers {status}")
        if _members(body).get("has_it") is not True:
            raise HubForked(f"the hub does not have what it signed of `{log}`")

    async def _get(self, path: str, query: dict[str, int]) -> bytes:
        status, body = await self._ask("GET", path, query=query)
        if status != 200:
            raise HubUnreachable(f"it answers {status}")
        return body

    async def _ask(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, Any] | None = None,
        content: bytes | None = None,
        type: str | None = None,
        wait_s: float = 0,
    ) -> tuple[int, bytes]:
        """Ask, logged in; once more if the token was no good any more.

        Raises:
            HubUnreachable, NotAdmitted, ClockApart: as their texts say.
        """
        for is_second in (False, True):
            if self._token is None:
                self._token = await self._log_in()
                self.session += 1
            headers = {"Authorization": f"Bearer {self._token}"} | ({} if type is None else {"Content-Type": type})
            request = self._http.build_request(
                method,
                path,
                params=query,
                content=content,
                headers=headers,
                timeout=httpx2.Timeout(_ANSWER_S + wait_s, connect=_CONNECT_S),
            )
            answer, body = await self._send(request)
            if answer.status_code != 401:
                return answer.status_code, body
            self._token = None
            if is_second:
                break
        raise NotAdmitted(f"the hub does not admit desk `{self._desk}`")

    async def _log_in(self) -> str:
        assertion = make_assertion(self._desk, self._url, self._signer, self._clock.now(), self._entropy)
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": assertion,
        }
        answer, body = await self._send(self._http.build_request("POST", "/oauth/token", data=form))
        if answer.status_code == 401:
            self._check_clock(answer)
            raise NotAdmitted(f"the hub does not admit desk `{self._desk}`")
        if answer.status_code != 200:
            raise HubUnreachable(f"it answers {answer.status_code}")
        token = _members(body).get("access_token")
        if not isinstance(token, str) or not token.isascii() or not 0 < len(token) < 4_096:
            raise HubUnreachable("its answer is not a token")
        return token

    async def _send(self, request: httpx2.Request) -> tuple[httpx2.Response, bytes]:
        body = bytearray()
        try:
            async with asyncio.timeout(_WHOLE_S):
                answer = await self._http.send(request, stream=True)
                try:
                    async for chunk in answer.aiter_raw():  # as it came: nothing is unfolded
                        body += chunk
                        if len(body) > _ANSWER_BYTES_MAX:
                            raise HubUnreachable("its answer has no end")
                finally:
                    await answer.aclose()
        except (httpx2.HTTPError, httpx2.InvalidURL, ssl.SSLError, TimeoutError) as error:
            raise HubUnreachable(_plain(error)) from error
        if answer.status_code in (429, 503):
            raise HubUnreachable(f"it answers {answer.status_code}", retry_after_s=_seconds(answer))
        return answer, bytes(body)

    def _check_clock(self, answer: httpx2.Response) -> None:
        """A hub that turns us away may do so because one of the two clocks is wrong: its answer says what time it has.

        Raises:
            ClockApart: the two are further apart than it tolerates.
        """
        try:
            theirs: datetime = parsedate_to_datetime(answer.headers["date"])
            apart_s = (self._clock.now() - theirs).total_seconds()
        except (KeyError, ValueError, TypeError):
            return
        if abs(apart_s) > APART_MAX_S:
            where = "ahead of" if apart_s > 0 else "behind"
            raise ClockApart(f"this machine's clock is {abs(apart_s):.0f} s {where} the hub's")


def _plain(error: Exception) -> str:
    """Why, in our own words: the library's may quote addresses."""
    match error:
        case (
            httpx2.ConnectTimeout()
            | httpx2.ReadTimeout()
            | httpx2.WriteTimeout()
            | httpx2.PoolTimeout()
            | TimeoutError()
        ):
            return "it does not answer in time"
        case httpx2.ConnectError() if isinstance(error.__cause__, ssl.SSLError) or "certificate" in str(error).lower():
            return "its certificate is not vouched for"
        case httpx2.ConnectError():
            return "no connection"
    return "the connection broke"


def _gone(body: bytes, start: int) -> RecordsGone | HubUnreachable:
    first = _members(body).get("first")
    if not isinstance(first, int) or isinstance(first, bool) or not start < first < 2**53:
        return HubUnreachable("its answer is not where the rest begins")
    return RecordsGone(first)


def _seconds(answer: httpx2.Response) -> float | None:
    text = answer.headers.get("retry-after", "")
    return min(float(text), 3_600.0) if text.isdecimal() and len(text) < 6 else None


def _members(body: bytes) -> dict[str, Any]:
    try:
        value = json_decode(body)
    except NotStrict as error:
        raise HubUnreachable("its answer is not JSON") from error
    if not isinstance(value, dict):
        raise HubUnreachable("its answer is not an object")
    return value


def _problem(body: bytes) -> str:
    """The name of the problem that an answer tells; empty if it tells none of ours."""
    try:
        value = json_decode(body)
    except NotStrict:
        return ""
    told = value.get("type") if isinstance(value, dict) else None
    prefix = "urn:tellwise:problem:"
    return told.removeprefix(prefix) if isinstance(told, str) and told.startswith(prefix) else ""


def _digest(text: str) -> Digest:
    digest = b64_decode(text)
    if len(digest) != DIGEST_BYTES:
        raise NotStrict("not a digest")
    return Digest(digest)
