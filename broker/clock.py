"""The machine's clock: the one place that asks for the time, and the one that doubts the answer."""

import time
from datetime import UTC, datetime, timedelta

from broker.errors import ClockJumped
from broker.ports import Clock

# On Linux this one also counts while the machine sleeps, so a laptop that wakes up is not a clock that jumped.
_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)

AHEAD_MAX = timedelta(minutes=5)
"""How far a clock may be set ahead while somebody looks. As in the design, and as `tellwise doctor` has it."""

DRIFT = 500e-6
"""By how much the time may pass quicker than the machine counts, in seconds a second: 43 s a day. A clock that is set
now and then, and not led, moves by that. Source: adjtimex(2), the most by which the kernel leads a clock."""


class SystemClock:
    """The wall clock of this machine, in UTC."""

    def now(self) -> datetime:
        """The time now, aware."""
        return datetime.now(UTC)

    def steady_s(self) -> float:
        """See `Clock.steady_s`."""
        return time.clock_gettime(_STEADY)


class WatchedClock:
    """A clock whose reading is refused while it is further ahead than time can have passed since we first looked.

    What it says when we first look is believed: whoever starts a process says with it that the clock is right. A
    reading that goes back is given as it is.
    """

    def __init__(self, clock: Clock) -> None:
        """Look at *clock* for the first time."""
        self._clock = clock
        self._first, self._first_s = clock.now(), clock.steady_s()

    def now(self) -> datetime:
        """The time, aware, in UTC.

        Raises:
            ClockJumped: it was set ahead. Asked again once it is set right, it answers.
        """
        reading = self._clock.now()
        # From the first look, and not from the last one: else many small jumps would pass where a large one does not.
        passed = timedelta(seconds=(self.steady_s() - self._first_s) * (1 + DRIFT))
        if reading > self._first + passed + AHEAD_MAX:
            raise ClockJumped
        return reading

    def steady_s(self) -> float:
        """See `Clock.steady_s`."""
        return self._clock.steady_s()
