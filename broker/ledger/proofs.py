"""The proof that a letter carries: where its entry stands in the ledger, and the checkpoint that says so.

The text is C2SP tlog-proof, narrower: without an `extra` line, which nothing authenticates, and with one spelling for
every value. So each byte of an accepted proof is fixed by the format or the key, or covered by signature or root.

Source: C2SP tlog-proof. The format, with bytes, is in this folder's README.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from broker.ledger.checkpoint import NOTE_BYTES_MAX, Checkpoint, CheckpointRejected, VerifierKey, decimal, open_note
from broker.ledger.merkle import DIGEST_BYTES, HASHES_MAX, SIZE_MAX, Digest, ProofRejected, verify_inclusion
from schemas.strict import b64_decode, b64_encode

_FIRST_LINE = "c2sp.org/tlog-proof@v1"
_INDEX = "index "
_TEXT_MAX = NOTE_BYTES_MAX + 4_096  # sixty-three hashes of 45 characters, and the two lines before them


@dataclass(frozen=True, slots=True)
class InclusionProof:
    """A proof taken apart. Nothing in it is verified: `check_proof` does that.

    Raises:
        ProofRejected: no proof text could state these values.
    """

    index: int
    """Where the entry stands, counted from 0."""
    hashes: tuple[Digest, ...]
    """Siblings from the leaf upwards, in the tree of the note's checkpoint; at most 63."""
    note: bytes
    """The checkpoint's note, verbatim."""

    def __post_init__(self) -> None:
        if not 0 <= self.index <= SIZE_MAX:
            raise ProofRejected("index out of range")
        if len(self.hashes) > HASHES_MAX:
            raise ProofRejected("too many hashes")
        if any(len(digest) != DIGEST_BYTES for digest in self.hashes):
            raise ProofRejected("a hash is not 32 bytes")
        if not 0 < len(self.note) <= NOTE_BYTES_MAX:
            raise ProofRejected("note is empty or too long")


def format_proof(proof: InclusionProof) -> str:
    """Write the text that a letter carries as `proof`.

    Raises:
        ProofRejected: the note is not UTF-8.
    """
    try:
        note = proof.note.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ProofRejected("note is not utf-8") from error
    return proof_text(proof.index, proof.hashes, note)


def proof_text(index: int, hashes: Sequence[Digest], note: str) -> str:
    """The text for a proof that we made ourselves; see `InclusionProof` for what these are."""
    return "\n".join([_FIRST_LINE, f"{_INDEX}{index}", *map(_line, hashes)]) + "\n\n" + note


@lru_cache(maxsize=65_536)
def _line(digest: Digest) -> str:
    # The proofs of one batch have most of their hashes in common.
    return b64_encode(digest)


def parse_proof(text: str) -> InclusionProof:
    """Undo `format_proof`. Believes nothing of it; the note is not even looked at.

    Raises:
        ProofRejected: another format or version, an `extra` line, or a value in any but its one spelling.
    """
    if len(text) > _TEXT_MAX:
        raise ProofRejected("proof text too long")
    # The first empty line: no line before the note is ever empty, and the note has an empty line of its own.
    head, _, note = text.partition("\n\n")
    first, *lines = head.split("\n")
    if first != _FIRST_LINE or not lines:
        raise ProofRejected("not a proof text")
    index, *hashes = lines
    if not index.startswith(_INDEX):
        raise ProofRejected("no index where it belongs")
    try:
        digests = tuple(Digest(b64_decode(line)) for line in hashes)
        return InclusionProof(decimal(index.removeprefix(_INDEX)), digests, note.encode("utf-8"))
    except ValueError as error:  # not strict, or a lone surrogate that a JSON reader let through
        raise ProofRejected("a line of the proof is broken") from error


def check_proof(text: str, entry: bytes, key: VerifierKey, origin: str) -> tuple[Checkpoint, int]:
    """Check that *entry* is in the ledger *origin*, as the text beside it in a letter says.

    In this order: 1. the text is a proof; 2. its note is a checkpoint of *origin*, signed by *key* alone; 3. the entry
    is at its index under the checkpoint's root. It does not show that the checkpoint agrees with those that the desk
    kept: for that the caller needs a consistency proof.

    Args:
        text: The letter's `proof`, as it came.
        entry: The bytes of the letter's `entry`, as appended.
        key: The ledger's key, from the desk's trust policy, never from the letter.
        origin: The ledger that the letter should be recorded in, from the same policy.

    Returns:
        The checkpoint, to compare with kept ones, and the entry's index, counted from 0.

    Raises:
        ProofRejected: any of the three fails. The letter must not be opened.
    """
    proof = parse_proof(text)  # 1
    try:
        checkpoint = open_note(proof.note, key, origin)  # 2
    except CheckpointRejected as error:
        raise ProofRejected("checkpoint of the proof does not hold") from error
    verify_inclusion(entry, proof.index, checkpoint.size, proof.hashes, checkpoint.root)  # 3
    return checkpoint, proof.index
