"""A desk does not believe its own hub's operator either, where it can check: with all keys of the hub in hand, nobody
can change what a publisher said, show it to the wrong desk, count letters wrongly or sign two histories to one desk.

What such an operator can do is said here too, as tests, so that SECURITY.md promises no more than is so.
"""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from broker.cli.verify_folder import verify_folder
from broker.client.keys import load_desk_keys
from broker.ledger.entries import Collection, EpochBegun, Filler, Refusal
from broker.ledger.proofs import parse_proof
from broker.sealing.entropy import system_entropy
from broker.sealing.head import Head
from broker.sealing.jwe import seal_key_package
from broker.sealing.letters import ItemKind
from broker.sealing.notification import SealedNotification, release_extra
from broker.sealing.packages import EpochPackage, Outcome, Receipt, sign_said
from broker.sealing.rejection import Reason
from broker.sealing.signatures import Typ, sign
from schemas import Label
from schemas.strict import b64u_encode, json_encode
from tests.contracts.clock import MovedClock
from tests.faults.county import HUB, LANE, ONYX, moved
from tests.faults.forged_items import US, World, live_in_a_world
from tests.faults.hostile_hub import line
from tests.faults.hostile_publisher import Words, sealed, words
from tests.faults.stored import directory_of
from tests.personas import BLACKBURN, LANCASHIRE_CHILDREN, POLICE, PRESTON

OTHERS = LANCASHIRE_CHILDREN.name


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """What an ordinary day left."""
    return live_in_a_world(tmp_path_factory.mktemp("day") / "data")


def of_onyx(world: World) -> SealedNotification:
    return world.notification_of(world.onyx)


def said_by_police(world: World, change: Callable[[Words], Words] = lambda said: said) -> SealedNotification:
    """What police say of Onyx, signed with their real key, but not by our client."""
    keys = load_desk_keys(world.day / "desks" / POLICE.name / "keys.json", system_entropy)
    said = change(words(moved(ONYX, to=BLACKBURN, old=PRESTON), 99, MovedClock().now()))
    return SealedNotification.from_bytes(json_encode(sealed(said, POLICE.name, keys, directory_of(world.day).hub)))


def released(world: World, notification: SealedNotification, *labels: Label) -> dict[Label, Any]:
    return world.operator.released(notification, US, *(labels or (Label.CONTACT, Label.IDENTITY, Label.OFFENCE)))


# --- what an operator can -------------------------------------------------------------------------------------------


def test_an_operator_can_tell_a_desk_what_no_policy_opens_and_it_stands_in_what_the_desk_keeps(
    world: World, tmp_path: Path
) -> None:
    """Deciding is what the hub is trusted with. That it cannot hide it: its own tree does not have the checkpoint that
    the desk now holds."""
    letter = world.operator.letter(US, of_onyx(world), released(world, of_onyx(world)))

    listened = world.listen(tmp_path / "heard", world.package, letter)
    shutil.copytree(world.day, tmp_path / "data")
    shutil.rmtree(tmp_path / "data" / "desks" / US)
    shutil.copytree(listened.folder, tmp_path / "data" / "desks" / US)

    assert [sorted(told.compartments) for told in listened.letters] == [["contact", "identity", "offence"]]
    found = {finding.where: finding.what for finding in verify_folder(tmp_path / "data").findings}
    assert found[f"{LANE}, checkpoint 1 kept by desk `{US}`"].startswith("another tree than this one")


# --- what an operator cannot: letters ---------------------------------------------------------------------------------


def with_two_labels_swapped(world: World) -> bytes:
    told = released(world, of_onyx(world))
    swapped = told | {Label.IDENTITY: told[Label.OFFENCE], Label.OFFENCE: told[Label.IDENTITY]}
    return world.operator.letter(US, of_onyx(world), swapped)


def with_a_compartment_under_a_label_that_opens_more(world: World) -> bytes:
    told = released(world, of_onyx(world), Label.CONTACT, Label.STATUS)
    return world.operator.letter(
        US, of_onyx(world), {Label.CONTACT: told[Label.CONTACT], Label.IDENTITY: told[Label.STATUS]}
    )


def with_a_compartment_of_another_notification(world: World) -> bytes:
    other = world.notification_of(world.quartz)
    mixed = released(world, of_onyx(world)) | released(world, other, Label.IDENTITY)
    return world.operator.letter(US, of_onyx(world), mixed)


def with_the_facts(world: World) -> bytes:
    return world.operator.letter(US, of_onyx(world), released(world, of_onyx(world), Label.CONTACT, Label.FACTS))


