"""What a long run of faults comes to, in one line."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Summary:
    """So many faults were made, and this is what did not hold after them."""

    what: str
    """What was done, in a few words that hold no number: `power cuts`."""
    done: int
    failures: tuple[str, ...]
    """Each with the seed or the point that brings it back; empty is best."""
    of_them: tuple[tuple[int, str], ...] = ()
    """How many of those that were done were of which sort."""

    def __str__(self) -> str:
        counts = [(self.done, self.what), *self.of_them, (len(self.failures), "failures")]
        return ", ".join(f"{count} {what}" for count, what in counts)
