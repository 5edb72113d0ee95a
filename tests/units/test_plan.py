"""The pure core, driven over rows in memory: no file, no thread, no clock but the one that the test reads out."""

import itertools
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from broker.cli.demo_people import DESKS, PEOPLE, POLICE, case_opened, moved
from broker.client.compose import Draft
from broker.client.keys import DeskKeys, load_desk_keys
from broker.client.sealer import seal_draft
from broker.directory import (
    DeskRegistered,
    Directory,
    DirectoryEvent,
    HubFounded,
    PolicyActivated,
    sealing_key,
    sign_event,
    signing_key,
)
from broker.errors import KeyUnavailable, PolicyNotInForce
from broker.ledger.entries import Decision, Disclosure, Filler, read_entry
from broker.ledger.merkle import Frontier
from broker.lifecycle import Before, Plan, Premises, plan
from broker.lifecycle import record as broker_record
from broker.ports import Record, RowKey, SealedRow, Table
from broker.sealing import compartments
from broker.sealing.entropy import system_entropy
from broker.sealing.keyring import HubKeys, load_hub_keys
from broker.sealing.keystore_file import FileKeyStore
from broker.sealing.letters import ItemKind
from broker.sealing.packages import Outcome
from broker.sealing.signatures import Algorithm
from broker.state.pending import Pending
from broker.state.rows import Rows
from broker.state.vault import Vault
from broker.telemetry import Count, Event
from policies import Bundle, Candidate, Decided, Engine, Statement
from schemas import AgencyId, AreaCode, DeskId
from schemas.strict import b64u_decode, b64u_encode, json_decode, json_encode

HUB = AgencyId("hub.plan.example")
NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
CONTACT = DESKS[0].contact


class Memory:
    """Rows as a lane would keep them."""

    def __init__(self) -> None:
        self.kept: dict[tuple[Table, RowKey], SealedRow] = {}

    def get(self, table: Table, key: RowKey) -> SealedRow | None:
        return self.kept.get((table, key))

    def rows(self, table: Table) -> Iterable[tuple[RowKey, SealedRow]]:
        return [(key, row) for (kept, key), row in self.kept.items() if kept is table]


class Lane:
    """What the owner of a lane knows, and the committing of one turn after another."""

    def __init__(self, keys: HubKeys, engine: Engine) -> None:
        self.premises = Premises(HUB, (f"{HUB}/lane-0",), f"{HUB}/directory", keys, engine, system_entropy)
        self.vault = Vault(keys, system_entropy)
        self.memory = Memory()
        self.directory = Directory()
        self.frontiers: dict[str, Frontier] = {}
        self.pending: list[Pending] = []

    def plan(self, *values: bytes, at: datetime = NOW) -> Plan:
        records = [Record("outbox.http", 0, offset, value) for offset, value in enumerate(values)]
        notes = dict.fromkeys(self.frontiers, b"note")
        before = Before(Rows(self.memory, self.vault), self.directory, self.frontiers, self.pending, notes)
        return plan(records, before, self.premises, at)

    def turn(self, *values: bytes, at: datetime = NOW) -> Plan:
        planned = self.plan(*values, at=at)
        for table, key, row in planned.rows:
            if row is None:
                self.memory.kept.pop((table, key), None)
            else:
                self.memory.kept[table, key] = row
        self.directory = planned.directory
        self.pending = planned.pending
        self.frontiers |= {batch.log: batch.after for batch in planned.batches}
        return planned


class World:
    """A hub's lane with the demo's desks in its directory, and the desks' keys."""

    def __init__(self, folder: Path, engine: Engine) -> None:
        store = FileKeyStore(folder / "keys", system_entropy, demo=True)
        self.keys = load_hub_keys(folder / "keyring.json", store, HUB, system_entropy)
        self.lane = Lane(self.keys, engine)
        self.desk_keys: dict[DeskId, DeskKeys] = {}
        self.counts: dict[DeskId, Iterable[int]] = {}
        self.lane.turn(
            self.event(self._founded()), self.event(PolicyActivated.of(n=1, at=NOW, digest=engine.bundle.digest))
        )
        for desk in DESKS:
            keys = self.desk_keys[desk.id] = load_desk_keys(folder / f"{desk.id}.json", system_entropy)
            self.counts[desk.id] = itertools.count(1)
            registered = DeskRegistered.of(
                n=self.lane.directory.size,
                at=NOW,
                desk=desk.id,
                agency=desk.agency,
                desk_type=desk.desk_type,
                patch=desk.patch,
                signed=desk.signed,
                mailbox=b64u_encode(system_entropy(16)),
                signing=keys.public_signing,
                sealing=keys.public_sealing,
            )
            self.lane.turn(self.event(registered))
        self.lane.turn(self.said(case_opened(PEOPLE[0], CONTACT)))

    def event(self, event: DirectoryEvent) -> bytes:
        return sign_event(event, self.keys.directory)

    def said(self, draft: Draft, desk: DeskId = POLICE, at: datetime = NOW, seq: int | None = None) -> bytes:
        counted = next(iter(self.counts[desk])) if seq is None else seq
        _, sealed = seal_draft(
            draft,
            desk=desk,
            keys=self.desk_keys[desk],
            hub=self.lane.directory.hub,
            seq=counted,
            now=at,
            entropy=system_entropy,
        )
        return sealed.to_bytes()

    def _founded(self) -> HubFounded:
        return HubFounded.of(
            n=0,
            at=NOW,
            hub=HUB,
            lanes=(f"{HUB}/lane-0",),
            ledger=self.keys.ledger.text(),
            voice=signing_key(self.keys.voice.kid, Algorithm.ED25519, self.keys.store.public("voice")),
            release=sealing_key(self.keys.release_kid, self.keys.release.public_bytes),
        )


