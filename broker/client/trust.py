"""What a desk must know of a hub before it can check anything: its name and its directory key. Given out of band."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from broker.errors import FolderUnusable
from broker.files import read_whole, write_whole
from broker.sealing.rejection import Rejected
from broker.sealing.signatures import Algorithm, VerifyKey
from schemas import SchemaRefused
from schemas.identifiers import AgencyIdField, KeyIdField
from schemas.said import Said
from schemas.strict import NotStrict, b64u_decode


class Trust(Said):
    """The root of everything that a desk believes about a hub."""

    hub: AgencyIdField
    kid: KeyIdField
    pub: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{43}$")]
    """Ed25519, 32 bytes."""

    @property
    def key(self) -> VerifyKey:
        """The key that directory events are checked with."""
        return VerifyKey.load(self.kid, Algorithm.ED25519, b64u_decode(self.pub, size=32))

    def save(self, path: Path) -> None:
        """Keep it in a file of its own."""
        write_whole(path, self.to_bytes())

    @classmethod
    def load(cls, path: Path) -> "Trust":
        """Read what `save` wrote.

        Raises:
            FolderUnusable: no such file, or not one of ours.
        """
        data = read_whole(path)
        if data is None:
            raise FolderUnusable(f"no trust file `{path}`")
        try:
            trust = cls.from_bytes(data)
            _ = trust.key
        except (SchemaRefused, NotStrict, Rejected) as error:
            raise FolderUnusable(f"`{path}` is not a trust file") from error
        return trust
