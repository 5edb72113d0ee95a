"""Which column is which field: a table that is checked as a whole before the first file, and then read row by row.

    kind = "rso.address_changed"
    purpose = "public_protection"
    person = { scheme = "pnc", column = "PNC_ID" }
    area = "DISTRICT"

    [columns]
    "identity.names.0.given" = "FORENAME"
    "identity.date_of_birth" = { column = "DOB", date = "%d/%m/%Y" }
    "status.event" = { value = "has moved" }

A group of which every column is empty in a row (a second name, a whole compartment) is left out of it, together with
the values that are the same for every row; all of its columns must be optional for that.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from agency_adapters.csv_drop.cells import CellRefused, CellRule, Rule, Value, problems_of, read_cell, value_of
from agency_adapters.csv_drop.fields import FieldPath, NoField, Sort, Step, find_field, required_below
from broker.client import Draft, compose
from broker.errors import NotSent, SettingsRefused
from broker.settings import check_settings
from schemas import (
    AreaCode,
    DeskId,
    Kind,
    Label,
    NotificationId,
    PersonKey,
    PersonScheme,
    Purpose,
    Said,
    SchemaRefused,
    Tag,
    UnknownKind,
    kind_of,
)
from schemas.compartments import Contact
from schemas.kinds.kind import Need
from schemas.strict import json_encode


class Person(BaseModel):
    """Where the person's identifier stands, and whose it is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    scheme: PersonScheme
    column: str


class MappingTable(BaseModel):
    """The table as it is written."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    kind: str
    purpose: Purpose
    person: Person
    area: CellRule | None = None
    area_old: CellRule | None = None
    addressed: CellRule | None = None
    attendees: CellRule | None = None
    corrects: CellRule | None = None
    flags: CellRule | None = None
    risk_rises: CellRule | None = None
    columns: dict[str, CellRule]


_FACTS: Mapping[str, FieldPath] = {
    name: FieldPath(name, (name,), sort, {})
    for name, sort in {
        "area": Sort.AREA,
        "area_old": Sort.AREA,
        "addressed": Sort.TEXTS,
        "attendees": Sort.TEXTS,
        "corrects": Sort.TEXT,
        "flags": Sort.TEXTS,
        "risk_rises": Sort.YES_NO,
    }.items()
}

Filled = tuple[FieldPath, Rule]


class ColumnMapping:
    """A mapping that fits its kind."""

    def __init__(self, table: MappingTable, where: str) -> None:
        """Check a table; use `load_mapping`."""
        try:
            self._kind = kind_of(table.kind)
        except UnknownKind as error:
            raise SettingsRefused(f"`{where}`: `kind`: {error}") from None
        self._table = table
        self._models = {label.value: model for label, model in self._kind.models.items() if label is not Label.CONTACT}
        self._facts: list[Filled] = [
            (field, rule) for name, field in _FACTS.items() if (rule := getattr(table, name)) is not None
        ]
        self._fields: list[Filled] = []
        problems = []
        for path, rule in table.columns.items():
            try:
                self._fields.append((find_field(path, self._models), rule))
            except NoField as error:
                problems.append(f"`columns.{path}`: {error}")
        problems += [f"`{field.path}`: {why}" for field, rule in self._facts for why in problems_of(rule, field)]
        problems += [
            f"`columns.{field.path}`: {why}" for field, rule in self._fields for why in problems_of(rule, field)
        ]
        problems += _problems_of_facts(table, self._kind)
        if not problems:  # what is missing is looked for where nothing is misspelt
            problems += _missing([field.steps for field, _ in self._fields], self._kind, self._models)
        if problems:
            raise SettingsRefused(f"`{where}`: " + "; ".join(problems))
        rules = [rule for _, rule in (*self._facts, *self._fields)]
        self.columns = frozenset({table.person.column, *(rule.column for rule in rules if rule.column is not None)})
        """What a file's header must hold, once each."""
        self._constants = [
            _Constant.of(field, rule, self._fields) for field, rule in self._fields if rule.column is None
        ]

    def draft(self, cells: Mapping[str, str], contact: Contact) -> Draft:
        """What a row says.

        Args:
            cells: By column.
            contact: Whom to ring about it.

        Raises:
            NotSent: it cannot be said; the text names fields and columns and holds nothing of a cell.
        """
        problems: list[str] = []
        facts = {field.path: value for field, value in self._read(self._facts, cells, problems)}
        facts |= {field.path: value_of(rule, field) for field, rule in self._facts if rule.column is None}
        filled = {field.steps: value for field, value in self._read(self._fields, cells, problems)}
        filled |= {constant.steps: constant.value for constant in self._constants if constant.is_said(filled)}
        identifier = cells[self._table.person.column].strip()
        if not identifier:
            problems.append(f"`person`, column `{self._table.person.column}`: empty")
        if problems:
            raise NotSent("; ".join(problems))
        try:
            person = PersonKey.of(scheme=self._table.person.scheme, identifier=identifier)
            compartments = self._compartments(filled)
        except SchemaRefused as error:
            raise NotSent(str(error)) from None
        said: dict[Label, Said] = {Label.CONTACT: contact, **compartments}
        return compose(self._kind.name, person, self._table.purpose, said, **_typed(facts))

    def _read(
        self, filled: Sequence[Filled], cells: Mapping[str, str], problems: list[str]
    ) -> list[tuple[FieldPath, Value]]:
        values = []
        for field, rule in filled:
            if rule.column is None:
                continue
            cell = cells[rule.column].replace("\r\n", "\n").strip()
            try:
                if cell:
                    values.append((field, read_cell(rule, field, cell)))
                elif not rule.optional:
                    problems.append(f"`{field.path}`, column `{rule.column}`: empty")
            except CellRefused as refused:
                problems.append(f"`{field.path}`, column `{rule.column}`: {refused}")
        return values

    def _compartments(self, filled: Mapping[tuple[Step, ...], Value]) -> dict[Label, Said]:
        tree: dict[Step, Any] = {}
        for steps, value in filled.items():
            at = tree
            for step in steps[:-1]:
                at = at.setdefault(step, {})
            at[steps[-1]] = value
        return {
            Label(str(name)): self._models[str(name)].from_bytes(json_encode(_listed(below)))
            for name, below in tree.items()
        }


