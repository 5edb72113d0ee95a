"""Where spans and metrics go: to a collector that a setting names (OTLP over HTTP), to a test, or nowhere at all.

Nothing here is made the process's own tracing: a library that brings instrumentation gets none of it unless somebody
hands it over. If one does, the last gate before the exporter lets through what is listed and nothing else.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Thread

from opentelemetry import metrics, trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import AlwaysOffExemplarFilter, MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import View
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace import Span as LiveSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, Status

from broker.telemetry.closed import Plain, Unlisted, is_plain
from broker.telemetry.metrics import measure_with
from broker.telemetry.names import LABELS, Attribute, Span
from broker.telemetry.spans import trace_with

_SCOPE = "tellwise"

_EXPORT_LONGEST_S = 5.0
"""How long one attempt to reach the collector may take. It is made in a thread of its own; no turn waits for it."""

_STOP_LONGEST_S = 5.0
"""How long `stop` waits for a collector to take what is left."""

_METRICS_EVERY_MS = 15_000

_SPANS_KEPT_MAX = 2_048
"""Spans that wait for a collector which does not answer; what comes beyond them is dropped."""

_ATTRIBUTES = frozenset(attribute.value for attribute in Attribute)
_NAMES = frozenset(span.value for span in Span)
_METRIC_LABELS = {label.value for labels in LABELS.values() for label in labels}


class OnlyWhatIsListed(SpanProcessor):
    """The last gate: hands on a copy of each span that holds listed names, listed attributes, and nothing else.

    A span of a library's would bring the key of a record, the path of a request, the message of an exception, the name
    of a topic. Its events, the description of its status and what its links carry beside two ids are left out whole.
    """

    def __init__(self, onward: SpanProcessor) -> None:
        """Hand on to *onward*, which sees no span before its end."""
        self._onward = onward

    def on_start(self, span: LiveSpan, parent_context: Context | None = None) -> None:
        """Nothing: a span that is not over still holds all that it was given."""

    def on_end(self, span: ReadableSpan) -> None:
        """Hand on the copy."""
        self._onward.on_end(
            ReadableSpan(
                name=span.name if span.name in _NAMES else Span.LIBRARY_WORK.value,
                context=_bare(span.context),
                parent=_bare(span.parent),
                resource=span.resource,
                attributes=_listed(span.attributes or {}),
                links=[Link(context) for link in span.links if (context := _bare(link.context)) is not None],
                kind=span.kind,
                status=Status(span.status.status_code),
                start_time=span.start_time,
                end_time=span.end_time,
                instrumentation_scope=InstrumentationScope(_SCOPE),
            )
        )

    def shutdown(self) -> None:
        """See `SpanProcessor.shutdown`."""
        self._onward.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """See `SpanProcessor.force_flush`."""
        return self._onward.force_flush(timeout_millis)


@dataclass(frozen=True, slots=True)
class _Providers:
    """What makes spans and measurements, while they go somewhere."""

    tracing: TracerProvider
    measuring: MeterProvider

    def use(self) -> None:
        trace_with(self.tracing.get_tracer(_SCOPE))
        measure_with(self.measuring.get_meter(_SCOPE))

    def end(self) -> None:
        self.tracing.shutdown()
        self.measuring.shutdown(timeout_millis=1_000 * _EXPORT_LONGEST_S)


class _Now:
    """What is in use; None while nothing is exported."""

    providers: _Providers | None = None


def start_exporting(endpoint: str | None, service: str, instance: str) -> None:
    """Export spans and metrics until `stop`, in the background; a collector that fails is not noticed by anybody else.

    Args:
        endpoint: Base address of the collector, such as `https://collector.example:4318`; None exports nothing.
        service: What this is: a word.
        instance: Which one: a word, such as the name of the hub or of the desk.

    Raises:
        Unlisted: *service* or *instance* is no word.
    """
    stop()
    if endpoint is None:
        return
    base = endpoint.rstrip("/")
    spans = BatchSpanProcessor(
        OTLPSpanExporter(endpoint=f"{base}/v1/traces", timeout=_EXPORT_LONGEST_S),
        max_queue_size=_SPANS_KEPT_MAX,
        export_timeout_millis=1_000 * _EXPORT_LONGEST_S,
    )
    measured = PeriodicExportingMetricReader(
        OTLPMetricExporter(endpoint=f"{base}/v1/metrics", timeout=_EXPORT_LONGEST_S),
        export_interval_millis=_METRICS_EVERY_MS,
        export_timeout_millis=1_000 * _EXPORT_LONGEST_S,
    )
    _begin(_providers(spans, measured, service, instance))


def stop() -> None:
    """Hand over what is left, as far as the collector takes it in a few seconds, and export no more. Waits for that, so
    it has no place in an event loop that still has something to do."""
    ended, _Now.providers = _Now.providers, None
    trace_with(trace.NoOpTracer())
    measure_with(metrics.NoOpMeter(_SCOPE))
    if ended is not None:
        # The library tries again and again, for half a minute; a daemon's last words are not worth a slow restart.
        ending = Thread(target=ended.end, name="last-telemetry", daemon=True)
        ending.start()
        ending.join(_STOP_LONGEST_S)


class Collected:
    """What would have been exported, for a test to look at."""

    def __init__(self) -> None:
        """Use `collected`."""
        self._spans = InMemorySpanExporter()
        self._metrics = InMemoryMetricReader()
        self.providers = _providers(SimpleSpanProcessor(self._spans), self._metrics, "test", "test")

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        """All spans that are over, past the last gate."""
        return self._spans.get_finished_spans()

    def metrics(self) -> str:
        """All measurements so far, as JSON."""
        data = self._metrics.get_metrics_data()
        return "" if data is None else data.to_json()


@contextmanager
def collected() -> Iterator[Collected]:
    """Collect spans and metrics in memory until the block ends. For tests."""
    stop()
    found = Collected()
    _begin(found.providers)
    try:
        yield found
    finally:
        stop()


def _begin(providers: _Providers) -> None:
    _Now.providers = providers
    providers.use()


def _providers(spans: SpanProcessor, measured: MetricReader, service: str, instance: str) -> _Providers:
    about = {"service.name": service, "service.instance.id": instance}
    for name, value in about.items():
        if not is_plain(value):
            raise Unlisted(name)
    resource = Resource(about)  # not `Resource.create`, which adds what stands in the environment
    tracing = TracerProvider(resource=resource, shutdown_on_exit=False)
    tracing.add_span_processor(OnlyWhatIsListed(spans))
    measuring = MeterProvider(
        metric_readers=[measured],
        resource=resource,
        shutdown_on_exit=False,
        # An exemplar would bring back the very labels that the view takes away.
        exemplar_filter=AlwaysOffExemplarFilter(),
        views=[View(instrument_name="*", attribute_keys=_METRIC_LABELS)],
    )
    return _Providers(tracing, measuring)


def _listed(attributes: Mapping[str, object]) -> dict[str, Plain]:
    return {name: value for name, value in attributes.items() if name in _ATTRIBUTES and is_plain(value)}


def _bare(context: SpanContext | None) -> SpanContext | None:
    """The two ids, without the state that a vendor may have hung on them."""
    if context is None:
        return None
    return SpanContext(context.trace_id, context.span_id, context.is_remote, context.trace_flags)
