"""Why something sealed, signed or proven was rejected. One exception, whose reason is for the one who checked alone."""

from enum import StrEnum


class Reason(StrEnum):
    """What was wrong. Goes to the checker's own records: the hub's sealed details, a desk's incidents; never to a
    sender."""

    FORM = "form"
    """Not the strict form: encoding, members, sizes, limits."""
    ALGORITHM = "algorithm"
    """Not the algorithm that is pinned to this key or place."""
    SIGNER = "signer"
    """No such desk or key in the directory."""
    SIGNATURE = "signature"
    FRESHNESS = "freshness"
    """Expired, too far ahead, or of another life than 14 days."""
    DIGEST = "digest"
    """A compartment that the signed head does not name, or one that it does not name as what it claims to be."""
    KEY = "key"
    """A wrapped key that does not open here."""
    COMMITMENT = "commitment"
    """A key that opens, and is not the one committed to."""
    LABEL = "label"
    """A compartment under another name, notification or desk than its own signed bytes say."""
    CIPHERTEXT = "ciphertext"
    PADDING = "padding"
    SCHEMA = "schema"
    KIND = "kind"
    PUBLISHER = "publisher"
    """This desk may not publish this kind, or not about this person."""
    PERSON = "person"
    """A person that cannot be resolved."""
    AREA = "area"
    STATE = "state"
    """It does not fit what is already known: a case opened twice, a letter that was never sent."""
    REUSED_ID = "reused_id"
    """The same notification id with another head: a tampering alarm."""
    PROOF = "proof"
    ENTRY = "entry"
    """The ledger entry speaks of another letter, desk or content."""
    FORK = "fork"
    """A checkpoint that contradicts one that was kept."""
    GONE = "gone"
    """Nothing was wrong with it: it was removed at the hub before this desk came for it."""
    REPLAY = "replay"
    OBLIGATION = "obligation"
    """An obligation that this desk does not know how to perform."""
    INTERNAL = "internal"
    """Our own fault; nothing was told."""


class Rejected(Exception):
    """Refused. The text is the same for every reason, so that a log line of it says nothing."""

    def __init__(self, reason: Reason) -> None:
        super().__init__("refused")
        self.reason = reason
