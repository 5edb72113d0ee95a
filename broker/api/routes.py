"""Every operation of the edge, each with who may ask for it, what it gives, and what can be wrong."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, TypeVar

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import JSONResponse

from broker.api import forms, problems
from broker.api.access import Caller, Permission, declared
from broker.api.limits import media_type, read_body, until_gone
from broker.api.logging_in import add_logging_in
from broker.api.parts import Parts
from broker.api.problems import Problem, documented
from broker.envelope import BATCH_MEDIA_TYPE, MEDIA_TYPE, EventType, NotAnEvent, unwrap_notification, wrap_items
from broker.errors import NotThere, RecordsGone
from broker.ledger.checkpoint import NOTE_BYTES_MAX, CheckpointRejected
from broker.ledger.merkle import SIZE_MAX
from broker.numbered import page_of
from broker.sealing.head import LIFE, HeadFields
from broker.sealing.notification import BYTES_MAX, SealedNotification
from broker.sealing.rejection import Rejected
from schemas.strict import b64_encode, b64u_encode

_ENVELOPE_BYTES = 4_096
"""What an event may have around its notification."""

_ITEMS_MAX = 100
_ITEMS_BYTES_MAX = 4 * 2**20
"""Where a page of items ends, so that no answer is larger than this and one item."""

_EVENTS_MAX = 500
_SIZES_MAX = 101

_LIMITED = (problems.TOO_MANY, problems.BUSY)
_FOR_DESKS = (problems.UNAUTHENTICATED, *_LIMITED)

_POSITION = Annotated[int, Query(ge=0, lt=2**53, description="The first number that is wanted.")]
_T = TypeVar("_T")
_NAME = Annotated[str, Path(pattern=r"^[a-z0-9]+(?:[-_.][a-z0-9]+)*$", max_length=64)]


def add_operations(router: APIRouter, parts: Parts) -> None:
    """Add all operations over these parts."""
    for add in (_speaking, _listening, _ledgers, _seen, add_logging_in, _health):
        add(router, parts)


def _speaking(router: APIRouter, parts: Parts) -> None:
    @router.post(
        "/v1/notifications",
        summary="Hand over a sealed notification",
        description="""One CloudEvent 1.0 in structured JSON; `data` is the sealed notification. Its head
alone counts.

Everything that a desk says goes this way: a change of the register, a correction, and that a person has
acknowledged a letter or returned it (kinds `letter.acknowledged` and `letter.returned`: signed by the desk like all
it says, so that nobody can acknowledge in its name).

**202 means durable, not accepted**: whether the hub accepts it is told by a signed receipt in the desk's inbox. The
same bytes may be handed over again as often as needed.""",
        status_code=202,
        responses={
            202: {"description": "Durable.", "content": {"application/json": {"schema": forms.TAKEN}}},
            **documented(
                *_FOR_DESKS,
                problems.HELD,
                problems.NOT_YOURS_TO_SAY,
                problems.TOO_SLOW,
                problems.TOO_LARGE,
                problems.WRONG_MEDIA_TYPE,
                problems.NOT_A_NOTIFICATION,
                problems.BAD_SIGNATURE,
                problems.CLOCK_AHEAD,
                problems.EXPIRED,
            ),
        },
        openapi_extra=declared(
            Permission.DESK,
            requestBody={"required": True, "content": {MEDIA_TYPE: {"schema": forms.event(EventType.NOTIFICATION)}}},
        ),
    )
    async def hand_over(request: Request, caller: Caller) -> Response:
        if media_type(request) != MEDIA_TYPE or "content-encoding" in request.headers:
            raise Problem(problems.WRONG_MEDIA_TYPE)
        parts.check_room()
        body = await read_body(request, BYTES_MAX + _ENVELOPE_BYTES, parts.settings.body_s)
        try:
            notification = SealedNotification.from_bytes(unwrap_notification(body))
        except (NotAnEvent, Rejected):
            raise Problem(problems.NOT_A_NOTIFICATION) from None
        head = notification.head
        if head.fields.iss != caller.id:
            raise Problem(problems.NOT_YOURS_TO_SAY)
        try:
            head.check_signature(notification.sig, caller.verify_key)
        except Rejected:
            raise Problem(problems.BAD_SIGNATURE) from None
        try:
            head.check_fresh(parts.clock.now())
        except Rejected:
            raise Problem(_of_another_time(head.fields, parts.clock.now())) from None
        await parts.edge.take_in(caller.id, [notification.to_bytes()])
        return JSONResponse({"id": head.fields.id}, 202)


def _listening(router: APIRouter, parts: Parts) -> None:
    @router.get(
        "/v1/inboxes/{mailbox}/items",
        summary="Read an inbox",
        description="""The items of the desk's own inbox from a number on: letters, key packages, receipts,
