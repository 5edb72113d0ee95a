"""A ledger's signed summary: the checkpoint, the key that it is verified with, and the note that carries both.

A letter carries one note with one signature, and anything else in it is refused. A published note collects
cosignatures, so lines of keys that we do not know are passed over there. Both are read by the same parser, and what a
note says is not looked at before a signature over it holds.

Source: C2SP signed-note and tlog-checkpoint. The format, with bytes, is in this folder's README.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from broker.ledger.merkle import DIGEST_BYTES, SIZE_MAX, Digest
from broker.sealing.small_order import has_small_order
from schemas.strict import NotStrict, b64_decode, b64_encode

ED25519 = b"\x01"  # C2SP signed-note, signature types
KEY_ID_BYTES = 4
PUBLIC_BYTES = 32
SIGNATURE_BYTES = 64

NAME_BYTES_MAX = 255
"""Of key names and origins: an ML-DSA cosignature gives the length of each in one byte (C2SP tlog-cosignature)."""
SIGNATURES_MAX = 16
"""Lines that a note may have; no verifier may stop at fewer (C2SP signed-note). With more, none is looked at."""
NOTE_BYTES_MAX = 131_072
"""Room for sixteen post-quantum signatures of nearly 5 kB each, in base64."""

_DASH = "\N{EM DASH} "
_DECIMAL = re.compile("0|[1-9][0-9]{0,18}")  # not \d, which is also true of other scripts' digits


class CheckpointRejected(Exception):
    """These bytes are not a checkpoint that the given keys stand for. Nothing in them may be believed."""


def decimal(text: str) -> int:
    """Read the one decimal spelling of a size or an index, of at most `SIZE_MAX`.

    Raises:
        NotStrict: a sign, a leading zero, another digit than 0 to 9, or too large.
    """
    if _DECIMAL.fullmatch(text) is None or int(text) > SIZE_MAX:
        raise NotStrict("not a decimal number")
    return int(text)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How large a ledger is and what it holds. Only as good as the signature that was checked on it.

    A size of 0 with another root than `EMPTY_ROOT` is let through: signed, it is evidence, and the witness keeps it.

    Raises:
        CheckpointRejected: no body could state these values.
    """

    origin: str
    """Which ledger: a name like `hub.example/tellwise/lane-0`."""
    size: int
    root: Digest

    def __post_init__(self) -> None:
        _check_length(self.origin)
        if any(character < " " for character in self.origin):
            raise CheckpointRejected("origin with a control character")
        if not 0 <= self.size <= SIZE_MAX:
            raise CheckpointRejected("tree size out of range")
        if len(self.root) != DIGEST_BYTES:
            raise CheckpointRejected("root is not 32 bytes")

    def body(self) -> bytes:
        """The bytes that are signed: three lines."""
        return f"{self.origin}\n{self.size}\n{b64_encode(self.root)}\n".encode()

    @classmethod
    def parse(cls, body: bytes) -> Self:
        """Undo `body`. Verify the signature first, or use `open_note`, which does.

        Raises:
            CheckpointRejected: another number of lines (an extension line too: ML-DSA cosignatures would not cover it),
                or a value in any but its one spelling.
        """
        try:
            origin, size, root, end = body.decode("utf-8").split("\n")
            if end:
                raise CheckpointRejected("checkpoint does not end in a newline")
            return cls(origin, decimal(size), Digest(b64_decode(root)))
        except ValueError as error:  # not UTF-8, not three lines, or not strict
            raise CheckpointRejected("not a checkpoint") from error


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """The name and Ed25519 public key of one who signs checkpoints, as they stand in a trust policy.

    Raises:
        CheckpointRejected: a name that no note may carry, a key of another length or of small order, or a key id of
            another key.
    """

    name: str
    key_id: bytes
    """The first four bytes of SHA-256 over name, newline, type and public key. Tells keys apart, proves nothing."""
    public: bytes

    def __post_init__(self) -> None:
        _check_key_name(self.name)
        if len(self.public) != PUBLIC_BYTES:
            raise CheckpointRejected("public key is not 32 bytes")
        if has_small_order(self.public):
            raise CheckpointRejected("public key of small order")
        if self.key_id != _key_id(self.name, self.public):
            raise CheckpointRejected("key id belongs to another key")

    @classmethod
    def of(cls, name: str, public: bytes) -> Self:
        """The key with the id that follows from its name and its 32 raw bytes.

        Raises:
            CheckpointRejected: as the class.
        """
        _check_key_name(name)  # before it is hashed, which a lone surrogate cannot be
        return cls(name, _key_id(name, public), public)

    def text(self) -> str:
        """`<name>+<hex key id>+<base64 of type and public key>`, to be given out of band."""
        return f"{self.name}+{self.key_id.hex()}+{b64_encode(ED25519 + self.public)}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Undo `text`, in its one spelling.

        Raises:
            CheckpointRejected: not a verifier key, or one of another type than Ed25519.
        """
        name, _, rest = text.partition("+")  # from the left: base64 may hold a plus, a name may not
        hex_id, _, encoded = rest.partition("+")
        try:
            key_id, typed = bytes.fromhex(hex_id), b64_decode(encoded)
        except ValueError as error:
            raise CheckpointRejected("not a verifier key") from error
        if typed[:1] != ED25519 or key_id.hex() != hex_id:
            raise CheckpointRejected("not a verifier key of a known type")
        return cls(name, key_id, typed[1:])

    def check(self, body: bytes, signature: bytes) -> None:
        """Check an Ed25519 signature of 64 bytes over a note's text.

        Raises:
            CheckpointRejected: it is not this key's signature over this text.
        """
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, body)
        except InvalidSignature as error:
            raise CheckpointRejected("signature does not hold") from error


@dataclass(frozen=True, slots=True)
class SignatureLine:
    """One signature under a note: who claims to have made it, and its bytes, in whatever format its key's type has."""

    name: str
    key_id: bytes
    signature: bytes

    def text(self) -> str:
        """The line, with its newline."""
        return f"{_DASH}{self.name} {b64_encode(self.key_id + self.signature)}\n"

    @classmethod
    def parse(cls, line: str) -> Self:
        """Undo `text`; *line* comes without its newline.

        Raises:
            CheckpointRejected: not a signature line, or another spelling of one.
        """
        if not line.startswith(_DASH):
            raise CheckpointRejected("not a signature line")
        name, _, encoded = line.removeprefix(_DASH).partition(" ")
        _check_key_name(name)
        try:
            data = b64_decode(encoded)
        except NotStrict as error:
            raise CheckpointRejected("not a signature line") from error
        if len(data) <= KEY_ID_BYTES:
            raise CheckpointRejected("no signature in a signature line")
        return cls(name, data[:KEY_ID_BYTES], data[KEY_ID_BYTES:])

    def claims(self, key: VerifierKey) -> bool:
        """Whether the line says that *key* made it. C2SP: only name and id together name a key."""
        return self.name == key.name and self.key_id == key.key_id


