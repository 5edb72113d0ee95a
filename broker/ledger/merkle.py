"""The tree of RFC 6962 with SHA-256: its right edge, its proofs, and the checks that anybody can repeat.

Nothing here reads or writes anything. A lane keeps only the `Frontier`, and `grow` makes the proofs of a new batch from
it and the batch alone. `inclusion_proof` and `consistency_proof` take every leaf: they are the definition, for
auditors.

Source: RFC 6962, section 2.1, for the hashes and the order of a proof; RFC 9162, section 2.1, for the checks.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from typing import NewType, Self

Digest = NewType("Digest", bytes)
"""32 bytes of SHA-256."""

Proof = tuple[Digest, ...]
"""Sibling digests from the leaf upwards, or those of a consistency proof in the order of RFC 6962."""

DIGEST_BYTES = 32
SIZE_MAX = 2**63 - 1
"""The most entries that a tree may have, so that sizes and indexes fit a signed 64-bit column everywhere."""
HASHES_MAX = 63
"""The longest proof that is looked at (C2SP tlog-witness); enough for a tree of 2^62, and it bounds the work."""

_LEAF = b"\x00"  # RFC 6962, section 2.1: without the two prefixes a node could be passed off as an entry
_NODE = b"\x01"
_STREAM_LEAVES = 1024

EMPTY_ROOT = Digest(sha256(b"").digest())


class ProofRejected(Exception):
    """The proof does not show what it was given for. Which of its parts is wrong is nobody's business outside."""


class NotAFrontier(ValueError):
    """These are not the right edge of any tree. The ledger's state is damaged: stop, and read the entries again."""


def leaf_hash(entry: bytes) -> Digest:
    """Hash an entry as the tree holds it."""
    return Digest(sha256(_LEAF + entry).digest())


def node_hash(left: Digest, right: Digest) -> Digest:
    """Hash two neighbouring subtrees into the one above them."""
    return Digest(sha256(_NODE + left + right).digest())