def a_move() -> Draft:
    return moved(PEOPLE[0], AreaCode("E07000123"), AreaCode("E06000008"), date(2026, 11, 20), CONTACT)


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(Bundle.load())


@pytest.fixture
def world(tmp_path: Path, engine: Engine) -> World:
    return World(tmp_path, engine)


def entries(planned: Plan) -> list[object]:
    return [
        read_entry(leaf.entry) for batch in planned.batches if batch.log.endswith("lane-0") for leaf in batch.leaves
    ]


def test_a_turn_is_filled_up_so_that_its_size_says_little(world: World) -> None:
    planned = world.lane.turn(world.said(a_move()))

    found = entries(planned)

    assert len(found) == 16
    assert sum(isinstance(entry, Disclosure) for entry in found) == 3
    assert sum(isinstance(entry, Filler) for entry in found) == 16 - 5


def test_more_than_fits_is_filled_to_the_next_size(world: World) -> None:
    planned = world.lane.turn(*(world.said(a_move()) for _ in range(4)))

    assert len(entries(planned)) == 64


def test_a_turn_without_anything_to_say_appends_nothing(world: World) -> None:
    world.lane.turn(world.said(a_move()))

    planned = world.lane.turn()

    assert planned.batches == []
    assert planned.pending == []
    assert len([topic for topic, _ in planned.sends if topic.startswith("inbox.")]) == 4  # three letters, one receipt


def test_entries_stand_in_another_order_every_time(world: World) -> None:
    said = world.said(a_move())

    orders = {tuple(type(entry).__name__ for entry in entries(world.lane.plan(said))) for _ in range(8)}

    assert len(orders) > 1


def test_letters_leave_in_the_turn_after_the_one_that_recorded_them(world: World) -> None:
    recorded = world.lane.turn(world.said(a_move()))

    delivered = world.lane.turn()

    inboxes = {f"inbox.{desk.mailbox}" for desk in world.lane.directory.desks.values()}
    assert not inboxes & {topic for topic, _ in recorded.sends if topic not in _waited_before(world)}
    assert inboxes & {topic for topic, _ in delivered.sends}


def _waited_before(world: World) -> set[str]:
    """What left in the recording turn was owed from the turn before: the receipt of the opened case, to the police."""
    return {f"inbox.{world.lane.directory.desks[POLICE].mailbox}"}


class Failing(Engine):
    """An engine that fails in a way that nobody foresaw, for one kind."""

    def decide(self, statement: Statement, candidates: Sequence[Candidate]) -> Decided:
        if statement.kind == "rso.address_changed":
            raise RuntimeError("not foreseen")
        return super().decide(statement, candidates)


def test_our_own_fault_refuses_one_record_whole_and_lets_the_next_go_on(tmp_path: Path, engine: Engine) -> None:
    world = World(tmp_path, Failing(engine.bundle))
    rows_before = {key for key in world.lane.memory.kept if key[0] in (Table.TOLD, Table.NUMBERS, Table.REFS)}

    planned = world.lane.turn(world.said(a_move()), world.said(case_opened(PEOPLE[1], CONTACT)))

    kinds = sorted(type(entry).__name__ for entry in entries(planned) if not isinstance(entry, Filler))
    assert kinds == ["Alteration", "Refusal"]
    assert {key for key in world.lane.memory.kept if key[0] in (Table.TOLD, Table.NUMBERS, Table.REFS)} == rows_before
    assert [alarm.ids for alarm in planned.alarms if alarm.event is Event.NOTIFICATION_QUARANTINED] == [
        {"reason": "internal"}
    ]
    assert sorted(counted.count for counted in planned.counted) == [
        Count.NOTIFICATION_ACCEPTED,
        Count.NOTIFICATION_QUARANTINED,
        Count.NOTIFICATION_REFUSED,
    ]


