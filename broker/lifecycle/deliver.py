"""Step 6, deliver: what the turn before committed leaves now, each item with the proof of its entry.

The checkpoint was signed over what is committed and over nothing else: a signature over a tree that is then thrown
away would be a fork signed by ourselves, and a letter in an inbox before its entry is committed could be read and
never recorded.
"""

from broker.ledger.proofs import proof_text
from broker.lifecycle.turn import Turn
from broker.sealing.letters import item_bytes
from broker.state.pending import Pending, drop_pending
from broker.topics import DIRECTORY, inbox
from schemas.strict import json_encode


def deliver(pending: list[Pending], note: bytes, turn: Turn) -> None:
    """Plan to send what waits.

    Args:
        pending: What the turn before committed, in order.
        note: The signed checkpoint over the lane's ledger as that turn left it.
        turn: The turn in whose transaction they leave.
    """
    drop_pending(turn.rows, pending)
    text = note.decode("utf-8")
    for waiting in pending:
        proof = proof_text(waiting.index, waiting.hashes, text)
        # The entry is committed, so from here on the item is owed, and may be signed. If we die before this turn
        # commits, the next owner finds it among the pending ones, and the desk drops what it has.
        item = item_bytes(waiting.kind, waiting.pieces, waiting.entry, proof)
        turn.sends.append((inbox(waiting.mailbox), item))


def announce(note: bytes, turn: Turn) -> None:
    """Plan to publish the signed checkpoint over the directory, for the desks that read it whole."""
    turn.sends.append((DIRECTORY, json_encode({"checkpoint": note.decode("utf-8")})))
