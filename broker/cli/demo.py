"""`tellwise demo`: a hub and ten desks on this machine, and one day's story told as it happens."""

import asyncio
import contextlib
import logging
import shutil
import tempfile
from datetime import date
from pathlib import Path

from broker.app import Tellwise, hub_folder, running
from broker.audit import ExplainedDesk, explain
from broker.cli.demo_day import home_decided, home_proposed, home_requested, housing_joins
from broker.cli.demo_people import (
    DESKS,
    HOUSING,
    HUB,
    PEOPLE,
    POLICE,
    PROBATION,
    DemoDesk,
    DemoPerson,
    case_opened,
    moved,
    resides,
)
from broker.cli.telling import bold, say, say_report
from broker.cli.verify_folder import verify_folder
from broker.client import Desk, Draft, OpenedLetter
from broker.client.adapter import Adapter, find_adapter
from broker.clock import SystemClock
from broker.errors import FolderUnusable, NotSent
from broker.sealing.entropy import system_entropy
from broker.state.vault import Vault
from policies import NO_GROUND
from schemas import AreaCode, DeskId, Label, NotificationId, NotStrict, PersonKey, PersonScheme, UnknownArea, area_table
from schemas.strict import json_decode, json_encode

HELP = """
  move N DISTRICT        police say that person N has moved there       move 1 Chorley
  resides N DISTRICT     probation say that person N lives there        resides 2 Burnley
  file PATH              say what a file says: JSON, one notification a line, each with its "desk"
  people, desks          who plays
  verify                 recompute the ledger, and compare it with what the desks kept
  quit
"""


def play(data: Path | None, *, once: bool) -> None:
    """Play the demo.

    Args:
        data: Where to keep the data; None to throw them away at the end.
        once: Whether to end after the story instead of taking more from the keyboard.

    Raises:
        TellwiseError: as the hub.
    """
    logging.getLogger("tellwise").setLevel(logging.ERROR)
    say(bold("Tellwise demo. Synthetic people only; nothing leaves this machine; the keys are demo keys."))
    folder = data or Path(tempfile.mkdtemp(prefix="tellwise-demo-"))
    try:
        asyncio.run(_play(folder, once=once))
    finally:
        if data is None:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            say(f"Kept in {folder}. Verify it with: tellwise ledger verify --data {folder}")


async def _play(folder: Path, *, once: bool) -> None:
    async with running(folder, HUB, demo=True, clock=SystemClock()) as tellwise:
        stage = await Stage.set_up(tellwise)
        await stage.day(PEOPLE[0], "Blackburn with Darwen")
        await tellwise.settled()
        say()
        say(bold("The ledger, recomputed from its entries and compared with what the desks kept:"))
        say_report(verify_folder(folder))
        if not once:
            say()
            print(bold("What next?") + HELP)
            await stage.take_more()


