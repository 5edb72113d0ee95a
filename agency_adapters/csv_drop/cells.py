"""From one cell to one value: how a column spells a day, a word, a yes. What does not fit is refused, never guessed.

A refusal names the column and says what was expected. It holds nothing of the cell.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from agency_adapters.csv_drop.fields import FieldPath, Sort
from schemas import UnknownArea, area_table

_NUMBER = re.compile(r"-?[0-9]{1,15}", re.ASCII)

Value = str | int | list[str]
"""As JSON has it."""


class CellRefused(ValueError):
    """A cell does not hold what its column must. The text says what was expected, and nothing of what is there."""


class Rule(BaseModel):
    """Where a field's value comes from, and how it is spelt there.

    `"COLUMN"` is short for `{ column = "COLUMN" }`; a list or a yes or no stands for `{ value = … }`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    column: Annotated[str, Field(min_length=1)] | None = None
    value: bool | int | str | list[str] | None = None
    """The same for every row, instead of a column."""
    optional: bool = False
    """An empty cell means that there is nothing to say. Otherwise an empty cell is a mistake."""
    date: str | None = None
    """How a day is spelt, such as `%d/%m/%Y`; default `%Y-%m-%d`. The year has four digits."""
    moment: str | None = None
    """How a moment is spelt, such as `%d/%m/%Y %H:%M`."""
    zone: str | None = None
    """The time zone of a moment; default Europe/London. The hour that a clock change makes uncertain is refused."""
    words: dict[str, str | int] | None = None
    """What the system's own words mean. A word that is not here is refused."""
    yes: tuple[str, ...] = ()
    no: tuple[str, ...] = ()
    split: Annotated[str, Field(min_length=1)] | None = None
    """What stands between the texts of a list; default: the cell is one text."""


def _shorthand(given: object) -> object:
    if isinstance(given, str):
        return {"column": given}
    return {"value": given} if isinstance(given, bool | list) else given


CellRule = Annotated[Rule, BeforeValidator(_shorthand)]

_FOR: Mapping[Sort, frozenset[str]] = {
    Sort.TEXT: frozenset({"words"}),
    Sort.WORD: frozenset({"words"}),
    Sort.NUMBER: frozenset(),
    Sort.YES_NO: frozenset({"yes", "no"}),
    Sort.DAY: frozenset({"date"}),
    Sort.MOMENT: frozenset({"moment", "zone"}),
    Sort.AREA: frozenset(),
    Sort.TEXTS: frozenset({"split", "words"}),
}


def problems_of(rule: Rule, field: FieldPath) -> list[str]:
    """What is wrong with a rule for this field, so that it is found before the first row."""
    given = rule.model_fields_set - {"column", "value", "optional"}
    problems = [f"`{name}` says nothing of this field" for name in sorted(given - _FOR[field.sort])]
    if (rule.column is None) == (rule.value is None):
        problems.append("give either a column or a value")
    elif rule.value is not None:
        problems += _problems_of_value(rule, field)
    else:
        problems += _problems_of_spelling(rule, field)
    return problems


def _problems_of_value(rule: Rule, field: FieldPath) -> list[str]:
    if rule.optional or rule.model_fields_set - {"value"}:
        return ["a value that is the same for every row needs nothing else"]
    try:
        value_of(rule, field)
    except CellRefused as refused:
        return [f"value: {refused}"]
    return []


def _problems_of_spelling(rule: Rule, field: FieldPath) -> list[str]:
    problems = []
    if field.sort is Sort.YES_NO and (not rule.yes or not rule.no or set(rule.yes) & set(rule.no)):
        problems.append("list what means `yes` and what means `no`, each something of its own")
    if field.sort is Sort.MOMENT and rule.moment is None:
        problems.append("say with `moment` how it is spelt")
    if rule.date is not None and not _is_whole(rule.date, timedelta(days=1)):
        problems.append(f"`{rule.date}` does not spell a day with a year of four digits")
    if rule.moment is not None and not _is_whole(rule.moment, timedelta(minutes=1)):
        problems.append(f"`{rule.moment}` does not spell a day with a year of four digits, an hour and a minute")
    if rule.zone is not None and _zone(rule.zone) is None:
        problems.append("no such time zone")
    if rule.words is not None and field.sort is Sort.WORD:
        unknown = sorted({str(word) for word in rule.words.values()} - set(field.words))
        problems += [f"`{word}` is not in the vocabulary" for word in unknown]
    if (
        rule.words is not None
        and field.sort is not Sort.WORD
        and not all(isinstance(w, str) for w in rule.words.values())
    ):
        problems.append("`words` must give texts")
    return problems