each with its ledger entry and the proof of it. Nothing is taken away by reading: the place is the reader's to keep.

The `id` of an event is the number of its item. Numbers ascend; there may be gaps, and a gap says nothing. The next
place to read from is the last number + 1, and reading from a number without an item begins at the next one that is
there.

With `wait_s` the answer waits until something comes.""",
        responses={
            200: {
                "description": "The items, none left out; an empty list if none came.",
                "content": {BATCH_MEDIA_TYPE: {"schema": {"type": "array", "items": forms.event(EventType.ITEM)}}},
            },
            **documented(*_FOR_DESKS, problems.NOT_THERE, problems.GONE, problems.NOT_AS_ASKED),
        },
        openapi_extra=declared(Permission.DESK),
    )
    async def read_inbox(
        request: Request,
        caller: Caller,
        mailbox: Annotated[str, Path(max_length=64, description="Its name, from the directory.")],
        start: _POSITION = 0,
        limit: Annotated[int, Query(ge=1, le=_ITEMS_MAX)] = _ITEMS_MAX,
        wait_s: Annotated[int, Query(ge=0, le=120, description="Seconds; the hub may wait less.")] = 0,
    ) -> Response:
        if mailbox != caller.mailbox:
            raise Problem(problems.NOT_THERE)
        wait_ms = 1_000 * min(wait_s, parts.settings.wait_longest_s)
        with parts.polls.one(caller.id):
            asked = parts.edge.inbox(caller.mailbox, start, limit, wait_ms)
            try:
                items = await parts.unless_stopping(asked, until_gone(request))  # its place is free when it hangs up
            except RecordsGone as gone:
                raise Problem(problems.GONE, first=gone.first) from None
        sent, size = [], 0
        for item in items or ():
            sent.append(item)
            size += len(item.data)
            if size > _ITEMS_BYTES_MAX:
                break
        # A desk that was revoked while it waited hears nothing more.
        parts.check_live(caller)
        return Response(wrap_items(sent, caller.mailbox), media_type=BATCH_MEDIA_TYPE)

    @router.get(
        "/v1/directory/items",
        summary="Read the directory",
        description="""The directory's signed events, and the signed checkpoints over them, from a number on:
exactly the bytes that were signed, each in base64url, with its number. Numbers are as those of an inbox. Every desk
reads all of it, so that nobody can quietly be given other keys.""",
        responses={
            200: {"description": "The items.", "content": {"application/json": {"schema": forms.ITEMS}}},
            **documented(*_FOR_DESKS, problems.NOT_AS_ASKED),
        },
        openapi_extra=declared(Permission.DESK),
    )
    async def read_directory(
        _caller: Caller, start: _POSITION = 0, limit: Annotated[int, Query(ge=1, le=_EVENTS_MAX)] = _EVENTS_MAX
    ) -> Response:
        return JSONResponse(page_of(await parts.edge.directory(start, limit)))


def _ledgers(router: APIRouter, parts: Parts) -> None:
    not_there = documented(*_FOR_DESKS, problems.NOT_THERE, problems.NOT_AS_ASKED)

    @router.get(
        "/v1/ledgers/{hub}/{lane}/checkpoint",
        summary="The newest signed checkpoint of a ledger",
        responses={
            200: {"description": "A C2SP checkpoint.", "content": {"text/plain": {"schema": forms.TEXT}}},
            **not_there,
        },
        openapi_extra=declared(Permission.DESK),
    )
    async def checkpoint(_caller: Caller, hub: _NAME, lane: _NAME) -> Response:
        note = await _there(parts, lambda: parts.ledgers.checkpoint(f"{hub}/{lane}"))
        return Response(note, media_type="text/plain; charset=utf-8")

    @router.get(
        "/v1/ledgers/{hub}/{lane}/consistency",
        summary="Proof that a ledger only grew",
        description="For each two neighbours of *sizes* the proof of consistency (RFC 9162, section 2.1.4).",
        responses={
            200: {"description": "One proof for each pair.", "content": {"application/json": {"schema": forms.PROOFS}}},
            **not_there,
        },
        openapi_extra=declared(Permission.DESK),
    )
    async def consistency(
        _caller: Caller,
        hub: _NAME,
        lane: _NAME,
        sizes: Annotated[
            str,
            Query(
                pattern=r"^[1-9][0-9]{0,18}(,[1-9][0-9]{0,18}){1,100}$",
                description=f"2 to {_SIZES_MAX} sizes, each larger than the one before, joined by commas.",
                examples=["16,32,96"],
            ),
        ],
    ) -> Response:
        wanted = [int(size) for size in sizes.split(",")]
        if max(wanted) > SIZE_MAX:
            raise Problem(problems.NOT_THERE)
        proofs = await _there(parts, lambda: parts.ledgers.consistency(f"{hub}/{lane}", wanted))
        return JSONResponse({"proofs": [[b64_encode(digest) for digest in proof] for proof in proofs]})

    @router.get(
        "/v1/ledgers/{hub}/{lane}/entries/{index}",
        summary="One of the desk's own entries, with its proof",
        description="Of letters and keys to this desk, of what it said itself, of the directory; no other is there.",
        responses={
            200: {"description": "The entry.", "content": {"application/json": {"schema": forms.ENTRY}}},
            **not_there,
        },
        openapi_extra=declared(Permission.DESK),
    )
    async def own_entry(
        caller: Caller, hub: _NAME, lane: _NAME, index: Annotated[int, Path(ge=0, lt=2**53)]
    ) -> Response:
        entry, proof = await _there(parts, lambda: parts.ledgers.own_entry(f"{hub}/{lane}", index, caller.id))
        return JSONResponse({"entry": b64u_encode(entry), "proof": proof})


def _seen(router: APIRouter, parts: Parts) -> None:
    @router.post(
        "/v1/ledgers/{hub}/{lane}/seen",
        summary="Say what one has seen of a ledger",
        description="""The newest checkpoint that the desk kept, as it was signed; empty, if it kept none. A hub
