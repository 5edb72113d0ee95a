"""What a process that goes on and on tells those who run it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from broker.settings import Telemetry
from broker.telemetry import configure


@contextmanager
def watched(settings: Telemetry, service: str, instance: str) -> Iterator[None]:
    """Log as the settings say, and send traces and metrics to whoever watches, until the block ends.

    Args:
        settings: What is told, and to whom.
        service: What this is.
        instance: Which one: the name of the hub or of the desk.
    """
    configure(settings.level_number, stream=sys.stderr)
    if settings.otlp_endpoint is None:
        yield
        return
    from broker.telemetry.exporting import start_exporting, stop  # loading it takes a while, and few need it

    start_exporting(settings.otlp_endpoint, service, instance)
    try:
        yield
    finally:
        stop()