def with_a_head_of_our_own(world: World) -> bytes:
    true = of_onyx(world)
    fields = true.head.fields.model_copy(update={"iat": true.head.fields.iat + 1})
    head = Head(b64u_encode(fields.to_bytes()), fields)
    return world.operator.letter(US, replace(true, head=head), released(world, true))


def with_a_head_that_the_hub_signed(world: World) -> bytes:
    true = of_onyx(world)
    signature = sign(true.head.text, Typ.HEAD, world.operator.keys.voice)
    return world.operator.letter(US, replace(true, sig=signature), released(world, true))


def with_content_keys_that_the_publisher_did_not_commit_to(world: World) -> bytes:
    wrong = frozenset({Label.OFFENCE.value})
    notification = said_by_police(world, lambda said: replace(said, committed_wrongly=wrong))
    return world.operator.letter(US, notification, released(world, notification))


def with_a_compartment_that_the_publisher_relabelled(world: World) -> bytes:
    notification = said_by_police(world, lambda said: replace(said, sealed_as={"identity": "offence"}))
    return world.operator.letter(US, notification, released(world, notification))


def with_content_that_fits_no_schema(world: World) -> bytes:
    """The hub never opens an address; so the desk is the first that can."""
    unfit = json_encode({"lines": ["nowhere"], "district": "Nowhere", "lives_there_from": "yesterday"})
    notification = said_by_police(world, lambda said: replace(said, plain={**said.plain, "address": unfit}))
    return world.operator.letter(US, notification, released(world, notification, Label.CONTACT, Label.ADDRESS))


def with_an_entry_for_another_desk(world: World) -> bytes:
    return world.operator.letter(US, of_onyx(world), released(world, of_onyx(world)), entry={"to": OTHERS})


def with_an_entry_for_part_2(world: World) -> bytes:
    return world.operator.letter(US, of_onyx(world), released(world, of_onyx(world)), entry={"part": 2})


def with_an_entry_that_counts_otherwise(world: World) -> bytes:
    return world.operator.letter(US, of_onyx(world), released(world, of_onyx(world)), entry={"n": 2})


def with_an_entry_that_is_no_disclosure(world: World) -> bytes:
    content = world.onyx["letter"]
    return world.operator.item(ItemKind.LETTER, content, Filler.of(**line()).to_bytes())


def with_an_entry_that_names_less(world: World) -> bytes:
    told = released(world, of_onyx(world))
    named = {Label.CONTACT: told[Label.CONTACT].digest}
    return world.operator.letter(US, of_onyx(world), told, entry={"cmp": named})


def with_a_cover_for_another_desk(world: World) -> bytes:
    return world.operator.letter(US, of_onyx(world), released(world, of_onyx(world)), cover={"desk": OTHERS})


def with_a_cover_of_another_lane(world: World) -> bytes:
    return world.operator.letter(US, of_onyx(world), released(world, of_onyx(world)), cover={"lane": f"{HUB}/lane-1"})


def with_a_cover_for_another_letter(world: World) -> bytes:
    other = world.notification_of(world.quartz).head.fields.id
    return world.operator.letter(US, of_onyx(world), released(world, of_onyx(world)), cover={"letter": other})


def with_an_obligation_that_we_cannot_keep(world: World) -> bytes:
    asked = [{"duty": "retain", "value": "until the moon falls"}]
    return world.operator.letter(US, of_onyx(world), released(world, of_onyx(world)), cover={"obligations": asked})


def with_a_cover_that_is_none(world: World) -> bytes:
    return world.operator.letter(US, of_onyx(world), released(world, of_onyx(world)), cover={"duty": "burn"})


def with_a_key_that_we_were_never_given(world: World) -> bytes:
    kid = world.operator.epoch(OTHERS).kid
    told = {label: replace(each, kid=kid) for label, each in released(world, of_onyx(world)).items()}
    return world.operator.letter(US, of_onyx(world), told, entry={"kid": kid}, kid=kid)


def in_a_tree_of_a_size_that_was_signed_before(world: World) -> bytes:
    """A fork: one size, two roots, both signed with the real key."""
    size = int(parse_proof(world.items(US, "package")[0]["proof"]).note.split(b"\n")[1])
    return world.operator.letter(US, of_onyx(world), released(world, of_onyx(world)), size=size)