class Stage:
    """The demo's hub, its desks and where its people live."""

    def __init__(self, tellwise: Tellwise, desks: dict[DeskId, Desk]) -> None:
        """Stand ready; use `set_up`."""
        self._tellwise = tellwise
        self._desks = desks
        self._homes = {person.key: area_table().named(person.from_district).code for person in PEOPLE}
        self._adapter: Adapter = find_adapter("jsonl")

    @classmethod
    async def set_up(cls, tellwise: Tellwise) -> "Stage":
        """Register the desks and open the cases, where a kept folder does not have them yet."""
        desks = {}
        for desk in DESKS:
            if desk.id not in tellwise.directory.desks:
                await tellwise.register(
                    desk.id, agency=desk.agency, desk_type=desk.desk_type, patch=desk.patch, signed=desk.signed
                )
            desks[desk.id] = tellwise.desk(desk.id, desk.contact)
        say(
            f"{len(DESKS)} desks, each with keys of its own; the hub holds none of them. {len(PEOPLE)} invented people."
        )
        stage = cls(tellwise, desks)
        police = desks[POLICE]
        if not police.store.position("seq"):
            for person in PEOPLE:
                await police.publish(case_opened(person, _demo_desk(POLICE).contact))
            await tellwise.settled()
        return stage

    async def day(self, person: DemoPerson, district: str) -> None:
        """Somebody is found a home and moves there; tell who heard what, step by step."""
        area, today = area_table().named(district).code, self._today()
        police, probation, housing = (_demo_desk(name) for name in (POLICE, PROBATION, HOUSING))
        _headline(f"Lancashire Probation ask {housing.title}: find a home for {person.title}.")
        heard = await self._tell(PROBATION, home_requested(person, today, probation.contact), brief=True)
        for draft in housing_joins(person, police.contact):
            await self._desks[POLICE].publish(draft)
        await self._tellwise.settled()
        letter = heard.get(HOUSING)
        if letter is not None:
            ref = PersonKey.of(scheme=PersonScheme.REF, identifier=letter.cover.person)
            _headline(f"{housing.title}, propose a property.")
            proposed = home_proposed("accommodation.proposed", ref, person, area, today, housing.contact)
            await self._tell(HOUSING, proposed, brief=True)
            _headline("Lancashire Police say yes to it, with reasons that are theirs alone.")
            await self._tell(POLICE, home_decided(person, area, today, police.contact), brief=True)
            _headline(f"{housing.title}, allocate it.")
            allocated = home_proposed("accommodation.allocated", ref, person, area, today, housing.contact)
            await self._tell(HOUSING, allocated, brief=True)
        await self.move(person, district)

    async def move(self, person: DemoPerson, district: str) -> None:
        """Police say that somebody moved; tell who heard what."""
        new, old = area_table().named(district).code, self._homes[person.key]
        if new == old:
            raise NotSent(f"{person.title} lives there already")
        draft = moved(person, old, new, self._today(), _demo_desk(POLICE).contact)
        _headline(f"Lancashire Police say: {person.title} has moved from {_name(old)} to {_name(new)}.")
        await self._tell(POLICE, draft)
        self._homes[person.key] = new

    async def reside(self, person: DemoPerson, district: str) -> None:
        """Probation say that somebody lives somewhere; tell who heard what."""
        place = area_table().named(district).code
        draft = resides(person, place, self._today(), _demo_desk(PROBATION).contact)
        _headline(f"Lancashire Probation say: {person.title} lives in {_name(place)}.")
        await self._tell(PROBATION, draft)

    async def take_more(self) -> None:
        """Take commands from the keyboard until there are no more."""
        while True:
            try:
                line = await asyncio.to_thread(input, "> ")
            except EOFError:
                return
            word, _, rest = line.strip().partition(" ")
            if word in ("quit", "exit"):
                return
            with contextlib.suppress(_Told):
                await self._do(word, rest.strip())

    async def _do(self, word: str, rest: str) -> None:
        try:
            match word:
                case "move" | "resides":
                    number, _, district = rest.partition(" ")
                    person = _person(number)
                    await (self.move if word == "move" else self.reside)(person, district)
                case "file":
                    await self._file(rest)
                case "people":
                    for place, person in enumerate(PEOPLE, start=1):
                        say(f"{place}  {person.title}, lives in {_name(self._homes[person.key])}", 2)
                case "desks":
                    for desk in DESKS:
                        say(f"{desk.id}: {desk.title}", 2)
                case "verify":
                    await self._tellwise.settled()
                    say_report(verify_folder(self._tellwise.folder))
                case "":
                    return
                case _:
                    print(HELP)
        except (NotSent, UnknownArea, FolderUnusable) as error:
            say(f"Not sent: {error}", 2)
            raise _Told from None

    async def _file(self, path: str) -> None:
        for number, line in enumerate(_lines(path), start=1):
            if not line.strip():
                continue
            with contextlib.suppress(_Told):
                try:
                    desk, record = _addressed(line, self._desks)
                    draft = self._adapter.said(record)
                except NotSent as error:
                    say(f"Line {number} not sent: {error}", 2)
                    continue
                _headline(f"{_demo_desk(desk).title} says: {draft.kind.name} (line {number})")
                await self._tell(desk, draft)

    async def _tell(self, publisher: DeskId, draft: Draft, *, brief: bool = False) -> dict[DeskId, OpenedLetter]:
        """Publish, let every desk hear, and say who was told what; unless brief, also who was not, and why."""
        notification = await self._desks[publisher].publish(draft)
        await self._tellwise.settled()
        heard: dict[DeskId, OpenedLetter] = {}
        for name, desk in self._desks.items():
            for letter in (await desk.hear()).letters:
                if letter.head.id == notification:
                    heard[name] = letter
        for name, letter in heard.items():
            await self._desks[name].acknowledge(letter.head.id, _demo_desk(name).duty_worker)
            _say_letter(_demo_desk(name), letter, brief=brief)
        if brief:
            say(f"{len(DESKS) - len(heard) - 1} other desks: nothing, not even that there was something", 2)
        else:
            self._say_why_not(publisher, draft.person, notification, set(heard))
        return heard

    def _say_why_not(
        self, publisher: DeskId, person: PersonKey, notification: NotificationId, told: set[DeskId]
    ) -> None:
        hub = self._tellwise.hub
        vault = Vault(hub.premises.keys, system_entropy)
        path = hub_folder(self._tellwise.folder) / "hub.db"
        asked = {desk.desk: desk for desk in explain(path, hub.premises.lane, vault, person, notification)}
        if not asked:
            say("The hub refused it. Why stands in the ledger's sealed details.", 2)
            return
        for desk in DESKS:
            if desk.id in told or desk.id == publisher:
                continue
            say(f"{desk.title}: nothing, not even that there was something", 2)
            record = asked.get(desk.id)
            if record is None:
                say("because: it serves neither area and is not on the case team", 6)
            else:
                say(f"because: {_why(record)}", 6)

    def _today(self) -> date:
        return SystemClock().now().date()


