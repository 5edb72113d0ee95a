"""Step 7, open: nothing of an item is believed until its proof, its publisher and its keys have been checked.

Numbered as in "The operations" of broker/sealing/README.md. Checks 5, 8 and 9 need the desk's store and stand in
desk.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from broker.directory import Directory
from broker.errors import UnknownDesk
from broker.ledger.checkpoint import Checkpoint
from broker.ledger.entries import (
    Acknowledgement,
    Alteration,
    Collection,
    Disclosure,
    Entry,
    EntryRejected,
    EpochBegun,
    Refusal,
    Repeat,
    Return,
    read_entry,
)
from broker.ledger.merkle import ProofRejected
from broker.ledger.proofs import check_proof
from broker.sealing.compartments import Belonging, open_with, unwrap
from broker.sealing.head import HeadFields
from broker.sealing.hpke import PrivateKey
from broker.sealing.jwe import open_key_package, recipient_kid
from broker.sealing.letters import Cover, Duty, Item, Letter
from broker.sealing.notification import check_digests, release_extra
from broker.sealing.packages import EpochPackage, Outcome, Receipt, read_package, read_receipt
from broker.sealing.rejection import Reason, Rejected
from schemas import DeskId, Label, Retention, Said, SchemaRefused, UnknownKind, Urgency, kind_of
from schemas.strict import NotStrict, b64u_encode

_DUTY_VALUES: dict[Duty, set[str]] = {
    Duty.RETAIN: {value.value for value in Retention},
    Duty.ACKNOWLEDGE: {value.value for value in Urgency},
}
"""The obligations that this client can perform or hand on to a person, with the values that it understands."""


@dataclass(frozen=True, slots=True)
class Proven:
    """An item whose entry stands in a ledger of the hub. The item itself is not yet believed."""

    entry: Entry
    index: int
    checkpoint: Checkpoint


@dataclass(frozen=True, slots=True)
class OpenedLetter:
    """What a desk is told, and what proves that it was."""

    head: HeadFields
    cover: Cover
    compartments: dict[Label, Said]
    proven: Proven


@dataclass(frozen=True, slots=True)
class OpenedKey:
    """A key for letters to come."""

    package: EpochPackage
    key: bytes


def prove(item: Item, directory: Directory) -> Proven:
    """Check 3: the entry that comes with an item stands in a ledger of this hub.

    Raises:
        Rejected: it does not, or it is no entry.
    """
    hub = directory.hub
    for origin in hub.entry.lanes:
        try:
            checkpoint, index = check_proof(item.proof, item.entry, hub.ledger_key, origin)
            return Proven(read_entry(item.entry), index, checkpoint)
        except ProofRejected:
            continue
        except EntryRejected as error:
            raise Rejected(Reason.ENTRY) from error
    raise Rejected(Reason.PROOF)


def open_letter(
    item: Item, proven: Proven, desk: DeskId, directory: Directory, keys: Mapping[str, bytes]
) -> OpenedLetter:
    """Checks 1 to 4, 6 and 7 of a letter.

    Args:
        item: The inbox item, taken apart.
        proven: Its entry, proven.
        desk: Ourselves.
        directory: As we have read it.
        keys: Our epoch keys, by kid.

    Raises:
        Rejected: with the reason, for our own incident list alone.
    """
    letter = Letter.from_json(item.content)  # 1
    fields = letter.head.fields
    try:
        publisher = directory.signer(fields.iss, proven.entry.dir)
    except UnknownDesk as error:
        raise Rejected(Reason.SIGNER) from error
    letter.head.check_signature(letter.sig, publisher.verify_key)  # 2
    entry = _own_entry(letter, proven, desk)  # 4
    key = keys.get(entry.kid)
    if key is None:
        raise Rejected(Reason.KEY)
    check_digests(letter.head, letter.compartments.values())  # 6
    hub = directory.hub.entry.hub
    try:
        cover_key = unwrap(letter.cover, Belonging(fields.id, hub, Label.COVER.value), key)
        cover = Cover.from_bytes(open_with(letter.cover, cover_key, Label.COVER))
        models = kind_of(fields.kind).models
        compartments = {
            label: models[label].from_bytes(
                open_with(sealed, unwrap(sealed, Belonging(fields.id, fields.iss, label.value), key), label)
            )
            for label, sealed in letter.compartments.items()
        }
    except UnknownKind as error:
        raise Rejected(Reason.KIND) from error
    except KeyError as error:
        raise Rejected(Reason.LABEL) from error
    except SchemaRefused as error:
        raise Rejected(Reason.SCHEMA) from error
    said = (cover.letter, cover.desk, cover.part, cover.n, cover.lane)
    if said != (fields.id, desk, entry.part, entry.n, proven.checkpoint.origin):
        raise Rejected(Reason.ENTRY)
    if any(obligation.value not in _DUTY_VALUES[obligation.duty] for obligation in cover.obligations):  # 7
        raise Rejected(Reason.OBLIGATION)
    return OpenedLetter(fields, cover, compartments, proven)


def _own_entry(letter: Letter, proven: Proven, desk: DeskId) -> Disclosure:
    """Check 4: the entry is about this letter to this desk, and names exactly what the letter holds."""
    entry, fields = proven.entry, letter.head.fields
    if not isinstance(entry, Disclosure) or entry.to != desk:
        raise Rejected(Reason.ENTRY)
    if (entry.id, entry.iss, entry.kind) != (fields.id, fields.iss, fields.kind):
        raise Rejected(Reason.ENTRY)
    held = {label: sealed.digest for label, sealed in letter.compartments.items()}
    kids = {sealed.kid for sealed in (letter.cover, *letter.compartments.values())}
    if entry.cmp != held or entry.cover != letter.cover.digest or kids != {entry.kid}:
        raise Rejected(Reason.ENTRY)
    return entry


def open_package(
    item: Item, proven: Proven, desk: DeskId, directory: Directory, sealing: PrivateKey, sealing_kid: str
) -> OpenedKey:
    """Check a key package: said by the hub, entered in its ledger, meant for us, and sealed to our key.

    Raises:
        Rejected: with the reason, for our own incident list alone.
    """
    hub = directory.hub
    package = read_package(item.content, hub.voice)
    entry = proven.entry
    digest = b64u_encode(sha256(item.content["payload"].encode("ascii")).digest())
    if not isinstance(entry, EpochBegun) or entry.package != digest:
        raise Rejected(Reason.ENTRY)
    said = (package.to, package.kid, package.epoch, package.nbf)
    if said != (entry.to, entry.kid, entry.epoch, entry.nbf) or package.to != desk or package.hub != hub.entry.hub:
        raise Rejected(Reason.ENTRY)
    if package.lane != proven.checkpoint.origin:
        raise Rejected(Reason.ENTRY)
    if recipient_kid(package.jwe) != sealing_kid:
        raise Rejected(Reason.KEY)
    try:
        key = open_key_package(package.jwe, sealing, release_extra(package.hub, desk, sealing_kid))
    except NotStrict as error:
        raise Rejected(Reason.FORM) from error
    return OpenedKey(package, key)


def open_receipt(item: Item, proven: Proven, desk: DeskId, directory: Directory) -> Receipt:
    """Check a receipt: said by the hub to us, about what its ledger says it did.

    Raises:
        Rejected: with the reason, for our own incident list alone.
    """
    receipt = read_receipt(item.content, directory.hub.voice)
    if receipt.to != desk or receipt.hub != directory.hub.entry.hub:
        raise Rejected(Reason.ENTRY)
    match proven.entry:
        case Collection() | Alteration() | Acknowledgement() | Return() as taken:
            actor, about = taken.actor, taken.id
            fits = receipt.outcome is Outcome.ACCEPTED
        case Refusal(actor=actor, id=about):
            fits = receipt.outcome is Outcome.REFUSED
        case Repeat(actor=actor, id=about):
            fits = True
        case _:
            raise Rejected(Reason.ENTRY)
    if not fits or (actor, about) != (desk, receipt.id):
        raise Rejected(Reason.ENTRY)
    return receipt
