"""Keys in files, one a key, readable by their owner.

In earnest each is sealed under the hub's credential: 32 bytes that the machine hands over when the hub starts, and that
stand in neither the folder nor its backups. For a demonstration they lie in clear; then the folder is marked as such,
and refused for anything else. What this store does not give is a machine of its own for the keys.
"""

import logging
import re
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from broker import telemetry
from broker.errors import FolderUnusable, KeyUnavailable
from broker.files import UNFINISHED, private_folder, read_whole, remove, write_whole
from broker.sealing.entropy import Entropy
from broker.sealing.jwe import IV_BYTES, KEY_BYTES
from schemas.strict import NotStrict, b64u_decode, b64u_encode

MARKER = "DEMO-KEYS"
_MARKER_TEXT = b"Keys for a demonstration with synthetic people. Never use them, or this folder, for anything else.\n"
SEALED = "SEALED-KEYS"
"""Marks a folder whose keys are sealed, and tells at once whether the credential is the one that they are under."""
_SEALED_TEXT = b"tellwise-sealed-keys-v1"
_KID = re.compile(r"[A-Za-z0-9_-]{1,64}")


class FileKeyStore:
    """Keys in a folder. A driver of `KeyStore`."""

    def __init__(self, folder: Path, entropy: Entropy, *, demo: bool, credential: bytes | None = None) -> None:
        """Open the folder, or make it.

        Args:
            folder: Where the keys are.
            entropy: Makes keys and nonces.
            demo: Whether this is a demonstration, with keys in clear.
            credential: 32 bytes, under which keys are sealed in earnest.

        Raises:
            FolderUnusable: neither a demonstration nor a credential, or both; a folder of the other sort; or one that
                holds something else.
            KeyUnavailable: the credential is not the one that the keys are sealed under.
        """
        if demo == (credential is not None):
            raise FolderUnusable("keys in files are sealed under a credential, or are for a demonstration only")
        self._folder = private_folder(folder)
        self._entropy = entropy
        self._signing: dict[str, Ed25519PrivateKey] = {}
        self._masters: dict[str, AESGCM] = {}
        self._seal = None if credential is None else _Seal(credential, entropy)
        self._check_sort()
        if self._seal is None:
            telemetry.emit(telemetry.Event.KEYS_IN_FILES, level=logging.WARNING)

    def _check_sort(self) -> None:
        ours, others = (MARKER, SEALED) if self._seal is None else (SEALED, MARKER)
        if read_whole(self._folder / others) is not None:
            raise FolderUnusable(f"`{self._folder}` holds keys of the other sort: those of a demonstration, or sealed")
        mark = read_whole(self._folder / ours)
        if mark is None:
            if any(file.suffix != UNFINISHED for file in self._folder.iterdir()):
                raise FolderUnusable(f"`{self._folder}` holds files and is not marked as a folder of keys")
            text = _MARKER_TEXT if self._seal is None else self._seal.close(SEALED, _SEALED_TEXT)
            write_whole(self._folder / ours, text)
        elif self._seal is not None:
            self._seal.open(SEALED, mark)

    def sign(self, kid: str, data: bytes) -> bytes:
        """See `KeyStore.sign`."""
        return self._signing_key(kid).sign(data)

    def public(self, kid: str) -> bytes:
        """See `KeyStore.public`."""
        return self._signing_key(kid).public_key().public_bytes_raw()

    def wrap(self, kid: str, key: bytes, context: bytes) -> bytes:
        """See `KeyStore.wrap`."""
        iv = self._entropy(IV_BYTES)
        return iv + self._master(kid).encrypt(iv, key, context)

    def unwrap(self, kid: str, blob: bytes, context: bytes) -> bytes:
        """See `KeyStore.unwrap`."""
        try:
            return self._master(kid).decrypt(blob[:IV_BYTES], blob[IV_BYTES:], context)
        except (InvalidTag, ValueError) as error:
            raise KeyUnavailable(f"master `{kid}` does not open this") from error

    def new_master(self) -> str:
        """See `KeyStore.new_master`."""
        kid = b64u_encode(self._entropy(16))
        self._write(self._path("master", kid), self._entropy(KEY_BYTES))
        return kid

    def destroy(self, kid: str) -> None:
        """See `KeyStore.destroy`."""
        # LIMIT: a file system may keep the blocks; a key store for real use destroys inside its hardware.
        self._masters.pop(kid, None)
        self._signing.pop(kid, None)
        remove(self._path("master", kid))
        remove(self._path("sign", kid))

    def _signing_key(self, kid: str) -> Ed25519PrivateKey:
        if kid not in self._signing:
            path = self._path("sign", kid)
            seed = self._read(path)
            if seed is None:
                seed = self._entropy(KEY_BYTES)
                self._write(path, seed)
            self._signing[kid] = Ed25519PrivateKey.from_private_bytes(seed)
        return self._signing[kid]

    def _master(self, kid: str) -> AESGCM:
        if kid not in self._masters:
            key = self._read(self._path("master", kid))
            if key is None:
                raise KeyUnavailable(f"no master `{kid}`")
            self._masters[kid] = AESGCM(key)
        return self._masters[kid]

    def _path(self, use: str, kid: str) -> Path:
        if _KID.fullmatch(kid) is None:
            raise KeyUnavailable("not a key id")
        return self._folder / f"{use}-{kid}.key"

    def _write(self, path: Path, key: bytes) -> None:
        write_whole(path, key if self._seal is None else self._seal.close(path.name, key))

    def _read(self, path: Path) -> bytes | None:
        key = read_whole(path)
        if key is not None and self._seal is not None:
            key = self._seal.open(path.name, key)
        if key is not None and len(key) != KEY_BYTES:  # sixteen bytes of it would pass for a key of AES-128
            raise KeyUnavailable(f"`{path.name}` is damaged")
        return key


