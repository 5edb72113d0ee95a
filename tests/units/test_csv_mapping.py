"""A mapping from a system's own columns to what can be said: a typo is found before the first file, and a cell that
does not fit is named by its column and never quoted."""

import csv
import tomllib
from pathlib import Path
from typing import Any

import pytest

from agency_adapters.csv_drop.mapping import ColumnMapping, load_mapping
from broker.client import Draft
from broker.errors import NotSent, SettingsRefused
from schemas import Label, Tag
from schemas.compartments import Address, Identity, Offence
from tests.house.tree import ROOT
from tests.sayings import CONTACT

EXAMPLES = ROOT / "agency_adapters" / "examples"
CANARY = "Synthetic-Onyx"

NOTHING = object()


def table(**changes: Any) -> dict[str, Any]:
    """The table of the example, with members changed; a dotted name is a column's, and NOTHING takes one out."""
    members: dict[str, Any] = tomllib.loads((EXAMPLES / "register_changes.toml").read_text(encoding="utf-8"))
    for name, value in changes.items():
        place = members["columns"] if "." in name else members
        if value is NOTHING:
            del place[name]
        else:
            place[name] = value
    return members


def mapping(**changes: Any) -> ColumnMapping:
    return load_mapping(table(**changes), ROOT)


def rows() -> list[dict[str, str]]:
    with (EXAMPLES / "register_changes.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def draft(by: ColumnMapping, **cells: str) -> Draft:
    """What the first row of the example says, with cells changed."""
    return by.draft({**rows()[0], **cells}, CONTACT)


def test_the_example_is_read_as_it_is_meant() -> None:
    said = [load_mapping("register_changes.toml", EXAMPLES).draft(row, CONTACT) for row in rows()]

    first, second, third = said
    identity, address, offence = (first.compartments[x] for x in (Label.IDENTITY, Label.ADDRESS, Label.OFFENCE))
    assert isinstance(identity, Identity)
    assert isinstance(address, Address)
    assert isinstance(offence, Offence)
    assert (first.area, first.area_old, first.flags) == ("E06000008", "E07000123", (Tag.CHILD_RELATED,))
    assert (identity.names[0].family, identity.date_of_birth.isoformat()) == (CANARY, "1901-02-03")
    assert [alias.given for alias in identity.aliases] == ["Zedling"]
    assert address.lines == ("Flat 2, 14 Unbuilt Terrace", "Invented-on-the-Water")
    assert offence.against_child
    assert first.compartments[Label.CONTACT] == CONTACT
    assert (second.area, second.flags) == ("E07000118", ())
    other = second.compartments[Label.IDENTITY]
    assert isinstance(other, Identity)
    assert other.aliases == ()
    assert set(third.flags) == {Tag.CHILD_RELATED, Tag.VIOLENT_RECORD}


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"kind": "rso.flew_away"}, "rso.flew_away"),
        ({"purpose": NOTHING}, "`purpose`"),
        ({"purpose": "curiosity"}, "`purpose`"),
        ({"person": NOTHING}, "`person`"),
        ({"person": {"scheme": "passport", "column": "X"}}, "`person.scheme`"),
        ({"persons": 1}, "`persons`"),
        ({"area": NOTHING}, "`area`"),
        ({"area": {"column": "NEW_DISTRICT", "optional": True}}, "`area`"),
        ({"corrects": "X"}, "`corrects`"),
        ({"flags": ["innocent"]}, "`innocent`"),
        ({"flags": {"column": "FLAGS", "words": {"A": "innocent"}}}, "`innocent`"),
        ({"identity.names.0.forename": "X"}, "`columns.identity.names.0.forename`: `identity.names.0` has no field"),
        ({"identity.names.given": "X"}, "`identity.names` is a list"),
        ({"identity": "X", "identity.names": "X"}, "identity"),
        ({"weather.sky": "X"}, "no compartment `weather`"),
        ({"contact.role": "X"}, "no compartment `contact`"),
        ({"facts.seq": "X"}, "no compartment `facts`"),
        ({"identity.names.0.given": NOTHING}, "`identity.names.0.given` is missing"),
        ({"status.state": NOTHING}, "`status.state` is missing"),
        ({"address.kind": NOTHING}, "`address.kind` is missing"),
        ({"offence.summary.0": "X"}, "`offence.summary` is a single value"),
        ({"address.lines": {"column": "ADDRESS_1", "split": ";"}}, "`columns.address.lines`: given twice"),
        ({"identity.date_of_birth": {"column": "DOB", "date": "%d/%m/%y"}}, "year of four digits"),
        ({"identity.date_of_birth": {"column": "DOB", "date": "%d/%m/%Y %Y"}}, "year of four digits"),
        ({"identity.date_of_birth": {"column": "DOB", "date": "%m/%Y"}}, "year of four digits"),
        ({"identity.date_of_birth": {"column": "DOB", "dates": "%d/%m/%Y"}}, "dates"),
        ({"identity.date_of_birth": {"column": "DOB", "yes": ["Y"]}}, "`yes` says nothing of this field"),
        ({"offence.summary": {"column": "OFFENCE", "date": "%d/%m/%Y"}}, "`date` says nothing of this field"),
        ({"offence.against_child": "CHILD"}, "what means `yes`"),
        ({"offence.against_child": {"column": "CHILD", "yes": ["Y"], "no": ["Y"]}}, "what means `yes`"),
        ({"status.state": {"column": "STATE", "words": {"L": "loose"}}}, "`loose` is not in the vocabulary"),
        ({"status.state": {"value": "loose"}}, "not in the vocabulary"),
        ({"status.event": {"value": 3}}, "another kind"),
        ({"status.event": {"value": "has moved", "column": "X"}}, "either a column or a value"),
        ({"status.event": {}}, "either a column or a value"),
        ({"status.missing_since": "X"}, "`moment`"),
        ({"status.missing_since": {"column": "X", "moment": "%d/%m/%Y"}}, "an hour and a minute"),
        ({"status.missing_since": {"column": "X", "moment": "%d/%m/%Y %H:%M", "zone": "Nowhere/At_All"}}, "time zone"),
    ],
)
def test_a_typo_in_a_mapping_is_found_before_the_first_file(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(SettingsRefused) as refused:
        mapping(**changes)

    assert named in str(refused.value)


def test_a_compartment_that_the_kind_needs_is_asked_for() -> None:
    without = {name: NOTHING for name in table()["columns"] if name.startswith("address.")}

    with pytest.raises(SettingsRefused, match="needs `address`"):
        mapping(**without)


@pytest.mark.parametrize(
    ("text", "named"), [("kind = 1 2", "line 1"), ("kind = 1", "`kind`"), ("[columns]\n'a' = 1", "`columns.a`")]
)
def test_a_mapping_file_that_is_none_is_refused_with_its_place(tmp_path: Path, text: str, named: str) -> None:
    (tmp_path / "moves.toml").write_text(text, encoding="utf-8")

    with pytest.raises(SettingsRefused, match=r"moves\.toml") as refused:
        load_mapping("moves.toml", tmp_path)
    assert named in str(refused.value)


def test_a_mapping_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsRefused, match="No such file"):
        load_mapping("moves.toml", tmp_path)


