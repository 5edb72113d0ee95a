"""A desk's own store keeps what it must: letters always, what was not answered always, and of evidence enough."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from broker.client.store import DeskStore, Sending
from broker.client.tidying import CHECKPOINTS_APART, CHECKPOINTS_KEPT, INCIDENTS_KEPT, tidy
from broker.ledger.checkpoint import Checkpoint
from broker.ledger.merkle import Digest
from broker.sealing.rejection import Reason
from schemas import NotificationId

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DeskStore]:
    """A desk's file."""
    opened = DeskStore(tmp_path / "desk.db")
    yield opened
    opened.close()


def say(store: DeskStore, name: str, state: Sending, expired: timedelta) -> None:
    """Something that this desk said, and that expired so long ago."""
    with store.transaction():
        said = NotificationId(name)
        store.put_out(said, len(everything(store)) + 1, b"sealed", int((NOW - expired).timestamp()))
        store.set_state(said, state)


def everything(store: DeskStore) -> list[str]:
    """The ids of all that is in the outbox."""
    return [outgoing.id for outgoing in store.outgoing(*Sending)]


def keep(store: DeskStore, log: str, count: int) -> None:
    """So many checkpoints of a ledger."""
    with store.transaction():
        for size in range(1, count + 1):
            store.keep_checkpoint(Checkpoint(log, size, Digest(bytes(32))), b"note")


def test_what_was_answered_goes_two_weeks_after_it_expired_and_what_was_not_stays(store: DeskStore) -> None:
    say(store, "accepted long ago", Sending.ACCEPTED, 15 * DAY)
    say(store, "refused long ago", Sending.REFUSED, 15 * DAY)
    say(store, "given up long ago", Sending.EXPIRED, 15 * DAY)
    say(store, "accepted lately", Sending.ACCEPTED, 13 * DAY)
    say(store, "waiting for ever", Sending.WAITING, 400 * DAY)
    say(store, "sent and never answered", Sending.SENT, 400 * DAY)

    removed = tidy(store, NOW)

    assert everything(store) == ["accepted lately", "waiting for ever", "sent and never answered"]
    assert removed == 3


def test_the_newest_checkpoints_of_each_ledger_are_kept_and_some_of_the_others(store: DeskStore) -> None:
    keep(store, "busy", CHECKPOINTS_KEPT + 1_000)
    keep(store, "quiet", 5)

    tidy(store, NOW)

    sizes = [size for size, _ in store.last_checkpoints("busy", 5_000)]
    assert sizes[:CHECKPOINTS_KEPT] == list(range(CHECKPOINTS_KEPT + 1_000, 1_000, -1))
    assert len(sizes) - CHECKPOINTS_KEPT == 1_000 // CHECKPOINTS_APART
    assert len(store.last_checkpoints("quiet", 10)) == 5


def test_of_incidents_long_past_the_item_goes_and_the_reason_stays(store: DeskStore) -> None:
    with store.transaction():
        for item in range(INCIDENTS_KEPT + 10):
            store.put_incident(item, Reason.PROOF, b"evidence")

    removed = tidy(store, NOW)
    again = tidy(store, NOW)

    assert store.incidents() == [(item, Reason.PROOF) for item in range(INCIDENTS_KEPT + 10)]
    assert (removed, again) == (10, 0)
