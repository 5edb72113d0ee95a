"""The desk's side of the seven steps: compose, seal, outbox, inbox, open, acknowledge. Adapters stand on it."""

from broker.client.compose import Draft, compose
from broker.client.desk import Desk
from broker.client.inbox import Heard
from broker.client.link import Link
from broker.client.opening import OpenedLetter
from broker.client.store import DeskStore, Sending, StoredLetter
from broker.client.trust import Trust

__all__ = ["Desk", "DeskStore", "Draft", "Heard", "Link", "OpenedLetter", "Sending", "StoredLetter", "Trust", "compose"]
