"""A publisher that does not use our client: seals by hand whatever it likes, and signs it with its own real key.

Everything that seal_draft would never do can be asked for: other times, other labels, other content, a commitment to
another key than the one that opens.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import aes_key_wrap

from broker.client import Draft
from broker.client.keys import DeskKeys
from broker.directory import Hub
from broker.sealing.compartments import MESSAGE_KID, Belonging, Compartment, key_commitment, seal
from broker.sealing.entropy import system_entropy
from broker.sealing.head import LIFE, PLACES, HeadFields, spare_digests
from broker.sealing.jwe import IV_BYTES, KEY_BYTES, PROTECTED, TAG_BYTES, seal_key_package
from broker.sealing.notification import release_extra
from broker.sealing.padding import BUCKETS, FACTS_LEAST, pad
from broker.sealing.signatures import Typ, sign
from schemas import DeskId, Label, NotificationId
from schemas.strict import b64u_encode, json_decode, json_encode


@dataclass(frozen=True, slots=True)
class Words:
    """What a notification says and how, before it is sealed. Nothing in it is checked."""

    kind: str
    plain: Mapping[str, bytes]
    """The bytes of each compartment by its label, the facts among them."""
    said_at: datetime
    life: timedelta = LIFE
    id: NotificationId = field(default_factory=lambda: NotificationId(b64u_encode(system_entropy(16))))
    sealed_as: Mapping[str, str] = field(default_factory=dict)
    """Labels that stand in a compartment's own signed bytes, where they are not those that it travels under."""
    committed_wrongly: frozenset[str] = frozenset()
    """Compartments whose signed bytes commit to another key than the one that opens them."""


def words(draft: Draft, seq: int, said_at: datetime, **facts: Any) -> Words:
    """What our own client would seal, with these facts added or changed."""
    said = json_decode(draft.facts(seq).to_bytes()) | facts
    plain = {label.value: compartment.to_bytes() for label, compartment in draft.compartments.items()}
    return Words(draft.kind.name, {**plain, "facts": json_encode(said)}, said_at)


def sealed(said: Words, desk: DeskId, keys: DeskKeys, hub: Hub) -> dict[str, Any]:
    """The notification, as the members of its JSON: {head, sig, mk, c}."""
    release = hub.entry.release
    message_key = system_entropy(KEY_BYTES)
    extra = release_extra(hub.entry.hub, desk, release.kid)
    compartments = {}
    for label, data in said.plain.items():
        belonging = Belonging(said.id, desk, said.sealed_as.get(label, label))
        make = _seal_to_another_key if label in said.committed_wrongly else _seal
        compartments[label] = make(data, belonging, message_key)
    digests = [compartment.digest for compartment in compartments.values()]
    issued_at = int(said.said_at.timestamp())
    fields = HeadFields.of(
        id=said.id,
        iss=desk,
        iat=issued_at,
        exp=issued_at + int(said.life.total_seconds()),
        kind=said.kind,
        cmp=tuple(sorted([*digests, *spare_digests(message_key, PLACES - len(digests))])),
    )
    head = b64u_encode(fields.to_bytes())
    return {
        "head": head,
        "sig": sign(head, Typ.HEAD, keys.signer),
        "mk": seal_key_package(message_key, hub.release_key, release.kid, extra, system_entropy),
        "c": {label: compartment.to_json() for label, compartment in compartments.items()},
    }


def _seal(data: bytes, belonging: Belonging, message_key: bytes) -> Compartment:
    return seal(data, belonging, message_key, MESSAGE_KID, system_entropy)


def _seal_to_another_key(data: bytes, belonging: Belonging, message_key: bytes) -> Compartment:
    content_key, another_key, iv = system_entropy(KEY_BYTES), system_entropy(KEY_BYTES), system_entropy(IV_BYTES)
    aad = b64u_encode(
        json_encode(
            {
                "id": belonging.notification,
                "iss": belonging.issuer,
                "cmp": belonging.label,
                "kc": b64u_encode(key_commitment(another_key)),
            }
        )
    )
    padded = pad(data, FACTS_LEAST if belonging.label == Label.FACTS else BUCKETS[0])
    ciphertext = AESGCM(content_key).encrypt(iv, padded, f"{PROTECTED}.{aad}".encode("ascii"))
    return Compartment(
        aad=aad,
        iv=b64u_encode(iv),
        ciphertext=b64u_encode(ciphertext[:-TAG_BYTES]),
        tag=b64u_encode(ciphertext[-TAG_BYTES:]),
        kid=MESSAGE_KID,
        encrypted_key=b64u_encode(aes_key_wrap(message_key, content_key)),
    )
