"""What a process that goes on and on tells those who run it."""

import sys

from broker.settings import Telemetry
from broker.telemetry import configure


def watch_over(settings: Telemetry, service: str, instance: str) -> None:
    """Set up what is logged, and what is sent to whoever watches."""
    configure(settings.level_number, stream=sys.stderr)
    if settings.otlp_endpoint is not None:
        from broker.telemetry.exporting import start_exporting

        start_exporting(settings.otlp_endpoint, service, instance)
