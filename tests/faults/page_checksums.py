"""The checksums that SQLite keeps in each page of our files, made anew: whoever alters a file on purpose does so too.

They are against disks, and not against people. Source: https://sqlite.org/cksumvfs.html
"""

import struct

PAGE, SUM = 4_096, 8
_WORDS = struct.Struct(f"<{(PAGE - SUM) // 4}I")


def with_checksums(data: bytes) -> bytes:
    """A database file whose pages all fit their checksums."""
    return b"".join(_summed(data[at : at + PAGE]) for at in range(0, len(data), PAGE))


def _summed(page: bytes) -> bytes:
    one = two = 0
    words = _WORDS.unpack(page[: PAGE - SUM])
    for even, odd in zip(words[::2], words[1::2], strict=True):
        one = one + even + two & 0xFFFFFFFF
        two = two + odd + one & 0xFFFFFFFF
    return page[: PAGE - SUM] + struct.pack("<II", one, two)
