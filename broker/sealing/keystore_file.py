"""The key store for development: keys in files, one a key, readable by their owner.

Marked as such in the folder itself, and refused unless the caller says that this is a demonstration. It keeps the
promises of the port; what it does not give is a machine of its own for the keys.
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
from schemas.strict import b64u_encode

MARKER = "DEMO-KEYS"
_MARKER_TEXT = b"Keys for a demonstration with synthetic people. Never use them, or this folder, for anything else.\n"
_KID = re.compile(r"[A-Za-z0-9_-]{1,64}")


class FileKeyStore:
    """Keys in a folder. A driver of `KeyStore`."""

    def __init__(self, folder: Path, entropy: Entropy, *, demo: bool) -> None:
        """Open the folder, or make it.

        Raises:
            FolderUnusable: not a demonstration, or a folder that is not marked as one.
        """
        if not demo:
            raise FolderUnusable("keys in files are for the demonstration only")
        self._folder = private_folder(folder)
        self._entropy = entropy
        self._signing: dict[str, Ed25519PrivateKey] = {}
        self._masters: dict[str, AESGCM] = {}
        marker = folder / MARKER
        if read_whole(marker) is None:
            if any(file.suffix != UNFINISHED for file in folder.iterdir()):
                raise FolderUnusable(f"`{folder}` holds files and is not marked as demo keys")
            write_whole(marker, _MARKER_TEXT)
        telemetry.emit(telemetry.Event.KEYS_IN_FILES, level=logging.WARNING)

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
        write_whole(self._path("master", kid), self._entropy(KEY_BYTES))
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
            seed = _read_key(path)
            if seed is None:
                seed = self._entropy(KEY_BYTES)
                write_whole(path, seed)
            self._signing[kid] = Ed25519PrivateKey.from_private_bytes(seed)
        return self._signing[kid]

    def _master(self, kid: str) -> AESGCM:
        if kid not in self._masters:
            key = _read_key(self._path("master", kid))
            if key is None:
                raise KeyUnavailable(f"no master `{kid}`")
            self._masters[kid] = AESGCM(key)
        return self._masters[kid]

    def _path(self, use: str, kid: str) -> Path:
        if _KID.fullmatch(kid) is None:
            raise KeyUnavailable("not a key id")
        return self._folder / f"{use}-{kid}.key"


def _read_key(path: Path) -> bytes | None:
    key = read_whole(path)
    if key is not None and len(key) != KEY_BYTES:  # sixteen bytes of it would pass for a key of AES-128
        raise KeyUnavailable(f"`{path.name}` is damaged")
    return key
