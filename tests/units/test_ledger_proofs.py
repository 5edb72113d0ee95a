"""The proof text of a letter: each byte of it counts, and each failure is the same refusal."""

import base64
import re
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

import broker.ledger.proofs
from broker.ledger.checkpoint import Checkpoint, CheckpointRejected, VerifierKey, sign_note
from broker.ledger.merkle import EMPTY, HASHES_MAX, SIZE_MAX, Digest, ProofRejected, extend, grow, leaf_hash
from broker.ledger.proofs import InclusionProof, check_proof, format_proof, parse_proof

ORIGIN = "hub.example/tellwise/lane-0"
HUB = Ed25519PrivateKey.from_private_bytes(bytes([1]) * 32)
KEY = VerifierKey.of(ORIGIN, HUB.public_key().public_bytes_raw())

ENTRIES = [f'{{"n":{number},"op":"disclosure"}}'.encode() for number in range(21)]
BEFORE = extend(EMPTY, [leaf_hash(entry) for entry in ENTRIES[:10]])
GROWN = grow(BEFORE, [leaf_hash(entry) for entry in ENTRIES[10:]])
CHECKPOINT = Checkpoint(ORIGIN, 21, GROWN.frontier.root())
NOTE = sign_note(CHECKPOINT, KEY, HUB.sign)
TEXT = format_proof(InclusionProof(13, GROWN.proofs[3], NOTE))
HEAD = TEXT.partition("\n\n")[0]
README = (Path(broker.ledger.proofs.__file__).parent / "README.md").read_text(encoding="utf-8")


def refuse(text: str, entry: bytes = ENTRIES[13], key: VerifierKey = KEY, origin: str = ORIGIN) -> None:
    with pytest.raises(ProofRejected):
        check_proof(text, entry, key, origin)


def test_every_entry_of_a_batch_is_proved_by_its_text() -> None:
    for number, proof in enumerate(GROWN.proofs, start=10):
        text = format_proof(InclusionProof(number, proof, NOTE))

        assert check_proof(text, ENTRIES[number], KEY, ORIGIN) == (CHECKPOINT, number)
        assert parse_proof(text) == InclusionProof(number, proof, NOTE)


def test_the_text_is_written_as_c2sp_has_it() -> None:
    hashes = "".join(f"{base64.b64encode(digest).decode()}\n" for digest in GROWN.proofs[3])

    text = format_proof(InclusionProof(13, GROWN.proofs[3], NOTE))

    assert text == f"c2sp.org/tlog-proof@v1\nindex 13\n{hashes}\n{NOTE.decode()}"


def test_the_only_entry_of_a_ledger_has_a_proof_without_hashes() -> None:
    grown = grow(EMPTY, [leaf_hash(b"first")])
    checkpoint = Checkpoint(ORIGIN, 1, grown.frontier.root())

    text = format_proof(InclusionProof(0, grown.proofs[0], sign_note(checkpoint, KEY, HUB.sign)))

    assert text.startswith("c2sp.org/tlog-proof@v1\nindex 0\n\nhub.example/")
    assert check_proof(text, b"first", KEY, ORIGIN) == (checkpoint, 0)


def test_a_proof_of_another_entry_is_refused() -> None:
    for entry in (ENTRIES[12], ENTRIES[13] + b" ", ENTRIES[13][1:], b"", leaf_hash(ENTRIES[13])):
        refuse(TEXT, entry=entry)


def test_a_proof_from_another_hub_or_ledger_is_refused() -> None:
    stranger = Ed25519PrivateKey.from_private_bytes(bytes([2]) * 32)
    strange_key = VerifierKey.of(ORIGIN, stranger.public_key().public_bytes_raw())

    refuse(TEXT, key=strange_key)
    refuse(TEXT, origin="hub.example/tellwise/lane-1")
    refuse(format_proof(InclusionProof(13, GROWN.proofs[3], sign_note(CHECKPOINT, strange_key, stranger.sign))))


def test_a_proof_fits_only_the_checkpoint_that_it_was_made_for() -> None:
    older = Checkpoint(ORIGIN, 10, BEFORE.root())
    other_root = Checkpoint(ORIGIN, 21, leaf_hash(b"another history"))

    for checkpoint in (older, other_root, Checkpoint(ORIGIN, 42, CHECKPOINT.root)):
        refuse(format_proof(InclusionProof(13, GROWN.proofs[3], sign_note(checkpoint, KEY, HUB.sign))))


@pytest.mark.parametrize("mask", [0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0xFF])
def test_a_proof_with_any_byte_changed_is_refused(mask: int) -> None:
    data = TEXT.encode()

    for at in range(len(data)):
        mutated = data[:at] + bytes([data[at] ^ mask]) + data[at + 1 :]
        # What is not UTF-8 any more comes as lone surrogates, which is the worst that a lenient reader can hand us.
        refuse(mutated.decode("utf-8", "surrogateescape"))


def test_a_proof_cut_anywhere_is_refused() -> None:
    for length in range(len(TEXT)):
        refuse(TEXT[:length])
        refuse(TEXT[length + 1 :])
        refuse(TEXT[:length] + TEXT[length + 1 :])


@pytest.mark.parametrize("added", ["\n", " ", "\r", "\t", "\x00", "A", "=", "0", "\ufeff", "\ud800", "\u2028"])
def test_a_proof_with_anything_put_in_is_refused(added: str) -> None:
    for at in range(len(TEXT) + 1):
        refuse(TEXT[:at] + added + TEXT[at:])


def test_a_letter_with_an_extra_line_is_refused() -> None:
    refuse(TEXT.replace("index 13\n", "extra aGVsbG8=\nindex 13\n"))
    refuse(TEXT.replace("index 13\n", "index 13\nextra aGVsbG8=\n"))


