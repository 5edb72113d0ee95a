"""A clock that stands still until the test moves it, or sets it."""

from datetime import UTC, datetime, timedelta


class MovedClock:
    """`Clock`, moved by hand."""

    def __init__(self) -> None:
        self._now = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
        self._steady_s = 0.0

    def now(self) -> datetime:
        """The time that it was moved to."""
        return self._now

    def move(self, *, seconds: float) -> None:
        """Let time pass. It does not pass backwards: a clock that goes back was set back."""
        self._now += timedelta(seconds=seconds)
        self._steady_s += max(seconds, 0)

    def jump(self, *, seconds: float) -> None:
        """Set it ahead, or back, while no time passes."""
        self._now += timedelta(seconds=seconds)

    def steady_s(self) -> float:
        """How much time has passed."""
        return self._steady_s
