"""A clock that stands still until the test moves it."""

from datetime import UTC, datetime, timedelta


class MovedClock:
    """`Clock`, moved by hand."""

    def __init__(self) -> None:
        self._now = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)

    def now(self) -> datetime:
        """The time that it was moved to."""
        return self._now

    def move(self, *, seconds: float) -> None:
        """Let time pass."""
        self._now += timedelta(seconds=seconds)
