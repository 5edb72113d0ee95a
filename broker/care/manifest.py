"""What a backup holds: the list of its files, and how large the hub's ledgers were.

    TO/hub.db         the hub's file, as SQLite's backup interface copied it
    TO/keyring.json   the hub's other keys, wrapped
    TO/keys/          the key store, sealed under the credential, which is never in a backup
    TO/trust.json     what desks are given out of band
    TO/manifest.json  this: written last, so a backup without one is none

The digests find a copy that was spoilt on its way. They are not signed: whoever can change a backup can change them
too. What nobody can change unnoticed is the ledgers, and those are verified as a whole.
"""

import re
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from broker.errors import BackupRefused, FolderUnusable
from broker.files import read_whole
from broker.transport.tables import DATABASE
from schemas import Said, SchemaRefused
from schemas.identifiers import AgencyIdField
from schemas.said import Moment

MANIFEST = "manifest.json"
KEYRING = "keyring.json"
TRUST = "trust.json"
KEYS = "keys"

_NAME = re.compile(r"hub\.db|keyring\.json|trust\.json|keys/(?:DEMO-KEYS|SEALED-KEYS|[a-z]+-[A-Za-z0-9_-]{1,64}\.key)")
_READ_BYTES = 2**20


def is_ours(name: str) -> bool:
    """Whether a file of this name is one that a backup holds. Names that could lead elsewhere are not."""
    return _NAME.fullmatch(name) is not None


class CopiedFile(Said):
    """One file of a backup."""

    name: Annotated[str, Field(max_length=200)]
    """Relative to the backup, with slashes."""
    size: int = Field(ge=0)
    """Bytes."""
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class CopiedLedger(Said):
    """How far one ledger reached."""

    log: Annotated[str, Field(max_length=255)]
    """Its origin."""
    size: int = Field(ge=0)
    """Entries, signed or not."""
    note: Annotated[str, Field(max_length=131_072)] | None = None
    """The newest signed checkpoint; absent if nothing was signed yet."""


class Manifest(Said):
    """What a backup holds.

    Fields are only added, at the end, with a default. Anything else is a new `v`.
    """

    v: Literal[1] = 1
    hub: AgencyIdField
    made_at: Moment
    files: Annotated[tuple[CopiedFile, ...], Field(min_length=1)]
    ledgers: tuple[CopiedLedger, ...]

    @classmethod
    def load(cls, folder: Path) -> "Manifest":
        """The manifest of a backup.

        Raises:
            FolderUnusable: there is none, or it cannot be read.
            BackupRefused: it is not one of ours, or names files that no backup holds.
        """
        data = read_whole(folder / MANIFEST)
        if data is None:
            raise FolderUnusable(f"`{folder}` holds no whole backup: there is no `{MANIFEST}`")
        try:
            manifest = cls.from_bytes(data)
        except SchemaRefused:
            raise BackupRefused(f"`{folder / MANIFEST}` is not one of ours") from None
        names = [file.name for file in manifest.files]
        if len(set(names)) != len(names) or not all(map(is_ours, names)) or not {DATABASE, KEYRING, TRUST} <= {*names}:
            raise BackupRefused(f"`{folder / MANIFEST}` does not name the files of a backup")
        return manifest


def described(folder: Path, name: str) -> CopiedFile:
    """A file's size and digest as it lies there.

    Raises:
        FolderUnusable: it cannot be read.
    """
    digest, size = sha256(), 0
    path = folder / name
    try:
        with path.open("rb") as file:
            while chunk := file.read(_READ_BYTES):
                digest.update(chunk)
                size += len(chunk)
    except OSError as error:
        raise FolderUnusable(f"cannot read `{path}`: {error.strerror}") from error
    return CopiedFile(name=name, size=size, sha256=digest.hexdigest())
