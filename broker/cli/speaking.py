"""`tellwise publish`, `inbox` and `ack`: what a person at a desk does without an adapter."""

import asyncio
import json
import sys
from pathlib import Path

from broker.cli.at_a_desk import open_desk
from broker.cli.telling import bold, say
from broker.client import Desk, Draft, Sending, StoredLetter
from broker.client.adapter import find_adapter
from broker.errors import ClockApart, DeskBusy, FolderUnusable, HubUnreachable, NotAdmitted, NotSent
from broker.settings import DeskSettings, load_settings
from schemas import NotificationId, NotStrict
from schemas.strict import json_decode, json_encode


def publish(config: Path, file: Path, *, as_json: bool) -> None:
    """Say what a file says: one JSON object a line; `-` for standard input.

    Raises:
        NotSent: a line cannot be said; those before it are.
        TellwiseError: as the desk.
    """
    settings = load_settings(config, DeskSettings)
    lines = sys.stdin.buffer.read().splitlines() if str(file) == "-" else _lines(file)

    async def do() -> None:
        async with open_desk(settings, config) as desk:
            await desk.meet()
            for line in lines:
                if not line.strip():
                    continue
                said = desk.keep(_read(line, desk))
                _tell(f"{said}: said, and kept until the hub has it", {"said": said}, as_json=as_json)
            await _send(desk, as_json=as_json)

    asyncio.run(do())


def show_inbox(config: Path, *, everything: bool, wait_s: int, as_json: bool) -> None:
    """Hear what there is, and show the letters that nobody has acknowledged; or all.

    Raises:
        TellwiseError: as the desk.
    """
    settings = load_settings(config, DeskSettings)

    async def do() -> None:
        async with open_desk(settings, config) as desk:
            try:
                await desk.flush()
                await desk.hear(1_000 * wait_s)
            except DeskBusy:
                pass  # an adapter hears for this desk, and what it heard is here
            except HubUnreachable as error:
                print(f"tellwise: {error}; showing what is here", file=sys.stderr)
            letters = [letter for letter in desk.store.letters() if everything or letter.acknowledged is None]
            for letter in letters:
                if as_json:
                    print(json.dumps(letter.as_json(), sort_keys=True))
                else:
                    _show(letter)
            if not as_json:
                _sum_up(desk, letters, everything=everything)

    asyncio.run(do())


def answer(config: Path, letter: str, part: int, user: str, *, back: bool, as_json: bool) -> None:
    """A person has read a letter; or says that it is not for this desk.

    Raises:
        NotSent: there is no such letter here, or it was answered before.
        TellwiseError: as the desk.
    """
    settings = load_settings(config, DeskSettings)

    async def do() -> None:
        async with open_desk(settings, config) as desk:
            answer_it = desk.give_back if back else desk.acknowledge
            try:
                said = await answer_it(NotificationId(letter), user, part)
            except (HubUnreachable, NotAdmitted, ClockApart) as error:
                _tell(f"noted, and kept until the hub has it ({error})", {"kept": True}, as_json=as_json)
                return
            word = "given back" if back else "acknowledged"
            _tell(f"{letter}: {word}", {"said": said}, as_json=as_json)

    asyncio.run(do())


async def _send(desk: Desk, *, as_json: bool) -> None:
    try:
        await desk.flush()
    except (HubUnreachable, ClockApart) as error:
        _tell(f"waits in the outbox: {error}", {"waiting": len(desk.store.outgoing(Sending.WAITING))}, as_json=as_json)
        return
    if left := desk.store.outgoing(Sending.WAITING):
        _tell(
            "waits in the outbox for the process that is at work on this desk", {"waiting": len(left)}, as_json=as_json
        )
    else:
        _tell("the hub has it; a receipt follows in the inbox", {"waiting": 0}, as_json=as_json)


def _tell(text: str, told: dict[str, object], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(told, sort_keys=True), flush=True)
    else:
        say(text)


def _show(letter: StoredLetter) -> None:
    cover = letter.cover
    say(bold(f"{letter.id}" + (f" part {letter.part}" if letter.part > 1 else "")))
    say(f"{letter.kind}, from {letter.publisher}; about the person whom this desk knows as {cover['person']}", 2)
    say(
        f"urgency: {cover['urgency']}" + (f"; to acknowledge by {by}" if (by := cover.get("acknowledge_by")) else ""), 2
    )
    for reason in cover["reasons"] if isinstance(cover["reasons"], list) else ():
        say(f"because: {reason}", 2)
    for label, said in sorted(letter.compartments.items()):
        say(f"{label}: " + json.dumps({name: value for name, value in said.items() if value is not None}), 4)


def _sum_up(desk: Desk, letters: list[StoredLetter], *, everything: bool) -> None:
    say(f"{len(letters)} letters" + ("" if everything else " that nobody has acknowledged"))
    for state, text in (
        (Sending.WAITING, "notifications of ours wait for the hub"),
        (Sending.REFUSED, "notifications of ours were refused"),
        (Sending.EXPIRED, "notifications of ours expired before the hub took them: say them anew"),
    ):
        if found := desk.store.outgoing(state):
            say(f"{len(found)} {text}")
    if incidents := desk.store.incidents():
        say(f"{len(incidents)} items were refused as not genuine: tell the hub's operator")


def _read(line: bytes, desk: Desk) -> Draft:
    """A record as the plainest adapter reads it; whom to ring is the desk's own, unless the record says otherwise."""
    try:
        record = json_decode(line)
    except NotStrict as error:
        raise NotSent(f"not a line of JSON: {error}") from None
    if isinstance(record, dict) and "contact" not in record:
        record["contact"] = desk.contact.model_dump(mode="json", exclude_none=True)
    draft: Draft = find_adapter("jsonl").said(json_encode(record))  # type: ignore[attr-defined]
    return draft


def _lines(file: Path) -> list[bytes]:
    try:
        return file.read_bytes().splitlines()
    except OSError as error:
        raise FolderUnusable(f"cannot read `{file}`: {error.strerror}") from None
