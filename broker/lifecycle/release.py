"""Release: hand the content keys of what is open to the desk that may know it, and to nobody else.

No ciphertext is rewritten: a compartment's header and wrapped key change, and the publisher's signature still covers
the rest. This is the port inside the keys role through which every content key leaves, called with the grants that
the same turn decides and records.
"""

from broker.sealing.compartments import Compartment
from broker.state.delivery import Epoch
from schemas import Label


def release(
    compartments: dict[Label, Compartment], content_keys: dict[Label, bytes], labels: tuple[Label, ...], epoch: Epoch
) -> dict[Label, Compartment]:
    """The compartments of *labels*, re-targeted to the desk whose epoch key it is.

    Raises:
        KeyError: a label that the notification does not carry; nothing is released then.
    """
    secret = epoch.secret
    return {label: compartments[label].retargeted(content_keys[label], secret, epoch.kid) for label in labels}
