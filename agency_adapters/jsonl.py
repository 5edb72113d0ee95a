"""A system that writes and reads JSON, one record a line: the plainest adapter, and a pattern for others.

It is how a parent process drives a desk. What comes in on standard input, one JSON object a line:

    {"kind": "rso.address_changed", "person": {"scheme": "pnc", "identifier": "99/0000001A"}, "purpose":
     "public_protection", "area": "Blackburn with Darwen", "area_old": "Preston", "identity": {...}, "status": {...},
     ...}
    {"acknowledge": ID, "part": 1, "by": "the user who read it"}
    {"return": ID, "part": 1, "by": "the user who says that it is not theirs"}

A record names the kind, the person, the purpose, the places by code or by name, and each compartment by its label.
What goes out on standard output, one JSON object a line, for each thing that happened:

    {"said": ID, "line": N}                                  it lies in the outbox, and goes from there by itself
    {"refused_here": {"line": N, "problem": "..."}}          it cannot be said; nothing is kept
    {"receipt": {"id": ID, "outcome": "accepted"}}           what the hub did with it
    {"letter": {"id": ID, "part": 1, "kind": ..., "from": ..., "cover": {...}, "identity": {...}, ...}}

A letter counts as handed on when its line is written; after a stop in that moment it comes once more.

LIMIT: a line that was kept and not answered yet when this process is killed is said twice if its sender repeats it.
"""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from broker.client import Draft, OpenedLetter, compose
from broker.client.adapter import Work
from broker.errors import ClockApart, HubUnreachable, NotAdmitted, NotSent
from schemas import (
    AreaCode,
    Kind,
    Label,
    NotificationId,
    NotStrict,
    PersonKey,
    Purpose,
    Said,
    SchemaRefused,
    Tag,
    UnknownArea,
    UnknownKind,
    area_table,
    kind_of,
)
from schemas.strict import json_decode, json_encode

OUTLET = "jsonl"
LINE_BYTES_MAX = 1_048_576

_PLACES = ("area", "area_old")
_OWN = {"kind", "person", "purpose", "addressed", "attendees", "corrects", "flags", "risk_rises", *_PLACES}
_PAGE = 100
_LOOK_S = 1.0
_PIPE_BYTES = 4_096
"""A pipe that is ready takes this many bytes at once (POSIX, PIPE_BUF), so writing them does not wait."""


