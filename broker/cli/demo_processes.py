"""The demo's processes: the hub is one, each desk is another, and they meet over HTTP on this machine alone."""

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from broker.app import desk_folder, hub_folder
from broker.beside import read_directory, registrar_beside
from broker.cli.demo_people import DESKS, HUB, DemoDesk
from broker.cli.settings_file import desk_settings_text, hub_settings_text
from broker.client import Trust
from broker.client.card import card_of
from broker.client.keys import load_desk_keys
from broker.clock import SystemClock
from broker.errors import FolderUnusable, HubStopped, TellwiseError
from broker.files import private_folder, write_whole
from broker.sealing.entropy import system_entropy
from broker.settings import HubSettings, load_settings
from schemas import DeskId
from schemas.strict import json_decode, json_encode

_TELLWISE = (sys.executable, "-m", "broker.cli.main")
_LONGEST_S = 60.0
"""How long anything of the demo may take before we say that it does not come."""
_ENDING_S = 10.0


class Refused(TellwiseError):
    """A process of the demo said why it cannot work."""

    def __init__(self, text: str, next_step: str) -> None:
        super().__init__(text)
        self.next_step = next_step


class DeskProcess:
    """A desk at work: it says what it is told to say, and tells what it hears."""

    def __init__(self, desk: DemoDesk, process: Process) -> None:
        """Use `at_work`."""
        self.desk = desk
        self._process = process
        self._changed = asyncio.Condition()
        self._told: list[dict[str, Any]] = []
        self._lines = 0
        self._is_over = False
        self._listening = asyncio.create_task(self._listen())

    async def say(self, record: dict[str, Any]) -> str:
        """Let the desk say something, and wait until the hub has answered. Gives the notification's id.

        Raises:
            Refused: the desk cannot say that.
            HubStopped: it is not at work any more.
        """
        if self._process.stdin is None:
            raise HubStopped(f"desk `{self.desk.id}` does not listen")
        self._lines += 1
        line = self._lines
        self._process.stdin.write(json_encode(record) + b"\n")
        await self._process.stdin.drain()
        told = await self._first(lambda event: event.get("line", event.get("refused_here", {}).get("line")) == line)
        if "refused_here" in told:
            raise Refused(told["refused_here"]["problem"], "Correct it and say it again.")
        said = str(told["said"])
        await self._first(lambda event: event.get("receipt", {}).get("id") == said)
        return said

    async def letter(self, notification: str) -> dict[str, Any]:
        """The letter about a notification, as soon as this desk has it.

        Raises:
            HubStopped: it does not come.
        """
        told = await self._first(lambda event: event.get("letter", {}).get("id") == notification)
        letter: dict[str, Any] = told["letter"]
        return letter

    async def end(self) -> None:
        """Let it finish, and wait until it has."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        await _ended(self._process)
        await self._listening

    async def _first(self, fits: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        def found() -> dict[str, Any] | None:
            return next((event for event in self._told if fits(event)), None)

        try:
            async with asyncio.timeout(_LONGEST_S), self._changed:
                await self._changed.wait_for(lambda: self._is_over or found() is not None)
        except TimeoutError:
            pass
        event = found()
        if event is None:
            raise HubStopped(f"desk `{self.desk.id}` does not answer")
        return event

    async def _listen(self) -> None:
        stdout = self._process.stdout
        while stdout is not None and (line := await stdout.readline()):
            async with self._changed:
                self._told.append(json_decode(line))
                self._changed.notify_all()
        async with self._changed:
            self._is_over = True
            self._changed.notify_all()


@asynccontextmanager
async def at_work(folder: Path) -> AsyncIterator[tuple[str, dict[DeskId, DeskProcess]]]:
    """The demo's hub and desks on *folder*, each in a process of its own, until the block ends.

    Gives the hub's address and the desks.

    Raises:
        Refused: one of them cannot work; the text says why.
    """
    async with AsyncExitStack() as stack:
        settings_file = private_folder(folder) / "tellwise.toml"
        if not settings_file.exists():
            text = hub_settings_text(HUB).replace('# data = "data"', 'data = "."').replace("# port = 8400", "port = 0")
            write_whole(settings_file, text.encode())
        url = await stack.enter_async_context(_hub(folder, settings_file))
        await _register(settings_file, folder)
        desks = {}
        for desk in DESKS:
            process = await _desk(folder, desk, url)
            desks[desk.id] = DeskProcess(desk, process)
            stack.push_async_callback(desks[desk.id].end)
        yield url, desks


@asynccontextmanager
async def _hub(folder: Path, settings_file: Path) -> AsyncIterator[str]:
    command = ("run", "--config", str(settings_file), "--demo", "--until-end", "--json")
    log = folder / "hub.log"
    process = await _started(command, log)
    try:
        async with asyncio.timeout(_LONGEST_S):
            line = await process.stdout.readline() if process.stdout is not None else b""
        if not line:
            await _ended(process)
            raise _why(log)
        yield str(json_decode(line)["url"])
    finally:
        if process.stdin is not None:
            process.stdin.close()
        await _ended(process)


async def _register(settings_file: Path, folder: Path) -> None:
    """Enter the desks that the directory does not have yet."""
    settings = load_settings(settings_file, HubSettings)
    known = read_directory(settings, settings_file).desks
    async with registrar_beside(settings, settings_file, SystemClock(), system_entropy, demo=True) as registrar:
        for desk in DESKS:
            home = private_folder(desk_folder(folder, desk.id))
            Trust.load(hub_folder(folder) / "trust.json").save(home / "trust.json")
            keys = load_desk_keys(home / "keys.json", system_entropy)
            if desk.id not in known:
                await registrar.register(
                    card_of(desk.id, keys),
                    agency=desk.agency,
                    desk_type=desk.desk_type,
                    patch=desk.patch,
                    signed=desk.signed,
                )


async def _desk(folder: Path, desk: DemoDesk, url: str) -> Process:
    home = desk_folder(folder, desk.id)
    text = desk_settings_text(desk.id, url, desk.duty_worker, desk.telephone)
    write_whole(home / "desk.toml", (text + "\n[adapter.jsonl]\nuntil_end = true\n").encode())
    return await _started(("adapter", "run", "jsonl", "--config", str(home / "desk.toml")), home / "desk.log")


async def _started(arguments: tuple[str, ...], log: Path) -> Process:
    # In a session of its own: Ctrl-C is for the one who tells the story, and that one ends the others in order.
    try:
        with log.open("wb") as told:
            return await asyncio.create_subprocess_exec(
                *_TELLWISE, *arguments, stdin=PIPE, stdout=PIPE, stderr=told, start_new_session=True, limit=2**24
            )
    except OSError as error:
        raise FolderUnusable(f"cannot write `{log}`: {error.strerror}") from error


async def _ended(process: Process) -> None:
    try:
        async with asyncio.timeout(_ENDING_S):
            await process.wait()
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _why(log: Path) -> Refused:
    """What a process said last before it ended: `tellwise: TEXT`, and the next step below it."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    for number in reversed(range(len(lines))):
        if lines[number].startswith("tellwise: "):
            next_step = lines[number + 1].strip() if number + 1 < len(lines) else TellwiseError.next_step
            return Refused(lines[number].removeprefix("tellwise: "), next_step)
    return Refused("the hub could not be started", TellwiseError.next_step)
