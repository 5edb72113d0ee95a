"""Who asks, and whether they may: each operation declares its permission, and one that does not cannot be served."""

import hmac
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Annotated, Any

from fastapi import FastAPI, Request, Security
from fastapi.openapi.models import OAuthFlowClientCredentials, OAuthFlows
from fastapi.routing import APIRoute
from fastapi.security import OAuth2

from broker.api.problems import UNAUTHENTICATED, Problem
from broker.directory import Desk, Directory
from broker.sealing.entropy import Entropy
from schemas import DeskId
from schemas.strict import b64u_encode

TOKEN_PATH = "/oauth/token"
_TOKENS_MAX = 50_000


class Permission(StrEnum):
    """Who may ask for an operation."""

    ANYBODY = "anybody"
    """Says nothing about anybody, and changes nothing."""
    DESK = "desk"
    """A desk of the directory, about what is its own."""


PERMISSION = "x-permission"
"""Where an operation declares it, in the OpenAPI document too."""


def declared(permission: Permission, **extra: Any) -> dict[str, Any]:
    """An operation's declaration, for `openapi_extra`, with what else stands there."""
    return {PERMISSION: permission.value, **extra}


class PermissionUndeclared(RuntimeError):
    """An operation would be served that does not say who may ask for it."""


@dataclass(frozen=True, slots=True)
class _Token:
    desk: DeskId
    kid: str
    """The desk's signing key at that time: a desk with other keys must log in again."""
    until: float


class Tokens:
    """Who is logged in. Kept in memory alone: whoever restarts the hub logs everybody out, and desks log in again by
    themselves."""

    def __init__(self, life_s: int, entropy: Entropy) -> None:
        """Tokens are good for *life_s* seconds."""
        self.life_s = life_s
        self._entropy = entropy
        self._live: OrderedDict[bytes, _Token] = OrderedDict()

    def issue(self, desk: Desk, now: datetime) -> str:
        """Log a desk in. The token is 32 random bytes, and only its digest is kept."""
        seconds = now.timestamp()
        while self._live and (next(iter(self._live.values())).until <= seconds or len(self._live) >= _TOKENS_MAX):
            self._live.popitem(last=False)
        token = b64u_encode(self._entropy(32))
        self._live[_digest(token)] = _Token(desk.id, desk.verify_key.kid, seconds + self.life_s)
        return token

    def desk(self, token: str, directory: Directory, now: datetime) -> Desk:
        """The desk that a token was issued to.

        Raises:
            Problem: unknown, expired, or the desk is revoked or has other keys since.
        """
        held = self._live.get(_digest(token))
        desk = None if held is None else directory.desks.get(held.desk)
        if held is None or desk is None or now.timestamp() >= held.until:
            raise Problem(UNAUTHENTICATED)
        if not hmac.compare_digest(held.kid, desk.verify_key.kid):
            raise Problem(UNAUTHENTICATED)
        return desk


def _digest(token: str) -> bytes:
    return sha256(token.encode("utf-8", "replace")).digest()


SCHEME = OAuth2(
    flows=OAuthFlows(clientCredentials=OAuthFlowClientCredentials(tokenUrl=TOKEN_PATH, scopes={})),
    scheme_name="desk",
    description="A desk logs in with an assertion that it signs with its own key (`private_key_jwt`, RFC 7523).",
    auto_error=False,
)


async def _logged_in(request: Request, header: Annotated[str | None, Security(SCHEME)]) -> Desk:
    scheme, _, token = (header or "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Problem(UNAUTHENTICATED)
    who: Callable[[str], Desk] = request.app.state.who
    desk = who(token)
    request.app.state.rate.take(desk.id)
    return desk


Caller = Annotated[Desk, Security(_logged_in)]
"""The desk that asks, logged in and within its rate."""


def check_declared(app: FastAPI) -> None:
    """Refuse to serve an application with an operation that anybody could reach by oversight.

    Raises:
        PermissionUndeclared: an operation says nothing, or says that it is for desks and does not ask who it is.
    """
    for route in app.routes:
        permission = (getattr(route, "openapi_extra", None) or {}).get(PERMISSION)
        if not isinstance(route, APIRoute) or permission not in set(Permission):
            raise PermissionUndeclared(f"`{getattr(route, 'path', route)}` does not declare who may ask for it")
        asks = any(dependency.call is _logged_in for dependency in route.dependant.dependencies)
        if asks != (permission == Permission.DESK):
            raise PermissionUndeclared(f"`{route.path}` declares `{permission}` and does otherwise")