@dataclass(frozen=True, slots=True)
class Frontier:
    """The right edge of a tree: all that is needed to append to it.

    Its shape is checked, its digests cannot be: whoever stores a frontier answers for them.

    Raises:
        NotAFrontier: the size or the count of digests is impossible, or a digest has not 32 bytes.
    """

    size: int
    """How many entries the tree has; at most `SIZE_MAX`."""
    edge: tuple[Digest, ...]
    """The roots of the perfect subtrees that *size* splits into, largest first: one for each bit set in *size*."""

    def __post_init__(self) -> None:
        if not 0 <= self.size <= SIZE_MAX:
            raise NotAFrontier("tree size out of range")
        if len(self.edge) != self.size.bit_count() or any(len(digest) != DIGEST_BYTES for digest in self.edge):
            raise NotAFrontier("edge does not fit the tree size")

    def root(self) -> Digest:
        """The root of the whole tree, as a checkpoint states it."""
        return _fold(self.edge)

    def to_bytes(self) -> bytes:
        """Eight bytes of size, big-endian, then the digests of the edge, largest subtree first."""
        return self.size.to_bytes(8, "big") + b"".join(self.edge)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Undo `to_bytes`.

        Raises:
            NotAFrontier: another length than the size asks for, or a size that no tree may have.
        """
        if len(data) < 8:
            raise NotAFrontier("frontier too short")
        edge = tuple(Digest(data[at : at + DIGEST_BYTES]) for at in range(8, len(data), DIGEST_BYTES))
        return cls(int.from_bytes(data[:8], "big"), edge)


EMPTY = Frontier(0, ())


@dataclass(frozen=True, slots=True)
class Grown:
    """A tree after a batch was appended."""

    frontier: Frontier
    proofs: tuple[Proof, ...]
    """For each leaf of the batch, in its order, the inclusion proof in the tree as it is after the whole batch."""


def grow(frontier: Frontier, leaves: Sequence[Digest]) -> Grown:
    """Append *leaves* and prove each of them, without reading anything older than the frontier.

    Raises:
        ValueError: a leaf has not 32 bytes, or the tree would be larger than `SIZE_MAX`.
    """
    grown, levels, untouched = _append(frontier, leaves)

    # What lies to the right of the perfect subtree at each level, as one digest: the first thing that a proof needs
    # once it has climbed to the top of its own subtree.
    to_the_right: list[Proof] = []
    rest: Proof = ()
    for level, row in enumerate(levels):
        to_the_right.append(rest)
        if grown.size >> level & 1:
            rest = (_fold((row[-1], *rest)),)

    # From the top down, a node's proof is its sibling in front of its parent's proof: nothing is worked out twice.
    proofs: list[Proof] = []
    larger: Proof = untouched[::-1]
    for level in reversed(range(len(levels))):
        row, above, proofs = levels[level], proofs, []
        for left, right, parents in zip(row[::2], row[1::2], above, strict=False):
            proofs.append((right, *parents))
            proofs.append((left, *parents))
        if grown.size >> level & 1:  # the last of the row has no sibling: it is itself one of the new edge
            proofs.append(to_the_right[level] + larger)
            larger = (row[-1], *larger)
        if frontier.size >> level & 1:  # the first of the row is older than the batch, and nobody asked for its proof
            del proofs[0]
    return Grown(grown, tuple(proofs))


def extend(frontier: Frontier, leaves: Sequence[Digest]) -> Frontier:
    """Append *leaves* when nobody needs their proofs: what a recomputation does.

    Raises:
        ValueError: as `grow`.
    """
    return _append(frontier, leaves)[0]


def root_of(leaves: Iterable[Digest]) -> Digest:
    """The root over any number of leaf hashes, keeping only the right edge in memory."""
    frontier, stream = EMPTY, iter(leaves)
    while batch := list(islice(stream, _STREAM_LEAVES)):
        frontier = extend(frontier, batch)
    return frontier.root()


def inclusion_proof(leaves: Sequence[Digest], index: int, size: int) -> Proof:
    """The proof of leaf *index* in the tree of the first *size* leaves, straight from the definition.

    Raises:
        ValueError: not 0 <= index < size <= len(leaves).

    Source: RFC 6962, section 2.1.1.
    """
    if not 0 <= index < size <= len(leaves):
        raise ValueError("no such leaf in a tree of this size")
    collected: list[Digest] = []
    low, high = 0, size
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            collected.append(root_of(leaves[middle:high]))
            high = middle
        else:
            collected.append(root_of(leaves[low:middle]))
            low = middle
    return tuple(reversed(collected))


def consistency_proof(leaves: Sequence[Digest], old_size: int, new_size: int) -> Proof:
    """The proof that the tree of the first *old_size* leaves was only appended to, up to *new_size*.

    Raises:
        ValueError: not 0 < old_size <= new_size <= len(leaves). An empty tree is the start of any other, so it proves
            nothing.

    Source: RFC 6962, section 2.1.2.
    """
    if not 0 < old_size <= new_size <= len(leaves):
        raise ValueError("no consistency between these sizes")
    collected: list[Digest] = []
    low, high, whole = 0, new_size, True
    while high != old_size:
        middle = low + _split(high - low)
        if old_size <= middle:
            collected.append(root_of(leaves[middle:high]))
            high = middle
        else:
            collected.append(root_of(leaves[low:middle]))
            low, whole = middle, False
    if not whole:  # otherwise the last digest would be the old root, which the verifier has
        collected.append(root_of(leaves[low:high]))
    return tuple(reversed(collected))


def verify_inclusion(entry: bytes, index: int, size: int, proof: Sequence[Digest], root: Digest) -> None:
    """Check that *entry* is number *index* of the *size* entries committed to by *root*.

    Args:
        entry: The entry's bytes as appended, not their hash.
        index: Counted from 0; less than *size*.
        size: From the same checkpoint as *root*. A proof alone does not tie a root to its size: some other sizes would
            pass as well, and only the checkpoint's signature excludes them.
        proof: Sibling digests of 32 bytes, from the leaf upwards; at most 63 of them.
        root: 32 bytes, from a checkpoint whose signature is already verified.

    Raises:
        ProofRejected: they disagree. There is no False that a caller could forget to look at.

    Source: RFC 9162, section 2.1.3.2.
    """
    if not 0 <= index < size <= SIZE_MAX:
        raise ProofRejected("index outside the tree")
    _check_digests(proof, root)
    at, last, computed = index, size - 1, leaf_hash(entry)
    for sibling in proof:
        if last == 0:
            raise ProofRejected("more hashes than the tree is high")
        if at & 1 or at == last:
            computed = node_hash(sibling, computed)
            while at and not at & 1:  # the last node of its level is carried up until it has a left sibling
                at, last = at >> 1, last >> 1
        else:
            computed = node_hash(computed, sibling)
        at, last = at >> 1, last >> 1
    if last != 0 or computed != root:
        raise ProofRejected("entry is not under this root")


def verify_consistency(
    old_size: int, old_root: Digest, new_size: int, new_root: Digest, proof: Sequence[Digest]
) -> None:
    """Check that the tree under *new_root* begins with the whole tree under *old_root*.

    Args:
        old_size: At least 1: everything is consistent with an empty tree, so that would prove nothing.
        old_root: 32 bytes, from the checkpoint that the caller kept.
        new_size: At least *old_size*.
        new_root: 32 bytes, from a checkpoint whose signature is already verified.
        proof: In the order of RFC 6962; at most 63 digests; empty exactly if the sizes are equal.

    Raises:
        ProofRejected: history was rewritten, or the proof is none. Keep both checkpoints: they are the evidence.

    Source: RFC 9162, section 2.1.4.2.
    """
    if not 0 < old_size <= new_size <= SIZE_MAX:
        raise ProofRejected("no consistency between these sizes")
    _check_digests(proof, old_root, new_root)
    if old_size == new_size:
        if proof or old_root != new_root:
            raise ProofRejected("two roots of one size")
        return
    if not proof:
        raise ProofRejected("no hashes between two sizes")
    # If the old tree is perfect, its root is a node of the new tree, and the proof leaves it out.
    path = (old_root, *proof) if old_size.bit_count() == 1 else tuple(proof)
    at, last = old_size - 1, new_size - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    old_computed = new_computed = path[0]
    for digest in path[1:]:
        if last == 0:
            raise ProofRejected("more hashes than the tree is high")
        if at & 1 or at == last:
            old_computed = node_hash(digest, old_computed)
            new_computed = node_hash(digest, new_computed)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            new_computed = node_hash(new_computed, digest)
        at, last = at >> 1, last >> 1
    if last != 0 or old_computed != old_root or new_computed != new_root:
        raise ProofRejected("the new tree does not begin with the old one")


def _append(frontier: Frontier, leaves: Sequence[Digest]) -> tuple[Frontier, list[list[Digest]], tuple[Digest, ...]]:
    """The new frontier, the complete nodes that the batch made on each level, and the part of the edge above them.

    A level's row starts at an even index: where that node is older than the batch, it comes from the frontier.
    """
    if frontier.size + len(leaves) > SIZE_MAX:
        raise ValueError("tree would be too large")
    if any(len(leaf) != DIGEST_BYTES for leaf in leaves):
        raise ValueError("a leaf is not 32 bytes")
    levels: list[list[Digest]] = []
    edge, row = list(frontier.edge), list(leaves)
    while row:
        if frontier.size >> len(levels) & 1:
            row.insert(0, edge.pop())
        levels.append(row)
        row = [Digest(sha256(_NODE + left + right).digest()) for left, right in zip(row[::2], row[1::2], strict=False)]
    size, untouched = frontier.size + len(leaves), tuple(edge)
    edge.extend(levels[level][-1] for level in reversed(range(len(levels))) if size >> level & 1)
    return Frontier(size, tuple(edge)), levels, untouched


def _fold(digests: Sequence[Digest]) -> Digest:
    """Join neighbouring perfect subtrees, largest first, into one root."""
    if not digests:
        return EMPTY_ROOT
    root = digests[-1]
    for left in reversed(digests[:-1]):
        root = node_hash(left, root)
    return root


def _split(width: int) -> int:
    """The largest power of two below *width* (RFC 6962, section 2.1)."""
    return 1 << ((width - 1).bit_length() - 1)


def _check_digests(proof: Sequence[Digest], *roots: Digest) -> None:
    if len(proof) > HASHES_MAX:
        raise ProofRejected("too many hashes")
    if any(len(digest) != DIGEST_BYTES for digest in (*proof, *roots)):
        raise ProofRejected("a hash is not 32 bytes")
