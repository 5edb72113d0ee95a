"""Padding of plaintexts, so that the size of a ciphertext tells the bucket and no more.

Append 0x80, then zeros up to the next bucket (ISO/IEC 7816-4 padding). Like bit padding in GCM it is inside the
authenticated text, so a wrong one is our own publisher's fault and no oracle.
"""

from broker.sealing.rejection import Reason, Rejected

BUCKETS = (256, 1_024, 4_096, 16_384, 65_536)
"""Sizes in bytes that a padded plaintext may have."""

FACTS_LEAST = 1_024
"""The smallest bucket of the facts. A usual one ends close below 256 bytes, so there one flag more would show."""


def pad(plaintext: bytes, least: int = BUCKETS[0]) -> bytes:
    """Bring *plaintext* to the size of the next bucket that is not smaller than *least*.

    Raises:
        Rejected: it is longer than the largest bucket holds.
    """
    for bucket in BUCKETS:
        if bucket >= least and len(plaintext) < bucket:
            return plaintext + b"\x80" + bytes(bucket - len(plaintext) - 1)
    raise Rejected(Reason.FORM)


def unpad(padded: bytes, least: int = BUCKETS[0]) -> bytes:
    """Undo `pad` with the same *least*.

    Raises:
        Rejected: not a bucket's size, no marker, or something other than zeros after it.
    """
    plaintext, marker, _ = padded.rstrip(b"\x00").rpartition(b"\x80")
    if len(padded) not in BUCKETS or not marker or pad(plaintext, least) != padded:
        raise Rejected(Reason.PADDING)
    return plaintext
