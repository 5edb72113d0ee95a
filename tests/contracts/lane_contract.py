"""What `Lane` and `Tx` promise of one turn."""

import asyncio

import pytest

from broker.errors import Fenced
from broker.ports import Leaf, RowKey, SealedRow, Table, Transport, Tx
from tests.contracts.engine import INBOX, LANE, LOG, Engine, frontier, owned, still_waits, story, turn

DANA = RowKey(b"hmac of Dana")
REED = RowKey(b"hmac of officer Reed")
SEALED = SealedRow(b"a sealed row")
ENTRIES = [Leaf(b"entry 0", b"sealed detail 0"), Leaf(b"entry 1", None), Leaf(b"entry 2", b"sealed detail 2")]


def whole_turn(tx: Tx) -> None:
    """One of everything that a turn may do."""
    tx.send(INBOX, b"a letter")
    tx.send(INBOX, b"the next letter")
    tx.send("quarantine", b"what nobody can read", partition=3)
    tx.put(Table.PERSONS, DANA, SEALED)
    tx.put(Table.TOLD, DANA, SealedRow(b"housing knows of the move"))
    tx.record(LOG, 0, ENTRIES, frontier(3))
    tx.sign(LOG, 3, b"signed: 3 entries")
    tx.done(2)


def break_off(tx: Tx) -> None:
    """What happens when planning fails."""
    raise ZeroDivisionError


