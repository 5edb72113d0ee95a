"""Checkpoints and the notes that carry them: what is almost right is refused."""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from broker.ledger.checkpoint import (
    Checkpoint,
    CheckpointRejected,
    Note,
    VerifierKey,
    decimal,
    open_note,
    open_published_note,
    sign_note,
)
from broker.ledger.merkle import SIZE_MAX, leaf_hash
from schemas.strict import NotStrict

ORIGIN = "hub.example/tellwise/lane-0"
ROOT = leaf_hash(b"the only entry")
CHECKPOINT = Checkpoint(ORIGIN, 1, ROOT)

# golang.org/x/mod/sumdb/note, the example in the package's documentation
GO_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
GO_SIGNATURE = (
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)


@dataclass(frozen=True)
class Signer:
    """Somebody who signs notes, and writes the signature lines without our code."""

    name: str
    private: Ed25519PrivateKey

    @classmethod
    def of(cls, name: str, seed: int) -> "Signer":
        return cls(name, Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32))

    @property
    def key(self) -> VerifierKey:
        return VerifierKey.of(self.name, self.private.public_key().public_bytes_raw())

    def line(self, text: str) -> str:
        return written_line(self.name, self.key.key_id + self.private.sign(text.encode()))


def written_line(name: str, data: bytes) -> str:
    return f"— {name} {base64.b64encode(data).decode()}\n"


HUB = Signer.of(ORIGIN, 1)
NEXT_HUB = Signer.of(ORIGIN, 2)
WITNESS = Signer.of("council.example/witness", 3)
TEXT = CHECKPOINT.body().decode()
NOTE = sign_note(CHECKPOINT, HUB.key, HUB.private.sign)


def refuse(note: bytes, key: VerifierKey = HUB.key, origin: str = ORIGIN) -> None:
    """Refused in a letter, and also where strangers' lines are allowed."""
    with pytest.raises(CheckpointRejected):
        open_note(note, key, origin)
    with pytest.raises(CheckpointRejected):
        open_published_note(note, [key], origin)


def signed(text: str) -> bytes:
    """A note that the hub really signed, whatever its text is."""
    return f"{text}\n{HUB.line(text)}".encode()


def test_a_signed_checkpoint_opens_as_what_was_signed() -> None:
    note = sign_note(CHECKPOINT, HUB.key, HUB.private.sign)

    assert note == signed(f"{ORIGIN}\n1\n{base64.b64encode(ROOT).decode()}\n")
    assert open_note(note, HUB.key, ORIGIN) == open_published_note(note, [HUB.key], ORIGIN) == CHECKPOINT
    assert Note.parse(note).to_bytes() == note


def test_the_published_example_of_a_note_verifies() -> None:
    key = VerifierKey.parse(GO_KEY)
    note = Note.parse(f"{GO_TEXT}\n{GO_SIGNATURE}".encode())

    note.verify_single(key)
    note.verify_published([key, HUB.key])

    assert note.body == GO_TEXT.encode()
    assert key.text() == GO_KEY
    assert (key.name, key.key_id.hex()) == ("PeterNeumann", "c74f20a3")
    with pytest.raises(CheckpointRejected):
        open_note(note.to_bytes(), key, "PeterNeumann")  # it is a note, and no checkpoint


def test_a_text_with_empty_lines_is_parted_from_its_signatures_by_the_last_one() -> None:
    text = "Ognuno sta solo sul cuor della terra\n\ned è subito sera.\n\n"

    note = Note.parse(signed(text))

    note.verify_single(HUB.key)
    assert note.body == text.encode()


def test_a_note_has_a_text_and_no_control_character_even_where_it_is_no_checkpoint() -> None:
    for control in ("\x00", "\t", "\r", "\x1b", "\x1f"):
        with pytest.raises(CheckpointRejected, match="control"):
            Note.parse(signed(f"a poem with {control} in it\n"))
    for note in (HUB.line("\n"), "\n" + HUB.line(""), "\n" + HUB.line("\n"), "", "\n", "\n\n", "a poem\n\n"):
        with pytest.raises(CheckpointRejected):
            Note.parse(note.encode())


@pytest.mark.parametrize("mask", [0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0xFF])
def test_a_note_with_any_byte_changed_is_refused(mask: int) -> None:
    for at in range(len(NOTE)):
        refuse(NOTE[:at] + bytes([NOTE[at] ^ mask]) + NOTE[at + 1 :])


