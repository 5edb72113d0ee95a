"""The keys of the hub: what each is for, and how it lies on disk, wrapped by the key store's master."""

from dataclasses import dataclass
from pathlib import Path

from broker.errors import KeyUnavailable
from broker.files import read_whole, write_whole
from broker.ledger.checkpoint import VerifierKey
from broker.ports import KeyStore
from broker.sealing.entropy import Entropy
from broker.sealing.hpke import SEED_BYTES, PrivateKey
from broker.sealing.signatures import Algorithm, Signer, VerifyKey
from schemas.strict import NotStrict, b64u_decode, b64u_encode, json_decode, json_encode

_RELEASE = "release"
_KID_BYTES = 16
_NAMES = ("state", "rows", "persons", _RELEASE)
_LEDGER = "ledger"
_VOICE = "voice"
_DIRECTORY = "directory"


@dataclass(frozen=True, slots=True)
class HubKeys:
    """The hub's keys, unwrapped in the memory of the keys role."""

    # LIMIT: Python cannot wipe keys from memory; see SECURITY.md.

    state: bytes
    """32 bytes: seals rows of state."""
    rows: bytes
    """32 bytes: names rows that belong to no person."""
    persons: bytes
    """32 bytes: makes PersonIds and PersonRefs, and names the rows that hold persons' keys."""
    release: PrivateKey
    release_kid: str
    ledger: VerifierKey
    voice: Signer
    directory: Signer
    directory_key: VerifyKey
    """The public half of `directory`, which desks learn out of band."""
    store: KeyStore

    def sign_ledger(self, body: bytes) -> bytes:
        """An Ed25519 signature over a checkpoint's body."""
        return self.store.sign(_LEDGER, body)


def load_hub_keys(path: Path, store: KeyStore, hub: str, entropy: Entropy) -> HubKeys:
    """The hub's keys from the file that holds them wrapped; made there when there is none.

    Raises:
        KeyUnavailable: the file is not ours, or the key store is not the one that it belongs to.
        FolderUnusable: the file can be neither read nor written.
    """
    data = read_whole(path)
    if data is None:
        data = _make(store, entropy)
        write_whole(path, data)
    try:
        file = json_decode(data)
        master = file["master"]
        keys = {name: store.unwrap(master, b64u_decode(file["wrapped"][name]), name.encode()) for name in _NAMES}
        kids = {name: str(file[f"{name}_kid"]) for name in (_RELEASE, _VOICE, _DIRECTORY)}
        for kid in kids.values():
            b64u_decode(kid, size=_KID_BYTES)
    except (NotStrict, KeyError, TypeError) as error:
        raise KeyUnavailable(f"`{path.name}` is not a key ring") from error
    return HubKeys(
        state=keys["state"],
        rows=keys["rows"],
        persons=keys["persons"],
        release=PrivateKey(keys[_RELEASE]),
        release_kid=kids[_RELEASE],
        ledger=VerifierKey.of(hub, store.public(_LEDGER)),
        voice=_signer(store, _VOICE, kids[_VOICE]),
        directory=_signer(store, _DIRECTORY, kids[_DIRECTORY]),
        directory_key=VerifyKey.load(kids[_DIRECTORY], Algorithm.ED25519, store.public(_DIRECTORY)),
        store=store,
    )


def _make(store: KeyStore, entropy: Entropy) -> bytes:
    master = store.new_master()
    fresh = {name: entropy(SEED_BYTES) for name in _NAMES}
    return json_encode(
        {
            "master": master,
            "wrapped": {name: b64u_encode(store.wrap(master, key, name.encode())) for name, key in fresh.items()},
            "release_kid": b64u_encode(entropy(_KID_BYTES)),
            "voice_kid": b64u_encode(entropy(_KID_BYTES)),
            "directory_kid": b64u_encode(entropy(_KID_BYTES)),
        }
    )


def _signer(store: KeyStore, name: str, kid: str) -> Signer:
    return Signer(kid, Algorithm.ED25519, lambda data: store.sign(name, data))
