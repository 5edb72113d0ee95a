"""Whether this machine has what Tellwise stands on: Python, SQLite, the cryptography, and policies that load."""

import hmac
import resource

import apsw
import cryptography
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.backends.openssl import backend

from broker.errors import EngineUnsafe
from broker.health.findings import Finding, ok, problem, warning
from broker.sealing.entropy import Entropy
from broker.sealing.hpke import SEED_BYTES, PrivateKey, PublicKey
from broker.sealing.rejection import Rejected
from broker.transport.database import has_wal_reset_bug
from policies import Bundle
from policies.bundle import BundleRefused

PYTHON_FIRST = (3, 11)
PYTHON_AFTER_LAST = (3, 14)
"""From the first, and before the other: as `requires-python` in pyproject.toml; a test compares them."""

_PINNED = "Install the pinned dependencies."


def python(version: tuple[int, ...]) -> list[Finding]:
    """Whether Tellwise is tested on this Python.

    Args:
        version: As in `sys.version_info`, numbers only.
    """
    text = ".".join(map(str, version))
    if PYTHON_FIRST <= version[:2] < PYTHON_AFTER_LAST:
        return [ok(f"Python {text}")]
    first, last = ".".join(map(str, PYTHON_FIRST)), f"{PYTHON_AFTER_LAST[0]}.{PYTHON_AFTER_LAST[1] - 1}"
    return [problem(f"Python {text} is not one that Tellwise is tested on", f"Use Python {first} to {last}.")]


def sqlite() -> list[Finding]:
    """Whether this SQLite keeps what was committed.

    Raises:
        EngineUnsafe: it does not.
    """
    refuse_unsafe_sqlite()
    return [ok(f"SQLite {apsw.sqlite_lib_version()}")]


def refuse_unsafe_sqlite() -> None:
    """Go no further with an SQLite that loses committed data.

    Raises:
        EngineUnsafe: it is one.
    """
    version = apsw.sqlite_lib_version()
    if has_wal_reset_bug(tuple(int(number) for number in version.split("."))):
        raise EngineUnsafe(f"sqlite {version} has the WAL-reset bug and can lose what was committed")


def sealing(entropy: Entropy) -> list[Finding]:
    """Whether a key can be sealed and opened here as it is for a desk, post-quantum half included: it is done once."""
    libraries = f"cryptography {cryptography.__version__}, {backend.openssl_version_text()}"
    key, use = entropy(32), b"doctor"
    try:
        private = PrivateKey(entropy(SEED_BYTES))
        is_same = hmac.compare_digest(private.open(PublicKey(private.public_bytes).seal(key, use), use), key)
    except (Rejected, UnsupportedAlgorithm):
        is_same = False
    if not is_same:
        return [problem(f"a key cannot be sealed and opened with {libraries}", _PINNED)]
    return [ok(f"{libraries}: a key was sealed and opened")]


def policies() -> list[Finding]:
    """Whether the policies of this installation can be loaded, and which they are."""
    try:
        bundle = Bundle.load()
    except BundleRefused as refused:
        return [problem(str(refused), "Install the wheel again, or correct the policies that are named.")]
    return [ok(f"{len(bundle.policy_ids)} policies, {bundle.digest}")]


def core_dumps(bytes_max: int) -> list[Finding]:
    """Whether a crash would write this user's memory, keys included, to a file.

    LIMIT: it is asked for the process that looks, which a service manager may have given other limits than the
    service; and a kernel that pipes its dumps to a program leaves it to that program to obey.

    Args:
        bytes_max: The soft limit, `RLIMIT_CORE`.
    """
    if bytes_max == 0:
        return [ok("no core dumps")]
    what = "a crash may write a core dump, and the keys in memory with it"
    return [warning(what, "Set `LimitCORE=0` for the service, or `ulimit -c 0`.")]


def core_bytes_max() -> int:
    """The soft limit of this process."""
    return resource.getrlimit(resource.RLIMIT_CORE)[0]
