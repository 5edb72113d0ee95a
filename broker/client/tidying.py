"""What a desk's own store need not keep for ever. Letters are never among it: they are the agency's own record.

A checkpoint proves all that lies before it, once the next one was found to continue it. So the newest are kept, and
of older ones every hundredth, for whoever compares what two desks were shown. Of incidents that are long past, what was
refused remains, and why; the item itself is dropped, so that nobody can fill a desk's disk with what it refuses.
"""

from datetime import datetime

from broker.client.store import DeskStore, Sending
from broker.sealing.head import LIFE

CHECKPOINTS_KEPT = 1_000
"""The newest of each ledger."""
CHECKPOINTS_APART = 100
"""Of those before, one of so many."""
INCIDENTS_KEPT = 1_000
"""Whose item is kept as evidence."""

_ANSWERED = "DELETE FROM outbox WHERE state IN (?, ?, ?) AND exp < ?"
_CHECKPOINTS = """
DELETE FROM checkpoint WHERE rowid % ? <> 0 AND size < ifnull(
    (SELECT size FROM checkpoint AS kept WHERE kept.log = checkpoint.log ORDER BY size DESC LIMIT 1 OFFSET ?), 0)"""
_EVIDENCE = """
UPDATE incident SET evidence = x'' WHERE evidence <> x'' AND i <= ifnull(
    (SELECT i FROM incident ORDER BY i DESC LIMIT 1 OFFSET ?), 0)"""


def tidy(store: DeskStore, now: datetime) -> int:
    """Remove what need not be kept. Returns how many rows it was.

    What we said and was answered goes when it has been expired for as long again as it lived, 14 days. What the hub has
    not answered is never removed.

    Raises:
        FolderUnusable: the disk does not let us. Nothing was removed then.
    """
    answered = (Sending.ACCEPTED, Sending.REFUSED, Sending.EXPIRED)
    with store.transaction():
        removed = store.sweep(_ANSWERED, (*answered, int((now - LIFE).timestamp())))
        removed += store.sweep(_CHECKPOINTS, (CHECKPOINTS_APART, CHECKPOINTS_KEPT - 1))
        removed += store.sweep(_EVIDENCE, (INCIDENTS_KEPT,))
    return removed
