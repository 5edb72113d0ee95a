"""A police officer enters that a registered person has moved. From then on it is the outbox's to deliver.

It keeps what the hub has not taken, over a weekend without the hub and over a restart of either side, sends the same
bytes until they are there, and takes the hub's answer only with the proof of its line in the ledger. What waited too
long is not sent any more, since it may no longer be so: it must be said anew.
"""

from pathlib import Path

import pytest

from agency_adapters.jsonl import JsonLines
from broker.client import Desk, Draft, Link, Sending
from broker.errors import HubUnreachable, NotSent
from broker.ledger.entries import Collection, Refusal, Repeat, read_entry
from broker.ledger.proofs import check_proof
from broker.sealing.letters import Item
from schemas.strict import json_decode, json_encode
from tests.contracts.clock import MovedClock
from tests.contracts.engine import story
from tests.faults.checker import check
from tests.faults.county import LANE, ONYX, case_opened, county, moved
from tests.faults.stored import read_stored
from tests.links import Passing
from tests.personas import BLACKBURN, BLACKBURN_CHILDREN, POLICE, PRESTON, PRESTON_HOUSING

DAY_S = 24 * 3_600


class Road(Passing):
    """The way to the hub, which may be closed."""

    is_closed = False

    async def submit(self, notification: bytes) -> None:
        """See `Link.submit`."""
        if self.is_closed:
            raise HubUnreachable("nobody answers there")
        await super().submit(notification)


def a_move() -> Draft:
    return moved(ONYX, to=BLACKBURN, old=PRESTON)


def stand(desk: Desk) -> list[Sending]:
    """Where each notification of a desk stands, in the order in which they were said."""
    return [sent.state for sent in desk.store.outgoing(*Sending)]


@story
async def test_police_are_told_that_it_was_accepted_with_the_proof_of_its_line_in_the_ledger(tmp_path: Path) -> None:
    async with county(tmp_path, MovedClock()) as here:
        police = here.desks[POLICE.name]
        (said,) = await here.say(POLICE.name, a_move())
        assert stand(police) == [Sending.SENT]  # durable at the hub; not answered yet
        await here.hear()

        assert stand(police) == [Sending.ACCEPTED]
        items = await here.tellwise.edge.inbox(here.tellwise.directory.desk(POLICE.name).mailbox, 0, 10, 0)
        receipt = Item.from_bytes(items[-1].data)
        entry = read_entry(receipt.entry)
        assert isinstance(entry, Collection)
        assert (entry.actor, entry.id, entry.kind) == (POLICE.name, said, "rso.address_changed")
        check_proof(receipt.proof, receipt.entry, here.tellwise.directory.hub.ledger_key, LANE)


@story
async def test_what_was_said_just_before_the_hub_stopped_is_heard_when_it_is_back_and_once(tmp_path: Path) -> None:
    clock = MovedClock()
    async with county(tmp_path, clock) as here:
        await here.say(POLICE.name, case_opened(ONYX))
        await here.desks[POLICE.name].publish(a_move())

    clock.move(seconds=DAY_S)
    async with county(tmp_path, clock) as here:
        first = await here.hear()
        second = await here.hear()

        assert len(first[BLACKBURN_CHILDREN.name]) == 1
        assert second == {}
        assert stand(here.desks[POLICE.name]) == [Sending.ACCEPTED, Sending.ACCEPTED]
    assert check(tmp_path) == []


@story
async def test_the_outbox_keeps_what_was_said_over_a_weekend_without_the_hub(tmp_path: Path) -> None:
    clock, roads = MovedClock(), list[Road]()

    def road(edge: Link) -> Link:
        roads.append(Road(edge))
        return roads[-1]

    async with county(tmp_path, clock, way=road) as here:
        await here.say(POLICE.name, case_opened(ONYX))
        police = here.desks[POLICE.name]
        for each in roads:
            each.is_closed = True
        with pytest.raises(HubUnreachable):
            await police.publish(a_move())
        clock.move(seconds=2 * DAY_S)
        with pytest.raises(HubUnreachable):
            await police.flush()
        assert stand(police)[-1] is Sending.WAITING

    async with county(tmp_path, clock) as here:  # on Monday the desk's machine is started too
        police = here.desks[POLICE.name]
        assert stand(police)[-1] is Sending.WAITING
        await police.flush()
        await here.tellwise.settled()
        heard = await here.hear()

        assert len(heard[BLACKBURN_CHILDREN.name]) == 1
        assert stand(police) == [Sending.ACCEPTED, Sending.ACCEPTED]
    assert check(tmp_path) == []


