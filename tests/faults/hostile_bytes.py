"""What comes to the door and nobody is known to have said: `UNSIGNED`, with the check that must stop it."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from broker.directory import PolicyActivated, sign_event
from broker.sealing.notification import BYTES_MAX
from broker.sealing.rejection import Reason
from broker.sealing.signatures import Typ, sign
from schemas.strict import b64u_decode, b64u_encode, json_decode, json_encode
from tests.faults.door import Door
from tests.faults.hostile_words import NOBODY, a_move, by_police
from tests.faults.stored import directory_topic
from tests.personas import (
    BLACKBURN,
    POLICE,
    PROBATION,
)

Bring = Callable[[Door], bytes]


def garbage(door: Door) -> bytes:
    return bytes(range(256)) * 4


def nothing(door: Door) -> bytes:
    return b""


def a_null_byte(door: Door) -> bytes:
    return by_police(door, a_move(door)).replace(b'"head":"', b'"head":"\x00', 1)


def too_much(door: Door) -> bytes:
    return by_police(door, a_move(door))[:-1] + b',"more":"' + b"A" * BYTES_MAX + b'"}'


def nested_deeply(door: Door) -> bytes:
    return b'{"head":' + b"[" * 100_000 + b"]" * 100_000 + b"}"


def a_member_twice(door: Door) -> bytes:
    true = by_police(door, a_move(door))
    return b'{"head":"",' + true[1:]


def a_member_that_we_do_not_know(door: Door) -> bytes:
    return json_encode(door.sealed(POLICE.name, a_move(door)) | {"reply_to": "nobody"})


def half_a_character(door: Door) -> bytes:
    return by_police(door, a_move(door)).replace(b'"head":"', b'"head":"\\ud800', 1)


def a_label_that_we_do_not_know(door: Door) -> bytes:
    true = door.sealed(POLICE.name, a_move(door))
    true["c"]["rumours"] = true["c"]["offence"]
    return json_encode(true)


def one_compartment_under_two_labels(door: Door) -> bytes:
    true = door.sealed(POLICE.name, a_move(door))
    true["c"]["vehicle"] = true["c"]["offence"]
    return json_encode(true)


def another_encryption(door: Door) -> bytes:
    true = door.sealed(POLICE.name, a_move(door))
    true["c"]["offence"]["header"]["alg"] = "dir"
    return json_encode(true)


def another_name_for_the_key(door: Door) -> bytes:
    true = door.sealed(POLICE.name, a_move(door))
    true["c"]["offence"]["header"]["kid"] = "another"
    return json_encode(true)


def another_desks_signature(door: Door) -> bytes:
    return json_encode(door.sealed(POLICE.name, a_move(door), signed_by=PROBATION.name))


def another_desks_signature_under_our_name(door: Door) -> bytes:
    true = door.sealed(POLICE.name, a_move(door))
    ours, theirs = (door.here.desks[name].keys.signer for name in (POLICE.name, PROBATION.name))
    return json_encode(true | {"sig": sign(true["head"], Typ.HEAD, replace(theirs, kid=ours.kid))})


def a_signature_of_another_kind_of_thing(door: Door) -> bytes:
    true = door.sealed(POLICE.name, a_move(door))
    return json_encode(true | {"sig": sign(true["head"], Typ.RECEIPT, door.here.desks[POLICE.name].keys.signer)})


def a_desk_that_nobody_knows(door: Door) -> bytes:
    return json_encode(door.sealed(NOBODY, a_move(door), signed_by=POLICE.name))


def a_head_that_changed_after_it_was_signed(door: Door) -> bytes:
    true = door.sealed(POLICE.name, a_move(door))
    return json_encode(true | {"head": changed_head(true["head"], kind="offender.resides_in_area")})


def a_head_with_a_member_more(door: Door) -> bytes:
    return signed_head(door, area=BLACKBURN)


def a_head_with_a_digest_less(door: Door) -> bytes:
    true = door.sealed(POLICE.name, a_move(door))
    return signed_head(door, cmp=json_decode(b64u_decode(true["head"]))["cmp"][1:])


def signed_head(door: Door, **changed: Any) -> bytes:
    true = door.sealed(POLICE.name, a_move(door))
    head = changed_head(true["head"], **changed)
    return json_encode(true | {"head": head, "sig": sign(head, Typ.HEAD, door.here.desks[POLICE.name].keys.signer)})


def changed_head(head: str, **changed: Any) -> str:
    return b64u_encode(json_encode(json_decode(b64u_decode(head)) | changed))


def a_directory_event_that_a_desk_signed(door: Door) -> bytes:
    directory = door.here.tellwise.directory
    event = PolicyActivated.of(n=directory.size, at=door.clock.now(), digest=f"sha256:{'0' * 64}")
    return sign_event(event, door.here.desks[POLICE.name].keys.signer)


def a_directory_event_that_was_said_before(door: Door) -> bytes:
    return directory_topic(door.folder)[0]


def a_directory_event_that_was_changed(door: Door) -> bytes:
    return directory_topic(door.folder)[0].replace(b'"directory":"ey', b'"directory":"fy', 1)


UNSIGNED: Sequence[tuple[Bring, set[Reason]]] = [
    (garbage, {Reason.FORM}),
    (nothing, {Reason.FORM}),
    (a_null_byte, {Reason.FORM}),
    (too_much, {Reason.FORM}),
    (nested_deeply, {Reason.FORM}),
    (a_member_twice, {Reason.FORM}),
    (a_member_that_we_do_not_know, {Reason.FORM}),
    (half_a_character, {Reason.FORM}),
    (a_label_that_we_do_not_know, {Reason.LABEL}),
    (one_compartment_under_two_labels, {Reason.DIGEST}),
    (another_encryption, {Reason.ALGORITHM}),
    (another_name_for_the_key, {Reason.KEY, Reason.FORM}),
    (another_desks_signature, {Reason.SIGNER}),
    (another_desks_signature_under_our_name, {Reason.SIGNATURE}),
    (a_signature_of_another_kind_of_thing, {Reason.ALGORITHM}),
    (a_desk_that_nobody_knows, {Reason.SIGNER}),
    (a_head_that_changed_after_it_was_signed, {Reason.SIGNATURE}),
    (a_head_with_a_member_more, {Reason.FORM}),
    (a_head_with_a_digest_less, {Reason.FORM}),
    (a_directory_event_that_a_desk_signed, {Reason.SIGNER}),
    (a_directory_event_that_was_said_before, {Reason.STATE, Reason.REPLAY}),
    (a_directory_event_that_was_changed, {Reason.SIGNATURE}),
]
