"""What a lane writes to its changelog and to the ledger's topic on Kafka."""

from collections.abc import Mapping
from itertools import chain

from broker.errors import StateUnreadable
from broker.kafka.coding import (
    Change,
    Edge,
    Reached,
    Row,
    change_from_record,
    change_to_record,
    from_ledger_record,
    growth_to_records,
    note_to_record,
)
from broker.ports import Leaf, RowKey, SealedRow, Table
from broker.transport.turn import Growth, Note
from tests.fuzz.material import Material
from tests.fuzz.target import Target

_KEY_BYTES = 2
"""Of the length of the key that stands before it and the value, for a decoder that takes both apart."""
_LOG = "hub.invented.example/lane-0"
_FRONTIER = (3).to_bytes(8, "big") + bytes(64)
_LENGTHS = [size.to_bytes(width, "big") for width in (4, 8) for size in (0, 1, 2**31, 2**32 - 2, 2**32 - 1)]


def targets(given: Material) -> Mapping[str, Target]:
    """By name."""
    key = RowKey(bytes(range(32)))
    changes: list[Change] = [Row(table, key, SealedRow(given.details[0])) for table in Table]
    changes += [Row(Table.SEEN, key, None), Edge(_LOG, _FRONTIER), Reached(7)]
    rows = [change_to_record(change) for change in changes]
    leaves = [Leaf(entry, detail) for entry, detail in zip(given.entries, [*given.details, None], strict=False)]
    growth = Growth(_LOG, 0, tuple(leaves), _FRONTIER)
    notes = [note_to_record(Note(_LOG, size, note)) for size, note in enumerate(given.notes)]
    part = Growth(_LOG, 5, (Leaf(b"entry", None),), b"")
    return {
        "changelog": Target(_change, (StateUnreadable,), [_together(*row) for row in rows]),
        "ledger_record": Target(
            _record,
            (StateUnreadable,),
            [*chain(growth_to_records(growth), growth_to_records(part), notes)],
            _LENGTHS,
        ),
    }


def _together(key: bytes, value: bytes | None) -> bytes:
    return len(key).to_bytes(_KEY_BYTES, "big") + key + (b"" if value is None else b"=" + value)


def _change(data: bytes) -> None:
    """What is taken is what is written again."""
    end = _KEY_BYTES + int.from_bytes(data[:_KEY_BYTES], "big")
    key, value = data[_KEY_BYTES:end], data[end + 1 :] if data[end : end + 1] else None
    assert change_to_record(change_from_record(key, value)) == (key, value), "taken in another spelling"


def _record(data: bytes) -> None:
    held = from_ledger_record(data)
    again = [note_to_record(held)] if isinstance(held, Note) else list(growth_to_records(held))
    assert again == [data], "taken in another spelling"