class _Told(Exception):
    """The person was told what is wrong; the demo goes on."""


def _headline(text: str) -> None:
    say()
    say(bold(text))


def _say_letter(desk: DemoDesk, letter: OpenedLetter, *, brief: bool) -> None:
    told = ", ".join(label.value for label in sorted(letter.compartments) if label is not Label.CONTACT)
    say(f"{desk.title}: told {told}", 2)
    for reason in letter.cover.reasons:
        say(f"because: {reason}", 6)
    if brief:
        return
    if letter.cover.acknowledge_by is not None:
        say(f"to acknowledge by {letter.cover.acknowledge_by:%A %d %B, %H:%M} UTC; the {desk.duty_worker} just did", 6)
    checkpoint = letter.proven.checkpoint
    root = checkpoint.root.hex()[:16]
    say(f"proof: entry {letter.proven.index} of {checkpoint.size} in {checkpoint.origin}, root {root}", 6)


def _why(record: ExplainedDesk) -> str:
    """The first reason: that nothing speaks for telling comes before what speaks against it."""
    reasons = sorted({reason for _, reason in record.withheld.values()})
    return NO_GROUND if NO_GROUND in reasons else "; ".join(reasons)


def _addressed(line: bytes, desks: dict[DeskId, Desk]) -> tuple[DeskId, bytes]:
    """Who says a line of a file, and the line as the adapter takes it."""
    try:
        record = json_decode(line)
        desk = DeskId(str(record.pop("desk")))
    except (NotStrict, KeyError, AttributeError, TypeError):
        raise NotSent('not a JSON object with a "desk"') from None
    if desk not in desks:
        raise NotSent(f"no desk `{desk[:60]}` here; try `desks`")
    return desk, json_encode(record)


def _lines(path: str) -> list[bytes]:
    try:
        return Path(path).expanduser().read_bytes().splitlines()
    except OSError as error:
        raise FolderUnusable(f"cannot read `{path}`: {error.strerror}") from None


def _demo_desk(name: DeskId) -> DemoDesk:
    return next(desk for desk in DESKS if desk.id == name)


def _person(number: str) -> DemoPerson:
    try:
        return {str(index): person for index, person in enumerate(PEOPLE, start=1)}[number]
    except KeyError:
        raise NotSent("no such person; try `people`") from None


def _name(code: AreaCode) -> str:
    return area_table().district(code).name
