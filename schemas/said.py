"""The base of all that can be said: frozen, closed, strictly read, and silent about its contents when it is refused."""

import unicodedata
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints, ValidationError

from schemas.strict import NotStrict, json_decode, json_encode


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
            raise _refused(cls, error) from None

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read the JSON of this value as it came.

        Raises:
            SchemaRefused: not strict JSON, or a field is missing, unknown or wrong; the text names it.
        """
        try:
            json_decode(data)  # pydantic's own parser takes a member name twice, and NaN
            return cls.model_validate_json(data)
        except NotStrict as error:
            raise SchemaRefused(cls.__name__, (str(error),)) from None
        except ValidationError as error:
            raise _refused(cls, error) from None

    def to_bytes(self) -> bytes:
        """The JSON that is sealed or signed. What has no value is left out, so an added field changes no old bytes."""
        return json_encode(self.model_dump(mode="json", exclude_none=True))


def _refused(model: type[BaseModel], error: ValidationError) -> SchemaRefused:
    # `from None`: pydantic's text quotes what was given, and that may be a name or an address.
    problems = (
        f"`{'.'.join(str(step) for step in problem['loc']) or 'value'}` {problem['type'].replace('_', ' ')}"
        for problem in error.errors(include_url=False, include_input=False, include_context=False)
    )
    return SchemaRefused(model.__name__, tuple(problems))


def _printable(text: str) -> str:
    if any(unicodedata.category(character) in {"Cc", "Cf", "Co", "Cs", "Zl", "Zp"} for character in text):
        raise ValueError("control character")
    return text


def _printable_lines(text: str) -> str:
    for line in text.split("\n"):
        _printable(line)
    return text


Line = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_printable)]
"""One line for a person to read; 1 to 200 characters, none of them a control or an invisible format character."""

Paragraph = Annotated[str, StringConstraints(min_length=1, max_length=4_000), AfterValidator(_printable_lines)]
"""Text for a person to read; 1 to 4,000 characters; line feeds are its only control characters."""
