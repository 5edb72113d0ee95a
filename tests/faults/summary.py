"""What a long run of faults comes to, in one line."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Summary:
    """So many faults were made, and this is what did not hold after them."""

    what: str
    """One line: what was done, and how often."""
    done: int
    failures: tuple[str, ...]
    """Each with the seed or the point that brings it back; empty is best."""

    def __str__(self) -> str:
        return f"{self.what}: {self.done} done, {len(self.failures)} failed"
