"""`tellwise demo`: a hub and ten desks on this machine, and one day's story told as it happens."""

import asyncio
import contextlib
import logging
import shutil
import tempfile
from datetime import date, datetime
from pathlib import Path
from typing import Any

from broker.app import hub_folder, hub_keys
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
from broker.cli.demo_processes import DeskProcess, Refused, at_work
from broker.cli.telling import bold, say, say_report
from broker.cli.verify_folder import verify_folder
from broker.client import Draft
from broker.clock import SystemClock
from broker.errors import FolderUnusable, NotSent
from broker.files import write_whole
from broker.sealing.entropy import system_entropy
from broker.state.vault import Vault
from broker.transport.tables import DATABASE
from policies import NO_GROUND
from schemas import AreaCode, DeskId, Label, NotificationId, NotStrict, PersonKey, PersonScheme, UnknownArea, area_table
from schemas.strict import json_decode

HELP = """
  move N DISTRICT        police say that person N has moved there       move 1 Chorley
  resides N DISTRICT     probation say that person N lives there        resides 2 Burnley
  file PATH              say what a file says: JSON, one notification a line, each with its "desk"
  people, desks          who plays
  verify                 recompute the ledger, and compare it with what the desks kept
  quit

  In another window, while this one stays open:
  {url}/                                           what the hub offers to programs
  tellwise ledger show --data {folder}
  tellwise desk list --config {folder}/tellwise.toml
  tellwise inbox --all --config {folder}/desks/blackburn-children/desk.toml
"""

CASES_OPEN = "cases-open"
"""A file that says that the cases were opened, in a folder that is kept."""


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
    say("Starting them takes some seconds ...")
    async with at_work(folder) as (url, desks):
        say(f"The hub is one process, at {url}; {len(desks)} desks are {len(desks)} others, each with keys of its own.")
        say(f"{len(PEOPLE)} invented people.")
        stage = Stage(folder, desks)
        await stage.open_cases()
        await stage.day(PEOPLE[0], "Blackburn with Darwen")
        say()
        say(bold("The ledger, recomputed from its entries and compared with what the desks kept:"))
        say_report(verify_folder(folder))
        if not once:
            say()
            print(bold("What next?") + HELP.format(url=url, folder=folder))
            await stage.take_more()


class Stage:
    """The demo's desks, and where its people live."""

    def __init__(self, folder: Path, desks: dict[DeskId, DeskProcess]) -> None:
        """Stand ready.

        Args:
            folder: Where the hub's files are: what is not told is explained from them, as an officer would.
            desks: At work.
        """
        self._folder = folder
        self._desks = desks
        self._homes = {person.key: area_table().named(person.from_district).code for person in PEOPLE}
        keys = hub_keys(folder, HUB, system_entropy, demo=True, credential=None)
        self._vault = Vault(keys, system_entropy)

    async def open_cases(self) -> None:
        """Police open everybody's case, where a kept folder does not have it yet."""
        police = self._desks[POLICE]
        if not (self._folder / CASES_OPEN).exists():
            for person in PEOPLE:
                await police.say(record_of(case_opened(person, police.desk.contact)))
            write_whole(self._folder / CASES_OPEN, b"")

    async def day(self, person: DemoPerson, district: str) -> None:
        """Somebody is found a home and moves there; tell who heard what, step by step."""
        area, today = area_table().named(district).code, self._today()
        police, probation, housing = (_demo_desk(name) for name in (POLICE, PROBATION, HOUSING))
        _headline(f"Lancashire Probation ask {housing.title}: find a home for {person.title}.")
        heard = await self._tell(PROBATION, home_requested(person, today, probation.contact), brief=True)
        for draft in housing_joins(person, police.contact):
            await self._desks[POLICE].say(record_of(draft))
        letter = heard.get(HOUSING)
        if letter is not None:
            ref = PersonKey.of(scheme=PersonScheme.REF, identifier=letter["cover"]["person"])
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
                    say_report(verify_folder(self._folder))
                case "":
                    return
                case _:
                    print(HELP)
        except (NotSent, UnknownArea, FolderUnusable, Refused) as error:
            say(f"Not sent: {error}", 2)
            raise _Told from None

    async def _file(self, path: str) -> None:
        for number, line in enumerate(_lines(path), start=1):
            if not line.strip():
                continue
            with contextlib.suppress(_Told):
                try:
                    desk, record = _addressed(line, self._desks)
                    _headline(f"{self._desks[desk].desk.title} says what line {number} says")
                    await self._tell(desk, record)
                except (NotSent, Refused) as error:
                    say(f"Line {number} not sent: {error}", 2)

    async def _tell(
        self, publisher: DeskId, said: Draft | dict[str, Any], *, brief: bool = False
    ) -> dict[DeskId, dict[str, Any]]:
        """Publish, let every desk hear, and say who was told what; unless brief, also who was not, and why."""
        record = record_of(said) if isinstance(said, Draft) else said
        notification = NotificationId(await self._desks[publisher].say(record))
        asked = self._asked(PersonKey.of(**_person_of(record)), notification)
        told = [name for name, found in asked.items() if found.told and name in self._desks]
        heard = {name: await self._desks[name].letter(notification) for name in self._desks if name in told}
        for name, letter in heard.items():
            desk = self._desks[name]
            await desk.say({"acknowledge": notification, "by": desk.desk.duty_worker})
            _say_letter(desk.desk, letter, brief=brief)
        if brief:
            say(f"{len(DESKS) - len(heard) - 1} other desks: nothing, not even that there was something", 2)
        else:
            self._say_why_not(publisher, asked, set(heard))
        return heard

    def _asked(self, person: PersonKey, notification: NotificationId) -> dict[DeskId, ExplainedDesk]:
        """What was decided, desk by desk, as the hub's own record of it says."""
        path, lane = hub_folder(self._folder) / DATABASE, f"{HUB}/lane-0"
        return {DeskId(desk.desk): desk for desk in explain(path, lane, self._vault, person, notification)}

    def _say_why_not(self, publisher: DeskId, asked: dict[DeskId, ExplainedDesk], told: set[DeskId]) -> None:
        if not asked:
            say("The hub refused it, or nobody is told of such a thing.", 2)
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


