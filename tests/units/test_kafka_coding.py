"""What a lane writes to its changelog and to the ledger's topic is read as it was written, or refused."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.errors import StateUnreadable
from broker.kafka import coding
from broker.kafka.coding import (
    Change,
    Edge,
    Reached,
    Row,
    change_from_record,
    change_to_record,
    from_ledger_record,
    growth_to_records,
    joined,
    note_to_record,
)
from broker.ports import Leaf, RowKey, SealedRow, Table
from broker.transport.turn import Growth, Note

LOGS = st.sampled_from(["hub.example/lane-0", "hub.example/directory"])
NUMBERS = st.integers(0, 2**63 - 1)
LEAVES = st.lists(st.builds(Leaf, st.binary(max_size=40), st.none() | st.binary(max_size=40)), max_size=12).map(tuple)
GROWTHS = st.builds(Growth, LOGS, st.integers(0, 2**40), LEAVES, st.binary(min_size=1, max_size=80))
NOTES = st.builds(Note, LOGS, NUMBERS, st.binary(max_size=80))
ROWS = st.builds(
    Row,
    st.sampled_from(Table),
    st.binary(max_size=40).map(RowKey),
    st.none() | st.binary(max_size=40).map(SealedRow),
)
CHANGES = ROWS | st.builds(Reached, NUMBERS) | st.builds(Edge, LOGS, st.binary(max_size=80))


@given(CHANGES)
def test_a_change_is_read_as_it_was_written(change: Change) -> None:
    key, value = change_to_record(change)

    assert change_from_record(key, value) == change


@given(st.lists(GROWTHS | NOTES, max_size=4), st.integers(1, 60))
def test_what_a_ledger_grew_by_is_whole_again_however_it_was_cut(held: list[Growth | Note], chunk: int) -> None:
    records = [record for each in held for record in records_of(each, chunk)]

    assert joined([from_ledger_record(record) for record in records]) == held


@given(GROWTHS, st.integers(1, 60), st.data())
def test_a_ledger_of_which_a_part_is_missing_is_refused(growth: Growth, chunk: int, data: st.DataObject) -> None:
    parts = [from_ledger_record(record) for record in records_of(growth, chunk)]
    gone = data.draw(st.integers(0, len(parts) - 1))
    left = [*parts[:gone], *parts[gone + 1 :], from_ledger_record(note_to_record(Note(growth.log, 0, b"signed")))]

    if gone == 0:  # what is left begins too late, and whoever has the ledger before it refuses it
        assert all(held.first_index > growth.first_index for held in left if isinstance(held, Growth) and parts[1:])
    else:
        with pytest.raises(StateUnreadable):
            joined(left)


@given(GROWTHS | NOTES, st.data())
def test_a_record_that_was_cut_or_is_too_long_is_refused(held: Growth | Note, data: st.DataObject) -> None:
    (record,) = records_of(held, coding.CHUNK_BYTES)
    cut = record[: data.draw(st.integers(0, len(record) - 1))]

    for spoilt in (cut, record + b"\0"):
        with pytest.raises(StateUnreadable):
            from_ledger_record(spoilt)


@given(GROWTHS | NOTES, st.data())
def test_a_record_with_another_byte_is_refused_or_is_another(held: Growth | Note, data: st.DataObject) -> None:
    (record,) = records_of(held, coding.CHUNK_BYTES)
    place, other = data.draw(st.integers(0, len(record) - 1)), data.draw(st.integers(1, 255))
    altered = record[:place] + bytes([record[place] ^ other]) + record[place + 1 :]

    try:
        found = from_ledger_record(altered)
    except StateUnreadable:
        return
    assert found != held
    assert list(records_of(found, coding.CHUNK_BYTES)) == [altered]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (None, b"a stranger's"),
        (b"", b""),
        (b"position", b"1234567"),
        (b"position", None),
        (b"frontier/\xff", b""),
        (b"frontier/hub.example/lane-0", None),
        (b"no such table/key", b"sealed"),
        (b"persons", b"sealed"),
        (b"taken", b""),
    ],
)
def test_a_record_that_is_no_change_is_refused(key: bytes | None, value: bytes | None) -> None:
    with pytest.raises(StateUnreadable):
        change_from_record(key, value)


def records_of(held: Growth | Note, chunk: int) -> Iterable[bytes]:
    """Its records, cut after so many bytes."""
    if isinstance(held, Note):
        return [note_to_record(held)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(coding, "CHUNK_BYTES", chunk)
        return list(growth_to_records(held))