@story
async def test_a_desk_that_does_not_know_whether_it_arrived_sends_the_same_again_and_it_counts_once(
    tmp_path: Path,
) -> None:
    async with county(tmp_path, MovedClock()) as here:
        await here.say(POLICE.name, case_opened(ONYX))
        police = here.desks[POLICE.name]
        police.keep(a_move())
        (waiting,) = police.store.outgoing(Sending.WAITING)
        await here.tellwise.edge.submit(waiting.sealed)  # it arrives, and the desk is stopped before it notes so
        await police.flush()
        await here.tellwise.settled()
        heard = await here.hear()

        assert len(heard[BLACKBURN_CHILDREN.name]) == 1
        assert stand(police) == [Sending.ACCEPTED, Sending.ACCEPTED]
    stored = read_stored(tmp_path)
    assert [entry.id for entry in stored.of(Repeat)] == [waiting.id]
    assert check(tmp_path) == []


@story
async def test_what_waited_for_a_fortnight_is_not_sent_any_more_and_must_be_said_anew(tmp_path: Path) -> None:
    clock = MovedClock()
    async with county(tmp_path, clock) as here:
        await here.say(POLICE.name, case_opened(ONYX))
        police = here.desks[POLICE.name]
        police.keep(a_move())
        clock.move(seconds=14 * DAY_S)
        await police.flush()
        await here.tellwise.settled()

        assert stand(police)[-1] is Sending.EXPIRED
        assert await here.hear() == {}

        await here.say(POLICE.name, a_move())
        assert set(await here.hear()) >= {BLACKBURN_CHILDREN.name}
        assert stand(police) == [Sending.ACCEPTED, Sending.EXPIRED, Sending.ACCEPTED]
    assert check(tmp_path) == []


@story
async def test_what_a_desk_may_not_say_is_refused_without_a_why(tmp_path: Path) -> None:
    async with county(tmp_path, MovedClock()) as here:
        housing = here.desks[PRESTON_HOUSING.name]
        await here.say(PRESTON_HOUSING.name, a_move())
        heard = await here.hear()

        assert heard == {}
        assert stand(housing) == [Sending.REFUSED]
    stored = read_stored(tmp_path)
    assert [entry.actor for entry in stored.of(Refusal)] == [PRESTON_HOUSING.name]
    assert check(tmp_path) == []


def police_record(**changed: object) -> bytes:
    """A line as the police's own system writes it; None stands for what somebody forgot."""
    said = {label.value: json_decode(each.to_bytes()) for label, each in a_move().compartments.items()}
    record: dict[str, object] = {
        "kind": "rso.address_changed",
        "person": {"scheme": "pnc", "identifier": ONYX.pnc},
        "purpose": "public_protection",
        "area": "Blackburn with Darwen",
        "area_old": "Preston",
        **said,
        **changed,
    }
    return json_encode({name: value for name, value in record.items() if value is not None})


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"area": None}, "`area` missing"),
        ({"area_old": "Atlantis"}, "unknown area"),
        ({"identity": None}, "compartment `identity` missing"),
        ({"status": {"event": "has left the area"}}, "Status"),
        ({"area": "Chorley"}, "`address.district` is not the fact `area`"),
        ({"rumours": {"heard": "something"}}, "`rumours`"),
        ({"kind": "rso.has_been_rude"}, "unknown kind"),
    ],
)
def test_a_mistake_in_a_record_stays_with_the_desk_and_is_named(changed: dict[str, object], named: str) -> None:
    assert JsonLines().said(police_record()).kind.name == "rso.address_changed"

    with pytest.raises(NotSent) as refused:
        JsonLines().said(police_record(**changed))

    assert named in str(refused.value)
    assert ONYX.family not in str(refused.value)
