"""Spans: what took time, with counts and nothing else; and the trace that belongs to one notification.

A span is one a batch. It is nobody's child but that of a span around it in the same process: a batch *links* to the
traces of its notifications (W3C Trace Context, version 00), each of which is fresh and random, so that two letters
cannot be put together by a trace. See docs/decisions/0009-a-trace-belongs-to-one-notification.md.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import SpanContext, StatusCode, TraceFlags

from broker.sealing.entropy import Entropy
from broker.telemetry.closed import permitted
from broker.telemetry.names import Attribute, Span

LINKS_MAX = 128
"""Traces that one span links to at most; those of a longer batch's rest are linked to by no span of it."""

_TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")

_ATTRIBUTES: Mapping[str, Attribute] = {attribute.name.lower(): attribute for attribute in Attribute}

# A lane's task inherits the context in which the hub was started, and a request that of whoever asked.
_ROOTS = frozenset({Span.LANE_TURN, Span.REQUEST_SERVE, Span.ADAPTER_ROUND})

_METHODS = frozenset({"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"})
_OTHER_METHOD = "OTHER"


class _Tracing:
    """Where spans go; nowhere until somebody exports or collects them."""

    tracer: trace.Tracer = trace.NoOpTracer()


def trace_with(tracer: trace.Tracer) -> None:
    """Let spans go to *tracer* from now on."""
    _Tracing.tracer = tracer


class Working:
    """A span that is not over yet."""

    def __init__(self, span: trace.Span) -> None:
        """Use `span`."""
        self._span = span

    def add(self, **attributes: str | int) -> None:
        """Put on it what was not known at its beginning.

        Raises:
            Unlisted: an attribute that is not in `Attribute`; in a service it is dropped and counted instead.
        """
        self._span.set_attributes(listed(attributes))

    def link(self, traceparents: Iterable[str | None]) -> None:
        """Link to the traces of the notifications of this batch; of a longer one to its first `LINKS_MAX`. None has no
        trace."""
        for context in islice(_contexts(traceparents), LINKS_MAX):
            self._span.add_link(context)


@contextmanager
def span(which: Span, *, when: bool = True, **attributes: str | int) -> Iterator[Working]:
    """Trace what the block does. Of an exception that ends it, the span says the class and no more.

    Args:
        which: Its name.
        when: Whether there is anything to do; what is idle makes no span.
        attributes: Counts and words, by the names in `Attribute` in lower case.

    Raises:
        Unlisted: another attribute; in a service it is dropped and counted instead.
    """
    told = listed(attributes)
    if not when:
        yield Working(trace.INVALID_SPAN)
        return
    with _Tracing.tracer.start_as_current_span(
        which.value,
        context=Context() if which in _ROOTS else None,
        attributes=told,
        record_exception=False,  # the library's own record holds the message and the stack
        set_status_on_exception=False,
    ) as live:
        try:
            yield Working(live)
        except BaseException as error:
            live.set_attribute(Attribute.EXCEPTION.value, type(error).__name__)
            live.set_status(StatusCode.ERROR)
            raise


def listed(attributes: Mapping[str, object]) -> dict[str, str | int]:
    """What of these may stand on a span or a measurement, by its key. See `closed.permitted`."""
    told = permitted(attributes, _ATTRIBUTES)
    method = told.get(Attribute.METHOD.value)
    if method is not None and method not in _METHODS:  # whoever asks can ask by any word
        told[Attribute.METHOD.value] = _OTHER_METHOD
    return told


def fresh_traceparent(entropy: Entropy) -> str:
    """A trace for one notification, shared with nothing else. Source: W3C Trace Context, section 3.2."""
    return f"00-{entropy(16).hex()}-{entropy(8).hex()}-01"


def _contexts(traceparents: Iterable[str | None]) -> Iterator[SpanContext]:
    for traceparent in traceparents:
        found = None if traceparent is None else _TRACEPARENT.fullmatch(traceparent)
        if found is not None:
            trace_id, span_id, flags = (int(part, 16) for part in found.groups())
            yield SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(flags))
