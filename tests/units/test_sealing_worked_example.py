"""The example in broker/sealing/README.md, made from its own values; its desks and keys serve the other sealing tests.

Every byte of it is fixed but those that HPKE draws for itself, and of these the lengths are.
"""

import json
import re
import runpy
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from hashlib import sha256
from pathlib import Path
from random import Random

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import broker.sealing
from broker.client import Draft, compose
from broker.client.keys import DeskKeys
from broker.client.opening import open_letter, prove
from broker.client.sealer import seal_draft
from broker.directory import DeskRegistered, Directory, Hub, HubFounded, sealing_key, signing_key
from broker.ledger.checkpoint import Checkpoint, VerifierKey, sign_note
from broker.ledger.entries import Disclosure
from broker.ledger.merkle import EMPTY, grow, leaf_hash
from broker.ledger.proofs import InclusionProof, format_proof
from broker.lifecycle.release import release
from broker.sealing.compartments import MESSAGE_KID, Belonging, Compartment, key_commitment, seal, unwrap
from broker.sealing.hpke import PrivateKey
from broker.sealing.jwe import open_key_package
from broker.sealing.letters import Cover, Item, ItemKind, Letter
from broker.sealing.notification import SealedNotification, release_extra
from broker.sealing.padding import BUCKETS
from broker.sealing.rejection import Rejected
from broker.sealing.signatures import Algorithm, Signer
from broker.state.delivery import Epoch
from schemas import AgencyId, AreaCode, DeskId, DeskType, Label, PersonKey, PersonScheme, Purpose, Urgency
from schemas.compartments import Contact, Identity, Offence, PersonName
from schemas.status import Status
from schemas.strict import b64u_decode, b64u_encode, json_encode
from schemas.vocabulary import LegalState

README = (Path(broker.sealing.__file__).parent / "README.md").read_text(encoding="utf-8")
BLOCKS: list[str] = re.findall(r"^```\w*\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)

SAID_AT = datetime(2026, 11, 2, 9, 30, tzinfo=UTC)
HUB_ID, LANE = AgencyId("tellwise-hub"), "tellwise-hub/lane-0"
POLICE, HOUSING = DeskId("elm-ward-police"), DeskId("elm-ward-housing")


def run(start: int, count: int) -> bytes:
    """The bytes from *start* on: keys that nobody takes for real ones."""
    return bytes(range(start, start + count))


def kid(number: int) -> str:
    return b64u_encode(bytes([number]) * 16)


def desk_keys(number: int) -> DeskKeys:
    """The keys of desk *number*."""
    signing, sealing = Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32), PrivateKey(bytes([number]) * 32)
    return DeskKeys(
        signer=Signer(kid(number), Algorithm.ED25519, signing.sign),
        sealing=sealing,
        sealing_kid=kid(number + 1),
        public_signing=signing_key(kid(number), Algorithm.ED25519, signing.public_key().public_bytes_raw()),
        public_sealing=sealing_key(kid(number + 1), sealing.public_bytes),
        _blinding=bytes([number]) * 32,
    )


def registered(desk: DeskId, keys: DeskKeys, mailbox: int, n: int = 1) -> DeskRegistered:
    """The directory's event of a desk."""
    return DeskRegistered.of(
        n=n,
        at=SAID_AT,
        desk=desk,
        agency=AgencyId("elm-ward"),
        desk_type=DeskType.POLICE,
        patch=(),
        signed=True,
        mailbox=kid(mailbox),
        signing=keys.public_signing,
        sealing=keys.public_sealing,
    )


RELEASE, RELEASE_KID = PrivateKey(bytes([100]) * 32), kid(100)
VOICE = Ed25519PrivateKey.from_private_bytes(bytes([101]) * 32)
LEDGER = Ed25519PrivateKey.from_private_bytes(bytes([102]) * 32)
LEDGER_KEY = VerifierKey.of(HUB_ID, LEDGER.public_key().public_bytes_raw())
VOICE_SIGNER = Signer(kid(101), Algorithm.ED25519, VOICE.sign)
HUB = Hub(
    HubFounded.of(
        n=0,
        at=SAID_AT,
        hub=HUB_ID,
        lanes=(LANE,),
        ledger=LEDGER_KEY.text(),
        voice=signing_key(kid(101), Algorithm.ED25519, VOICE.public_key().public_bytes_raw()),
        release=sealing_key(RELEASE_KID, RELEASE.public_bytes),
    )
)
POLICE_KEYS = desk_keys(10)
EPOCH = Epoch.made(b64u_encode(run(0x60, 16)), 0, run(0x40, 32))

