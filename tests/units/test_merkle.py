"""The tree against the definition of RFC 6962, written out here a second time in its slowest form."""

import json
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.ledger.merkle import (
    EMPTY,
    EMPTY_ROOT,
    HASHES_MAX,
    SIZE_MAX,
    Digest,
    Frontier,
    NotAFrontier,
    ProofRejected,
    consistency_proof,
    extend,
    grow,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root_of,
    verify_consistency,
    verify_inclusion,
)

VECTORS: dict[str, Any] = json.loads((Path(__file__).parent.parent / "vectors" / "merkle_rfc6962.json").read_text())
SIZES = [*range(21), 255, 256, 257, 300, 511, 512, 700]


def split(width: int) -> int:
    power = 1
    while power * 2 < width:
        power *= 2
    return power


def naive_root(entries: Sequence[bytes]) -> bytes:
    """MTH of RFC 6962, section 2.1."""
    if not entries:
        return sha256(b"").digest()
    if len(entries) == 1:
        return sha256(b"\x00" + entries[0]).digest()
    k = split(len(entries))
    return sha256(b"\x01" + naive_root(entries[:k]) + naive_root(entries[k:])).digest()


def naive_path(m: int, entries: Sequence[bytes]) -> tuple[bytes, ...]:
    """PATH of RFC 6962, section 2.1.1."""
    if len(entries) == 1:
        return ()
    k = split(len(entries))
    if m < k:
        return (*naive_path(m, entries[:k]), naive_root(entries[k:]))
    return (*naive_path(m - k, entries[k:]), naive_root(entries[:k]))


def naive_subproof(m: int, entries: Sequence[bytes], whole: bool = True) -> tuple[bytes, ...]:
    """SUBPROOF of RFC 6962, section 2.1.2."""
    if m == len(entries):
        return () if whole else (naive_root(entries),)
    k = split(len(entries))
    if m <= k:
        return (*naive_subproof(m, entries[:k], whole), naive_root(entries[k:]))
    return (*naive_subproof(m - k, entries[k:], False), naive_root(entries[:k]))


def some_entries(count: int) -> list[bytes]:
    return [f'{{"n":{number},"op":"disclosure"}}'.encode() for number in range(count)]


def in_batches(entries: Sequence[bytes], random: Random) -> Iterator[tuple[int, list[bytes]]]:
    """The entries in batches of random sizes, some of them empty, each with the size of the tree before it."""
    at = 0
    while at < len(entries):
        count = random.choice([0, 1, 2, 3, 16, 64, 256, random.randint(1, 300)])
        yield at, list(entries[at : at + count])
        at = min(at + count, len(entries))


def changed(digest: Digest, bit: int) -> Digest:
    return Digest((int.from_bytes(digest, "big") ^ 1 << bit).to_bytes(32, "big"))


def digests(count: int) -> tuple[Digest, ...]:
    return tuple(leaf_hash(b"subtree %d" % number) for number in range(count))


@pytest.mark.parametrize("size", SIZES)
def test_a_tree_grown_in_random_batches_has_the_root_and_the_proofs_of_the_definition(size: int) -> None:
    entries, frontier = some_entries(size), EMPTY

    for before, batch in in_batches(entries, Random(size)):
        grown = grow(Frontier.from_bytes(frontier.to_bytes()), [leaf_hash(entry) for entry in batch])
        frontier, after = grown.frontier, before + len(batch)

        assert frontier.root() == naive_root(entries[:after])
        assert len(grown.proofs) == len(batch)
        for index, proof in enumerate(grown.proofs, start=before):
            assert proof == naive_path(index, entries[:after])
            verify_inclusion(entries[index], index, after, proof, frontier.root())
    assert frontier.size == size
    assert root_of(map(leaf_hash, entries)) == frontier.root() == naive_root(entries)


@pytest.mark.parametrize("size", [*range(1, 21), 257, 300])
def test_an_auditor_with_every_leaf_makes_the_same_proofs(size: int) -> None:
    entries = some_entries(size)
    leaves = [leaf_hash(entry) for entry in [*entries, b"appended later"]]

    proofs = [inclusion_proof(leaves, index, size) for index in range(size)]

    assert proofs == [naive_path(index, entries) for index in range(size)]
    assert proofs == list(grow(EMPTY, leaves[:size]).proofs)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 8, 13, 16, 20, 255, 300])