LETTERS: Sequence[tuple[Callable[[World], bytes], Reason]] = [
    (with_two_labels_swapped, Reason.LABEL),
    (with_a_compartment_under_a_label_that_opens_more, Reason.LABEL),
    (with_a_compartment_of_another_notification, Reason.DIGEST),
    (with_the_facts, Reason.LABEL),
    (with_a_head_of_our_own, Reason.SIGNATURE),
    (with_a_head_that_the_hub_signed, Reason.SIGNER),
    (with_content_keys_that_the_publisher_did_not_commit_to, Reason.COMMITMENT),
    (with_a_compartment_that_the_publisher_relabelled, Reason.LABEL),
    (with_content_that_fits_no_schema, Reason.SCHEMA),
    (with_an_entry_for_another_desk, Reason.ENTRY),
    (with_an_entry_for_part_2, Reason.ENTRY),
    (with_an_entry_that_counts_otherwise, Reason.ENTRY),
    (with_an_entry_that_is_no_disclosure, Reason.ENTRY),
    (with_an_entry_that_names_less, Reason.ENTRY),
    (with_a_cover_for_another_desk, Reason.ENTRY),
    (with_a_cover_of_another_lane, Reason.ENTRY),
    (with_a_cover_for_another_letter, Reason.ENTRY),
    (with_an_obligation_that_we_cannot_keep, Reason.OBLIGATION),
    (with_a_cover_that_is_none, Reason.SCHEMA),
    (with_a_key_that_we_were_never_given, Reason.KEY),
    (in_a_tree_of_a_size_that_was_signed_before, Reason.FORK),
]


@pytest.mark.parametrize(("forge", "reason"), LETTERS, ids=[forge.__name__ for forge, _ in LETTERS])
def test_a_letter_of_the_operators_making_is_refused(
    world: World, forge: Callable[[World], bytes], reason: Reason, tmp_path: Path
) -> None:
    listened = world.listen(tmp_path, world.package, forge(world), *world.inboxes[US][1:])

    assert listened.reasons == [reason]
    assert len(listened.letters) == len(world.items(US, "letter"))  # and those that are in order are heard


def test_a_letter_under_a_count_that_was_used_is_refused(world: World, tmp_path: Path) -> None:
    said = said_by_police(world)
    letter = world.operator.letter(US, said, released(world, said), cover={"n": 2}, entry={"n": 2})

    listened = world.listen(tmp_path, *world.inboxes[US], letter)

    assert listened.reasons == [Reason.REPLAY]


def test_a_letter_that_was_opened_before_has_no_second_effect_under_a_new_entry(world: World, tmp_path: Path) -> None:
    again = world.operator.letter(US, of_onyx(world), released(world, of_onyx(world)), cover={"n": 3}, entry={"n": 3})

    listened = world.listen(tmp_path, *world.inboxes[US], again)

    assert listened.reasons == [Reason.REPLAY]
    assert len(listened.letters) == len(world.items(US, "letter"))


@pytest.mark.parametrize("n", [2**53, 2**63 - 1, 2**63, 2**64, 10**30])
def test_a_count_beyond_all_counting_stops_no_desk(world: World, tmp_path: Path, n: int) -> None:
    """It fits no column of the desk's file, and an item that cannot be stored would be the next one for ever."""
    forged = world.operator.letter(US, of_onyx(world), released(world, of_onyx(world)), cover={"n": n}, entry={"n": n})

    listened = world.listen(tmp_path, world.package, forged, *world.inboxes[US][1:])

    assert listened.reasons == [Reason.ENTRY]
    assert len(listened.letters) == len(world.items(US, "letter"))


# --- what an operator cannot: packages and receipts -------------------------------------------------------------------


def package(world: World, *, entry: dict[str, Any] | None = None, **changed: Any) -> bytes:
    """A new key for us, as the hub would hand it over, but for what is changed."""
    desk = directory_of(world.day).desk(US).entry
    sealing_kid = desk.sealing.kid
    jwe = seal_key_package(
        system_entropy(32), directory_of(world.day).desk(US).sealing_key, sealing_kid,
        release_extra(HUB, US, sealing_kid), system_entropy,
    )  # fmt: skip
    said: dict[str, Any] = {
        "v": 1,
        "hub": HUB,
        "lane": LANE,
        "to": US,
        "kid": "B" * 21 + "A",
        "epoch": 1,
        "nbf": 1,
        "jwe": jwe,
    }
    signed = sign_said(EpochPackage.of(**said | changed), Typ.PACKAGE, world.operator.keys.voice)
    told = {
        **line(), "to": US, "kid": said["kid"], "epoch": 1, "nbf": 1,
        "package": b64u_encode(sha256(signed["payload"].encode()).digest()),
    }  # fmt: skip
    return world.operator.item(ItemKind.PACKAGE, signed, EpochBegun.of(**told | (entry or {})).to_bytes())


