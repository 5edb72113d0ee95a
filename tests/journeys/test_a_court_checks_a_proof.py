"""Blackburn's children's services say that nobody told them. The hub's operator proves to a court that it did.

The proof is one document. The court, which has it and the trust file that every desk was given, needs nothing else of
the hub's, and need not believe its operator.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from broker.app import hub_folder
from broker.cli.main import app
from broker.client import Trust
from broker.ledger.checkpoint import Checkpoint, open_note, sign_note
from broker.ledger.exhibit import EXHIBIT_BYTES_MAX, Exhibit
from broker.ledger.merkle import ProofRejected
from broker.ledger.proofs import InclusionProof, format_proof, parse_proof
from schemas.strict import json_encode
from tests.faults.county import DIRECTORY_LOG, LANE
from tests.faults.stored import hub_keys
from tests.faults.tampering import TamperedLedger, with_byte
from tests.personas import BLACKBURN_CHILDREN

ROOT = Path(__file__).parents[2]
CHILDREN = BLACKBURN_CHILDREN.name


@pytest.fixture(scope="module")
def document(day: Path, told_at: int) -> bytes:
    """The proof of it."""
    return ledger("prove", str(told_at), data=day).stdout_bytes


def ledger(*words: str, data: Path) -> Result:
    """What the command answers to the operator of a folder."""
    return CliRunner().invoke(app, ["ledger", *words, "--data", str(data)])


def check(document: bytes, folder: Path, trust: Path) -> "subprocess.CompletedProcess[str]":
    """What the command tells somebody who has the document, the trust file, and nothing else."""
    folder.mkdir(exist_ok=True)
    (folder / "exhibit.json").write_bytes(document)
    shutil.copy(trust, folder / "trust.json")
    words = ("ledger", "check", str(folder / "exhibit.json"), "--trust", str(folder / "trust.json"))
    return subprocess.run(
        [sys.executable, "-m", "broker.cli.main", *words], cwd=ROOT, capture_output=True, text=True, check=False
    )


def trust_of(folder: Path) -> Trust:
    """The trust file that the hub of a folder gives away."""
    return Trust.load(hub_folder(folder) / "trust.json")


def test_a_court_checks_the_document_with_the_trust_file_alone(
    day: Path, document: bytes, told_at: int, tmp_path: Path
) -> None:
    done = check(document, tmp_path / "court", hub_folder(day) / "trust.json")

    assert done.returncode == 0, done.stderr
    first, line, *rest = done.stdout.splitlines()
    assert first == f"{LANE}: proved, under a checkpoint of 96 entries that the hub signed"
    assert line.split()[0] == str(told_at)
    assert f"to {CHILDREN}" in line
    assert "+" in rest[0]  # the verifier key of the ledger, to be compared with one that was given out of band


def test_the_document_is_the_same_in_a_file(day: Path, document: bytes, told_at: int, tmp_path: Path) -> None:
    done = ledger("prove", str(told_at), "--out", str(tmp_path / "exhibit.json"), data=day)

    assert (done.exit_code, done.stdout) == (0, "")
    assert (tmp_path / "exhibit.json").read_bytes() == document
    assert json.loads(document)["log"] == LANE


def test_an_entry_of_the_directory_is_proved_too(day: Path, tmp_path: Path) -> None:
    document = ledger("prove", "3", "--log", DIRECTORY_LOG, data=day).stdout_bytes

    done = check(document, tmp_path / "court", hub_folder(day) / "trust.json")

    assert done.returncode == 0, done.stderr
    assert "desk.registered" in done.stdout


def test_a_document_with_any_byte_changed_proves_nothing(day: Path, document: bytes) -> None:
    trust = trust_of(day)
    key = trust.key
    accepted = []
    for place, byte in enumerate(document):
        for mask in (0x01, 0x20, 0x80):
            try:
                Exhibit.read(with_byte(document, place, byte ^ mask)).check(trust.hub, key)
            except ProofRejected:
                continue
            accepted.append((place, mask))

    assert accepted == []
    assert Exhibit.read(document).check(trust.hub, key).checkpoint.size == 96


def test_a_document_that_is_spelt_otherwise_or_cut_proves_nothing(document: bytes, day: Path) -> None:
    value = json.loads(document)
    others = [
        b"",
        b"\n",
        document[:-1],
        document + b"\n",
        b" " + document,
        document.replace(b'","', b'", "', 1),
        json.dumps(value).encode() + b"\n",
        json_encode({**value, "more": 1}) + b"\n",
        json_encode({**value, "v": 2}) + b"\n",
        json_encode({**value, "hub": ""}) + b"\n",
        json_encode({**value, "log": DIRECTORY_LOG}) + b"\n",
        json_encode({name: held for name, held in value.items() if name != "proof"}) + b"\n",
    ]

    for other in others:
        with pytest.raises(ProofRejected):
            Exhibit.read(other).check(trust_of(day).hub, trust_of(day).key)
    with pytest.raises(ProofRejected, match="too long"):
        Exhibit.read(document + b" " * EXHIBIT_BYTES_MAX)


def test_a_document_of_another_hub_or_another_entry_proves_nothing(
    day: Path, document: bytes, told_at: int, demo_folder: Path, tmp_path: Path
) -> None:
    other = json.loads(ledger("prove", str((told_at + 1) % 96), data=day).stdout)
    another_hub = json.loads(ledger("prove", "3", data=demo_folder).stdout)
    mixed = json.loads(document)

    assert check(document, tmp_path / "court", hub_folder(demo_folder) / "trust.json").returncode == 1
    for name in ("entry", "proof", "hub"):
        swapped = {**mixed, name: (another_hub if name == "hub" else other)[name]}
        refused = check(json_encode(swapped) + b"\n", tmp_path / "court", hub_folder(day) / "trust.json")
        assert refused.returncode == 1, name
        assert refused.stdout.splitlines()[-1] == "  not proved"


def test_a_document_counts_for_the_hub_of_the_trust_file_and_for_its_own_ledgers(day: Path, document: bytes) -> None:
    """Two hubs may have one operator, and so one key; and the key of a ledger may have signed for others."""
    keys, trust = hub_keys(day), trust_of(day)
    exhibit = Exhibit.read(document)
    proof = parse_proof(exhibit.proof)
    elsewhere = Checkpoint(f"{LANE}1", 96, open_note(proof.note, keys.ledger, LANE).root)
    note = sign_note(elsewhere, keys.ledger, keys.sign_ledger)
    of_another = exhibit.model_copy(
        update={"log": elsewhere.origin, "proof": format_proof(InclusionProof(proof.index, proof.hashes, note))}
    )

    with pytest.raises(ProofRejected, match="trust file"):
        exhibit.check("another.invented.example", trust.key)
    with pytest.raises(ProofRejected, match="no such ledger"):
        Exhibit.read(of_another.written()).check(trust.hub, trust.key)


def test_what_cannot_be_checked_ends_with_two(day: Path, document: bytes, tmp_path: Path) -> None:
    (tmp_path / "exhibit.json").write_bytes(document)
    (tmp_path / "broken.json").write_bytes(b"{}")
    words = (
        (str(tmp_path / "exhibit.json"), str(tmp_path / "nowhere.json")),
        (str(tmp_path / "exhibit.json"), str(tmp_path / "broken.json")),
        (str(tmp_path / "nowhere.json"), str(hub_folder(day) / "trust.json")),
    )

    for file, trust in words:
        done = CliRunner().invoke(app, ["ledger", "check", file, "--trust", trust])
        assert done.exit_code == 2
        assert done.stderr.startswith("tellwise: ")
        assert done.stdout == ""


def test_of_a_ledger_that_was_altered_nothing_is_proved(day: Path, told_at: int, tmp_path: Path) -> None:
    """Not the entry that was altered, and no other: whoever gets a document may rely on the hub's having looked."""
    shutil.copytree(day, tmp_path / "data")
    tampered = TamperedLedger(tmp_path / "data")
    row = next(row for row in tampered.rows("ledger_entry") if (row.log, row.number) == (LANE, told_at))
    entry = row.values["entry"]
    assert isinstance(entry, bytes)
    out = tmp_path / "exhibit.json"

    with tampered.changed(row, "entry", entry.replace(CHILDREN.encode(), b"blackburn-childcare")):
        for index in (told_at, (told_at + 1) % 96):
            done = ledger("prove", str(index), "--out", str(out), data=tmp_path / "data")
            assert (done.exit_code, done.stdout, out.exists()) == (2, "", False)
    tampered.close()

    assert ledger("prove", str(told_at), "--out", str(out), data=tmp_path / "data").exit_code == 0


def test_the_proof_in_a_document_is_the_text_that_letters_carry(document: bytes, told_at: int) -> None:
    assert parse_proof(json.loads(document)["proof"]).index == told_at