@dataclass(frozen=True, slots=True)
class Note:
    """A note taken apart. Its text is unverified until `verify_published` or `verify_single` has returned."""

    body: bytes
    lines: tuple[SignatureLine, ...]

    @classmethod
    def parse(cls, note: bytes) -> Self:
        """Take a note apart, whoever signed it.

        Raises:
            CheckpointRejected: too long, not UTF-8, a control character other than newline, no newline at its end, no
                empty line before the signatures, or none, more than sixteen, or broken signature lines.
        """
        if len(note) > NOTE_BYTES_MAX:
            raise CheckpointRejected("note too long")
        try:
            text = note.decode("utf-8")
        except UnicodeDecodeError as error:
            raise CheckpointRejected("note is not utf-8") from error
        if any(character < " " and character != "\n" for character in text):
            raise CheckpointRejected("note with a control character")
        # The last empty line: text may hold empty lines of its own, signatures may not.
        before, separator, after = text.rpartition("\n\n")
        if not separator or not after.endswith("\n"):
            raise CheckpointRejected("not a signed note")
        if after.count("\n") > SIGNATURES_MAX:
            raise CheckpointRejected("too many signatures")
        return cls(f"{before}\n".encode(), tuple(SignatureLine.parse(line) for line in after[:-1].split("\n")))

    def to_bytes(self) -> bytes:
        """Undo `parse`."""
        return self.body + b"\n" + "".join(line.text() for line in self.lines).encode()

    def verify_single(self, key: VerifierKey) -> None:
        """Check that exactly one line stands under the text, made by *key*.

        Raises:
            CheckpointRejected: more lines, another key's, or a signature that does not hold.
        """
        if len(self.lines) != 1 or not self.lines[0].claims(key):
            raise CheckpointRejected("not signed by the known key alone")
        key.check(self.body, self.lines[0].signature)

    def verify_published(self, keys: Iterable[VerifierKey]) -> None:
        """Check that at least one of *keys* signed, and that none of them has a signature here that fails.

        Raises:
            CheckpointRejected: no known key signed, or a known key's signature fails, which spoils the whole note.
        """
        known = [(key, line) for key in keys for line in self.lines if line.claims(key)]
        if not known:
            raise CheckpointRejected("signed by no known key")
        for key, line in known:
            key.check(self.body, line.signature)