that was put back to an earlier moment learns by it that it must not go on: it would sign another history.""",
        responses={
            200: {"description": "Taken note of.", "content": {"application/json": {"schema": forms.SEEN}}},
            **documented(
                *_FOR_DESKS,
                problems.NOT_THERE,
                problems.TOO_SLOW,
                problems.TOO_LARGE,
                problems.WRONG_MEDIA_TYPE,
                problems.NOT_A_CHECKPOINT,
                problems.NOT_AS_ASKED,
            ),
        },
        openapi_extra=declared(
            Permission.DESK, requestBody={"required": True, "content": {"text/plain": {"schema": forms.NOTE}}}
        ),
    )
    async def seen(request: Request, caller: Caller, hub: _NAME, lane: _NAME) -> Response:
        if media_type(request) != "text/plain" or "content-encoding" in request.headers:
            raise Problem(problems.WRONG_MEDIA_TYPE)
        note = await read_body(request, NOTE_BYTES_MAX, parts.settings.body_s)
        told = parts.standing
        if told is None:
            raise Problem(problems.NOT_THERE)
        try:
            has_it = await _there(parts, lambda: told.told(f"{hub}/{lane}", note, caller.id))
        except CheckpointRejected:
            raise Problem(problems.NOT_A_CHECKPOINT) from None
        return JSONResponse({"has_it": has_it})


def _health(router: APIRouter, parts: Parts) -> None:
    @router.get(
        "/health",
        summary="Whether this process lives",
        responses={
            200: {"description": "It does.", "content": {"application/json": {"schema": forms.OBJECT}}},
            **documented(problems.BUSY),
        },
        openapi_extra=declared(Permission.ANYBODY),
    )
    async def health() -> Response:
        return JSONResponse({"status": "alive"})

    @router.get(
        "/ready",
        summary="Whether the hub takes notifications now, and decides them",
        responses={
            200: {"description": "It does.", "content": {"application/json": {"schema": forms.OBJECT}}},
            **documented(problems.BUSY, problems.HELD),
        },
        openapi_extra=declared(Permission.ANYBODY),
    )
    async def ready() -> Response:
        parts.check_at_work()
        return JSONResponse({"status": "ready"})


async def _there(parts: Parts, ask: Callable[[], _T]) -> _T:
    """What a ledger gives, asked in a thread because it reads and hashes."""
    await parts.edge.caught_up()
    try:
        return await asyncio.to_thread(ask)
    except NotThere:
        raise Problem(problems.NOT_THERE) from None


def _of_another_time(head: HeadFields, now: datetime) -> problems.Kind:
    """What to tell of a head that is not fresh: which of the two clocks is wrong, or that its life is of its own
    making."""
    if now.timestamp() >= head.exp:
        return problems.EXPIRED
    return problems.CLOCK_AHEAD if head.exp - head.iat == LIFE.total_seconds() else problems.NOT_A_NOTIFICATION
