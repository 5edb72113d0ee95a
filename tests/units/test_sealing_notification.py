"""A sealed notification as it comes from outside: whatever is changed of it, nobody believes it."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.directory import Desk
from broker.sealing.compartments import Belonging, open_with, unwrap
from broker.sealing.head import PLACES
from broker.sealing.jwe import open_key_package, recipient_kid
from broker.sealing.notification import (
    BYTES_MAX,
    SealedNotification,
    check_digests,
    check_nothing_missing,
    read_compartments,
    release_extra,
)
from broker.sealing.rejection import Reason, Rejected
from broker.sealing.signatures import Typ, claimed_kid
from schemas import DeskId, Label
from schemas.facts import Facts
from schemas.strict import b64u_decode, b64u_encode, json_decode, json_encode
from tests.units.test_sealing_worked_example import (
    HUB_ID,
    POLICE,
    POLICE_KEYS,
    RELEASE,
    RELEASE_KID,
    SAID_AT,
    desk_keys,
    draft,
    notification,
    registered,
)

SEALED = notification()
DATA = SEALED.to_bytes()
JSON: dict[str, Any] = json_decode(DATA)
PUBLISHER = Desk(registered(POLICE, POLICE_KEYS, 40))
OTHER_DESK = Desk(registered(DeskId("oak-ward-police"), desk_keys(20), 41))


def opened(data: bytes, publisher: Desk = PUBLISHER) -> dict[Label, bytes]:
    """Checks 1 to 8 as the hub's door makes them, and then all compartments opened."""
    sealed = SealedNotification.from_bytes(data)
    fields = sealed.head.fields
    if fields.iss != publisher.id or claimed_kid(sealed.sig, Typ.HEAD) != publisher.verify_key.kid:
        raise Rejected(Reason.SIGNER)
    sealed.head.check_signature(sealed.sig, publisher.verify_key)
    sealed.head.check_fresh(SAID_AT)
    sealed.check_digests()
    if recipient_kid(sealed.mk) != RELEASE_KID:
        raise Rejected(Reason.KEY)
    message_key = open_key_package(sealed.mk, RELEASE, release_extra(HUB_ID, fields.iss, RELEASE_KID))
    check_nothing_missing(sealed.head, sealed.compartments.values(), message_key)
    return {
        label: open_with(one, unwrap(one, Belonging(fields.id, fields.iss, label), message_key), label)
        for label, one in sealed.compartments.items()
    }


def refuse(data: bytes | dict[str, Any], reason: Reason | None = None, publisher: Desk = PUBLISHER) -> None:
    with pytest.raises(Rejected) as refused:
        opened(data if isinstance(data, bytes) else json_encode(data), publisher)
    assert reason in {None, refused.value.reason}


def trace_of(plain: dict[Label, bytes]) -> str | None:
    """The trace that the notification got when it was sealed."""
    return Facts.from_bytes(plain[Label.FACTS]).traceparent


def test_a_notification_opens_to_what_was_said() -> None:
    plain = opened(DATA)

    said = {label: model.to_bytes() for label, model in draft().compartments.items()}
    assert plain == {**said, Label.FACTS: draft().facts(1, trace_of(plain)).to_bytes()}
    assert SealedNotification.from_bytes(DATA) == SEALED
    assert SealedNotification.from_bytes(DATA).to_bytes() == DATA


def test_nothing_of_what_was_said_stands_on_the_outside() -> None:
    outside = DATA + b64u_decode(SEALED.head.text)
    outside += b"".join(b64u_decode(one.aad) for one in SEALED.compartments.values())

    # Three or four letters stand in random base64 now and then, so short words are looked for as JSON would have them.
    for word in (b'"Dana', b"Fictional", b"V-0000-1", b"01632 ", b'"1980-', b"E07000117", b"invented", b'"seq"'):
        assert word not in outside


def test_no_key_is_used_twice() -> None:
    first, second = notification(1), notification(2)

    for one, other in ((first, second), (second, first)):
        foreign = replace(one, mk=other.mk)
        refuse(foreign.to_bytes())
        refuse(replace(one, compartments=other.compartments).to_bytes(), Reason.DIGEST)
    assert first.head.fields.id != second.head.fields.id


@pytest.mark.parametrize("how", [0x01, 0x80], ids=hex)
def test_every_changed_byte_of_a_notification_is_refused(how: int) -> None:
    for place, byte in enumerate(DATA):
        refuse(DATA[:place] + bytes([byte ^ how]) + DATA[place + 1 :])


def test_a_notification_cut_short_anywhere_is_refused() -> None:
    for place in range(len(DATA)):
        refuse(DATA[:place], Reason.FORM)


@pytest.mark.parametrize("member", ["head", "sig", "mk", "c"])
@pytest.mark.parametrize("value", [None, 1, "", "Dana", [], {}, [{}], {"identity": None}, True], ids=repr)
def test_a_member_of_another_kind_is_refused(member: str, value: Any) -> None:
    refuse({**JSON, member: value})


@pytest.mark.parametrize("member", ["head", "sig", "mk", "c"])
def test_a_notification_without_one_of_its_members_is_refused(member: str) -> None:
    refuse({name: value for name, value in JSON.items() if name != member}, Reason.FORM)


