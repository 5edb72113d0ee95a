"""All that whoever runs a hub and its desks is told of what they do: the log, the spans, the metrics."""

import json
import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import StringIO
from typing import Any

from broker import telemetry
from broker.telemetry import Span
from broker.telemetry.exporting import Collected, collected


@dataclass
class Told:
    """All that whoever runs the hub and its desks is told of a day."""

    exported: Collected
    log: StringIO = field(default_factory=StringIO)

    def in_log(self) -> bytes:
        """The log, as it was written."""
        return self.log.getvalue().encode()

    def in_spans(self) -> bytes:
        """The spans, as they are exported and as they are in memory."""
        return b"\n".join(span.to_json().encode() + repr(vars(span)).encode() for span in self.exported.spans)

    def in_metrics(self) -> bytes:
        """The measurements, as they are exported."""
        return self.exported.metrics().encode()

    def events(self) -> Counter[str]:
        """How often each event is in the log."""
        return Counter(json.loads(line)["event"] for line in self.log.getvalue().splitlines())

    def measured(self, name: str) -> int:
        """The total of a count."""
        (resource,) = json.loads(self.exported.metrics())["resource_metrics"]
        metrics: list[dict[str, Any]] = [one for scope in resource["scope_metrics"] for one in scope["metrics"]]
        return sum(point["value"] for one in metrics if one["name"] == name for point in one["data"]["data_points"])

    def links(self) -> list[str]:
        """The traces that turns link to, in order."""
        return [
            f"00-{link.context.trace_id:032x}-{link.context.span_id:016x}-01"
            for span in self.exported.spans
            if span.name == Span.LANE_TURN
            for link in span.links
        ]


@contextmanager
def listening() -> Iterator[Told]:
    """Hear everything that is logged, traced and measured until the block ends, as verbose as can be."""
    root, ours = logging.getLogger(), logging.getLogger("tellwise")
    levels = root.level, ours.level
    with collected() as exported:
        told = Told(exported)
        handler = telemetry.log_handler(told.log, as_json=True)
        root.addHandler(handler)
        root.setLevel(logging.DEBUG)
        ours.setLevel(logging.DEBUG)
        try:
            yield told
        finally:
            root.removeHandler(handler)
            root.setLevel(levels[0])
            ours.setLevel(levels[1])
