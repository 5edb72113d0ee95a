"""How a desk logs in: OAuth 2.0 client credentials, with an assertion that the desk signs itself."""

from urllib.parse import parse_qsl

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from broker.api import forms, problems
from broker.api.access import TOKEN_PATH, Permission, declared
from broker.api.limits import media_type, read_body
from broker.api.parts import Parts
from broker.api.problems import documented
from broker.assertions import ASSERTION_TYPE
from broker.assertions import BYTES_MAX as ASSERTION_BYTES_MAX
from broker.sealing.rejection import Reason, Rejected
from broker.sealing.signatures import Algorithm

_LIMITED = (problems.TOO_MANY, problems.BUSY)


def add_logging_in(router: APIRouter, parts: Parts) -> None:
    """Add the operations over these parts."""

    @router.post(
        TOKEN_PATH,
        summary="Log in",
        description="OAuth 2.0 client credentials with `private_key_jwt`: RFC 6749 section 4.4, RFC 7523 section 2.2.",
        responses={
            200: {"description": "Logged in.", "content": {"application/json": {"schema": forms.TOKEN}}},
            400: {"description": "Not such a request.", "content": {"application/json": {"schema": forms.OAUTH_ERROR}}},
            401: {
                "description": "Not a desk of this hub.",
                "content": {"application/json": {"schema": forms.OAUTH_ERROR}},
            },
            **documented(problems.TOO_SLOW, problems.TOO_LARGE, *_LIMITED),
        },
        openapi_extra=declared(
            Permission.ANYBODY,
            requestBody={
                "required": True,
                "content": {"application/x-www-form-urlencoded": {"schema": forms.TOKEN_REQUEST}},
            },
        ),
    )
    async def log_in(request: Request) -> Response:
        parts.strangers.take(request.client.host if request.client else "")
        body = await read_body(request, 2 * ASSERTION_BYTES_MAX, parts.settings.body_s)
        assertion = _client_assertion(request, body)
        if isinstance(assertion, Response):
            return assertion
        try:
            desk = parts.assertions.check(assertion, parts.directory(), parts.clock.now())
        except Rejected as rejected:
            # The one thing that it may know: a clock that is wrong is nobody's secret, and its owner must set it.
            return _oauth_error(
                401,
                "invalid_client",
                "not now: compare your clock with Date" if rejected.reason is Reason.FRESHNESS else None,
            )
        token = parts.tokens.issue(desk, parts.clock.now())
        return JSONResponse({"access_token": token, "token_type": "Bearer", "expires_in": parts.tokens.life_s}, 200)

    @router.get(
        "/.well-known/oauth-authorization-server",
        summary="How to log in, for programs",
        description="RFC 8414.",
        responses={
            200: {"description": "Metadata.", "content": {"application/json": {"schema": forms.OBJECT}}},
            **documented(*_LIMITED),
        },
        openapi_extra=declared(Permission.ANYBODY),
    )
    async def metadata() -> Response:
        return JSONResponse(
            {
                "issuer": parts.url,
                "token_endpoint": parts.url + TOKEN_PATH,
                "grant_types_supported": ["client_credentials"],
                "response_types_supported": [],
                "token_endpoint_auth_methods_supported": ["private_key_jwt"],
                "token_endpoint_auth_signing_alg_values_supported": [algorithm.value for algorithm in Algorithm],
            }
        )


def _client_assertion(request: Request, body: bytes) -> str | Response:
    """The assertion in a request for a token, or what is wrong with the request (RFC 6749, section 5.2)."""
    if media_type(request) != "application/x-www-form-urlencoded":
        return _oauth_error(400, "invalid_request")
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=10
        )
    except ValueError:
        return _oauth_error(400, "invalid_request")
    form = dict(pairs)
    if len(form) != len(pairs):  # RFC 6749, section 3.2: no parameter twice
        return _oauth_error(400, "invalid_request")
    if form.get("grant_type") != "client_credentials":
        return _oauth_error(400, "unsupported_grant_type" if "grant_type" in form else "invalid_request")
    if form.get("client_assertion_type") != ASSERTION_TYPE or not form.get("client_assertion"):
        return _oauth_error(401, "invalid_client")
    return form["client_assertion"]


def _oauth_error(status: int, error: str, description: str | None = None) -> Response:
    told = {"error": error} if description is None else {"error": error, "error_description": description}
    return JSONResponse(told, status)
