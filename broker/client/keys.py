"""A desk's own keys: one that signs, one that keys are sealed to. They never leave the desk's folder."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from broker.directory import SealingKey, SigningKey, sealing_key, signing_key
from broker.errors import KeyUnavailable
from broker.files import read_whole, write_whole
from broker.sealing.entropy import Entropy
from broker.sealing.hpke import SEED_BYTES, PrivateKey
from broker.sealing.signatures import Algorithm, Signer
from schemas.strict import NotStrict, b64u_decode, b64u_encode, json_decode, json_encode

_SECRETS = ("signing", "sealing", "blinding")


@dataclass(frozen=True, slots=True)
class DeskKeys:
    """The keys of one desk, in memory."""

    # LIMIT: the file holds the seeds in clear, readable by its owner alone; a desk for real use wraps it in its own
    # vault.

    signer: Signer
    sealing: PrivateKey
    sealing_kid: str
    public_signing: SigningKey
    public_sealing: SealingKey
    _blinding: bytes

    def blind(self, user: str) -> str:
        """How this agency names one of its people to the hub: 22 characters that only the agency can trace."""
        return b64u_encode(hmac.digest(self._blinding, user.encode("utf-8"), sha256)[:16])


def load_desk_keys(path: Path, entropy: Entropy) -> DeskKeys:
    """The desk's keys from their file; made there when there is none.

    Raises:
        KeyUnavailable: the file is not one of ours.
        FolderUnusable: the file can be neither read nor written.
    """
    data = read_whole(path)
    if data is None:
        made = {
            **{name: b64u_encode(entropy(SEED_BYTES)) for name in _SECRETS},
            "signing_kid": b64u_encode(entropy(16)),
            "sealing_kid": b64u_encode(entropy(16)),
        }
        data = json_encode({**made, "digest": _digest(made)})
        write_whole(path, data)
    try:
        file = json_decode(data)
        seeds = {name: b64u_decode(file[name], size=SEED_BYTES) for name in _SECRETS}
        signing_kid, sealing_kid = str(file["signing_kid"]), str(file["sealing_kid"])
        # A disk that altered a key would make us sign, open and name people under another, and nobody could say why.
        if file.pop("digest") != _digest(file):
            raise NotStrict("not what was written")
    except (NotStrict, KeyError, TypeError) as error:
        raise KeyUnavailable(f"`{path.name}` does not hold a desk's keys") from error
    signing = Ed25519PrivateKey.from_private_bytes(seeds["signing"])
    sealing = PrivateKey(seeds["sealing"])
    return DeskKeys(
        signer=Signer(signing_kid, Algorithm.ED25519, signing.sign),
        sealing=sealing,
        sealing_kid=sealing_kid,
        public_signing=signing_key(signing_kid, Algorithm.ED25519, signing.public_key().public_bytes_raw()),
        public_sealing=sealing_key(sealing_kid, sealing.public_bytes),
        _blinding=seeds["blinding"],
    )


def _digest(members: Mapping[str, object]) -> str:
    return b64u_encode(sha256(json_encode(members)).digest())
