"""Metrics: totals, times and levels. No label is a person, a desk, a kind, an area or a mailbox; see `names.LABELS`."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

from opentelemetry import metrics

from broker.telemetry.closed import permitted
from broker.telemetry.names import LABELS, Count, Duration, Gauge, Metric
from broker.telemetry.spans import listed

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Where the buckets of a duration end. The library's own are made for milliseconds."""


class _Instruments:
    """One instrument for each metric."""

    def __init__(self, meter: metrics.Meter) -> None:
        self.counts = {which: meter.create_counter(which.value, unit="1") for which in Count}
        self.gauges = {which: meter.create_gauge(which.value, unit="1") for which in Gauge}
        self.durations = {
            which: meter.create_histogram(which.value, unit="s", explicit_bucket_boundaries_advisory=_SECONDS)
            for which in Duration
        }


class _Measuring:
    """Where measurements go; nowhere until somebody exports or collects them."""

    instruments = _Instruments(metrics.NoOpMeter("tellwise"))


def measure_with(meter: metrics.Meter) -> None:
    """Let measurements go to *meter* from now on."""
    _Measuring.instruments = _Instruments(meter)


def count(which: Count, amount: int = 1, **labels: str | int) -> None:
    """Count *amount* more.

    Raises:
        Unlisted: a label that this metric does not have; in a service it is dropped instead.
    """
    told = _labels(which, labels)
    if amount:
        _Measuring.instruments.counts[which].add(amount, told)


def gauge(which: Gauge, level: int) -> None:
    """Say how many there are at the moment."""
    _Measuring.instruments.gauges[which].set(level)


def lasted(which: Duration, seconds: float, **labels: str | int) -> None:
    """Say how long something took.

    Raises:
        Unlisted: as `count`.
    """
    _Measuring.instruments.durations[which].record(seconds, _labels(which, labels))


def request_served(method: str, route: str, status: int, seconds: float) -> None:
    """Count a request, and say how long it took.

    Args:
        method: Of HTTP; one of the sender's own invention counts as `OTHER`.
        route: The template, such as `/inbox/{mailbox}`; never the path.
        status: Of the answer; 0 if there was none.
        seconds: From its first byte to the last of the answer.
    """
    count(Count.REQUEST_SERVED, method=method, route=route, status=status)
    lasted(Duration.REQUEST_LASTED, seconds, method=method, route=route, status=status)


@contextmanager
def timed(which: Duration) -> Iterator[None]:
    """Time the block, however it ends."""
    began = perf_counter()
    try:
        yield
    finally:
        lasted(which, perf_counter() - began)


def _labels(which: Metric, labels: dict[str, str | int]) -> dict[str, str | int]:
    has = {label.name.lower(): label for label in LABELS.get(which, frozenset())}
    kept = permitted(labels, has)
    return listed({name: labels[name] for name, label in has.items() if label.value in kept})