def test_a_note_cut_anywhere_is_refused() -> None:
    for length in range(len(NOTE)):
        refuse(NOTE[:length])
        refuse(NOTE[length + 1 :])


@pytest.mark.parametrize("added", [b"\n", b" ", b"\r", b"\t", b"\x00", b"A", b"=", b"0", b"\xef\xbb\xbf"])
def test_a_note_with_anything_put_in_is_refused(added: bytes) -> None:
    for at in range(len(NOTE) + 1):
        refuse(NOTE[:at] + added + NOTE[at:])


def test_another_spelling_of_the_same_signature_is_refused() -> None:
    # 68 bytes end in one `=`, so the last digit before it has two bits that lenient decoders ignore.
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    text = NOTE.decode()
    digit = text[-3]

    respelled = [text[:-3] + alphabet[alphabet.index(digit) + extra] + text[-2:] for extra in (1, 2, 3)]

    assert text.endswith("=\n")
    for note in respelled:
        assert base64.b64decode(note.split(" ")[-1]) == base64.b64decode(text.split(" ")[-1])
        refuse(note.encode())


def test_even_a_signed_text_is_refused_if_it_is_not_the_one_spelling_of_our_checkpoint() -> None:
    root = base64.b64encode(ROOT).decode()
    for size in ("01", "+1", "-1", "1 ", "", "1.0", "0x1", "١", str(SIZE_MAX + 1), "9" * 5_000):
        refuse(signed(f"{ORIGIN}\n{size}\n{root}\n"))
    for data in (ROOT[:31], ROOT + b"!", b""):
        refuse(signed(f"{ORIGIN}\n1\n{base64.b64encode(data).decode()}\n"))
    for spelling in (
        root.rstrip("="),
        f"{root} ",
        f" {root}",
        ROOT.hex(),
        base64.urlsafe_b64encode(b"\xff" * 32).decode(),
    ):
        refuse(signed(f"{ORIGIN}\n1\n{spelling}\n"))
    for origin in ("", f" {ORIGIN}", f"{ORIGIN}\x00", f"\ufeff{ORIGIN}", f"{ORIGIN}\r", "hub.example/tellwise/lane-1"):
        refuse(signed(f"{origin}\n1\n{root}\n"))
    for text in (f"\n{TEXT}", f"{TEXT}\n", f"{TEXT}an extension line\n", f"{ORIGIN}\n1\n", f"{ORIGIN}\n", "\n"):
        refuse(signed(text))


def test_a_letters_note_holds_one_signature_of_the_known_key_and_no_other_line() -> None:
    own, stranger = HUB.line(TEXT), WITNESS.line(TEXT)
    broken_stranger = written_line("council.example/witness", b"\x00\x00\x00\x07" + bytes(64))

    for lines in (own + stranger, stranger + own, own + broken_stranger, own + own):
        with pytest.raises(CheckpointRejected):
            open_note(f"{TEXT}\n{lines}".encode(), HUB.key, ORIGIN)

    assert open_note(f"{TEXT}\n{own}".encode(), HUB.key, ORIGIN) == CHECKPOINT


def test_a_published_note_may_hold_lines_of_strangers() -> None:
    own, stranger = HUB.line(TEXT), WITNESS.line(TEXT)
    post_quantum = written_line("hub.example/ml-dsa", b"\x00\x00\x00\x07" + bytes(2_428))
    same_name = written_line(HUB.name, b"\x00\x00\x00\x07" + bytes(64))
    same_id = written_line("elsewhere.example", HUB.key.key_id + bytes(64))

    for lines in (own + stranger, stranger + own, own + own, own + post_quantum + same_name + same_id):
        assert open_published_note(f"{TEXT}\n{lines}".encode(), [HUB.key], ORIGIN) == CHECKPOINT
    both = [HUB.key, NEXT_HUB.key]
    assert open_published_note(f"{TEXT}\n{NEXT_HUB.line(TEXT)}".encode(), both, ORIGIN) == CHECKPOINT