class LaneContract(Engine):
    """Inherited by each engine's tests."""

    @story
    async def test_a_turn_is_there_as_a_whole(self) -> None:
        async with self.opened() as transport:
            await transport.publish(LANE, [b"Dana moves", b"Dana moves again", b"Reed is on leave"])
            async with owned(transport) as (lane, _):
                await turn(lane, whole_turn)

                letters = [record.value for record in await transport.read(INBOX, 0, 100, 0)]
                assert letters == [b"a letter", b"the next letter"]
                assert len(await transport.read("quarantine", 0, 100, 0, partition=3)) == 1
                assert lane.get(Table.PERSONS, DANA) == SEALED
                assert lane.get(Table.TOLD, DANA) == b"housing knows of the move"
                assert lane.frontier(LOG) == frontier(3)
                assert lane.position == 2
        assert list(self.ledger(self.folder, LOG)) == ENTRIES
        assert self.checkpoints(self.folder, LOG) == {3: b"signed: 3 entries"}

    @story
    async def test_whoever_reads_when_a_turn_has_ended_is_given_what_it_sent(self) -> None:
        async with self.opened() as transport, owned(transport) as (lane, _):
            start = 0
            for number in range(30):
                letter = b"letter %d" % number
                await turn(lane, lambda tx, letter=letter: tx.send(INBOX, letter))  # type: ignore[misc]

                [read] = await transport.read(INBOX, start, 100, 0)
                assert read.value == letter
                start = read.offset + 1

    @story
    async def test_a_turn_is_still_there_after_a_restart(self) -> None:
        async with self.opened() as transport, owned(transport) as (lane, _):
            await turn(lane, whole_turn)

        async with self.opened() as transport, owned(transport) as (lane, _):
            assert lane.position == 2
            assert lane.get(Table.PERSONS, DANA) == SEALED
            assert lane.frontier(LOG) == frontier(3)
            assert len(await transport.read(INBOX, 0, 100, 0)) == 2

    @story
    async def test_a_turn_that_breaks_off_leaves_no_trace(self) -> None:
        async with self.opened() as transport, owned(transport) as (lane, _):
            await transport.publish(INBOX, [b"an earlier letter"])
            before = self.contents(self.folder)

            with pytest.raises(ZeroDivisionError):
                await turn(lane, whole_turn, break_off)

            assert self.contents(self.folder) == before
            await turn(lane, whole_turn)  # and the lane can go on
            letters = [record.value for record in await transport.read(INBOX, 0, 100, 0)]
            assert letters == [b"an earlier letter", b"a letter", b"the next letter"]

    @story
    async def test_nothing_of_a_turn_is_visible_before_its_end(self) -> None:
        async with self.opened() as transport, owned(transport) as (lane, _), lane.transaction() as tx:
            whole_turn(tx)
            await transport.publish("outbox.http", [b"meanwhile something else is committed"])

            assert list(await transport.read(INBOX, 0, 100, 0)) == []
            assert lane.get(Table.PERSONS, DANA) is None
            assert list(lane.rows(Table.PERSONS)) == []
            assert lane.frontier(LOG) is None
            assert lane.position == 0
            assert list(self.ledger(self.folder, LOG)) == []

    @story
    async def test_an_empty_turn_changes_nothing(self) -> None:
        async with self.opened() as transport, owned(transport) as (lane, _):
            before = self.contents(self.folder)
            await turn(lane)

            assert self.contents(self.folder) == before

    @story
    async def test_the_last_of_several_changes_of_a_row_counts(self) -> None:
        async with self.opened() as transport, owned(transport) as (lane, _):
            async with lane.transaction() as tx:
                tx.put(Table.CASES, DANA, SealedRow(b"level 1"))
                tx.put(Table.CASES, DANA, SealedRow(b"level 2"))
                tx.put(Table.CASES, REED, SealedRow(b"by mistake"))
                tx.put(Table.CASES, REED, None)

            assert list(lane.rows(Table.CASES)) == [(DANA, b"level 2")]

    @story
    async def test_a_row_is_changed_and_deleted_in_later_turns(self) -> None:
        async with self.opened() as transport, owned(transport) as (lane, _):
            for value in (SealedRow(b"level 1"), SealedRow(b"level 2"), None, None):
                async with lane.transaction() as tx:
                    tx.put(Table.CASES, DANA, value)

                assert lane.get(Table.CASES, DANA) == value

    @story
    async def test_rows_come_in_the_order_of_their_keys(self) -> None:
        keys = [RowKey(bytes([n, 255 - n])) for n in (200, 3, 127, 128, 0, 65)]
        async with self.opened() as transport, owned(transport) as (lane, _):
            async with lane.transaction() as tx:
                for key in keys:
                    tx.put(Table.SEEN, key, SealedRow(b"seen"))

            assert [key for key, _ in lane.rows(Table.SEEN)] == sorted(keys)

    @story
    async def test_each_lane_has_rows_and_a_position_of_its_own(self) -> None:
        async with self.opened() as transport, owned(transport) as (lane, _), owned(transport, "lane.1") as (other, _):
            await turn(lane, whole_turn)

            assert (lane.name, other.name) == ("lane.0/0", "lane.1/0")
            assert other.get(Table.PERSONS, DANA) is None
            assert other.position == 0

    @story
    async def test_polling_does_not_move_the_position(self) -> None:
        async with self.opened() as transport, owned(transport) as (lane, _):
            offsets = await transport.publish(LANE, [b"Dana moves", b"Dana moves again"])
            once = await lane.poll(100, 0)
            again = await lane.poll(100, 0)

            assert once == again
            assert [record.offset for record in once] == list(offsets)
            assert lane.position == 0

    @story
    async def test_polling_goes_on_from_the_position(self) -> None:
        async with self.opened() as transport, owned(transport) as (lane, _):
            offsets = [(await transport.publish(LANE, [b"move %d" % n]))[0] for n in range(6)]
            await turn(lane, lambda tx: tx.done(offsets[1] + 1))

            found = await lane.poll(3, 0)
            assert [record.offset for record in found] == offsets[2:5]
            assert [record.value for record in found] == [b"move 2", b"move 3", b"move 4"]

    @story
    async def test_polling_goes_on_from_any_position_with_the_next_record_that_is_there(self) -> None:
        async with self.opened() as transport, owned(transport) as (lane, _):
            offsets = [(await transport.publish(LANE, [b"move %d" % n]))[0] for n in range(4)]
            for position in range(offsets[-1] + 2):
                await turn(lane, lambda tx: tx.done(position))  # noqa: B023 - done before the next

                left = [offset for offset in offsets if offset >= position]
                assert [record.offset for record in await lane.poll(100, 0)] == left
                assert lane.position == position

    @story
    async def test_what_turns_sent_is_read_from_any_number_though_each_turn_may_leave_a_gap(self) -> None:
        letters = [b"letter %d" % n for n in range(6)]
        async with self.opened() as transport, owned(transport) as (lane, _):
            for two in (letters[:2], letters[2:4], letters[4:]):
                await turn(lane, *(lambda tx, letter=letter: tx.send(INBOX, letter) for letter in two))
            sent = await transport.read(INBOX, 0, 100, 0)
            offsets = [record.offset for record in sent]

            assert [record.value for record in sent] == letters
            assert offsets == sorted(set(offsets))
            for start in range(offsets[-1] + 2):
                found = await transport.read(INBOX, start, 100, 0)
                assert found == [record for record in sent if record.offset >= start]

    @story
    async def test_an_empty_poll_ends_after_its_time(self) -> None:
        loop = asyncio.get_running_loop()
        async with self.opened() as transport, owned(transport) as (lane, _):
            started = loop.time()
            found = await lane.poll(100, 40)

            assert list(found) == []
            assert loop.time() - started >= 0.04

    @story
    async def test_a_poll_that_waits_is_woken_by_the_next_record(self) -> None:
        async with self.opened() as transport, owned(transport) as (lane, _):
            polling = asyncio.create_task(lane.poll(100, 20_000))
            await still_waits(polling)
            await transport.publish(LANE, [b"Dana moves"])

            async with asyncio.timeout(5):
                assert [record.value for record in await polling] == [b"Dana moves"]

    @story
    async def test_a_poll_is_woken_by_what_another_lane_sends(self) -> None:
        async with self.opened() as transport, owned(transport) as (lane, _), owned(transport, "lane.1") as (other, _):
            polling = asyncio.create_task(other.poll(100, 20_000))
            await still_waits(polling)
            await turn(lane, lambda tx: tx.send("lane.1", b"Dana's case moves to your lane"))

            async with asyncio.timeout(5):
                assert len(await polling) == 1

    @story
    async def test_a_ledger_grows_turn_by_turn(self) -> None:
        async with self.opened() as transport, owned(transport) as (lane, _):
            async with lane.transaction() as tx:
                tx.record(LOG, 0, ENTRIES[:1], frontier(1))
                tx.record(LOG, 1, ENTRIES[1:2], frontier(2))
                tx.record("hub.example/ledger/dir", 0, ENTRIES[:1], frontier(1))
            await turn(lane, lambda tx: tx.record(LOG, 2, ENTRIES[2:], frontier(3)))

            assert list(self.ledger(self.folder, LOG)) == ENTRIES
            assert lane.frontier(LOG) == frontier(3)
            assert lane.frontier("hub.example/ledger/dir") == frontier(1)

    @pytest.mark.parametrize("first_index", [0, 2, 4])
    @story
    async def test_entries_that_are_not_the_next_are_refused(self, first_index: int) -> None:
        async with self.opened() as transport, owned(transport) as (lane, _):
            await turn(lane, whole_turn)
            before = self.contents(self.folder)

            with pytest.raises(Fenced):
                await turn(
                    lane,
                    lambda tx: tx.send(INBOX, b"a letter without its entry"),
                    lambda tx: tx.put(Table.PERSONS, REED, SEALED),
                    lambda tx: tx.record(LOG, first_index, ENTRIES, frontier(first_index + 3)),
                    lambda tx: tx.done(3),
                )

            assert self.contents(self.folder) == before

    @story
    async def test_a_checkpoint_is_kept_as_it_was_first_signed(self) -> None:
        async with self.opened() as transport, owned(transport) as (lane, _):
            for note in (b"signed by the first owner", b"signed again by the next"):
                async with lane.transaction() as tx:
                    tx.sign(LOG, 3, note)
            await turn(lane, lambda tx: tx.sign(LOG, 5, b"signed: 5 entries"))

            assert self.checkpoints(self.folder, LOG) == {3: b"signed by the first owner", 5: b"signed: 5 entries"}

    @story
    async def test_the_position_tells_what_became_of_a_turn_whose_caller_was_cancelled(self) -> None:
        def letter(tx: Tx) -> None:
            tx.send(INBOX, b"letter %d" % position)
            tx.done(position)

        async with self.opened() as transport, owned(transport) as (lane, _):
            for position in range(1, 11):
                task = asyncio.create_task(turn(lane, letter))
                for _ in range(position % 4):  # at different moments of the turn
                    await asyncio.sleep(0)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                await transport.publish("outbox.http", [b"whatever was being written is finished"])

                letters = [record.value for record in await transport.read(INBOX, 0, 100, 0)]
                assert (b"letter %d" % position in letters) == (lane.position == position)

    @story
    async def test_many_lanes_commit_at_once(self) -> None:
        async def work(topic: str, transport: Transport) -> None:
            async with owned(transport, topic) as (lane, _):
                for n in range(10):
                    async with lane.transaction() as tx:
                        tx.send(INBOX, f"{topic} {n}".encode())
                        tx.done(n + 1)

        async with self.opened() as transport:
            await asyncio.gather(*(work(f"lane.{n}", transport) for n in range(8)))

            letters = [record.value.decode() for record in await transport.read(INBOX, 0, 1_000, 0)]

        for n in range(8):
            assert [letter for letter in letters if letter.startswith(f"lane.{n} ")] == [
                f"lane.{n} {k}" for k in range(10)
            ]
