"""What lies in an inbox: letters, packages and receipts. Whatever is changed of them, the desk believes none of it."""

from hashlib import sha256
from random import Random
from typing import Any

import pytest

from broker.client.opening import OpenedKey, OpenedLetter, open_letter, open_package, open_receipt, prove
from broker.directory import Directory
from broker.ledger.entries import Collection, EpochBegun, Refusal
from broker.sealing.jwe import seal_key_package
from broker.sealing.letters import ITEM_BYTES_MAX, Cover, Duty, Item, ItemKind, Letter, Obligation
from broker.sealing.notification import release_extra
from broker.sealing.packages import (
    EpochPackage,
    Outcome,
    Receipt,
    read_package,
    read_receipt,
    read_signed,
    sign_said,
)
from broker.sealing.rejection import Reason, Rejected
from broker.sealing.signatures import Algorithm, Signer, Typ, sign
from schemas import DeskId, Label, SchemaRefused, Urgency
from schemas.strict import b64u_encode, json_decode, json_encode
from tests.units.test_sealing_worked_example import (
    EPOCH,
    HOUSING,
    HUB,
    HUB_ID,
    LANE,
    LEDGER,
    POLICE,
    POLICE_KEYS,
    SAID_AT,
    VOICE_SIGNER,
    cover_of,
    desk_keys,
    draft,
    item,
    kid,
    letter,
    registered,
)

HOUSING_KEYS = desk_keys(30)
DIRECTORY = (
    Directory()
    .after(HUB.entry)
    .after(registered(POLICE, POLICE_KEYS, 40))
    .after(registered(HOUSING, HOUSING_KEYS, 41, 2))
)
VOICE = HUB.voice
LETTER = letter(Label.CONTACT, Label.IDENTITY)


def package(to: DeskId = HOUSING, **changes: Any) -> Item:
    """The package with the housing desk's epoch key, and an entry that fits it."""
    extra = release_extra(HUB_ID, to, HOUSING_KEYS.sealing_kid)
    sealing = DIRECTORY.desk(HOUSING).sealing_key
    jwe = seal_key_package(EPOCH.secret, sealing, HOUSING_KEYS.sealing_kid, extra, Random(0).randbytes)
    said = {"v": 1, "hub": HUB_ID, "lane": LANE, "to": to, "kid": EPOCH.kid, "epoch": 0, "nbf": 1, "jwe": jwe}
    signed = sign_said(EpochPackage.of(**{**said, **changes}), Typ.PACKAGE, VOICE_SIGNER)
    digest = b64u_encode(sha256(signed["payload"].encode()).digest())
    entry = EpochBegun.of(salt=kid(8), ts=SAID_AT, dir=3, to=to, kid=EPOCH.kid, epoch=0, nbf=1, package=digest)
    return item(ItemKind.PACKAGE, signed, entry.to_bytes())


def receipt(outcome: Outcome = Outcome.ACCEPTED, to: DeskId = HOUSING) -> Item:
    """The receipt for a notification that was taken in."""
    said = Receipt.of(v=1, hub=HUB_ID, to=to, id=kid(6), outcome=outcome)
    entry = Collection.of(
        salt=kid(8),
        ts=SAID_AT,
        dir=3,
        actor=to,
        agency=HUB_ID,
        id=kid(6),
        kind="offender.resides_in_area",
        head=b64u_encode(bytes(32)),
        person=b64u_encode(bytes(32)),
    )
    return item(ItemKind.RECEIPT, sign_said(said, Typ.RECEIPT, VOICE_SIGNER), entry.to_bytes())


def opened(data: bytes, desk: DeskId = HOUSING) -> OpenedLetter | OpenedKey | Receipt:
    """What the desk does with an inbox item, but for what needs its store."""
    taken = Item.from_bytes(data)
    proven = prove(taken, DIRECTORY)
    match taken.kind:
        case ItemKind.LETTER:
            return open_letter(taken, proven, desk, DIRECTORY, {EPOCH.kid: EPOCH.secret})
        case ItemKind.PACKAGE:
            return open_package(taken, proven, desk, DIRECTORY, HOUSING_KEYS.sealing, HOUSING_KEYS.sealing_kid)
        case ItemKind.RECEIPT:
            return open_receipt(taken, proven, desk, DIRECTORY)


def refuse(data: bytes, reason: Reason | None = None, desk: DeskId = HOUSING) -> None:
    with pytest.raises(Rejected) as refused:
        opened(data, desk)
    assert reason in {None, refused.value.reason}


ITEMS = {"letter": LETTER, "package": package(), "receipt": receipt()}
EVERY = pytest.mark.parametrize("kind", list(ITEMS))