def sign_note(checkpoint: Checkpoint, key: VerifierKey, sign: Callable[[bytes], bytes]) -> bytes:
    """Sign a checkpoint and write the note that letters carry.

    Args:
        checkpoint: Of a committed tree: two notes of one size with two roots are a fork, never to be taken back.
        key: The public half of what *sign* uses.
        sign: Returns the Ed25519 signature, 64 bytes, over exactly the bytes given.

    Returns:
        The whole note, ending in a newline.

    Raises:
        CheckpointRejected: *sign* does not belong to *key*. No note was made.
    """
    body = checkpoint.body()
    note = Note(body, (SignatureLine(key.name, key.key_id, sign(body)),))
    # Costs a tenth of a millisecond a batch, and a note that every desk would refuse does not leave.
    note.verify_single(key)
    return note.to_bytes()


def open_note(note: bytes, key: VerifierKey, origin: str) -> Checkpoint:
    """Open the note that a letter carries.

    Raises:
        CheckpointRejected: not a note, any other line than one signature of *key*, a signature that fails, another
            ledger's checkpoint, or a value in any but its one spelling.
    """
    parsed = Note.parse(note)
    parsed.verify_single(key)
    return _checkpoint(parsed, origin)


def open_published_note(note: bytes, keys: Iterable[VerifierKey], origin: str) -> Checkpoint:
    """Open a published note, under which others may have put lines that are none of our business.

    Args:
        note: Text and signatures, as published.
        keys: Every one of them is trusted to vouch alone for a checkpoint of *origin*.
        origin: The ledger that the checkpoint has to be of.

    Raises:
        CheckpointRejected: as `open_note`, except that lines of unknown keys are passed over. At least one known key
            must have signed, and a known key whose signature fails spoils the whole note.

    Source: C2SP signed-note, "Signatures".
    """
    parsed = Note.parse(note)
    parsed.verify_published(keys)
    return _checkpoint(parsed, origin)


def _checkpoint(verified: Note, origin: str) -> Checkpoint:
    checkpoint = Checkpoint.parse(verified.body)
    if checkpoint.origin != origin:
        raise CheckpointRejected("checkpoint of another ledger")
    return checkpoint


def _key_id(name: str, public: bytes) -> bytes:
    return sha256(name.encode() + b"\n" + ED25519 + public).digest()[:KEY_ID_BYTES]


def _check_key_name(name: str) -> None:
    _check_length(name)
    if any(character < " " or character.isspace() or character == "+" for character in name):
        raise CheckpointRejected("key name with a space, a plus or a control character")


def _check_length(name: str) -> None:
    try:
        length = len(name.encode())
    except UnicodeEncodeError as error:  # a lone surrogate
        raise CheckpointRejected("name is not text") from error
    if not 0 < length <= NAME_BYTES_MAX:
        raise CheckpointRejected("name is empty or too long")