def _is_whole(spelling: str, precision: timedelta) -> bool:
    """Whether what is spelt so can be read again, down to *precision*."""
    moment = datetime(1987, 11, 23, 14, 35)  # noqa: DTZ001 - any will do
    try:
        read = datetime.strptime(moment.strftime(spelling), spelling).replace(tzinfo=None)  # noqa: DTZ007 - the same
    except (ValueError, re.error):  # the latter of a year that is spelt twice, say
        return False
    return abs(read - moment) < precision and "%Y" in spelling and "%y" not in spelling


def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def value_of(rule: Rule, field: FieldPath) -> Value:
    """What a rule without a column says.

    Raises:
        CellRefused: it is no value of this field.
    """
    value = rule.value
    fits = {
        Sort.TEXT: isinstance(value, str),
        Sort.WORD: isinstance(value, str | int) and not isinstance(value, bool),
        Sort.NUMBER: isinstance(value, int) and not isinstance(value, bool),
        Sort.YES_NO: isinstance(value, bool),
        Sort.DAY: isinstance(value, str),
        Sort.MOMENT: False,  # one moment for every row is nobody's
        Sort.AREA: isinstance(value, str),
        Sort.TEXTS: isinstance(value, list),
    }[field.sort]
    if value is None or not fits:
        raise CellRefused("of another kind than the field")
    if field.sort in (Sort.WORD, Sort.DAY, Sort.AREA):
        return read_cell(rule, field, str(value))
    return value


def read_cell(rule: Rule, field: FieldPath, cell: str) -> Value:
    """What a cell says.

    Args:
        rule: How it is spelt; free of `problems_of`.
        field: What it is about.
        cell: Not empty, without white space around it.

    Raises:
        CellRefused: it is none of what is expected.
    """
    match field.sort:
        case Sort.TEXT:
            return cell if rule.words is None else _worded(rule.words, cell)
        case Sort.WORD:
            return _in_vocabulary(rule.words, field, cell)
        case Sort.NUMBER:
            if _NUMBER.fullmatch(cell) is None:
                raise CellRefused("not a whole number")
            return int(cell)
        case Sort.YES_NO:
            if cell not in (*rule.yes, *rule.no):
                raise CellRefused("neither of the words for yes nor of those for no")
            return cell in rule.yes
        case Sort.DAY:
            return _moment(cell, rule.date or "%Y-%m-%d").date().isoformat()
        case Sort.MOMENT:
            return _in_utc(_moment(cell, rule.moment or ""), rule.zone or "Europe/London")
        case Sort.AREA:
            return _area(cell)
        case Sort.TEXTS:
            texts = [text.strip() for text in ([cell] if rule.split is None else cell.split(rule.split))]
            return [text if rule.words is None else str(_worded(rule.words, text)) for text in texts if text]


def _worded(words: Mapping[str, str | int], cell: str) -> str | int:
    if cell not in words:
        raise CellRefused("not one of the words of this mapping")
    return words[cell]


def _in_vocabulary(words: Mapping[str, str | int] | None, field: FieldPath, cell: str) -> str | int:
    word = cell if words is None else str(_worded(words, cell))
    if word not in field.words:
        raise CellRefused("not in the vocabulary")
    return field.words[word]


def _moment(cell: str, spelling: str) -> datetime:
    try:
        return datetime.strptime(cell, spelling)  # noqa: DTZ007 - its zone is looked at by whoever needs one
    except ValueError:
        pass
    raise CellRefused(f"not spelt `{spelling}`")  # out here: Python's own error holds the cell


def _in_utc(naive: datetime, name: str) -> str:
    zone = _zone(name)
    local = naive if naive.tzinfo is not None else naive.replace(tzinfo=zone)
    if local.utcoffset() is None or local.utcoffset() != local.replace(fold=1).utcoffset():
        raise CellRefused("in the hour of a clock change: which moment it is cannot be told")
    return local.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _area(cell: str) -> str:
    try:
        return area_table().named(cell).code
    except UnknownArea:
        pass
    raise CellRefused("not the name or code of one district")