def test_a_proof_fails_for_another_entry_index_size_root_or_hash(size: int) -> None:
    entries = some_entries(size)
    grown = grow(EMPTY, [leaf_hash(entry) for entry in entries])
    root = grown.frontier.root()
    stray = leaf_hash(b"stray")

    for index in {0, size // 2, size - 2, size - 1} - {-1}:
        proof, entry = grown.proofs[index], entries[index]
        for other in {index - 1, index + 1, index ^ 2, size, size + index}:
            refuse_inclusion(entry, other, size, proof, root)
        for other in {
            0,
            index,
            size // 2,
            size * 2,
            SIZE_MAX,
            SIZE_MAX + 1,
        }:  # only the checkpoint tells near sizes apart
            refuse_inclusion(entry, index, other, proof, root)
        for wrong in (entry + b" ", b"", leaf_hash(entry)):
            refuse_inclusion(wrong, index, size, proof, root)
        for wrong_root in (changed(root, 0), EMPTY_ROOT, Digest(root[:31]), Digest(root + b"\x00"), Digest(b"")):
            refuse_inclusion(entry, index, size, proof, wrong_root)
        for wrong_proof in ((*proof, stray), (*proof, root), (stray, *proof), (*proof, Digest(b""))):
            refuse_inclusion(entry, index, size, wrong_proof, root)
        for at, digest in enumerate(proof):
            for wrong_digest in (
                changed(digest, 0),
                changed(digest, 255),
                Digest(digest[1:]),
                Digest(digest + b"\x00"),
            ):
                refuse_inclusion(entry, index, size, (*proof[:at], wrong_digest, *proof[at + 1 :]), root)
            refuse_inclusion(entry, index, size, proof[:at] + proof[at + 1 :], root)


def refuse_inclusion(entry: bytes, index: int, size: int, proof: Sequence[Digest], root: Digest) -> None:
    with pytest.raises(ProofRejected):
        verify_inclusion(entry, index, size, proof, root)


def test_an_inner_node_cannot_be_passed_off_as_an_entry() -> None:
    leaves = [leaf_hash(entry) for entry in some_entries(4)]
    node = leaves[0] + leaves[1]

    refuse_inclusion(node, 0, 2, [node_hash(leaves[2], leaves[3])], root_of(leaves))
    refuse_inclusion(b"\x01" + node, 0, 2, [node_hash(leaves[2], leaves[3])], root_of(leaves))


def test_the_reference_tree_of_certificate_transparency_has_its_published_roots_and_proofs() -> None:
    entries = [bytes.fromhex(entry) for entry in VECTORS["entries"]]
    roots = [Digest(bytes.fromhex(root)) for root in VECTORS["roots"]]
    leaves = [leaf_hash(entry) for entry in entries]

    assert bytes.fromhex(VECTORS["empty_root"]) == EMPTY_ROOT == EMPTY.root() == root_of([])
    assert [root_of(leaves[: count + 1]) for count in range(8)] == roots
    for case in VECTORS["inclusion"]:
        hashes = tuple(Digest(bytes.fromhex(text)) for text in case["hashes"])
        index, size = case["index"], case["size"]
        assert inclusion_proof(leaves, index, size) == grow(EMPTY, leaves[:size]).proofs[index] == hashes
        verify_inclusion(entries[index], index, size, hashes, roots[size - 1])
    for case in VECTORS["consistency"]:
        hashes = tuple(Digest(bytes.fromhex(text)) for text in case["hashes"])
        old, new = case["old_size"], case["new_size"]
        assert consistency_proof(leaves, old, new) == hashes
        verify_consistency(old, roots[old - 1], new, roots[new - 1], hashes)


def test_every_two_sizes_up_to_forty_are_consistent_and_nothing_else_is() -> None:
    entries = some_entries(40)
    leaves = [leaf_hash(entry) for entry in entries]
    roots = [root_of(leaves[:size]) for size in range(41)]
    stray = leaf_hash(b"stray")

    for new in range(1, 41):
        for old in range(1, new + 1):
            proof = consistency_proof(leaves, old, new)
            assert proof == naive_subproof(old, entries[:new])
            verify_consistency(old, roots[old], new, roots[new], proof)

            refuse_consistency(old, changed(roots[old], 7), new, roots[new], proof)
            refuse_consistency(old, roots[old], new, changed(roots[new], 7), proof)
            refuse_consistency(old, Digest(roots[old][1:]), new, roots[new], proof)
            refuse_consistency(old, roots[old], new, roots[new], (*proof, stray))
            refuse_consistency(old, roots[old], new, roots[new], (stray, *proof))
            for at, digest in enumerate(proof):
                refuse_consistency(old, roots[old], new, roots[new], proof[:at] + proof[at + 1 :])
                for wrong in (changed(digest, 100), Digest(digest[:31])):
                    refuse_consistency(old, roots[old], new, roots[new], (*proof[:at], wrong, *proof[at + 1 :]))
            if old != new:
                refuse_consistency(new, roots[new], old, roots[old], proof)
                refuse_consistency(old, roots[new], new, roots[old], proof)
                refuse_consistency(old, roots[old], new, roots[new], ())


def refuse_consistency(old: int, old_root: Digest, new: int, new_root: Digest, proof: Sequence[Digest]) -> None:
    with pytest.raises(ProofRejected):
        verify_consistency(old, old_root, new, new_root, proof)


def test_an_empty_tree_proves_nothing_about_any_other() -> None:
    leaves = [leaf_hash(entry) for entry in some_entries(3)]

    refuse_consistency(0, EMPTY_ROOT, 0, EMPTY_ROOT, ())
    refuse_consistency(0, EMPTY_ROOT, 3, root_of(leaves), ())
    refuse_consistency(0, EMPTY_ROOT, 3, root_of(leaves), (root_of(leaves),))
    refuse_consistency(-1, EMPTY_ROOT, 3, root_of(leaves), ())
    with pytest.raises(ValueError, match="no consistency"):
        consistency_proof(leaves, 0, 3)


def test_equal_sizes_need_equal_roots_and_no_hashes() -> None:
    root, other = leaf_hash(b"one history"), leaf_hash(b"another history")

    verify_consistency(5, root, 5, root, ())

    refuse_consistency(5, root, 5, other, ())
    refuse_consistency(5, root, 5, root, (other,))


def test_a_rewritten_entry_is_found_out_by_whoever_kept_a_checkpoint() -> None:
    leaves = [leaf_hash(entry) for entry in some_entries(30)]
    rewritten = [*leaves[:4], leaf_hash(b"never happened"), *leaves[5:]]

    for old in range(5, 31):
        kept = root_of(leaves[:old])
        refuse_consistency(old, kept, 30, root_of(rewritten), consistency_proof(rewritten, old, 30))


def test_a_log_that_lies_about_its_size_or_signs_what_is_no_tree_proves_nothing() -> None:
    leaf, a, b, c = leaf_hash(b"entry"), leaf_hash(b"a"), leaf_hash(b"b"), leaf_hash(b"c")
    long, short = Digest(a + b"\x00"), Digest(a[:31])

    refuse_inclusion(b"entry", 0, 1, [a], node_hash(a, leaf))  # higher than one entry
    refuse_inclusion(b"entry", 1, 4, [a], node_hash(a, leaf))  # lower than four
    refuse_inclusion(b"entry", 2**63, 2**63 + 1, [a], node_hash(a, leaf))  # larger than any ledger
    for digest in (long, short):
        refuse_inclusion(b"entry", 1, 2, [digest], node_hash(digest, leaf))  # nodes of any other length
        refuse_consistency(1, a, 2, node_hash(a, digest), [digest])
        refuse_consistency(1, digest, 2, node_hash(digest, a), [a])
        refuse_consistency(1, digest, 1, digest, [])
    refuse_consistency(3, a, 2, node_hash(a, b), [a, b])  # the new tree smaller than the old one
    refuse_consistency(2, a, 8, node_hash(a, b), [b])  # lower than eight entries
    refuse_consistency(
        3, node_hash(c, node_hash(b, a)), 4, node_hash(c, node_hash(b, node_hash(a, leaf))), [a, leaf, b, c]
    )
    refuse_consistency(2**63, a, 2**63 + 1, node_hash(a, b), [b])


def test_a_proof_of_more_than_sixty_three_hashes_is_refused_before_any_is_computed() -> None:
    root, many = leaf_hash(b"root"), digests(HASHES_MAX + 1)

    with pytest.raises(ProofRejected, match="too many hashes"):
        verify_inclusion(b"entry", 0, SIZE_MAX, many, root)
    with pytest.raises(ProofRejected, match="too many hashes"):
        verify_consistency(1, root, SIZE_MAX, root, many)


@pytest.mark.parametrize("size", [2**32 - 1, 2**40 + 5, 2**62 - 7, SIZE_MAX - 20])
def test_the_largest_trees_grow_from_their_edge_alone(size: int) -> None:
    entries = some_entries(20)
    frontier = Frontier(size, digests(size.bit_count()))

    grown = grow(frontier, [leaf_hash(entry) for entry in entries])

    for number, (entry, proof) in enumerate(zip(entries, grown.proofs, strict=True)):
        assert len(proof) <= HASHES_MAX
        verify_inclusion(entry, size + number, size + 20, proof, grown.frontier.root())


def test_a_tree_cannot_outgrow_its_size_column() -> None:
    full = Frontier(SIZE_MAX, digests(63))

    with pytest.raises(ValueError, match="too large"):
        grow(full, [leaf_hash(b"one more")])
    with pytest.raises(NotAFrontier):
        Frontier(SIZE_MAX + 1, digests(1))


def test_only_digests_are_appended() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        grow(EMPTY, [leaf_hash(b"entry"), Digest(b"entry")])


def test_nothing_is_proved_outside_the_tree() -> None:
    leaves = [leaf_hash(entry) for entry in some_entries(3)]

    for index, size in ((-1, 3), (3, 3), (0, 0), (0, 4)):
        with pytest.raises(ValueError, match="no such leaf"):
            inclusion_proof(leaves, index, size)
    for old, new in ((2, 1), (1, 4), (-1, 2)):
        with pytest.raises(ValueError, match="no consistency"):
            consistency_proof(leaves, old, new)


def test_a_frontier_of_a_wrong_shape_is_none() -> None:
    frontier = grow(EMPTY, [leaf_hash(entry) for entry in some_entries(7)]).frontier
    data = frontier.to_bytes()

    assert len(data) == 8 + 3 * 32
    assert data[:8] == b"\x00\x00\x00\x00\x00\x00\x00\x07"
    assert data[8:40] == root_of([leaf_hash(entry) for entry in some_entries(4)])  # largest subtree first
    for length in range(len(data)):
        with pytest.raises(NotAFrontier):
            Frontier.from_bytes(data[:length])
    for wrong in (data + b"\x00", data + bytes(32), b"\x80" + data[1:], data[:7] + b"\x03" + data[8:]):
        with pytest.raises(NotAFrontier):
            Frontier.from_bytes(wrong)
    for size, edge in (
        (7, frontier.edge[:2]),
        (-1, ()),
        (-1, frontier.edge[:1]),
        (0, frontier.edge[:1]),
        (1, (Digest(bytes(31)),)),
    ):
        with pytest.raises(NotAFrontier):
            Frontier(size, edge)


@given(st.lists(st.lists(st.binary(max_size=40), max_size=40), max_size=8))
def test_how_entries_fall_into_batches_does_not_matter(batches: list[list[bytes]]) -> None:
    leaves = [leaf_hash(entry) for batch in batches for entry in batch]
    by_growing = by_extending = EMPTY

    for batch in batches:
        by_growing = grow(by_growing, [leaf_hash(entry) for entry in batch]).frontier
        by_extending = extend(by_extending, [leaf_hash(entry) for entry in batch])

    assert by_growing == by_extending == grow(EMPTY, leaves).frontier
    assert by_growing.root() == root_of(leaves)
    assert Frontier.from_bytes(by_growing.to_bytes()) == by_growing


@given(st.integers(0, SIZE_MAX - 100), st.lists(st.binary(max_size=20), min_size=1, max_size=100), st.data())
def test_every_new_entry_is_proved_whatever_was_there_before(
    size: int, batch: list[bytes], data: st.DataObject
) -> None:
    frontier = Frontier(size, digests(size.bit_count()))
    number = data.draw(st.integers(0, len(batch) - 1))

    grown = grow(frontier, [leaf_hash(entry) for entry in batch])

    index, proof, root = size + number, grown.proofs[number], grown.frontier.root()
    verify_inclusion(batch[number], index, grown.frontier.size, proof, root)
    refuse_inclusion(batch[number] + b"!", index, grown.frontier.size, proof, root)


@given(st.integers(1, 400), st.integers(1, 400))
def test_any_two_trees_of_one_history_are_consistent(one: int, other: int) -> None:
    old, new = sorted((one, other))
    leaves = [leaf_hash(entry) for entry in some_entries(new)]

    proof = consistency_proof(leaves, old, new)

    verify_consistency(old, root_of(leaves[:old]), new, root_of(leaves), proof)
    if old != new:
        forked = [*leaves[: old - 1], leaf_hash(b"forked"), *leaves[old:]]
        refuse_consistency(old, root_of(forked[:old]), new, root_of(leaves), proof)
