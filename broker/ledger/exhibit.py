"""An entry with all that proves it, as one document that can be handed to somebody who has nothing else of the hub's.

It holds the entry, the proof, and the event with which the hub founded its directory. Whoever checks it brings the one
key that is given out of band (`docs/decisions/0006`): that key signed the event, the event names the ledger's key, and
that key signed the checkpoint that the proof leads to.

The document has one spelling, and each of its bytes is fixed by the format, a signature or the root.
"""

from dataclasses import dataclass
from typing import Literal, Self

from broker.directory import Directory, Hub, read_event
from broker.ledger.checkpoint import Checkpoint, CheckpointRejected, VerifierKey
from broker.ledger.merkle import ProofRejected
from broker.ledger.proofs import check_proof
from broker.sealing.rejection import Reason, Rejected
from broker.sealing.signatures import VerifyKey
from schemas import Said, SchemaRefused
from schemas.strict import NotStrict, b64u_decode

EXHIBIT_BYTES_MAX = 524_288
"""Room for the longest entry and event in base64url, and the longest note."""


class Exhibit(Said):
    """The document. Nothing in it is believed before `check` has returned.

    Fields are only added, at the end, with a default. Anything else is a new `v`.
    """

    v: Literal[1] = 1
    hub: str
    """The first event of the hub's directory, as it was signed; base64url."""
    log: str
    """Origin of the ledger."""
    entry: str
    """The entry's bytes, as appended; base64url."""
    proof: str
    """As a letter carries it; see `broker.ledger.proofs`."""

    @classmethod
    def read(cls, data: bytes) -> Self:
        """Read a document as it came.

        Raises:
            ProofRejected: too long, not of our form, or in any but its one spelling.
        """
        if len(data) > EXHIBIT_BYTES_MAX:
            raise ProofRejected("document too long")
        try:
            exhibit = cls.from_bytes(data.removesuffix(b"\n"))
        except SchemaRefused as error:
            raise ProofRejected("not a document of ours") from error
        if exhibit.written() != data:
            raise ProofRejected("not the one spelling of this document")
        return exhibit

    def written(self) -> bytes:
        """The document: one line of JSON, members sorted by name, with its newline."""
        return self.to_bytes() + b"\n"

    def check(self, hub: str, key: VerifyKey) -> "Checked":
        """Check that the entry stands in a ledger of the hub *hub*, whose directory key is *key*.

        In this order: 1. the event is the founding of that hub, signed by that key; 2. the ledger is one that it
        names; 3. the proof leads from the entry to a checkpoint of that ledger, signed by the key that it names.

        Raises:
            ProofRejected: any of the three fails. Which one is in the text, for the person who checks.
        """
        try:
            founded = founding(b64u_decode(self.hub), hub, key)  # 1
            ledger_key, entry = founded.ledger_key, b64u_decode(self.entry)
        except (NotStrict, Rejected, CheckpointRejected) as error:
            raise ProofRejected("the hub's keys are not those that the trust file vouches for") from error
        if self.log not in ledgers(founded):  # 2
            raise ProofRejected("this hub has no such ledger")
        checkpoint, index = check_proof(self.proof, entry, ledger_key, self.log)  # 3
        return Checked(entry, index, checkpoint, ledger_key)


@dataclass(frozen=True, slots=True)
class Checked:
    """What a document was found to show."""

    entry: bytes
    index: int
    """Where the entry stands, counted from 0."""
    checkpoint: Checkpoint
    key: VerifierKey
    """The key that signed the checkpoint."""


def founding(event: bytes, hub: str, key: VerifyKey) -> Hub:
    """The hub as the first event of its directory enters it.

    Raises:
        Rejected: not signed by the directory key, not the founding, or of another hub.
    """
    founded = Directory().after(read_event(event, key)).hub
    if founded.entry.hub != hub:
        raise Rejected(Reason.SIGNER)
    return founded


def ledgers(hub: Hub) -> tuple[str, ...]:
    """The origins of all ledgers that a hub has: its lanes', then the directory's, which is everybody's."""
    return (*hub.entry.lanes, directory_log(hub))


def directory_log(hub: Hub) -> str:
    """The origin of a hub's directory ledger."""
    return f"{hub.entry.hub}/directory"