@pytest.mark.parametrize(
    ("cells", "named"),
    [
        ({"FORENAME": ""}, "column `FORENAME`: empty"),
        ({"FORENAME": "   "}, "column `FORENAME`: empty"),
        ({"PNC_ID": ""}, "column `PNC_ID`: empty"),
        ({"PNC_ID": f"{CANARY} {CANARY}"}, "PersonKey"),
        ({"DOB": f"{CANARY}"}, "column `DOB`: not spelt `%d/%m/%Y`"),
        ({"DOB": "1901-02-03"}, "column `DOB`"),
        ({"DOB": "31/02/1901"}, "column `DOB`"),
        ({"DOB": "03/02/01"}, "column `DOB`"),
        ({"STATE": CANARY}, "column `STATE`: not one of the words"),
        ({"CHILD": CANARY}, "column `CHILD`: neither"),
        ({"CHILD": "yes, a child"}, "column `CHILD`: neither"),
        ({"NEW_DISTRICT": CANARY}, "column `NEW_DISTRICT`: not the name or code of one district"),
        ({"OLD_DISTRICT": "Cumbria"}, "column `OLD_DISTRICT`"),
        ({"FLAGS": CANARY}, "column `FLAGS`"),
        ({"SURNAME": "x" * 201}, "family"),
        ({"SURNAME": f"{CANARY}\nfoo"}, "family"),
        ({"ALIAS_SURNAME": ""}, "aliases.0.family"),
        ({"POSTCODE": CANARY}, "postcode"),
        ({"POSTCODE": "QQ1 1AA"}, "address.postcode"),
    ],
)
def test_a_cell_that_does_not_fit_is_named_and_not_quoted(cells: dict[str, str], named: str) -> None:
    with pytest.raises(NotSent) as refused:
        draft(mapping(), **cells)

    assert named in str(refused.value)
    assert not any(cell.strip() and cell in str(refused.value) for cell in cells.values())


