"""Tables *epochs* and *numbers*: the key and the count under which a desk gets its letters."""

from functools import cached_property, lru_cache

from broker.ports import Table
from broker.state.rows import Rows
from schemas import DeskId
from schemas.identifiers import KeyIdField
from schemas.said import Said
from schemas.strict import b64u_decode, b64u_encode


class Epoch(Said):
    """The key under which a desk's content keys are wrapped at present."""

    kid: KeyIdField
    epoch: int
    key: str
    """32 bytes, base64url. The row is sealed under the state key like every other."""

    @cached_property
    def secret(self) -> bytes:
        """The key."""
        return b64u_decode(self.key, size=32)

    @classmethod
    def made(cls, kid: str, epoch: int, secret: bytes) -> "Epoch":
        """A key that begins now."""
        return cls.of(kid=kid, epoch=epoch, key=b64u_encode(secret))


def epoch_of(rows: Rows, desk: DeskId) -> Epoch | None:
    """The desk's present key; None if it has none, and so gets no letter."""
    row = rows.get(Table.EPOCHS, rows.vault.row_key(Table.EPOCHS, desk))
    return None if row is None else _read_epoch(row)


@lru_cache(maxsize=4_096)
def _read_epoch(row: bytes) -> Epoch:
    return Epoch.from_bytes(row)


def put_epoch(rows: Rows, desk: DeskId, epoch: Epoch) -> None:
    """The desk's key from now on."""
    rows.put(Table.EPOCHS, rows.vault.row_key(Table.EPOCHS, desk), epoch.to_bytes())


def next_number(rows: Rows, desk: DeskId) -> int:
    """Count one more letter of this lane for the desk; the first is 1."""
    key = rows.vault.row_key(Table.NUMBERS, desk)
    row = rows.get(Table.NUMBERS, key)
    number = 1 if row is None else int.from_bytes(row, "big") + 1
    rows.put(Table.NUMBERS, key, number.to_bytes(8, "big"))
    return number
