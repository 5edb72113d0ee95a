"""Playing a story: a hub and desks of its own, a clock that stands where the story says, and every letter opened.

Nothing of a rehearsal reaches anything else: it has a throwaway folder, fresh keys for every desk, and ends with them.
"""

import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from broker.app import Tellwise, running
from broker.client import Desk, Draft, compose
from broker.client.sealer import seal_draft
from broker.engines import OpenEngine, embedded
from broker.errors import NotSent
from broker.rehearsal.compare import compare_ack, compare_disclosure, compare_letters, compare_second_pass, uncompared
from broker.rehearsal.filling import fill
from broker.rehearsal.result import Difference, Result
from broker.rehearsal.scenario import Agency, Event, Scenario
from broker.rehearsal.stage import Told, case_drafts, consent_of, opening_draft, second_pass_labels
from broker.sealing.entropy import system_entropy
from schemas import (
    AgencyId,
    AreaCode,
    Consent,
    DeskId,
    DeskType,
    Label,
    NotificationId,
    PersonKey,
    PersonScheme,
    Purpose,
    Said,
    Tag,
    UnknownArea,
    area_table,
)
from schemas.catalogue import CATALOGUE
from schemas.compartments import Contact
from schemas.kinds.case import CaseAssessed, ConsentRecorded

_HUB = AgencyId("hub.rehearsal.example")
_CONTACT = Contact.of(role="invented", telephone="01632 960000")


class StoryClock:
    """A clock that stands where the story says."""

    def __init__(self, at: datetime) -> None:
        self._at = at.astimezone(UTC)

    def now(self) -> datetime:
        """Where the story is."""
        return self._at

    def steady_s(self) -> float:
        """See `Clock.steady_s`: in a story, time passes from one event to the next."""
        return self._at.timestamp()

    def move(self, at: datetime) -> None:
        """Go on to the next event; never back."""
        self._at = max(self._at, at.astimezone(UTC))


async def rehearse(
    scenario: Scenario, on_event: Callable[[], None] = lambda: None, engine: OpenEngine = embedded
) -> Result:
    """Play a story and compare.

    Args:
        scenario: What is to happen, and what is expected.
        on_event: Called after each event, for a progress bar.
        engine: What the hub stands on: nothing of it may be there already.

    Raises:
        TellwiseError: the hub itself failed.
    """
    clock = StoryClock(scenario.events[0].at - timedelta(hours=1))
    with tempfile.TemporaryDirectory(prefix="tellwise-rehearsal-") as folder:
        async with running(Path(folder), _HUB, demo=True, clock=clock, engine=engine) as tellwise:
            player = await Player.set_up(scenario, tellwise, clock)
            for event in scenario.events:
                await player.play(event)
                on_event()
    player.result.not_compared += uncompared(scenario)
    return player.result


