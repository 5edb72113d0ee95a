"""A hub's ledgers as the engine itself writes them, turn after turn, and somebody who changes them behind its back."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import apsw
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from broker.errors import NotThere
from broker.ledger import entries
from broker.ledger.checkpoint import Checkpoint, VerifierKey, sign_note
from broker.ledger.merkle import EMPTY, Frontier, extend, leaf_hash
from broker.ledger.window import LedgerWindow
from broker.ports import Lane, Leaf
from broker.transport.embedded import EmbeddedTransport
from broker.transport.ledger_reader import LedgerReader
from schemas import DeskId, Label, Purpose
from schemas.strict import b64u_encode
from tests.contracts.clock import MovedClock
from tests.contracts.engine import owned

LANE, DIRECTORY = "hub.invented.example/lane-0", "hub.invented.example/directory"
HUB, STRANGER = (Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32) for seed in (1, 2))
KEY = VerifierKey.of("hub.invented.example", HUB.public_key().public_bytes_raw())

ACTOR, TOLD, ISSUER, BYSTANDER = map(DeskId, ("elm-police", "elm-housing", "elm-probation", "elm-school-places"))
DESKS = (ACTOR, TOLD, ISSUER, BYSTANDER)

ID, DIGEST, SALT = b64u_encode(bytes(16)), b64u_encode(bytes(32)), b64u_encode(bytes(16))
FIELDS: dict[str, Any] = {
    "salt": SALT,
    "ts": datetime(2026, 3, 2, 9, 30, tzinfo=UTC),
    "dir": 4,
    "actor": ACTOR,
    "to": TOLD,
    "iss": ISSUER,
    "agency": "elm-council",
    "id": ID,
    "kid": ID,
    "letter": ID,
    "kind": "rso.address_changed",
    "cmp": {Label.IDENTITY: DIGEST},
    "purpose": Purpose.SAFEGUARDING,
    "policy": "sha256:" + "0" * 64,
    "part": 1,
    "n": 1,
    "epoch": 0,
    "nbf": 0,
}
"""A value for each field of each kind of entry; every other field is a digest. Each role is another desk's."""

KINDS: list[type[entries.Entry]] = list(get_args(entries.Entry))


def entry_of(kind: type[entries.Entry], **fields: object) -> bytes:
    """An entry of a kind, each of its fields with a value."""
    given = {name: FIELDS.get(name, DIGEST) for name in kind.model_fields if name not in {"v", "op"}}
    return kind.of(**{**given, **fields}).to_bytes()


ONE_OF_EACH = [entry_of(kind) for kind in KINDS]


def fillers(count: int, first: int = 0) -> list[bytes]:
    """Fillers, no two of them alike."""
    return [
        entry_of(entries.Filler, salt=b64u_encode(number.to_bytes(16, "big"))) for number in range(first, first + count)
    ]


class Books:
    """The ledgers of a hub, written by the engine itself, turn after turn."""

    def __init__(self, path: Path, lane: Lane) -> None:
        self.path = path
        self._lane = lane
        self._frontiers: dict[str, Frontier] = {}

    async def append(self, log: str, lines: Sequence[bytes], *, sign: bool = True) -> None:
        """Commit entries, and then their checkpoint."""
        before = self._frontiers.get(log, EMPTY)
        after = self._frontiers[log] = extend(before, [leaf_hash(line) for line in lines])
        async with self._lane.transaction() as tx:
            tx.record(log, before.size, [Leaf(line, None) for line in lines], after.to_bytes())
        if sign:
            async with self._lane.transaction() as tx:
                tx.sign(log, after.size, note_of(log, after))

    def tamper(self, sql: str, *values: str | int | bytes) -> None:
        """What somebody does who can write to the file."""
        with closing(apsw.Connection(str(self.path))) as connection:
            connection.execute(sql, values).fetchall()


def note_of(log: str, frontier: Frontier, key: Ed25519PrivateKey = HUB) -> bytes:
    """A checkpoint, signed."""
    verifier = VerifierKey.of("hub.invented.example", key.public_key().public_bytes_raw())
    return sign_note(Checkpoint(log, frontier.size, frontier.root()), verifier, key.sign)


@asynccontextmanager
async def books(folder: Path) -> AsyncIterator[Books]:
    """Ledgers without an entry."""
    transport = EmbeddedTransport(folder / "hub.db", MovedClock())
    try:
        async with owned(transport) as (lane, _):
            yield Books(folder / "hub.db", lane)
    finally:
        await transport.close()


def window(path: Path) -> LedgerWindow:
    """A window on the ledgers of a file, as a process opens it that was just started."""
    return LedgerWindow(LedgerReader(path), KEY, lanes=(LANE,), directory=DIRECTORY)


def refused(asked: Callable[..., object], *args: object) -> str:
    """What somebody is told whom nothing is shown: all that they see of it."""
    with pytest.raises(NotThere) as error:
        asked(*args)
    return f"{type(error.value).__name__} {error.value} {error.value.args} {error.value.next_step}"