def test_a_known_key_whose_signature_fails_spoils_a_published_note() -> None:
    forged = written_line(WITNESS.name, WITNESS.key.key_id + bytes(64))
    for_another_text = WITNESS.line(TEXT.replace("\n1\n", "\n2\n"))
    too_short = written_line(WITNESS.name, WITNESS.key.key_id + bytes(63))

    for bad in (forged, for_another_text, too_short):
        for lines in (HUB.line(TEXT) + bad, bad + HUB.line(TEXT), WITNESS.line(TEXT) + bad + HUB.line(TEXT)):
            note = f"{TEXT}\n{lines}".encode()
            with pytest.raises(CheckpointRejected):
                open_published_note(note, [HUB.key, WITNESS.key], ORIGIN)


def test_a_note_that_no_known_key_signed_is_refused() -> None:
    note = f"{TEXT}\n{WITNESS.line(TEXT)}".encode()

    refuse(note)
    refuse(NOTE, key=NEXT_HUB.key)  # the same name, another key
    refuse(NOTE, key=Signer("hub.example/other", HUB.private).key)  # the same key bytes, another name
    with pytest.raises(CheckpointRejected):
        open_published_note(NOTE, [], ORIGIN)


def test_a_checkpoint_of_another_ledger_is_refused() -> None:
    for origin in ("hub.example/tellwise/lane-1", "hub.example/tellwise/lane-", ORIGIN + " ", ""):
        refuse(NOTE, origin=origin)


def test_sixteen_signature_lines_are_read_and_seventeen_are_not() -> None:
    strangers = "".join(Signer.of(f"witness-{number}.example", number).line(TEXT) for number in range(4, 19))

    sixteen = f"{TEXT}\n{strangers}{HUB.line(TEXT)}".encode()
    seventeen = f"{TEXT}\n{HUB.line(TEXT)}{strangers}{WITNESS.line(TEXT)}".encode()

    assert open_published_note(sixteen, [HUB.key], ORIGIN) == CHECKPOINT
    refuse(seventeen)


def test_a_note_of_unreasonable_length_is_refused_unread() -> None:
    with pytest.raises(CheckpointRejected, match="too long"):
        Note.parse(signed("a long poem\n" * 20_000))


def test_a_broken_line_spoils_even_a_published_note() -> None:
    good = written_line("witness.example", bytes(68))
    for wrong in (
        "\n",
        "not a signature line\n",
        good[1:],
        good.replace("—", "--"),
        good.replace("— ", "—"),
        good[:-1],
    ):
        refuse(f"{TEXT}\n{HUB.line(TEXT)}{wrong}".encode())
    for end in (" \n", "\r\n", "\n\n", "\n "):
        refuse(f"{TEXT}\n{HUB.line(TEXT)}{good[:-1]}{end}".encode())
    for name in ("", "wit ness.example", "wit\u00a0ness.example", "wit+ness.example", "wit\tness.example"):
        refuse(f"{TEXT}\n{HUB.line(TEXT)}{written_line(name, bytes(68))}".encode())
    for data in (b"", b"\x00\x00\x00", b"\x00\x00\x00\x07"):
        refuse(f"{TEXT}\n{HUB.line(TEXT)}{written_line('witness.example', data)}".encode())
    refuse(f"{TEXT}\n{HUB.line(TEXT)}{good.replace('=', '')}".encode())

    assert open_published_note(f"{TEXT}\n{HUB.line(TEXT)}{good}".encode(), [HUB.key], ORIGIN) == CHECKPOINT


@pytest.mark.parametrize(
    "sign",
    [
        NEXT_HUB.private.sign,
        lambda body: HUB.private.sign(body + b"\n"),
        lambda body: HUB.private.sign(body)[:63],
        lambda body: b"",
    ],
    ids=["another key", "another text", "too short", "nothing"],
)
def test_no_note_is_made_with_a_signature_that_does_not_hold(sign: Callable[[bytes], bytes]) -> None:
    with pytest.raises(CheckpointRejected):
        sign_note(CHECKPOINT, HUB.key, sign)


def test_a_checkpoint_states_only_what_a_note_can_carry() -> None:
    for origin in ("", "hub\nexample", "hub\texample", "\ud800", "x" * 256):
        with pytest.raises(CheckpointRejected):
            Checkpoint(origin, 1, ROOT)
    for size in (-1, SIZE_MAX + 1):
        with pytest.raises(CheckpointRejected):
            Checkpoint(ORIGIN, size, ROOT)
    with pytest.raises(CheckpointRejected):
        Checkpoint(ORIGIN, 1, leaf_hash(b"")[:31])  # type: ignore[arg-type]

    for checkpoint in (Checkpoint(ORIGIN, SIZE_MAX, ROOT), Checkpoint("x" * 255, 0, ROOT)):
        assert Checkpoint.parse(checkpoint.body()) == checkpoint


