"""Nobody who is spoken of stands in the log, in a span or in a metric, at the most verbose level; and no desk does
where a rare event could be read off it.

The hub and its desks are real, and so is what they say. A test that finds nothing proves little, so here it is also
seen that there was much to look at, and that a planted name is found in each of the three.
"""

import asyncio
import logging
from pathlib import Path

import pytest

from broker import telemetry
from broker.telemetry import Count, Event, Span
from schemas.strict import json_encode
from tests.contracts.clock import MovedClock
from tests.contracts.engine import story
from tests.faults.canaries import canaries_in
from tests.faults.county import ONYX, County, county, ordinary_day
from tests.faults.listening import listening
from tests.faults.stored import read_stored
from tests.personas import CANARIES, DESKS, everything

PLANTED = ONYX.family


async def day_on_which_much_goes_wrong(here: County) -> None:
    """An ordinary day, and besides: plaintext where something sealed belongs, and bytes that are nothing."""
    asyncio.get_running_loop().set_debug(True)  # asyncio says whom it ran, and for how long
    await ordinary_day(here)
    plain = {label.value: said.model_dump(mode="json") for label, said in everything().items()}
    await here.put(json_encode(plain), json_encode({"head": plain}), b'{"directory"' + json_encode(plain), b"\xff\x00")
    logging.getLogger("any.library").error(f"about {ONYX.family}", exc_info=ValueError(ONYX.family))


@story
async def test_nobody_who_is_spoken_of_is_in_the_log_a_span_or_a_metric(tmp_path: Path) -> None:
    with listening() as told:
        async with county(tmp_path, MovedClock()) as here:
            await day_on_which_much_goes_wrong(here)

        assert canaries_in(told.in_log(), CANARIES) == []
        assert canaries_in(told.in_spans(), CANARIES) == []
        assert canaries_in(told.in_metrics(), CANARIES) == []
        assert told.events()[Event.NOTIFICATION_QUARANTINED] == told.measured("notification.quarantined") == 5
        assert told.events()[Event.LIBRARY_LOGGED] >= 1
        assert told.measured("notification.refused") == 1
        assert len([span for span in told.exported.spans if span.name == Span.LANE_TURN]) > 10


@story
async def test_no_span_and_no_metric_names_a_desk_or_a_mailbox(tmp_path: Path) -> None:
    with listening() as told:
        async with county(tmp_path, MovedClock()) as here:
            await day_on_which_much_goes_wrong(here)
            mailboxes = [here.tellwise.directory.desk(desk.name).mailbox for desk in DESKS]
            names = [text for desk in DESKS for text in (desk.name, desk.agency, desk.desk_type.value, *desk.patch)]

        assert canaries_in(told.in_spans() + told.in_metrics(), [*mailboxes, *names]) == []
        assert canaries_in(told.in_log(), mailboxes) == []


@story
async def test_what_was_counted_is_what_was_done(tmp_path: Path) -> None:
    with listening() as told:
        async with county(tmp_path, MovedClock()) as here:
            await day_on_which_much_goes_wrong(here)

        stored = read_stored(tmp_path)
        letters = len(list(stored.letters()))
        assert told.measured("notification.accepted") == len(stored.taken()) > 5
        assert told.measured("letter.delivered") == letters > 5
        assert told.measured("letter.pending") == 0
        assert told.measured("entry.recorded") == len(stored.entries) + stored.directory_events.total()


@story
async def test_a_turn_links_to_the_trace_of_each_notification_and_the_desks_that_are_told_know_it(
    tmp_path: Path,
) -> None:
    with listening() as told:
        async with county(tmp_path, MovedClock()) as here:
            await day_on_which_much_goes_wrong(here)
            letters = [letter for desk in here.desks.values() for letter in desk.store.letters()]

        links = told.links()
        known = {(letter.id, str(letter.cover["traceparent"])) for letter in letters}
        assert len(links) == len(set(links)) == told.measured("notification.accepted")
        assert len(letters) > len(known)  # several desks have letters of one notification, and of one trace
        assert len(known) == len(dict(known)) == len({trace for _, trace in known}) > 2
        assert {trace for _, trace in known} < set(links)


@pytest.mark.parametrize("where", ["log", "spans", "metrics"])
def test_a_planted_name_is_noticed(where: str) -> None:
    with listening() as told:
        match where:
            case "log":
                telemetry.emit(Event.LANE_TAKEN, level=logging.DEBUG, lane=PLANTED)
            case "spans":
                with telemetry.span(Span.REQUEST_SERVE, route=PLANTED):
                    pass
            case "metrics":
                telemetry.count(Count.REQUEST_SERVED, route=PLANTED, method="GET", status=200)

        everywhere = {"log": told.in_log(), "spans": told.in_spans(), "metrics": told.in_metrics()}
        assert {place for place, said in everywhere.items() if canaries_in(said, CANARIES)} == {where}
