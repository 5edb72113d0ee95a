"""Whether the hub's certificate will be believed: it is in date, and its key belongs to it and is kept to itself."""

import stat
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from broker.health.findings import Finding, ok, problem, warning

ENDS_SOON = timedelta(days=30)
"""As long as an authority that is asked by hand may take."""

_RENEW = "Ask the authority for a new certificate, and put it in its place."


def certificate(path: Path, key: Path, now: datetime) -> list[Finding]:
    """All that can be said of a certificate and its key.

    Args:
        path: PEM: the server's certificate, and those between it and its authority.
        key: PEM: its private key.
        now: The time.

    Raises:
        OSError: a file cannot be read.
    """
    try:
        chain = x509.load_pem_x509_certificates(path.read_bytes())
    except ValueError:
        return [problem(f"`{path}` does not hold certificates in PEM", "Correct `http.certificate` in the settings.")]
    return [*in_date(path, chain, now), *key_belongs(path, chain[0], key), *key_is_private(key)]


def in_date(path: Path, chain: list[x509.Certificate], now: datetime) -> list[Finding]:
    """Whether every certificate of the chain is valid now, and for how long."""
    begins = max(each.not_valid_before_utc for each in chain)
    ends = min(each.not_valid_after_utc for each in chain)
    if now < begins:
        return [problem(f"`{path}` is valid only from {begins:%Y-%m-%d} on", "Check the clock, or use the one before.")]
    if now >= ends:
        return [problem(f"`{path}` was valid until {ends:%Y-%m-%d %H:%M}Z", _RENEW)]
    if ends - now < ENDS_SOON:
        return [warning(f"`{path}` is valid until {ends:%Y-%m-%d}: {(ends - now).days} days", _RENEW)]
    return [ok(f"`{path}` is valid until {ends:%Y-%m-%d}")]


def key_belongs(path: Path, leaf: x509.Certificate, key: Path) -> list[Finding]:
    """Whether the key is the certificate's.

    Raises:
        OSError: the key cannot be read.
    """
    try:
        private = load_pem_private_key(key.read_bytes(), password=None)
    except TypeError:
        return [
            problem(
                f"`{key}` has a password, and nobody is there to type it", "Keep it without, readable by its owner."
            )
        ]
    except (ValueError, UnsupportedAlgorithm):
        return [problem(f"`{key}` does not hold a private key in PEM", "Correct `http.private_key` in the settings.")]
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if private.public_key().public_bytes(*form) != leaf.public_key().public_bytes(*form):
        next_step = "Put the server's own certificate first, and the key beside it that it was made for."
        return [problem(f"`{key}` is not the key of the first certificate in `{path}`", next_step)]
    return [ok(f"`{key}` is the certificate's key")]


def key_is_private(key: Path) -> list[Finding]:
    """Whether others may read or replace the key.

    Raises:
        OSError: it cannot be looked at.
    """
    bits = stat.S_IMODE(key.stat().st_mode)
    if bits & 0o027:
        return [problem(f"others than its owner may read or change `{key}` ({bits:04o})", f"chmod 600 {key}")]
    if bits & 0o077:
        return [warning(f"the group may read `{key}` ({bits:04o})", f"chmod 600 {key}, if the hub owns it.")]
    return []
