"""The table `[adapter.csv_drop]` of a desk's settings."""

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from agency_adapters.csv_drop.rows import is_readable


def _is_readable(encoding: str) -> str:
    if not is_readable(encoding):
        raise PydanticCustomError("encoding", "unknown, or not one that extends ASCII")
    return encoding


Delimiter = Annotated[str, Field(pattern=r'^[^"\r\n\x00\w ]$')]
"""One character that stands in no word: a comma, a semicolon, a tab, a bar."""


class Out(BaseModel):
    """How letters go out."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    columns: dict[str, Annotated[str, Field(min_length=1, max_length=100)]] | None = None
    """The column of each field, by its dotted path, in this order; `number` stands before them. Default: what a case
    system asks for first. The JSON beside the CSV always holds everything."""
    delimiter: Delimiter = ","


class CsvDropSettings(BaseModel):
    """What the adapter `csv_drop` is given."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    mapping: str | dict[str, Any] | None = None
    """Which column is which field: a TOML file, or the table itself. Default: none, and no file is taken."""
    out: Out | None = None
    """Present, if only as an empty table, where letters are to go out. Default: none goes out."""
    folder_in: str = "in"
    folder_done: str = "done"
    folder_rejects: str = "rejects"
    folder_out: str = "out"
    """Folders, relative to the desk's own. `in`, `done` and `rejects` are on one file system."""
    encoding: Annotated[str, AfterValidator(_is_readable)] = "utf-8"
    """Of the files that come in. Old systems write `cp1252`; a byte order mark may stand before UTF-8."""
    delimiter: Delimiter = ","
    look_ms: int = Field(default=2_000, ge=10)
    """How often the folder is looked into."""
    settle_ms: int = Field(default=5_000, ge=0)
    """How long a file must have stayed as it is before it is taken for whole. Longer than the system that writes it
    ever pauses; a system that writes under another name and then renames needs none of it."""
    file_bytes_max: int = Field(default=64 * 1_048_576, ge=1)
    """A larger file is left where it is, and the log says so: no extract of a desk is as long."""
    waiting_max: int = Field(default=1_000, ge=1)
    """Notifications that may wait in the outbox before the adapter reads on, so that a long file does not fill the disk
    while the hub is away."""
