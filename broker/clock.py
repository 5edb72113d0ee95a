"""The machine's clock: the one place that asks for the time."""

from datetime import UTC, datetime


class SystemClock:
    """The wall clock of this machine, in UTC."""

    def now(self) -> datetime:
        """The time now, aware."""
        return datetime.now(UTC)