def test_the_publisher_hears_that_our_own_fault_told_nobody(tmp_path: Path, engine: Engine) -> None:
    world = World(tmp_path, Failing(engine.bundle))

    planned = world.lane.turn(world.said(a_move()))

    (answer,) = planned.pending
    assert answer.kind is ItemKind.RECEIPT
    assert answer.mailbox == world.lane.directory.desks[POLICE].mailbox
    payload = json_decode(b64u_decode(json_decode(answer.content)["payload"]))
    assert payload["outcome"] == Outcome.REFUSED


def test_nothing_is_decided_by_policies_that_are_not_in_force(world: World) -> None:
    other = "sha256:" + "0" * 64
    world.lane.turn(world.event(PolicyActivated.of(n=world.lane.directory.size, at=NOW, digest=other)))

    with pytest.raises(PolicyNotInForce):
        world.lane.plan(world.said(a_move()))


def test_a_key_store_that_does_not_answer_stops_the_turn_and_skips_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(kid: str, data: bytes) -> bytes:
        raise KeyUnavailable("the vault does not answer")

    monkeypatch.setattr(world.keys.store, "sign", silent)

    with pytest.raises(KeyUnavailable):
        world.lane.plan(world.said(a_move()))


def test_a_gap_in_what_a_desk_says_raises_an_alarm_and_is_accepted(world: World) -> None:
    planned = world.lane.turn(world.said(a_move(), seq=7))

    gaps = [alarm.ids for alarm in planned.alarms if alarm.event is Event.SEQUENCE_BROKEN]

    assert gaps == [{"desk": POLICE, "expected": 2, "found": 7}]
    assert any(isinstance(entry, Decision) for entry in entries(planned))


def test_a_count_holds_even_where_the_notification_is_refused(world: World) -> None:
    refused = world.lane.turn(world.said(case_opened(PEOPLE[0], CONTACT)))  # that case is open already

    after = world.lane.turn(world.said(a_move()))

    assert any(alarm.event is Event.NOTIFICATION_QUARANTINED for alarm in refused.alarms)
    assert not any(alarm.event is Event.SEQUENCE_BROKEN for alarm in after.alarms)


def test_lane_time_never_goes_back(world: World) -> None:
    world.lane.turn(world.said(a_move()), at=NOW + timedelta(hours=1))

    planned = world.lane.turn(world.said(a_move()), at=NOW)

    times = {entry.ts for entry in entries(planned) if isinstance(entry, Decision | Filler)}
    assert times == {NOW + timedelta(hours=1)}


def test_one_record_is_never_half_planned_whatever_fails(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Break the recording of the second of three letters: none of the three is left, nor a count, nor a row."""
    seals = itertools.count(1)
    original = compartments.seal

    def failing_seal(*args: object, **kwargs: object) -> object:
        if next(seals) == 2:
            raise MemoryError
        return original(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(broker_record, "seal", failing_seal)

    planned = world.lane.turn(world.said(a_move()))

    assert not any(isinstance(entry, Disclosure | Decision) for entry in entries(planned))
    assert [item.kind for item in planned.pending] == [ItemKind.RECEIPT]
    assert not any(
        table in (Table.TOLD, Table.REFS, Table.NUMBERS) for table, _, row in planned.rows if row is not None
    )


def test_an_old_directory_event_cannot_be_said_again(world: World, engine: Engine) -> None:
    """Every desk can read the directory, so whoever can write the hub's input has all its events to replay."""
    other = world.event(
        PolicyActivated.of(n=world.lane.directory.size, at=NOW, digest="sha256:" + "0" * 64),
    )
    back = world.event(PolicyActivated.of(n=1, at=NOW, digest=engine.bundle.digest))
    world.lane.turn(other)

    planned = world.lane.turn(back)

    assert world.lane.directory.policy == "sha256:" + "0" * 64
    assert [alarm.ids for alarm in planned.alarms] == [{"reason": "replay"}]


def test_what_was_altered_on_the_way_does_not_use_the_id_up(world: World) -> None:
    said = world.said(a_move())
    altered = json_decode(said)
    altered["mk"]["encrypted_key"] = b64u_encode(bytes(48))

    refused = world.lane.turn(json_encode(altered))
    accepted = world.lane.turn(said)

    assert [alarm.ids for alarm in refused.alarms] == [{"reason": "key"}]
    assert sum(isinstance(entry, Disclosure) for entry in entries(accepted)) == 3
