"""Items that wait for their checkpoint: whoever finds their rows sends what the owner before would have sent."""

from itertools import count, pairwise

from hypothesis import given
from hypothesis import strategies as st

from broker.ledger.merkle import Digest
from broker.sealing.letters import ItemKind
from broker.state.pending import Packing, Pending, pending_bytes, read_pending
from schemas import Mailbox
from schemas.strict import b64u_encode

SHARED = (b'{"c":{', b"", bytes(9_000))
ITEMS = st.builds(
    Pending,
    order=st.integers(0, 2**40),
    mailbox=st.binary(min_size=16, max_size=16).map(b64u_encode).map(Mailbox),
    kind=st.sampled_from(ItemKind),
    pieces=st.lists(st.sampled_from(SHARED) | st.binary(max_size=40), max_size=6).map(tuple),
    entry=st.binary(max_size=80),
    index=st.integers(0, 2**60),
    hashes=st.lists(st.binary(min_size=32, max_size=32).map(Digest), max_size=3).map(tuple),
    row=st.just(7),
)


@given(st.lists(ITEMS, min_size=1, max_size=5))
def test_items_of_a_row_are_read_as_they_were_written(items: list[Pending]) -> None:
    found = read_pending(pending_bytes(items))

    assert found == items
    assert [item.content for item in found] == [b"".join(item.pieces) for item in items]


def test_what_the_letters_of_a_row_have_in_common_stands_there_once() -> None:
    common, mailbox = bytes(9_000), Mailbox("A" * 22)
    letters = [
        Pending(n, mailbox, ItemKind.LETTER, (common, b"key %d" % n, common), b"entry", n, (), row=0) for n in range(5)
    ]

    assert len(pending_bytes(letters)) < 10_000


@given(st.lists(st.integers(1, 100_000), min_size=1, max_size=40))
def test_a_row_is_closed_before_it_is_too_large(sizes: list[int]) -> None:
    packing, indexes = Packing(), count(100)
    rows: dict[int, list[int]] = {}

    for size, index in zip(sizes, indexes, strict=False):
        rows.setdefault(packing.row_of(index, (bytes(size),)), []).append(size)

    assert [size for together in rows.values() for size in together] == sizes
    assert all(sum(together) <= 65_536 or len(together) == 1 for together in rows.values())
    assert all(sum(one) + other[0] > 65_536 for one, other in pairwise(rows.values()))
