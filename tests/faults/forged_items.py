"""What a carrier without a key of anybody's can make of the items that it carries: swapped, changed, mixed, misnamed.

`FORGED` lists every such item, and which check at the desk must stop it.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from broker.sealing.notification import SealedNotification
from broker.sealing.rejection import Reason
from schemas import DeskId
from schemas.strict import b64u_decode, b64u_encode, json_decode, json_encode
from tests.faults.county import live_an_ordinary_day
from tests.faults.hostile_hub import Listened, Operator, listen
from tests.faults.stored import inbox_of, read_stored
from tests.personas import BLACKBURN_CHILDREN, DESKS, LANCASHIRE_CHILDREN, POLICE

US = BLACKBURN_CHILDREN.name
"""Whose inbox it is in most stories. It was told of Onyx, who came, and of Quartz, who left."""

Parts = dict[str, Any]
"""An inbox item: {letter, entry, proof}, or a package or receipt in place of the letter."""


@dataclass(frozen=True)
class World:
    """What an ordinary day left, and what a hostile carrier can take from it."""

    day: Path
    inboxes: Mapping[DeskId, list[bytes]]
    notifications: Mapping[str, SealedNotification]
    operator: Operator

    def items(self, desk: DeskId, kind: str) -> list[Parts]:
        """Items of a kind in a desk's inbox, taken apart anew."""
        return [item for data in self.inboxes[desk] if kind in (item := json_decode(data))]

    @property
    def package(self) -> bytes:
        """The first item of our inbox: the key for what follows."""
        return self.inboxes[US][0]

    @property
    def onyx(self) -> Parts:
        """The letter to us about Onyx, with address and offence."""
        return self.items(US, "letter")[0]

    @property
    def quartz(self) -> Parts:
        """The letter to us about Quartz, who left."""
        return self.items(US, "letter")[1]

    def notification_of(self, letter: Parts) -> SealedNotification:
        """What a letter's publisher submitted."""
        return self.notifications[json_decode(b64u_decode(letter["letter"]["head"]))["id"]]

    def prepared(self, folder: Path, desk: DeskId) -> Path:
        """A folder where a desk with its own keys has heard nothing yet."""
        (folder / "hub").mkdir(parents=True, exist_ok=True)
        home = folder / "desks" / desk
        home.mkdir(parents=True)
        (folder / "hub" / "trust.json").write_bytes((self.day / "hub" / "trust.json").read_bytes())
        (home / "keys.json").write_bytes((self.day / "desks" / desk / "keys.json").read_bytes())
        return folder

    def listen(self, folder: Path, *items: bytes, desk: DeskId = US) -> Listened:
        """What a desk makes of these items, with its own keys and nothing heard before."""
        return asyncio.run(listen(self.day, self.prepared(folder, desk), desk, items))


def live_in_a_world(folder: Path) -> World:
    """An ordinary day on an empty folder, and what it left."""
    day = live_an_ordinary_day(folder)
    submitted = [
        SealedNotification.from_bytes(data) for data in read_stored(day).done if b'"directory"' not in data[:20]
    ]
    return World(
        day=day,
        inboxes={desk.name: inbox_of(day, desk.name) for desk in DESKS},
        notifications={notification.head.fields.id: notification for notification in submitted},
        operator=Operator(day),
    )


def without_proof(world: World) -> Parts:
    item = world.onyx
    del item["proof"]
    return item


def with_empty_proof(world: World) -> Parts:
    return world.onyx | {"proof": ""}


def with_the_proof_of_another_letter(world: World) -> Parts:
    return world.onyx | {"proof": world.quartz["proof"]}


def with_entry_and_proof_of_another_letter(world: World) -> Parts:
    return world.quartz | {"letter": world.onyx["letter"]}


def with_the_entry_of_another_desks_letter(world: World) -> Parts:
    return world.items(LANCASHIRE_CHILDREN.name, "letter")[0] | {"letter": world.onyx["letter"]}


def with_a_proof_in_a_tree_of_somebody_elses(world: World) -> Parts:
    proof: str = world.onyx["proof"]
    head, body, signature = proof.rsplit("\n\n", 2)
    forged = signature.replace(signature[-20:-5], "A" * 15)
    return world.onyx | {"proof": f"{head}\n\n{body}\n\n{forged}"}


def with_an_extra_line_in_the_proof(world: World) -> Parts:
    return world.onyx | {"proof": world.onyx["proof"].replace("\nindex", "\nextra YWJj\nindex", 1)}


def with_a_second_signature_line(world: World) -> Parts:
    return world.onyx | {"proof": world.onyx["proof"] + "\N{EM DASH} witness.invented.example AAAAAAAA\n"}


def with_a_proof_of_another_place(world: World) -> Parts:
    before, index, after = split_index(world.onyx["proof"])
    return world.onyx | {"proof": f"{before}\nindex {index ^ 1}\n{after}"}