class JsonLinesSettings(BaseModel):
    """The table `[adapter.jsonl]` of a desk's settings."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    until_end: bool = False
    """Whether the end of the input ends the work. What was said then lies in the outbox, sent or not."""


class JsonLines:
    """The adapter `jsonl`."""

    settings: ClassVar[type[BaseModel]] = JsonLinesSettings

    def __init__(self, source: int = 0, target: int = 1) -> None:
        """Read lines from one file descriptor and write them to another."""
        self._source, self._target = source, target
        self._writing = asyncio.Lock()

    async def run(self, work: Work, settings: JsonLinesSettings) -> None:
        """See `Adapter.run`. Ends also when nobody reads what it writes."""

        async def read() -> None:
            number = 0
            async for line in _lines(self._source, work.stop):
                number += 1
                if line.strip():
                    await self._write(await self._take(work, line, number))
            if settings.until_end:
                work.stop.set()

        async def tell() -> None:
            goes_on = True
            while goes_on:
                goes_on = await work.pause(_LOOK_S)
                await self._tell(work)

        with contextlib.suppress(BrokenPipeError):
            try:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(read())
                    tasks.create_task(tell())
            except ExceptionGroup as errors:
                raise errors.exceptions[0] from None
        work.stop.set()

    def said(self, record: bytes) -> Draft:
        """What a record says.

        Raises:
            NotSent: it cannot be said; the text names the field and holds no value.
        """
        line = _object(record)
        try:
            kind = kind_of(_text(line, "kind"))
            facts: dict[str, Any] = {name: _place(line, name) for name in _PLACES if name in line}
            facts |= _lists(line)
            facts |= {name: line[name] for name in ("corrects", "risk_rises") if name in line}
            return compose(
                kind.name,
                PersonKey.from_bytes(json_encode(line.get("person"))),
                _purpose(line),
                _compartments(line, kind),
                **facts,
            )
        except (SchemaRefused, UnknownArea, UnknownKind) as error:
            raise NotSent(str(error)) from None

    def heard(self, letter: OpenedLetter) -> bytes:
        """A letter that was just opened, in the words of a record and with its cover beside them."""
        compartments = {label.value: said.model_dump(mode="json") for label, said in letter.compartments.items()}
        cover = letter.cover.model_dump(mode="json")
        return json_encode({"kind": letter.head.kind, "from": letter.head.iss, "cover": cover, **compartments})

    async def _take(self, work: Work, line: bytes, number: int) -> dict[str, Any]:
        try:
            if len(line) > LINE_BYTES_MAX:
                raise NotSent(f"longer than {LINE_BYTES_MAX} bytes")
            answer = _answer(_object(line))
            if answer is not None:
                return {"said": await _send(work, answer), "line": number}
            draft = self.said(line)
            if not await work.meet():
                raise NotSent("stopped before the hub was ever reached")
            return {"said": work.desk.keep(draft), "line": number}
        except NotSent as refused:
            return {"refused_here": {"line": number, "problem": str(refused)}}

    async def _tell(self, work: Work) -> None:
        while not work.receipts.empty():
            receipt = work.receipts.get_nowait()
            await self._write({"receipt": {"id": receipt.id, "outcome": receipt.outcome.value}})
        store = work.desk.store
        while letters := store.unhanded(OUTLET, _PAGE):
            for letter in letters:
                await self._write({"letter": letter.as_json()})
                with store.transaction():
                    store.hand_on(OUTLET, letter)

    async def _write(self, event: Mapping[str, Any]) -> None:
        data = json_encode(event) + b"\n"
        async with self._writing:
            while data:
                await _ready(self._target, asyncio.get_running_loop().add_writer, _remove_writer)
                data = data[os.write(self._target, data[:_PIPE_BYTES]) :]


# --- what a line asks for ---

_Answer = tuple[str, NotificationId, str, int]


def _answer(line: Mapping[str, Any]) -> _Answer | None:
    """An acknowledgement or a return, if that is what the line is: the verb, the letter, who read it, the part."""
    match line:
        case {"acknowledge": str(letter), "by": str(by), **more}:
            verb = "acknowledge"
        case {"return": str(letter), "by": str(by), **more}:
            verb = "return"
        case _ if "acknowledge" in line or "return" in line:
            raise NotSent("`acknowledge` and `return` take the letter's id, and need `by`")
        case _:
            return None
    part = more.pop("part", 1)
    if more or not by or isinstance(part, bool) or not isinstance(part, int) or not 1 <= part <= 1_000:
        raise NotSent(f"`{verb}` goes with `by` and `part` and nothing else; `part` counts from 1")
    return verb, NotificationId(letter), by, part


async def _send(work: Work, answer: _Answer) -> str:
    verb, letter, by, part = answer
    desk = work.desk
    try:
        return await (desk.acknowledge if verb == "acknowledge" else desk.give_back)(letter, by, part)
    except (HubUnreachable, NotAdmitted, ClockApart):
        stored = desk.store.letter(letter, part)
        if stored is None or stored.acknowledged is None:
            raise
        return stored.acknowledged  # it lies in the outbox, and only the sending failed
    except SchemaRefused as error:
        raise NotSent(str(error)) from None


def _object(record: bytes) -> dict[str, Any]:
    try:
        line = json_decode(record)
    except NotStrict as error:
        raise NotSent(f"not a line of JSON: {error}") from None
    if not isinstance(line, dict):
        raise NotSent("not a JSON object")
    return line


def _compartments(line: Mapping[str, Any], kind: Kind) -> dict[Label, Said]:
    carried: dict[Label, Said] = {}
    for name, value in line.items():
        if name in _OWN:
            continue
        try:
            label = Label(name)
            model = kind.models[label]
        except (ValueError, KeyError):
            raise NotSent(f"`{name[:60]}` is unknown to kind `{kind.name}`") from None
        carried[label] = model.from_bytes(json_encode(value))
    return carried


def _text(line: Mapping[str, Any], name: str) -> str:
    value = line.get(name)
    if not isinstance(value, str):
        raise NotSent(f"`{name}` missing, or not a text")
    return value


def _place(line: Mapping[str, Any], name: str) -> AreaCode:
    return area_table().named(_text(line, name)).code


def _purpose(line: Mapping[str, Any]) -> Purpose:
    try:
        return Purpose(_text(line, "purpose"))
    except ValueError:
        raise NotSent("`purpose` is not in the vocabulary") from None


def _lists(line: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in ("addressed", "attendees", "flags"):
        value = line.get(name, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise NotSent(f"`{name}` is not a list of texts")
        found[name] = tuple(value)
    try:
        found["flags"] = tuple(Tag(flag) for flag in found["flags"])
    except ValueError:
        raise NotSent("`flags` holds a word that is not in the vocabulary") from None
    return found


# --- lines, without a thread that could not be stopped ---


async def _lines(source: int, stop: asyncio.Event) -> AsyncIterator[bytes]:
    """The lines of *source* until its end or *stop*, each without its line feed. Of one that is too long, the start."""
    line = b""
    while not stop.is_set():
        reading = asyncio.ensure_future(_ready(source, asyncio.get_running_loop().add_reader, _remove_reader))
        stopping = asyncio.ensure_future(stop.wait())
        try:
            await asyncio.wait({reading, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (reading, stopping):
                task.cancel()
            await asyncio.gather(reading, stopping, return_exceptions=True)
        if stop.is_set():
            return
        piece = os.read(source, 65_536)
        if not piece:
            break
        *whole, rest = piece.split(b"\n")
        for end in whole:
            yield (line + end)[: LINE_BYTES_MAX + 1]
            line = b""
        line = (line + rest)[: LINE_BYTES_MAX + 1]
    if line:
        yield line


async def _ready(
    descriptor: int, add: Callable[[int, Callable[[], None]], None], remove: Callable[[int], None]
) -> None:
    """Wait until a file descriptor can be read or written without waiting. Ordinary files always can."""
    ready = asyncio.Event()
    try:
        add(descriptor, ready.set)
    except PermissionError:  # epoll knows no ordinary files
        await asyncio.sleep(0)
        return
    try:
        await ready.wait()
    finally:
        remove(descriptor)


def _remove_reader(descriptor: int) -> None:
    asyncio.get_running_loop().remove_reader(descriptor)


def _remove_writer(descriptor: int) -> None:
    asyncio.get_running_loop().remove_writer(descriptor)
