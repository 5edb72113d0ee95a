"""Any history of a county, step by step: what is said, when the hub makes a turn of it and how that fails, who listens
when, what time it is, who joins and who leaves. After each step and at its end every invariant holds.

Hypothesis chooses the steps. The county is in memory, and everything in it is the real thing but for the disk: the
hub's core, its policies and keys, the desks' own code. What it all should have come to is worked out afresh from what
hub and desks have stored, by the checker that looks at them after every other fault as well.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, TypeVar

import hypothesis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from broker.client import Draft, Sending
from broker.client.sealer import seal_draft
from broker.errors import NotRegistered
from broker.ledger.checkpoint import Checkpoint, Note
from broker.ledger.entries import Refusal, read_entry
from broker.ledger.proofs import parse_proof
from broker.sealing.entropy import system_entropy
from broker.sealing.letters import Item
from broker.sealing.rejection import Reason
from broker.topics import DIRECTORY, INPUT
from schemas import (
    CATALOGUE,
    AreaCode,
    Consent,
    DeskId,
    Kind,
    Label,
    Level,
    NotificationId,
    PersonKey,
    PersonScheme,
    Risk,
    Said,
    Tag,
)
from schemas.kinds.case import CaseAssessed, CaseTagged, ConsentRecorded, PersonLinked, TeamChanged
from schemas.kinds.kind import Need
from schemas.strict import b64u_decode
from tests.contracts.memory import Break
from tests.faults.canaries import canaries_in
from tests.faults.checker import Fault, Submitted, check_stored
from tests.faults.county import LANE, case_opened, control
from tests.faults.memory_county import EVERYBODY, HOSPITAL, PRISON, UNSIGNED, MemoryCounty, origin
from tests.faults.what_is_said import (
    ANY,
    AREAS,
    DESKS,
    EXTRAS,
    PERSONS,
    SAYINGS,
    SOME_DESKS,
    TAGS,
    WAYS_TO_SPOIL,
    Saying,
    draft_of,
    spoilt,
)
from tests.personas import BLACKBURN_HOUSING, PEOPLE, POLICE, PROBATION, Persona

STEPS = 50
"""In each history."""

_T = TypeVar("_T")
_NAMES = [text for persona in PEOPLE for text in (persona.family, persona.street, persona.pnc)]
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_S = 86_400

_TEAM = st.sampled_from((POLICE.name, POLICE.name, PROBATION.name))


class AnyHistory(RuleBasedStateMachine):
    """One history. Each rule is one thing that can happen next; what cannot, as things are, happens not."""

    def __init__(self) -> None:
        super().__init__()
        self.county = MemoryCounty(origin())
        self.said: list[Submitted] = []
        """What desks of the directory said, in order."""
        self.told: list[tuple[DeskId, NotificationId, Persona]] = []
        """What could be corrected: who said it, and about whom."""
        self._looked_at = {topic: len(values) for topic, values in self.county.disk.topics.items()}
        self._leaves, self._latest = len(self.county.disk.ledgers[LANE]), _LONG_AGO

    # --- what is said ---

    @initialize(risk=st.sampled_from(Risk), level=st.sampled_from(Level))
    def there_are_cases(self, risk: Risk, level: Level) -> None:
        for persona in PEOPLE[:2]:
            self._say(POLICE.name, case_opened(persona))
        self._say(PROBATION.name, control(PEOPLE[0], "case.assessed", CaseAssessed(risk=risk, level=level)))
        self.county.settle()

    @rule(sayings=SAYINGS)
    def something_is_said(self, sayings: list[Saying]) -> None:
        for saying in sayings:
            self._say_one(saying)

    @rule(sayings=SAYINGS)
    def more_is_said(self, sayings: list[Saying]) -> None:  # a second rule, so that there is as much to tell as to do
        for saying in sayings:
            self._say_one(saying)

    @rule(persona=PERSONS, area=AREAS, area_old=AREAS, extras=EXTRAS)
    def somebody_moves(self, persona: int, area: AreaCode, area_old: AreaCode, extras: frozenset[Label]) -> None:
        draft = draft_of(CATALOGUE["rso.address_changed"], PEOPLE[persona], area, area_old, extras)
        self._say(POLICE.name, draft, persona=PEOPLE[persona])

    @rule(persona=PERSONS, area=AREAS, patient=st.sampled_from(Consent))
    def an_illness_is_spoken_of(self, persona: int, area: AreaCode, patient: Consent) -> None:
        said = ConsentRecorded(patient=patient, caldicott_authority=False)
        self._say(POLICE.name, control(PEOPLE[persona], "consent.recorded", said))
        draft = draft_of(CATALOGUE["hospital.status"], PEOPLE[persona], area, extras=(Label.HEALTH,))
        self._say(HOSPITAL.name, draft, persona=PEOPLE[persona])

    @rule(which=ANY, extras=EXTRAS, is_own=st.booleans(), who=ANY)
    def something_is_corrected(self, which: int, extras: frozenset[Label], is_own: bool, who: int) -> None:
        if self.told:
            desk, notification, persona = _pick(self.told, which)
            kind = CATALOGUE["correction.issued"]
            draft = draft_of(kind, persona, extras=extras, corrects=notification)
            self._say(desk if is_own or who % 4 != 3 else _pick(EVERYBODY, who).name, draft, persona=persona)

    @rule(persona=PERSONS, team=SOME_DESKS, tags=TAGS)
    def a_case_is_opened(self, persona: int, team: list[DeskId], tags: list[Tag]) -> None:
        self._say(POLICE.name, case_opened(PEOPLE[persona], team=team, tags=tags))

    @rule(persona=PERSONS, who=_TEAM, add=SOME_DESKS, remove=SOME_DESKS)
    def a_team_is_changed(self, persona: int, who: DeskId, add: list[DeskId], remove: list[DeskId]) -> None:
        self._change(who, persona, "case.team_changed", TeamChanged, add, remove)

    @rule(persona=PERSONS, who=_TEAM, add=TAGS, remove=TAGS)
    def a_case_is_tagged(self, persona: int, who: DeskId, add: list[Tag], remove: list[Tag]) -> None:
        self._change(who, persona, "case.tagged", CaseTagged, add, remove)

    @rule(persona=PERSONS, who=_TEAM, risk=st.sampled_from(Risk), level=st.sampled_from(Level))
    def a_case_is_assessed(self, persona: int, who: DeskId, risk: Risk, level: Level) -> None:
        self._say(who, control(PEOPLE[persona], "case.assessed", CaseAssessed(risk=risk, level=level)))

    @rule(persona=PERSONS, who=_TEAM, patient=st.sampled_from(Consent), authority=st.sampled_from((False, False, True)))
    def a_consent_is_recorded(self, persona: int, who: DeskId, patient: Consent, authority: bool) -> None:
        said = ConsentRecorded(patient=patient, caldicott_authority=authority)
        self._say(who, control(PEOPLE[persona], "consent.recorded", said))

    @rule(persona=PERSONS, who=_TEAM, other=PERSONS)
    def a_person_is_linked(self, persona: int, who: DeskId, other: int) -> None:
        key = PersonKey(scheme=PersonScheme.CRN, identifier=PEOPLE[other].crn)
        self._say(who, control(PEOPLE[persona], "person.linked", PersonLinked(other=key)))

    # --- what desks do ---

    @rule(name=DESKS)
    def a_desk_listens(self, name: DeskId) -> None:
        if name in self.county.directory.desks:
            self.county.run(self.county.desk(name).hear())

    @rule(name=DESKS, which=ANY, is_returned=st.booleans())
    def a_letter_is_answered(self, name: DeskId, which: int, is_returned: bool) -> None:
        desk = self.county.desk(name)
        waiting = [letter for letter in desk.store.letters() if letter.acknowledged is None]
        if waiting and name in self.county.directory.desks:
            letter = _pick(waiting, which)
            answering = (desk.give_back if is_returned else desk.acknowledge)(letter.id, "duty officer", letter.part)
            self.said.append((name, self.county.run(answering)))

    @rule(name=DESKS)
    def what_waits_is_sent(self, name: DeskId) -> None:
        if name in self.county.directory.desks:
            self.county.run(self.county.desk(name).flush())

    @rule(name=DESKS)
    def a_desk_is_started_again(self, name: DeskId) -> None:
        self.county.forget(name)

    @rule(name=DESKS)
    def a_desk_is_registered(self, name: DeskId) -> None:
        with suppress(NotRegistered):
            self.county.register(next(desk for desk in EVERYBODY if desk.name == name))

    @rule(name=st.sampled_from([PRISON.name, UNSIGNED.name, BLACKBURN_HOUSING.name]))
    def a_desk_is_revoked(self, name: DeskId) -> None:
        with suppress(NotRegistered):
            self.county.revoke(name)

    # --- what the hub is given that it should not be ---

    @rule(which=ANY)
    def old_bytes_come_again(self, which: int) -> None:
        self.county.put(_pick(self.county.disk.topics[INPUT, 0], which))

    @rule(which=ANY, way=WAYS_TO_SPOIL)
    def bytes_are_spoilt_on_the_way(self, which: int, way: str) -> None:
        said = [value for value in self.county.disk.topics[INPUT, 0] if value.startswith(b'{"c"')]
        self.county.put(spoilt(_pick(said, which), way))

    @rule(which=ANY, persona=PERSONS)
    def an_id_is_used_for_something_else(self, which: int, persona: int) -> None:
        if self.said:
            desk, notification = _pick(self.said, which)
            self.county.put(self._sealed(desk, control(PEOPLE[persona], "case.assessed"), b64u_decode(notification)))

    @rule(data=st.sampled_from((b"", b"{}", b"\xff\x00", b'{"directory":"e30","sig":{}}', b"[" * 3_000)), which=ANY)
    def something_else_comes(self, data: bytes, which: int) -> None:
        self.county.put(data, _pick(self.county.disk.topics[DIRECTORY, 0], which))

    # --- what the hub does ---

    @rule(records=st.sampled_from((1, 2, 3, 5, 500)), breaks=st.sampled_from((None, None, None, *Break)))
    def the_hub_makes_a_turn(self, records: int, breaks: Break | None) -> None:
        self.county.turn(records, breaks)

    @rule()
    def the_hub_makes_all_turns(self) -> None:
        self.county.settle()

    @rule()
    def the_hub_is_started_again(self) -> None:
        self.county.restart()

    @rule(seconds=st.sampled_from((0, 1, 60, 3_600, 7_200, _DAY_S, -1, -90, -3_600, -_DAY_S, 6 * _DAY_S, 15 * _DAY_S)))
    def time_passes_or_a_clock_is_set(self, seconds: int) -> None:
        self.county.clock.move(seconds=seconds)

    # --- what holds ---

    @invariant()
    def what_has_left_is_recorded(self) -> None:
        """Only what is new is looked at: each item proves an entry that is committed; lane time never goes back."""
        disk = self.county.disk
        leaves = disk.ledgers[LANE]
        for topic, values in disk.topics.items():
            new, self._looked_at[topic] = values[self._looked_at.get(topic, 0) :], len(values)
            for value in new if topic[0].startswith("inbox.") else ():
                item = Item.from_bytes(value)
                proof = parse_proof(item.proof)
                assert leaves[proof.index].entry == item.entry, "I4: an item proves another entry than its own"
                size = Checkpoint.parse(Note.parse(proof.note).body).size
                assert proof.index < size, "I4: an item left before its entry was signed"
                assert disk.notes[LANE][size] == proof.note, "I4: an item left under a checkpoint that is not kept"
        new_leaves, self._leaves = leaves[self._leaves :], len(leaves)
        for leaf in new_leaves[:1]:
            at = read_entry(leaf.entry).ts
            assert at >= self._latest, "lane time went back"
            self._latest = at

    def teardown(self) -> None:
        """The history is over: everything that is owed is done, and then everything is checked."""
        try:
            if sys.exc_info()[1] is None:
                self.finish()
                assert self.faults() == []
        finally:
            self.county.close()

    def finish(self) -> None:
        """Let everybody say, decide and hear what is left."""
        for _ in range(2):  # what is said after the first hearing is answered at the second
            self.county.settle()
            for name in self.county.directory.desks:
                self.county.run(self.county.desk(name).flush())
            self.county.settle()
            for name in self.county.directory.desks:
                self.county.run(self.county.desk(name).hear())

    def faults(self) -> list[Fault]:
        """What does not hold after the end."""
        stored = self.county.stored()
        taken = (Sending.SENT, Sending.ACCEPTED, Sending.REFUSED)
        known = [
            (desk, NotificationId(said))
            for desk in stored.directory.desks
            for said, state in (stored.desks[desk].outbox if desk in stored.desks else ())
            if state in taken
        ]
        faults = check_stored(stored, submitted=known)
        faults += [Fault("I4", f"{found.where}: {found.what}") for found in self.county.verify().findings]
        faults += [Fault("I7", canary) for canary in canaries_in(b"\n".join(self._everything()), _NAMES)]
        refusals = [index for index, (_, entry) in stored.entries.items() if isinstance(entry, Refusal)]
        internal = sum(stored.reason(index) == Reason.INTERNAL for index in refusals)
        return faults + [Fault("I1", "refused by a fault of our own")] * internal

    def _everything(self) -> Iterator[bytes]:
        disk = self.county.disk
        for values in disk.topics.values():
            yield from values
        for rows in disk.rows.values():
            yield from rows.values()
        for leaves in disk.ledgers.values():
            yield from (part for leaf in leaves for part in leaf if part is not None)

    # --- how it is said ---

    def _say_one(self, saying: Saying) -> None:
        kind, persona, ways = CATALOGUE[saying.kind], PEOPLE[saying.persona], saying.ways
        facts: dict[str, Any] = {name: getattr(saying, name) for name in ("flags", "addressed", "attendees")}
        facts |= {"risk_rises": "rises" in ways, "by_crn": "by_crn" in ways, "has_area": "nowhere" not in ways}
        if kind.corrects is Need.REQUIRED:
            facts["corrects"] = self._earlier(saying.who)
        draft = draft_of(kind, persona, saying.area, saying.area_old, saying.extras, **facts)
        self._say(self._publisher(kind, saying.who), draft, is_later="later" in ways, persona=persona)

    def _say(self, name: DeskId, draft: Draft, *, is_later: bool = False, persona: Persona | None = None) -> None:
        if name not in self.county.directory.desks:  # whoever is not registered finds another way in
            self.county.put(self._sealed(name, draft))
            return
        desk = self.county.desk(name)
        self.county.run(desk.meet())
        notification = desk.keep(draft)
        self.said.append((name, notification))
        if persona is not None:
            self.told.append((name, notification, persona))
        if not is_later:
            self.county.run(desk.flush())

    def _change(
        self, who: DeskId, persona: int, kind: str, model: type[Said], add: Sequence[Any], remove: Sequence[Any]
    ) -> None:
        taken = [item for item in remove if item not in add]
        if add or taken:
            self._say(who, control(PEOPLE[persona], kind, model.of(add=tuple(add), remove=tuple(taken))))

    def _sealed(self, name: DeskId, draft: Draft, id: bytes | None = None) -> bytes:
        ids = iter([] if id is None else [id])

        def entropy(count: int) -> bytes:
            return next(ids, None) or system_entropy(count)  # the id is the first thing that is asked for

        keys, now = origin().desk_keys[name], self.county.clock.now()
        hub = self.county.directory.hub
        _, sealed = seal_draft(draft, desk=name, keys=keys, hub=hub, seq=1, now=now, entropy=entropy)
        return sealed.to_bytes()

    def _publisher(self, kind: Kind, who: int) -> DeskId:
        """Mostly one that may say it."""
        able = [desk for desk in EVERYBODY if desk.desk_type in kind.publishers]
        return _pick(able if who % 8 != 7 else EVERYBODY, who).name

    def _earlier(self, which: int) -> NotificationId:
        return _pick(self.told, which)[1] if self.told else NotificationId("AAAAAAAAAAAAAAAAAAAAAA")


def live_histories(count: int, seed: int) -> None:
    """Live so many, the same ones for the same seed. The first that breaks an invariant is made as short as it can be,
    and raises."""
    run_state_machine_as_test(
        hypothesis.seed(seed)(AnyHistory),
        settings=settings(
            max_examples=count,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )


def _pick(items: Sequence[_T], which: int) -> _T:
    return items[which % len(items)]