def test_everything_that_is_wrong_with_a_row_is_said_at_once() -> None:
    with pytest.raises(NotSent) as refused:
        draft(mapping(), DOB="soon", STATE="X", CHILD="")

    assert all(column in str(refused.value) for column in ("`DOB`", "`STATE`", "`CHILD`"))


def test_a_moment_is_read_in_its_time_zone_and_an_uncertain_one_is_refused() -> None:
    rule = {"column": "SEEN", "moment": "%d/%m/%Y %H:%M"}
    missing = mapping(**{"status.missing_since": rule})

    summer = draft(missing, SEEN="01/07/2026 12:30").compartments[Label.STATUS]
    assert summer.model_dump(mode="json")["missing_since"] == "2026-07-01T11:30:00Z"
    for uncertain in ("25/10/2026 01:30", "29/03/2026 01:30"):
        with pytest.raises(NotSent, match="clock change"):
            draft(missing, SEEN=uncertain)


def test_a_group_without_anything_in_it_is_left_out() -> None:
    vehicle = mapping(
        **{
            "vehicle.vehicles.0.registration": {"column": "CAR", "optional": True},
            "vehicle.vehicles.0.make_and_colour": {"value": "not known"},
        }
    )

    assert Label.VEHICLE not in draft(vehicle, CAR="").compartments
    assert Label.VEHICLE in draft(vehicle, CAR="ZZ99 ONX").compartments


def test_numbers_ranks_and_lists_are_read() -> None:
    risk = mapping(
        **{
            "risk_summary.level": {"column": "RISK", "words": {"VH": "very high"}},
            "risk_summary.to_whom": {"column": "TO", "split": ";"},
            "risk_summary.mappa_category": "CAT",
            "risk_summary.mappa_level": {"column": "LEVEL", "words": {"ordinary": 1}},
            "description.appearance": {"value": "Invented."},
            "description.height_cm": "HEIGHT",
        }
    )
    cells = {"RISK": "VH", "TO": "children; known adult;", "CAT": "2", "LEVEL": "ordinary", "HEIGHT": "180"}

    said = draft(risk, **cells).compartments
    assert said[Label.RISK_SUMMARY].model_dump(mode="json")["to_whom"] == ["children", "known adult"]
    assert said[Label.RISK_SUMMARY].model_dump(mode="json")["mappa_category"] == 2
    assert said[Label.DESCRIPTION].model_dump(mode="json")["height_cm"] == 180
    for wrong in ({"CAT": "9"}, {"HEIGHT": "1.8"}, {"HEIGHT": "١٨٠"}):
        with pytest.raises(NotSent):
            draft(risk, **{**cells, **wrong})
