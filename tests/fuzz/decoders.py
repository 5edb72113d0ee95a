"""Every decoder that is fuzzed, by name. What comes from outside and is not here is not fuzzed."""

from collections.abc import Mapping
from functools import cache

from tests.fuzz import agency, between_lanes, carried, on_kafka, recorded, sealed
from tests.fuzz.material import material
from tests.fuzz.target import Target

NAMES = (
    *("sealed_notification", "head", "head_fields", "compartment", "padding", "key_package", "item", "letter", "cover"),
    *("package", "package_said", "receipt", "receipt_said", "facts", "compartments_in_clear"),
    *("proof", "note", "checkpoint", "verifier_key", "directory_event", "directory_event_said", "ledger_entry"),
    *("frontier", "detail", "json", "base64", "notification_event", "item_events", "directory_page"),
    *("assertion", "assertion_said"),
    *("card", "card_said", "door", "door_said"),
    *("changelog", "ledger_record", "word", "word_said"),
    *("csv_rows", "csv_cells", "csv_mapping", "jsonl_line", "hub_settings", "desk_settings", "trust"),
)
"""Of all of them, without making anything. Where a name ends in `_said`, what is changed is what somebody signs."""


@cache
def decoders() -> Mapping[str, Target]:
    """All of them."""
    given = material()
    rooms = (sealed, recorded, carried, on_kafka, between_lanes, agency)
    found = {name: target for room in rooms for name, target in room.targets(given).items()}
    assert tuple(found) == NAMES
    return found
