"""Release: hand the content keys of what is open to the desk that may know it, and to nobody else.

No ciphertext is rewritten: a compartment's wrapped key and the key's name change, and the publisher's signature still
covers the rest. This is the port inside the keys role through which every content key leaves, called with the grants
that the same turn decides and records.
"""

from collections.abc import Mapping, Sequence

from cryptography.hazmat.primitives.keywrap import aes_key_wrap

from broker.state.delivery import Epoch
from schemas import Label
from schemas.strict import b64u_encode


def release(content_keys: Mapping[Label, bytes], labels: Sequence[Label], epoch: Epoch) -> dict[Label, str]:
    """The content keys of *labels*, each wrapped for the desk whose epoch key it is; base64url.

    Raises:
        KeyError: a label that the notification does not carry; nothing is released then.
    """
    secret = epoch.secret
    return {label: b64u_encode(aes_key_wrap(secret, content_keys[label])) for label in labels}
