"""A tree over stored entries proves what the definition proves, and reads little for it."""

from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.errors import StateUnreadable
from broker.ledger.merkle import consistency_proof, inclusion_proof, leaf_hash, root_of
from broker.ledger.tree import RUN_ENTRIES, Tree

LOG = "hub.example/tellwise/lane-0"
MANY = 4_200
ENTRIES = [f'{{"n":{number},"op":"filler"}}'.encode() for number in range(MANY)]
LEAVES = [leaf_hash(entry) for entry in ENTRIES]

SMALL = range(1, 34)
EDGES = sorted({around + by for around in (256, 512, 768, 1_024, 1_280, 2_048, 2_304, 4_096) for by in (-1, 0, 1)})


class Shelf:
    """`StoredEntries` in memory, which notes what was asked of it."""

    def __init__(self, entries: Sequence[bytes]) -> None:
        self.lying = list(entries)
        self.reads: list[tuple[int, int]] = []

    def entries(self, log: str, first: int, count: int) -> Sequence[bytes]:
        assert log == LOG
        self.reads.append((first, count))
        return self.lying[first : first + count]


def grown(size: int) -> tuple[Tree, Shelf]:
    """A tree over that many entries, and where they lie; nothing was asked of it yet."""
    shelf = Shelf(ENTRIES)
    tree = Tree(LOG, shelf)
    while not tree.grow_to(size):
        pass
    shelf.reads.clear()
    return tree, shelf


WHOLE, _ = grown(MANY)


@pytest.mark.parametrize("size", SMALL)
def test_a_small_tree_proves_every_entry_and_every_older_size(size: int) -> None:
    tree, _ = grown(size)

    assert tree.root(size) == root_of(LEAVES[:size])
    for older in range(1, size + 1):
        assert tree.inclusion(older - 1, size) == inclusion_proof(LEAVES, older - 1, size)
        assert tree.consistency(older, size) == consistency_proof(LEAVES, older, size)
        assert WHOLE.inclusion(older - 1, size) == inclusion_proof(LEAVES, older - 1, size)


@pytest.mark.parametrize("size", EDGES)
def test_a_tree_around_the_end_of_a_run_proves_what_the_definition_does(size: int) -> None:
    tree, _ = grown(size)
    places = sorted(
        {0, 1, 255, 256, 257, 511, 512, size // 2, size - 257, size - 256, size - 2, size - 1} & {*range(size)}
    )

    assert tree.root(size) == root_of(LEAVES[:size])
    for index in places:
        assert tree.inclusion(index, size) == inclusion_proof(LEAVES, index, size)
    for older in [*(place + 1 for place in places), *(edge for edge in EDGES if edge < size)]:
        assert tree.consistency(older, size) == consistency_proof(LEAVES, older, size)


@given(st.data())
def test_a_tree_that_grew_further_still_proves_each_smaller_size(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, MANY))
    index, older = data.draw(st.integers(0, size - 1)), data.draw(st.integers(1, size))

    assert WHOLE.root(size) == root_of(LEAVES[:size])
    assert WHOLE.inclusion(index, size) == inclusion_proof(LEAVES, index, size)
    assert WHOLE.consistency(older, size) == consistency_proof(LEAVES, older, size)


@pytest.mark.parametrize("seed", range(5))
def test_it_does_not_matter_in_which_steps_a_tree_grows(seed: int) -> None:
    chance, tree = Random(seed), Tree(LOG, Shelf(ENTRIES))

    while tree.size < MANY:
        tree.grow_to(min(MANY, tree.size + chance.choice([0, 1, 16, 64, 255, 256, 257, 700])), chance.randint(1, 3))
        at = max(tree.size, 1)
        if tree.size:
            assert tree.root(at) == root_of(LEAVES[:at])

    assert tree.inclusion(1_000, MANY) == WHOLE.inclusion(1_000, MANY)


def test_a_step_reads_no_more_than_it_was_told() -> None:
    shelf = Shelf(ENTRIES)
    tree = Tree(LOG, shelf)

    steps = [tree.grow_to(MANY, runs_max=2)]
    while not steps[-1]:
        steps.append(tree.grow_to(MANY, runs_max=2))

    assert all(count <= 2 * RUN_ENTRIES for _, count in shelf.reads)
    assert len(steps) == -(-MANY // (2 * RUN_ENTRIES))
    assert sum(count for _, count in shelf.reads) == MANY  # and nothing twice


@pytest.mark.parametrize("size", [MANY, 4_096, 3_001])
def test_a_proof_reads_at_most_two_runs(size: int) -> None:
    for index in (0, 700, 2_999, size - 1):
        tree, shelf = grown(MANY)
        tree.inclusion(index, size)
        assert len(shelf.reads) <= 2

        tree, shelf = grown(MANY)
        tree.consistency(index + 1, size)
        assert len(shelf.reads) <= 2
        assert all(count <= RUN_ENTRIES for _, count in shelf.reads)


def test_neighbouring_proofs_read_the_run_between_them_once() -> None:
    tree, shelf = grown(MANY)

    for old, new in ((300, 900), (900, 1_700), (1_700, 2_500)):
        tree.consistency(old, new)

    assert sorted(first for first, _ in shelf.reads) == [256, 768, 1_536, 2_304]


def test_an_entry_that_was_changed_since_it_was_read_is_not_hashed_into_a_proof() -> None:
    tree, shelf = grown(MANY)
    shelf.lying[300] += b" "

    for asked in (lambda: tree.inclusion(301, MANY), lambda: tree.consistency(400, MANY), lambda: tree.root(300)):
        with pytest.raises(StateUnreadable):
            asked()
    assert tree.inclusion(600, MANY) == inclusion_proof(LEAVES, 600, MANY)


def test_a_run_that_lost_its_last_entry_is_not_hashed_into_a_proof() -> None:
    tree, shelf = grown(RUN_ENTRIES)
    del shelf.lying[RUN_ENTRIES - 1 :]

    with pytest.raises(StateUnreadable):
        tree.inclusion(3, RUN_ENTRIES)


def test_a_tree_does_not_grow_over_an_entry_that_is_missing() -> None:
    tree = Tree(LOG, Shelf(ENTRIES[:700]))

    with pytest.raises(StateUnreadable, match="no entry 700"):
        tree.grow_to(701)

    assert tree.size == 700
    assert tree.root(700) == root_of(LEAVES[:700])


def test_what_no_tree_can_prove_is_refused() -> None:
    tree, _ = grown(700)

    for index, size in ((-1, 700), (700, 700), (3, 701), (0, 0), (3, 3), (3, -1)):
        with pytest.raises(ValueError, match="no such entry"):
            tree.inclusion(index, size)
    for old, new in ((0, 700), (-1, 700), (701, 701), (300, 701), (301, 300), (0, 0)):
        with pytest.raises(ValueError, match="no consistency"):
            tree.consistency(old, new)
    for size in (-1, 701):
        with pytest.raises(ValueError, match="no such size"):
            tree.root(size)