def test_each_item_opens_to_what_was_said() -> None:
    taken = {kind: opened(one.to_bytes()) for kind, one in ITEMS.items()}

    assert isinstance(taken["letter"], OpenedLetter)
    assert taken["letter"].compartments[Label.IDENTITY] == draft().compartments[Label.IDENTITY]
    assert taken["letter"].cover == cover_of(taken["letter"].head.id, Urgency.ROUTINE)
    assert isinstance(taken["package"], OpenedKey)
    assert (taken["package"].key, taken["package"].package.kid) == (EPOCH.secret, EPOCH.kid)
    assert isinstance(taken["receipt"], Receipt)
    assert taken["receipt"].outcome is Outcome.ACCEPTED
    for one in ITEMS.values():
        assert Item.from_bytes(one.to_bytes()) == one


@EVERY
def test_every_changed_byte_of_an_item_is_refused(kind: str) -> None:
    data = ITEMS[kind].to_bytes()

    for place, byte in enumerate(data):
        refuse(data[:place] + bytes([byte ^ 0x01]) + data[place + 1 :])


@EVERY
def test_an_item_cut_short_anywhere_is_refused(kind: str) -> None:
    data = ITEMS[kind].to_bytes()

    for place in range(len(data)):
        refuse(data[:place], Reason.FORM)


@EVERY
def test_an_item_for_another_desk_is_refused(kind: str) -> None:
    refuse(ITEMS[kind].to_bytes(), Reason.ENTRY, DeskId("oak-ward-housing"))


@EVERY
@pytest.mark.parametrize("other", list(ITEMS))
def test_an_item_with_the_entry_and_proof_of_another_is_refused(kind: str, other: str) -> None:
    one, another = ITEMS[kind], ITEMS[other]
    swapped = Item(one.kind, one.content, another.entry, another.proof).to_bytes()

    if kind == other:
        assert opened(swapped) == opened(one.to_bytes())
    else:
        refuse(swapped, Reason.ENTRY)
    refuse(Item(one.kind, one.content, one.entry + b" ", one.proof).to_bytes(), Reason.PROOF)


@EVERY
def test_an_item_without_its_entry_or_proof_is_no_item(kind: str) -> None:
    value = json_decode(ITEMS[kind].to_bytes())

    for missing in value:
        refuse(json_encode({name: value[name] for name in value if name != missing}), Reason.FORM)
    for name in value:
        refuse(json_encode({**value, name: None}))
    refuse(json_encode({**value, "extra": 1}), Reason.FORM)
    refuse(json_encode({**value, "receipt": value[kind], "letter": value[kind]}), Reason.FORM)
    refuse(json_encode({**value, "tip": value[kind]}), Reason.FORM)


@pytest.mark.parametrize("data", [b"", b"[]", b"null", b"{}", b'{"entry":"","proof":"","tip":{}}', b"\xff"])
def test_what_is_no_item_is_refused(data: bytes) -> None:
    refuse(data, Reason.FORM)


def test_an_item_too_long_is_refused_before_it_is_read() -> None:
    data = LETTER.to_bytes()
    room = ITEM_BYTES_MAX - len(data)

    assert opened(data + b" " * room) == opened(data)
    refuse(data + b" " * (room + 1), Reason.FORM)


# --- letters ---


@pytest.mark.parametrize("missing", ["head", "sig", "cover", "c"])
def test_a_letter_of_other_members_is_refused(missing: str) -> None:
    content = {name: value for name, value in LETTER.content.items() if name != missing}

    others: list[Any] = [content, {**LETTER.content, "n": 1}, [], None]
    for other in others:
        with pytest.raises(Rejected):
            Letter.from_json(other)
    assert Letter.from_json(LETTER.content).to_json() == LETTER.content


def test_a_compartment_more_or_less_than_the_entry_names_is_refused() -> None:
    whole = letter(Label.CONTACT, Label.IDENTITY, Label.OFFENCE)
    smuggled = {**LETTER.content, "c": {**LETTER.content["c"], "offence": whole.content["c"]["offence"]}}
    fewer = {**LETTER.content, "c": {"contact": LETTER.content["c"]["contact"]}}

    refuse(Item(LETTER.kind, smuggled, LETTER.entry, LETTER.proof).to_bytes(), Reason.ENTRY)
    refuse(Item(LETTER.kind, fewer, LETTER.entry, LETTER.proof).to_bytes(), Reason.ENTRY)


# --- covers ---


@pytest.mark.parametrize("urgency", list(Urgency))
def test_a_cover_of_every_urgency_can_be_read_again(urgency: Urgency) -> None:
    cover = cover_of(kid(6), urgency)

    assert Cover.from_bytes(cover.to_bytes()) == cover


