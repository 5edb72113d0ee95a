"""The base of all that can be said: frozen, closed, strictly read, and silent about its contents when it is refused."""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import cache
from typing import Annotated, Any, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from pydantic_core import PydanticCustomError

from schemas.strict import NotStrict, json_decode, json_encode

_FIELD_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


class SchemaRefused(ValueError):
    """What was said does not fit its schema.

    The text names fields and what is wrong with them, never a value: an error travels to logs, traces and quarantine.
    """

    def __init__(self, what: str, problems: tuple[str, ...]) -> None:
        super().__init__(f"`{what}` refused: " + "; ".join(problems))
        self.problems = problems


class Said(BaseModel):
    """A value that somebody signed or sealed.

    Fields are only added, at the end, with a default. Anything else is a new version.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)

    @classmethod
    def of(cls, **fields: Any) -> Self:
        """Make a value from typed fields.

        Raises:
            SchemaRefused: a field is missing, unknown or wrong; the text names it.
        """
        try:
            return cls(**fields)
        except ValidationError as error:
            refused = _refused(cls, error)
        raise refused  # out here: pydantic's error holds what was given, and would be our __context__

    @classmethod
    def write(cls, **fields: Any) -> bytes:
        """The bytes of a value that we make of typed fields of our own: as by `of(...)`, without a look at each field.

        For what is made often and checked by whoever reads it. A test holds it to `of(...).to_bytes()`.

        Raises:
            TypeError: a field is unknown or missing.
        """
        return json_encode(cls.as_written(**fields))

    @classmethod
    def as_written(cls, **fields: Any) -> dict[str, Any]:
        """What `write` writes, before it is bytes. A list of these is taken as it is for a field of another value.

        Raises:
            TypeError: a field is unknown or missing.
        """
        defaults, required, known = _fields(cls)
        if not required <= fields.keys() <= known:
            raise TypeError(f"`{cls.__name__}` has other fields")
        given = {
            name: value if isinstance(value, str) else _written(value)
            for name, value in fields.items()
            if value is not None
        }
        return defaults | given

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read the JSON of this value as it came.

        Raises:
            SchemaRefused: not strict JSON, or a field is missing, unknown, wrong or spelt otherwise than we write
                it; the text names it.
        """
        try:
            said = cls.model_validate_json(data)
            # The very bytes that we would write: nothing was taken for another. pydantic's own parser takes a member
            # name twice, and NaN, but neither of them is ever written.
            if said.to_bytes() == data:
                return said
            came = json_decode(data)
        except NotStrict as error:
            refused = SchemaRefused(cls.__name__, (str(error),))
        except ValidationError as error:
            refused = _not_strict(cls, data) or _refused(cls, error)
        else:
            # pydantic takes `"86400"` for a date, and `true` or `1.0` for the number of a rank.
            misspelt = tuple(f"`{path}` spelling" for path in _misspelt(came, said.model_dump(mode="json"), ()))
            if not misspelt:
                return said
            refused = SchemaRefused(cls.__name__, misspelt)
        raise refused

    def to_bytes(self) -> bytes:
        """The JSON that is sealed or signed. What has no value is left out, so an added field changes no old bytes."""
        return json_encode(self.model_dump(mode="json", exclude_none=True))


class Form:
    """Many values of one model that differ in a few fields: what is the same in all of them is looked at once."""

    __slots__ = ("_holes", "_rest")

    def __init__(self, model: type[Said], holes: Iterable[str], **fields: Any) -> None:
        """Take what they have in common.

        Args:
            model: What they are.
            holes: The names of the fields that differ.
            fields: All others, as for `Said.write`.

        Raises:
            TypeError: a field is unknown, missing, or given and a hole.
        """
        empty = dict.fromkeys(holes, "")
        self._holes = empty.keys()
        self._rest = model.as_written(**fields, **empty)

    def write(self, **values: str | int) -> bytes:
        """The bytes of one value: as `Said.write` makes them of all its fields.

        Raises:
            TypeError: a hole is left, or something else is filled.
        """
        if values.keys() != self._holes:
            raise TypeError("other holes than these are to be filled")
        return json_encode(self._rest | values)


