"""The table `[adapter.webhook]` of a desk's settings, and the secret that it names."""

import os
import stat
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from broker.errors import SettingsRefused
from broker.settings import is_loopback
from schemas.strict import NotStrict, b64_decode

_PREFIX = "whsec_"
_SECRET_BYTES = range(24, 65)  # Standard Webhooks, "Signature scheme": between 24 and 64 bytes
_FILE_BYTES_MAX = 4_096


def _target(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise PydanticCustomError("url", "not `https://HOST[:PORT]/PATH`")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise PydanticCustomError("url", "a user, a password or a fragment has no place in it")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise PydanticCustomError("url", "plain HTTP beyond this machine")
    return url


class WebhookSettings(BaseModel):
    """What the adapter `webhook` is given."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    url: Annotated[str, AfterValidator(_target)]
    """Where letters are pushed to: https, or plain http on this machine if `allow_networks` has its address."""
    secret_file: str
    """The file with the secret that signs, `whsec_…`, readable by its owner alone. Relative to the desk's folder. With
    two lines, the new secret and the old one, each letter is signed by both while the other side changes over."""
    allow_networks: tuple[IPv4Network | IPv6Network, ...] = ()
    """Networks that letters may be pushed into although they are not public, such as `10.20.0.0/16`. Default: none."""
    authorities: str | None = None
    """PEM: the certificates that may vouch for the other side's. Default: those of this machine."""
    answer_ms: int = Field(default=10_000, ge=100)
    """How long the other side may take to answer."""
    retry_first_ms: int = Field(default=1_000, ge=10)
    retry_longest_ms: int = Field(default=300_000, ge=10)
    """Waits between two attempts: doubled each time, up to the longest, and shortened a little by chance. A letter is
    never given up."""
    parallel_max: int = Field(default=4, ge=1, le=100)
    """Persons whose letters are pushed at the same time. The letters of one person go one after another."""


def load_secrets(path: Path) -> list[bytes]:
    """The secrets of a file, the one to use first.

    Raises:
        SettingsRefused: it cannot be read, others may read it, or it holds no secret. The text holds nothing of it.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            status = os.fstat(handle)
            if not stat.S_ISREG(status.st_mode) or status.st_uid not in (os.geteuid(), 0):
                raise SettingsRefused(f"`secret_file` `{path}`: not a file of ours")
            if status.st_mode & 0o077:
                raise SettingsRefused(f"`secret_file` `{path}`: others may read it; give it mode 600")
            lines = file.read(_FILE_BYTES_MAX).decode("ascii").split()
    except OSError as error:
        raise SettingsRefused(f"`secret_file` `{path}`: {error.strerror}") from None
    except UnicodeDecodeError:
        lines = []
    secrets = [secret for line in lines if (secret := _secret(line)) is not None]
    if not secrets or len(secrets) != len(lines):
        raise SettingsRefused(f"`secret_file` `{path}`: not `{_PREFIX}` and 24 to 64 bytes in base64, one a line")
    return secrets


def _secret(line: str) -> bytes | None:
    try:
        secret = b64_decode(line.removeprefix(_PREFIX))
    except NotStrict:
        return None
    return secret if line.startswith(_PREFIX) and len(secret) in _SECRET_BYTES else None
