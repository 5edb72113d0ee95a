"""One row for each letter: which field of it stands in which column, and no cell that a spreadsheet would run.

A case system reads cells; a spreadsheet program runs those that look like a formula, and a letter's texts were written
by other people. So a cell that begins like one has a single quote put before it. That holds for telephone numbers in
the form `+44…` too: whoever needs every character as it was sent reads the JSON.

Source: OWASP, "CSV Injection".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from agency_adapters.csv_drop.fields import NoField, Step, find_field
from broker.client import StoredLetter
from broker.errors import SettingsRefused
from broker.sealing.letters import Cover
from schemas import COMPARTMENTS

NUMBER = "number"
"""The first column: counts the desk's letters. Rises from row to row."""

_HEAD = ("letter", "part", "kind", "from", "opened")

DEFAULT: Mapping[str, str] = {
    path: path
    for path in (
        *("letter", "part", "kind", "from", "person", "urgency", "acknowledge_by", "reasons", "corrects", "opened"),
        *("contact.role", "contact.telephone", "contact.case_reference"),
        *("identity.names.0.given", "identity.names.0.family", "identity.date_of_birth"),
        *("address.lines", "address.postcode", "address.district", "address.lives_there_from"),
        *("status.event", "status.state", "status.effective_on", "risk_summary.level"),
    )
}
"""What a case system asks for first. `opened` names all compartments that the letter holds, so that nobody takes these
columns for the whole of it."""

_RUNS = frozenset("=+-@\t\r\n＝＋－＠")
_BEFORE_A_FORMULA = " \u00a0\u3000\"'"


def defused(cell: str) -> str:
    """The cell as a spreadsheet shows it and does not run it."""
    bare = cell.lstrip(_BEFORE_A_FORMULA)
    return f"'{cell}" if cell[:1] in _RUNS or bare[:1] in _RUNS else cell


@dataclass(frozen=True, slots=True)
class LetterColumns:
    """Which columns there are."""

    header: tuple[str, ...]
    _paths: tuple[tuple[Step, ...], ...]

    @classmethod
    def of(cls, columns: Mapping[str, str] | None) -> "LetterColumns":
        """The columns of the settings, or the usual ones.

        Raises:
            SettingsRefused: a path names no field, or two columns have one name.
        """
        chosen = DEFAULT if columns is None else columns
        paths, problems = [], []
        for path in chosen:
            try:
                paths.append(_steps(path))
            except NoField as error:
                problems.append(f"`out.columns.{path}`: {error}")
        header = (NUMBER, *chosen.values())
        problems += [f"`out.columns`: `{name}` twice" for name in sorted({n for n in header if header.count(n) > 1})]
        if problems:
            raise SettingsRefused("; ".join(problems))
        return cls(tuple(map(defused, header)), tuple(paths))

    def cells(self, letter: StoredLetter) -> list[str]:
        """The row of a letter. What it does not hold is an empty cell."""
        head = (letter.id, letter.part, letter.kind, letter.publisher, sorted(letter.compartments))
        tree = {"cover": letter.cover, **letter.compartments, **dict(zip(_HEAD, head, strict=True))}
        return [str(letter.row), *(defused(_text(_at(tree, steps))) for steps in self._paths)]


def _steps(path: str) -> tuple[Step, ...]:
    if path in _HEAD:
        return (path,)
    if path.partition(".")[0] in _TOLD:
        return find_field(path, _TOLD).steps
    if path.partition(".")[0] in Cover.model_fields:
        return find_field(f"cover.{path}", {"cover": Cover}).steps
    raise NoField("neither a field of the cover nor a compartment")


_TOLD: Mapping[str, type[BaseModel]] = {label.value: model for label, model in COMPARTMENTS.items()}


def _at(tree: Any, steps: Sequence[Step]) -> Any:
    for step in steps:
        match tree:
            case dict() if step in tree:
                tree = tree[step]
            case list() if isinstance(step, int) and step < len(tree):
                tree = tree[step]
            case _:
                return None
    return tree


def _text(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case list():
            return "; ".join(map(_text, value))
        case _:
            return str(value)