class Player:
    """A story in play."""

    def __init__(self, scenario: Scenario, tellwise: Tellwise, desks: dict[str, Desk], clock: StoryClock) -> None:
        """Stand ready; use `set_up`."""
        self.result = Result(scenario.scenario, len(scenario.events))
        self._scenario = scenario
        self._tellwise = tellwise
        self._desks = desks
        self._clock = clock
        self._types = {agency.id: agency.type for agency in scenario.agencies}
        self._team = list(scenario.team)
        self._tags = list(scenario.subject.tags)
        self._person = PersonKey.of(scheme=PersonScheme.PNC, identifier=scenario.subject.key)
        self._risk, self._level = scenario.subject.risk, scenario.subject.level
        self._consent = ConsentRecorded.of(patient=Consent.NOT_SOUGHT)
        self._published: dict[str, NotificationId] = {}

    @classmethod
    async def set_up(cls, scenario: Scenario, tellwise: Tellwise, clock: StoryClock) -> "Player":
        """Register the desks and open the case."""
        desks = {}
        for agency in scenario.agencies:
            if not isinstance(agency.type, DeskType):
                continue  # never a desk
            patch = _patch(agency)
            await tellwise.register(
                DeskId(agency.id),
                agency=AgencyId(agency.id),
                desk_type=agency.type,
                patch=patch,
                signed=agency.signed,
                addressed_only=agency.serves is not None and not patch,
            )
            desks[agency.id] = tellwise.desk(DeskId(agency.id), _CONTACT)
        player = cls(scenario, tellwise, desks, clock)
        police = [agency for agency in scenario.agencies if agency.type is DeskType.POLICE]
        forces = [code for agency in police for code in _patch(agency) if code in area_table().in_force]
        opener = player.manager()
        if opener is not None and forces:
            draft = opening_draft(scenario.subject, player.members(), forces, player._person, _CONTACT)
            await desks[opener].publish(draft)
            await tellwise.settled()
            if opener not in scenario.team:
                player.result.not_compared.append(f"the team: `{opener}` opens the case, and is on it for that")
        else:
            player.result.not_compared.append("the case: no police or probation desk with a police force area opens it")
        return player

    def manager(self) -> str | None:
        """Who says what changes of the case: the first police or probation desk on the team, else in the story."""
        able = [desk for desk in self._desks if self._types[desk] in ("police", "probation")]
        on_team = [desk for desk in able if desk in self._team]
        return next(iter(on_team or able), None)

    def members(self) -> tuple[DeskId, ...]:
        """The desks on the team."""
        return tuple(DeskId(desk) for desk in self._team if desk in self._desks)

    async def play(self, event: Event) -> None:
        """One event: the case before it, the decision to tell somebody outside, the notification, the case after it."""
        self._clock.move(event.at)
        before = [desk for desk in event.team_add if desk not in self._team]
        tags = [tag for tag in self._tags if tag not in event.tags_remove]
        tags += [tag for tag in event.tags_add if tag not in tags and tag not in event.tags_remove]
        case = self._assessed(event)
        consent = consent_of(event)
        changed = None if consent == self._consent else consent
        both = (_known_tags(self._tags), _known_tags(tags))
        await self._change_case(case_drafts(self._known(before), (), both, case, changed, self._say))
        self._consent = consent
        self._team += before
        self._tags = tags
        if event.disclosure is not None:
            self.result.compare(compare_disclosure(event, under_18="under_18" in self._tags))
        if event.type is not None:
            told = await self._publish(event, event.type)
            for difference in compare_letters(event, told):
                self.result.compare(difference)
            if event.ack is not None:
                self.result.acks += 1
                differs = compare_ack(event, told)
                self.result.differences += [] if differs is None else [differs]
        leaving = [desk for desk in event.team_remove if desk in self._team]
        await self._change_case(case_drafts((), self._known(leaving), ((), ()), None, None, self._say))
        self._team = [desk for desk in self._team if desk not in leaving]

    def _assessed(self, event: Event) -> CaseAssessed | None:
        risk, level = event.risk or self._risk, event.level or self._level
        if (risk, level) == (self._risk, self._level):
            return None
        self._risk, self._level = risk, level
        return CaseAssessed.of(risk=risk, level=level)

    async def _change_case(self, drafts: Sequence[Draft]) -> None:
        manager = self.manager()
        for draft in drafts:
            if manager is not None:
                await self._desks[manager].publish(draft)
                await self._tellwise.settled()

    def _say(self, kind: str, said: Said) -> Draft:
        compartments = {Label.CONTACT: _CONTACT, Label.CONTROL: said}
        return compose(kind, self._person, Purpose.PUBLIC_PROTECTION, compartments)

    async def _publish(self, event: Event, kind: str) -> dict[str, Told]:
        """Publish, settle, and let every desk hear. Who was told what, by desk."""
        if event.by not in self._desks or kind not in CATALOGUE or CATALOGUE[kind].control:
            return {}  # not even to be said: nobody hears of it
        if event.corrects is not None and event.corrects not in self._published:
            return {}  # what was never said cannot be put right
        desk = self._desks[event.by]
        try:
            draft = self._draft(event, kind, event.carries)
        except NotSent as refused:
            self.result.differences.append(Difference(event.id, "publish", event.by, missing=(str(refused),)))
            return {}
        self._second_pass(event, kind)
        notification = await desk.publish(draft)
        self._published[event.id] = notification
        await self._tellwise.settled()
        told: dict[str, Told] = {}
        for name, listener in self._desks.items():
            for letter in (await listener.hear()).letters:
                if letter.head.id == notification:
                    told[name] = Told.of_letter(letter, self._tellwise, self._person)
        return told

    def _second_pass(self, event: Event, kind: str) -> None:
        if event.corrects is not None:
            return
        desk = self._desks[event.by]
        try:
            draft = self._draft(event, kind, second_pass_labels(event.carries))
        except NotSent:
            return
        _, sealed = seal_draft(
            draft,
            desk=desk.name,
            keys=desk.keys,
            hub=self._tellwise.directory.hub,
            seq=1,
            now=self._clock.now(),
            entropy=system_entropy,
        )
        would = self._tellwise.preview(sealed.to_bytes())
        for difference in compare_second_pass(event, would, self._types):
            self.result.compare(difference)

    def _draft(self, event: Event, kind: str, labels: Sequence[Label]) -> Draft:
        table = area_table()
        area = None if event.area is None else table.present(AreaCode(event.area)).code
        area_old = None if event.area_old is None else table.present(AreaCode(event.area_old)).code
        here = area or min(table.districts)  # where the event is about no district, an address may name any
        said = fill(CATALOGUE[kind], labels, self._person, here, event.at.date())
        return compose(
            kind,
            self._person,
            Purpose.PUBLIC_PROTECTION,
            said,
            area=area,
            area_old=area_old,
            addressed=self._known(event.addressed),
            attendees=self._known(event.attendees),
            corrects=self._published.get(event.corrects or ""),
            flags=_known_tags(event.flags),
            risk_rises=event.risk_rises,
        )

    def _known(self, desks: Sequence[str]) -> tuple[DeskId, ...]:
        return tuple(DeskId(desk) for desk in desks if desk in self._desks)


def _patch(agency: Agency) -> tuple[AreaCode, ...]:
    table, codes = area_table(), []
    for word in agency.serves or ():
        with suppress(UnknownArea):  # a word for a desk that is found by name only
            codes.append(AreaCode(word) if word in table.known else table.present(AreaCode(word)).code)
    return tuple(dict.fromkeys(codes))


def _known_tags(tags: Sequence[str]) -> tuple[Tag, ...]:
    """The tags that rules read. A story may have free ones, which no rule does."""
    return tuple(Tag(tag) for tag in tags if tag in set(Tag))
