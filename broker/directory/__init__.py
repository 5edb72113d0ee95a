"""Who is who: the hub, the desks, their keys, the policies in force. A ledger of its own, which every desk reads
whole."""

from broker.directory.directory import Desk, Directory, Hub
from broker.directory.events import (
    DeskRegistered,
    DeskRevoked,
    DirectoryEvent,
    HubFounded,
    PolicyActivated,
    SealingKey,
    SigningKey,
    is_event,
    read_event,
    sealing_key,
    sign_event,
    signing_key,
)
from broker.directory.records import directory_of

__all__ = [
    "Desk",
    "DeskRegistered",
    "DeskRevoked",
    "Directory",
    "DirectoryEvent",
    "Hub",
    "HubFounded",
    "PolicyActivated",
    "SealingKey",
    "SigningKey",
    "directory_of",
    "is_event",
    "read_event",
    "sealing_key",
    "sign_event",
    "signing_key",
]