def _say_letter(desk: DemoDesk, letter: dict[str, Any], *, brief: bool) -> None:
    labels = {label.value for label in Label} - {Label.CONTACT.value, Label.COVER.value}
    say(f"{desk.title}: told {', '.join(sorted(labels & letter.keys()))}", 2)
    cover, recorded = letter["cover"], letter["recorded"]
    for reason in cover["reasons"]:
        say(f"because: {reason}", 6)
    if brief:
        return
    if cover["acknowledge_by"] is not None:
        by = datetime.fromisoformat(cover["acknowledge_by"])
        say(f"to acknowledge by {by:%A %d %B, %H:%M} UTC; the {desk.duty_worker} just did", 6)
    say(f"proof: entry {recorded['entry']} of the {recorded['size']} in {recorded['ledger']} that the hub signed", 6)


def _why(record: ExplainedDesk) -> str:
    """The first reason: that nothing speaks for telling comes before what speaks against it."""
    reasons = sorted({reason for _, reason in record.withheld.values()})
    return NO_GROUND if NO_GROUND in reasons else "; ".join(reasons)


def record_of(draft: Draft) -> dict[str, Any]:
    """A draft as a record that the adapter `jsonl` reads."""
    facts = draft.facts(1).model_dump(mode="json", exclude_none=True, exclude={"seq", "traceparent"})
    record = {name: value for name, value in facts.items() if value not in ([], False)}
    said = {label.value: said.model_dump(mode="json", exclude_none=True) for label, said in draft.compartments.items()}
    return {"kind": draft.kind.name, **record, **said}


def _person_of(record: dict[str, Any]) -> dict[str, Any]:
    try:
        return {"scheme": PersonScheme(record["person"]["scheme"]), "identifier": record["person"]["identifier"]}
    except (KeyError, TypeError, ValueError):
        raise NotSent("no `person` with `scheme` and `identifier`") from None


def _addressed(line: bytes, desks: dict[DeskId, DeskProcess]) -> tuple[DeskId, dict[str, Any]]:
    """Who says a line of a file, and the record as the adapter takes it."""
    try:
        record = json_decode(line)
        desk = DeskId(str(record.pop("desk")))
    except (NotStrict, KeyError, AttributeError, TypeError):
        raise NotSent('not a JSON object with a "desk"') from None
    if desk not in desks:
        raise NotSent(f"no desk `{desk[:60]}` here; try `desks`")
    return desk, record


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
