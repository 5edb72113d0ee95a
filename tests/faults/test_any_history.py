"""Through any history of a county every invariant holds; and when the core is broken in one place, the end of an
ordinary history shows it.

`make soak` lives two thousand histories and more, other ones each time.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib import import_module
from typing import Any

import pytest

from broker import turning
from broker.errors import FolderUnusable
from broker.ledger.entries import Acknowledgement, Collection, Disclosure, Refusal, Repeat, Return
from broker.lifecycle import Before, Plan, Premises, accept, control, decide, plan, reach, record, turn
from broker.lifecycle.turn import Turn
from broker.sealing.letters import ItemKind
from broker.state.cases import put_case
from broker.state.delivery import next_number
from broker.state.pending import Pending, drop_pending
from broker.topics import QUARANTINE
from policies import Engine
from schemas import CATALOGUE, Consent, DeskId, Kind, Label, Level, NotificationId, Risk
from schemas.kinds.kind import Need
from schemas.strict import b64u_decode
from tests.contracts.memory import Break, MemoryDisk, MemoryTx
from tests.faults.any_history import AnyHistory, live_histories
from tests.faults.memory_county import HOSPITAL, UNSIGNED
from tests.faults.what_is_said import TOLD, draft_of
from tests.personas import (
    BLACKBURN,
    BLACKBURN_CHILDREN,
    BLACKBURN_HOUSING,
    PEOPLE,
    POLICE,
    PRESTON,
    PROBATION,
)

core: Any = import_module("broker.lifecycle.plan")  # the package shows the function of this name in its place
ONYX, BASALT, QUARTZ = range(3)
MOVED = CATALOGUE["rso.address_changed"]


@pytest.mark.parametrize("seed", range(2))
def test_any_history_breaks_no_invariant(seed: int) -> None:
    """Forty of them, the same each time; a soak lives thousands."""
    live_histories(20, seed)


@pytest.fixture
def history() -> Iterator[AnyHistory]:
    """One that has begun: two cases are open, police and probation are on their teams."""
    begun = AnyHistory()
    begun.there_are_cases(risk=Risk.HIGH, level=Level.MULTI_AGENCY)
    yield begun
    begun.county.close()


def live_on(history: AnyHistory) -> None:
    """A bit of everything."""
    county = history.county
    history.a_consent_is_recorded(persona=ONYX, who=POLICE.name, patient=Consent.GIVEN, authority=False)
    history.somebody_moves(persona=ONYX, area=BLACKBURN, area_old=PRESTON, extras=frozenset({Label.HEALTH}))
    history.somebody_moves(persona=BASALT, area=PRESTON, area_old=BLACKBURN, extras=frozenset())
    history._say(HOSPITAL.name, draft_of(CATALOGUE["hospital.status"], PEOPLE[ONYX], extras=(Label.HEALTH,)))
    history.the_hub_makes_a_turn(records=2, breaks=None)
    history.the_hub_makes_a_turn(records=500, breaks=Break.BEFORE)
    history.the_hub_makes_a_turn(records=500, breaks=Break.AFTER)
    history.the_hub_makes_a_turn(records=500, breaks=Break.BEFORE)  # of what the turn before recorded
    history.the_hub_makes_a_turn(records=500, breaks=None)
    history.what_has_left_is_recorded()
    history.a_desk_listens(name=BLACKBURN_CHILDREN.name)
    history.a_letter_is_answered(name=BLACKBURN_CHILDREN.name, which=0, is_returned=False)
    history.a_desk_listens(name=PROBATION.name)
    history.a_letter_is_answered(name=PROBATION.name, which=0, is_returned=True)
    history.the_hub_is_started_again()
    history.a_consent_is_recorded(persona=ONYX, who=POLICE.name, patient=Consent.WITHDRAWN, authority=False)
    history._say(HOSPITAL.name, draft_of(CATALOGUE["hospital.status"], PEOPLE[ONYX], extras=(Label.HEALTH,)))
    more = frozenset({Label.IDENTITY, Label.STATUS, Label.RISK_SUMMARY})
    history.something_is_corrected(which=0, extras=more, is_own=True, who=0)
    history.old_bytes_come_again(which=-1)
    history.bytes_are_spoilt_on_the_way(which=-1, way="signature")
    history.a_case_is_opened(persona=ONYX, team=[], tags=[])  # it is open
    history.a_desk_is_registered(name=UNSIGNED.name)
    history.time_passes_or_a_clock_is_set(seconds=-3_600)
    history.somebody_moves(persona=ONYX, area=BLACKBURN, area_old=PRESTON, extras=frozenset())
    history.the_hub_makes_a_turn(records=500, breaks=None)
    history.a_desk_is_revoked(name=BLACKBURN_HOUSING.name)
    county.settle()
    history.what_has_left_is_recorded()
    history.finish()


def test_a_history_with_a_bit_of_everything_breaks_no_invariant(history: AnyHistory) -> None:
    live_on(history)

    assert history.faults() == []
    stored = history.county.stored()
    kinds = {Collection, Disclosure, Acknowledgement, Return, Refusal, Repeat}
    assert kinds - {type(entry) for _, entry in stored.entries.values()} == set()
    told = [set(entry.cmp) for entry in stored.of(Disclosure)]
    assert sum(Label.HEALTH in labels for labels in told) == 1  # before the consent was withdrawn
    assert sum(Label.CORRECTION in labels for labels in told) == 3


@pytest.mark.parametrize("kind", TOLD, ids=lambda kind: kind.name)
def test_every_kind_is_said_and_taken(kind: Kind, history: AnyHistory) -> None:
    facts: dict[str, Any] = {"corrects": NotificationId("A" * 22)} if kind.corrects is Need.REQUIRED else {}

    history._say(history._publisher(kind, 0), draft_of(kind, PEOPLE[ONYX], **facts))
    history.finish()

    assert [entry.kind for entry in history.county.stored().of(Collection)] == [kind.name]
    assert history.faults() == []


# --- the core is broken in one place ---


def first_letter() -> Callable[[Pending], bool]:
    """Knows the first letter that is delivered, however often it is."""
    met: list[bytes] = []

    def is_it(item: Pending) -> bool:
        if item.kind is ItemKind.LETTER and not met:
            met.append(item.entry)
        return item.entry in met

    return is_it


def lose_a_letter(patch: pytest.MonkeyPatch) -> None:
    deliver, is_it = core.deliver, first_letter()

    def losing(pending: list[Pending], note: bytes, turn: Turn) -> None:
        lost = [item for item in pending if is_it(item)]
        deliver([item for item in pending if item not in lost], note, turn)
        drop_pending(turn.rows, lost)

    patch.setattr(core, "deliver", losing)


def deliver_twice(patch: pytest.MonkeyPatch) -> None:
    deliver, is_it = core.deliver, first_letter()

    def doubling(pending: list[Pending], note: bytes, turn: Turn) -> None:
        deliver([item for each in pending for item in [each] * (1 + is_it(each))], note, turn)

    patch.setattr(core, "deliver", doubling)


def tell_everything(patch: pytest.MonkeyPatch) -> None:
    opened = decide._opened

    def generous(outcomes: Any, turn: Turn) -> Any:
        found = opened(outcomes, turn)
        return None if found is None else ((Label.CONTACT, *sorted(outcomes)), found[1])

    patch.setattr(decide, "_opened", generous)


def correct_more_than_was_told(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(decide, "_as_told_before", lambda grant, original, decided, carried: grant)


def keep_a_consent_that_was_withdrawn(patch: pytest.MonkeyPatch) -> None:
    put = put_case

    def keeping(rows: Any, person: Any, case: Any) -> None:
        if case.consent_patient is not Consent.WITHDRAWN:
            put(rows, person, case)

    patch.setattr(control, "put_case", keeping)


def ignore_consent(patch: pytest.MonkeyPatch) -> None:
    asked = decide._statement

    def agreeing(accepted: Any) -> Any:
        return replace(asked(accepted), consent_patient=Consent.GIVEN)

    patch.setattr(decide, "_statement", agreeing)


def read_a_turn_backwards(patch: pytest.MonkeyPatch) -> None:
    def backwards(records: Any, before: Before, premises: Premises, reading: Any) -> Plan:
        return plan(records[::-1], before, premises, reading)

    patch.setattr(turning, "plan", backwards)


def forget_what_was_seen(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(accept, "seen", lambda rows, publisher, notification: None)


def count_by_twos(patch: pytest.MonkeyPatch) -> None:
    count = next_number
    patch.setattr(record, "next_number", lambda rows, desk: (count(rows, desk), count(rows, desk))[1])


def throw_away_what_was_refused(patch: pytest.MonkeyPatch) -> None:
    refuse = core.record_refusal

    def careless(raw: bytes, signed: Any, reason: Any, turn: Turn) -> None:
        refuse(raw, signed, reason, turn)
        turn.sends[:] = [(topic, value) for topic, value in turn.sends if topic != QUARANTINE]

    patch.setattr(core, "record_refusal", careless)


def skip_what_is_refused(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(core, "record_refusal", lambda raw, signed, reason, turn: None)


def tell_the_publisher_too(patch: pytest.MonkeyPatch) -> None:
    asked = reach.candidates
    patch.setattr(decide, "candidates", lambda facts, publisher, *rest: asked(facts, DeskId(""), *rest))


def forget_the_team(patch: pytest.MonkeyPatch) -> None:
    asked = reach.candidates
    patch.setattr(decide, "candidates", lambda facts, publisher, case, *rest: asked(facts, publisher, None, *rest))


def fail_inside(patch: pytest.MonkeyPatch) -> None:
    def fail(engine: Engine, statement: Any, candidates: Any) -> Any:
        raise RuntimeError("not foreseen")

    patch.setattr(Engine, "decide", fail)


def write_facts_where_all_can_read(patch: pytest.MonkeyPatch) -> None:
    remember = core.record_accepted

    def talkative(accepted: Any, turn: Turn) -> None:
        remember(accepted, turn)
        turn.sends.append(("debug", accepted.facts.to_bytes()))

    patch.setattr(core, "record_accepted", talkative)


def send_what_is_not_committed(patch: pytest.MonkeyPatch) -> None:
    commit = MemoryDisk.commit

    def leaking(disk: MemoryDisk, lane: str, epoch: int, tx: MemoryTx, now: Any) -> None:
        try:
            commit(disk, lane, epoch, tx, now)
        except FolderUnusable:
            disk.append(tx.sends)
            raise

    patch.setattr(MemoryDisk, "commit", leaking)


@pytest.mark.parametrize(
    ("plant", "invariant", "words"),
    [
        (lose_a_letter, "I4", "in the ledger, and in no inbox"),
        (deliver_twice, "I2", "2 times in the inbox"),
        (tell_everything, "I3", "has more of"),
        (correct_more_than_was_told, "I3", "the policies open otherwise"),
        (keep_a_consent_that_was_withdrawn, "I6", "no consent to that stands"),
        (ignore_consent, "I6", "no consent to that stands"),
        (read_a_turn_backwards, "I5", "said later"),
        (forget_what_was_seen, "I1", "accepted or refused 2 times"),
        (count_by_twos, "I4", "without a gap"),
        (throw_away_what_was_refused, "I1", "in quarantine"),
        (skip_what_is_refused, "I1", "outcomes and"),
        (tell_the_publisher_too, "I3", "what it said itself"),
        (forget_the_team, "I3", "about other desks"),
        (fail_inside, "I1", "a fault of our own"),
        (write_facts_where_all_can_read, "I7", PEOPLE[ONYX].pnc),
        (send_what_is_not_committed, "I2", "2 times in the inbox"),
    ],
)
def test_what_is_broken_shows_at_the_end_of_a_history(
    plant: Callable[[pytest.MonkeyPatch], None],
    invariant: str,
    words: str,
    history: AnyHistory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plant(monkeypatch)
    live_on(history)

    faults = history.faults()

    assert any(fault.invariant == invariant and words in fault.what for fault in faults), faults


def test_a_clock_that_goes_back_with_the_lane_s_time_is_seen_at_once(
    history: AnyHistory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(core, "lane_time", lambda rows, reading: reading)

    with pytest.raises(AssertionError, match="lane time went back"):
        live_on(history)


def test_an_item_that_leaves_before_its_entry_is_committed_is_seen_at_once(
    history: AnyHistory, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish = Turn.finish

    def hasty(planning: Turn, frontier: Any) -> Plan:
        planned = finish(planning, frontier)
        note = next(iter(history.county.disk.notes[planning.premises.lane].values()))
        turn_after = Turn(planning.premises, planning.rows, planning.directory, planning.now)
        core.deliver(planned.pending, note, turn_after)
        planned.sends.extend(turn_after.sends)
        return planned

    monkeypatch.setattr(turn.Turn, "finish", hasty)

    with pytest.raises((AssertionError, IndexError)):
        live_on(history)


def test_nobody_takes_a_notification_over_by_saying_something_under_its_id(history: AnyHistory) -> None:
    """Every desk that holds a letter knows the id of its notification, and could use it for something of its own."""
    history._say(POLICE.name, draft_of(MOVED, PEOPLE[ONYX]), persona=PEOPLE[ONYX])
    history.finish()
    _, notification, _ = history.told[0]
    another = draft_of(CATALOGUE["offender.resides_in_area"], PEOPLE[ONYX])

    history.county.put(history._sealed(PROBATION.name, another, b64u_decode(notification)))
    history.something_is_corrected(which=0, extras=frozenset(), is_own=True, who=0)
    history.finish()

    assert history.faults() == []
    assert not any(entry.actor == POLICE.name for entry in history.county.stored().of(Refusal))