CONTACT = Contact.of(role="duty officer", telephone="01632 960001")


def draft() -> Draft:
    """Police say that Dana lives in the district."""
    return compose(
        "offender.resides_in_area",
        PersonKey.of(scheme=PersonScheme.VISOR, identifier="V-0000-1"),
        Purpose.PUBLIC_PROTECTION,
        {
            Label.CONTACT: CONTACT,
            Label.IDENTITY: Identity.of(
                names=(PersonName.of(given="Dana", family="Fictional"),), date_of_birth=date(1980, 2, 29)
            ),
            Label.OFFENCE: Offence.of(summary="An invented offence. " * 12, against_child=True),
            Label.STATUS: Status.of(event="lives there", state=LegalState.LICENCE, effective_on=date(2026, 11, 1)),
        },
        area=AreaCode("E07000117"),
    )


def notification(seed: int = 0) -> SealedNotification:
    """The draft, sealed by the police desk. Only what HPKE draws differs from call to call."""
    return seal_draft(
        draft(), desk=POLICE, keys=POLICE_KEYS, hub=HUB, seq=1, now=SAID_AT, entropy=Random(seed).randbytes
    )[1]


def content_keys(sealed: SealedNotification) -> dict[Label, bytes]:
    """What the hub has after checks 7 and 8."""
    message_key = open_key_package(sealed.mk, RELEASE, release_extra(HUB_ID, POLICE, RELEASE_KID))
    fields = sealed.head.fields
    return {
        label: unwrap(one, Belonging(fields.id, fields.iss, label), message_key)
        for label, one in sealed.compartments.items()
    }


def handed_on(
    compartments: Mapping[Label, Compartment], keys: Mapping[Label, str], epoch: Epoch
) -> dict[Label, Compartment]:
    """Compartments as a desk gets them to which these keys were released."""
    return {label: replace(compartments[label], kid=epoch.kid, encrypted_key=key) for label, key in keys.items()}


def item(kind: ItemKind, content: object, entry: bytes) -> Item:
    """An inbox item whose entry is number 5 of a batch of sixteen."""
    grown = grow(EMPTY, [leaf_hash(entry if n == 5 else b"filler %d" % n) for n in range(16)])
    note = sign_note(Checkpoint(LANE, 16, grown.frontier.root()), LEDGER_KEY, LEDGER.sign)
    return Item(kind, content, entry, format_proof(InclusionProof(5, grown.proofs[5], note)))


def cover_of(notification_id: str, urgency: Urgency) -> Cover:
    """What the hub says to the housing desk."""
    return Cover.of(
        letter=notification_id,
        desk=HOUSING,
        part=1,
        lane=LANE,
        n=1,
        person=kid(7),
        urgency=urgency,
        acknowledge_by=urgency.acknowledge_by(SAID_AT),
        obligations=(),
        reasons=("Somebody who needs to be known of lives in your area.",),
    )


def letter(*labels: Label) -> Item:
    """The letter to the housing desk."""
    sealed = notification()
    fields = sealed.head.fields
    said = cover_of(fields.id, Urgency.ROUTINE).to_bytes()
    cover = seal(said, Belonging(fields.id, HUB_ID, "cover"), EPOCH.secret, EPOCH.kid, Random(1).randbytes)
    released = handed_on(sealed.compartments, release(content_keys(sealed), labels, EPOCH), EPOCH)
    digest = b64u_encode(bytes(32))
    entry = Disclosure.of(
        salt=kid(8),
        ts=SAID_AT,
        dir=3,
        to=HOUSING,
        n=1,
        id=fields.id,
        part=1,
        iss=fields.iss,
        kind=fields.kind,
        cmp={label: one.digest for label, one in released.items()},
        cover=cover.digest,
        kid=EPOCH.kid,
        purpose=Purpose.PUBLIC_PROTECTION,
        policy="sha256:" + "0" * 64,
        decision=digest,
        person=digest,
    )
    return item(ItemKind.LETTER, Letter(sealed.head, sealed.sig, cover, released).to_json(), entry.to_bytes())


# --- the page ---

BELONGING = Belonging(b64u_encode(run(0x70, 16)), POLICE, "contact")
MESSAGE_KEY, CONTENT_KEY, IV = run(0x20, 32), run(0x00, 32), run(0x00, 12)


def contact() -> Compartment:
    """The compartment of the example."""
    draws = iter([CONTENT_KEY, IV])
    return seal(CONTACT.to_bytes(), BELONGING, MESSAGE_KEY, MESSAGE_KID, lambda _: next(draws))


def block(start: str) -> str:
    """The block of the page that begins so."""
    (found,) = [text for text in BLOCKS if text.startswith(start)]
    return found


