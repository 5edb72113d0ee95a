"""Real bytes to begin with: what lies about after a few things were said in the county in memory, and its keys."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from broker.client.keys import DeskKeys
from broker.directory import Directory, Hub
from broker.ledger.details import open_detail
from broker.sealing.letters import Item, ItemKind
from broker.sealing.rejection import Rejected
from broker.topics import DIRECTORY, INPUT, inbox
from schemas import DeskId
from schemas.strict import json_decode
from tests.faults.county import BASALT, LANE, ONYX, QUARTZ, case_opened, control, moved, resides
from tests.faults.memory_county import MemoryCounty, origin
from tests.personas import BLACKBURN, BLACKBURN_CHILDREN, DESKS, POLICE, PRESTON, PROBATION

READER = BLACKBURN_CHILDREN.name
"""The desk whose inbox is read."""


@dataclass(frozen=True, slots=True)
class Material:
    """One day's remains."""

    county: MemoryCounty
    """As it stands afterwards."""
    said: list[bytes]
    """Sealed notifications, of several kinds."""
    items: list[bytes]
    """Of the reader's inbox, first among them the one with its key."""
    keys: dict[str, bytes]
    """The reader's, by kid."""
    events: list[bytes]
    notes: list[bytes]
    entries: list[bytes]
    details: list[bytes]
    detail_key: bytes
    """Opens one of them."""
    records: list[bytes]
    """Detail records in clear."""

    @property
    def directory(self) -> Directory:
        """As it stands."""
        return self.county.directory

    @property
    def hub(self) -> Hub:
        """As the directory has it."""
        return self.directory.hub

    @property
    def desk_keys(self) -> DeskKeys:
        """The reader's own."""
        return origin().desk_keys[READER]

    def contents(self, kind: ItemKind) -> list[Any]:
        """What the items of one kind hold, as JSON."""
        return [item.content for data in self.items if (item := Item.from_bytes(data)).kind is kind]


@cache
def material() -> Material:
    """The one of this process."""
    county = MemoryCounty(origin())
    for persona in (ONYX, BASALT, QUARTZ):
        county.run(county.desk(POLICE.name).publish(case_opened(persona)))
    letter = county.run(county.desk(POLICE.name).publish(moved(ONYX, to=BLACKBURN, old=PRESTON)))
    for draft in (resides(BASALT, BLACKBURN), control(ONYX, "case.assessed"), control(BASALT, "consent.recorded")):
        county.run(county.desk(PROBATION.name).publish(draft))
    county.settle()
    for desk in DESKS:
        county.run(county.desk(desk.name).hear())
    county.run(county.desk(READER).acknowledge(letter, "duty officer"))
    county.put(b"{}")
    county.settle()
    county.run(county.desk(READER).hear())
    disk, stored = county.disk, county.stored()
    details = [leaf.detail for leaf in disk.ledgers[LANE] if leaf.detail is not None]
    detail_key = next(key for key in stored.person_keys if any(_opened(detail, [key]) for detail in details))
    return Material(
        county=county,
        said=[value for value in disk.topics[INPUT, 0] if value.startswith(b'{"c"')],
        items=disk.topics[inbox(county.directory.desk(DeskId(READER)).mailbox), 0],
        keys=county.desk(READER).store.keys(),
        events=[value for value in disk.topics[DIRECTORY, 0] if value.startswith(b'{"directory"')],
        notes=list(disk.notes[LANE].values()),
        entries=[leaf.entry for leaf in disk.ledgers[LANE]],
        details=details,
        detail_key=detail_key,
        records=[opened for detail in stored.details.values() if (opened := _opened(detail, stored.person_keys))],
    )


def members(records: list[bytes], name: str) -> list[Any]:
    """The member of this name of each record."""
    return [json_decode(record)[name] for record in records]


def _opened(detail: bytes, keys: list[bytes]) -> bytes | None:
    for key in keys:
        try:
            return open_detail(detail, key)
        except Rejected:
            continue
    return None