@cache
def _fields(model: type[Said]) -> tuple[dict[str, Any], frozenset[str], frozenset[str]]:
    """A model's defaults as they are written, the fields that must be given, and all that may be."""
    fields = model.model_fields
    defaults = {
        name: _written(field.get_default(call_default_factory=True))
        for name, field in fields.items()
        if not field.is_required() and field.get_default(call_default_factory=True) is not None
    }
    return defaults, frozenset(name for name in fields if fields[name].is_required()), frozenset(fields)


def _written(value: Any) -> Any:
    """A field's value as the JSON writer takes it."""
    kind = type(value)
    if kind is int:
        return value
    if kind is datetime:
        return value.isoformat().replace("+00:00", "Z")
    if kind is dict:
        return {
            str.__str__(name): member if isinstance(member, str) else _written(member) for name, member in value.items()
        }
    if kind is tuple:
        return [item if isinstance(item, str) else _written(item) for item in value]
    if isinstance(value, Said):
        return value.model_dump(mode="json", exclude_none=True)
    return value


def _not_strict(model: type[BaseModel], data: bytes) -> SchemaRefused | None:
    """What is wrong with bytes that are not strict JSON; None if they are."""
    try:
        json_decode(data)
    except NotStrict as error:
        return SchemaRefused(model.__name__, (str(error),))
    return None


def _refused(model: type[BaseModel], error: ValidationError) -> SchemaRefused:
    # Never pydantic's own text: it quotes what was given, and that may be a name or an address.
    problems = (
        f"`{_path(problem['loc'])}` {problem['type'].replace('_', ' ')}"
        for problem in error.errors(include_url=False, include_input=False, include_context=False)
    )
    return SchemaRefused(model.__name__, tuple(problems))


def _path(steps: tuple[int | str, ...]) -> str:
    # The name of an unknown member was given too. If it cannot be that of a field, it is not repeated.
    named = (step if isinstance(step, int) or _FIELD_NAME.fullmatch(step) else "?" for step in steps)
    return ".".join(map(str, named)) or "value"


def _misspelt(came: Any, written: Any, steps: tuple[int | str, ...]) -> Iterator[str]:
    """Where *came* differs from the JSON that we write for the same value; what is left out differs in nothing."""
    if type(came) is not type(written):
        yield _path(steps)
    elif isinstance(came, dict):
        for name, member in came.items():
            yield from _misspelt(member, written[name], (*steps, name))
    elif isinstance(came, list):
        for index, (item, other) in enumerate(zip(came, written, strict=True)):
            yield from _misspelt(item, other, (*steps, index))
    elif came != written:
        yield _path(steps)


def _printable(text: str) -> str:
    # What Python calls printable has none of these; what it does not may still be a space of another width.
    if not text.isprintable() and any(
        unicodedata.category(character) in {"Cc", "Cf", "Co", "Cs", "Zl", "Zp"} for character in text
    ):
        raise PydanticCustomError("control_character", "a control character")
    return text


def _printable_lines(text: str) -> str:
    for line in text.split("\n"):
        _printable(line)
    return text


def _in_utc(moment: datetime) -> datetime:
    if moment.utcoffset():  # the same moment with another offset would be a second spelling of it
        raise PydanticCustomError("not_in_utc", "not in UTC")
    return moment


Line = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_printable)]
"""One line for a person to read; 1 to 200 characters, none of them a control or an invisible format character."""

Paragraph = Annotated[str, StringConstraints(min_length=1, max_length=4_000), AfterValidator(_printable_lines)]
"""Text for a person to read; 1 to 4,000 characters; line feeds are its only control characters."""

Moment = Annotated[AwareDatetime, AfterValidator(_in_utc), Field(json_schema_extra={"pattern": "Z$"})]
"""A moment in UTC, to the second or with six digits more."""
