"""Makes inputs that are almost right: real bytes, changed here and there by a seeded generator.

Most of what comes from outside is JSON, with base64 inside it and JSON inside that. Whoever only flips bits never gets
past the first brace; so what can be read as JSON is changed where a value stands, and what can be read as base64 is
changed inside.
"""

import json
import random
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from typing import Any

BYTES_MAX = 2 * 1_048_576 + 64
"""A little more than the longest thing that any decoder takes."""

_VALUES: tuple[Any, ...] = (
    *(
        None,
        True,
        False,
        0,
        -1,
        1,
        2**31,
        2**53,
        2**63,
        2**64,
        -(2**63),
        10**40,
        0.5,
        1e308,
        float("inf"),
        float("nan"),
    ),
    *("", " ", "\x00", "\ud800", "é", "e\u0301", "\u202e", "0", "-1", "A" * 43, "x" * 300, "2026-03-02T09:30:00Z"),
    *([], {}, [[]], {"": None}, ["", ""]),
)
"""What stands in place of another value."""

_WORDS = (b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"\n", b"\r\n", b"\0", b"\xff", b"\xc3\xa9", b"\xed\xa0\x80")
_NUMBERS = (b"0", b"-0", b"00", b"1e999", b"0.0", b"1E400", b"18446744073709551616", b"-1", b"9" * 400)


class Mutator:
    """A seeded source of inputs."""

    def __init__(self, seeds: Sequence[bytes], words: Sequence[bytes], chance: random.Random) -> None:
        """Begin with real bytes.

        Args:
            seeds: At least one.
            words: What has a meaning in this format.
            chance: Where everything comes from.
        """
        self._seeds, self._words, self._chance = seeds, (*words, *_WORDS), chance

    def next(self) -> bytes:
        """One more input."""
        return self.change(self._chance.choice(self._seeds))

    def change(self, data: bytes) -> bytes:
        """*data* in a few places changed; about one time in twenty not at all."""
        for _ in range(self._chance.choice((0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 4, 5, 8))):
            data = self._chance.choice(_WAYS)(self, data)
        return data[:BYTES_MAX]

    # --- ways to change bytes ---

    def _flip(self, data: bytes) -> bytes:
        at = self._place(data)
        return data[:at] + bytes([data[at] ^ 1 << self._chance.randrange(8)]) + data[at + 1 :] if data else data

    def _set(self, data: bytes) -> bytes:
        at = self._place(data)
        return data[:at] + self._chance.randbytes(1) + data[at + 1 :]

    def _cut(self, data: bytes) -> bytes:
        first, last = self._span(data)
        return data[:first] + data[last:]

    def _end(self, data: bytes) -> bytes:
        return data[: self._place(data)]

    def _double(self, data: bytes) -> bytes:
        first, last = self._span(data)
        times = 100_000 if self._chance.random() < 0.005 else self._chance.choice((1, 1, 2, 9))
        return data[:last] + data[first:last][:64] * times + data[last:]

    def _insert(self, data: bytes) -> bytes:
        at = self._place(data)
        word = self._chance.choice((self._chance.choice(self._words), self._chance.randbytes(3)))
        return data[:at] + word + data[at:]

    def _number(self, data: bytes) -> bytes:
        digits = [at for at, byte in enumerate(data[:100_000]) if 48 <= byte < 58]
        if not digits:
            return data
        at = self._chance.choice(digits)
        return data[:at] + self._chance.choice(_NUMBERS) + data[at + 1 :]

    def _splice(self, data: bytes) -> bytes:
        other = self._chance.choice(self._seeds)
        return data[: self._place(data)] + other[self._place(other) :]

    def _nest(self, data: bytes) -> bytes:
        depth = self._chance.choice((1, 3, 9, 100, 3_000))
        opened, closed = self._chance.choice(((b"[", b"]"), (b'{"a":', b"}")))
        return opened * depth + data + closed * depth

    def _json(self, data: bytes) -> bytes:
        try:
            value = json.loads(data)
        except (ValueError, RecursionError):
            return self._insert(data)
        try:
            return _written(self._changed(value))
        except (ValueError, RecursionError):
            return data

    def _place(self, data: bytes) -> int:
        return self._chance.randrange(len(data)) if data else 0

    def _span(self, data: bytes) -> tuple[int, int]:
        first = self._place(data)
        return first, min(len(data), first + self._chance.choice((1, 2, 4, 8, 32, 200)))

    # --- ways to change JSON ---

    def _changed(self, value: Any) -> Any:
        """The value with one thing changed, here or further in."""
        if value and isinstance(value, dict | list) and self._chance.random() < 0.85:
            return self._changed_below(value)
        if value and isinstance(value, str) and self._chance.random() < 0.7:
            return self._changed_text(value)
        return self._chance.choice(_VALUES)

    def _changed_below(self, value: dict[str, Any] | list[Any]) -> Any:
        names: list[Any] = list(value) if isinstance(value, dict) else list(range(len(value)))
        name, way = self._chance.choice(names), self._chance.random()
        changed: Any = value.copy()
        if way < 0.1:
            del changed[name]
        elif way < 0.2:
            if isinstance(changed, dict):
                changed[self._chance.choice(("", "x", str(name) + "\x00", str(name).upper()))] = changed[name]
            else:
                changed.insert(name, changed[name])
        elif way < 0.25:
            changed[name] = changed[self._chance.choice(names)]
        else:
            changed[name] = self._changed(changed[name])
        return changed

    def _changed_text(self, text: str) -> str:
        inside = _from_base64(text)
        if inside is not None and self._chance.random() < 0.6:
            changed = self._json(inside) if inside[:1] in (b"{", b"[") else self._chance.choice(_PLAIN)(self, inside)
            return urlsafe_b64encode(changed).rstrip(b"=").decode()
        return self._chance.choice(_PLAIN)(self, text.encode("utf-8", "surrogatepass")).decode("utf-8", "replace")


_PLAIN: Sequence[Callable[[Mutator, bytes], bytes]] = (
    Mutator._flip,
    Mutator._set,
    Mutator._cut,
    Mutator._end,
    Mutator._double,
    Mutator._insert,
    Mutator._number,
)
_WAYS = (*_PLAIN, Mutator._splice, Mutator._nest, *[Mutator._json] * 7)


def _written(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _from_base64(text: str) -> bytes | None:
    if len(text) < 8:
        return None
    try:
        return urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    except ValueError:
        return None
