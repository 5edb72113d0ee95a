"""What the hub and its desks tell those who run them: a log, spans and metrics, with every name in one list.

Nobody's data is in any of it, at any level: names and fields come from closed lists (names.py), values are ids, counts
and words (closed.py), and what libraries say is reduced to the fact that they said it (logs.py, exporting.py).

Whoever exports or collects imports exporting.py itself: it needs a library that no other command has to wait for.
"""

from broker.telemetry.closed import Unlisted
from broker.telemetry.logs import configure, emit, failed, log_handler
from broker.telemetry.metrics import count, gauge, lasted, request_served, timed
from broker.telemetry.names import Attribute, Count, Duration, Event, Field, Gauge, Span
from broker.telemetry.spans import LINKS_MAX, Working, fresh_traceparent, span

__all__ = [
    "LINKS_MAX",
    "Attribute",
    "Count",
    "Duration",
    "Event",
    "Field",
    "Gauge",
    "Span",
    "Unlisted",
    "Working",
    "configure",
    "count",
    "emit",
    "failed",
    "fresh_traceparent",
    "gauge",
    "lasted",
    "log_handler",
    "request_served",
    "span",
    "timed",
]