class _Seal:
    """AES-256-GCM under the credential, each file bound to its name, so that no key can stand in for another."""

    def __init__(self, credential: bytes, entropy: Entropy) -> None:
        if len(credential) != KEY_BYTES:
            raise KeyUnavailable(f"the credential has not {KEY_BYTES} bytes")
        self._key, self._entropy = AESGCM(credential), entropy

    def close(self, name: str, key: bytes) -> bytes:
        iv = self._entropy(IV_BYTES)
        return iv + self._key.encrypt(iv, key, name.encode())

    def open(self, name: str, sealed: bytes) -> bytes:
        try:
            return self._key.decrypt(sealed[:IV_BYTES], sealed[IV_BYTES:], name.encode())
        except (InvalidTag, ValueError) as error:
            raise KeyUnavailable(f"`{name}` does not open under this credential") from error


def read_credential(path: Path) -> bytes:
    """The hub's credential, from its file.

    Raises:
        KeyUnavailable: there is none, it is not one, or others may read it.
    """
    try:
        data = read_whole(path)
        others_may = path.stat().st_mode & 0o077 if data is not None else 0
    except (FolderUnusable, OSError) as error:
        raise KeyUnavailable(f"the credential `{path}` cannot be read") from error
    if data is None:
        raise KeyUnavailable(f"there is no credential `{path}`")
    if others_may:
        raise KeyUnavailable(f"others than its owner may read the credential `{path}`")
    try:
        return b64u_decode(data.decode("ascii").strip(), size=KEY_BYTES)
    except (NotStrict, UnicodeDecodeError):
        raise KeyUnavailable(f"`{path}` does not hold a credential") from None


def make_credential(path: Path, entropy: Entropy) -> None:
    """Make a fresh credential in a file of its own, which is not there yet.

    Raises:
        FolderUnusable: it is there, or cannot be made.
    """
    if path.exists():
        raise FolderUnusable(f"`{path}` is there already")
    write_whole(path, b64u_encode(entropy(KEY_BYTES)).encode("ascii") + b"\n")