def another_desks_jwe(world: World) -> dict[str, Any]:
    desk = directory_of(world.day).desk(OTHERS)
    extra = release_extra(HUB, OTHERS, desk.entry.sealing.kid)
    return seal_key_package(system_entropy(32), desk.sealing_key, desk.entry.sealing.kid, extra, system_entropy)


def jwe_for_another_use(world: World) -> dict[str, Any]:
    desk = directory_of(world.day).desk(US)
    return seal_key_package(
        system_entropy(32), desk.sealing_key, desk.entry.sealing.kid, b"hub|other|kid", system_entropy
    )


PACKAGES: Sequence[tuple[str, Callable[[World], bytes], Reason | None]] = [
    ("in order", package, None),
    ("to another desk", lambda world: package(world, to=OTHERS), Reason.ENTRY),
    ("to another desk, entered so", lambda world: package(world, to=OTHERS, entry={"to": OTHERS}), Reason.ENTRY),
    ("of another hub", lambda world: package(world, hub="hub.another.example"), Reason.ENTRY),
    ("of another lane", lambda world: package(world, lane=f"{HUB}/lane-1"), Reason.ENTRY),
    (
        "under another name than it was entered",
        lambda world: package(world, entry={"kid": "C" * 21 + "A"}),
        Reason.ENTRY,
    ),
    ("other than it was entered", lambda world: package(world, entry={"package": "A" * 43}), Reason.ENTRY),
    ("for another desk's key", lambda world: package(world, jwe=another_desks_jwe(world)), Reason.KEY),
    ("for another use of our key", lambda world: package(world, jwe=jwe_for_another_use(world)), Reason.KEY),
    ("with no key in it", lambda world: package(world, jwe={}), Reason.FORM),
]


@pytest.mark.parametrize(("name", "forge", "reason"), PACKAGES, ids=[name for name, _, _ in PACKAGES])
def test_a_key_of_the_operators_making_is_taken_only_if_all_agrees(
    world: World, name: str, forge: Callable[[World], bytes], reason: Reason | None, tmp_path: Path
) -> None:
    listened = world.listen(tmp_path, forge(world), *world.inboxes[US])

    assert listened.reasons == ([] if reason is None else [reason])
    assert len(listened.letters) == len(world.items(US, "letter"))


def receipt(world: World, outcome: Outcome, *, accepted: bool, typ: Typ = Typ.RECEIPT, **changed: Any) -> bytes:
    """An answer to us about something that we published, beside the line of its being accepted or refused."""
    said = {"v": 1, "hub": HUB, "to": US, "id": "D" * 21 + "A", "outcome": outcome}
    signed = sign_said(Receipt.of(**said | changed), typ, world.operator.keys.voice)
    digest = "A" * 43
    taken = {
        "actor": US,
        "agency": "invented",
        "id": said["id"],
        "kind": "case.opened",
        "head": digest,
        "person": digest,
    }
    refused = {"actor": US, "id": said["id"], "raw": digest, "detail": digest}
    entry = Collection.of(**line(), **taken) if accepted else Refusal.of(**line(), **refused)
    return world.operator.item(ItemKind.RECEIPT, signed, entry.to_bytes())


RECEIPTS: Sequence[tuple[str, Callable[[World], bytes], Reason | None]] = [
    ("in order", lambda world: receipt(world, Outcome.ACCEPTED, accepted=True), None),
    ("accepted, and entered as refused", lambda world: receipt(world, Outcome.ACCEPTED, accepted=False), Reason.ENTRY),
    ("refused, and entered as accepted", lambda world: receipt(world, Outcome.REFUSED, accepted=True), Reason.ENTRY),
    ("to another desk", lambda world: receipt(world, Outcome.ACCEPTED, accepted=True, to=OTHERS), Reason.ENTRY),
    (
        "of another hub",
        lambda world: receipt(world, Outcome.ACCEPTED, accepted=True, hub="hub.other.example"),
        Reason.ENTRY,
    ),
    (
        "of another notification",
        lambda world: receipt(world, Outcome.ACCEPTED, accepted=True, id="E" * 21 + "A"),
        Reason.ENTRY,
    ),
    (
        "signed as a package",
        lambda world: receipt(world, Outcome.ACCEPTED, accepted=True, typ=Typ.PACKAGE),
        Reason.ALGORITHM,
    ),
]


@pytest.mark.parametrize(("name", "forge", "reason"), RECEIPTS, ids=[name for name, _, _ in RECEIPTS])
def test_an_answer_of_the_operators_making_is_taken_only_if_all_agrees(
    world: World, name: str, forge: Callable[[World], bytes], reason: Reason | None, tmp_path: Path
) -> None:
    listened = world.listen(tmp_path, world.package, forge(world))

    assert listened.reasons == ([] if reason is None else [reason])
