"""Every answer that is no answer, as RFC 9457 problems: a closed list, each with one text that repeats nothing of what
was sent.

"Not there" and "not yours" are one problem, byte for byte.
"""

from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Kind:
    """One thing that can be wrong."""

    name: str
    status: int
    title: str
    detail: str


NOT_HTTP = Kind("not-http", 400, "Not HTTP", "The request is not HTTP/1.1, or its head is too long.")
UNAUTHENTICATED = Kind(
    "unauthenticated", 401, "Not logged in", "Get a token at /oauth/token, and send it as `Authorization: Bearer …`."
)
NOT_YOURS_TO_SAY = Kind(
    "not-yours-to-say", 403, "Said by another desk", "The head of a notification names the desk that hands it over."
)
NOT_THERE = Kind("not-there", 404, "Not there", "There is nothing here for this desk.")
NO_SUCH_METHOD = Kind("no-such-method", 405, "No such method", "This address is asked in another way.")
GONE = Kind(
    "gone", 410, "Gone", "It was kept as long as it had to be. `first` is the number of the first that is still there."
)
TOO_SLOW = Kind("too-slow", 408, "Too slow", "The request did not come in time. Send it again.")
TOO_LARGE = Kind("too-large", 413, "Too large", "The request is larger than any notification may be.")
WRONG_MEDIA_TYPE = Kind(
    "wrong-media-type", 415, "Wrong media type", "Send what the operation takes, in UTF-8, not compressed."
)
NOT_AS_ASKED = Kind("not-as-asked", 422, "Not as asked", "A parameter is missing, unknown or out of range.")
NOT_A_NOTIFICATION = Kind(
    "not-a-notification", 422, "Not a notification", "The event does not hold a sealed notification of our form."
)
BAD_SIGNATURE = Kind(
    "bad-signature", 422, "Not signed by this desk", "The head is not signed with the key of the desk that it names."
)
CLOCK_AHEAD = Kind(
    "clock-ahead", 422, "From the future", "It was sealed more than 120 seconds ahead of this hub's clock. Set yours."
)
EXPIRED = Kind("expired", 422, "Expired", "It was sealed more than 14 days ago. Say it anew.")
TOO_MANY = Kind("too-many", 429, "Too many requests", "Come back after the seconds that `Retry-After` names.")
NOT_A_CHECKPOINT = Kind("not-a-checkpoint", 422, "Not a checkpoint", "It is not a checkpoint that this hub signed.")
BROKEN = Kind("broken", 500, "Our fault", "Something went wrong here. Nothing of yours is lost; send it again.")
BUSY = Kind(
    "busy", 503, "Busy", "The hub is behind with its work. Come back after the seconds that `Retry-After` names."
)
HELD = Kind(
    "held",
    503,
    "Held",
    "The hub takes in nothing before it knows that it has lost nothing. Come back later.",
)

ALL = tuple(kind for kind in list(globals().values()) if isinstance(kind, Kind))


class Problem(Exception):
    """An operation cannot be done."""

    def __init__(self, kind: Kind, *, retry_after_s: int | None = None, first: int | None = None) -> None:
        """*retry_after_s*: when to come back, in whole seconds; *first*: of what is gone, where the rest begins."""
        super().__init__(kind.name)
        self.kind, self.retry_after_s, self.first = kind, retry_after_s, first


def problem_response(kind: Kind, retry_after_s: int | None = None, first: int | None = None) -> JSONResponse:
    """The answer that tells a problem; the arguments are those of `Problem`."""
    headers = {}
    if retry_after_s is not None:
        headers["Retry-After"] = str(retry_after_s)
    if kind.status == UNAUTHENTICATED.status:
        headers["WWW-Authenticate"] = "Bearer"
    told = as_json(kind) | ({} if first is None else {"first": first})
    return JSONResponse(told, kind.status, headers=headers, media_type=MEDIA_TYPE)


def as_json(kind: Kind) -> dict[str, Any]:
    """A problem's members (RFC 9457, section 3.1)."""
    return {
        "type": f"urn:tellwise:problem:{kind.name}",
        "title": kind.title,
        "status": kind.status,
        "detail": kind.detail,
    }


def documented(*kinds: Kind) -> dict[int | str, dict[str, Any]]:
    """How OpenAPI tells of these problems."""
    found: dict[int | str, dict[str, Any]] = {}
    for kind in kinds:
        told = found.setdefault(
            kind.status, {"description": "", "content": {MEDIA_TYPE: {"schema": SCHEMA, "examples": {}}}}
        )
        told["description"] = f"{told['description']} {kind.title}.".strip()
        told["content"][MEDIA_TYPE]["examples"][kind.name] = {"value": as_json(kind)}
        if kind in (TOO_MANY, BUSY, HELD):
            told["headers"] = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}}
    return found


SCHEMA: dict[str, Any] = {
    "type": "object",
    "title": "Problem",
    "description": "RFC 9457",
    "required": ["type", "title", "status", "detail"],
    "additionalProperties": False,
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "first": {"type": "integer", "description": "Of what is gone: the number of the first that is still there."},
    },
}

_BY_STATUS = {404: NOT_THERE, 405: NO_SUCH_METHOD}


def install(app: FastAPI) -> None:
    """Let the application tell everything that goes wrong as a problem."""

    async def told(_request: Request, error: Exception) -> JSONResponse:
        if not isinstance(error, Problem):
            raise error
        return problem_response(error.kind, error.retry_after_s, error.first)

    async def unfit(_request: Request, _error: Exception) -> JSONResponse:
        return problem_response(NOT_AS_ASKED)

    async def by_status(_request: Request, error: Exception) -> JSONResponse:
        if not isinstance(error, HTTPException):
            raise error
        answer = problem_response(_BY_STATUS.get(error.status_code, NOT_AS_ASKED))
        answer.headers.update(error.headers or {})
        return answer

    app.add_exception_handler(Problem, told)
    app.add_exception_handler(RequestValidationError, unfit)
    app.add_exception_handler(HTTPException, by_status)