def load_mapping(given: str | dict[str, Any], folder: Path) -> ColumnMapping:
    """A mapping, from a file or as a table.

    Args:
        given: The file's path, or the table.
        folder: Where a relative path begins.

    Raises:
        SettingsRefused: the file cannot be read, a key is unknown or missing, a field does not exist in this kind, or a
            field is missing without which every row would be refused. The text names the key.
    """
    if isinstance(given, dict):
        return ColumnMapping(check_settings(given, MappingTable, "mapping"), "mapping")
    path = folder / given
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise SettingsRefused(f"cannot read `{path}`: {why}") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsRefused(f"`{path}` is not TOML: {error}") from None
    return ColumnMapping(check_settings(table, MappingTable, str(path)), str(path))


@dataclass(frozen=True, slots=True)
class _Constant:
    steps: tuple[Step, ...]
    value: Value
    beside: frozenset[tuple[Step, ...]]
    """The fields of its group that come from columns."""

    @classmethod
    def of(cls, field: FieldPath, rule: Rule, fields: Sequence[Filled]) -> "_Constant":
        group = field.steps[:-1]
        beside = {other.steps for other, its in fields if its.column is not None and other.steps[: len(group)] == group}
        return cls(field.steps, value_of(rule, field), frozenset(beside))

    def is_said(self, filled: Mapping[tuple[Step, ...], Value]) -> bool:
        return not self.beside or not self.beside.isdisjoint(filled)


def _problems_of_facts(table: MappingTable, kind: Kind) -> list[str]:
    problems = []
    for name in ("area", "area_old", "corrects"):
        need, rule = getattr(kind, name), getattr(table, name)
        if need is Need.REQUIRED and (rule is None or rule.optional):
            problems.append(f"`{name}`: kind `{kind.name}` needs it in every row")
        if need is Need.REFUSED and rule is not None:
            problems.append(f"`{name}`: unknown to kind `{kind.name}`")
    if table.flags is not None:
        given = table.flags.value if isinstance(table.flags.value, list) else (table.flags.words or {}).values()
        problems += [f"`flags`: `{flag}` is not in the vocabulary" for flag in given if flag not in set(Tag)]
    return problems


def _missing(paths: Sequence[tuple[Step, ...]], kind: Kind, models: Mapping[str, type[Said]]) -> list[str]:
    labels = {str(steps[0]) for steps in paths}
    problems = [
        f"`columns`: kind `{kind.name}` needs `{label}`" for label in sorted(kind.required) if label not in labels
    ]
    groups = {steps[:length] for steps in paths for length in range(1, len(steps))}
    wanted = {(*group, name) for group in groups for name in required_below(group, models)}
    wanted |= {(label.value, name) for label, names in kind.fields.items() if label in labels for name in names}
    there = groups | set(paths)
    problems += [f"`columns`: `{'.'.join(map(str, steps))}` is missing" for steps in sorted(wanted - there, key=str)]
    both = groups & set(paths)
    return problems + [f"`columns.{'.'.join(map(str, steps))}`: given twice" for steps in sorted(both, key=str)]


def _listed(tree: Any) -> Any:
    """The items of a list in their order, in place of their numbers."""
    if not isinstance(tree, dict):
        return tree
    if all(isinstance(step, int) for step in tree):
        return [_listed(tree[step]) for step in sorted(tree)]
    return {step: _listed(below) for step, below in tree.items()}


def _typed(facts: Mapping[str, Any]) -> dict[str, Any]:
    typed = dict(facts)
    for name in ("area", "area_old"):
        if name in facts:
            typed[name] = AreaCode(facts[name])
    for name in ("addressed", "attendees"):
        if name in facts:
            typed[name] = tuple(map(DeskId, facts[name]))
    if "corrects" in facts:
        typed["corrects"] = NotificationId(facts["corrects"])
    if "flags" in facts:
        try:
            typed["flags"] = tuple(map(Tag, facts["flags"]))
        except ValueError:
            raise NotSent("`flags` holds a word that is not in the vocabulary") from None
    return typed
