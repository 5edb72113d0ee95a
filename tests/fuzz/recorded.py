"""What is recorded and proved: entries, checkpoints, notes, proofs, directory events."""

from collections.abc import Mapping
from typing import Any

from broker.directory import read_event
from broker.ledger.checkpoint import Checkpoint, CheckpointRejected, Note, VerifierKey, open_note, open_published_note
from broker.ledger.details import open_detail
from broker.ledger.entries import EntryRejected, read_entry
from broker.ledger.merkle import Frontier, NotAFrontier, ProofRejected
from broker.ledger.proofs import check_proof, format_proof, parse_proof
from broker.sealing.letters import Item
from broker.sealing.rejection import Rejected
from broker.sealing.signatures import Typ, sign
from schemas.strict import b64u_decode, b64u_encode, json_encode
from tests.faults.county import LANE
from tests.fuzz.material import Material, members
from tests.fuzz.target import Target

_PROOF = (b"c2sp.org/tlog-proof@v1\n", b"index ", b"\n\n", "\N{EM DASH} ".encode())


def targets(given: Material) -> Mapping[str, Target]:
    """By name."""
    proofs = [Item.from_bytes(data).proof.encode() for data in given.items]
    bodies = [Note.parse(note).body for note in given.notes]
    payloads = [b64u_decode(payload) for payload in members(given.events, "directory")]
    return {
        "proof": Target(_proof(given), (ProofRejected,), proofs, _PROOF),
        "note": Target(_note(given), (CheckpointRejected,), given.notes, _PROOF),
        "checkpoint": Target(_checkpoint, (CheckpointRejected,), bodies),
        "verifier_key": Target(_verifier_key, (CheckpointRejected,), [given.hub.entry.ledger.encode()]),
        "directory_event": Target(lambda data: read_event(data, _key(given)), (Rejected,), given.events),
        "directory_event_said": Target(_event(given), (Rejected,), payloads),
        "ledger_entry": Target(read_entry, (EntryRejected,), given.entries),
        "frontier": Target(_frontier, (NotAFrontier,), list(given.county.disk.frontiers.values())),
        "detail": Target(lambda data: open_detail(data, given.detail_key), (Rejected,), given.details),
    }


def _proof(given: Material) -> Any:
    entry = Item.from_bytes(given.items[0]).entry

    def decode(data: bytes) -> None:
        text = data.decode("utf-8", "surrogateescape")
        assert format_proof(parse_proof(text)) == text
        check_proof(text, entry, given.hub.ledger_key, LANE)

    return decode


def _note(given: Material) -> Any:
    key = given.hub.ledger_key

    def decode(data: bytes) -> None:
        assert Note.parse(data).to_bytes() == data
        open_published_note(data, [key], LANE)
        open_note(data, key, LANE)

    return decode


def _checkpoint(data: bytes) -> None:
    assert Checkpoint.parse(data).body() == data


def _verifier_key(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    assert VerifierKey.parse(text).text() == text


def _frontier(data: bytes) -> None:
    assert Frontier.from_bytes(data).to_bytes() == data


def _key(given: Material) -> Any:
    return given.county.premises.keys.directory_key


def _event(given: Material) -> Any:
    """The directory key signs whatever it is given."""
    signer = given.county.premises.keys.directory

    def decode(data: bytes) -> None:
        payload = b64u_encode(data)
        event = read_event(
            json_encode({"directory": payload, "sig": sign(payload, Typ.DIRECTORY, signer)}), _key(given)
        )
        given.directory.after(event.model_copy(update={"n": given.directory.size}))

    return decode