def test_a_checkpoint_without_its_last_newline_is_none() -> None:
    for body in (CHECKPOINT.body()[:-1], CHECKPOINT.body() + b"x", b"\xff" + CHECKPOINT.body(), b""):
        with pytest.raises(CheckpointRejected):
            Checkpoint.parse(body)


def test_a_verifier_key_is_read_in_its_one_spelling() -> None:
    text = HUB.key.text()
    name, key_id, encoded = text.split("+", 2)
    typed = base64.b64decode(encoded)
    other_type = b"\x04" + typed[1:]
    id_of_other_type = sha256(name.encode() + b"\n" + other_type).digest()[:4].hex()

    assert VerifierKey.parse(text) == HUB.key
    assert key_id == sha256(name.encode() + b"\n" + typed).hexdigest()[:8]
    for wrong in (
        "",
        name,
        f"{name}+{key_id}",
        f"{name}+{key_id}+",
        f"{name}+{key_id.upper()}+{encoded}",
        f"{name}+{key_id} +{encoded}",
        f"{name}+00{key_id}+{encoded}",
        f"{name}+00000000+{encoded}",
        f"+{key_id}+{encoded}",
        f"another.example+{key_id}+{encoded}",
        f"{name}+{key_id}+{encoded}\n",
        f"{name}+{key_id}+{encoded.rstrip('=')}=",
        f"{name}+{key_id}+{base64.b64encode(typed[:-1]).decode()}",
        f"{name}+{id_of_other_type}+{base64.b64encode(other_type).decode()}",
        NEXT_HUB.key.text().replace(NEXT_HUB.key.key_id.hex(), key_id),
    ):
        with pytest.raises(CheckpointRejected):
            VerifierKey.parse(wrong)


@pytest.mark.parametrize("mask", [0x01, 0x20, 0x80])
def test_a_verifier_key_with_any_character_changed_is_refused(mask: int) -> None:
    text = HUB.key.text()

    for at, character in enumerate(text):
        with pytest.raises(CheckpointRejected):
            VerifierKey.parse(text[:at] + chr(ord(character) ^ mask) + text[at + 1 :])


def test_a_key_name_holds_no_space_no_plus_and_no_control_character() -> None:
    public = HUB.key.public

    for name in ("", "a b", "a+b", "a\nb", "a\x00b", "a\u2003b", "a\u00a0b", "\ud800", "x" * 256):
        with pytest.raises(CheckpointRejected):
            VerifierKey.of(name, public)
        typed = b"\x01" + public
        key_id = sha256(name.encode("utf-8", "replace") + b"\n" + typed).hexdigest()[:8]
        with pytest.raises(CheckpointRejected):
            VerifierKey.parse(f"{name}+{key_id}+{base64.b64encode(typed).decode()}")
    with pytest.raises(CheckpointRejected):
        VerifierKey.of(ORIGIN, public[:31])

    assert VerifierKey.parse(VerifierKey.of("räte.example/ß", public).text()).name == "räte.example/ß"


def test_a_key_that_anybody_can_sign_for_is_refused() -> None:
    p = 2**255 - 19
    d = -121_665 * pow(121_666, -1, p) % p  # RFC 8032, section 5.1
    order_8 = int.from_bytes(
        bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little"
    )

    assert (2 * order_8**2 - 1 + d * order_8**4) % p == 0  # its double has y = 0, which is of order 4
    for y in (0, 1, p - 1, p, p + 1, order_8, p - order_8):
        for sign in (0, 1):
            with pytest.raises(CheckpointRejected, match="small order"):
                VerifierKey.of(ORIGIN, (y | sign << 255).to_bytes(32, "little"))


def test_a_number_has_one_spelling() -> None:
    assert [decimal(text) for text in ("0", "7", "10", str(SIZE_MAX))] == [0, 7, 10, SIZE_MAX]

    for text in (
        "",
        "00",
        "07",
        "-1",
        "+1",
        " 1",
        "1 ",
        "1\n",
        "1_0",
        "0x1",
        "1.0",
        "²",
        "١",
        str(SIZE_MAX + 1),
        "9" * 99,
    ):
        with pytest.raises(NotStrict):
            decimal(text)
