"""The gate before the log, the spans and the metrics: a field that is not listed, or is no id, count or word, stays.

A wrong field is a programming error. Wherever the log was not configured for a service, as in every test, it raises;
in a service it is dropped and counted, because a hub must not stop for what it fails to say about itself.
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import TypeGuard, TypeVar

Plain = str | int
"""What may leave: an id, a word of a closed list, a count."""

DROPPED = "dropped"

# No space, quote or `@`: what a person wrote does not get through by accident. A template has braces.
_WORD = re.compile(r"[A-Za-z0-9._:/{}-]{1,200}")

Key = TypeVar("Key", bound=StrEnum)


class Unlisted(ValueError):
    """A name that is in no list, or a value that is no id, count or word. Holds the name and never the value."""

    def __init__(self, name: str) -> None:
        super().__init__(f"telemetry: `{name}` is not listed, or its value is no id, count or word")


class _Gate:
    """Whether a wrong field raises."""

    strict = True


def be_strict(strict: bool) -> None:
    """From now on, raise at a wrong field (True), or drop and count it (False)."""
    _Gate.strict = strict


def is_plain(value: object) -> TypeGuard[Plain]:
    """Whether *value* is an id, a word or a count."""
    return isinstance(value, int) or (isinstance(value, str) and _WORD.fullmatch(value) is not None)


def permitted(given: Mapping[str, object], listed: Mapping[str, Key]) -> dict[str, Plain]:
    """What of *given* may leave, by the key under which it leaves.

    Args:
        given: Fields by the names that the code gives them.
        listed: The key of each name that may be used here.

    Raises:
        Unlisted: something may not, and this is no service.
    """
    kept: dict[str, Plain] = {}
    for name, value in given.items():
        if name in listed and is_plain(value):
            kept[listed[name].value] = str(value) if isinstance(value, str) else int(value)
        elif _Gate.strict:
            raise Unlisted(name)
    dropped = len(given) - len(kept)
    return {**kept, DROPPED: dropped} if dropped else kept
