"""Whose turn it is: the letters of one person in order, the persons side by side, and patience with whoever refuses.

A letter that the other side refuses holds up the letters of the same person, and of nobody else. When as many persons
as go side by side are refused in a row, the other side itself is taken to be down: then there is one attempt at a time,
with waits between, until something is taken.
"""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from broker.client import StoredLetter


@dataclass(slots=True)
class _Line:
    """The letters of one person that were not taken yet, in order."""

    letters: deque[StoredLetter] = field(default_factory=deque)
    is_out: bool = False
    """Whether the first of them is being handed over now."""
    failures: int = 0
    """Of the first letter, in a row."""
    due: float = 0.0
    tried: float = 0.0
    """When the last attempt ended; 0 before the first."""


class Turns:
    """What waits to be handed over. Time is whatever steady seconds the caller counts in."""

    def __init__(
        self, parallel_max: int, first_s: float, longest_s: float, chance: Callable[[], float] = lambda: 0.0
    ) -> None:
        """Begin with nothing.

        Args:
            parallel_max: Persons at the same time.
            first_s: The first wait after a failure; doubled each time.
            longest_s: The longest wait.
            chance: From 0 to 1: how much of up to a quarter is taken off each wait.
        """
        self._parallel_max, self._first_s, self._longest_s, self._chance = parallel_max, first_s, longest_s, chance
        self._lines: dict[str, _Line] = {}
        self._out = 0
        self._refused: set[str] = set()
        """Persons that were refused since the last success."""
        self._probes = 0
        self._probe_due = 0.0

    @property
    def size(self) -> int:
        """How many letters wait."""
        return sum(len(line.letters) for line in self._lines.values())

    @property
    def is_down(self) -> bool:
        """Whether the other side is taken to be down."""
        return len(self._refused) >= self._parallel_max

    @property
    def wants_more(self) -> bool:
        """Whether there is room for letters of further persons."""
        ready = sum(line.failures == 0 for line in self._lines.values())
        return ready < (1 if self.is_down else 2 * self._parallel_max)

    def add(self, letters: Iterable[StoredLetter]) -> None:
        """Let letters wait, in the order in which they came."""
        for letter in letters:
            person = str(letter.cover["person"])
            if person not in self._lines:
                self._lines[person] = _Line()
                self._probe_due = 0.0  # perhaps it was some persons' letters and not the other side: this one tells
            self._lines[person].letters.append(letter)

    def next(self, now: float) -> StoredLetter | None:
        """The next letter to hand over; None if there is none just now. `taken` or `refused` must follow."""
        if self._is_full or (self.is_down and now < self._probe_due):
            return None
        ready = [line for line in self._lines.values() if not line.is_out and line.due <= now]
        if not ready:
            return None
        line = min(ready, key=lambda line: (line.tried, line.letters[0].row))
        line.is_out = True
        self._out += 1
        return line.letters[0]

    def due(self) -> float | None:
        """When `next` is worth asking again, if nothing happens before; None if only what happens can change it."""
        waiting = [line.due for line in self._lines.values() if not line.is_out]
        if not waiting or self._is_full:
            return None
        return max(min(waiting), self._probe_due) if self.is_down else min(waiting)

    def taken(self, letter: StoredLetter, now: float) -> None:
        """The other side has a letter; the person's next may go."""
        person = str(letter.cover["person"])
        line = self._ended(person, now)
        line.letters.popleft()
        line.failures, line.due = 0, 0.0
        if not line.letters:
            del self._lines[person]
        self._refused.clear()
        self._probes = 0

    def refused(self, letter: StoredLetter, now: float, retry_after_s: float | None) -> None:
        """The other side did not take a letter; it is tried again, not before *retry_after_s* within reason."""
        person = str(letter.cover["person"])
        line = self._ended(person, now)
        wait_s = max(self._wait_s(line.failures), min(retry_after_s or 0.0, self._longest_s))
        line.failures += 1
        line.due = now + wait_s
        self._refused.add(person)
        if self.is_down:
            self._probe_due = now + self._wait_s(self._probes)
            self._probes += 1

    @property
    def _is_full(self) -> bool:
        return self._out >= (1 if self.is_down else self._parallel_max)

    def _ended(self, person: str, now: float) -> _Line:
        line = self._lines[person]
        line.is_out, line.tried = False, now
        self._out -= 1
        return line

    def _wait_s(self, failures: int) -> float:
        longest = min(self._first_s * 2.0 ** min(failures, 30), self._longest_s)
        return longest * (1 - self._chance() / 4)
