"""What comes from an agency's own side: CSV files and their mappings, lines of JSON, settings."""

import csv
import io
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from agency_adapters.csv_drop.mapping import load_mapping
from agency_adapters.csv_drop.rows import ROW_BYTES_MAX, Malformed, Row, read_rows
from agency_adapters.jsonl import JsonLines
from broker.cli.settings_file import desk_settings_text, hub_settings_text
from broker.client import Trust
from broker.errors import FolderUnusable, NotSent, SettingsRefused
from broker.settings import DeskSettings, HubSettings, load_settings
from schemas.strict import json_decode, json_encode
from tests.faults.county import ONYX
from tests.faults.memory_county import origin
from tests.fuzz.material import Material
from tests.fuzz.target import Target
from tests.personas import BLACKBURN, PRESTON, everything
from tests.sayings import CONTACT

_EXAMPLES = Path(__file__).parents[2] / "agency_adapters" / "examples"
_WORDS = (b'""', b"\r", b'",', b"=cmd", b";", b"'''", b'"""', b"%Y", b"%y", b"[[columns]]", b"= {", b"optional = true")


def targets(given: Material) -> Mapping[str, Target]:
    """By name."""
    rows = (_EXAMPLES / "register_changes.csv").read_bytes()
    mapping = (_EXAMPLES / "register_changes.toml").read_bytes()
    desk = desk_settings_text("elm-housing", "https://hub.invented.example", "duty officer", "01632 960001")
    cells = [json_encode(row) for row in csv.DictReader(io.StringIO(rows.decode("utf-8"), newline=""))]
    return {
        "csv_rows": Target(_rows, (), [rows, b"\xef\xbb\xbf" + rows, b'a,"b\r\nc",""""\n\n'], _WORDS),
        "csv_cells": Target(_cells(), (NotSent,), cells),
        "csv_mapping": Target(
            _in_a_file("mapping.toml", lambda path: load_mapping(path.name, path.parent)),
            (SettingsRefused,),
            [mapping],
            _WORDS,
        ),
        "jsonl_line": Target(JsonLines().said, (NotSent,), [_line()]),
        "hub_settings": Target(
            _settings(HubSettings), (SettingsRefused,), [hub_settings_text("hub.example").encode()], _WORDS
        ),
        "desk_settings": Target(_settings(DeskSettings), (SettingsRefused,), [desk.encode()], _WORDS),
        "trust": Target(_in_a_file("trust.json", Trust.load), (FolderUnusable,), [origin().trust.to_bytes()]),
    }


def _rows(data: bytes) -> None:
    """Every line of the file is in one row, or in something that is none; and they come in order."""
    lines = [row.line for row in read_rows(io.BytesIO(data), "utf-8", ",")]
    assert lines == sorted(set(lines))
    for row in read_rows(io.BytesIO(data), "cp1252", ";"):
        match row:
            case Row(cells=cells):
                assert sum(map(len, cells)) <= ROW_BYTES_MAX
            case Malformed(reason=reason):
                assert reason.isascii()


def _cells() -> Callable[[bytes], object]:
    mapping = load_mapping("register_changes.toml", _EXAMPLES)

    def decode(data: bytes) -> None:
        """A row, as its cells by column. What is not there is empty."""
        try:
            value = json_decode(data)
        except ValueError:
            return
        if isinstance(value, dict):
            row = {name: str(value.get(name, "")) for name in mapping.columns}
            mapping.draft(row, CONTACT)

    return decode


def _line() -> bytes:
    said: dict[str, Any] = {label.value: json_decode(what.to_bytes()) for label, what in everything(BLACKBURN).items()}
    facts = {
        "kind": "rso.address_changed",
        "person": json_decode(ONYX.key.to_bytes()),
        "purpose": "public_protection",
        "area": BLACKBURN,
        "area_old": PRESTON,
        "addressed": ["preston-housing"],
        "flags": ["child_related"],
        "risk_rises": True,
    }
    carried = ("contact", "identity", "address", "status", "offence", "risk_summary")
    return json_encode(facts | {name: said[name] for name in carried})


def _settings(model: type[Any]) -> Callable[[bytes], object]:
    return _in_a_file("settings.toml", lambda path: load_settings(path, model))


def _in_a_file(name: str, load: Callable[[Path], object]) -> Callable[[bytes], object]:
    path = Path(mkdtemp()) / name

    def decode(data: bytes) -> None:
        path.write_bytes(data)
        load(path)

    return decode