def test_an_index_has_one_spelling() -> None:
    for line in ("", "13", "index", "index ", "index\t13", "index  13", "index 13 ", "Index 13", "index 13\nindex 13"):
        refuse(TEXT.replace("index 13", line))
    for number in ("013", "+13", "-13", "0x0d", "13.0", "1_3", "١٣", str(SIZE_MAX + 1), str(2**64 + 13), "9" * 5_000):
        refuse(TEXT.replace("index 13", f"index {number}"))


def test_a_hash_has_one_spelling_and_thirty_two_bytes() -> None:
    first = HEAD.split("\n")[2]
    digest = base64.b64decode(first)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    respelled = first[:-2] + alphabet[alphabet.index(first[-2]) + 1] + "="

    assert base64.b64decode(respelled, validate=True) == digest  # Python alone would take it for the same hash
    for line in (respelled, first.rstrip("="), first + " ", " " + first, digest.hex(), first + first):
        refuse(TEXT.replace(first, line))
    for wrong in (digest[:31], digest + b"\x00", b""):
        refuse(TEXT.replace(first, base64.b64encode(wrong).decode()))


def test_hashes_are_neither_left_out_nor_swapped_nor_added() -> None:
    first, index, *hashes = HEAD.split("\n")

    for wrong in (hashes[1:], hashes[:-1], hashes[::-1], [*hashes, hashes[0]], [hashes[0], *hashes], []):
        refuse(TEXT.replace(HEAD, "\n".join([first, index, *wrong])))


def test_more_hashes_than_any_tree_is_high_are_refused() -> None:
    line = base64.b64encode(bytes(32)).decode()

    assert len(parse_proof(TEXT.replace(HEAD, "\n".join([*HEAD.split("\n")[:2], *[line] * 63]))).hashes) == HASHES_MAX
    with pytest.raises(ProofRejected, match="too many hashes"):
        parse_proof(TEXT.replace(HEAD, "\n".join([*HEAD.split("\n")[:2], *[line] * 64])))
    with pytest.raises(ProofRejected, match="proof text too long"):
        parse_proof(HEAD + "\n" * 200_000)


def test_another_version_of_the_format_is_refused() -> None:
    for first in ("c2sp.org/tlog-proof@v2", "c2sp.org/tlog-proof@v1 ", "C2SP.org/tlog-proof@v1", ""):
        refuse(TEXT.replace("c2sp.org/tlog-proof@v1", first))
    for text in ("", "\n", "\n\n", "c2sp.org/tlog-proof@v1", "c2sp.org/tlog-proof@v1\n\n" + NOTE.decode()):
        refuse(text)


def test_a_refusal_says_nothing_of_what_was_read_and_names_its_cause() -> None:
    with pytest.raises(ProofRejected) as refused:
        check_proof(TEXT.replace(ORIGIN, "hub.example/dana-elm-ward"), ENTRIES[13], KEY, ORIGIN)

    assert "dana" not in str(refused.value)
    assert isinstance(refused.value.__cause__, CheckpointRejected)


def test_only_what_can_be_read_again_is_written() -> None:
    some = Digest(bytes(32))

    for index, hashes, note in (
        (-1, (), NOTE),
        (SIZE_MAX + 1, (), NOTE),
        (0, (some,) * 64, NOTE),
        (0, (Digest(bytes(31)),), NOTE),
        (0, (), b""),
        (0, (), bytes(200_000)),
    ):
        with pytest.raises(ProofRejected):
            InclusionProof(index, hashes, note)
    with pytest.raises(ProofRejected):
        format_proof(InclusionProof(0, (), b"\xff"))


@given(
    st.integers(0, SIZE_MAX),
    st.lists(st.binary(min_size=32, max_size=32).map(Digest), max_size=HASHES_MAX).map(tuple),
    st.text(min_size=1),
)
def test_whatever_is_written_is_read_back_the_same(index: int, hashes: tuple[Digest, ...], note: str) -> None:
    proof = InclusionProof(index, hashes, note.encode())

    assert parse_proof(format_proof(proof)) == proof


@given(st.text())
def test_whatever_text_comes_the_answer_is_a_refusal_and_no_crash(text: str) -> None:
    refuse(text)
    refuse(f"c2sp.org/tlog-proof@v1\nindex 0\n{text}")
    refuse(f"{HEAD}\n\n{text}")


def test_the_worked_example_in_the_readme_is_true() -> None:
    blocks = re.findall(r"^```\w*\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)
    text = next(block for block in blocks if block.startswith("c2sp.org/tlog-proof@v1\nindex 1\n"))
    key_text = next(block for block in blocks if block.startswith(f"{ORIGIN}+")).rstrip("\n")
    seed = bytes(range(32))
    grown = grow(EMPTY, [leaf_hash(entry) for entry in (b"first", b"second", b"third")])

    checkpoint, index = check_proof(text, b"second", VerifierKey.parse(key_text), ORIGIN)

    assert (checkpoint, index) == (Checkpoint(ORIGIN, 3, grown.frontier.root()), 1)
    private = Ed25519PrivateKey.from_private_bytes(seed)
    key = VerifierKey.of(ORIGIN, private.public_key().public_bytes_raw())
    assert key.text() == key_text
    assert text == format_proof(InclusionProof(1, grown.proofs[1], sign_note(checkpoint, key, private.sign)))
    for part in (*grown.frontier.edge, leaf_hash(b"first"), leaf_hash(b"second"), checkpoint.root):
        assert part.hex() in README
    assert grown.frontier.to_bytes().hex() in re.sub(r"\s", "", README)