def split_index(proof: str) -> tuple[str, int, str]:
    before, _, rest = proof.partition("\nindex ")
    index, _, after = rest.partition("\n")
    return before, int(index), after


def with_an_entry_for_part_2(world: World) -> Parts:
    item = world.onyx
    entry = json_decode(b64u_decode(item["entry"]))
    return item | {"entry": b64u_encode(json_encode(entry | {"part": 2}))}


def with_a_compartment_of_another_letter(world: World) -> Parts:
    item = world.onyx
    item["letter"]["c"]["status"] = world.quartz["letter"]["c"]["status"]
    return item


def with_two_labels_swapped(world: World) -> Parts:
    item = world.onyx
    c = item["letter"]["c"]
    c["identity"], c["offence"] = c["offence"], c["identity"]
    return item


def with_a_compartment_less(world: World) -> Parts:
    item = world.onyx
    del item["letter"]["c"]["offence"]
    return item


def with_two_wrapped_keys_swapped(world: World) -> Parts:
    """Neither the publisher nor the entry signs a wrapped key: here each opens, and is the key of the other one."""
    item = world.onyx
    identity, offence = item["letter"]["c"]["identity"], item["letter"]["c"]["offence"]
    identity["encrypted_key"], offence["encrypted_key"] = offence["encrypted_key"], identity["encrypted_key"]
    return item


def with_the_wrapped_key_of_another_letter(world: World) -> Parts:
    item = world.onyx
    item["letter"]["c"]["identity"]["encrypted_key"] = world.quartz["letter"]["c"]["identity"]["encrypted_key"]
    return item


def with_the_wrapped_key_of_another_desk(world: World) -> Parts:
    item, other = world.onyx, world.items(LANCASHIRE_CHILDREN.name, "letter")[0]
    item["letter"]["c"]["identity"]["encrypted_key"] = other["letter"]["c"]["identity"]["encrypted_key"]
    return item


def with_a_changed_head(world: World) -> Parts:
    item = world.onyx
    head = json_decode(b64u_decode(item["letter"]["head"]))
    item["letter"]["head"] = b64u_encode(json_encode(head | {"iat": head["iat"] + 1}))
    return item


def with_the_head_of_another_letter(world: World) -> Parts:
    item = world.onyx
    item["letter"]["head"] = world.quartz["letter"]["head"]
    return item


def with_head_and_signature_of_another_letter(world: World) -> Parts:
    item = world.onyx
    item["letter"] |= {name: world.quartz["letter"][name] for name in ("head", "sig")}
    return item


def with_a_changed_signature(world: World) -> Parts:
    item = world.onyx
    signature = bytearray(b64u_decode(item["letter"]["sig"]["signature"]))
    signature[20] ^= 1
    item["letter"]["sig"]["signature"] = b64u_encode(bytes(signature))
    return item


def with_a_signature_that_names_no_algorithm(world: World) -> Parts:
    item = world.onyx
    protected = json_decode(b64u_decode(item["letter"]["sig"]["protected"]))
    item["letter"]["sig"]["protected"] = b64u_encode(json_encode(protected | {"alg": "none"}))
    return item


def with_a_signature_of_another_kind_of_thing(world: World) -> Parts:
    item = world.onyx
    item["letter"]["sig"] = world.items(US, "package")[0]["package"]["sig"]
    return item


def with_the_cover_of_another_letter(world: World) -> Parts:
    item = world.onyx
    item["letter"]["cover"] = world.quartz["letter"]["cover"]
    return item


def with_the_cover_of_another_desk(world: World) -> Parts:
    item = world.onyx
    item["letter"]["cover"] = world.items(LANCASHIRE_CHILDREN.name, "letter")[0]["letter"]["cover"]
    return item


def with_another_key_named(world: World) -> Parts:
    item = world.onyx
    for sealed in (item["letter"]["cover"], *item["letter"]["c"].values()):
        sealed["header"]["kid"] = world.operator.epoch(LANCASHIRE_CHILDREN.name).kid
    return item


def with_another_algorithm(world: World) -> Parts:
    item = world.onyx
    item["letter"]["c"]["identity"]["header"]["alg"] = "dir"
    return item


def with_another_encryption(world: World) -> Parts:
    item = world.onyx
    item["letter"]["c"]["identity"]["protected"] = b64u_encode(b'{"enc":"A128CBC-HS256"}')
    return item


def with_a_member_that_we_do_not_know(world: World) -> Parts:
    return world.onyx | {"note": "nothing"}


def with_a_member_of_the_letter_that_we_do_not_know(world: World) -> Parts:
    item = world.onyx
    item["letter"]["urgent"] = True
    return item