def sizes() -> list[tuple[str, int]]:
    """The table of sizes on the page."""
    sealed = notification()
    bucket = {label: len(json_encode(one.to_json())) for label, one in sealed.compartments.items()}
    short, full = (Label.CONTACT, Label.IDENTITY), (Label.CONTACT, Label.IDENTITY, Label.OFFENCE, Label.STATUS)
    return [
        ("a compartment in the first bucket: `contact`", bucket[Label.CONTACT]),
        ("a compartment in the second bucket: `offence`", bucket[Label.OFFENCE]),
        ("the head, as it is sent", len(sealed.head.text)),
        ("its signature", len(json_encode(sealed.sig))),
        ("the key package of the message key", len(json_encode(sealed.mk))),
        ("the sealed notification, with `facts` five compartments", len(sealed.to_bytes())),
        ("a letter with contact and identity, its proof from a ledger of 16 entries", len(letter(*short).to_bytes())),
        ("a letter with all four", len(letter(*full).to_bytes())),
    ]


def test_the_compartment_on_the_page_is_the_one_that_its_values_make() -> None:
    sealed = contact()

    assert json.loads(block('{\n  "protected"')) == sealed.to_json()
    assert f"as the publisher sends it, {len(json_encode(sealed.to_json()))} bytes" in README
    assert block('{"role"').strip() == CONTACT.to_bytes().decode()
    assert f"The plaintext has {len(CONTACT.to_bytes())} bytes, and padded {BUCKETS[0]}:" in README
    assert block('{"cmp"').strip() == b64u_decode(sealed.aad).decode()
    assert BELONGING.notification in README


def test_commitment_and_digest_on_the_page_are_what_their_formulas_say() -> None:
    sealed = contact()
    jwe = sealed.to_json()

    said = json.loads(block('{"cmp"'))
    strings = (jwe[name] for name in ("protected", "aad", "iv", "ciphertext", "tag"))
    assert said["kc"] == b64u_encode(sha256(b"tellwise-kc-v1" + CONTENT_KEY).digest())
    assert said["kc"] == b64u_encode(key_commitment(CONTENT_KEY))
    assert block(sealed.digest).strip() == b64u_encode(sha256(".".join(strings).encode()).digest())


def test_handing_on_changes_what_the_page_says_and_no_more() -> None:
    before = contact()

    keys = release({Label.CONTACT: unwrap(before, BELONGING, MESSAGE_KEY)}, [Label.CONTACT], EPOCH)
    after = handed_on({Label.CONTACT: before}, keys, EPOCH)[Label.CONTACT]

    assert after.to_json() == {**before.to_json(), **json.loads(block('{\n  "header"'))}
    assert after.digest == before.digest


def test_the_code_on_the_page_opens_the_compartment_without_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code = block("import json\n")
    (tmp_path / "contact.json").write_text(block('{\n  "protected"'))
    (tmp_path / "check.py").write_text(code)
    monkeypatch.chdir(tmp_path)

    runpy.run_path("check.py")

    assert "broker" not in code
    assert capsys.readouterr().out == block('{"role"')


@pytest.mark.parametrize(("what", "size"), sizes(), ids=lambda value: str(value) if isinstance(value, str) else "")
def test_the_sizes_on_the_page_are_so(what: str, size: int) -> None:
    assert f"| {what} | {size:,} |" in README


def test_the_letter_of_the_example_opens_at_its_desk_and_nowhere_else() -> None:
    directory = Directory().after(HUB.entry).after(registered(POLICE, POLICE_KEYS, 40))
    sent = letter(Label.CONTACT, Label.IDENTITY)

    opened = open_letter(sent, prove(sent, directory), HOUSING, directory, {EPOCH.kid: EPOCH.secret})

    assert opened.compartments == {label: draft().compartments[label] for label in (Label.CONTACT, Label.IDENTITY)}
    assert (opened.cover.desk, opened.head.iss) == (HOUSING, POLICE)
    with pytest.raises(Rejected):
        open_letter(sent, prove(sent, directory), DeskId("oak-ward-housing"), directory, {EPOCH.kid: EPOCH.secret})
    with pytest.raises(Rejected):
        open_letter(sent, prove(sent, directory), HOUSING, directory, {})


def test_a_letter_that_nobody_needs_to_acknowledge_opens_too() -> None:
    """Its cover had no moment to acknowledge by, and could not be read."""
    cover = cover_of(kid(6), Urgency.RECORD)

    assert cover.acknowledge_by is None
    assert Cover.from_bytes(cover.to_bytes()) == cover
