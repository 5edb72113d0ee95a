"""A desk's own system that takes letters by HTTP: each is pushed to it, signed, until it says that it has it.

addresses.py says where a letter may be sent at all, post.py makes one attempt, turns.py says whose turn it is. Those
who write the other side find all that they need in the Standard Webhooks specification.
"""

from agency_adapters.webhook.adapter import Webhook
from agency_adapters.webhook.settings import WebhookSettings

__all__ = ["Webhook", "WebhookSettings"]