@pytest.mark.parametrize("duty", ["", "delete", "ACKNOWLEDGE", "x-unknown"])
def test_an_obligation_that_no_desk_knows_is_no_cover(duty: str) -> None:
    said = json_decode(cover_of(kid(6), Urgency.ROUTINE).to_bytes())

    known = {**said, "obligations": [{"duty": Duty.RETAIN.value, "value": "letter"}]}
    assert Cover.from_bytes(json_encode(known)).obligations == (Obligation.of(duty=Duty.RETAIN, value="letter"),)
    with pytest.raises(SchemaRefused):
        Cover.from_bytes(json_encode({**said, "obligations": [{"duty": duty, "value": "letter"}]}))


# --- packages and receipts ---


def test_what_the_hub_says_is_read_under_its_own_purpose_alone() -> None:
    said, answered = ITEMS["package"].content, ITEMS["receipt"].content

    assert read_package(said, VOICE).to == HOUSING
    assert read_receipt(answered, VOICE).to == HOUSING
    for read, value in ((read_package, answered), (read_receipt, said)):
        with pytest.raises(Rejected) as refused:
            read(value, VOICE)
        assert refused.value.reason is Reason.ALGORITHM


def test_what_another_key_signed_the_hub_did_not_say() -> None:
    forger = Signer(VOICE.kid, Algorithm.ED25519, LEDGER.sign)
    said = Receipt.of(v=1, hub=HUB_ID, to=HOUSING, id=kid(6), outcome=Outcome.ACCEPTED)

    with pytest.raises(Rejected) as refused:
        read_receipt(sign_said(said, Typ.RECEIPT, forger), VOICE)

    assert refused.value.reason is Reason.SIGNATURE


@pytest.mark.parametrize(
    "said",
    [
        {"v": 2, "hub": HUB_ID, "to": HOUSING, "id": kid(6), "outcome": "accepted"},
        {"v": 1, "hub": HUB_ID, "to": HOUSING, "id": kid(6), "outcome": "withheld"},
        {"v": 1, "hub": HUB_ID, "to": HOUSING, "id": kid(6), "outcome": "accepted", "why": "reason"},
        {"v": 1, "hub": HUB_ID, "to": HOUSING, "id": kid(6)},
        [],
    ],
)
def test_a_signed_receipt_of_another_form_is_refused(said: Any) -> None:
    payload = b64u_encode(json_encode(said))

    with pytest.raises(Rejected) as refused:
        read_receipt({"payload": payload, "sig": sign(payload, Typ.RECEIPT, VOICE_SIGNER)}, VOICE)
    assert refused.value.reason is Reason.SCHEMA


@pytest.mark.parametrize("value", [None, [], {}, {"payload": "e30"}, {"payload": 1, "sig": {}}, {"sig": {}}])
def test_what_is_not_signed_is_refused(value: Any) -> None:
    with pytest.raises(Rejected):
        read_signed(value, Typ.RECEIPT, VOICE)


def test_a_further_member_beside_what_is_signed_is_refused() -> None:
    with pytest.raises(Rejected):
        read_signed({**ITEMS["receipt"].content, "to": POLICE}, Typ.RECEIPT, VOICE)


@pytest.mark.parametrize(
    "changes",
    [{"to": POLICE}, {"hub": "other-hub"}, {"lane": "tellwise-hub/lane-1"}, {"epoch": 1}, {"nbf": 2}, {"kid": kid(9)}],
    ids=str,
)
def test_a_package_that_says_other_than_its_entry_is_refused(changes: dict[str, Any]) -> None:
    refuse(package(**changes).to_bytes(), Reason.ENTRY)


def test_a_package_sealed_for_another_desk_s_use_is_refused() -> None:
    taken = package(to=POLICE)
    mine = EpochPackage.from_bytes(read_signed(taken.content, Typ.PACKAGE, VOICE)).model_copy(update={"to": HOUSING})

    refuse(package(jwe=mine.jwe).to_bytes(), Reason.KEY)


def test_a_receipt_says_what_the_ledger_says() -> None:
    accepted, refused = receipt(), receipt(Outcome.REFUSED)
    digest = b64u_encode(bytes(32))
    entry = Refusal.of(salt=kid(8), ts=SAID_AT, dir=3, raw=digest, detail=digest, actor=HOUSING, id=kid(6)).to_bytes()

    refuse(refused.to_bytes(), Reason.ENTRY)
    refuse(item(ItemKind.RECEIPT, accepted.content, entry).to_bytes(), Reason.ENTRY)
    assert opened(item(ItemKind.RECEIPT, refused.content, entry).to_bytes()) == read_receipt(refused.content, VOICE)
