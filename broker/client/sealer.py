"""Step 2, seal: one content key for each compartment, one message key for all, sealed to the hub; the head signed.

Numbered as in "The operations" of broker/sealing/README.md: 1 is compose, 5 is the outbox.
"""

from datetime import datetime

from broker.client.compose import Draft
from broker.client.keys import DeskKeys
from broker.directory import Hub
from broker.sealing.compartments import MESSAGE_KID, Belonging, seal
from broker.sealing.entropy import Entropy
from broker.sealing.head import make_head
from broker.sealing.jwe import KEY_BYTES, seal_key_package
from broker.sealing.notification import SealedNotification, release_extra
from broker.telemetry import fresh_traceparent
from schemas import DeskId, Label, NotificationId
from schemas.strict import b64u_encode


def seal_draft(
    draft: Draft, *, desk: DeskId, keys: DeskKeys, hub: Hub, seq: int, now: datetime, entropy: Entropy
) -> tuple[NotificationId, SealedNotification]:
    """Seal a draft under a fresh id, with a fresh trace.

    Raises:
        Rejected: a compartment is too long for the largest bucket.
    """
    notification = NotificationId(b64u_encode(entropy(16)))
    release = hub.entry.release
    message_key = entropy(KEY_BYTES)  # 2
    extra = release_extra(hub.entry.hub, desk, release.kid)
    package = seal_key_package(message_key, hub.release_key, release.kid, extra, entropy)
    plain = {label: said.to_bytes() for label, said in draft.compartments.items()}
    plain[Label.FACTS] = draft.facts(seq, fresh_traceparent(entropy)).to_bytes()
    compartments = {  # 3
        label: seal(data, Belonging(notification, desk, label.value), message_key, MESSAGE_KID, entropy)
        for label, data in plain.items()
    }
    head, signature = make_head(  # 4
        id=notification,
        iss=desk,
        kind=draft.kind.name,
        digests=[sealed.digest for sealed in compartments.values()],
        message_key=message_key,
        now=now,
        signer=keys.signer,
    )
    return notification, SealedNotification(head, signature, package, compartments)