def with_a_compartment_that_we_do_not_know(world: World) -> Parts:
    item = world.onyx
    item["letter"]["c"]["rumours"] = item["letter"]["c"]["offence"]
    return item


def with_one_compartment_under_two_labels(world: World) -> Parts:
    item = world.onyx
    item["letter"]["c"]["vehicle"] = item["letter"]["c"]["offence"]
    return item


def as_a_receipt(world: World) -> Parts:
    item = world.onyx
    return {"receipt": item["letter"], "entry": item["entry"], "proof": item["proof"]}


def a_receipt_as_a_letter(world: World) -> Parts:
    item = world.items(US, "receipt")[0]
    return {"letter": item["receipt"], "entry": item["entry"], "proof": item["proof"]}


def a_receipt_that_says_the_opposite(world: World) -> Parts:
    item = world.items(US, "receipt")[0]
    said = json_decode(b64u_decode(item["receipt"]["payload"]))
    opposite = "refused" if said["outcome"] == "accepted" else "accepted"
    item["receipt"]["payload"] = b64u_encode(json_encode(said | {"outcome": opposite}))
    return item


def another_desks_receipt(world: World) -> Parts:
    return world.items(POLICE.name, "receipt")[0]


def another_desks_receipt_with_our_entry(world: World) -> Parts:
    return world.items(US, "receipt")[0] | {"receipt": world.items(POLICE.name, "receipt")[0]["receipt"]}


def our_receipt_with_another_entry(world: World) -> Parts:
    """That of our own refused notification, beside the line of the one that was accepted."""
    accepted, refused = world.items(US, "receipt")
    return refused | {"receipt": accepted["receipt"]}


def another_desks_package(world: World) -> Parts:
    return world.items(POLICE.name, "package")[0]


def our_package_with_another_key_in_it(world: World) -> Parts:
    item, other = world.items(US, "package")[0], world.items(POLICE.name, "package")[0]
    said, theirs = (json_decode(b64u_decode(each["package"]["payload"])) for each in (item, other))
    item["package"]["payload"] = b64u_encode(json_encode(said | {"jwe": theirs["jwe"]}))
    return item


FORGED: Sequence[tuple[Callable[[World], Parts], Reason]] = [
    (without_proof, Reason.FORM),
    (with_empty_proof, Reason.PROOF),
    (with_the_proof_of_another_letter, Reason.PROOF),
    (with_entry_and_proof_of_another_letter, Reason.ENTRY),
    (with_the_entry_of_another_desks_letter, Reason.ENTRY),
    (with_a_proof_in_a_tree_of_somebody_elses, Reason.PROOF),
    (with_an_extra_line_in_the_proof, Reason.PROOF),
    (with_a_second_signature_line, Reason.PROOF),
    (with_a_proof_of_another_place, Reason.PROOF),
    (with_an_entry_for_part_2, Reason.PROOF),
    (with_a_compartment_of_another_letter, Reason.ENTRY),
    (with_two_labels_swapped, Reason.ENTRY),
    (with_a_compartment_less, Reason.ENTRY),
    (with_two_wrapped_keys_swapped, Reason.COMMITMENT),
    (with_the_wrapped_key_of_another_letter, Reason.COMMITMENT),
    (with_the_wrapped_key_of_another_desk, Reason.KEY),
    (with_a_changed_head, Reason.SIGNATURE),
    (with_the_head_of_another_letter, Reason.SIGNATURE),
    (with_head_and_signature_of_another_letter, Reason.ENTRY),
    (with_a_changed_signature, Reason.SIGNATURE),
    (with_a_signature_that_names_no_algorithm, Reason.ALGORITHM),
    (with_a_signature_of_another_kind_of_thing, Reason.ALGORITHM),
    (with_the_cover_of_another_letter, Reason.ENTRY),
    (with_the_cover_of_another_desk, Reason.ENTRY),
    (with_another_key_named, Reason.ENTRY),
    (with_another_algorithm, Reason.ALGORITHM),
    (with_another_encryption, Reason.ALGORITHM),
    (with_a_member_that_we_do_not_know, Reason.FORM),
    (with_a_member_of_the_letter_that_we_do_not_know, Reason.FORM),
    (with_a_compartment_that_we_do_not_know, Reason.LABEL),
    (with_one_compartment_under_two_labels, Reason.DIGEST),
    (as_a_receipt, Reason.FORM),
    (a_receipt_as_a_letter, Reason.FORM),
    (a_receipt_that_says_the_opposite, Reason.SIGNATURE),
    (another_desks_receipt, Reason.ENTRY),
    (another_desks_receipt_with_our_entry, Reason.ENTRY),
    (our_receipt_with_another_entry, Reason.ENTRY),
    (another_desks_package, Reason.ENTRY),
    (our_package_with_another_key_in_it, Reason.SIGNATURE),
]
