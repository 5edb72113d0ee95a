"""Release: a desk's key opens exactly what the desk was granted, whatever was granted to others."""

from itertools import product
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.lifecycle.release import release
from broker.sealing.compartments import Belonging, Compartment, open_with, seal, unwrap
from broker.sealing.letters import Letter
from broker.sealing.rejection import Rejected
from broker.state.delivery import Epoch
from schemas import Label
from schemas.strict import b64u_encode, json_decode, json_encode
from tests.units.test_sealing_worked_example import POLICE, content_keys, handed_on, notification

DESKS = ("elm-ward-housing", "oak-ward-housing", "probation", "school-one", "school-two")
EPOCHS = {desk: Epoch.made(b64u_encode(bytes([n]) * 16), 0, bytes([50 + n]) * 32) for n, desk in enumerate(DESKS)}

SEALED = notification()
KEYS = content_keys(SEALED)
FIELDS = SEALED.head.fields
LABELS: list[Label] = [label for label in SEALED.compartments if label is not Label.FACTS]
PLAIN: dict[Label, bytes] = {label: open_with(SEALED.compartments[label], KEYS[label], label) for label in LABELS}

GRANTS = st.fixed_dictionaries({desk: st.lists(st.sampled_from(LABELS), unique=True).map(tuple) for desk in DESKS})


def released_to(epoch: Epoch, *labels: Label) -> dict[Label, Compartment]:
    """What the desk gets of these compartments whose key this is."""
    return handed_on(SEALED.compartments, release(KEYS, labels, epoch), epoch)


def open_all(compartments: dict[Label, Compartment], key: bytes) -> dict[Label, bytes]:
    """Everything that a key opens, under any label that it may be tried as."""
    found: dict[Label, bytes] = {}
    for label, sealed in compartments.items():
        for tried in Label:
            try:
                content_key = unwrap(sealed, Belonging(FIELDS.id, POLICE, tried), key)
                found[tried] = open_with(sealed, content_key, tried)
            except Rejected:
                continue
            assert tried is label
    return found


@given(GRANTS)
def test_a_desk_s_key_opens_exactly_what_the_desk_was_granted(grants: dict[str, tuple[Label, ...]]) -> None:
    letters = {desk: released_to(EPOCHS[desk], *labels) for desk, labels in grants.items()}

    for desk, (holder, letter) in product(DESKS, letters.items()):
        opened = open_all(letter, EPOCHS[desk].secret)
        assert opened == ({label: PLAIN[label] for label in grants[desk]} if holder == desk else {})


@given(GRANTS)
def test_the_keys_of_one_letter_open_nothing_of_another(grants: dict[str, tuple[Label, ...]]) -> None:
    letters = {desk: released_to(EPOCHS[desk], *labels) for desk, labels in grants.items()}

    for desk, other in product(DESKS, DESKS):
        mine = {label: unwrap(one, _here(label), EPOCHS[desk].secret) for label, one in letters[desk].items()}
        for label, (held, content_key) in product(letters[other], mine.items()):
            if held is label:
                assert open_with(letters[other][label], content_key, label) == PLAIN[label]  # granted to both
            else:
                with pytest.raises(Rejected):
                    open_with(letters[other][label], content_key, label)


def _here(label: Label) -> Belonging:
    return Belonging(FIELDS.id, POLICE, label)


@given(GRANTS)
def test_release_changes_nothing_that_the_publisher_signed(grants: dict[str, tuple[Label, ...]]) -> None:
    for desk, labels in grants.items():
        released = released_to(EPOCHS[desk], *labels)

        assert set(released) == set(labels)
        assert {one.kid for one in released.values()} <= {EPOCHS[desk].kid}
        for label, one in released.items():
            assert one.digest == SEALED.compartments[label].digest
            assert one.digest in FIELDS.cmp


def test_a_letter_holds_no_string_of_what_it_withholds() -> None:
    released = released_to(EPOCHS["probation"], Label.CONTACT)

    letter = json_encode(Letter(SEALED.head, SEALED.sig, SEALED.compartments[Label.FACTS], released).to_json()["c"])
    for label in (Label.IDENTITY, Label.OFFENCE, Label.STATUS):
        sealed = SEALED.compartments[label].to_json()
        for text in ("aad", "iv", "ciphertext", "tag", "encrypted_key"):
            assert sealed[text].encode() not in letter
        assert label.value.encode() not in letter


def test_nothing_is_released_when_a_label_is_not_carried() -> None:
    with pytest.raises(KeyError):
        release(KEYS, (Label.CONTACT, Label.ADDRESS), EPOCHS["probation"])


def test_no_label_granted_is_no_compartment() -> None:
    assert release(KEYS, (), EPOCHS["probation"]) == {}


def test_the_cover_of_one_desk_is_none_of_another() -> None:
    belonging = Belonging(FIELDS.id, "tellwise-hub", "cover")
    covers = {
        desk: seal(desk.encode(), belonging, epoch.secret, epoch.kid, Random(n).randbytes)
        for n, (desk, epoch) in enumerate(EPOCHS.items())
    }

    for desk, other in product(DESKS, DESKS):
        if desk == other:
            assert (
                open_with(covers[other], unwrap(covers[other], belonging, EPOCHS[desk].secret), Label.COVER)
                == desk.encode()
            )
        else:
            with pytest.raises(Rejected):
                unwrap(covers[other], belonging, EPOCHS[desk].secret)


def test_a_released_compartment_is_read_as_it_is_sent() -> None:
    released = released_to(EPOCHS["probation"], Label.OFFENCE)[Label.OFFENCE]

    assert Compartment.from_json(json_decode(json_encode(released.to_json()))) == released