@pytest.mark.parametrize("value", [b"", b"{}", b"[]", b"null", b'"head"', b"7", b"\xff", DATA + b" {}", DATA + b"x"])
def test_what_is_no_notification_is_refused(value: bytes) -> None:
    refuse(value, Reason.FORM)


def test_a_further_member_is_refused() -> None:
    refuse({**JSON, "v": 1}, Reason.FORM)
    refuse({**JSON, "sig": {**JSON["sig"], "header": {}}}, Reason.FORM)
    refuse({**JSON, "mk": {**JSON["mk"], "aad": ""}}, Reason.FORM)


def test_white_space_changes_nothing_but_the_size() -> None:
    assert opened(DATA + b" " * (BYTES_MAX - len(DATA))) == opened(DATA)

    refuse(DATA + b" " * (BYTES_MAX - len(DATA) + 1), Reason.FORM)


def test_the_size_is_looked_at_before_the_contents() -> None:
    refuse(b"\xff" * (BYTES_MAX + 1), Reason.FORM)
    refuse(b"[" * BYTES_MAX, Reason.FORM)


@pytest.mark.parametrize("label", ["", "Identity", "identity ", "name", "IDENTITY", "facts\x00"])
def test_an_unknown_label_is_refused(label: str) -> None:
    refuse({**JSON, "c": {**JSON["c"], label: JSON["c"]["status"]}}, Reason.LABEL)


def test_a_compartment_under_another_label_is_refused() -> None:
    compartments = {**JSON["c"], "address": JSON["c"]["status"]}
    swapped = {**JSON["c"], "status": JSON["c"]["contact"], "contact": JSON["c"]["status"]}
    del compartments["status"]

    refuse({**JSON, "c": compartments}, Reason.LABEL)
    refuse({**JSON, "c": swapped}, Reason.LABEL)


@pytest.mark.parametrize("label", sorted(JSON["c"]))
def test_a_compartment_that_was_taken_out_on_the_way_is_missed(label: str) -> None:
    rest = {name: one for name, one in JSON["c"].items() if name != label}

    refuse({**JSON, "c": rest}, Reason.DIGEST)


def test_one_compartment_under_two_labels_is_refused() -> None:
    refuse({**JSON, "c": {**JSON["c"], "address": JSON["c"]["status"]}}, Reason.DIGEST)


def test_more_compartments_than_a_head_has_places_for_are_refused() -> None:
    many = {f"label_{n}": JSON["c"]["status"] for n in range(PLACES + 1)}

    with pytest.raises(Rejected) as refused:
        read_compartments(many)
    assert refused.value.reason is Reason.FORM
    refuse({**JSON, "c": {}}, Reason.FORM)


def test_a_compartment_that_the_head_does_not_name_is_refused() -> None:
    stranger = notification(3).compartments[Label.STATUS].to_json()

    refuse({**JSON, "c": {**JSON["c"], "status": stranger}}, Reason.DIGEST)
    with pytest.raises(Rejected) as refused:
        check_digests(SEALED.head, notification(3).compartments.values())
    assert refused.value.reason is Reason.DIGEST


def test_a_compartment_that_names_another_key_than_the_notification_s_is_refused() -> None:
    status = {**JSON["c"]["status"], "header": {"alg": "A256KW", "kid": "other"}}

    refuse({**JSON, "c": {**JSON["c"], "status": status}}, Reason.KEY)


def test_wrapped_keys_moved_between_compartments_are_refused() -> None:
    status = {**JSON["c"]["status"], "encrypted_key": JSON["c"]["contact"]["encrypted_key"]}

    refuse({**JSON, "c": {**JSON["c"], "status": status}}, Reason.COMMITMENT)


def test_a_notification_of_one_desk_is_none_of_another() -> None:
    refuse(DATA, Reason.SIGNER, OTHER_DESK)

    fields = {**json_decode(b64u_decode(SEALED.head.text)), "iss": OTHER_DESK.id}
    refuse({**JSON, "head": b64u_encode(json_encode(fields))}, Reason.SIGNATURE, _named(OTHER_DESK))


def _named(desk: Desk) -> Desk:
    """Another desk that was registered with the publisher's signing key."""
    return Desk(desk.entry.model_copy(update={"signing": PUBLISHER.entry.signing}))


def test_the_facts_hold_the_count_of_the_outbox() -> None:
    facts = Facts.from_bytes(opened(DATA)[Label.FACTS])

    assert facts.seq == 1
    assert facts == draft().facts(1, facts.traceparent)


@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=4) | st.sampled_from([JSON["head"], JSON["mk"], JSON["sig"]]),
        lambda inner: (
            st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from([*JSON, *Label]), inner, max_size=5)
        ),
        max_leaves=6,
    )
)
def test_whatever_stands_in_a_notification_is_refused(value: Any) -> None:
    refuse(json_encode(value))
    if isinstance(value, dict):
        refuse(json_encode({**JSON, "c": {**JSON["c"], **{str(name): value[name] for name in value}, "x": 1}}))
