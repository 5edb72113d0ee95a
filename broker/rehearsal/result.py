"""What a rehearsal found."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that is not as the story expects."""

    event: str
    kind: str
    """The kind of the notification, or `disclosure`, `ack`, `publish`."""
    desk: str
    extra: tuple[str, ...] = ()
    """What was delivered, or answered, too much."""
    missing: tuple[str, ...] = ()
    policies: tuple[str, ...] = ()
    """The grounds on which the desk was told."""


@dataclass
class Result:
    """One story, played."""

    scenario: str
    events: int
    comparisons: int = 0
    """As README.md counts them; acknowledgements come on top."""
    acks: int = 0
    """Deadlines of acknowledgement that were compared."""
    differences: list[Difference] = field(default_factory=list)
    not_compared: list[str] = field(default_factory=list)
    """What the story asks for and no comparison here can tell. Never counted as passed."""

    def compare(self, difference: Difference | None) -> None:
        """Count one comparison, and keep what differs."""
        self.comparisons += 1
        if difference is not None:
            self.differences.append(difference)
