"""What a police system drops for the adapter `csv_drop`, and what becomes of it: for the tests of that adapter."""

import csv
import io
import tomllib
from pathlib import Path
from typing import Any

from agency_adapters.csv_drop import CsvDrop, CsvDropSettings
from broker.client import Desk, Sending
from tests.house.tree import ROOT
from tests.units.desk_at_work import at_work, met, police_folder, until

EXAMPLES = ROOT / "agency_adapters" / "examples"
HEADER = (EXAMPLES / "register_changes.csv").read_text(encoding="utf-8").split("\n")[0].split(",")


def dropping(folder: Path) -> Path:
    """Make *folder* that of a hub, with the police desk's own beside it; their drop folder is there already."""
    met(folder)
    (police_folder(folder) / "in").mkdir()
    return folder


def example() -> dict[str, Any]:
    """The mapping of the example."""
    table: dict[str, Any] = tomllib.loads((EXAMPLES / "register_changes.toml").read_text(encoding="utf-8"))
    return table


def settings(**changes: Any) -> CsvDropSettings:
    """What the adapter is given: quick, and with the mapping of the example."""
    given = {"mapping": example(), "look_ms": 10, "settle_ms": 0}
    return CsvDropSettings.model_validate(given | changes)


def person(number: int, **cells: str) -> dict[str, str]:
    """Somebody who does not exist, as a row."""
    usual = {
        "PNC_ID": f"99/{number:07}A",
        "SURNAME": f"Synthetic-{number:05}",
        "FORENAME": "Zed-Invented",
        "DOB": "03/02/1901",
        "ADDRESS_1": f"{number} Unbuilt Terrace",
        "NEW_DISTRICT": "Blackburn with Darwen",
        "OLD_DISTRICT": "Preston",
        "ADDRESS_TYPE": "H",
        "MOVED_ON": "20/11/2026",
        "STATE": "L",
        "OFFENCE": "An invented offence.",
        "CHILD": "Y",
        "FLAGS": "CH",
    }
    return usual | cells


def written(*rows: dict[str, str], header: list[str] | None = None) -> bytes:
    """Rows as a system writes them."""
    text = io.StringIO()
    writer = csv.DictWriter(text, header or HEADER, restval="", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode("utf-8")


def drop(folder: Path, data: bytes, name: str = "moves.csv") -> Path:
    """Put a whole file into the folder, as a careful system does."""
    place = police_folder(folder) / "in"
    (place / f".{name}").write_bytes(data)
    return (place / f".{name}").rename(place / name)


def said(desk: Desk) -> int:
    """How many notifications the desk has said."""
    return len(desk.store.outgoing(*Sending))


def rejected(folder: Path, name: str = "moves.csv") -> list[tuple[int, str]]:
    """The list of rejects of a file: line and reason."""
    path = police_folder(folder) / "rejects" / f"{name}.rejects.csv"
    if not path.exists():
        return []
    header, *rows = csv.reader(path.read_text(encoding="utf-8").splitlines())
    assert header == ["line", "reason"]
    return [(int(line), reason) for line, reason in rows]


def names(folder: Path, place: str) -> list[str]:
    """The names of the files in one of the folders."""
    return sorted(path.name for path in (police_folder(folder) / place).glob("*"))


async def taken(folder: Path, given: CsvDropSettings | None = None, name: str = "moves.csv") -> int:
    """Let the adapter work until a file is out of its folder; how many notifications the outbox then holds."""
    async with at_work(folder, CsvDrop(), given or settings()) as work:
        await until(lambda: not (police_folder(folder) / "in" / name).exists())
        return said(work.desk)
